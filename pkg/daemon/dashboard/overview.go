package dashboard

import (
	"net/http"

	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/dispatch"
	"github.com/datagravity/datagravity/pkg/observe"
)

const (
	mostConcerns    = 8
	jobsOnOverview  = 8
	linksOnOverview = 6
	setsOnOverview  = 8
)

// overviewView is the first page: an answer for each of three readers.
type overviewView struct {
	Concerns     []concern
	MoreConcerns int

	Jobs             []jobRow
	Axis             *timeline
	Ready, Total     int
	ReadyShare       string
	Counts           []filter
	MoreJobs         int
	Links            []linkRow
	BytesPerSecond   int64
	Spark            line
	Done, Shards     int
	Moving           int
	Matrix           matrix
	MoreSets         int
	Held, Wanted     int64
	HeldShare        string
	HeldText         string
	Missing          int
	Budgets          []budgetRow
	MoreBudgets      int
	Tightest         *budgetRow
	Month            string
	MonthUSD         cost.NanoUSD
	MonthBytes       int64
	Configured, Seen bool
	Counting         bool // what is where is not known yet
}

func (d *dashboard) overview(r *http.Request, l *look) (*page, error) {
	v := overviewView{Concerns: concerns(l), Total: len(l.Jobs), Configured: len(l.Datasets) > 0, Counting: l.Holdings.At.IsZero()}
	for i := range v.Concerns {
		v.Concerns[i].allow(d.visitor(r))
	}
	if n := len(v.Concerns) - mostConcerns; n > 0 {
		v.MoreConcerns, v.Concerns = n, v.Concerns[:mostConcerns]
	}

	counts := stateCounts(l.Jobs)
	v.Ready = counts[dispatch.Ready]
	v.ReadyShare = percent(share(int64(v.Ready), int64(v.Total)))
	for _, s := range stateOrder {
		if counts[s] > 0 {
			v.Counts = append(v.Counts, filter{Href: linkTo("/jobs", "state", string(s)), Label: stateWords[s], Class: string(s), Count: counts[s]})
		}
	}
	jobs := inOrder(l.Jobs)
	v.MoreJobs = max(0, len(jobs)-jobsOnOverview)
	jobs = jobs[:min(len(jobs), jobsOnOverview)]
	v.Axis = axisOf(jobs, l.At)
	for _, j := range jobs {
		v.Jobs = append(v.Jobs, rowOf(j, v.Axis))
	}

	v.Moving = len(l.Transfers)
	v.Links = d.linksOf(l, Visitor{})
	for _, k := range v.Links {
		v.BytesPerSecond += k.BytesPerSecond
		if k.Moving {
			v.Done, v.Shards = v.Done+k.DoneShards, v.Shards+k.Shards
		}
	}
	v.Spark = spark(l.At, l.speeds...)
	v.Links = v.Links[:min(len(v.Links), linksOnOverview)]

	for _, h := range l.Holdings.List {
		v.Held += h.HeldBytes
		v.Wanted += h.HeldBytes + h.MissingBytes
		v.Missing += h.MissingShards
		v.Seen = true
	}
	v.HeldShare, v.HeldText = percent(share(v.Held, v.Wanted)), shareText(v.Held, v.Wanted)
	sets := l.Datasets[:min(len(l.Datasets), setsOnOverview)]
	v.MoreSets = len(l.Datasets) - len(sets)
	v.Matrix = matrixOf(l, sets)

	v.Budgets = budgetRows(l, Visitor{})
	v.Tightest = tightest(v.Budgets)
	v.MoreBudgets = max(0, len(v.Budgets)-linksOnOverview)
	v.Budgets = v.Budgets[:min(len(v.Budgets), linksOnOverview)]
	v.Month = l.At.UTC().Format("2006-01")
	sums, err := d.spending(observe.SpendQuery{Month: v.Month}, spendGroups...)
	if err != nil {
		return nil, err
	}
	for _, row := range sums.rows[0] {
		v.MonthUSD = cost.AddNanoUSD(v.MonthUSD, row.Net)
		v.MonthBytes += row.Bytes
	}
	return &page{Title: "Overview", At: "overview", Body: v}, nil
}

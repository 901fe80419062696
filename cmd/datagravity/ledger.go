package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/cost/bill"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/observe"
)

type ledgerFlags struct {
	by, month, team, job, dataset string
	csv                           bool
}

func newLedger(g *globals) *cobra.Command {
	var o ledgerFlags
	c := &cobra.Command{
		Use: "ledger", Short: "What crossed and what it cost, by team, job, dataset, link, day, and more", Args: cobra.NoArgs,
		Long: `Sums the lines of the ledger. --by line shows each of them with all that it names: job, team, dataset, shard, link, price row and price book.
With --by team it is what each team is to be charged.`,
		RunE: func(*cobra.Command, []string) error {
			return withManifest(g, func(a *app) error { return runLedger(a, o) })
		},
	}
	f := c.Flags()
	f.StringVar(&o.by, "by", "link", list(observe.SpendKeys())+" or line")
	f.BoolVar(&o.csv, "csv", false, "write CSV, with a header")
	f.StringVar(&o.month, "month", "", "only one month, for example 2026-11 (UTC)")
	f.StringVar(&o.team, "team", "", "only what was charged to a team")
	f.StringVar(&o.job, "job", "", "only what was for a job")
	f.StringVar(&o.dataset, "dataset", "", "only one dataset")
	return c
}

// lineJSON is one line of cost ledger --by line.
type lineJSON struct {
	manifest.LineKey
	First    manifest.Millis `json:"first"`
	Last     manifest.Millis `json:"last"`
	Bytes    int64           `json:"bytes"`
	Requests int64           `json:"requests"`
	USD      cost.NanoUSD    `json:"usd"`
	Whole    int64           `json:"charged_whole"`
	Rate     string          `json:"rate_id"`
	Book     string          `json:"book_version"`
	State    string          `json:"state"`
	// Sum of so many older lines.
	Sum int64 `json:"sum_of,omitempty"`
}

func (o ledgerFlags) query() observe.SpendQuery {
	return observe.SpendQuery{By: o.by, Month: o.month, Team: o.team, Job: o.job, Dataset: o.dataset}
}

func runLedger(a *app, o ledgerFlags) error {
	if o.csv && a.json {
		return usageError{errors.New("--csv and --json: take one of them")}
	}
	if o.by == "line" {
		return a.printLines(o)
	}
	rows, err := observe.Spend(a.m, o.query())
	if err != nil {
		return asFlag(err, " or line")
	}
	switch {
	case a.json:
		return a.printJSON(rows)
	case o.csv:
		w := csv.NewWriter(a.out)
		_ = w.Write([]string{o.by, "bytes", "requests", "usd", "charged_whole", "corrections_usd", "credits_usd", "net_usd", "state"}) // the error shows at Flush
		for _, r := range rows {
			_ = w.Write([]string{r.Key, strconv.FormatInt(r.Bytes, 10), strconv.FormatInt(r.Requests, 10), r.USD.Decimal(), strconv.FormatInt(r.Whole, 10), r.Corrections.Decimal(), r.Credits.Decimal(), r.Net.Decimal(), r.State})
		}
		w.Flush()
		return w.Error()
	}
	if len(rows) == 0 {
		_, err := fmt.Fprintln(a.out, "no line of the ledger is of that")
		return err
	}
	t := newTable(a.out)
	t.row(strings.ToUpper(o.by), "ON THE WIRE", "REQUESTS", "USD", "CORRECTIONS", "CREDITS", "NET USD", "STATE")
	for _, r := range rows {
		name := r.Key
		if name == "" {
			name = "-"
		}
		t.row(name, size(r.Bytes), r.Requests, r.USD, r.Corrections, r.Credits, r.Net, r.State)
	}
	return t.flush()
}

// asFlag has a mistake in a query name the flag; more is what --by takes besides.
func asFlag(err error, more string) error {
	var wrong *observe.QueryError
	if errors.As(err, &wrong) {
		if wrong.Field != "by" {
			more = ""
		}
		return usageError{fmt.Errorf("--%w%s", err, more)}
	}
	return err
}

// lineColumns of the CSV, in the order of lineCells.
var lineColumns = []string{
	"month", "day", "team", "job", "need", "dataset", "shard", "activity", "source", "destination", "from", "to", "bytes", "requests", "usd", "charged_whole",
	"rate_id", "book_version", "first", "last", "state", "sum_of",
}

func lineCells(l manifest.Line, state string) []string {
	k := l.LineKey
	return []string{
		k.Month, observe.DayOf(l), k.Team, k.Job, k.Need, k.Dataset, k.Path, k.Activity, k.Source, k.Dest, k.From, k.To, strconv.FormatInt(l.Bytes, 10),
		strconv.FormatInt(l.Requests, 10), cost.NanoUSD(l.NanoUSD).Decimal(), strconv.FormatInt(l.Unknown, 10), l.RateID, l.Book,
		l.First.Time().Format(time.RFC3339), l.Last.Time().Format(time.RFC3339), state, strconv.FormatInt(l.Sum, 10),
	}
}

// printLines writes every line. CSV needs no memory for them all.
func (a *app) printLines(o ledgerFlags) error {
	q := o.query()
	q.By = "day" // of the lines themselves none is summed
	if err := q.Check(); err != nil {
		return asFlag(err, "")
	}
	each := func(f func(l manifest.Line, state string)) error {
		return a.m.View(func(tx *manifest.Tx) error {
			states, err := bill.ReadStates(tx)
			if err != nil {
				return err
			}
			return tx.Lines(func(l manifest.Line) (bool, error) {
				if q.Selects(l) {
					f(l, states.Of(l))
				}
				return true, nil
			})
		})
	}
	switch {
	case a.json:
		rows := []lineJSON{}
		err := each(func(l manifest.Line, state string) {
			l.LineKey.Day = observe.DayOf(l)
			rows = append(rows, lineJSON{l.LineKey, l.First, l.Last, l.Bytes, l.Requests, cost.NanoUSD(l.NanoUSD), l.Unknown, l.RateID, l.Book, state, l.Sum})
		})
		if err != nil {
			return err
		}
		return a.printJSON(rows)
	case o.csv:
		w := csv.NewWriter(a.out)
		_ = w.Write(lineColumns)
		err := each(func(l manifest.Line, state string) { _ = w.Write(lineCells(l, state)) })
		w.Flush()
		return errors.Join(err, w.Error())
	}
	t := newTable(a.out)
	t.row("DAY", "TEAM", "JOB", "SHARD", "LINK", "ACTIVITY", "ON THE WIRE", "USD", "PRICE", "BOOK", "STATE")
	err := each(func(l manifest.Line, state string) {
		k := l.LineKey
		shard := k.Dataset + "/" + k.Path
		if l.Sum > 0 {
			shard = fmt.Sprintf("%s (sum of %d)", shard, l.Sum)
		}
		t.row(observe.DayOf(l), k.Team, k.Job, shard, k.From+" -> "+k.To, k.Activity, size(l.Bytes), cost.NanoUSD(l.NanoUSD), l.RateID, l.Book, state)
	})
	return errors.Join(err, t.flush())
}

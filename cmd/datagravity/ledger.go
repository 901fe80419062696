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
	f.StringVar(&o.by, "by", "link", list(ledgerKeyNames())+" or line")
	f.BoolVar(&o.csv, "csv", false, "write CSV, with a header")
	f.StringVar(&o.month, "month", "", "only one month, for example 2026-11 (UTC)")
	f.StringVar(&o.team, "team", "", "only what was charged to a team")
	f.StringVar(&o.job, "job", "", "only what was for a job")
	f.StringVar(&o.dataset, "dataset", "", "only one dataset")
	return c
}

// ledgerJSON is one row of cost ledger --json.
type ledgerJSON struct {
	Key      string       `json:"key"`
	Bytes    int64        `json:"bytes"`
	Requests int64        `json:"requests"`
	USD      cost.NanoUSD `json:"usd"`
	// Whole counts reservations that were charged in full because nobody knows what moved.
	Whole int64 `json:"charged_whole"`
	fromBills
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
}

// ledgerBy names a line's key for each way to sum.
var ledgerBy = map[string]func(manifest.Line) string{
	"job": func(l manifest.Line) string {
		if l.LineKey.Job == "" && l.LineKey.Need != "" {
			return "need " + l.LineKey.Need
		}
		return l.LineKey.Job
	},
	"team":     func(l manifest.Line) string { return l.LineKey.Team },
	"dataset":  func(l manifest.Line) string { return l.LineKey.Dataset },
	"link":     func(l manifest.Line) string { return l.LineKey.From + " -> " + l.LineKey.To },
	"day":      dayOf,
	"month":    func(l manifest.Line) string { return l.LineKey.Month },
	"activity": func(l manifest.Line) string { return l.LineKey.Activity },
	"shard":    func(l manifest.Line) string { return l.LineKey.Dataset + "/" + l.LineKey.Path },
	"price":    func(l manifest.Line) string { return l.RateID + " in " + l.Book },
	"state":    nil, // it does not stand in the line
}

func ledgerKeyNames() []string { return keys(ledgerBy) }

// dayOf is the day of a line; one that was kept by the month counts where it began.
func dayOf(l manifest.Line) string {
	if l.LineKey.Day == "" {
		return l.First.Time().Format(time.DateOnly)
	}
	return l.LineKey.Day
}

func (o ledgerFlags) selects(l manifest.Line) bool {
	k := l.LineKey
	return (o.month == "" || o.month == k.Month) && (o.team == "" || o.team == k.Team) && (o.job == "" || o.job == k.Job) && (o.dataset == "" || o.dataset == k.Dataset)
}

func runLedger(a *app, o ledgerFlags) error {
	key, ok := ledgerBy[o.by]
	if !ok && o.by != "line" {
		return usageError{fmt.Errorf("--by %q: want one of %s, or line", o.by, list(ledgerKeyNames()))}
	}
	if o.csv && a.json {
		return usageError{errors.New("--csv and --json: take one of them")}
	}
	if _, err := time.Parse("2006-01", o.month); o.month != "" && err != nil {
		return usageError{fmt.Errorf("--month %q: want a year and a month, for example 2026-11", o.month)}
	}
	if o.by == "line" {
		return a.printLines(o)
	}
	sums := map[string]ledgerJSON{}
	err := a.m.View(func(tx *manifest.Tx) error {
		states, err := bill.ReadStates(tx)
		if err != nil {
			return err
		}
		o.addAdjustments(sums, states)
		return tx.Lines(func(l manifest.Line) (bool, error) {
			if !o.selects(l) {
				return true, nil
			}
			state := states.Of(l)
			k := state
			if key != nil {
				k = key(l)
			}
			s := rowOf(sums, k)
			s.add(state, cost.NanoUSD(l.NanoUSD))
			s.Bytes += l.Bytes
			s.Requests += l.Requests
			s.USD = cost.AddNanoUSD(s.USD, cost.NanoUSD(l.NanoUSD))
			s.Whole += l.Unknown
			sums[k] = s
			return true, nil
		})
	})
	if err != nil {
		return err
	}
	rows := make([]ledgerJSON, 0, len(sums))
	for _, k := range keys(sums) {
		rows = append(rows, sums[k])
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

// lineColumns of the CSV, in the order of lineCells.
var lineColumns = []string{
	"month", "day", "team", "job", "need", "dataset", "shard", "activity", "source", "destination", "from", "to", "bytes", "requests", "usd", "charged_whole",
	"rate_id", "book_version", "first", "last", "state",
}

func lineCells(l manifest.Line, state string) []string {
	k := l.LineKey
	return []string{
		k.Month, dayOf(l), k.Team, k.Job, k.Need, k.Dataset, k.Path, k.Activity, k.Source, k.Dest, k.From, k.To, strconv.FormatInt(l.Bytes, 10),
		strconv.FormatInt(l.Requests, 10), cost.NanoUSD(l.NanoUSD).Decimal(), strconv.FormatInt(l.Unknown, 10), l.RateID, l.Book,
		l.First.Time().Format(time.RFC3339), l.Last.Time().Format(time.RFC3339), state,
	}
}

// printLines writes every line. CSV needs no memory for them all.
func (a *app) printLines(o ledgerFlags) error {
	each := func(f func(l manifest.Line, state string)) error {
		return a.m.View(func(tx *manifest.Tx) error {
			states, err := bill.ReadStates(tx)
			if err != nil {
				return err
			}
			return tx.Lines(func(l manifest.Line) (bool, error) {
				if o.selects(l) {
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
			l.LineKey.Day = dayOf(l)
			rows = append(rows, lineJSON{l.LineKey, l.First, l.Last, l.Bytes, l.Requests, cost.NanoUSD(l.NanoUSD), l.Unknown, l.RateID, l.Book, state})
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
		t.row(dayOf(l), k.Team, k.Job, k.Dataset+"/"+k.Path, k.From+" -> "+k.To, k.Activity, size(l.Bytes), cost.NanoUSD(l.NanoUSD), l.RateID, l.Book, state)
	})
	return errors.Join(err, t.flush())
}

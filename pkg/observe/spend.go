package observe

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/cost/bill"
	"github.com/datagravity/datagravity/pkg/manifest"
)

// SpendQuery says which of the ledger's lines are summed, and by what.
type SpendQuery struct {
	// By is one of [SpendKeys].
	By string
	// Only what is of a month (2026-11, UTC), team, job or dataset; "": of all.
	Month, Team, Job, Dataset string
}

// SpendRow is what crossed, and what it cost.
type SpendRow struct {
	Key      string       `json:"key"`
	Bytes    int64        `json:"bytes"`
	Requests int64        `json:"requests"`
	USD      cost.NanoUSD `json:"usd"`
	// Whole counts reservations that were charged in full because nobody knows what moved.
	Whole int64 `json:"charged_whole"`
	// Corrections and credits are from bills, Net is what was metered with both.
	Corrections cost.NanoUSD `json:"corrections_usd"`
	Credits     cost.NanoUSD `json:"credits_usd"`
	Net         cost.NanoUSD `json:"net_usd"`
	// State is the least sure one of the row's lines, and ByState what was metered, by the state of the lines.
	State   string                  `json:"state"`
	ByState map[string]cost.NanoUSD `json:"usd_by_state"`
}

// spendBy names a line's key for each way to sum; nil: it does not stand in the line.
var spendBy = map[string]func(manifest.Line) string{
	"job": func(l manifest.Line) string {
		if l.LineKey.Job == "" && l.LineKey.Need != "" {
			return "need " + l.LineKey.Need
		}
		return l.LineKey.Job
	},
	"team":     func(l manifest.Line) string { return l.LineKey.Team },
	"dataset":  func(l manifest.Line) string { return l.LineKey.Dataset },
	"link":     func(l manifest.Line) string { return l.LineKey.From + " -> " + l.LineKey.To },
	"day":      DayOf,
	"month":    func(l manifest.Line) string { return l.LineKey.Month },
	"activity": func(l manifest.Line) string { return l.LineKey.Activity },
	"shard":    func(l manifest.Line) string { return l.LineKey.Dataset + "/" + l.LineKey.Path },
	"price":    func(l manifest.Line) string { return l.RateID + " in " + l.Book },
	"state":    nil,
}

// SpendKeys are what can be summed by.
func SpendKeys() []string { return slices.Sorted(maps.Keys(spendBy)) }

// DayOf is the day of a line; one that was kept by the month counts where it began.
func DayOf(l manifest.Line) string {
	if l.LineKey.Day == "" {
		return l.First.Time().Format(time.DateOnly)
	}
	return l.LineKey.Day
}

// QueryError is a mistake in a [SpendQuery].
type QueryError struct{ Field, Value, Want string }

func (e *QueryError) Error() string { return fmt.Sprintf("%s %q: want %s", e.Field, e.Value, e.Want) }

// Check the month, and what is summed by. Error: a [*QueryError].
func (q SpendQuery) Check() error {
	if _, ok := spendBy[q.By]; !ok {
		return &QueryError{"by", q.By, "one of " + strings.Join(SpendKeys(), ", ")}
	}
	if _, err := time.Parse("2006-01", q.Month); q.Month != "" && err != nil {
		return &QueryError{"month", q.Month, "a year and a month, for example 2026-11"}
	}
	return nil
}

// Selects tells whether a line is wanted.
func (q SpendQuery) Selects(l manifest.Line) bool {
	k := l.LineKey
	return (q.Month == "" || q.Month == k.Month) && (q.Team == "" || q.Team == k.Team) && (q.Job == "" || q.Job == k.Job) && (q.Dataset == "" || q.Dataset == k.Dataset)
}

// Spend sums the ledger's lines, by key. Error: a [*QueryError], or what the manifest says.
func Spend(m *manifest.Manifest, q SpendQuery) ([]SpendRow, error) {
	rows, err := SpendBy(m, q, q.By)
	if len(rows) == 0 {
		return nil, err
	}
	return rows[0], err
}

// SpendBy sums the ledger's lines in one pass by each of several keys, in place of the query's one. Error: a [*QueryError], or what the manifest says.
func SpendBy(m *manifest.Manifest, q SpendQuery, by ...string) ([][]SpendRow, error) {
	queries, sums := make([]SpendQuery, len(by)), make([]spending, len(by))
	for i, key := range by {
		queries[i], sums[i] = q, spending{}
		queries[i].By = key
		if err := queries[i].Check(); err != nil {
			return nil, err
		}
	}
	err := m.View(func(tx *manifest.Tx) error {
		states, err := bill.ReadStates(tx)
		if err != nil {
			return err
		}
		for i := range sums {
			sums[i].adjust(queries[i], states)
		}
		return tx.Lines(func(l manifest.Line) (bool, error) {
			if q.Selects(l) {
				state := states.Of(l)
				for i := range sums {
					sums[i].add(by[i], l, state)
				}
			}
			return true, nil
		})
	})
	out := make([][]SpendRow, len(by))
	for i, s := range sums {
		out[i] = make([]SpendRow, 0, len(s))
		for _, k := range slices.Sorted(maps.Keys(s)) {
			out[i] = append(out[i], *s[k])
		}
	}
	return out, err
}

// Spend sums the lines of the reader's ledger.
func (r *Reader) Spend(q SpendQuery) ([]SpendRow, error) { return Spend(r.Manifest, q) }

// SpendBy sums them by several keys.
func (r *Reader) SpendBy(q SpendQuery, by ...string) ([][]SpendRow, error) {
	return SpendBy(r.Manifest, q, by...)
}

type spending map[string]*SpendRow

func (s spending) row(key string) *SpendRow {
	r := s[key]
	if r == nil {
		r = &SpendRow{Key: key, ByState: map[string]cost.NanoUSD{}}
		s[key] = r
	}
	return r
}

// add a line to the row of its key.
func (s spending) add(by string, l manifest.Line, state string) {
	k := state
	if key := spendBy[by]; key != nil {
		k = key(l)
	}
	r := s.row(k)
	r.Bytes += l.Bytes
	r.Requests += l.Requests
	r.USD = cost.AddNanoUSD(r.USD, cost.NanoUSD(l.NanoUSD))
	r.Whole += l.Unknown
	r.State = bill.LessSure(r.State, state)
	r.ByState[state] += cost.NanoUSD(l.NanoUSD)
	r.Net += cost.NanoUSD(l.NanoUSD)
}

// onTheBill is the key of what bills added, where rows are told apart by what a bill does not know: teams, datasets, shards, activities.
const onTheBill = "(from bills)"

// adjust puts what bills added to the rows of their links, months or states. Where only a team's, a job's or a dataset's lines are wanted nothing is
// added: a bill does not know whose they are.
func (s spending) adjust(q SpendQuery, states bill.States) {
	states.Adjustments(func(d bill.Adjustment) {
		line := manifest.Line{LineKey: manifest.LineKey{Month: d.Month, From: d.From, To: d.To}}
		if !q.Selects(line) {
			return
		}
		k := onTheBill
		switch q.By {
		case "link", "month":
			k = spendBy[q.By](line)
		case "state":
			k = d.State
		}
		if k == onTheBill && d.USD == 0 {
			return
		}
		r := s.row(k)
		if d.Kind == manifest.KindCredit {
			r.Credits += d.USD
		} else {
			r.Corrections += d.USD
		}
		r.Net += d.USD
		r.State = bill.LessSure(r.State, d.State)
	})
}

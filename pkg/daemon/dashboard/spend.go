package dashboard

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/observe"
)

const (
	// spentFor is how long sums of the ledger will do: they are of all its lines.
	spentFor = 5 * time.Second
	// mostSpending are kept, of the months and jobs that were looked at.
	mostSpending = 32
	rowsOfSpend  = 10
	spendPerPage = 100
)

// spendGroups are the tables of the page, and the days of its chart.
var spendGroups = []string{"team", "dataset", "job", "link", "day"}

var groupWords = map[string]string{"team": "Team", "dataset": "Dataset", "job": "Job", "link": "Link", "day": "Day"}

// spending are sums of the ledger, kept for a while.
type spending struct {
	rows [][]observe.SpendRow
	at   time.Time
	took time.Duration
}

// spending sums the ledger, or has what was summed lately.
func (d *dashboard) spending(q observe.SpendQuery, by ...string) (*spending, error) {
	key := fmt.Sprintf("%q %q %q %q %q", q.Month, q.Team, q.Job, q.Dataset, by)
	now := d.Now()
	d.mu.Lock()
	known := d.spent[key]
	d.mu.Unlock()
	if known != nil && now.Sub(known.at).Abs() < max(spentFor, restAfter*known.took) {
		return known, nil
	}
	rows, err := d.Reader.SpendBy(q, by...)
	if err != nil {
		return nil, err
	}
	s := &spending{rows: rows, at: now, took: d.Now().Sub(now)}
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.spent) >= mostSpending {
		clear(d.spent)
	}
	d.spent[key] = s
	return s, nil
}

// spendTable is what was spent by one key, the dearest first.
type spendTable struct {
	By, Word string
	Rows     []spendRow
	More     int
	All      string // leads to all rows
	Pager    *pager
}

type spendRow struct {
	observe.SpendRow
	Name, Href, Share string
	Percent           string
}

// dayBar is a day of a month's chart.
type dayBar struct {
	X, Width, Y, Height string
	Day                 string
	USD                 cost.NanoUSD
	Bytes               int64
}

type spendView struct {
	Month, MonthWord string
	Months           []choice
	Earlier, Later   string
	Total            observe.SpendRow
	Tables           []spendTable
	Days             []dayBar
	Levels           []tick
	Ticks            []tick
	By               string
}

func (d *dashboard) spend(r *http.Request, l *look) (*page, error) {
	v := spendView{Month: asked(r, "month"), By: asked(r, "by")}
	if v.Month == "" {
		v.Month = l.At.UTC().Format("2006-01")
	}
	begins, err := time.Parse("2006-01", v.Month)
	if err != nil && v.Month != "all" {
		return nil, fmt.Errorf("%w: month %q: want a year and a month, for example 2026-11, or all", errAsked, clip(v.Month))
	}
	if v.By != "" && groupWords[v.By] == "" {
		return nil, fmt.Errorf("%w: by %q: want one of %s", errAsked, clip(v.By), strings.Join(spendGroups, ", "))
	}
	q := observe.SpendQuery{Month: v.Month}
	if v.MonthWord = begins.Format("January 2006"); v.Month == "all" {
		q.Month, v.MonthWord = "", "all months"
	}
	if err := d.months(&v, l.At); err != nil {
		return nil, err
	}
	sums, err := d.spending(q, spendGroups...)
	if err != nil {
		return nil, err
	}
	for _, row := range sums.rows[0] {
		v.Total.Bytes += row.Bytes
		v.Total.Requests += row.Requests
		v.Total.Whole += row.Whole
		v.Total.USD = cost.AddNanoUSD(v.Total.USD, row.USD)
		v.Total.Corrections = cost.AddNanoUSD(v.Total.Corrections, row.Corrections)
		v.Total.Credits = cost.AddNanoUSD(v.Total.Credits, row.Credits)
		v.Total.Net = cost.AddNanoUSD(v.Total.Net, row.Net)
	}
	for i, by := range spendGroups {
		if by == "day" && v.By != "day" || v.By != "" && v.By != by {
			continue
		}
		v.Tables = append(v.Tables, tableOf(r, by, sums.rows[i], v.Total, v))
	}
	if v.Month != "all" {
		v.days(sums.rows[len(spendGroups)-1], begins)
	}
	return &page{Title: "Spend", At: "spend", Body: v}, nil
}

// months with any line, and this one.
func (d *dashboard) months(v *spendView, now time.Time) error {
	all, err := d.spending(observe.SpendQuery{}, "month")
	if err != nil {
		return err
	}
	names := []string{now.UTC().Format("2006-01")}
	for _, row := range all.rows[0] {
		names = append(names, row.Key)
	}
	if v.Month != "all" {
		names = append(names, v.Month)
	}
	slices.Sort(names)
	names = slices.Compact(names)
	for i, name := range slices.Backward(names) {
		label := name
		if t, err := time.Parse("2006-01", name); err == nil {
			label = t.Format("January 2006")
		}
		v.Months = append(v.Months, choice{name, label})
		if name == v.Month {
			if i > 0 {
				v.Earlier = linkTo("/spend", "month", names[i-1], "by", v.By)
			}
			if i < len(names)-1 {
				v.Later = linkTo("/spend", "month", names[i+1], "by", v.By)
			}
		}
	}
	v.Months = append(v.Months, choice{"all", "All months"})
	return nil
}

// tableOf has the dearest rows; all of them where the page is about this key.
func tableOf(r *http.Request, by string, rows []observe.SpendRow, total observe.SpendRow, v spendView) spendTable {
	t := spendTable{By: by, Word: groupWords[by], All: linkTo("/spend", "month", v.Month, "by", by)}
	rows = slices.Clone(rows)
	slices.SortStableFunc(rows, func(a, b observe.SpendRow) int {
		return cmp.Or(cmp.Compare(b.Net, a.Net), cmp.Compare(b.Bytes, a.Bytes))
	})
	if by == "day" {
		slices.SortFunc(rows, func(a, b observe.SpendRow) int { return strings.Compare(b.Key, a.Key) })
	}
	if v.By == by {
		var p pager
		rows, p = paged(r, rows, spendPerPage, "rows")
		t.Pager = &p
	} else if len(rows) > rowsOfSpend {
		t.More, rows = len(rows)-rowsOfSpend, rows[:rowsOfSpend]
	}
	for _, row := range rows {
		one := spendRow{SpendRow: row, Name: row.Key, Share: percent(share(int64(row.Net), int64(total.Net))), Percent: shareText(int64(row.Net), int64(total.Net))}
		switch {
		case row.Key == "":
			one.Name = map[string]string{"team": "no team", "job": "no job", "dataset": "no dataset"}[by]
		case by == "job" && strings.HasPrefix(row.Key, "need "):
			one.Name = "synced by hand, " + row.Key
		case by == "job" && !strings.HasPrefix(row.Key, "("):
			one.Href = "/jobs/" + url.PathEscape(row.Key)
		case by == "link":
			one.Name = linkOfLine(row.Key)
		case by == "dataset" && !strings.HasPrefix(row.Key, "("):
			one.Href = linkTo("/data", "dataset", row.Key)
		}
		t.Rows = append(t.Rows, one)
	}
	return t
}

// linkOfLine writes the key of a row by links for people.
func linkOfLine(key string) string { return strings.Replace(key, " -> ", " → ", 1) }

// days makes the bars of a month.
func (v *spendView) days(rows []observe.SpendRow, begins time.Time) {
	n := begins.AddDate(0, 1, -1).Day()
	top := cost.NanoUSD(0)
	by := map[string]observe.SpendRow{}
	for _, row := range rows {
		by[row.Key] = row
		top = max(top, row.USD)
	}
	if len(rows) == 0 {
		return
	}
	scale := niceDollars(float64(top) / float64(cost.USD))
	v.Levels = levels(scale, func(x float64) string { return usd(cost.NanoUSD(x * float64(cost.USD))) })
	for i := range n {
		day := begins.AddDate(0, 0, i)
		row := by[day.Format(time.DateOnly)]
		h := share(int64(row.USD), int64(scale*float64(cost.USD)))
		if row.USD > 0 {
			h = max(h, 0.01)
		}
		v.Days = append(v.Days, dayBar{
			X: percent((float64(i) + 0.12) / float64(n)), Width: percent(0.76 / float64(n)), Y: percent(1 - h), Height: percent(h), Day: day.Format("2 Jan"), USD: row.USD, Bytes: row.Bytes,
		})
		if i%7 == 0 {
			v.Ticks = append(v.Ticks, tick{At: percent((float64(i) + 0.5) / float64(n)), Label: day.Format("2 Jan")})
		}
	}
}

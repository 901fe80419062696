package dashboard

import (
	"cmp"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/observe"
)

const budgetsPerPage = 50

// budgetRow is a budget, in words and as a bar.
type budgetRow struct {
	observe.Budget
	Href   string
	Counts []pair
	// Money tells that it limits dollars; Left is what of them, or of the bytes, is left, and Of of how much.
	Money              bool
	Left, Of, Used     string
	Held               string // reserved; "" if nothing is
	SpentAt, ReservedX string // the bar, in percent
	ReservedAt         string
	Elapsed            string // the share of the window that is over; "": it has no bounds
	Level              string
	Outlook            string
	Exhausted          *time.Time
	PerDay             string
	LeftShare          float64
	Asks               []asking
}

// asking is a request for more.
type asking struct {
	observe.Alert
	Wants, Href string
}

func budgetRows(l *look, v Visitor) (list []budgetRow) {
	for _, b := range l.Budgets {
		list = append(list, budgetOf(b, l.asks[b.Name], l.At, v))
	}
	return list
}

func budgetOf(b observe.Budget, alerts []observe.Alert, now time.Time, v Visitor) budgetRow {
	r := budgetRow{Budget: b, Href: "/budgets/" + url.PathEscape(b.Name), Level: good, Money: b.LimitUSD != nil, Exhausted: b.ExhaustedAt}
	for _, p := range []pair{{"from", b.From}, {"to", b.To}, {"dataset", b.Dataset}, {"team", b.Team}, {"job", b.Job}} {
		if p.Value != "" {
			r.Counts = append(r.Counts, p)
		}
	}
	var spent, reserved, limit, left int64
	if r.Money {
		spent, reserved, limit, left = int64(b.SpentUSD), int64(b.ReservedUSD), int64(*b.LimitUSD+b.ExtraUSD), int64(*b.LeftUSD)
		r.Left, r.Of, r.Used, r.PerDay = usd(*b.LeftUSD), usd(cost.NanoUSD(limit)), usd(b.SpentUSD), usd(b.PerDayUSD)
		if reserved > 0 {
			r.Held = usd(b.ReservedUSD)
		}
	} else if b.LimitBytes != nil {
		spent, reserved, limit, left = b.SpentBytes, b.ReservedBytes, *b.LimitBytes+b.ExtraBytes, *b.LeftBytes
		r.Left, r.Of, r.Used, r.PerDay = size(left), size(limit), size(spent), size(b.PerDayBytes)
		if reserved > 0 {
			r.Held = size(reserved)
		}
	}
	if b.Doubt != "" {
		spent, r.Left, r.Used = limit, "unknown", "unknown"
	}
	r.LeftShare = share(left, limit)
	r.SpentAt = percent(share(spent, limit))
	r.ReservedAt, r.ReservedX = percent(share(spent, limit)), percent(min(1-share(spent, limit), share(reserved, limit)))
	if b.WindowFrom != nil && b.WindowUntil != nil {
		r.Elapsed = percent(share(int64(now.Sub(*b.WindowFrom)), int64(b.WindowUntil.Sub(*b.WindowFrom))))
	}
	r.outlook(now)
	for _, a := range alerts {
		if a.Kind == manifest.AlertAsk {
			one := asking{Alert: a, Wants: wanted(a.MoreUSD, a.MoreBytes)}
			if v.Approve {
				one.Href = approveLink(b.Name, a.Job, a.MoreUSD, a.MoreBytes)
			}
			r.Asks = append(r.Asks, one)
		}
	}
	return r
}

// outlook says whether it lasts.
func (r *budgetRow) outlook(now time.Time) {
	switch {
	case r.Doubt != "":
		r.Level, r.Outlook = bad, "nobody knows what was spent"
	case r.Spent():
		r.Level, r.Outlook = bad, "used up"
	case r.ExhaustedAt != nil:
		r.Level, r.Outlook = warn, "used up "+ago(*r.ExhaustedAt, now)+", at this pace"
	case r.SpentUSD == 0 && r.SpentBytes == 0:
		r.Outlook = "nothing spent yet"
	case r.WindowUntil != nil:
		r.Outlook = "lasts until its window ends, at this pace"
		if r.ForecastUSD == nil && r.ForecastByte == nil {
			r.Outlook = "too early to tell how long it lasts"
		}
	case r.PerDayUSD > 0 || r.PerDayBytes > 0:
		r.Outlook = "lasts, at this pace"
	default:
		r.Outlook = "too early to tell how long it lasts"
	}
}

// tightest is the budget that is used up first, else the one with the least left of its limit.
func tightest(list []budgetRow) *budgetRow {
	if len(list) == 0 {
		return nil
	}
	far := time.Unix(1<<40, 0)
	when := func(r budgetRow) time.Time {
		if r.Exhausted == nil {
			return far
		}
		return *r.Exhausted
	}
	best := slices.MinFunc(list, func(a, b budgetRow) int {
		return cmp.Or(order(a.Left == "")-order(b.Left == ""), when(a).Compare(when(b)), cmp.Compare(a.LeftShare, b.LeftShare))
	})
	return &best
}

type budgetsView struct {
	Rows  []budgetRow
	Pager pager
}

func (d *dashboard) budgets(r *http.Request, l *look) (*page, error) {
	shown, p := paged(r, budgetRows(l, d.visitor(r)), budgetsPerPage, "budgets")
	return &page{Title: "Budgets", At: "budgets", Body: budgetsView{shown, p}}, nil
}

// budgetView is a budget's own page.
type budgetView struct {
	Budget   budgetRow
	Detail   observe.BudgetDetail
	Chart    *burn
	Days     []observe.Day
	Pager    pager
	Forecast string
	Ask      string
}

func (d *dashboard) budget(r *http.Request, l *look) (*page, error) {
	detail, err := d.Reader.Budget(r.PathValue("name"))
	if err != nil {
		return nil, err
	}
	v := budgetView{Budget: budgetOf(detail.Budget, detail.Alerts, l.At, d.visitor(r)), Detail: detail, Chart: burnOf(detail, l.At)}
	if d.visitor(r).Approve {
		v.Ask = approveLink(detail.Name, "", 0, 0)
	}
	days := slices.Clone(detail.Burndown)
	slices.Reverse(days)
	v.Days, v.Pager = paged(r, days, 31, "days")
	if v.Budget.Money && detail.ForecastUSD != nil {
		v.Forecast = usd(*detail.ForecastUSD)
	} else if !v.Budget.Money && detail.ForecastByte != nil {
		v.Forecast = size(*detail.ForecastByte)
	}
	return &page{Title: "Budget " + clip(detail.Name), At: "budgets", template: "budget", Body: v, Chart: v.Chart != nil}, nil
}

// burn is what is left of a budget over its window, and where that leads to.
type burn struct {
	Left, Forecast line
	Levels, Ticks  []tick
	Now            string
	JSON           string
	Unit           string
}

// burnOf a budget whose window has bounds; nil for others, of which only the days are known.
func burnOf(b observe.BudgetDetail, now time.Time) *burn {
	if b.WindowFrom == nil || b.WindowUntil == nil || b.Doubt != "" || b.LimitUSD == nil && b.LimitBytes == nil {
		return nil
	}
	money := b.LimitUSD != nil
	value := func(n *cost.NanoUSD, bytes *int64) float64 {
		switch {
		case money && n != nil:
			return float64(*n) / float64(cost.USD)
		case !money && bytes != nil:
			return float64(*bytes)
		}
		return 0
	}
	limit := float64(b.ExtraBytes)
	if money {
		limit = float64(*b.LimitUSD+b.ExtraUSD) / float64(cost.USD)
	} else {
		limit += float64(*b.LimitBytes)
	}
	from, until := *b.WindowFrom, *b.WindowUntil
	zone, err := time.LoadLocation(b.Zone)
	if err != nil {
		zone = time.UTC
	}
	times, lefts := []time.Time{from}, []float64{limit}
	for _, day := range b.Burndown {
		begins, err := time.ParseInLocation(time.DateOnly, day.Day, zone)
		if err != nil {
			continue
		}
		// What was left is level until the day on which some was spent.
		if begins.After(times[len(times)-1]) {
			times, lefts = append(times, begins), append(lefts, lefts[len(lefts)-1])
		}
		if ends := begins.AddDate(0, 0, 1); ends.Before(now) {
			times, lefts = append(times, ends), append(lefts, value(day.LeftUSD, day.LeftBytes))
		}
	}
	last := value(b.LeftUSD, b.LeftBytes)
	if now.After(times[len(times)-1]) {
		times, lefts = append(times, now), append(lefts, last)
	}
	return drawn(b, times, lefts, limit, now, from, until, money)
}

func drawn(b observe.BudgetDetail, times []time.Time, lefts []float64, limit float64, now, from, until time.Time, money bool) *burn {
	x := func(t time.Time) float64 { return t.Sub(from).Seconds() }
	width := x(until)
	top := niceTop(limit, 1024)
	text := func(v float64) string { return size(int64(v)) }
	c := &burn{Now: percent(x(now) / width), Unit: "bytes"}
	if money {
		top, c.Unit = niceDollars(limit), "usd"
		text = func(v float64) string { return usd(cost.NanoUSD(v * float64(cost.USD))) }
	}
	xs := make([]float64, len(times))
	for i, t := range times {
		xs[i] = x(t)
	}
	c.Left, c.Levels = points(xs, lefts, width, top, "left"), levels(top, text)
	end, ends := until, -1.0
	switch {
	case b.ExhaustedAt != nil && b.ExhaustedAt.Before(until):
		end, ends = *b.ExhaustedAt, 0
	case money && b.ForecastUSD != nil:
		ends = max(0, limit-float64(*b.ForecastUSD)/float64(cost.USD))
	case !money && b.ForecastByte != nil:
		ends = max(0, limit-float64(*b.ForecastByte))
	}
	last := lefts[len(lefts)-1]
	if ends >= 0 {
		c.Forecast = points([]float64{x(now), x(end)}, []float64{last, ends}, width, top, "forecast")
	}
	layout := "2 Jan"
	if until.Sub(from) <= 48*time.Hour {
		layout = "15:04"
	}
	for i := range 5 {
		at := from.Add(until.Sub(from) * time.Duration(i) / 4)
		c.Ticks = append(c.Ticks, tick{At: percent(float64(i) / 4), Label: at.UTC().Format(layout), End: i == 4})
	}
	c.JSON = burnJSON(times, lefts, now, end, last, ends, until, c.Unit)
	return c
}

// burnJSON is the chart for uPlot: what was left, and the forecast, over the same times.
func burnJSON(times []time.Time, lefts []float64, now, end time.Time, last, ends float64, until time.Time, unit string) string {
	data := struct {
		Unit     string     `json:"unit"`
		X        []int64    `json:"x"`
		Left     []*float64 `json:"left"`
		Forecast []*float64 `json:"forecast"`
	}{Unit: unit}
	add := func(t time.Time, left, forecast *float64) {
		data.X, data.Left, data.Forecast = append(data.X, t.Unix()), append(data.Left, left), append(data.Forecast, forecast)
	}
	for i, t := range times {
		var f *float64
		if i == len(times)-1 && ends >= 0 {
			f = &last
		}
		add(t, &lefts[i], f)
	}
	if ends >= 0 && end.After(now) {
		add(end, nil, &ends)
	}
	if until.After(end) || ends < 0 {
		add(until, nil, nil)
	}
	b, _ := json.Marshal(data) // finite numbers always can be
	return string(b)
}

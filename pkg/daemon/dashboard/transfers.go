package dashboard

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/observe"
)

const (
	transfersPerPage = 50
	// mostMoving are shown where they are not what the page is about.
	mostMoving = 8
	// stalledAfter is when a transfer of which nothing came is said to stand still.
	stalledAfter = time.Minute
)

// linkRow is a link, with what it carries.
type linkRow struct {
	observe.Link
	Name, Arrow string
	Paused      *cost.Pause
	// PausedAs is the pause that holds it, which may be of every link or of a store.
	PausedAs string
	Moving   bool
	Share    string
	Left     string // in words; "" where it is not known
	Spark    line
	Class    string
	Ask      string // leads to what changes its pause; "": that is done elsewhere
}

// linksOf are those that are configured, and those that something moved on.
func (d *dashboard) linksOf(l *look, v Visitor) (list []linkRow) {
	at := map[string]observe.Link{}
	var names []string
	add := func(k observe.Link) {
		name := linkName(k.Source, k.Destination)
		if _, ok := at[name]; !ok {
			names = append(names, name)
			at[name] = k
		}
	}
	for _, k := range l.Links {
		add(k)
	}
	stores := map[string]string{}
	for _, one := range l.Datasets {
		stores[one.Name] = one.Store
	}
	if d.Reader.Places != nil {
		for _, p := range d.Reader.Places() {
			if s := stores[p.Dataset]; s != "" {
				add(observe.Link{Source: s, Destination: p.Name})
			}
		}
	}
	slices.Sort(names) // a link keeps its colour when it begins to move
	for i, name := range names {
		k := at[name]
		row := linkRow{
			Link: k, Name: name, Arrow: arrow(name), Moving: k.BytesPerSecond > 0 || slices.ContainsFunc(l.Transfers, func(t observe.Transfer) bool {
				return t.Source == k.Source && t.Destination == k.Destination
			}),
			Share: percent(share(k.DoneBytes, k.Bytes)), Class: lineClass(i),
		}
		if k.Destination == "" {
			row.Arrow = clip(k.Source) + ", read for the index"
		}
		for j, p := range l.Pauses {
			if p.Link == "*" || p.Link == name || p.Link == k.Source || p.Link == k.Destination {
				row.Paused, row.PausedAs = &l.Pauses[j], p.Link
			}
		}
		if left := k.Bytes - k.DoneBytes; left > 0 && k.BytesPerSecond > 0 {
			row.Left = span(time.Duration(float64(left) / float64(k.BytesPerSecond) * float64(time.Second)))
		}
		for _, s := range l.speeds {
			if s.Source == k.Source && s.Destination == k.Destination {
				row.Spark = spark(l.At, s)
			}
		}
		switch {
		case !v.Pause:
		case row.Paused != nil:
			row.Ask = linkTo("/actions/resume", "link", row.PausedAs)
		default:
			row.Ask = linkTo("/actions/pause", "link", name)
		}
		list = append(list, row)
	}
	slices.SortStableFunc(list, func(a, b linkRow) int { return order(b.Moving) - order(a.Moving) })
	return list
}

func order(b bool) int {
	if b {
		return 1
	}
	return 0
}

// lineClass is the look of the lines of a chart, which repeats where there are many.
func lineClass(i int) string { return "l" + string(rune('0'+i%6)) }

func linkName(source, destination string) string {
	return cost.Link{Source: source, Dest: destination}.Name()
}

// arrow writes a link's name for people.
func arrow(name string) string {
	if name == "*" {
		return "every link"
	}
	from, to, ok := strings.Cut(name, "->")
	if !ok {
		return clip(name)
	}
	return clip(from) + " → " + clip(to)
}

// pausable are the names that a pause can have.
func (d *dashboard) pausable(l *look) []string {
	names := []string{"*"}
	for _, k := range d.linksOf(l, Visitor{}) {
		names = append(names, k.Name)
	}
	for _, p := range l.Pauses {
		names = append(names, p.Link)
	}
	return names
}

// charted is how much of the time up to now a chart of throughput shows.
const charted = 30 * time.Minute

// rates of a link at the ends of its slots, in bytes a second; what is before and behind them is 0.
func rates(s observe.Speeds, from, until time.Time, step time.Duration) []float64 {
	n := int(until.Sub(from) / step)
	out := make([]float64, n+1)
	for i, b := range s.Bytes {
		at := s.From.Add(time.Duration(i+1) * time.Duration(s.Seconds) * time.Second)
		if k := int(at.Sub(from) / step); k >= 0 && k <= n {
			out[k] += float64(b) / step.Seconds()
		}
	}
	return out
}

// spark is the last half hour of links together, small.
func spark(now time.Time, links ...observe.Speeds) line {
	const step = 30 * time.Second
	until := now.Truncate(step)
	ys := make([]float64, charted/step+1)
	for _, s := range links {
		for i, y := range rates(s, until.Add(-charted), until, step) {
			ys[i] += y
		}
	}
	xs, top := make([]float64, len(ys)), 0.0
	for i, y := range ys {
		xs[i] = float64(i)
		top = max(top, y)
	}
	return points(xs, ys, float64(len(ys)-1), top*1.05, "")
}

// throughput is a chart of all links, as a picture and as numbers.
type throughput struct {
	Lines  []namedLine
	Levels []tick
	Ticks  []tick
	// JSON is for uPlot: {"x": [unix seconds], "names": […], "colors": […], "series": [[bytes a second]]}.
	JSON  string
	Peak  int64
	Total int64
}

type namedLine struct {
	line
	Name string
}

func throughputOf(links []linkRow, speeds []observe.Speeds, now time.Time) (t throughput) {
	step := 5 * time.Second
	until := now.Truncate(step)
	from := until.Add(-charted)
	// What has only just begun is not shown as half an hour of nothing.
	first := until
	for _, s := range speeds {
		if s.From.Before(first) {
			first = s.From
		}
	}
	if minimum := until.Add(-2 * time.Minute); first.After(minimum) {
		first = minimum
	}
	if first = first.Truncate(step); first.After(from) {
		from = first
	}
	n := int(until.Sub(from) / step)
	xs, unix, top := make([]float64, n+1), make([]int64, n+1), 0.0
	for i := range xs {
		xs[i], unix[i] = float64(i), from.Add(time.Duration(i)*step).Unix()
	}
	data := struct {
		X      []int64   `json:"x"`
		Names  []string  `json:"names"`
		Colors []string  `json:"colors"`
		Series [][]int64 `json:"series"`
	}{X: unix, Names: []string{}, Colors: []string{}, Series: [][]int64{}}
	var all [][]float64
	for _, k := range links {
		for _, s := range speeds {
			if s.Source != k.Source || s.Destination != k.Destination {
				continue
			}
			ys := rates(s, from, until, step)
			whole := make([]int64, len(ys))
			for i, y := range ys {
				whole[i] = int64(y)
				top = max(top, y)
			}
			all = append(all, ys)
			data.Names, data.Colors, data.Series = append(data.Names, k.Arrow), append(data.Colors, k.Class), append(data.Series, whole)
			t.Lines = append(t.Lines, namedLine{Name: k.Arrow, line: line{Class: k.Class}})
		}
		t.Total += k.BytesPerSecond
	}
	t.Peak = int64(top)
	top = niceTop(top, 1024)
	for i, ys := range all {
		t.Lines[i].line = points(xs, ys, float64(n), top, t.Lines[i].Class)
	}
	t.Levels = levels(top, func(v float64) string { return rate(int64(v)) })
	for i := range 4 {
		at := from.Add(until.Sub(from) * time.Duration(i) / 3)
		t.Ticks = append(t.Ticks, tick{At: percent(float64(i) / 3), Label: at.UTC().Format("15:04:05"), End: i == 3})
	}
	b, _ := json.Marshal(data) // numbers and names always can be
	t.JSON = string(b)
	return t
}

// transferRow is a shard that moves.
type transferRow struct {
	observe.Transfer
	Share, Percent string
	Stalled        bool
	JobHref        string
	Arrow          string
}

func transferOf(t observe.Transfer, now time.Time) transferRow {
	there := min(t.Bytes, t.Moved+t.Resumed)
	r := transferRow{
		Transfer: t, Share: percent(share(there, t.Bytes)), Percent: shareText(there, t.Bytes), Stalled: now.Sub(t.Progress) > stalledAfter,
		Arrow: arrow(linkName(t.Source, t.Destination)),
	}
	if t.Job != "" {
		r.JobHref = "/jobs/" + url.PathEscape(t.Job)
	}
	return r
}

// transfersView is what moves now.
type transfersView struct {
	Throughput throughput
	Links      []linkRow
	Moving     []transferRow
	Pager      pager
	Gates      []observe.Gate
	Query      string
	AllPaused  bool
}

func (d *dashboard) transfers(r *http.Request, l *look) (*page, error) {
	v := transfersView{Links: d.linksOf(l, d.visitor(r)), Gates: l.gates, Query: asked(r, "q")}
	v.Throughput = throughputOf(v.Links, l.speeds, l.At)
	var found []observe.Transfer
	q := strings.ToLower(v.Query)
	for _, t := range l.Transfers {
		if q == "" || strings.Contains(strings.ToLower(t.Path+" "+t.Dataset+" "+t.Destination+" "+t.Job), q) {
			found = append(found, t)
		}
	}
	shown, p := paged(r, found, transfersPerPage, "shards")
	v.Pager = p
	for _, t := range shown {
		v.Moving = append(v.Moving, transferOf(t, l.At))
	}
	for _, p := range l.Pauses {
		v.AllPaused = v.AllPaused || p.Link == "*"
	}
	return &page{Title: "Transfers", At: "transfers", Body: v, Chart: true}, nil
}

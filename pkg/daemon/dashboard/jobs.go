package dashboard

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/dispatch"
	"github.com/datagravity/datagravity/pkg/observe"
)

const (
	jobsPerPage   = 50
	shardsPerPage = 100
	// mostTerms of a selection are shown: it may name a million shards.
	mostTerms = 12
)

var stateWords = map[dispatch.State]string{
	dispatch.Ready: "ready", dispatch.OnTime: "on time", dispatch.Late: "late", dispatch.Unresolved: "being looked at", dispatch.Held: "waits for money", dispatch.Blocked: "blocked",
}

// stateOrder is that of the filters.
var stateOrder = []dispatch.State{dispatch.Late, dispatch.Blocked, dispatch.Held, dispatch.OnTime, dispatch.Unresolved, dispatch.Ready}

// jobRow is a job in a list.
type jobRow struct {
	dispatch.Status
	Href          string
	To            []string
	MissingShards int
	MissingBytes  int64
	// Left is the share that is there.
	Share  string
	Margin string // in words; "" if nobody said by when
	Late   bool
	USD    cost.NanoUSD
	Bars   []bar
	Need   string // where the axis is crossed by when it is needed; "": nobody said
}

func rowOf(j dispatch.Status, axis *timeline) jobRow {
	r := jobRow{Status: j, Href: "/jobs/" + url.PathEscape(j.ID)}
	for _, p := range j.Places {
		r.To = append(r.To, p.Destination)
		r.MissingShards += p.MissingShards
		r.MissingBytes += p.MissingBytes
		r.USD = cost.AddNanoUSD(r.USD, p.USD)
	}
	all := j.Bytes * int64(max(1, len(j.Places)))
	r.Share = percent(share(all-r.MissingBytes, all))
	if j.State == dispatch.Ready {
		r.Share = "100%"
	}
	if j.MarginSeconds != nil {
		m := time.Duration(*j.MarginSeconds) * time.Second
		r.Late, r.Margin = m < 0, span(m)
	}
	if axis != nil {
		r.Bars, r.Need = bars(j, axis)
	}
	return r
}

// bars of a job: from when it begins to when it is there; what is after it is needed is told apart.
func bars(j dispatch.Status, axis *timeline) (list []bar, need string) {
	if j.NeedBy != nil {
		need = axis.at(*j.NeedBy)
	}
	if j.ETA == nil {
		return nil, need
	}
	start := *j.ETA
	for _, p := range j.Places {
		if p.State != dispatch.Ready && p.Start != nil && p.Start.Before(start) {
			start = *p.Start
		}
	}
	if start.Before(axis.now) || start.Equal(*j.ETA) {
		start = axis.now
	}
	end := *j.ETA
	if j.NeedBy != nil && end.After(*j.NeedBy) {
		if from := *j.NeedBy; from.After(start) {
			list = append(list, axis.bar(start, from, string(j.State)))
			start = from
		}
		return append(list, axis.bar(start, end, "over")), need
	}
	return append(list, axis.bar(start, end, string(j.State))), need
}

// axisOf covers what is shown, but for the last that would press everything else together.
func axisOf(jobs []dispatch.Status, now time.Time) *timeline {
	until := now.Add(10 * time.Minute)
	for _, j := range jobs {
		for _, t := range []*time.Time{j.ETA, j.NeedBy} {
			if t != nil && t.After(until) {
				until = *t
			}
		}
	}
	return newTimeline(now, until)
}

// jobsView is the list of jobs.
type jobsView struct {
	Axis    *timeline
	Rows    []jobRow
	Pager   pager
	Filters []filter
	Query   string
	State   string
	Total   int
}

// filter is a state with how many jobs are in it.
type filter struct {
	Href, Label, Class string
	Count              int
	Here               bool
}

func (d *dashboard) jobs(r *http.Request, l *look) (*page, error) {
	v := jobsView{Query: asked(r, "q"), State: asked(r, "state"), Total: len(l.Jobs)}
	var found []dispatch.Status
	for _, j := range inOrder(l.Jobs) {
		if (v.State == "" || string(j.State) == v.State) && matches(j, v.Query) {
			found = append(found, j)
		}
	}
	counts := stateCounts(l.Jobs)
	v.Filters = []filter{{Href: linkTo("/jobs", "q", v.Query), Label: "all", Count: len(l.Jobs), Here: v.State == ""}}
	for _, s := range stateOrder {
		if counts[s] > 0 || v.State == string(s) {
			v.Filters = append(v.Filters, filter{
				Href: linkTo("/jobs", "state", string(s), "q", v.Query), Label: stateWords[s], Class: string(s), Count: counts[s], Here: v.State == string(s),
			})
		}
	}
	shown, p := paged(r, found, jobsPerPage, "jobs")
	v.Pager, v.Axis = p, axisOf(shown, l.At)
	for _, j := range shown {
		v.Rows = append(v.Rows, rowOf(j, v.Axis))
	}
	return &page{Title: "Jobs", At: "jobs", Body: v}, nil
}

// inOrder has what is still to come first, in the order in which it is worked on.
func inOrder(jobs []dispatch.Status) []dispatch.Status {
	list := slices.Clone(jobs)
	rank := func(j dispatch.Status) int {
		if j.State == dispatch.Ready {
			return 1
		}
		return 0
	}
	slices.SortStableFunc(list, func(a, b dispatch.Status) int { return cmp.Compare(rank(a), rank(b)) })
	return list
}

// matches tells whether a job has a text in its name, dataset, team or destinations.
func matches(j dispatch.Status, q string) bool {
	if q == "" {
		return true
	}
	q = strings.ToLower(q)
	has := func(s string) bool { return strings.Contains(strings.ToLower(s), q) }
	return has(j.ID) || has(j.Dataset) || has(j.Team) || slices.ContainsFunc(j.Places, func(p dispatch.Place) bool { return has(p.Destination) })
}

// jobView is a job's own page.
type jobView struct {
	Job       jobRow
	Axis      *timeline
	Terms     []string
	MoreTerms int
	Places    []placeView
	Moving    []transferRow
	Spent     []observe.SpendRow
	SpentUSD  cost.NanoUSD
	// Of the list of shards.
	Shards          []dispatch.ShardStatus
	Pager           pager
	Missing, All    int
	Show, To, Query string
	MissingHref     string
	AllHref         string
	NoList          string
}

// placeView is a job at a destination.
type placeView struct {
	dispatch.Place
	Share string
	Ask   string // leads to an approval
}

func (d *dashboard) job(r *http.Request, l *look) (*page, error) {
	id := r.PathValue("id")
	detail, err := d.Reader.Jobs.Show(r.Context(), id, false)
	if err != nil {
		return nil, err
	}
	j := detail.Status
	v := jobView{Axis: axisOf([]dispatch.Status{j}, l.At), Show: asked(r, "show"), To: asked(r, "to"), Query: asked(r, "q"), Terms: j.Selection}
	v.Job = rowOf(j, v.Axis)
	if len(v.Terms) > mostTerms {
		v.MoreTerms, v.Terms = len(v.Terms)-mostTerms, v.Terms[:mostTerms]
	}
	for _, p := range j.Places {
		pv := placeView{Place: p, Share: percent(share(j.Bytes-p.MissingBytes, j.Bytes))}
		if p.State == dispatch.Ready {
			pv.Share = "100%"
		}
		if p.Why == j.Why {
			pv.Why = "" // it stands above
		}
		if p.Budget != "" && (p.NeedsUSD > 0 || p.NeedsBytes > 0) && d.visitor(r).Approve {
			pv.Ask = approveLink(p.Budget, j.ID, p.NeedsUSD, p.NeedsBytes)
		}
		v.Places = append(v.Places, pv)
	}
	for _, t := range l.Transfers {
		if t.Job == id {
			v.Moving = append(v.Moving, transferOf(t, l.At))
		}
	}
	v.Moving = v.Moving[:min(len(v.Moving), mostMoving)]
	sums, err := d.spending(observe.SpendQuery{Job: id}, "link")
	if err != nil {
		return nil, err
	}
	for _, row := range sums.rows[0] {
		v.Spent = append(v.Spent, row)
		v.SpentUSD = cost.AddNanoUSD(v.SpentUSD, row.Net)
	}
	if err := d.shardsOf(r, &v, id); err != nil {
		return nil, err
	}
	return &page{Title: clip(id), At: "jobs", template: "job", Body: v}, nil
}

// shardsOf a job, the missing ones unless all are asked for. Who asks again and again for the rest of the page gets them with it only while they are few.
func (d *dashboard) shardsOf(r *http.Request, v *jobView, id string) error {
	if v.Job.ShardCount > mostPolled && r.Header.Get("Hx-Request") == "true" {
		v.NoList = "kept" // what the browser has stays
		return nil
	}
	d.listing.Lock()
	defer d.listing.Unlock()
	detail, err := d.Reader.Jobs.Show(r.Context(), id, true)
	if err != nil {
		return err
	}
	list := detail.Shards
	v.All = len(list)
	missing := 0
	q := strings.ToLower(v.Query)
	found := list[:0] // the list is ours
	for _, s := range list {
		if !s.Present {
			missing++
		}
		if (v.Show == "all" || !s.Present) && (v.To == "" || s.Destination == v.To) && (q == "" || strings.Contains(strings.ToLower(s.Path), q)) {
			found = append(found, s)
		}
	}
	v.Missing = missing
	shown, p := paged(r, found, shardsPerPage, "shards")
	v.Shards, v.Pager = slices.Clone(shown), p // the rest can go
	path := "/jobs/" + url.PathEscape(id)
	v.MissingHref, v.AllHref = linkTo(path, "to", v.To, "q", v.Query), linkTo(path, "show", "all", "to", v.To, "q", v.Query)
	return nil
}

// mostPolled shards of a job are listed anew each time that a page is refreshed.
const mostPolled = 2000

package dashboard

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/dispatch"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/observe"
)

// Levels of what is shown, from bad to good.
const (
	bad  = "bad"
	warn = "warn"
	note = "note"
	good = "good"
)

// verdict is all of it in a line.
type verdict struct {
	Level, Text, More string
}

// concern is something that somebody should know of, and what they can do.
type concern struct {
	Level, Title, Why, Do string
	Href                  string
	// Button is an action, which Ask leads to.
	Ask, Button string
	At          time.Time
}

const (
	// mostOfAKind are told one by one; of more only the number.
	mostOfAKind = 3
	// errorsFor is how long an error that has not come again is a concern, warnsFor a warning.
	errorsFor, warnsFor = 24 * time.Hour, time.Hour
	// soon is how far ahead a budget that is used up is a concern, whatever its window.
	soon = 14 * 24 * time.Hour
)

// allow hides what the visitor may not do.
func (c *concern) allow(v Visitor) {
	if strings.HasPrefix(c.Ask, "/actions/approve") && !v.Approve || strings.HasPrefix(c.Ask, "/actions/resume") && !v.Pause {
		c.Ask = ""
	}
}

// concerns of a look, the worst first.
func concerns(l *look) (list []concern) {
	for _, a := range l.Attention() {
		switch a.Kind {
		case "unhealthy":
			list = append(list, concern{Level: bad, Title: "The agent does not get on", Why: upper(a.Text), Do: upper(a.Do) + "."})
		case "nobody-works":
			list = append(list, concern{Level: warn, Title: "No daemon brings jobs their shards", Why: upper(a.Text) + ".", Do: upper(a.Do) + ".", Href: "/jobs"})
		}
	}
	if l.err != nil {
		list = append(list, concern{Level: bad, Title: "Not everything could be read", Why: l.err.Error(), Do: "What is shown is the rest. If it stays so, stop the daemon and run datagravity manifest check."})
	}
	list = append(list, jobConcerns(l)...)
	list = append(list, budgetConcerns(l)...)
	list = append(list, pauseConcerns(l)...)
	for _, h := range l.Holdings.List {
		if h.Unsound > 0 {
			list = append(list, concern{
				Level: warn, Title: fmt.Sprintf("%s of %s at %s cannot be trusted", plural(h.Unsound, "shard"), clip(h.Dataset), clip(h.Destination)),
				Why: "Changed by somebody else, damaged, or suspect. They count as missing.", Do: "datagravity verify --read finds out which; the next sync brings them again.",
				Href: linkTo("/data", "dataset", h.Dataset),
			})
		}
	}
	list = append(list, timerConcerns(l)...)
	list = append(list, problemConcerns(l)...)
	order := map[string]int{bad: 0, warn: 1, note: 2}
	slices.SortStableFunc(list, func(a, b concern) int { return cmp.Compare(order[a.Level], order[b.Level]) })
	return list
}

// jobStates that are concerns.
var jobStates = []struct {
	state       dispatch.State
	level, will string
	do          string
}{
	{dispatch.Late, bad, "late", "Raise its priority, give the link more bandwidth, or let it be needed later."},
	{dispatch.Blocked, bad, "blocked", "It does not come by waiting: change its selection, or bring back what the source lost."},
	{dispatch.Held, warn, "waiting for money", "Approve more, or wait for the budget's next window."},
}

func jobConcerns(l *look) (list []concern) {
	for _, s := range jobStates {
		n := 0
		for _, j := range l.Jobs {
			if j.State != s.state {
				continue
			}
			if n++; n > mostOfAKind {
				continue
			}
			c := concern{Level: s.level, Title: "Job " + clip(j.ID) + " is " + s.will, Why: upper(j.Why), Do: s.do, Href: "/jobs/" + url.PathEscape(j.ID)}
			if j.State == dispatch.Late && j.MarginSeconds != nil {
				c.Title = "Job " + clip(j.ID) + " will be " + span(time.Duration(*j.MarginSeconds)*time.Second) + " late"
			}
			if p, ok := holds(j); ok {
				c.Title = "Job " + clip(j.ID) + " waits for " + wanted(p.NeedsUSD, p.NeedsBytes) + " of budget " + clip(p.Budget)
				c.Ask, c.Button = approveLink(p.Budget, j.ID, p.NeedsUSD, p.NeedsBytes), "Approve…"
			}
			list = append(list, c)
		}
		if n > mostOfAKind {
			list = append(list, concern{
				Level: s.level, Title: "and " + plural(n-mostOfAKind, "job") + " more " + map[bool]string{true: "are", false: "is"}[n-mostOfAKind > 1] + " " + s.will,
				Href: linkTo("/jobs", "state", string(s.state)),
			})
		}
	}
	return list
}

// holds is the place of a job that a budget holds, and by how much.
func holds(j dispatch.Status) (dispatch.Place, bool) {
	if j.State != dispatch.Held {
		return dispatch.Place{}, false
	}
	for _, p := range j.Places {
		if p.Budget != "" && (p.NeedsUSD > 0 || p.NeedsBytes > 0) {
			return p, true
		}
	}
	return dispatch.Place{}, false
}

// wanted says how much more a budget would have to have.
func wanted(n cost.NanoUSD, bytes int64) string {
	var parts []string
	if n > 0 {
		parts = append(parts, usd(n))
	}
	if bytes > 0 {
		parts = append(parts, size(bytes))
	}
	return strings.Join(parts, " and ")
}

// approveLink leads to the form of an approval with what is needed in it.
func approveLink(budget, job string, n cost.NanoUSD, bytes int64) string {
	pairs := []string{"budget", budget, "job", job}
	if n > 0 {
		pairs = append(pairs, "usd", n.Decimal())
	}
	if bytes > 0 {
		pairs = append(pairs, "bytes", fmt.Sprint(bytes))
	}
	return linkTo("/actions/approve", pairs...)
}

func budgetConcerns(l *look) (list []concern) {
	held := map[string]bool{}
	for _, j := range l.Jobs {
		if _, ok := holds(j); ok {
			held[j.ID] = true
		}
	}
	for _, b := range l.Budgets {
		href := "/budgets/" + url.PathEscape(b.Name)
		if b.Doubt != "" {
			list = append(list, concern{
				Level: bad, Title: "Nobody knows what budget " + clip(b.Name) + " has spent", Why: b.Doubt,
				Do: "Look at the provider's bill, then: datagravity budget reset --reason TEXT. Until then all of it counts as spent.", Href: href,
			})
			continue
		}
		for _, a := range l.asks[b.Name] {
			if a.Kind == manifest.AlertAsk && !held[a.Job] && a.Job == "" {
				list = append(list, concern{
					Level: warn, Title: "Budget " + clip(b.Name) + " asks for " + wanted(a.MoreUSD, a.MoreBytes) + " more", Why: "For dataset " + clip(a.Dataset) + ".",
					Do: "Approve it, or wait for the next window.", Href: href, Ask: approveLink(b.Name, "", a.MoreUSD, a.MoreBytes), Button: "Approve…",
				})
			}
		}
		switch {
		case b.Spent():
			list = append(list, concern{Level: warn, Title: "Budget " + clip(b.Name) + " is used up", Why: windowEnds(b, l.At), Do: "Approve more, or wait for the next window.", Href: href})
		case b.ExhaustedAt != nil && b.ExhaustedAt.Sub(l.At) < soon:
			list = append(list, concern{
				Level: warn, Title: "Budget " + clip(b.Name) + " is used up " + ago(*b.ExhaustedAt, l.At) + " at this pace", Why: windowEnds(b, l.At),
				Do: "Look what it goes for, and approve more before it stops what is urgent.", Href: href,
			})
		}
	}
	return list
}

func windowEnds(b observe.Budget, now time.Time) string {
	if b.WindowUntil == nil {
		return "Its window has no end."
	}
	return "Its window ends " + ago(*b.WindowUntil, now) + "."
}

func pauseConcerns(l *look) (list []concern) {
	for _, p := range l.Pauses {
		list = append(list, concern{
			Level: warn, Title: upper(arrow(p.Link)) + " is paused", Why: "Since " + clock(p.Since, l.At) + ", " + ago(p.Since, l.At) + ".",
			Do: "Nothing moves on it until somebody resumes it.", Href: "/transfers", Ask: linkTo("/actions/resume", "link", p.Link), Button: "Resume…", At: p.Since,
		})
	}
	return list
}

// timerConcerns are of what is done on a schedule, and was not, or found something.
func timerConcerns(l *look) (list []concern) {
	for _, t := range l.Timers {
		c := concern{Level: warn, Why: upper(visible(short(t.Text, 200))), Href: "/problems#schedule", Do: "It is tried again " + ago(t.Next, l.At) + ".", At: t.Next}
		switch t.Outcome {
		case "failed":
			c.Title = "Scheduled " + clip(t.Name) + " failed"
			if t.Failed > 1 {
				c.Title += fmt.Sprintf(" %d times in a row", t.Failed)
			}
		case "wrong":
			c.Title, c.Do = "Scheduled "+clip(t.Name)+" found something that is not as it should be", "Read what it says, and mend that."
		default:
			continue
		}
		list = append(list, c)
	}
	return list
}

func upper(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

func problemConcerns(l *look) (list []concern) {
	n := 0
	for _, p := range l.Problems {
		if age := l.At.Sub(p.Last); p.Level == "error" && age > errorsFor || p.Level != "error" && age > warnsFor {
			continue
		}
		if n++; n > mostOfAKind {
			continue
		}
		list = append(list, concern{Level: problemLevel(p), Title: upper(clip(p.Text)), Why: visible(short(p.Error, 200)), Do: upper(p.Do) + ".", Href: "/problems", At: p.Last})
	}
	if n > mostOfAKind {
		list = append(list, concern{Level: note, Title: "and " + plural(n-mostOfAKind, "problem") + " more", Href: "/problems"})
	}
	return list
}

func problemLevel(p observe.Problem) string {
	if p.Level == "error" {
		return bad
	}
	return warn
}

// short cuts a text that may be long.
func short(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

// verdict says how it stands in one line, and what comes next in another.
func verdictOf(l *look) verdict {
	counts := stateCounts(l.Jobs)
	list := concerns(l)
	v := verdict{Level: good}
	for _, c := range list {
		if c.Level == bad || c.Level == warn && v.Level != bad {
			v.Level = c.Level
		}
	}
	coming := counts[dispatch.OnTime] + counts[dispatch.Unresolved]
	switch n := len(l.Jobs); {
	case !l.Health.OK:
		v.Text = "The agent does not get on"
	case counts[dispatch.Late] > 0:
		v.Text = plural(counts[dispatch.Late], "job") + " will be late"
	case counts[dispatch.Blocked] > 0:
		v.Text = plural(counts[dispatch.Blocked], "job") + isAre(counts[dispatch.Blocked]) + "blocked"
	case counts[dispatch.Held] > 0:
		v.Text = plural(counts[dispatch.Held], "job") + isWait(counts[dispatch.Held]) + " for money"
	case slices.ContainsFunc(l.Attention(), func(a observe.Attention) bool { return a.Kind == "nobody-works" }):
		v.Text = "Jobs wait, and no daemon runs"
	case v.Level == bad:
		v.Text = "Something failed"
	case len(l.Pauses) > 0:
		v.Text = "A pause holds back what moves"
	case n == 0 && len(l.Datasets) == 0:
		v.Text = "Nothing is configured yet"
	case n == 0:
		v.Text = "No job asks for anything"
	case coming == 0:
		v.Text = "Every job has its data"
	default:
		v.Text = "Every job is on time"
	}
	v.More = next(l)
	return v
}

func isAre(n int) string {
	if n == 1 {
		return " is "
	}
	return " are "
}

func isWait(n int) string {
	if n == 1 {
		return " waits"
	}
	return " wait"
}

// next says which job is ready next.
func next(l *look) string {
	var first *dispatch.Status
	for i, j := range l.Jobs {
		if j.State != dispatch.Ready && j.ETA != nil && (first == nil || j.ETA.Before(*first.ETA)) {
			first = &l.Jobs[i]
		}
	}
	if first == nil {
		return ""
	}
	s := clip(first.ID) + " is next, ready " + ago(*first.ETA, l.At)
	if first.MarginSeconds == nil {
		return s
	}
	m := time.Duration(*first.MarginSeconds) * time.Second
	if m < 0 {
		return s + ", " + span(m) + " late"
	}
	return s + ", " + span(m) + " before it is needed"
}

func stateCounts(jobs []dispatch.Status) map[dispatch.State]int {
	n := map[dispatch.State]int{}
	for _, j := range jobs {
		n[j.State]++
	}
	return n
}

// navigation has a count where something waits to be seen.
func navigation(here string, l *look) []nav {
	counts := stateCounts(l.Jobs)
	list := []nav{
		{Href: "/", Label: "Overview", Icon: "overview"},
		{Href: "/jobs", Label: "Jobs", Icon: "jobs"},
		{Href: "/data", Label: "Data", Icon: "data"},
		{Href: "/transfers", Label: "Transfers", Icon: "transfers"},
		{Href: "/budgets", Label: "Budgets", Icon: "budgets"},
		{Href: "/spend", Label: "Spend", Icon: "spend"},
		{Href: "/problems", Label: "Problems", Icon: "problems"},
	}
	badge := func(i, n int, level, means string) {
		if n > 0 {
			list[i].Count, list[i].Level, list[i].Means = count(n), level, means
		}
	}
	if n := counts[dispatch.Late] + counts[dispatch.Blocked]; n > 0 {
		badge(1, n, bad, "late or blocked")
	} else {
		badge(1, counts[dispatch.Held], warn, "waiting for money")
	}
	badge(3, len(l.Transfers), "", "moving now")
	low := 0
	for _, b := range l.Budgets {
		if b.Doubt != "" || b.Spent() {
			low++
		}
	}
	badge(4, low, warn, "used up")
	level := warn
	if slices.ContainsFunc(l.Problems, func(p observe.Problem) bool { return p.Level == "error" }) {
		level = bad
	}
	badge(6, len(l.Problems), level, "remembered")
	for i := range list {
		list[i].Here = strings.TrimPrefix(list[i].Href, "/") == here || list[i].Href == "/" && here == "overview"
	}
	return list
}

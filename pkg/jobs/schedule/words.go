package schedule

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/datagravity/datagravity/pkg/cost"
)

// Words say in a sentence or two what is planned for a job of the problem, and why. Times are UTC, with the date if it is not that of Now.
func (pl *Plan) Words(p *Problem, job int) string {
	jp, j := &pl.Jobs[job], &p.Jobs[job]
	w := words{plan: pl, problem: p}
	switch jp.State {
	case Ready:
		return "ready: nothing is missing"
	case Blocked:
		return "blocked: " + j.Blocked
	case OnTime:
		w.onTime(jp, j)
	case Late:
		w.late(jp, j)
	case Held:
		w.held(jp)
	}
	return w.String()
}

// words are a sentence in the making.
type words struct {
	strings.Builder
	plan    *Plan
	problem *Problem
}

func (w *words) add(format string, args ...any) { fmt.Fprintf(w, format, args...) }

func (w *words) onTime(jp *JobPlan, j *Job) {
	needed := !j.NeedBy.IsZero()
	if needed {
		w.add("on time")
	} else {
		w.add("planned")
	}
	w.add(": %s at %s", arrive(jp.Missing), w.when(jp.ETA))
	if needed {
		w.add(", %s before it is needed", howLong(jp.Margin))
	} else {
		w.add("; nobody said by when it is needed")
	}
	if len(jp.Lacks) > 0 {
		w.add("; it waits until %s for a new window of budget %s", w.when(jp.Start), w.problem.Budgets[jp.Lacks[0].Budget].Name)
	}
	w.shared(jp)
}

func (w *words) late(jp *JobPlan, j *Job) {
	if jp.ETA.IsZero() {
		w.add("late: a link that it needs stays closed, so that %s never; open it, or take another destination", arrive(jp.Missing))
		return
	}
	w.add("late by %s: ", howLong(-jp.Margin))
	switch {
	case jp.Link < 0:
		w.add("what comes with job %s arrives at %s", w.problem.Jobs[jp.With].ID, w.when(jp.ETA))
	default:
		l := w.problem.Links[jp.Link]
		before := w.queue(jp)
		w.add("link %s moves %s until %s at %s", l.Name, size(before), w.when(jp.ETA), bitRate(l.rateAt(w.plan.Now)))
	}
	switch {
	case jp.NeedsBitsPerSecond > 0:
		w.add("; %s would do", bitRate(jp.NeedsBitsPerSecond))
	case !j.NeedBy.After(w.plan.Now):
		w.add("; it was needed at %s already", w.when(j.NeedBy))
	case jp.NothingHelps:
		w.add("; more bandwidth on one link alone would not make it on time")
	}
	w.shared(jp)
}

// queue is what a job's last link moves until the job is there.
func (w *words) queue(jp *JobPlan) (bytes int64) {
	for _, work := range w.plan.Work[jp.Link] {
		if !work.To.After(jp.ETA) {
			bytes += work.Bytes
		}
	}
	return bytes
}

func (w *words) held(jp *JobPlan) {
	w.add("held by ")
	for i, l := range jp.Lacks {
		if i > 0 {
			w.add(" and ")
		}
		w.lack(l)
	}
	switch l := jp.Lacks[0]; {
	case !jp.ETA.IsZero():
		w.add("; then it is ready at %s", w.when(jp.ETA))
		if jp.Margin < 0 {
			w.add(", late by %s", howLong(-jp.Margin))
		} else {
			w.add("; nobody said by when it is needed")
		}
	case l.PassesLimit:
		w.add("; that is more than any whole window allows, so that it never begins: raise the budget, or need less at once")
	case !slices.ContainsFunc(jp.Lacks, func(l Lack) bool { return l.Until.IsZero() }):
		w.add("; then a link that it needs is closed for good")
	default:
		w.add("; no window that is known has room for it: raise the budget, or drop a job with an earlier turn")
	}
	var asks []string
	for _, l := range jp.Lacks {
		if b := w.problem.Budgets[l.Budget]; b.AsksApproval && l.NanoUSD > 0 {
			asks = append(asks, fmt.Sprintf("%s more of budget %s", l.NanoUSD, b.Name))
		}
	}
	more := "more of it"
	if len(jp.Lacks) > 1 {
		more = "more of them"
	}
	switch {
	case len(asks) > 0 && jp.MoneyHelps:
		w.add("; an approval of %s would make it on time", strings.Join(asks, " and of "))
	case len(asks) > 0:
		w.add("; an approval of %s would let it begin earlier", strings.Join(asks, " and of "))
	case jp.MoneyHelps:
		w.add("; %s would make it on time", more)
	case jp.NothingHelps:
		w.add("; %s alone would not make it on time", more)
	}
	w.shared(jp)
}

func (w *words) lack(l Lack) {
	w.add("budget %s: ", w.problem.Budgets[l.Budget].Name)
	needs := func(what, left string) { w.add("needs %s, %s is left", what, left) }
	if l.NanoUSD > 0 {
		needs(l.Needs.NanoUSD.String(), l.Left.NanoUSD.String())
	}
	if l.Bytes > 0 {
		if l.NanoUSD > 0 {
			w.add(" and ")
		}
		needs(size(l.Needs.Bytes), size(l.Left.Bytes))
	}
	if !l.Until.IsZero() {
		w.add(" until %s", w.when(l.Until))
	}
}

func (w *words) shared(jp *JobPlan) {
	if jp.With < 0 || jp.Shared.Shards == 0 {
		return
	}
	with := w.problem.Jobs[jp.With].ID
	if jp.Others {
		with += " and others"
	}
	if jp.Shared.Shards == jp.Missing.Shards {
		w.add("; all of that comes with job %s", with)
		return
	}
	come := "come"
	if jp.Shared.Shards == 1 {
		come = "comes"
	}
	w.add("; %d of them %s with job %s", jp.Shared.Shards, come, with)
}

// when is a time on the day of Now, or a date with it.
func (w *words) when(t time.Time) string {
	t = t.UTC()
	const date = "2006-01-02"
	if t.Format(date) == w.plan.Now.UTC().Format(date) {
		return t.Format("15:04 UTC")
	}
	return t.Format(date + " 15:04 UTC")
}

// rateAt is the rate that holds at a time.
func (l Link) rateAt(t time.Time) int64 {
	for _, r := range l.Rates {
		if r.Until.IsZero() || t.Before(r.Until) {
			return r.BitsPerSecond
		}
	}
	return 0
}

func arrive(a Amount) string {
	if a.Shards == 1 {
		return amount(a) + " arrives"
	}
	return amount(a) + " arrive"
}

func amount(a Amount) string {
	if a.Shards == 1 {
		return "1 shard (" + size(a.Bytes) + ")"
	}
	return fmt.Sprintf("%d shards (%s)", a.Shards, size(a.Bytes))
}

// howLong is in minutes, or the two largest units of more than an hour, rounded down.
func howLong(d time.Duration) string {
	const day = 24 * time.Hour
	pair := func(big int64, unit string, small int64, lesser string) string {
		if small == 0 {
			return fmt.Sprintf("%d%s", big, unit)
		}
		return fmt.Sprintf("%d%s%d%s", big, unit, small, lesser)
	}
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", int64(d/time.Second))
	case d < time.Hour:
		return fmt.Sprintf("%dm", int64(d/time.Minute))
	case d < day:
		return pair(int64(d/time.Hour), "h", int64(d%time.Hour/time.Minute), "m")
	}
	return pair(int64(d/day), "d", int64(d%day/time.Hour), "h")
}

// size in the largest binary unit of which there is one, with one decimal, rounded down.
func size(n int64) string { return scaled(n, 1024, "bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB") }

// bitRate in decimal units, rounded up, so that a rate that would do does.
func bitRate(n int64) string {
	unit := int64(1)
	for n/unit >= 1000 {
		unit *= 1000
	}
	if tenth := unit / 10; tenth > 0 && n%tenth > 0 {
		n += tenth - n%tenth
	}
	return scaled(n, 1000, "bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s", "Pbit/s", "Ebit/s")
}

func scaled(n, step int64, units ...string) string {
	unit, i := int64(1), 0
	for n/unit >= step && i+1 < len(units) {
		unit *= step
		i++
	}
	if rest := n % unit / max(1, unit/10); rest > 0 && unit > 1 {
		return fmt.Sprintf("%d.%d %s", n/unit, rest, units[i])
	}
	return fmt.Sprintf("%d %s", n/unit, units[i])
}

// Extra is the most money that a budget lacks for the job, 0 if only bytes or bandwidth hold it.
func (jp *JobPlan) Extra() (most cost.NanoUSD) {
	for _, l := range jp.Lacks {
		most = max(most, l.NanoUSD)
	}
	return most
}

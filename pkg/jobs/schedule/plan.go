package schedule

import (
	"cmp"
	"slices"
	"time"

	"github.com/datagravity/datagravity/pkg/cost"
)

// State of a job in a plan.
type State int

// The states. A job that nobody gave a need-by is OnTime once it has a place without waiting for money.
const (
	// Ready: nothing is missing.
	Ready State = iota
	// OnTime: all is there by the need-by.
	OnTime
	// Late: all is there, but not by then, and that is a matter of bandwidth; or never, because a link stays closed.
	Late
	// Held: a budget makes it wait, and it is not on time or nobody said when that would be; or it fits no window.
	Held
	// Blocked: see [Job.Blocked].
	Blocked
)

// String is the name of the state as it is shown.
func (s State) String() string { return [...]string{"ready", "on time", "late", "held", "blocked"}[s] }

// Use of a budget, or what is left of it; -1 without a limit of that kind.
type Use struct {
	NanoUSD cost.NanoUSD
	Bytes   int64 // on the wire
}

// Lack is a budget that has too little for a job when its links would be free, after all jobs with an earlier turn.
type Lack struct {
	Budget      int // in the problem
	Needs, Left Use
	// NanoUSD and Bytes missing, 0 where it is not this kind of limit that holds.
	NanoUSD cost.NanoUSD
	Bytes   int64
	// Until is when the next window with room for the job begins; zero: none of those listed has it.
	Until time.Time
	// PassesLimit: the job needs more than any whole window allows.
	PassesLimit bool
}

// Amount of shards.
type Amount struct {
	Shards int
	Bytes  int64 // payload
}

// JobPlan is what is planned for a job.
type JobPlan struct {
	State State
	// Start is when the first of the shards that it brings itself begins to move, ETA when the last of all is there. Zero: never.
	Start, ETA time.Time
	// Margin is how long before the need-by that is, negative for a job that is late; 0 where either is not known.
	Margin time.Duration
	// Missing is all that is to come, and Shared the part of it that jobs with an earlier turn bring. With is one of those, the
	// one that brings the most as far as was looked; -1: none. Others may bring some of it too.
	Missing, Shared Amount
	With            int
	Others          bool
	// Adds is what its own shards use of budgets and the wire at the most.
	Adds Use
	// Lacks are the budgets that make it wait.
	Lacks []Lack
	// Link brings its last shard; -1: another job does.
	Link int
	// NeedsBitsPerSecond on Link, at all times until the need-by, would make it on time with the same turns, if it lets no job with an earlier
	// turn begin in another window. 0: that alone would not, or is not known to.
	NeedsBitsPerSecond int64
	// MoneyHelps: with what its Lacks miss, set aside for it alone, it would be on time.
	MoneyHelps bool
	// NothingHelps: no one of these alone would make it on time: it is late on several links, or was needed before now, or money would only
	// make it late by less. All three are false where that is not known.
	NothingHelps bool
}

// Work is a stretch of time in which a link works for one job.
type Work struct {
	Job      int // in the problem
	From, To time.Time
	Bytes    int64 // payload
}

// Plan is what is to happen.
type Plan struct {
	Now time.Time
	// Jobs by their place in the problem.
	Jobs []JobPlan
	// Work of each link, in order.
	Work [][]Work
	// Turns for the next plan.
	Turns []Turn
	// Exact: no order of whole jobs has more on time, priorities counted one after the other. False: none is known.
	Exact bool
}

// report gives all jobs their places, in the order of their turns, and notes what is to be said of them.
func (pl *Plan) report(t *timeline, order []uint32) {
	pl.Jobs, pl.Work = make([]JobPlan, len(t.Jobs)), make([][]Work, len(t.Links))
	for j := range pl.Jobs {
		pl.Jobs[j].With, pl.Jobs[j].Link = -1, -1
		if t.Jobs[j].Blocked != "" {
			pl.Jobs[j].State = Blocked
		}
	}
	type piece struct {
		span
		job uint32
	}
	pieces := make([][]piece, len(t.Links))
	for l := range pieces {
		pieces[l] = make([]piece, 0, t.jobsOn(l))
	}
	carrier := make([]int32, t.lots.count()) // by lot: the turn of the job that brings it, from 1
	shards, bytes := t.sums()
	t.reset()
	for turn, j := range order {
		t.record = func(l int, s span) { pieces[l] = append(pieces[l], piece{s, j}) }
		t.collect(j)
		jp := &pl.Jobs[j]
		for _, r := range t.ofJob(j) {
			jp.Missing.Shards += int(shards[r.To] - shards[r.From])
			jp.Missing.Bytes += bytes[r.To] - bytes[r.From]
		}
		jp.Shared = jp.Missing
		for _, r := range t.runs {
			jp.Shared.Shards -= int(shards[r.to] - shards[r.from])
			jp.Shared.Bytes -= bytes[r.to] - bytes[r.from]
			for lot := r.from; lot < r.to; lot++ {
				jp.Adds.NanoUSD += cost.NanoUSD(t.lots.usd[lot])
				jp.Adds.Bytes += t.lots.wire[lot]
			}
		}
		if jp.Shared.Shards > 0 {
			var first int
			first, jp.Others = t.with(j, carrier)
			jp.With = int(order[first])
		}
		pl.one(t, j)
		if jp.ETA.IsZero() {
			continue
		}
		for _, r := range t.runs {
			for lot := r.from; lot < r.to; lot++ {
				carrier[lot] = int32(turn) + 1
			}
		}
	}
	t.record = nil
	for l, list := range pieces {
		pl.Work[l] = make([]Work, 0, len(list))
		slices.SortFunc(list, func(a, b piece) int { return cmp.Compare(a.from, b.from) })
		for i, w := range list {
			if n := len(pl.Work[l]); i > 0 && list[i-1].job == w.job && list[i-1].to == w.from {
				pl.Work[l][n-1].To = t.time(t.caps[l].reached(w.to))
				pl.Work[l][n-1].Bytes += w.to - w.from
				continue
			}
			pl.Work[l] = append(pl.Work[l], Work{int(w.job), t.time(t.caps[l].left(w.from)), t.time(t.caps[l].reached(w.to)), w.to - w.from})
		}
	}
}

// sums of the shards and bytes of all lots before each.
func (t *timeline) sums() (shards, bytes []int64) {
	n := t.lots.count()
	shards, bytes = make([]int64, n+1), make([]int64, n+1)
	for lot := range n {
		shards[lot+1], bytes[lot+1] = shards[lot]+int64(t.lots.shards[lot]), bytes[lot]+t.lots.bytes[lot]
	}
	return shards, bytes
}

// looked is of how many lots the carrier is asked, so that this costs the same for jobs of all sizes.
const looked = 64

// with is the turn of the job that brings most of what the job at hand shares, and whether others may bring some.
func (t *timeline) with(j uint32, carrier []int32) (turn int, others bool) {
	count := map[int32]int64{}
	best, left := int32(0), looked
	for _, r := range t.ofJob(j) {
		for lot := r.From; lot < r.To && left > 0; lot++ {
			if c := carrier[lot]; c > 0 {
				count[c] += int64(t.lots.shards[lot])
				if best == 0 || count[c] > count[best] || count[c] == count[best] && c < best {
					best = c
				}
				left--
			}
		}
	}
	return int(best) - 1, left == 0 || len(count) > 1
}

// one gives a job its place and says how that came.
func (pl *Plan) one(t *timeline, j uint32) {
	jp := &pl.Jobs[j]
	need := t.need[j]
	// What it would be with more money, before the place is taken.
	o := t.begin()
	if o.start != o.free {
		for _, b := range t.used {
			if l, lacks := t.lack(int(b), o); lacks {
				jp.Lacks = append(jp.Lacks, l)
			}
		}
		slices.SortStableFunc(jp.Lacks, func(a, b Lack) int { return cmp.Or(later(a, b), cmp.Compare(a.Budget, b.Budget)) })
		for l, n := range t.bytes {
			if n > 0 {
				t.at[l] = t.lines[l].first(0)
			}
		}
		jp.MoneyHelps = need != never && t.eta(j) <= need
	}
	clear := true // nothing else is in its way: what it shares is there, and no link has gaps before the places that it takes
	for _, r := range t.ofJob(j) {
		clear = clear && t.arrivals.last(r.From, r.To) <= need
	}
	for l := range t.lines {
		clear = clear && len(t.lines[l].gaps) == 0
	}
	o = t.place(j, never)
	if jp.ETA = t.time(o.eta); len(t.runs) > 0 {
		jp.Start = t.time(o.start)
	}
	lateLinks := 0
	if o.eta != never {
		last := int64(-1)
		for l, n := range t.bytes {
			if n == 0 {
				continue
			}
			if t.ends[l] > last {
				last, jp.Link = t.ends[l], l
			}
			if t.ends[l] > need {
				lateLinks++
			}
		}
		if need != never {
			jp.Margin = time.Duration(need - o.eta)
		}
		if last < o.eta && jp.With >= 0 {
			jp.Link = -1 // what it shares comes last
		}
	}
	switch waits := o.start != o.free; {
	case o.eta != never && (o.eta <= need) && (need != never || !waits):
		jp.State = OnTime
		jp.MoneyHelps = false
	case waits:
		jp.State = Held
		jp.NothingHelps = need != never && !jp.MoneyHelps
	default:
		jp.State = Late
		jp.NothingHelps = lateLinks > 1 || need <= 0
		if o.eta != never && jp.Link >= 0 && lateLinks == 1 && clear && need > 0 {
			place := t.lines[jp.Link].tail
			jp.NeedsBitsPerSecond = mulDiv(place, bitNanos, need, true)
		}
	}
}

// later is for lacks: what takes longest comes first, and never is longest.
func later(a, b Lack) int {
	switch {
	case a.Until.Equal(b.Until):
		return 0
	case a.Until.IsZero():
		return -1
	case b.Until.IsZero():
		return 1
	}
	return b.Until.Compare(a.Until)
}

// lack tells whether a budget has too little when the job at hand would begin.
func (t *timeline) lack(b int, o outcome) (Lack, bool) {
	window, need := t.windows.at(b, o.free), t.charge[b]
	if t.windows.fits(b, window, need) {
		return Lack{}, false
	}
	left := t.windows.left[b][window]
	l := Lack{
		Budget: b, Needs: Use{cost.NanoUSD(need[0]), need[1]}, Left: Use{cost.NanoUSD(left[0]), left[1]},
		Until: t.time(t.windows.next(b, o.free, need)), PassesLimit: true,
	}
	if left[0] >= 0 {
		l.NanoUSD = cost.NanoUSD(max(0, need[0]-left[0]))
	}
	if left[1] >= 0 {
		l.Bytes = max(0, need[1]-left[1])
	}
	for _, w := range t.windows.fresh[b] {
		if (w[0] < 0 || need[0] <= w[0]) && (w[1] < 0 || need[1] <= w[1]) {
			l.PassesLimit = false
		}
	}
	return l, true
}

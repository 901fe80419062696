package schedule

import (
	"cmp"
	"iter"
	"slices"
)

// Limits of looking for the best, in steps: a step is a job that is given a place, or so much work. Where there was a plan before, that is
// what is looked at first, and less is done.
const (
	searchAll   = 8  // up to so many jobs of a part all orders are looked at,
	searchJobs  = 9  // up to so many that can be on time all orders of those,
	searchSets  = 14 // and up to so many all sets, where no budget holds them,
	searchSteps = 1_000_000
	againSearch = 100_000 // unless that takes longer, in a part
	betterSteps = 300_000
	againSteps  = 20_000 // of looking for something better than the first orders give, in all parts together
)

// score is how many jobs are on time, by rank: the first difference decides.
type score []int

func (s score) better(than score) bool { return slices.Compare(s, than) > 0 }

// decision is the order in which jobs take their places: first those that are to be on time, then the others.
type decision struct {
	kept  []uint32
	score score
	exact bool
	stay  []uint32 // what [decider.stay] keeps, if that was looked at
}

// decider looks for the best order of a part.
type decider struct {
	*timeline
	steps       int // left
	searchSteps int // for each part
}

func (d *decider) count(jobs []uint32) score {
	s := make(score, d.ranks)
	for _, j := range jobs {
		s[d.rank[j]]++
	}
	return s
}

// decide which jobs of a part are to be on time, and the order in which they take their places. old is an order that is known.
func (d *decider) decide(part, old []uint32) decision {
	jobs := slices.DeleteFunc(slices.Clone(part), d.hopeless)
	bring, shared := d.bringInOrder(jobs)
	free := !d.gated(jobs)
	kept := d.moore(jobs, bring)
	if link, one := d.oneLink(jobs); one && free && !shared {
		if best, ok := d.table(jobs, link); ok {
			return decision{kept: best, score: d.count(best), exact: true}
		}
	}
	all := d.count(jobs)
	best := decision{score: make(score, d.ranks)}
	if len(old) > 0 {
		first := d.stay(part, old)
		best.stay = first.kept
		best.take(first)
	}
	for order := range d.orders(jobs, kept) {
		if d.steps <= 0 && len(best.kept) > 0 || !all.better(best.score) {
			break
		}
		best.take(d.admit(order))
	}
	if !all.better(best.score) {
		best.exact = true
		return best
	}
	d.improve(jobs, &best)
	if !all.better(best.score) {
		best.exact = true
		return best
	}
	switch {
	case free && len(jobs) <= searchSets:
		best.exact = d.search(jobs, inDue, &best)
	case !free && len(part) <= searchAll:
		best.exact = d.search(part, anyOrder, &best)
	case !free && len(jobs) <= searchJobs:
		d.search(jobs, onlyOnTime, &best)
	}
	return best
}

func (b *decision) take(other decision) bool {
	if !other.score.better(b.score) {
		return false
	}
	b.kept, b.score = other.kept, other.score
	return true
}

// gated tells whether a budget can hold some of these jobs.
func (d *decider) gated(jobs []uint32) bool {
	if len(jobs) == 0 {
		return false
	}
	d.forget()
	for _, j := range jobs {
		d.collect(j)
		if len(d.used) > 0 {
			return true
		}
		d.bring()
	}
	return false
}

// oneLink is the link that all of the jobs come over.
func (d *decider) oneLink(jobs []uint32) (link int, one bool) {
	link = -1
	for _, j := range jobs {
		for l, n := range d.needs(j) {
			if n > 0 && link >= 0 && link != l {
				return 0, false
			}
			if n > 0 {
				link = l
			}
		}
	}
	return link, link >= 0
}

// stay keeps who is on time in the old order, and then whoever else can be: who was to be on time stays so, rather than somebody new.
func (d *decider) stay(part, old []uint32) decision {
	return d.admit(slices.DeleteFunc(append(slices.Clone(old), without(part, old)...), d.hopeless))
}

// orders to begin with: what Moore's algorithm keeps and then the rest; by priority, and within one by need-by, which serves who comes first
// in a window where budgets are what is scarce; all by need-by; and by priority and price, or bytes.
func (d *decider) orders(jobs, kept []uint32) iter.Seq[[]uint32] {
	by := func(key []int64) []uint32 {
		order := slices.Clone(jobs)
		slices.SortFunc(order, func(a, b uint32) int {
			return cmp.Or(cmp.Compare(d.rank[a], d.rank[b]), cmp.Compare(key[a], key[b]), cmp.Compare(d.model.place[a], d.model.place[b]))
		})
		return order
	}
	return func(yield func([]uint32) bool) {
		ranks := by(make([]int64, len(d.Jobs)))
		if !yield(append(slices.Clone(kept), without(ranks, kept)...)) || !yield(ranks) || !yield(jobs) {
			return
		}
		usd, bytes := make([]int64, len(d.Jobs)), make([]int64, len(d.Jobs))
		d.forget()
		for _, j := range jobs {
			d.collect(j)
			d.bring()
			for _, b := range d.used {
				usd[j] = max(usd[j], d.charge[b][0])
			}
			for _, n := range d.needs(j) {
				bytes[j] += n
			}
		}
		_ = yield(by(usd)) && yield(by(bytes))
	}
}

// without are the jobs that are not among some.
func without(jobs, some []uint32) []uint32 {
	in := membership(some)
	return slices.DeleteFunc(slices.Clone(jobs), in)
}

// membership of a set of jobs, as a function.
func membership(some []uint32) func(j uint32) bool {
	if len(some) == 0 {
		return func(uint32) bool { return false }
	}
	set := make([]uint64, slices.Max(some)/64+1)
	for _, j := range some {
		set[j/64] |= 1 << (j % 64)
	}
	return func(j uint32) bool { return int(j/64) < len(set) && set[j/64]>>(j%64)&1 == 1 }
}

// admit gives a place to each job, in this order, that is on time with it, and leaves out the others.
func (d *decider) admit(order []uint32) decision {
	d.reset()
	walked := d.walked
	var kept []uint32
	for _, j := range order {
		if o := d.place(j, d.need[j]); o.eta <= d.need[j] {
			kept = append(kept, j)
		}
	}
	d.steps -= d.cost(len(order), walked)
	return decision{kept: kept, score: d.count(kept)}
}

// improve tries each job that is left out among those kept, at its place by need-by, before all others, and in place of one that is kept. What makes
// room is then used by whoever else fits.
func (d *decider) improve(jobs []uint32, best *decision) {
	for again := true; again && d.steps > 0; {
		again = false
		out := without(jobs, best.kept)
		slices.SortStableFunc(out, func(a, b uint32) int { return cmp.Compare(d.rank[a], d.rank[b]) })
		for _, j := range out {
			if again = d.tryIn(j, out, best); again || d.steps <= 0 {
				break
			}
		}
	}
}

func (d *decider) tryIn(j uint32, out []uint32, best *decision) bool {
	kept := slices.Clone(best.kept)
	others := without(out, []uint32{j})
	try := func(at int, list []uint32) bool {
		order := slices.Insert(slices.Clone(list), at, j)
		return d.steps > 0 && best.take(d.admit(append(order, others...)))
	}
	due := func(list []uint32) int {
		for i, k := range list {
			if d.sooner(j, k) < 0 {
				return i
			}
		}
		return len(list)
	}
	if try(due(kept), kept) || try(0, kept) {
		return true
	}
	for i, k := range kept {
		if d.steps <= 0 {
			return false
		}
		if d.rank[k] < d.rank[j] {
			continue
		}
		rest := slices.Delete(slices.Clone(kept), i, i+1)
		if try(due(rest), rest) || try(i, rest) {
			return true
		}
	}
	return false
}

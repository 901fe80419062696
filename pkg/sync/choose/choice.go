package choose

import (
	"cmp"
	"slices"
	"time"

	"github.com/datagravity/datagravity/pkg/cost"
)

// Later is the source of a shard that does not move now.
const Later = ^uint16(0)

// Choice is what moves now.
type Choice struct {
	// Run are the jobs of which everything moves now, in the order to run.
	Run []Run
	// Held are the others, in the order in which they were considered.
	Held []Hold
	// Source of each shard, by its number: a place in [Problem.Sources], or Later.
	Source []uint16
	// Budgets are what moves now uses of each.
	Budgets []Use
	// NanoUSD and Bytes (on the wire) of all that moves now.
	NanoUSD cost.NanoUSD
	Bytes   int64
	Classes []ClassResult
}

// Use of a budget.
type Use struct {
	NanoUSD cost.NanoUSD
	Bytes   int64
}

// ClassResult is what was chosen of the jobs that are needed equally soon.
type ClassResult struct {
	// Day (UTC) by which moving must begin, zero: nobody said. What is late counts as today.
	Day       time.Time
	Priority  int
	Jobs, Run int
	// Value of the jobs that run, and a bound that no choice could pass given the classes before.
	Value, Bound int64
	// Exact: no choice has a greater value.
	Exact bool
}

// Part is some of a job's shards, and what they cost.
type Part struct {
	Shards int
	// Shared are those of them that an earlier job brings, which pays for them.
	Shared  int
	NanoUSD cost.NanoUSD
	Bytes   int64 // on the wire
	// Detours are the shards that come from another than their cheapest source, and Extra is what that costs more.
	Detours int
	Extra   cost.NanoUSD
}

// Run is a job that runs now.
type Run struct {
	Job   int // in the problem
	Class int // in the choice
	Part
}

// Hold is a job that does not run now, or only a part of it.
type Hold struct {
	Job, Class int
	// Part moves now: what other jobs bring of it, and where a part is welcome what fits.
	Part
	// Lacks are the budgets that hold it, and how much more each would have to have for the job to run beside all that runs now. At the
	// sources that fit best; the first lacks the most of its limit.
	Lacks []Lack
}

// Lack is what a budget has too little.
type Lack struct {
	Budget int // in the problem
	// NanoUSD and Bytes missing, 0 where it is not this kind of limit that holds.
	NanoUSD cost.NanoUSD
	Bytes   int64
	// Needs is what the job adds to what runs now, Left what that leaves of the budget.
	Needs, Left Use
}

// Steps that may be taken in search of something better than the first order gives, and of other sources. A step is a sum that changes.
const (
	mostSteps   = 20_000_000
	reliefSteps = 40_000_000
)

// Choose decides. Errors: [ErrProblem].
func Choose(p *Problem) (*Choice, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	s := newState(p)
	c := &Choice{Source: make([]uint16, p.Shards()), Budgets: make([]Use, len(p.Budgets))}
	classes := p.classes()
	s.work, s.relief = mostSteps, reliefSteps
	for _, cl := range classes {
		r := s.decide(cl.jobs)
		r.Day, r.Priority, r.Jobs = cl.day, cl.priority, len(cl.jobs)
		c.Classes = append(c.Classes, r)
	}
	c.report(s, classes)
	return c, nil
}

// report says what was decided.
func (c *Choice) report(s *state, classes []class) {
	p := s.Problem
	for i := range c.Source {
		c.Source[i] = Later
	}
	for i, cl := range classes {
		run := slices.DeleteFunc(slices.Clone(cl.jobs), func(j uint32) bool { return !s.taken[j] })
		c.Classes[i].Run = len(run)
		for _, j := range p.inOrder(run) {
			r := Run{Job: int(j), Class: i}
			for _, shard := range p.Jobs[j].Shards {
				c.move(p, &r.Part, shard, uint32(s.pick[s.of[shard]]))
			}
			c.Run = append(c.Run, r)
		}
	}
	s.relief = lackSteps
	// Only now, so that a part of one job takes nothing from another that runs whole.
	for i, cl := range classes {
		held := slices.DeleteFunc(slices.Clone(cl.jobs), func(j uint32) bool { return s.taken[j] })
		for _, j := range p.inOrder(held) {
			h := Hold{Job: int(j), Class: i, Lacks: s.lacks(j)}
			c.part(p, &h)
			c.Held = append(c.Held, h)
		}
	}
}

// inOrder sorts jobs of a class by value per USD of their full, cheapest price.
func (p *Problem) inOrder(jobs []uint32) []uint32 {
	price := make(map[uint32]int64, len(jobs))
	for _, j := range jobs {
		var sum int64
		for _, shard := range p.Jobs[j].Shards {
			first, _ := p.offers(shard)
			usd, _ := p.total(first)
			sum += usd
		}
		price[j] = sum
	}
	slices.SortFunc(jobs, func(a, b uint32) int {
		va, vb := max(1, p.Jobs[a].Value), max(1, p.Jobs[b].Value)
		switch {
		case ratioLess(vb, price[b], va, price[a]):
			return -1
		case ratioLess(va, price[a], vb, price[b]):
			return 1
		}
		return cmp.Compare(p.Jobs[a].ID, p.Jobs[b].ID)
	})
	return jobs
}

// total of an offer of a shard.
func (p *Problem) total(offer uint32) (usd, bytes int64) {
	from, to := p.charges(offer)
	for c := from; c < to; c++ {
		usd += p.chargeUSD[c]
		bytes += p.chargeBytes[c]
	}
	return usd, bytes
}

// move counts a shard of a job that moves now from one of its offers, which is decided by the first job that needs it.
func (c *Choice) move(p *Problem, part *Part, shard, pick uint32) {
	part.Shards++
	if c.Source[shard] != Later {
		part.Shared++
		return
	}
	first, _ := p.offers(shard)
	offer := first + pick
	c.Source[shard] = p.source[offer]
	usd, bytes := p.total(offer)
	part.NanoUSD += cost.NanoUSD(usd)
	part.Bytes += bytes
	c.NanoUSD += cost.NanoUSD(usd)
	c.Bytes += bytes
	if pick > 0 {
		cheapest, _ := p.total(first)
		part.Detours++
		part.Extra += cost.NanoUSD(usd - cheapest)
	}
	from, to := p.charges(offer)
	for i := from; i < to; i++ {
		for _, b := range p.Routes[p.chargeRoute[i]] {
			c.Budgets[b].NanoUSD += cost.NanoUSD(p.chargeUSD[i])
			c.Budgets[b].Bytes += p.chargeBytes[i]
		}
	}
}

// part moves what fits of a job that is held, if a part is welcome, and counts what others bring of it.
func (c *Choice) part(p *Problem, h *Hold) {
	for _, shard := range p.Jobs[h.Job].Shards {
		if c.Source[shard] != Later {
			h.Shards++
			h.Shared++
			continue
		}
		if !p.Jobs[h.Job].Part {
			continue
		}
		first, end := p.offers(shard)
		for o := first; o < end; o++ {
			if c.fits(p, o) {
				c.move(p, &h.Part, shard, o-first)
				break
			}
		}
	}
}

// fits tells whether an offer fits every budget beside what moves already.
func (c *Choice) fits(p *Problem, offer uint32) bool {
	from, to := p.charges(offer)
	for i := from; i < to; i++ {
		for _, b := range p.Routes[p.chargeRoute[i]] {
			usd, bytes := p.uses(offer, b)
			left := p.Budgets[b]
			if left.LeftNanoUSD >= 0 && int64(c.Budgets[b].NanoUSD)+usd > int64(left.LeftNanoUSD) ||
				left.LeftBytes >= 0 && c.Budgets[b].Bytes+bytes > left.LeftBytes {
				return false
			}
		}
	}
	return true
}

// lacks finds what holds a job.
func (s *state) lacks(job uint32) (list []Lack) {
	room := make([]int64, len(s.dims))
	for d := range s.dims {
		room[d] = s.dims[d].left - s.use[d]
	}
	s.failures = 0
	length := len(s.log)
	s.take(job)
	s.relieve()
	for d, dim := range s.dims {
		missing := s.use[d] - dim.left
		if missing <= 0 {
			continue
		}
		if n := len(list); n == 0 || list[n-1].Budget != int(dim.budget) {
			list = append(list, Lack{Budget: int(dim.budget)})
		}
		l := &list[len(list)-1]
		needs := missing + room[d]
		if dim.bytes {
			l.Bytes, l.Needs.Bytes, l.Left.Bytes = missing, needs, room[d]
		} else {
			l.NanoUSD, l.Needs.NanoUSD, l.Left.NanoUSD = cost.NanoUSD(missing), cost.NanoUSD(needs), cost.NanoUSD(room[d])
		}
	}
	s.undo(length)
	slices.SortStableFunc(list, func(a, b Lack) int { return -cmp.Compare(s.shareOf(a), s.shareOf(b)) })
	return list
}

// lackSteps is what looking for other sources of jobs that are held may take.
const lackSteps = 5_000_000

// shareOf what a budget has left is missing.
func (s *state) shareOf(l Lack) int64 {
	b := s.Budgets[l.Budget]
	return max(share(int64(l.NanoUSD), max(1, int64(b.LeftNanoUSD))), share(l.Bytes, max(1, b.LeftBytes)))
}

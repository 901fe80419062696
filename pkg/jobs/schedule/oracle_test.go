package schedule

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/datagravity/datagravity/pkg/cost"
)

// small is a problem in seconds, bytes and nano-USD: every link carries a byte a second, unless rates says otherwise.
type small struct {
	jobs  int
	needs [][]int // by job: shards, ascending
	need  []int   // by job: second by which it is needed; -1: nobody said
	rank  []int   // by job: priority
	link  []int   // by shard
	bytes []int
	usd   []int
	left  []int // by budget: the open window
	whole []int // by budget: later ones
	reset [][]int
	pays  [][]int // by link: budgets
	rates [][2]int
}

// problem is the same for the planner.
func (s *small) problem() *Problem {
	p := &Problem{Now: now}
	links := len(s.pays)
	for l := range links {
		link := Link{Name: fmt.Sprint("link", l)}
		at := 0
		for _, r := range s.rates { // seconds, bytes a second
			at += r[0]
			link.Rates = append(link.Rates, Rate{now.Add(time.Duration(at) * time.Second), int64(r[1]) * 8})
		}
		link.Rates = append(link.Rates, Rate{BitsPerSecond: 8})
		p.Links = append(p.Links, link)
		var route []uint16
		for _, b := range s.pays[l] {
			route = append(route, uint16(b))
		}
		p.Routes = append(p.Routes, route)
	}
	for b := range s.left {
		budget := Budget{Name: fmt.Sprint("b", b), LeftNanoUSD: cost.NanoUSD(s.left[b]), LeftBytes: -1, LimitNanoUSD: cost.NanoUSD(s.whole[b])}
		for _, r := range s.reset[b] {
			budget.Resets = append(budget.Resets, now.Add(time.Duration(r)*time.Second))
		}
		p.Budgets = append(p.Budgets, budget)
	}
	for i := range s.link {
		p.AddShard(Shard{Link: uint16(s.link[i]), Route: uint16(s.link[i]), MissingBytes: int64(s.bytes[i]), NanoUSD: cost.NanoUSD(s.usd[i])})
	}
	for j := range s.jobs {
		job := Job{ID: fmt.Sprint("j", j), Priority: s.rank[j]}
		if s.need[j] >= 0 {
			job.NeedBy = now.Add(time.Duration(s.need[j]) * time.Second)
		}
		for _, i := range s.needs[j] {
			job.Shards = append(job.Shards, Range{uint32(i), uint32(i + 1)})
		}
		p.Jobs = append(p.Jobs, job)
	}
	return p
}

// drawSmall makes a problem of two links and two budgets whose jobs share shards.
func drawSmall(r *rand.Rand, jobs int) *small {
	s := &small{jobs: jobs, pays: [][]int{{0}, {0, 1}}}
	for i := range 3 + r.IntN(8) {
		s.link = append(s.link, i%2)
		s.bytes, s.usd = append(s.bytes, 1+r.IntN(9)), append(s.usd, r.IntN(8))
	}
	for range 2 {
		s.left, s.whole = append(s.left, r.IntN(20)), append(s.whole, 8+r.IntN(20))
		s.reset = append(s.reset, []int{10 + r.IntN(10), 30 + r.IntN(10)})
	}
	for range jobs {
		var needs []int
		for i := range s.link {
			if r.IntN(4) == 0 {
				needs = append(needs, i)
			}
		}
		s.needs, s.rank = append(s.needs, needs), append(s.rank, r.IntN(2))
		need := 3 + r.IntN(45)
		if r.IntN(8) == 0 {
			need = -1
		}
		s.need = append(s.need, need)
	}
	return s
}

// oracle gives the jobs places in an order, second by second, and counts those on time by priority, the higher one first. It shares no code with
// the planner.
func (s *small) oracle(order []int) (onTime [2]int) {
	const horizon = 300
	busy := make([][horizon]bool, len(s.pays))
	arrives := make([]int, len(s.link)) // 0: nobody brings it
	spent := make([][]int, len(s.left))
	for b := range spent {
		spent[b] = make([]int, len(s.reset[b])+1)
	}
	for _, j := range order {
		work, pays := make([]int, len(s.pays)), make([]int, len(s.left))
		var own []int
		for _, i := range s.needs[j] {
			if arrives[i] == 0 {
				own = append(own, i)
				work[s.link[i]] += s.bytes[i]
				for _, b := range s.pays[s.link[i]] {
					pays[b] += s.usd[i]
				}
			}
		}
		start := -1
		for t := 0; t < horizon-100 && start < 0 && len(own) > 0; t++ {
			can := false
			for l := range work {
				can = can || work[l] > 0 && !busy[l][t]
			}
			for b := range pays {
				w, left := s.window(b, t)
				can = can && spent[b][w]+pays[b] <= left
			}
			if can {
				start = t
			}
		}
		if len(own) > 0 && start < 0 {
			continue
		}
		for b := range pays {
			w, _ := s.window(b, max(0, start))
			spent[b][w] += pays[b]
		}
		for l := range work {
			t := max(0, start)
			for ; work[l] > 0; t++ {
				if !busy[l][t] {
					busy[l][t] = true
					work[l]--
				}
			}
			for _, i := range own {
				if s.link[i] == l {
					arrives[i] = t
				}
			}
		}
		ready := 0
		for _, i := range s.needs[j] {
			ready = max(ready, arrives[i])
		}
		if s.need[j] >= 0 && ready <= s.need[j] {
			onTime[1-s.rank[j]]++
		}
	}
	return onTime
}

// window that is open at a second, and what it had when it began.
func (s *small) window(b, t int) (w, left int) {
	for w < len(s.reset[b]) && s.reset[b][w] <= t {
		w++
	}
	if w == 0 {
		return 0, s.left[b]
	}
	return w, s.whole[b]
}

// best looks at all orders.
func (s *small) best() (best [2]int) {
	order := make([]int, s.jobs)
	for j := range order {
		order[j] = j
	}
	var permute func(k int)
	permute = func(k int) {
		if k == len(order) {
			if got := s.oracle(order); got[0] > best[0] || got[0] == best[0] && got[1] > best[1] {
				best = got
			}
			return
		}
		for i := k; i < len(order); i++ {
			order[k], order[i] = order[i], order[k]
			permute(k + 1)
			order[k], order[i] = order[i], order[k]
		}
	}
	permute(0)
	return best
}

// planned counts the jobs on time by priority. Those that miss nothing count as well.
func planned(p *Problem, plan *Plan) (onTime [2]int) {
	for j, jp := range plan.Jobs {
		if !p.Jobs[j].NeedBy.IsZero() && (jp.State == OnTime || jp.State == Ready) {
			onTime[1-p.Jobs[j].Priority]++
		}
	}
	return onTime
}

package choose

import (
	"container/heap"
	"math/bits"
	"slices"
)

// order is what decides which job is taken next: the one with the greatest ratio of its value to a weight.
type order int

// The orders that are tried.
const (
	byUSD      order = iota // what it adds to the bill
	byShadow                // what its shares cost at the shadow prices of the limits
	byShares                // the sum of its shares of what is left of every limit
	byScarcest              // the largest of these shares
	byValue                 // 1
	orders
)

// decide makes the best choice it finds for the jobs of a class and returns what it knows about it. What was taken before stays.
func (s *state) decide(jobs []uint32) ClassResult {
	jobs = slices.DeleteFunc(slices.Clone(jobs), func(j uint32) bool { return s.taken[j] })
	r := ClassResult{}
	s.shadow = nil
	work := s.work
	best := s.greedy(jobs, byUSD)
	s.work = work
	if r.Bound = best.value; !s.all(jobs) {
		s.undo(0)
		r.Bound, s.shadow = s.bound(jobs, best.value)
	}
	for o := byShadow; o < orders && best.value < r.Bound && s.work > 0; o++ {
		if f := s.greedy(jobs, o); f.better(best) {
			best = f
		}
	}
	if near := r.Bound / nearEnough; best.value < r.Bound-near || len(jobs) <= exactJobs && best.value < r.Bound {
		best = s.improve(jobs, best)
	}
	if best.value < r.Bound && len(jobs) <= exactJobs {
		best, r.Exact = s.search(jobs, best)
	}
	work = s.work
	s.restore(best)
	s.fill(jobs, byUSD)
	s.work = work
	if slices.ContainsFunc(s.log, func(st step) bool { return st.kind == movedLot }) {
		s.cheapen()
	}
	for _, j := range jobs {
		if s.taken[j] {
			r.Value += s.value(j)
		}
	}
	if r.Exact = r.Exact || r.Value >= r.Bound; r.Exact {
		r.Bound = r.Value
	}
	s.log = s.log[:0]
	return r
}

// nearEnough: where at most one part in so many can be gained, a large class is not searched further.
const nearEnough = 100

// found is a choice for a class that can be gone back to.
type found struct {
	value, usd int64
	steps      []step // what leads to it: jobs taken, and lots moved to a pick
}

// better tells whether it is worth more, or the same and costs less.
func (f found) better(than found) bool {
	return f.value > than.value || f.value == than.value && f.usd < than.usd
}

// note keeps the state as it is now, of which the class's choice begins where the log is empty.
func (s *state) note(jobs []uint32) found {
	f := found{usd: s.usd}
	for _, j := range jobs {
		if s.taken[j] {
			f.value += s.value(j)
			f.steps = append(f.steps, step{kind: tookJob, at: j})
		}
	}
	for i := len(s.log) - 1; i >= 0; i-- { // the same lot again only repeats what restore has done
		if st := s.log[i]; st.kind == movedLot && s.wants[st.at] > 0 {
			f.steps = append(f.steps, step{kind: movedLot, at: st.at, pick: s.pick[st.at]})
		}
	}
	return f
}

// restore goes to what note kept, from anywhere in the same class.
func (s *state) restore(f found) {
	s.undo(0)
	for _, st := range f.steps {
		if st.kind == tookJob {
			s.take(st.at)
		}
	}
	for _, st := range f.steps {
		if st.kind == movedLot && s.pick[st.at] != st.pick {
			s.move(st.at, st.pick)
		}
	}
}

// greedy takes jobs in one of the orders, from where the class begins.
func (s *state) greedy(jobs []uint32, o order) found {
	s.undo(0)
	s.fill(jobs, o)
	return s.note(jobs)
}

func (s *state) all(jobs []uint32) bool {
	return !slices.ContainsFunc(jobs, func(j uint32) bool { return !s.taken[j] })
}

// fill takes what fits, one job after the other. A job that did not fit is tried again once it shares lots with one that was taken since.
func (s *state) fill(jobs []uint32, o order) {
	room := s.room()
	if s.version == nil {
		s.version = make([]uint32, len(s.Jobs))
	}
	q := &queue{state: s, list: make([]queued, 0, len(jobs))}
	entry := func(j uint32) queued {
		s.version[j]++
		return queued{j, s.version[j], s.weight(j, o, room)}
	}
	s.newlyChanged()
	s.failures = 0
	for _, j := range jobs {
		if !s.taken[j] {
			q.list = append(q.list, entry(j))
		}
	}
	heap.Init(q)
	for q.Len() > 0 {
		next := heap.Pop(q).(queued)
		if s.version[next.job] == next.version && s.try(next.job) {
			for _, j := range s.newlyChanged() {
				if !s.taken[j] && s.version[j] > 0 {
					heap.Push(q, entry(j))
				}
			}
		}
	}
	for _, j := range jobs {
		s.version[j] = 0
	}
}

// queue of jobs, the best first.
type queue struct {
	*state
	list []queued
}

type queued struct {
	job     uint32
	version uint32
	weight  int64
}

// Len is how many there are.
func (q *queue) Len() int { return len(q.list) }

// Swap two.
func (q *queue) Swap(i, k int) { q.list[i], q.list[k] = q.list[k], q.list[i] }

// Push adds one.
func (q *queue) Push(x any) { q.list = append(q.list, x.(queued)) }

// Pop takes the last.
func (q *queue) Pop() any {
	last := q.list[len(q.list)-1]
	q.list = q.list[:len(q.list)-1]
	return last
}

// Less tells whether one comes before another.
func (q *queue) Less(i, k int) bool {
	a, b := q.list[i], q.list[k]
	switch {
	case q.before(a.job, a.weight, b.job, b.weight):
		return true
	case q.before(b.job, b.weight, a.job, a.weight):
		return false
	case a.job != b.job:
		return q.Jobs[a.job].ID < q.Jobs[b.job].ID
	}
	return a.version > b.version
}

// before tells whether j is taken before k whatever their ids.
func (s *state) before(j uint32, weight int64, k uint32, other int64) bool {
	v, w := s.value(j), s.value(k)
	switch {
	case ratioLess(w, other, v, weight):
		return true
	case ratioLess(v, weight, w, other):
		return false
	case weight == 0 && other == 0 && s.bytes[j] != s.bytes[k]:
		return ratioLess(w, s.bytes[k], v, s.bytes[j])
	}
	return false
}

// room is what is left of every limit.
func (s *state) room() []int64 {
	room := make([]int64, len(s.dims))
	for d := range s.dims {
		room[d] = max(0, s.dims[d].left-s.use[d])
	}
	return room
}

// weight of a job in an order.
func (s *state) weight(j uint32, o order, room []int64) (w int64) {
	switch o {
	case byUSD:
		return s.price[j]
	case byValue:
		return 1
	case byShadow:
		s.work -= int64(len(s.dims))
		return s.shadow.weight(s.demand(j))
	}
	s.work -= int64(len(s.dims))
	for d, n := range s.demand(j) {
		part := share(n, room[d])
		if o == byShares {
			w += part
		} else {
			w = max(w, part)
		}
	}
	return w
}

// shareUnit is all of what is left. A share beyond it a million times over counts as no more than that.
const (
	shareUnit = 1 << 20
	mostShare = 1 << 40
)

// share of n in room, in units of shareUnit.
func share(n, room int64) int64 {
	if n <= 0 {
		return 0
	}
	hi, lo := bits.Mul64(uint64(n), shareUnit)
	if room <= 0 || hi >= uint64(room) {
		return mostShare
	}
	q, _ := bits.Div64(hi, lo, uint64(room))
	return int64(min(max(q, 1), mostShare))
}

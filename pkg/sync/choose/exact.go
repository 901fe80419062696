package choose

import (
	"math/bits"
	"slices"
)

// Up to so many jobs of a class are searched through, and so many lots with a choice of sources: 2^20 sets at worst, of which the bound leaves
// few. exactSteps bounds the search for sources of one set.
const (
	exactJobs  = 20
	exactLots  = 24
	exactSteps = 20_000
)

// search is a branch and bound over the jobs of a class: the best choice, and whether it is proven.
type search struct {
	*state
	jobs   []uint32
	best   found
	proven bool
}

func (s *state) search(jobs []uint32, best found) (found, bool) {
	s.undo(0)
	b := &search{state: s, best: best, proven: true}
	// Decided first: what is worth most of what is scarce, so that the first path down is a good one.
	room := s.room()
	b.jobs = slices.Clone(jobs)
	weights := make(map[uint32]int64, len(jobs))
	for _, j := range jobs {
		weights[j] = s.weight(j, byScarcest, room)
	}
	slices.SortStableFunc(b.jobs, func(j, k uint32) int {
		switch {
		case s.before(j, weights[j], k, weights[k]):
			return -1
		case s.before(k, weights[k], j, weights[j]):
			return 1
		}
		return 0
	})
	b.branch(0, 0)
	return b.best, b.proven
}

// branch decides the jobs from the i-th on; those before have this value.
func (b *search) branch(i int, value int64) {
	if b.work <= 0 {
		b.proven = false
		return
	}
	if i == len(b.jobs) {
		if f := (found{value: value, usd: b.usd}); f.better(b.best) {
			b.best = b.note(b.jobs)
		}
		return
	}
	if most := value + b.divided(b.jobs[i:], b.parts(b.jobs[i:])); most < b.best.value || most == b.best.value && b.usd >= b.best.usd {
		return
	}
	length := len(b.log)
	if !b.hopeless(b.jobs[i]) {
		b.take(b.jobs[i])
		if b.relieve() || b.rearrange() {
			b.branch(i+1, value+b.state.value(b.jobs[i]))
		}
		b.undo(length)
	}
	b.branch(i+1, value)
}

// rearrange looks for sources that fit among all that there are, after relieve found none. It gives up, and with it the proof, where there
// are too many.
func (b *search) rearrange() bool {
	var choices []uint32
	for _, lot := range b.state.choices {
		if b.wants[lot] > 0 {
			choices = append(choices, lot)
		}
	}
	b.work -= int64(len(b.state.choices)) + 1
	for d := range b.dims {
		if b.least[d] > b.dims[d].left {
			return false
		}
	}
	if len(choices) == 0 {
		return false
	}
	if len(choices) > exactLots {
		b.proven = false
		return false
	}
	// What all the others use, and what each choice uses at least.
	use, floor := slices.Clone(b.use), make([]int64, len(b.dims))
	for _, lot := range choices {
		first, _ := b.lots.offers(lot)
		b.charge(use, first+uint32(b.pick[lot]), -1)
		b.chargeLeast(floor, lot, 1)
	}
	picks := make([]uint8, len(choices))
	steps := exactSteps
	var assign func(i int) bool
	assign = func(i int) bool {
		if steps--; steps < 0 {
			b.proven = false
			return false
		}
		for d := range use {
			if use[d]+floor[d] > b.dims[d].left {
				return false
			}
		}
		if i == len(choices) {
			return true
		}
		first, end := b.lots.offers(choices[i])
		b.chargeLeast(floor, choices[i], -1)
		defer b.chargeLeast(floor, choices[i], 1)
		for o := first; o < end; o++ {
			picks[i] = uint8(o - first)
			b.charge(use, o, 1)
			if assign(i + 1) {
				return true
			}
			b.charge(use, o, -1)
		}
		return false
	}
	if !assign(0) {
		return false
	}
	for i, lot := range choices {
		if b.pick[lot] != picks[i] {
			b.move(lot, picks[i])
		}
	}
	return true
}

// mulDiv is a*b/c rounded up, for a result that fits.
func mulDiv(a, b, c int64) int64 {
	hi, lo := bits.Mul64(uint64(a), uint64(b))
	q, rest := bits.Div64(hi, lo, uint64(c))
	if rest > 0 {
		q++
	}
	return int64(q)
}

package choose

import "math/bits"

// state is a choice that is being made: the jobs taken, where their lots come from, and what that uses.
//
// A dimension is one limit of one budget, in nano-USD or bytes. Budgets without a limit of a kind have no dimension of it.
type state struct {
	*Problem
	*lots
	dims  []dimension
	usdOf []int32 // by budget: its dimension in nano-USD, or -1
	bytOf []int32 // by budget: its dimension in bytes, or -1

	taken []bool   // by job
	wants []uint32 // by lot: how many of the jobs taken need it
	pick  []uint8  // by lot that is wanted: which of its offers
	use   []int64  // by dimension: what the jobs taken use
	least []int64  // by dimension: what they use whatever is picked
	usd   int64    // what the jobs taken cost

	// What each job that is not taken would add, by job and dimension: with every lot from its cheapest source, and at least.
	need, needLeast []int64
	price           []int64 // by job: what it would add to usd
	bytes           []int64 // by job: and in bytes on the wire

	// choices are the lots with several offers.
	choices []uint32
	// changed are the jobs of which need fell or rose since somebody last looked, marked in isChanged.
	changed   []uint32
	isChanged []bool
	version   []uint32 // by job: which of its entries in the queue of fill counts; 0: it has none
	detour    []detour // scratch of relieve
	change    []int64  // scratch of fits
	amounts   []amount // scratch of charge
	failures  int      // of relieve, since fill began
	among     []uint32 // by lot: scratch of count, zero between uses

	shadow *shadowPrices // of the class that is decided; nil: all of it fits

	log []step
	// Steps that may still be made: work in search of something better than the first order gives, relief in search of other sources.
	work, relief int64
}

// dimension is one limit.
type dimension struct {
	budget uint16
	bytes  bool
	left   int64
}

// step is one change of the state, to be undone.
type step struct {
	kind stepKind
	at   uint32 // a job, or a lot
	pick uint8  // the lot's before
}

type stepKind uint8

const (
	tookJob stepKind = iota
	gaveJob
	movedLot
)

func newState(p *Problem) *state {
	s := &state{Problem: p, lots: newLots(p)}
	for i, b := range p.Budgets {
		s.usdOf, s.bytOf = append(s.usdOf, -1), append(s.bytOf, -1)
		if b.LeftNanoUSD >= 0 {
			s.usdOf[i] = int32(len(s.dims))
			s.dims = append(s.dims, dimension{uint16(i), false, int64(b.LeftNanoUSD)})
		}
		if b.LeftBytes >= 0 {
			s.bytOf[i] = int32(len(s.dims))
			s.dims = append(s.dims, dimension{uint16(i), true, b.LeftBytes})
		}
	}
	s.taken = make([]bool, len(p.Jobs))
	s.wants, s.pick = make([]uint32, s.count()), make([]uint8, s.count())
	s.use, s.least = make([]int64, len(s.dims)), make([]int64, len(s.dims))
	s.need, s.needLeast = make([]int64, len(p.Jobs)*len(s.dims)), make([]int64, len(p.Jobs)*len(s.dims))
	s.price, s.bytes = make([]int64, len(p.Jobs)), make([]int64, len(p.Jobs))
	s.isChanged, s.among = make([]bool, len(p.Jobs)), make([]uint32, s.count())
	for lot := range uint32(s.count()) {
		if first, end := s.lots.offers(lot); end-first > 1 {
			s.choices = append(s.choices, lot)
		}
		s.free(lot, 1)
	}
	return s
}

// demand of a job that is not taken, by dimension.
func (s *state) demand(job uint32) []int64 {
	return s.need[int(job)*len(s.dims) : (int(job)+1)*len(s.dims)]
}

// leastDemand of a job that is not taken, by dimension.
func (s *state) leastDemand(job uint32) []int64 {
	return s.needLeast[int(job)*len(s.dims) : (int(job)+1)*len(s.dims)]
}

// charge adds what an offer of a lot uses, sign times, to a sum by dimension.
func (s *state) charge(sum []int64, offer uint32, sign int64) {
	s.amounts = s.addAmounts(s.amounts[:0], offer)
	s.sum(sum, sign)
}

// chargeLeast adds what a lot uses at least.
func (s *state) chargeLeast(sum []int64, lot uint32, sign int64) {
	s.amounts = s.addLeast(s.amounts[:0], lot)
	s.sum(sum, sign)
}

func (s *state) sum(sum []int64, sign int64) {
	for _, a := range s.amounts {
		sum[a.dim] += sign * a.n
	}
	s.work -= int64(len(s.amounts))
}

// total of an offer of a lot.
func (l *lots) total(offer uint32) (usd, bytes int64) {
	from, to := l.charges(offer)
	for c := from; c < to; c++ {
		usd += l.chargeUSD[c]
		bytes += l.chargeBytes[c]
	}
	return usd, bytes
}

// free has the jobs that need a lot pay for it (sign 1), or not any more (-1), because another one does.
func (s *state) free(lot uint32, sign int64) {
	first, _ := s.lots.offers(lot)
	usd, bytes := s.lots.total(first)
	s.amounts = s.addAmounts(s.amounts[:0], first)
	paid := len(s.amounts)
	s.amounts = s.addLeast(s.amounts, lot)
	jobs := s.jobsOf(lot)
	s.work -= int64(len(jobs) * len(s.amounts))
	for _, job := range jobs {
		need, least := s.demand(job), s.leastDemand(job)
		for _, a := range s.amounts[:paid] {
			need[a.dim] += sign * a.n
		}
		for _, a := range s.amounts[paid:] {
			least[a.dim] += sign * a.n
		}
		s.price[job] += sign * usd
		s.bytes[job] += sign * bytes
		if !s.isChanged[job] {
			s.isChanged[job] = true
			s.changed = append(s.changed, job)
		}
	}
}

// amount of a dimension.
type amount struct {
	dim int32
	n   int64
}

// addAmounts lists what an offer of a lot uses.
func (s *state) addAmounts(list []amount, offer uint32) []amount {
	from, to := s.lots.charges(offer)
	for c := from; c < to; c++ {
		for _, b := range s.Routes[s.lots.chargeRoute[c]] {
			if d := s.usdOf[b]; d >= 0 {
				list = append(list, amount{d, s.lots.chargeUSD[c]})
			}
			if d := s.bytOf[b]; d >= 0 {
				list = append(list, amount{d, s.lots.chargeBytes[c]})
			}
		}
	}
	return list
}

// addLeast lists what a lot uses at least.
func (s *state) addLeast(list []amount, lot uint32) []amount {
	first, end := s.lots.offers(lot)
	if end-first == 1 {
		return s.addAmounts(list, first)
	}
	for i := before(s.leastEnd, lot); i < s.leastEnd[lot]; i++ {
		if d := s.usdOf[s.leastOf[i]]; d >= 0 {
			list = append(list, amount{d, s.leastUSD[i]})
		}
		if d := s.bytOf[s.leastOf[i]]; d >= 0 {
			list = append(list, amount{d, s.leastBytes[i]})
		}
	}
	return list
}

// take adds a job, each new lot from its cheapest source. What it uses may be more than is left.
func (s *state) take(job uint32) {
	s.log = append(s.log, step{kind: tookJob, at: job})
	s.setTaken(job)
}

func (s *state) setTaken(job uint32) {
	s.taken[job] = true
	for _, lot := range s.ofJob(job) {
		if s.wants[lot]++; s.wants[lot] == 1 {
			s.pick[lot] = 0
			s.countLot(lot, 1)
		}
	}
}

// countLot counts a lot in or out.
func (s *state) countLot(lot uint32, sign int64) {
	first, _ := s.lots.offers(lot)
	offer := first + uint32(s.pick[lot])
	s.charge(s.use, offer, sign)
	s.chargeLeast(s.least, lot, sign)
	usd, _ := s.lots.total(offer)
	s.usd += sign * usd
	s.free(lot, -sign)
}

// give takes a job out again.
func (s *state) give(job uint32) {
	for _, lot := range s.ofJob(job) {
		if s.wants[lot] == 1 && s.pick[lot] != 0 {
			s.move(lot, 0) // so that undoing brings it back to where it was
		}
	}
	s.log = append(s.log, step{kind: gaveJob, at: job})
	s.setGiven(job)
}

func (s *state) setGiven(job uint32) {
	s.taken[job] = false
	for _, lot := range s.ofJob(job) {
		if s.wants[lot]--; s.wants[lot] == 0 {
			s.countLot(lot, -1)
		}
	}
}

// move has a lot that is wanted come from another of its offers.
func (s *state) move(lot uint32, pick uint8) {
	s.log = append(s.log, step{kind: movedLot, at: lot, pick: s.pick[lot]})
	s.setPick(lot, pick)
}

func (s *state) setPick(lot uint32, pick uint8) {
	first, _ := s.lots.offers(lot)
	was, is := first+uint32(s.pick[lot]), first+uint32(pick)
	s.charge(s.use, was, -1)
	s.charge(s.use, is, 1)
	before, _ := s.lots.total(was)
	after, _ := s.lots.total(is)
	s.usd += after - before
	s.pick[lot] = pick
}

// undo goes back to when the log had this length.
func (s *state) undo(length int) {
	for len(s.log) > length {
		last := s.log[len(s.log)-1]
		s.log = s.log[:len(s.log)-1]
		switch last.kind {
		case tookJob:
			s.setGiven(last.at)
		case gaveJob:
			s.setTaken(last.at)
		case movedLot:
			s.setPick(last.at, last.pick)
		}
	}
}

// over is the first dimension of which more is used than is left, or -1.
func (s *state) over() int {
	for d := range s.dims {
		if s.use[d] > s.dims[d].left {
			return d
		}
	}
	return -1
}

// hopeless tells that a job cannot be added whatever the sources.
func (s *state) hopeless(job uint32) bool { return !s.within(s.least, s.leastDemand(job)) }

// within tells whether so much more than is used fits every limit.
func (s *state) within(use, more []int64) bool {
	s.work -= int64(len(s.dims))
	for d := range s.dims {
		if use[d]+more[d] > s.dims[d].left {
			return false
		}
	}
	return true
}

// try takes a job if that fits, with other sources for some lots if need be.
func (s *state) try(job uint32) bool {
	if s.within(s.use, s.demand(job)) {
		s.take(job)
		return true
	}
	if !s.mayRelieve() || s.hopeless(job) {
		return false
	}
	length := len(s.log)
	s.take(job)
	if s.relieve() {
		return true
	}
	s.undo(length)
	return false
}

// newlyChanged returns the jobs whose need changed since the last call.
func (s *state) newlyChanged() []uint32 {
	list := s.changed
	for _, j := range list {
		s.isChanged[j] = false
	}
	s.changed = s.changed[:0]
	return list
}

// value of a job.
func (s *state) value(job uint32) int64 { return max(1, s.Jobs[job].Value) }

// ratioLess tells whether a/b < c/d, all of them at least 0; something for nothing is more than anything.
func ratioLess(a, b, c, d int64) bool {
	hi1, lo1 := bits.Mul64(uint64(a), uint64(d))
	hi2, lo2 := bits.Mul64(uint64(c), uint64(b))
	return hi1 < hi2 || hi1 == hi2 && lo1 < lo2
}

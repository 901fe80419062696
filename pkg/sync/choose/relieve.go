package choose

import "slices"

// detour is a lot that could come from another source.
type detour struct {
	lot    uint32
	pick   uint8
	extra  int64 // what it costs more
	relief int64 // how much less it uses of the dimension that is over
}

// relieve moves lots to other sources until nothing is used beyond what is left, those first whose detour costs least for what
// it frees. It tells whether it succeeded; otherwise the state is left as near as it came.
func (s *state) relieve() bool {
	if s.over() < 0 {
		return true
	}
	ok := s.mayRelieve() && s.relieveAll()
	if !ok {
		s.failures++
	}
	return ok
}

// mayRelieve tells whether looking for other sources is worth the work.
func (s *state) mayRelieve() bool {
	return len(s.choices) > 0 && s.relief > 0 && (len(s.choices) <= fewShards || s.failures < mostFailures)
}

// mostFailures of relieve while jobs are taken one after the other, where each is a search through thousands of lots: what is left
// elsewhere is then so little that the next one will hardly find more.
const mostFailures = 8

func (s *state) relieveAll() bool {
	for range s.dims { // relieving one never puts another over
		d := s.over()
		if d < 0 {
			return true
		}
		if s.least[d] > s.dims[d].left || !s.relieveOne(d) {
			return false
		}
	}
	return s.over() < 0
}

func (s *state) relieveOne(d int) bool {
	list := s.detour[:0]
	for _, lot := range s.choices {
		if s.wants[lot] > 0 {
			list = s.detours(list, lot, d)
		}
	}
	s.detour = list
	s.relief -= int64(len(s.choices) + 8*len(list))
	slices.SortFunc(list, func(a, b detour) int {
		switch {
		case ratioLess(max(0, a.extra), a.relief, max(0, b.extra), b.relief):
			return -1
		case ratioLess(max(0, b.extra), b.relief, max(0, a.extra), a.relief):
			return 1
		case a.lot != b.lot:
			return int(int64(a.lot) - int64(b.lot))
		}
		return int(a.pick) - int(b.pick)
	})
	// Where a look at all lots is dear, somewhat more than is needed now: the next job is spared it, and cheapen brings back what was too much.
	enough := s.dims[d].left
	if len(s.choices) > fewShards {
		enough -= enough / 64
	}
	for _, c := range list {
		if s.use[d] <= enough {
			return true
		}
		// A lot that has moved already moves again only if that relieves more.
		if s.fits(c.lot, c.pick, d) {
			s.move(c.lot, c.pick)
		}
	}
	return s.use[d] <= s.dims[d].left
}

// detours adds those of a lot that relieve a dimension.
func (s *state) detours(list []detour, lot uint32, d int) []detour {
	first, end := s.lots.offers(lot)
	now := first + uint32(s.pick[lot])
	uses := s.offerUses(now, d)
	if uses == 0 {
		return list
	}
	price, _ := s.lots.total(now)
	for o := first; o < end; o++ {
		if then := s.offerUses(o, d); then < uses {
			usd, _ := s.lots.total(o)
			list = append(list, detour{lot, uint8(o - first), usd - price, uses - then})
		}
	}
	return list
}

// offerUses is what an offer of a lot uses of a dimension.
func (s *state) offerUses(offer uint32, d int) (sum int64) {
	from, to := s.lots.charges(offer)
	for c := from; c < to; c++ {
		for _, b := range s.Routes[s.lots.chargeRoute[c]] {
			switch {
			case b != s.dims[d].budget:
			case s.dims[d].bytes:
				sum += s.lots.chargeBytes[c]
			default:
				sum += s.lots.chargeUSD[c]
			}
		}
	}
	s.relief -= int64(to - from)
	return sum
}

// fits tells whether a lot can come from another offer without more use of any dimension than is left; but for the one that is
// over (-1: none), of which it must be less.
func (s *state) fits(lot uint32, pick uint8, over int) bool {
	if s.change == nil {
		s.change = make([]int64, len(s.dims))
	}
	change := s.change
	clear(change)
	first, _ := s.lots.offers(lot)
	s.charge(change, first+uint32(s.pick[lot]), -1)
	s.charge(change, first+uint32(pick), 1)
	for d, n := range change {
		if n > 0 && (d == over || s.use[d]+n > s.dims[d].left) {
			return false
		}
	}
	return true
}

// cheapen brings lots back from detours that are no longer needed, what saves most first.
func (s *state) cheapen() {
	var list []detour
	s.relief -= int64(len(s.choices))
	for _, lot := range s.choices {
		if s.wants[lot] == 0 || s.pick[lot] == 0 {
			continue
		}
		first, _ := s.lots.offers(lot)
		now, _ := s.lots.total(first + uint32(s.pick[lot]))
		for pick := range s.pick[lot] {
			if usd, _ := s.lots.total(first + uint32(pick)); usd < now {
				list = append(list, detour{lot: lot, pick: pick, extra: now - usd})
			}
		}
	}
	slices.SortStableFunc(list, func(a, b detour) int {
		switch {
		case a.extra > b.extra:
			return -1
		case a.extra < b.extra:
			return 1
		}
		return 0
	})
	for _, c := range list {
		if c.pick < s.pick[c.lot] && s.fits(c.lot, c.pick, -1) {
			s.move(c.lot, c.pick)
		}
	}
}

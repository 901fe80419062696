package choose

import (
	"cmp"
	"slices"
)

// improve gives up each chosen job, takes others in its place, and keeps what is better, until nothing is or the work is done.
func (s *state) improve(jobs []uint32, best found) found {
	s.restore(best)
	for again := true; again && s.work > 0; {
		again = false
		for _, out := range s.cheapestFirst(jobs) {
			if s.work <= 0 {
				break
			}
			if !s.taken[out] {
				continue // given up for another one meanwhile
			}
			length := len(s.log)
			s.give(out)
			for _, o := range []order{byShadow, byValue} {
				begun := len(s.log)
				s.fill(others(jobs, out), o)
				s.try(out)
				if f := s.note(jobs); f.better(best) {
					best, again = f, true
					length = len(s.log)
					break
				}
				s.undo(begun)
			}
			s.undo(length)
		}
	}
	return best
}

func others(jobs []uint32, but uint32) []uint32 {
	return slices.DeleteFunc(slices.Clone(jobs), func(j uint32) bool { return j == but })
}

// cheapestFirst are the jobs taken, what is worth least first.
func (s *state) cheapestFirst(jobs []uint32) []uint32 {
	list := slices.DeleteFunc(slices.Clone(jobs), func(j uint32) bool { return !s.taken[j] })
	slices.SortStableFunc(list, func(a, b uint32) int { return cmp.Compare(s.value(a), s.value(b)) })
	return list
}

package choose

import "slices"

// divided is a value that no choice of these jobs can pass, given what was taken before: for each limit the jobs are taken as divisible, and
// each pays, of a lot that several of them need, only its part. Whichever of them are chosen, they use at least the sum of these
// parts. The least of the bounds counts.
func (s *state) divided(jobs []uint32, parts []int64) (best int64) {
	for _, j := range jobs {
		best += s.value(j)
	}
	weights := make([]int64, len(jobs))
	for d := range s.dims {
		left := s.dims[d].left - s.least[d]
		for i, j := range jobs {
			weights[i] = parts[i*len(s.dims)+d]
			if s.leastDemand(j)[d] > left {
				weights[i] = never
			}
		}
		best = min(best, s.divisible(jobs, weights, left))
	}
	return best
}

// bound is the best of two: [state.divided], and that of shadow prices for all limits together, which it returns too. least is a value that
// some choice has.
func (s *state) bound(jobs []uint32, least int64) (int64, *shadowPrices) {
	parts := s.parts(jobs)
	left, values := make([]int64, len(s.dims)), make([]int64, len(jobs))
	for d := range s.dims {
		// Where nothing is left, whoever needs it is hopeless, and the others do not count.
		left[d] = max(1, s.dims[d].left-s.least[d])
	}
	for i, j := range jobs {
		if !s.hopeless(j) {
			values[i] = s.value(j)
		}
	}
	prices, bound := newShadowPrices(parts, left, values, least)
	return min(bound, s.divided(jobs, parts)), prices
}

// never is the weight of a job that does not fit.
const never = int64(1) << 62

// roundedDown is a share that is never more than it is.
func roundedDown(n, room int64) int64 {
	if n >= room {
		return min(mostShare, n/room*shareUnit)
	}
	return max(0, share(n, room)-1)
}

// parts of the jobs, by job and dimension: what each uses at least, of shared lots its part.
func (s *state) parts(jobs []uint32) []int64 {
	among := s.among // by lot: how many of the jobs need it
	for _, j := range jobs {
		for _, lot := range s.ofJob(j) {
			among[lot]++
		}
	}
	defer func() {
		for _, j := range jobs {
			for _, lot := range s.ofJob(j) {
				among[lot] = 0
			}
		}
	}()
	parts := make([]int64, len(jobs)*len(s.dims))
	one := make([]int64, len(s.dims))
	for i, j := range jobs {
		sum := parts[i*len(s.dims) : (i+1)*len(s.dims)]
		for _, lot := range s.ofJob(j) {
			switch {
			case s.wants[lot] > 0: // paid for by what was taken
			case among[lot] == 1:
				s.chargeLeast(sum, lot, 1)
			default:
				clear(one)
				s.chargeLeast(one, lot, 1)
				for d := range one {
					sum[d] += one[d] / int64(among[lot])
				}
			}
		}
	}
	return parts
}

// divisible is the most value that fits a room if jobs could be divided, rounded up.
func (s *state) divisible(jobs []uint32, weights []int64, room int64) (value int64) {
	order := make([]int, 0, len(jobs))
	for i := range jobs {
		switch {
		case weights[i] == 0:
			value += s.value(jobs[i])
		case weights[i] != never:
			order = append(order, i)
		}
	}
	slices.SortFunc(order, func(a, b int) int {
		va, vb := s.value(jobs[a]), s.value(jobs[b])
		switch {
		case ratioLess(vb, weights[b], va, weights[a]):
			return -1
		case ratioLess(va, weights[a], vb, weights[b]):
			return 1
		}
		return a - b
	})
	for _, i := range order {
		v := s.value(jobs[i])
		if weights[i] <= room {
			value += v
			room -= weights[i]
			continue
		}
		if room > 0 {
			value += mulDiv(v, room, weights[i])
		}
		break
	}
	return value
}

package schedule

// mostTable bounds the work of a table: jobs times states.
const mostTable = 1 << 24

// table chooses, of the jobs of a part that have one link, share nothing and are held by no budget, the best set: as many on time as possible
// of the highest priority, then of the next, and so on. It is the dynamic programme of E. L. Lawler and J. M. Moore, A Functional Equation and its
// Application to Resource Allocation and Sequencing Problems, Management Science 16 (1969), with how many jobs of each priority are
// given up as the state, and the least place at which such a set ends as the value. Of two sets with the same counts the one that ends
// sooner can be continued by whatever continues the other, so that no set that is left out could have been better.
//
// The states are few because what is given up is bounded: of priorities already decided by the best number, of the next one by what Moore's
// algorithm gives up. It returns false if they are too many all the same.
func (m *model) table(jobs []uint32, link int) ([]uint32, bool) {
	bring := make([]int64, 0, len(jobs)*len(m.Links))
	for _, j := range jobs {
		bring = append(bring, m.needs(j)...)
	}
	var best []uint32 // of the priorities decided so far
	lost := make([]int, m.ranks)
	for rank := range m.ranks {
		some, from := m.upTo(jobs, bring, rank)
		if len(some) == 0 {
			continue
		}
		// The best set of the higher priorities stays, and Moore's algorithm adds what it can: that is what there is to improve on.
		greedy := m.added(some, from, best, rank)
		lost[rank] = len(some) - len(greedy)
		for r := range rank {
			lost[rank] -= lost[r]
		}
		best = greedy
		if lost[rank] == 0 {
			continue
		}
		better, ok := m.fill(some, link, lost[:rank+1])
		if !ok {
			return nil, false
		}
		best = better
		lost[rank] = len(some) - len(best)
		for r := range rank {
			lost[rank] -= lost[r]
		}
	}
	return best, true
}

// upTo are the jobs of the ranks up to one, and what they bring.
func (m *model) upTo(jobs []uint32, bring []int64, rank int) (some []uint32, part []int64) {
	links := len(m.Links)
	for i, j := range jobs {
		if m.rank[j] <= rank {
			some, part = append(some, j), append(part, bring[i*links:(i+1)*links]...)
		}
	}
	return some, part
}

// added is best, with as many as Moore's algorithm can add of a rank.
func (m *model) added(some []uint32, bring []int64, best []uint32, rank int) []uint32 {
	links := len(m.Links)
	var jobs []uint32
	var part []int64
	next := 0
	for i, j := range some {
		stays := next < len(best) && best[next] == j
		if stays {
			next++
		}
		if stays || m.rank[j] == rank {
			jobs, part = append(jobs, j), append(part, bring[i*links:(i+1)*links]...)
		}
	}
	return m.moore(jobs, part)
}

// fill the table for jobs in the order of need-by, of which at most so many of each rank are given up.
func (m *model) fill(jobs []uint32, link int, most []int) ([]uint32, bool) {
	stride := make([]int, len(most))
	states := 1
	for r := len(most) - 1; r >= 0; r-- { // the lowest rank varies fastest, so that the first state that can be reached is the best
		stride[r] = states
		states *= most[r] + 1
		if states > mostTable/len(jobs) {
			return nil, false
		}
	}
	end := make([]int64, states)
	for s := 1; s < states; s++ {
		end[s] = never
	}
	gaveUp := make([]uint64, (states*len(jobs)+63)/64)
	for i, j := range jobs {
		bytes, limit, step, n := m.needs(j)[link], m.limit(j, link), stride[m.rank[j]], most[m.rank[j]]+1
		for s := states - 1; s >= 0; s-- {
			keep := int64(never)
			if end[s] != never && end[s]+bytes <= limit {
				keep = end[s] + bytes
			}
			drop := int64(never)
			if s/step%n > 0 {
				drop = end[s-step]
			}
			if drop < keep {
				gaveUp[(i*states+s)/64] |= 1 << ((i*states + s) % 64)
			}
			end[s] = min(keep, drop)
		}
	}
	state := 0
	for end[state] == never {
		state++
	}
	kept := make([]uint32, len(jobs))
	first := len(jobs)
	for i := len(jobs) - 1; i >= 0; i-- {
		if gaveUp[(i*states+state)/64]>>((i*states+state)%64)&1 == 1 {
			state -= stride[m.rank[jobs[i]]]
			continue
		}
		first--
		kept[first] = jobs[i]
	}
	return kept[first:], true
}

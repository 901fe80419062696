package schedule

import "container/heap"

// slack is a tree over the jobs of a part in the order of need-by: what each has left on one link between the place at which it ends and
// the one at which it must, once all before it have their places. Adding to a range and the minimum of all take the logarithm of the number.
type slack struct {
	leaves int
	added  []int64
	least  []int64
}

func newSlack(n int) *slack {
	s := &slack{leaves: 1}
	for s.leaves < n {
		s.leaves *= 2
	}
	s.added, s.least = make([]int64, 2*s.leaves), make([]int64, 2*s.leaves)
	for i := range s.leaves {
		s.least[s.leaves+i] = farthest // not chosen: nothing can make it late
	}
	for i := s.leaves - 1; i > 0; i-- {
		s.least[i] = farthest
	}
	return s
}

// add to all from a place on.
func (s *slack) addFrom(from int, n int64) {
	node := from + s.leaves
	s.least[node] += n
	s.added[node] += n
	for ; node > 1; node /= 2 {
		if node%2 == 0 { // all that is right of it
			s.least[node+1] += n
			s.added[node+1] += n
		}
		s.lift(node / 2)
	}
}

// addTo adds to one.
func (s *slack) addTo(at int, n int64) {
	node := at + s.leaves
	s.least[node] += n
	s.added[node] += n
	for node /= 2; node > 0; node /= 2 {
		s.lift(node)
	}
}

func (s *slack) lift(node int) {
	s.least[node] = min(s.least[2*node], s.least[2*node+1]) + s.added[node]
}

func (s *slack) minimum() int64 { return s.least[1] }

// largest is a heap of jobs, of which the first brings the most bytes over a link, and of those the one that is needed last.
type largest struct {
	at    []int // in the order of need-by
	bytes func(at int) int64
}

// Len is how many there are.
func (h *largest) Len() int { return len(h.at) }

// Less tells whether one is given up before another.
func (h *largest) Less(i, k int) bool {
	a, b := h.bytes(h.at[i]), h.bytes(h.at[k])
	return a > b || a == b && h.at[i] > h.at[k]
}

// Swap two.
func (h *largest) Swap(i, k int) { h.at[i], h.at[k] = h.at[k], h.at[i] }

// Push adds one.
func (h *largest) Push(x any) { h.at = append(h.at, x.(int)) }

// Pop removes the last one.
func (h *largest) Pop() any {
	last := h.at[len(h.at)-1]
	h.at = h.at[:len(h.at)-1]
	return last
}

// moore chooses, of jobs in the order of need-by, as many as can be on time if budgets hold nobody: an algorithm of J. M. Moore, An n Job,
// One Machine Sequencing Algorithm for Minimizing the Number of Late Jobs, Management Science 15 (1968), in the form of T. J.
// Hodgson given there. Jobs are added by need-by, and whenever one is late, the largest is given up. Higher priorities are chosen
// first, and then stay: J. B. Sidney, An Extension of Moore's Due Date Algorithm (1973). For one link, one priority and jobs that
// share nothing the number is the largest there is. With several links, what is late gives up the largest on its link. bring are the bytes that
// each job brings, by its place among the jobs and the link.
func (m *model) moore(jobs []uint32, bring []int64) (kept []uint32) {
	links := len(m.Links)
	trees, heaps := make([]*slack, links), make([]*largest, links)
	for l := range links {
		trees[l] = newSlack(len(jobs))
	}
	chosen := make([]bool, len(jobs))
	change := func(i int, sign int64) {
		for l := range links {
			if n := bring[i*links+l]; n > 0 {
				trees[l].addFrom(i, -sign*n)
				trees[l].addTo(i, sign*(m.limit(jobs[i], l)-farthest))
			}
		}
		chosen[i] = sign > 0
	}
	for rank := range m.ranks {
		for l := range links {
			heaps[l] = &largest{bytes: func(i int) int64 { return bring[i*links+l] }}
		}
		for i, j := range jobs {
			if m.rank[j] != rank {
				continue
			}
			change(i, 1)
			for l := range links {
				if bring[i*links+l] > 0 {
					heap.Push(heaps[l], i)
				}
			}
			for l := range links {
				for trees[l].minimum() < 0 {
					if out := heap.Pop(heaps[l]).(int); chosen[out] {
						change(out, -1)
					}
				}
			}
		}
	}
	for i, j := range jobs {
		if chosen[i] {
			kept = append(kept, j)
		}
	}
	return kept
}

// bring is what each job brings, over each link, if they run in this order, and whether any two share something.
func (t *timeline) bringInOrder(jobs []uint32) (bring []int64, shared bool) {
	t.forget()
	for _, j := range jobs {
		t.collect(j)
		t.bring()
		bring = append(bring, t.bytes...)
		for l, n := range t.needs(j) {
			shared = shared || n != t.bytes[l]
		}
	}
	return bring, shared
}

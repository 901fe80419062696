package schedule

import "slices"

// kind of search.
type kind int

const (
	// inDue looks at sets, each in the order of need-by: where no budget holds anybody, a set that can be on time can be so in
	// that order (the rule of J. R. Jackson, 1955), and a shard that several need then comes with the first of them.
	inDue kind = iota
	// onlyOnTime looks at orders in which every job is on time.
	onlyOnTime
	// anyOrder looks at all orders: what is late itself can bring, with the money of an earlier window, what others share with it.
	anyOrder
)

// search is a branch and bound over orders of jobs.
type search struct {
	*decider
	kind  kind
	jobs  []uint32
	used  []bool
	seq   []uint32
	now   score // of seq
	steps int   // left
	best  *decision
}

// search for something better than the best. It returns whether there is nothing better among what its kind looks at.
func (d *decider) search(jobs []uint32, k kind, best *decision) bool {
	s := &search{decider: d, kind: k, jobs: jobs, used: make([]bool, len(jobs)), now: make(score, d.ranks), steps: d.searchSteps, best: best}
	s.branch(0)
	return s.steps > 0
}

// branch continues the sequence, in due order with the jobs from one on.
func (s *search) branch(from int) {
	if s.now.better(s.best.score) {
		s.best.kept, s.best.score = slices.Clone(s.seq), slices.Clone(s.now)
	}
	if s.kind != inDue {
		from = 0
	}
	for i := from; i < len(s.jobs) && s.steps > 0; i++ {
		if s.used[i] {
			continue
		}
		first := from
		if s.kind == inDue {
			first = i
		}
		if !s.most(first).better(s.best.score) {
			return
		}
		j := s.jobs[i]
		late := s.retry(j) > s.need[j] || s.need[j] == never
		if late && s.kind != anyOrder {
			continue
		}
		s.used[i] = true
		s.seq = append(s.seq, j)
		if !late {
			s.now[s.rank[j]]++
		}
		s.branch(i + 1)
		if !late {
			s.now[s.rank[j]]--
		}
		s.seq, s.used[i] = s.seq[:len(s.seq)-1], false
	}
}

// most that could be on time if all jobs from one on were.
func (s *search) most(from int) score {
	most := slices.Clone(s.now)
	for k := from; k < len(s.jobs); k++ {
		if !s.used[k] && !s.hopeless(s.jobs[k]) {
			most[s.rank[s.jobs[k]]]++
		}
	}
	return most
}

// retry gives the sequence its places again, and says when the next job would be ready after it.
func (s *search) retry(next uint32) int64 {
	s.reset()
	walked := s.walked
	defer func() { s.steps -= s.cost(len(s.seq)+1, walked) }()
	for _, j := range s.seq {
		s.place(j, never)
	}
	return s.place(next, never).eta
}

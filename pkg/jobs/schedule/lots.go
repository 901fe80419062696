package schedule

import "iter"

// lots are runs of missing shards that follow each other, come the same way, and are needed by the same jobs: what is true of one
// is true of all. Ten thousand selections of a million shards make some ten thousand lots, and all that follows counts in lots.
type lots struct {
	// By lot.
	way, toll []uint16 // link and route
	shards    []int32
	bytes     []int64 // payload
	wire, usd []int64
	// ranges of lots by job, those of job j from rangeEnd[j-1] to rangeEnd[j].
	ranges   []Range
	rangeEnd []uint32
}

func (l *lots) count() int { return len(l.way) }

// ofJob are the ranges of lots that a job needs.
func (l *lots) ofJob(j uint32) []Range {
	from := uint32(0)
	if j > 0 {
		from = l.rangeEnd[j-1]
	}
	return l.ranges[from:l.rangeEnd[j]]
}

// newLots goes over the shards that are needed once. Jobs that are blocked need nothing.
func newLots(p *Problem) *lots {
	c := newCuts(p.Shards())
	for r := range p.needed() {
		c.add(r.From)
		c.add(r.To)
	}
	c.rank()
	change := make([]int32, c.count) // of the number of jobs that need what follows a cut
	index := make([]uint32, c.count) // how many lots begin before it
	for r := range p.needed() {
		change[c.place(r.From)]++
		change[c.place(r.To)]--
	}
	l := &lots{rangeEnd: make([]uint32, len(p.Jobs))}
	l.grow(c.count)
	needed := int32(0)
	for i, from := 0, c.next(0); i < c.count; i++ {
		index[i] = uint32(l.count())
		needed += change[i]
		to := c.next(from + 1)
		if needed > 0 {
			l.addRun(p, from, to)
		}
		from = to
	}
	for i := range p.Jobs {
		if p.Jobs[i].Blocked == "" {
			for _, r := range p.Jobs[i].Shards {
				if from, to := index[c.place(r.From)], index[c.place(r.To)]; from < to {
					l.ranges = append(l.ranges, Range{from, to})
				}
			}
		}
		l.rangeEnd[i] = uint32(len(l.ranges))
	}
	return l
}

// needed are the ranges of all jobs that are not blocked.
func (p *Problem) needed() iter.Seq[Range] {
	return func(yield func(Range) bool) {
		for i := range p.Jobs {
			if p.Jobs[i].Blocked != "" {
				continue
			}
			for _, r := range p.Jobs[i].Shards {
				if !yield(r) {
					return
				}
			}
		}
	}
}

// grow makes room for so many lots.
func (l *lots) grow(n int) {
	l.way, l.toll, l.shards = make([]uint16, 0, n), make([]uint16, 0, n), make([]int32, 0, n)
	l.bytes, l.wire, l.usd = make([]int64, 0, n), make([]int64, 0, n), make([]int64, 0, n)
	l.ranges = make([]Range, 0, n)
}

// addRun adds the lots of shards that are needed by the same jobs.
func (l *lots) addRun(p *Problem, from, to uint32) {
	last := -1
	for s := from; s < to; s++ {
		if p.missing[s] == 0 {
			continue
		}
		if last < 0 || l.way[last] != p.link[s] || l.toll[last] != p.route[s] {
			last = l.count()
			l.way, l.toll, l.shards = append(l.way, p.link[s]), append(l.toll, p.route[s]), append(l.shards, 0)
			l.bytes, l.wire, l.usd = append(l.bytes, 0), append(l.wire, 0), append(l.usd, 0)
		}
		l.shards[last]++
		l.bytes[last] += p.missing[s]
		l.wire[last] += p.wire[s]
		l.usd[last] += p.usd[s]
	}
}

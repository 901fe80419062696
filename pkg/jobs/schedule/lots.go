package schedule

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

// newLots goes over the shards once. Jobs that are blocked need nothing.
func newLots(p *Problem) *lots {
	n := p.Shards()
	cut := make([]bool, n+1)     // a range begins or ends here
	change := make([]int32, n+1) // of the number of jobs that need what follows
	index := make([]uint32, n+1) // by shard: how many lots begin before it
	for i := range p.Jobs {
		if p.Jobs[i].Blocked != "" {
			continue
		}
		for _, r := range p.Jobs[i].Shards {
			cut[r.From], cut[r.To] = true, true
			change[r.From]++
			change[r.To]--
		}
	}
	l := &lots{rangeEnd: make([]uint32, len(p.Jobs))}
	needed, open := int32(0), false
	for s := range n {
		index[s] = uint32(l.count())
		needed += change[s]
		open = open && !cut[s]
		if needed == 0 || p.missing[s] == 0 {
			continue
		}
		last := l.count() - 1
		if !open || l.way[last] != p.link[s] || l.toll[last] != p.route[s] {
			l.way, l.toll, l.shards = append(l.way, p.link[s]), append(l.toll, p.route[s]), append(l.shards, 0)
			l.bytes, l.wire, l.usd = append(l.bytes, 0), append(l.wire, 0), append(l.usd, 0)
			last, open = last+1, true
		}
		l.shards[last]++
		l.bytes[last] += p.missing[s]
		l.wire[last] += p.wire[s]
		l.usd[last] += p.usd[s]
	}
	index[n] = uint32(l.count())
	for i := range p.Jobs {
		if p.Jobs[i].Blocked == "" {
			for _, r := range p.Jobs[i].Shards {
				if from, to := index[r.From], index[r.To]; from < to {
					l.ranges = append(l.ranges, Range{from, to})
				}
			}
		}
		l.rangeEnd[i] = uint32(len(l.ranges))
	}
	return l
}

package choose

import "encoding/binary"

// lots are the shards in groups of which each has the same jobs and the same sources in the same order of price. What is decided
// is decided for a lot, from one source for all of it.
//
// Lots come from refinement: all shards with the same offers, then divided by each job into those it needs and those it does
// not. A million shards in jobs that overlap in ranges become some thousand lots; where every shard has jobs of its own, a lot is a shard.
type lots struct {
	of []uint32 // by shard: its lot; noLot: no job needs it

	offerEnd    []uint32 // by lot
	source      []uint16 // by offer
	chargeEnd   []uint32 // by offer
	chargeRoute []uint16
	chargeUSD   []int64 // sums over the lot's shards
	chargeBytes []int64

	jobEnd  []uint32 // by lot
	jobs    []uint32
	lotEnd  []uint32 // by job
	jobLots []uint32

	// Of a lot with several offers: what it takes of the budgets that all of them count against, at least. By lot: where its entries end.
	leastEnd   []uint32
	leastOf    []uint16 // budget
	leastUSD   []int64
	leastBytes []int64
}

const noLot = ^uint32(0)

// Of shards with several offers so many make a lot: one where they are few, so that each can come from another source; else so many
// that moving a lot from one source to another is at most about a thousandth of what there is.
const (
	fewShards = 4096
	lotShards = 256
)

func (l *lots) count() int { return len(l.offerEnd) }

func (l *lots) offers(lot uint32) (first, end uint32) {
	return before(l.offerEnd, lot), l.offerEnd[lot]
}

func (l *lots) charges(offer uint32) (first, end uint32) {
	return before(l.chargeEnd, offer), l.chargeEnd[offer]
}

func (l *lots) jobsOf(lot uint32) []uint32 { return l.jobs[before(l.jobEnd, lot):l.jobEnd[lot]] }

func (l *lots) ofJob(job uint32) []uint32 { return l.jobLots[before(l.lotEnd, job):l.lotEnd[job]] }

// newLots groups the shards of a problem.
func newLots(p *Problem) *lots {
	l := &lots{of: classify(p)}
	l.number(p)
	l.sum(p)
	l.link(p)
	return l
}

// classify gives shards the same number if they have the same offers and the same jobs. Shards without a job have noLot.
func classify(p *Problem) []uint32 {
	class, size := byOffers(p)
	needed := make([]bool, len(size))
	var met, hits, target []uint32 // by class, of the job at hand
	for j := range p.Jobs {
		for len(met) < len(size) {
			met, hits, target = append(met, 0), append(hits, 0), append(target, 0)
		}
		this := uint32(j + 1)
		var touched []uint32
		for _, s := range p.Jobs[j].Shards {
			c := class[s]
			if met[c] != this {
				met[c], hits[c] = this, 0
				touched = append(touched, c)
			}
			hits[c]++
		}
		for _, c := range touched {
			if target[c] = c; hits[c] != size[c] {
				target[c] = uint32(len(size))
				size[c] -= hits[c]
				size, needed = append(size, hits[c]), append(needed, false)
			}
			needed[target[c]] = true
		}
		for _, s := range p.Jobs[j].Shards {
			class[s] = target[class[s]]
		}
	}
	for s, c := range class {
		if !needed[c] {
			class[s] = noLot
		}
	}
	return class
}

// byOffers numbers the shards by their sources and routes, and counts each number.
func byOffers(p *Problem) (class, size []uint32) {
	class = make([]uint32, p.Shards())
	known := map[string]uint32{}
	var name []byte
	for s := range class {
		name = name[:0]
		first, end := p.offers(uint32(s))
		for o := first; o < end; o++ {
			from, to := p.charges(o)
			name = binary.BigEndian.AppendUint16(name, p.source[o])
			name = binary.BigEndian.AppendUint32(name, to-from)
			for c := from; c < to; c++ {
				name = binary.BigEndian.AppendUint16(name, p.chargeRoute[c])
			}
		}
		id, ok := known[string(name)]
		if !ok {
			id = uint32(len(size))
			known[string(name)] = id
			size = append(size, 0)
		}
		class[s] = id
		size[id]++
	}
	return class, size
}

// number gives the lots their numbers, by their first shards, and divides large ones whose shards have a choice of sources.
func (l *lots) number(p *Problem) {
	grain, choices := uint32(1), 0
	classes := uint32(0)
	for s, c := range l.of {
		if c == noLot {
			continue
		}
		classes = max(classes, c+1)
		if first, end := p.offers(uint32(s)); end-first > 1 {
			choices++
		}
	}
	if choices > fewShards {
		grain = lotShards
	}
	lot, filled := make([]uint32, classes), make([]uint32, classes)
	for c := range lot {
		lot[c] = noLot
	}
	next, offers, charges, least := uint32(0), uint32(0), uint32(0), 0
	begins := func(shard uint32) {
		first, end := p.offers(shard)
		from := before(p.chargeEnd, first)
		offers += end - first
		charges += p.chargeEnd[end-1] - from
		next++
		if end-first > 1 {
			for c := from; c < p.chargeEnd[first]; c++ {
				least += len(p.Routes[p.chargeRoute[c]])
			}
		}
	}
	for s, c := range l.of {
		if c == noLot {
			continue
		}
		first, end := p.offers(uint32(s))
		if lot[c] == noLot || end-first > 1 && filled[c] == grain {
			lot[c], filled[c] = next, 0
			begins(uint32(s))
		}
		filled[c]++
		l.of[s] = lot[c]
	}
	l.offerEnd = make([]uint32, 0, next)
	l.source, l.chargeEnd = make([]uint16, 0, offers), make([]uint32, 0, offers)
	l.chargeRoute = make([]uint16, 0, charges)
	l.chargeUSD, l.chargeBytes = make([]int64, 0, charges), make([]int64, 0, charges)
	l.leastEnd, l.leastOf = make([]uint32, 0, next), make([]uint16, 0, least)
	l.leastUSD, l.leastBytes = make([]int64, 0, least), make([]int64, 0, least)
}

// sum adds up what the offers of each lot use.
func (l *lots) sum(p *Problem) {
	for s, lot := range l.of {
		if lot == noLot {
			continue
		}
		first, end := p.offers(uint32(s))
		if int(lot) == l.count() {
			l.begin(p, first, end)
		}
		to := before(l.offerEnd, lot)
		c := before(l.chargeEnd, to)
		for o := first; o < end; o++ {
			from, to := p.charges(o)
			for i := from; i < to; i++ {
				l.chargeUSD[c] += p.chargeUSD[i]
				l.chargeBytes[c] += p.chargeBytes[i]
				c++
			}
		}
		for i := before(l.leastEnd, lot); i < l.leastEnd[lot]; i++ {
			usd, bytes := leastUse(p, first, end, l.leastOf[i])
			l.leastUSD[i] += usd
			l.leastBytes[i] += bytes
		}
	}
}

// begin opens a lot whose shards have these offers.
func (l *lots) begin(p *Problem, first, end uint32) {
	for o := first; o < end; o++ {
		from, to := p.charges(o)
		for c := from; c < to; c++ {
			l.chargeRoute = append(l.chargeRoute, p.chargeRoute[c])
			l.chargeUSD, l.chargeBytes = append(l.chargeUSD, 0), append(l.chargeBytes, 0)
		}
		l.source = append(l.source, p.source[o])
		l.chargeEnd = append(l.chargeEnd, uint32(len(l.chargeRoute)))
	}
	l.offerEnd = append(l.offerEnd, uint32(len(l.source)))
	if end-first > 1 {
		from, to := p.charges(first)
		start := len(l.leastOf)
		for c := from; c < to; c++ {
			for _, b := range p.Routes[p.chargeRoute[c]] {
				l.common(p, first+1, end, b, start)
			}
		}
	}
	l.leastEnd = append(l.leastEnd, uint32(len(l.leastOf)))
}

// common notes a budget for the lot at hand if all these offers count against it too.
func (l *lots) common(p *Problem, first, end uint32, budget uint16, start int) {
	for _, b := range l.leastOf[start:] {
		if b == budget {
			return
		}
	}
	for o := first; o < end; o++ {
		if !p.counts(o, budget) {
			return
		}
	}
	l.leastOf = append(l.leastOf, budget)
	l.leastUSD, l.leastBytes = append(l.leastUSD, 0), append(l.leastBytes, 0)
}

// counts tells whether an offer counts against a budget.
func (p *Problem) counts(offer uint32, budget uint16) bool {
	from, to := p.charges(offer)
	for c := from; c < to; c++ {
		for _, b := range p.Routes[p.chargeRoute[c]] {
			if b == budget {
				return true
			}
		}
	}
	return false
}

// leastUse is the least that a shard with these offers uses of a budget.
func leastUse(p *Problem, first, end uint32, budget uint16) (usd, bytes int64) {
	for o := first; o < end; o++ {
		u, n := p.uses(o, budget)
		if o == first {
			usd, bytes = u, n
		}
		usd, bytes = min(usd, u), min(bytes, n)
	}
	return usd, bytes
}

// uses is what an offer uses of a budget.
func (p *Problem) uses(offer uint32, budget uint16) (usd, bytes int64) {
	from, to := p.charges(offer)
	for c := from; c < to; c++ {
		for _, b := range p.Routes[p.chargeRoute[c]] {
			if b == budget {
				usd += p.chargeUSD[c]
				bytes += p.chargeBytes[c]
			}
		}
	}
	return usd, bytes
}

// link lists the lots of each job, and the jobs of each lot.
func (l *lots) link(p *Problem) {
	met := make([]uint32, l.count()) // by lot: the last job seen, counted from 1
	jobs := make([]uint32, l.count())
	total := 0
	each := func(f func(job, lot uint32)) {
		clear(met)
		for j := range p.Jobs {
			for _, s := range p.Jobs[j].Shards {
				if lot := l.of[s]; met[lot] != uint32(j+1) {
					met[lot] = uint32(j + 1)
					f(uint32(j), lot)
				}
			}
		}
	}
	each(func(_, lot uint32) {
		jobs[lot]++
		total++
	})
	l.jobEnd = make([]uint32, l.count())
	sum := uint32(0)
	for lot, n := range jobs {
		jobs[lot] = sum // from here on: where the next one goes
		sum += n
		l.jobEnd[lot] = sum
	}
	l.jobs, l.jobLots, l.lotEnd = make([]uint32, total), make([]uint32, 0, total), make([]uint32, len(p.Jobs))
	each(func(job, lot uint32) {
		l.jobs[jobs[lot]] = job
		jobs[lot]++
		l.jobLots = append(l.jobLots, lot)
		l.lotEnd[job] = uint32(len(l.jobLots))
	})
	for j := 1; j < len(l.lotEnd); j++ {
		l.lotEnd[j] = max(l.lotEnd[j], l.lotEnd[j-1]) // of jobs without shards
	}
}

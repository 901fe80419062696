package schedule

import (
	"cmp"
	"slices"
	"time"
)

// model is a problem in the form in which it is decided.
type model struct {
	*Problem
	*lots
	caps []capacity
	// gates are the budgets of each route that can hold anything: those that have less in some window than all jobs together need.
	gates [][]uint16
	// By job: the moment by which it is needed (never: nobody said), and the place of that on each of its links.
	need  []int64
	rank  []int   // by job: 0 is the highest priority there is
	ranks int     // of them
	total []int64 // by job and link: bytes that it needs, whoever brings them
	// part by job: jobs of different parts share no link and no gate. It is -1 for a job that misses nothing, or is blocked.
	part  []int
	parts [][]uint32 // jobs, in the order of due
	due   []uint32   // all jobs in the order of need-by
	place []uint32   // by job: its place in due
}

func newModel(p *Problem) *model {
	m := &model{Problem: p, lots: newLots(p), need: make([]int64, len(p.Jobs)), rank: make([]int, len(p.Jobs))}
	for _, l := range p.Links {
		m.caps = append(m.caps, newCapacity(l, p.Now))
	}
	m.findGates()
	priorities := make([]int, 0, len(p.Jobs))
	m.due = make([]uint32, 0, len(p.Jobs))
	for i := range p.Jobs {
		m.need[i] = never
		if at := p.Jobs[i].NeedBy; !at.IsZero() {
			m.need[i] = moment(at, p.Now)
		}
		priorities = append(priorities, p.Jobs[i].Priority)
		m.due = append(m.due, uint32(i))
	}
	slices.Sort(priorities)
	priorities = slices.Compact(priorities)
	m.ranks = len(priorities)
	for i := range p.Jobs {
		at, _ := slices.BinarySearch(priorities, p.Jobs[i].Priority)
		m.rank[i] = len(priorities) - 1 - at
	}
	slices.SortFunc(m.due, m.sooner)
	m.place = make([]uint32, len(p.Jobs))
	for i, j := range m.due {
		m.place[j] = uint32(i)
	}
	m.divide()
	return m
}

// sooner is the order in which jobs are served where nothing else speaks: earliest need-by first; those without one last, by priority and
// by when they were asked for.
func (m *model) sooner(a, b uint32) int {
	x, y := &m.Jobs[a], &m.Jobs[b]
	if c := cmp.Compare(m.need[a], m.need[b]); c != 0 {
		return c
	}
	return cmp.Or(cmp.Compare(y.Priority, x.Priority), asked(x.Asked, y.Asked), cmp.Compare(x.ID, y.ID))
}

func asked(a, b time.Time) int { return a.Compare(b) }

// findGates sums what all jobs need of each budget. One that has that much in every window holds nobody.
func (m *model) findGates() {
	sums := make([][dims]int64, len(m.Budgets))
	for lot := range m.count() {
		for _, b := range m.Routes[m.toll[lot]] {
			sums[b][0] += m.lots.usd[lot]
			sums[b][1] += m.lots.wire[lot]
		}
	}
	w := newWindows(m.Problem)
	m.gates = make([][]uint16, len(m.Routes))
	for r, budgets := range m.Routes {
		for _, b := range budgets {
			for i := range w.fresh[b] {
				w.left[b][i] = w.fresh[b][i]
				if !w.fits(int(b), i, sums[b]) {
					m.gates[r] = append(m.gates[r], b)
					break
				}
			}
		}
	}
}

// divide finds each job's links, and the parts into which the jobs fall. A part is planned without looking at the others, so that nothing
// in one can move anything in another.
func (m *model) divide() {
	n := m.count()
	same := make([]uint32, n) // by lot: where the lots that come the same way end
	bytes := make([]int64, n+1)
	for lot := n - 1; lot >= 0; lot-- {
		same[lot] = uint32(lot + 1)
		if lot+1 < n && m.way[lot] == m.way[lot+1] && m.toll[lot] == m.toll[lot+1] {
			same[lot] = same[lot+1]
		}
	}
	for lot := range n {
		bytes[lot+1] = bytes[lot] + m.lots.bytes[lot]
	}
	root := make([]int, len(m.Links)+len(m.Budgets)) // links and gates that some job needs both of
	for i := range root {
		root[i] = i
	}
	find := func(i int) int {
		for root[i] != i {
			i = root[i]
		}
		return i
	}
	m.total = make([]int64, len(m.Jobs)*len(m.Links))
	m.part = make([]int, len(m.Jobs))
	for j := range m.Jobs {
		m.part[j] = -1
		for _, r := range m.ofJob(uint32(j)) {
			for lot := r.From; lot < r.To; {
				end := min(r.To, same[lot])
				link := int(m.way[lot])
				m.total[j*len(m.Links)+link] += bytes[end] - bytes[lot]
				if m.part[j] < 0 {
					m.part[j] = link
				}
				root[find(link)] = find(m.part[j])
				for _, b := range m.gates[m.toll[lot]] {
					root[find(len(m.Links)+int(b))] = find(m.part[j])
				}
				lot = end
			}
		}
	}
	number := make([]int, len(root))
	for i := range number {
		number[i] = -1
	}
	for _, j := range m.due {
		if m.part[j] < 0 {
			continue
		}
		r := find(m.part[j])
		if number[r] < 0 {
			number[r] = len(m.parts)
			m.parts = append(m.parts, nil)
		}
		m.part[j] = number[r]
		m.parts[number[r]] = append(m.parts[number[r]], j)
	}
}

// needs are the bytes that a job needs of each link.
func (m *model) needs(j uint32) []int64 {
	return m.total[int(j)*len(m.Links) : (int(j)+1)*len(m.Links)]
}

// jobsOn is how many jobs need bytes of a link.
func (m *model) jobsOn(link int) (n int) {
	for at := link; at < len(m.total); at += len(m.Links) {
		if m.total[at] > 0 {
			n++
		}
	}
	return n
}

// limit is the place on a link by which a job needs its last byte.
func (m *model) limit(j uint32, link int) int64 {
	if m.need[j] < 0 {
		return -1
	}
	return m.caps[link].at(m.need[j])
}

// hopeless tells that a job would be late, or nobody said when it is needed, even if nothing else moved.
func (m *model) hopeless(j uint32) bool {
	if m.need[j] == never || m.need[j] < 0 {
		return true
	}
	for l, bytes := range m.needs(j) {
		if bytes > 0 && bytes > m.limit(j, l) {
			return true
		}
	}
	return false
}

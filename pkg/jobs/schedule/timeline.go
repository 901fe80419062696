package schedule

import "slices"

// span of places on a link.
type span struct{ from, to int64 }

// line is what of a link is free: gaps, and everything from the tail on. Gaps come from jobs that wait for a window.
type line struct {
	gaps []span
	tail int64
}

// first free place at or after x.
func (l *line) first(x int64) int64 {
	for _, g := range l.gaps {
		if g.to > x {
			return max(x, g.from)
		}
	}
	return max(x, l.tail)
}

// end is the place after so many free bytes from place x on.
func (l *line) end(x, bytes int64) int64 {
	for _, g := range l.gaps {
		if g.to <= x {
			continue
		}
		from := max(x, g.from)
		if bytes <= g.to-from {
			return from + bytes
		}
		bytes -= g.to - from
		x = g.to
	}
	return min(farthest, max(x, l.tail)+bytes)
}

// take uses so many free bytes from place x on, as [line.end] counts them. Where somebody else has a place in
// between, the job stands back for them and goes on after. each is told of every piece.
func (l *line) take(x, bytes int64, each func(span)) {
	for i := 0; i < len(l.gaps) && bytes > 0; i++ {
		g := l.gaps[i]
		if g.to <= x {
			continue
		}
		from := max(x, g.from)
		to := min(g.to, add(from, bytes))
		each(span{from, to})
		bytes -= to - from
		x = to
		var rest []span
		if g.from < from {
			rest = append(rest, span{g.from, from})
		}
		if to < g.to {
			rest = append(rest, span{to, g.to})
		}
		l.gaps = slices.Replace(l.gaps, i, i+1, rest...)
		i += len(rest) - 1
	}
	if bytes == 0 {
		return
	}
	if x > l.tail {
		l.gaps = append(l.gaps, span{l.tail, x})
	}
	from := max(x, l.tail)
	l.tail = min(farthest, from+bytes)
	each(span{from, l.tail})
}

// timeline gives jobs their places, one after the other. What comes first takes the earliest place that links and windows allow;
// what comes later takes what that leaves, also before it.
type timeline struct {
	*model
	windows  *windows
	lines    []line
	arrivals *arrivals
	next     []uint32 // by lot: itself, or a later one if somebody brings it already

	// Of the job at hand.
	runs   []run // lots that nobody brings yet
	shares bool  // somebody brings others of its lots
	bytes  []int64
	charge [][dims]int64 // by budget
	used   []uint16      // budgets
	at     []int64       // by link: the place where it begins
	ends   []int64       // by link: the moment at which it ends
	record func(link int, s span)
	walked int // ranges and lots that were looked at so far
}

// run of lots that come over the same link.
type run struct {
	link     uint16
	from, to uint32
}

func newTimeline(m *model) *timeline {
	t := &timeline{
		model: m, windows: newWindows(m.Problem), lines: make([]line, len(m.Links)), arrivals: newArrivals(m.count()), next: make([]uint32, m.count()+1),
		bytes: make([]int64, len(m.Links)), charge: make([][dims]int64, len(m.Budgets)), at: make([]int64, len(m.Links)),
		ends: make([]int64, len(m.Links)),
	}
	t.reset()
	return t
}

func (t *timeline) reset() {
	t.windows.reset()
	t.arrivals.reset()
	for i := range t.lines {
		t.lines[i].gaps, t.lines[i].tail = t.lines[i].gaps[:0], 0
	}
	t.forget()
}

// forget that anything is brought by anybody.
func (t *timeline) forget() {
	for i := range t.next {
		t.next[i] = uint32(i)
	}
}

// find is the first lot from this one on that nobody brings.
func (t *timeline) find(lot uint32) uint32 {
	root := lot
	for t.next[root] != root {
		root = t.next[root]
	}
	for t.next[lot] != root {
		t.next[lot], lot = root, t.next[lot]
	}
	return root
}

// cost in steps of what was done since so many ranges and lots had been walked, beginning with a reset.
func (t *timeline) cost(jobs, walked int) int {
	return jobs + (t.walked-walked)/8 + t.lots.count()/16 + 1
}

// collect what a job has to bring itself.
func (t *timeline) collect(j uint32) {
	clear(t.bytes)
	for _, b := range t.used {
		t.charge[b] = [dims]int64{}
	}
	t.used, t.runs = t.used[:0], t.runs[:0]
	t.shares = false
	for _, r := range t.ofJob(j) {
		t.walked++
		own := -t.walked
		for lot := t.find(r.From); lot < r.To; lot = t.find(lot + 1) {
			t.walked++
			t.bytes[t.way[lot]] += t.lots.bytes[lot]
			for _, b := range t.gates[t.toll[lot]] {
				if t.lots.usd[lot] == 0 && t.lots.wire[lot] == 0 {
					break
				}
				c := &t.charge[b]
				if *c == ([dims]int64{}) {
					t.used = append(t.used, b)
				}
				c[0] += t.lots.usd[lot]
				c[1] += t.lots.wire[lot]
			}
			if n := len(t.runs); n > 0 && t.runs[n-1].to == lot && t.runs[n-1].link == t.way[lot] {
				t.runs[n-1].to = lot + 1
			} else {
				t.runs = append(t.runs, run{t.way[lot], lot, lot + 1})
			}
		}
		t.shares = t.shares || own+t.walked < int(r.To-r.From)
	}
}

// bring notes that the job at hand brings what was collected.
func (t *timeline) bring() {
	for _, r := range t.runs {
		for lot := r.from; lot < r.to; lot++ {
			t.next[lot] = r.to
		}
	}
}

// outcome of a job. All moments are never for one that fits no window, or needs a link that stays closed.
type outcome struct {
	start, eta int64
	// free is when it would have begun if money were no object.
	free int64
}

// place gives a job its place, unless that is not ready by a moment. Then nothing is changed.
func (t *timeline) place(j uint32, by int64) outcome {
	t.collect(j)
	o := t.begin()
	if o.start == never {
		o.eta = never
		return o
	}
	switch o.eta = t.eta(j); {
	case o.eta == never: // a link closes before all is there
		return outcome{never, never, never}
	case o.eta > by:
		return o
	}
	for _, b := range t.used {
		t.windows.take(int(b), o.start, t.charge[b])
	}
	for l, bytes := range t.bytes {
		if bytes == 0 {
			continue
		}
		t.lines[l].take(t.at[l], bytes, func(s span) {
			if t.record != nil {
				t.record(l, s)
			}
		})
		for _, r := range t.runs {
			if int(r.link) == l {
				t.arrivals.raise(r.from, r.to, t.ends[l])
			}
		}
	}
	t.bring()
	return o
}

// eta is when all is there that the job at hand needs, if what it brings begins at the places noted, and notes where that ends.
func (t *timeline) eta(j uint32) (eta int64) {
	for l, bytes := range t.bytes {
		t.ends[l] = 0
		if bytes > 0 {
			t.ends[l] = t.caps[l].reached(t.lines[l].end(t.at[l], bytes))
			eta = max(eta, t.ends[l])
		}
	}
	if t.shares {
		for _, r := range t.ofJob(j) {
			eta = max(eta, t.arrivals.last(r.From, r.To))
		}
	}
	return eta
}

// begin finds the first moment at which one of the job's links is free and every budget's window has room for all that it brings. All of
// that counts in the windows in which it begins: that is when it is set aside.
func (t *timeline) begin() outcome {
	o := outcome{free: never}
	wait := int64(0)
	for {
		o.start = never
		for l, bytes := range t.bytes {
			if bytes == 0 {
				continue
			}
			t.at[l] = t.lines[l].first(max(0, t.caps[l].after(wait)))
			moment := t.caps[l].left(t.at[l])
			if moment == never {
				o.start = never
				return o
			}
			o.start = min(o.start, moment)
		}
		if len(t.runs) == 0 {
			o.start, o.free = 0, 0
			return o
		}
		if o.free == never {
			o.free = o.start
		}
		wait = o.start
		for _, b := range t.used {
			wait = max(wait, t.windows.next(int(b), o.start, t.charge[b]))
		}
		if wait == never {
			o.start = never
			return o
		}
		if wait == o.start {
			return o
		}
	}
}

package parts

// sendWindow gives, for boundaries in ascending order, the cheapest boundary at which a sent piece can start. The price of the
// piece is linear in its bytes, so that boundaries compare by cost[j] - price of the bytes before j, whatever the end.
type sendWindow struct {
	t     *table
	costs []cost // of covers that end at a boundary
	next  int    // first boundary that was not taken in
	queue queue
}

// best start of a piece that ends at boundary i and has at least so many bytes (less than before only for the last one).
func (w *sendWindow) best(i int, minimum int64) (cost, int32) {
	at := w.t.at
	for w.next < i && at[i]-at[w.next] >= minimum {
		c := w.costs[w.next]
		if c.price < never {
			w.queue.push(int32(w.next), cost{c.price - w.t.perByte*at[w.next], c.parts})
		}
		w.next++
	}
	for !w.queue.empty() && at[i]-at[w.queue.first()] > w.t.sendMax {
		w.queue.pop()
	}
	return w.queue.best()
}

// run is a maximal stretch of chunks that stand in one object one after the other, as they do in the shard.
type run struct {
	id    int32
	first int32 // chunk
	place Place // of its first byte
}

// findRuns tells for each place of each chunk which run it belongs to.
func (t *table) findRuns() {
	t.runs = make([][]run, len(t.chunks))
	ids := int32(0)
	for i, c := range t.chunks {
		if len(c.Places) == 0 {
			continue
		}
		t.runs[i] = make([]run, 0, len(c.Places))
		for _, p := range c.Places {
			r, found := run{id: ids, first: int32(i), place: p}, false
			if i > 0 {
				for _, before := range t.runs[i-1] {
					if before.place.Object == p.Object && before.place.Offset+t.at[i]-t.at[before.first] == p.Offset {
						r, found = before, true
						break
					}
				}
			}
			if !found {
				ids++
			}
			t.runs[i] = append(t.runs[i], r)
		}
	}
}

// copyWindows do for copied pieces what sendWindow does for sent ones: one queue for each run that goes on. A copied piece
// costs the same whatever its size.
type copyWindows struct {
	t      *table
	costs  []cost
	active map[int32]*copyWindow // by run
}

type copyWindow struct {
	run
	next  int
	seen  int // boundary at which it was asked last
	queue queue
}

func newCopyWindows(t *table, costs []cost) *copyWindows {
	return &copyWindows{t: t, costs: costs, active: map[int32]*copyWindow{}}
}

// best start of a copied piece that ends at boundary i, and where its first byte is copied from.
func (w *copyWindows) best(i int, minimum int64) (cost, int32, Place) {
	if w.t.runs == nil {
		return cost{price: never}, -1, Place{}
	}
	best, from, place := cost{price: never}, int32(-1), Place{}
	for _, r := range w.t.runs[i-1] {
		win, ok := w.active[r.id]
		if !ok {
			win = &copyWindow{run: r, next: int(r.first)}
			w.active[r.id] = win
		}
		win.seen = i
		if c, start := win.best(w, i, minimum); c.less(best) {
			best, from = c, start
			place = Place{Object: r.place.Object, Offset: r.place.Offset + w.t.at[start] - w.t.at[r.first]}
		}
	}
	for id, win := range w.active {
		if win.seen < i {
			delete(w.active, id)
		}
	}
	return best, from, place
}

func (w *copyWindow) best(all *copyWindows, i int, minimum int64) (cost, int32) {
	at := all.t.at
	for w.next < i && at[i]-at[w.next] >= minimum {
		if c := all.costs[w.next]; c.price < never {
			w.queue.push(int32(w.next), c)
		}
		w.next++
	}
	for !w.queue.empty() && at[i]-at[w.queue.first()] > all.t.copyMax {
		w.queue.pop()
	}
	return w.queue.best()
}

// queue is a monotone queue: its front is the cheapest of what is in it.
type queue struct {
	items []queued
	head  int
}

type queued struct {
	cost
	at int32
}

func (q *queue) empty() bool  { return q.head == len(q.items) }
func (q *queue) first() int32 { return q.items[q.head].at }
func (q *queue) pop()         { q.head++ }

// push takes in a boundary; earlier ones that cost more can never be best again. Of equal ones the earlier makes the larger
// piece, but leaves the window sooner: both stay.
func (q *queue) push(at int32, c cost) {
	for !q.empty() && c.less(q.items[len(q.items)-1].cost) {
		q.items = q.items[:len(q.items)-1]
	}
	q.items = append(q.items, queued{c, at})
}

func (q *queue) best() (cost, int32) {
	if q.empty() {
		return cost{price: never}, -1
	}
	return q.items[q.head].cost, q.items[q.head].at
}

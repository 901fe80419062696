package schedule

// arrivals are when lots arrive: a tree of maxima over ranges, in which raising a range and asking one take the logarithm of the number of
// lots. Moments are only ever raised, so that a mark on an inner node needs no pushing down.
type arrivals struct {
	leaves int
	raised []int64 // by node: what its whole range was raised to
	most   []int64 // by node: the maximum in its range
}

func newArrivals(lots int) *arrivals {
	leaves := 1
	for leaves < lots {
		leaves *= 2
	}
	return &arrivals{leaves: leaves, raised: make([]int64, 2*leaves), most: make([]int64, 2*leaves)}
}

func (a *arrivals) reset() {
	clear(a.raised)
	clear(a.most)
}

// raise says that the lots of a range arrive at a moment, if they were not known to arrive later.
func (a *arrivals) raise(from, to uint32, t int64) {
	lo, hi := int(from)+a.leaves, int(to)+a.leaves
	for l, r := lo, hi; l < r; l, r = l/2, r/2 {
		if l%2 == 1 {
			a.mark(l, t)
			l++
		}
		if r%2 == 1 {
			r--
			a.mark(r, t)
		}
	}
	a.lift(lo, t)
	a.lift(hi-1, t)
}

func (a *arrivals) mark(node int, t int64) {
	a.raised[node], a.most[node] = max(a.raised[node], t), max(a.most[node], t)
}

// lift tells the nodes above a leaf.
func (a *arrivals) lift(node int, t int64) {
	for node /= 2; node > 0; node /= 2 {
		a.most[node] = max(a.most[node], t)
	}
}

// last is when the last lot of a range arrives; 0 if none does.
func (a *arrivals) last(from, to uint32) (t int64) {
	lo, hi := int(from)+a.leaves, int(to)+a.leaves
	for l, r := lo, hi; l < r; l, r = l/2, r/2 {
		if l%2 == 1 {
			t = max(t, a.most[l])
			l++
		}
		if r%2 == 1 {
			r--
			t = max(t, a.most[r])
		}
	}
	for _, node := range [2]int{lo, hi - 1} {
		for ; node > 0; node /= 2 {
			t = max(t, a.raised[node])
		}
	}
	return t
}

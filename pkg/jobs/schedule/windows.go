package schedule

import "time"

// dims of a budget: money and bytes are looked at alike.
const dims = 2

// windows are what every window of every budget has left, while jobs are given their places.
type windows struct {
	begin [][]int64       // by budget: the moments at which windows begin, the first at 0
	left  [][][dims]int64 // by budget and window; -1 without a limit
	fresh [][][dims]int64 // as they were
}

func newWindows(p *Problem) *windows {
	w := &windows{}
	for _, b := range p.Budgets {
		begin, left := []int64{0}, [][dims]int64{{int64(b.LeftNanoUSD), b.LeftBytes}}
		whole := [dims]int64{int64(b.LimitNanoUSD), b.LimitBytes}
		for d := range dims {
			if left[0][d] < 0 {
				whole[d] = -1
			}
		}
		for _, t := range b.Resets {
			begin, left = append(begin, moment(t, p.Now)), append(left, whole)
		}
		w.begin, w.fresh, w.left = append(w.begin, begin), append(w.fresh, left), append(w.left, make([][dims]int64, len(left)))
	}
	return w
}

func (w *windows) reset() {
	for b := range w.left {
		copy(w.left[b], w.fresh[b])
	}
}

// at is the window that is open at a moment.
func (w *windows) at(budget int, t int64) int {
	begin := w.begin[budget]
	lo, hi := 0, len(begin)
	for hi-lo > 1 {
		if mid := (lo + hi) / 2; begin[mid] <= t {
			lo = mid
		} else {
			hi = mid
		}
	}
	return lo
}

// fits tells whether a window has so much left.
func (w *windows) fits(budget, window int, need [dims]int64) bool {
	left := w.left[budget][window]
	return (left[0] < 0 || need[0] <= left[0]) && (left[1] < 0 || need[1] <= left[1])
}

// next is the moment from t on at which the first window that has so much left is open; never if none is known.
func (w *windows) next(budget int, t int64, need [dims]int64) int64 {
	for i := w.at(budget, t); i < len(w.begin[budget]); i++ {
		if w.fits(budget, i, need) {
			return max(t, w.begin[budget][i])
		}
	}
	return never
}

// take uses so much of the window that is open at a moment.
func (w *windows) take(budget int, t int64, need [dims]int64) {
	left := &w.left[budget][w.at(budget, t)]
	for d := range dims {
		if left[d] >= 0 {
			left[d] -= need[d]
		}
	}
}

// time of a moment.
func (p *Problem) time(t int64) time.Time {
	if t == never {
		return time.Time{}
	}
	return p.Now.Add(time.Duration(t)).UTC()
}

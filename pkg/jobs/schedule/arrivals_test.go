package schedule

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestArrivals compares the tree with a list.
func TestArrivals(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 40).Draw(t, "lots")
		tree, list := newArrivals(n), make([]int64, n)
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			from := rapid.IntRange(0, n-1).Draw(t, "from")
			to := rapid.IntRange(from+1, n).Draw(t, "to")
			if rapid.Bool().Draw(t, "raise") {
				at := rapid.Int64Range(1, 50).Draw(t, "at")
				tree.raise(uint32(from), uint32(to), at)
				for i := from; i < to; i++ {
					list[i] = max(list[i], at)
				}
			}
			if got, want := tree.last(uint32(from), uint32(to)), slices.Max(list[from:to]); got != want {
				t.Fatalf("the last of %d to %d arrives at %d, want %d", from, to, got, want)
			}
		}
	})
}

// TestCapacity: a place is reached by a moment exactly if it is not after the place at that moment, whatever the rates.
func TestCapacity(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rate := rapid.OneOf(rapid.Just(int64(0)), rapid.Int64Range(1, 100), rapid.Int64Range(1, 400_000_000_000))
		c := capacity{from: []int64{0}, place: []int64{0}, rate: []int64{rate.Draw(t, "rate")}}
		for range rapid.IntRange(0, 3).Draw(t, "changes") {
			last := len(c.from) - 1
			lasts := rapid.Int64Range(1, 1e12).Draw(t, "lasts")
			c.from = append(c.from, c.from[last]+lasts)
			c.place = append(c.place, c.place[last]+mulDiv(c.rate[last], lasts, bitNanos, false))
			c.rate = append(c.rate, rate.Draw(t, "rate"))
		}
		at := rapid.Int64Range(0, 4e12).Draw(t, "moment")
		x := c.at(at)
		if got := c.reached(x); got > at {
			t.Fatalf("%d bytes by %d, but reached at %d", x, at, got)
		}
		if got := c.reached(x + 1); got <= at {
			t.Fatalf("%d bytes by %d, but one more is reached at %d", x, at, got)
		}
		if y := c.after(at); y < x || c.left(y) < at {
			t.Fatalf("after %d the first place is %d, which moves at %d", at, y, c.left(y))
		}
	})
}

package schedule

import (
	"math"
	"math/bits"
	"time"
)

// Moments are nanoseconds after [Problem.Now].
const never = math.MaxInt64

// Places on a link are bytes that it can have carried since Now. In such places jobs of a link follow each other without gaps
// whatever its rates are, and a need-by is a place too, so that a job is on time exactly if its last byte is not after that.
const farthest = int64(1) << 61

// bitNanos are the bits in a byte times the nanoseconds in a second.
const bitNanos = 8_000_000_000

// capacity is a link's forecast as a function from moments to places.
type capacity struct {
	from  []int64 // by rate: the moment at which it begins
	place []int64 // by rate: the place there
	rate  []int64 // bit/s
}

func newCapacity(l Link, now time.Time) capacity {
	var c capacity
	at, place := int64(0), int64(0)
	for _, r := range l.Rates {
		until := int64(never)
		if !r.Until.IsZero() {
			until = moment(r.Until, now)
			if until <= at {
				continue // over
			}
		}
		c.from, c.place, c.rate = append(c.from, at), append(c.place, place), append(c.rate, r.BitsPerSecond)
		place = min(farthest, add(place, mulDiv(r.BitsPerSecond, until-at, bitNanos, false)))
		at = until
	}
	return c
}

// at is the place that is reached at a moment.
func (c *capacity) at(t int64) int64 {
	i := c.piece(t)
	return min(farthest, add(c.place[i], mulDiv(c.rate[i], max(0, t-c.from[i]), bitNanos, false)), c.end(i))
}

// after is the first place of which nothing moves before a moment.
func (c *capacity) after(t int64) int64 {
	i := c.piece(t)
	return min(farthest, add(c.place[i], mulDiv(c.rate[i], max(0, t-c.from[i]), bitNanos, true)), c.end(i))
}

// piece is the rate that holds at a moment.
func (c *capacity) piece(t int64) int {
	i := len(c.from) - 1
	for i > 0 && c.from[i] > t {
		i--
	}
	return i
}

// end is the place at which a rate ends.
func (c *capacity) end(i int) int64 {
	if i+1 < len(c.place) {
		return c.place[i+1]
	}
	return farthest
}

// reached is the first moment at which a place is reached: reached(x) <= t exactly if x <= at(t).
func (c *capacity) reached(x int64) int64 {
	if x <= 0 {
		return 0
	}
	for i := range c.from {
		if x <= c.end(i) && c.rate[i] > 0 && x > c.place[i] {
			return add(c.from[i], mulDiv(x-c.place[i], bitNanos, c.rate[i], true))
		}
	}
	return never
}

// left is the moment at which the byte after a place begins to move.
func (c *capacity) left(x int64) int64 {
	for i := range c.from {
		if x < c.end(i) && c.rate[i] > 0 {
			return add(c.from[i], mulDiv(max(0, x-c.place[i]), bitNanos, c.rate[i], true))
		}
	}
	return never
}

// moment of a time, at most a century away.
func moment(t, now time.Time) int64 { return int64(t.Sub(now)) } // Sub saturates

// add never wraps.
func add(a, b int64) int64 {
	if a > never-b {
		return never
	}
	return a + b
}

// mulDiv is a*b/c of numbers that are not negative, rounded up or down, and never where that is too large.
func mulDiv(a, b, c int64, up bool) int64 {
	hi, lo := bits.Mul64(uint64(a), uint64(b))
	if hi >= uint64(c) {
		return never
	}
	q, rest := bits.Div64(hi, lo, uint64(c))
	if up && rest > 0 {
		q++
	}
	return int64(min(q, never))
}

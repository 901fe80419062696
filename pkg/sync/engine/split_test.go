package engine

import (
	"testing"
	"time"
)

// drive has the splitter see parts of 5 MiB at a throughput that depends on the ranges.
func drive(s *splitter, clock *time.Time, parts int, rate func(ranges int) float64) {
	const part = 5 << 20
	for range parts {
		*clock = clock.Add(time.Duration(part / rate(s.count(part)) * float64(time.Second)))
		s.done(part)
	}
}

func TestSplitterFollowsTheThroughput(t *testing.T) {
	for _, c := range []struct {
		name string
		rate func(ranges int) float64
		want int
		away time.Duration
	}{
		{"every connection is slow", func(n int) float64 { return 40e6 * float64(n) }, 4, 0},
		{"two fill the link", func(n int) float64 { return 40e6 * float64(min(n, 2)) }, 2, 0},
		{"the link is full", func(int) float64 { return 500e6 }, 1, 0},
		{"more requests are slower", func(n int) float64 { return 500e6 / float64(n) }, 1, 0},
		{"far: every connection is slow", func(n int) float64 { return 40e6 * float64(n) }, 4, farAway},
		{"far: two fill the link", func(n int) float64 { return 40e6 * float64(min(n, 2)) }, 2, farAway},
		{"far: the link is full", func(int) float64 { return 500e6 }, 1, farAway},
		{"far: more requests are slower", func(n int) float64 { return 500e6 / float64(n) }, 1, farAway},
	} {
		clock := time.Unix(0, 0)
		s := newSplitter(func() time.Time { return clock }, c.away)
		seconds := map[int]float64{}
		drive(s, &clock, 10_000, func(n int) float64 {
			seconds[n] += 5 << 20 / c.rate(n)
			return c.rate(n)
		})
		if got := s.count(5 << 20); got != c.want {
			t.Errorf("%s: %d ranges, want %d", c.name, got, c.want)
		}
		if got := s.slowStreams(); got != (c.want > 1 || c.away >= farAway) {
			t.Errorf("%s: slow streams: %v", c.name, got)
		}
		all := 0.0
		for _, v := range seconds {
			all += v
		}
		if seconds[c.want] < 0.8*all {
			t.Errorf("%s: %.0f of %.0f s with %d ranges: %v", c.name, seconds[c.want], all, c.want, seconds)
		}
	}
}

func TestSplitterLeavesSmallReadsWhole(t *testing.T) {
	s := newSplitter(time.Now, 0)
	s.ranges = 4
	for n, want := range map[int64]int{0: 1, 1000: 1, 1<<20 + 1: 1, 2 << 20: 2, 3 << 20: 3, 5 << 20: 4} {
		if got := s.count(n); got != want {
			t.Errorf("%d bytes in %d ranges, want %d", n, got, want)
		}
	}
}

// Where the stores are far away, a transfer of some seconds is over before a trial could tell that its streams are slow.
func TestStreamsOverALongWayAreSlowFromTheStart(t *testing.T) {
	for away, want := range map[time.Duration]bool{0: false, farAway - 1: false, farAway: true} {
		if s := newSplitter(time.Now, away); s.slowStreams() != want || s.count(5<<20) != 1 {
			t.Errorf("%v away: slow streams: %v, %d ranges", away, s.slowStreams(), s.count(5<<20))
		}
	}
}

package network

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/datagravity/datagravity/internal/netem"
)

// spell is what the network to one server is like for a while.
type spell struct {
	faults []netem.Fault
	out    bool
}

// hour of the forecast: both networks, and for how long.
type hour struct {
	length time.Duration
	at     [2]spell // of the source, of the destination
}

// forecast is bad weather of a length, as the random numbers have it.
func forecast(rnd *rand.Rand, length time.Duration) (hours []hour) {
	for length > 0 {
		h := hour{length: time.Duration(150+rnd.IntN(600)) * time.Millisecond}
		for i := range h.at {
			h.at[i] = badSpell(rnd)
		}
		length -= h.length
		hours = append(hours, h)
	}
	return hours
}

// badSpell has one to three faults, or is an outage, or once in a while nothing. Each is of a strength that a real network can have and that lets some of
// the requests through; cuts and resets come at any number of bytes, also before the first.
func badSpell(rnd *rand.Rand) (s spell) {
	switch n := rnd.IntN(10); {
	case n == 0:
		s.out = true
		return s
	case n == 1:
		return s
	}
	between := func(from, to int64) int64 { return from + rnd.Int64N(to-from+1) }
	used := map[string]bool{}
	for range 1 + rnd.IntN(3) {
		f := netem.Fault{Up: rnd.IntN(2) == 0, Share: 0.2 + 0.6*rnd.Float64()}
		switch rnd.IntN(6) {
		case 0:
			f.Kind, f.Share, f.Values = netem.Latency, 1, map[string]int64{"latency": between(5, 120), "jitter": between(0, 5)}
		case 1:
			f.Kind, f.Share, f.Values = netem.Bandwidth, 1, map[string]int64{"rate": between(300, 6000)}
		case 2:
			f.Kind, f.Values = netem.Slices, map[string]int64{"average_size": between(600, 9000), "size_variation": 500, "delay": between(1, 200)}
		case 3:
			f.Kind, f.Values = netem.Cut, map[string]int64{"bytes": []int64{0, 1, between(2, 2000), between(2000, 1<<20), between(1<<20, 8<<20)}[rnd.IntN(5)]}
		case 4:
			f.Kind, f.Share, f.Values = netem.Reset, 0.1+0.4*rnd.Float64(), map[string]int64{"timeout": between(0, 200)}
		case 5:
			f.Kind, f.Share, f.Values = netem.Silence, 0.1+0.4*rnd.Float64(), map[string]int64{"timeout": between(50, 800)}
		}
		if !used[f.Kind] {
			used[f.Kind] = true
			s.faults = append(s.faults, f)
		}
	}
	return s
}

func (s spell) String() string {
	if s.out {
		return "out"
	}
	var list []string
	for _, f := range s.faults {
		way := "down"
		if f.Up {
			way = "up"
		}
		list = append(list, fmt.Sprintf("%s %s %v for %.0f %%", f.Kind, way, f.Values, 100*f.Share))
	}
	return "[" + strings.Join(list, ", ") + "]"
}

func (s spell) over(f *front) error {
	if s.out {
		f.out()
		return nil
	}
	return f.foul(s.faults)
}

// pass has the hours pass over both fronts, and then fair weather. The channel is closed when that is there.
func pass(t *testing.T, hours []hour, at [2]*front) (over <-chan struct{}) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		for _, h := range hours {
			for i, f := range at {
				if err := h.at[i].over(f); err != nil {
					t.Error(err)
				}
			}
			time.Sleep(h.length)
		}
		for _, f := range at {
			f.fair()
		}
	}()
	t.Cleanup(func() { <-done })
	return done
}

// A seed has one forecast, and all kinds of weather are in some of them.
func TestForecast(t *testing.T) {
	of := func(seed uint64) (s string) {
		for _, h := range forecast(rand.New(rand.NewPCG(seed, 0)), 5*time.Second) {
			s += fmt.Sprintln(h.length, h.at[0], h.at[1])
		}
		return s
	}
	all := ""
	for seed := range uint64(20) {
		first := of(seed)
		if again := of(seed); again != first {
			t.Errorf("seed %d has two forecasts", seed)
		}
		all += first
	}
	for _, kind := range []string{netem.Latency, netem.Bandwidth, netem.Slices, netem.Cut, netem.Reset, netem.Silence, "out", " up ", " down ", "bytes:0]", "[]"} {
		if !strings.Contains(all, kind) {
			t.Errorf("no seed has %s", kind)
		}
	}
}

package pace_test

import (
	"context"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/pace"
)

// during runs a load for a virtual time, calls look meanwhile, and returns the parts that arrived.
func during(t *testing.T, s store.Store, workers int, d time.Duration, look func()) int64 {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	parts, wait := load(t, ctx, s, workers)
	look()
	wait()
	return parts.Load()
}

func TestLimitRisesWhileItIsUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, g := behind(&server{roundTrip: 100 * time.Millisecond}, pace.Options{})
		during(t, s, 200, 10*time.Second, func() {
			time.Sleep(5 * time.Second)
			synctest.Wait() // requests end at this moment: until those after them are in the queue
			if c := g.Counters(); c.Limit != 64 || c.InFlight != 64 || c.Waiting != 136 {
				t.Errorf("after 5 s without trouble: %+v", c)
			}
		})
	})
}

func TestLimitStaysWhereItIsNotUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, g := behind(&server{roundTrip: 100 * time.Millisecond}, pace.Options{})
		during(t, s, 12, time.Minute, func() {})
		if c := g.Counters(); c.Limit != pace.DefaultStart || c.InFlight != 0 {
			t.Errorf("12 workers moved the limit: %+v", c)
		}
	})
}

// Requests without payload need no throughput to climb, and cannot be judged by it.
func TestLimitRisesForLooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, g := behind(&server{roundTrip: 20 * time.Millisecond, streams: 8}, pace.Options{})
		end := time.Now().Add(10 * time.Second)
		for range 100 {
			go func() {
				for time.Now().Before(end) {
					if _, err := s.Head(t.Context(), "k"); err != nil {
						t.Error(err)
					}
				}
			}()
		}
		time.Sleep(9 * time.Second)
		if c := g.Counters(); c.Limit != 64 {
			t.Errorf("%+v", c)
		}
		time.Sleep(2 * time.Second)
	})
}

func TestLimitConvergesBelowWhatIsRefused(t *testing.T) {
	for _, k := range []int{1, 3, 10, 24, 50} {
		synctest.Test(t, func(t *testing.T) {
			srv := &server{roundTrip: 100 * time.Millisecond, refuse: func(inFlight, _ int) bool { return inFlight > k }}
			s, g := behind(srv, pace.Options{})
			var mean float64
			var highest int
			var before pace.Counters
			parts := during(t, s, 100, 3*time.Minute, func() {
				time.Sleep(time.Minute)
				before = g.Counters()
				mean, highest = average(g, 110*time.Second)
			})
			if mean < float64(k)/2 || mean > 1.25*float64(k)+1 || highest > k+k/4+1 {
				t.Errorf("at most %d in flight: the limit is %.1f on average and %d at most", k, mean, highest)
			}
			if ideal := int64(k) * 10 * 180; parts < ideal/2 {
				t.Errorf("at most %d in flight: %d parts, %d are possible", k, parts, ideal)
			}
			c := g.Counters()
			if refused, all := c.Throttled-before.Throttled, c.Admitted-before.Admitted; refused*10 > all {
				t.Errorf("at most %d in flight: %d of %d requests were refused", k, refused, all)
			}
		})
	}
}

func TestLimitConvergesToTheRateThatIsServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// 200/s at 100 ms are 20 in flight.
		srv := &server{roundTrip: 100 * time.Millisecond, refuse: func(_, inSecond int) bool { return inSecond > 200 }}
		s, g := behind(srv, pace.Options{})
		var mean float64
		parts := during(t, s, 100, 3*time.Minute, func() {
			time.Sleep(time.Minute)
			mean, _ = average(g, 110*time.Second)
		})
		if mean < 10 || mean > 25 {
			t.Errorf("limit %.1f on average", mean)
		}
		if parts < 180*200/2 || srv.requests > 2*parts {
			t.Errorf("%d parts in %d requests", parts, srv.requests)
		}
	})
}

func TestAttemptsUnderRandomThrottling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var over atomic.Bool
		random := rand.New(rand.NewPCG(1, 2))
		srv := &server{roundTrip: 50 * time.Millisecond}
		srv.refuse = func(int, int) bool {
			srv.mu.Lock()
			defer srv.mu.Unlock()
			return !over.Load() && random.IntN(100) < 30
		}
		s, g := behind(srv, pace.Options{})
		during(t, s, 100, 60*time.Second+2*time.Minute, func() {
			time.Sleep(60 * time.Second)
			c := g.Counters()
			if answered := c.Admitted - int64(c.InFlight) - c.Throttled; c.Admitted > 2*answered || c.Throttled < 50 {
				t.Errorf("%d attempts for %d parts, %d throttled", c.Admitted, answered, c.Throttled)
			}
			if c.Limit > 8 || c.Decreases > 60 {
				t.Errorf("under throttling: %+v", c)
			}
			over.Store(true)
			time.Sleep(90 * time.Second)
			if c := g.Counters(); c.Limit < 48 {
				t.Errorf("90 s after the trouble: %+v", c)
			}
		})
	})
}

func TestLimitFindsThePlateauOfThroughput(t *testing.T) {
	for _, k := range []int{2, 6, 16, 28, 48} {
		synctest.Test(t, func(t *testing.T) {
			srv := &server{roundTrip: 100 * time.Millisecond, streams: k}
			s, g := behind(srv, pace.Options{})
			var mean float64
			parts := during(t, s, 100, 5*time.Minute, func() {
				time.Sleep(2 * time.Minute)
				mean, _ = average(g, 170*time.Second)
			})
			if mean < float64(k)/2 || mean > 2*float64(k) {
				t.Errorf("%d streams: the limit is %.1f on average", k, mean)
			}
			if ideal := int64(k) * 10 * 300; parts < ideal*9/10 {
				t.Errorf("%d streams: %d parts, %d are possible", k, parts, ideal)
			}
			if c := g.Counters(); c.Decreases != 0 {
				t.Errorf("halved without throttling: %+v", c)
			}
		})
	}
}

// The trial of fewer requests must not cost what it is to save.
func TestNoPlateauNoLoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := behind(&server{roundTrip: 200 * time.Millisecond}, pace.Options{})
		if parts := during(t, s, 100, 5*time.Minute, func() {}); parts < 300*5*64*95/100 {
			t.Errorf("%d parts of %d", parts, 300*5*64)
		}
	})
}

// A burst of refusals counts once: requests that were under way together meet the same trouble.
func TestABurstHalvesOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := pace.NewGate(pace.Options{Start: 32})
		throttled := &store.Error{Op: "part", Kind: store.ErrThrottled}
		burst := func() {
			var slots []pace.Slot
			for range g.Counters().Limit {
				s, err := g.Admit(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				slots = append(slots, s)
			}
			for _, s := range slots {
				time.Sleep(200 * time.Millisecond)
				g.Release(s, 0, throttled)
			}
		}
		burst()
		if c := g.Counters(); c.Limit != 16 || c.Decreases != 1 || c.Throttled != 32 {
			t.Errorf("after a burst: %+v", c)
		}
		burst()
		if c := g.Counters(); c.Limit != 8 || c.Decreases != 2 {
			t.Errorf("after the second: %+v", c)
		}
		for range 20 {
			s, err := g.Admit(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
			g.Release(s, 0, throttled)
		}
		if c := g.Counters(); c.Limit != 1 {
			t.Errorf("the limit fell to %d, want 1", c.Limit)
		}
	})
}

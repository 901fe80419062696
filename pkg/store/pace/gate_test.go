package pace_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/mem"
	"github.com/datagravity/datagravity/pkg/store/pace"
	"github.com/datagravity/datagravity/pkg/store/retry"
	"github.com/datagravity/datagravity/pkg/store/storetest"
)

// Behind a gate of one slot a store passes the suite that it passes without: no call waits for another of its own.
func TestConformanceBehindOneSlot(t *testing.T) {
	storetest.Run(t, pace.Wrap(mem.New(mem.Options{}), pace.NewGate(pace.Options{Max: 1})), storetest.Options{})
}

// The round trip is that of the quickest request without content; what waited for a slot did not travel meanwhile.
func TestRoundTrip(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		latency := map[string]time.Duration{"put": time.Millisecond, "head": 30 * time.Millisecond, "list": 50 * time.Millisecond}
		m := mem.New(mem.Options{Latency: func(op string, _ int64) time.Duration { return latency[op] }})
		s := retry.Wrap(pace.Wrap(m, pace.NewGate(pace.Options{Max: 1})), retry.Policy{})
		if got := store.RoundTrip(s); got != 0 {
			t.Errorf("%v before any request", got)
		}
		if _, err := s.Put(t.Context(), "a", []byte("content"), store.WriteOptions{Condition: store.IfAbsent()}); err != nil {
			t.Fatal(err)
		}
		if got := store.RoundTrip(s); got != 0 {
			t.Errorf("%v after a put, which moves content", got)
		}
		if _, err := s.List(t.Context(), store.ListOptions{}); err != nil {
			t.Fatal(err)
		}
		if got := store.RoundTrip(s); got != 0 {
			t.Errorf("%v after one listing", got)
		}
		var g sync.WaitGroup
		for range 2 {
			g.Go(func() {
				if _, err := s.List(t.Context(), store.ListOptions{}); err != nil {
					t.Error(err)
				}
			})
		}
		g.Wait()
		if got := store.RoundTrip(s); got != 50*time.Millisecond {
			t.Errorf("%v after listings", got)
		}
		if _, err := s.Head(t.Context(), "absent"); !errors.Is(err, store.ErrNotFound) {
			t.Fatal(err)
		}
		if got := store.RoundTrip(s); got != 30*time.Millisecond {
			t.Errorf("%v after a head that found nothing", got)
		}
	})
}

func TestOrderOfWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := pace.NewGate(pace.Options{Max: 1})
		first, err := g.Admit(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var order []string
		var mu sync.Mutex
		enter := func(name string, ctx context.Context) {
			go func() {
				s, err := g.Admit(ctx)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				order = append(order, name)
				mu.Unlock()
				g.Release(s, 0, nil)
			}()
			synctest.Wait()
		}
		with := func(slack time.Duration, usd int64) context.Context {
			return store.WithPriority(t.Context(), store.Priority{Slack: slack, NanoUSDPerGiB: usd})
		}
		early := with(time.Hour, 0)
		enter("nobody said", t.Context())
		enter("no need-by, dear", with(0, 90))
		enter("no need-by, cheap", with(0, 20))
		enter("late", with(-time.Minute, 50))
		enter("hour, dear", with(time.Hour, 90))
		enter("hour, cheap, first", with(time.Hour, 20))
		enter("hour, cheap, second", with(time.Hour, 20))
		time.Sleep(30 * time.Minute)
		enter("40 minutes, half an hour later", with(40*time.Minute, 0))
		enter("the hour from before", early)
		if c := g.Counters(); c.Waiting != 9 || c.InFlight != 1 {
			t.Fatalf("%+v", c)
		}
		g.Release(first, 0, nil)
		synctest.Wait()
		want := []string{
			"late", "the hour from before", "hour, cheap, first", "hour, cheap, second", "hour, dear", "40 minutes, half an hour later",
			"nobody said", "no need-by, cheap", "no need-by, dear",
		}
		if !slices.Equal(order, want) {
			t.Errorf("admitted %q\nwant %q", order, want)
		}
	})
}

func TestRetryAfterHoldsForTheStore(t *testing.T) {
	for _, c := range []struct{ asked, least time.Duration }{
		{20 * time.Second, 20 * time.Second},
		{time.Hour, 5 * time.Minute},
	} {
		synctest.Test(t, func(t *testing.T) {
			g := pace.NewGate(pace.Options{})
			var slots [2]pace.Slot
			for i := range slots {
				var err error
				if slots[i], err = g.Admit(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			g.Release(slots[0], 0, &store.Error{Op: "head", Kind: store.ErrThrottled, RetryAfter: c.asked})
			start := time.Now()
			if until := g.Counters().PausedUntil; until.Sub(start) < c.least {
				t.Errorf("paused until %v", until)
			}
			// A shorter wait for another request does not end the longer one.
			time.AfterFunc(time.Second, func() {
				g.Release(slots[1], 0, &store.Error{Op: "head", Kind: store.ErrThrottled, RetryAfter: time.Second})
			})
			var all sync.WaitGroup
			for range 10 {
				all.Go(func() {
					s, err := g.Admit(t.Context())
					if err != nil {
						t.Error(err)
					}
					defer g.Release(s, 0, nil)
					if d := time.Since(start); d < c.least || d > c.least+c.least/10 {
						t.Errorf("asked for %v, admitted after %v", c.asked, d)
					}
				})
			}
			all.Wait()
			if !g.Counters().PausedUntil.IsZero() {
				t.Error("still paused")
			}
		})
	}
}

func TestCancelledWaiterLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := mem.New(mem.Options{Latency: func(string, int64) time.Duration { return time.Minute }})
		g := pace.NewGate(pace.Options{Max: 1})
		s := pace.Wrap(inner, g)
		go func() { _, _ = s.Head(t.Context(), "held") }()
		synctest.Wait()
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, errors.New("no longer wanted"))
		defer cancel()
		start := time.Now()
		_, err := s.Head(ctx, "k")
		var e *store.Error
		if !errors.As(err, &e) || e.Kind != store.ErrTransient || !e.NotSent || e.Op != "head" || e.Key != "k" || time.Since(start) != time.Second {
			t.Errorf("after %v: %#v", time.Since(start), err)
		}
		if err.Error() != `head mem://test "k": transient failure: no longer wanted` {
			t.Errorf("%v", err)
		}
		if c := g.Counters(); c.Waiting != 0 || c.InFlight != 1 {
			t.Errorf("%+v", c)
		}
		if _, err := g.Admit(ctx); err == nil {
			t.Error("an ended context was admitted")
		}
		time.Sleep(time.Minute)
		if c := g.Counters(); c.InFlight != 0 {
			t.Errorf("%+v", c)
		}
	})
}

type panicking struct{ store.Store }

func (panicking) Head(context.Context, string) (store.Object, error) { panic("bug") }

func TestPanicGivesTheSlotBack(t *testing.T) {
	g := pace.NewGate(pace.Options{})
	func() {
		defer func() { _ = recover() }()
		_, _ = pace.Wrap(panicking{}, g).Head(t.Context(), "k")
	}()
	if c := g.Counters(); c.InFlight != 0 || c.Admitted != 1 {
		t.Errorf("%+v", c)
	}
}

// Whatever ends requests and waiting, no slot is lost and none is given twice.
func TestNoSlotIsLost(t *testing.T) {
	errs := []error{
		nil, nil, nil,
		&store.Error{Op: "part", Kind: store.ErrThrottled},
		&store.Error{Op: "part", Kind: store.ErrThrottled, RetryAfter: 3 * time.Second},
		&store.Error{Op: "part", Kind: store.ErrTransient},
		&store.Error{Op: "part", Kind: store.ErrNotFound},
		context.Canceled,
	}
	rapid.Check(t, func(rt *rapid.T) {
		most := rapid.IntRange(1, 12).Draw(rt, "max")
		start := rapid.IntRange(0, 20).Draw(rt, "start")
		type request struct {
			at, patience, took time.Duration
			slack              time.Duration
			bytes              int64
			err                int
		}
		ms := func(most int, name string) time.Duration {
			return time.Duration(rapid.IntRange(0, most).Draw(rt, name)) * time.Millisecond
		}
		requests := make([]request, rapid.IntRange(1, 80).Draw(rt, "requests"))
		for i := range requests {
			requests[i] = request{
				ms(2000, "at"), ms(4000, "patience"), ms(300, "took"), ms(50, "slack"),
				rapid.Int64Range(0, 9).Draw(rt, "bytes"), rapid.IntRange(0, len(errs)-1).Draw(rt, "err"),
			}
		}
		var wrong error
		synctest.Test(t, func(t *testing.T) {
			g := pace.NewGate(pace.Options{Start: start, Max: most})
			var mu sync.Mutex
			inFlight := 0
			var all sync.WaitGroup
			for _, r := range requests {
				all.Go(func() {
					time.Sleep(r.at)
					ctx, cancel := context.WithTimeout(store.WithPriority(t.Context(), store.Priority{Slack: r.slack}), r.patience)
					defer cancel()
					s, err := g.Admit(ctx)
					if err != nil {
						return
					}
					mu.Lock()
					if inFlight++; inFlight > most {
						wrong = fmt.Errorf("%d in flight, at most %d may be", inFlight, most)
					}
					mu.Unlock()
					time.Sleep(r.took)
					mu.Lock()
					inFlight--
					mu.Unlock()
					g.Release(s, r.bytes, errs[r.err])
				})
			}
			all.Wait()
			if c := g.Counters(); c.InFlight != 0 || c.Waiting != 0 || c.Limit < 1 || c.Limit > most {
				wrong = errors.Join(wrong, fmt.Errorf("at the end %+v", c))
			}
		})
		if wrong != nil {
			rt.Fatal(wrong)
		}
	})
}

// 20,000 objects of 1 KiB pass as many times.
func BenchmarkAdmitRelease(b *testing.B) {
	g := pace.NewGate(pace.Options{})
	ctx := b.Context()
	for b.Loop() {
		s, err := g.Admit(ctx)
		if err != nil {
			b.Fatal(err)
		}
		g.Release(s, 1024, nil)
	}
}

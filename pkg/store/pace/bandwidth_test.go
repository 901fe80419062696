package pace_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/pace"
)

// pull passes parts of partBytes by several workers until a time, and returns the bytes that passed.
func pull(t *testing.T, wait func(context.Context, int64) error, partBytes int64, d time.Duration) int64 {
	t.Helper()
	end := time.Now().Add(d)
	var moved atomic.Int64
	var all sync.WaitGroup
	ctx, cancel := context.WithDeadline(t.Context(), end)
	defer cancel()
	for range 8 {
		all.Go(func() {
			for wait(ctx, partBytes) == nil && time.Now().Before(end) {
				moved.Add(partBytes)
			}
		})
	}
	all.Wait()
	return moved.Load()
}

func near(t *testing.T, what string, have, want int64) {
	t.Helper()
	if off := math.Abs(float64(have)/float64(want) - 1); off > 0.01 {
		t.Errorf("%s: %d bytes moved, want %d within 1%%", what, have, want)
	}
}

// until starts the bubble's clock at a time: it begins at midnight UTC of 1 January 2000, a Saturday.
func until(t *testing.T, s string) { time.Sleep(time.Until(at(t, "UTC", s))) }

func TestBandwidthIsExactOverAChange(t *testing.T) {
	for _, partBytes := range []int64{4 * store.MiB, 64*store.MiB + 1, 512 * store.MiB} {
		synctest.Test(t, func(t *testing.T) {
			tt := timetable(t, "UTC", "08:00-19:00 2Gbit/s", "4Gbit/s")
			until(t, "2000-01-03 18:55:00")
			b := pace.NewBandwidth(tt, nil)
			near(t, "5 minutes at 2 and 5 at 4 Gbit/s", pull(t, b.Wait, partBytes, 10*time.Minute), (300*2e9+300*4e9)/8)
			// Idle over the next change: the credit for it is no more than a quarter of a second.
			time.Sleep(20 * time.Hour)
			near(t, "a minute at 2 Gbit/s", pull(t, b.Wait, 4*store.MiB, time.Minute), 60*2e9/8)
		})
	}
}

func TestBandwidthAcrossMidnightAndSummerTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := pace.NewBandwidth(timetable(t, "UTC", "Mon 23:00-00:05 8Mbit/s", "80Mbit/s"), nil)
		until(t, "2000-01-03 23:55:00")
		near(t, "over midnight", pull(t, b.Wait, store.MiB, 20*time.Minute), (600*8e6+600*80e6)/8)
	})
	synctest.Test(t, func(t *testing.T) {
		// On 26 March 2000 the clock in Berlin went from 02:00 to 03:00, at 01:00 UTC.
		b := pace.NewBandwidth(timetable(t, "Europe/Berlin", "02:30-04:00 8Mbit/s", "80Mbit/s"), nil)
		until(t, "2000-03-26 00:50:00")
		near(t, "over the lost hour", pull(t, b.Wait, store.MiB, 20*time.Minute), (600*80e6+600*8e6)/8)
	})
}

func TestBandwidthAllowsNoBurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := pace.NewBandwidth(timetable(t, "", "8Mbit/s"), nil) // 1 MB/s
		time.Sleep(time.Hour)
		start := time.Now()
		if err := b.Wait(t.Context(), 10e6); err != nil {
			t.Fatal(err)
		}
		if d := time.Since(start); d < 9700*time.Millisecond || d > 10*time.Second {
			t.Errorf("10 MB at 1 MB/s after an idle hour took %v", d)
		}
	})
}

func TestSetWakesThoseThatWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := pace.NewBandwidth(timetable(t, "", "8Kbit/s"), nil) // 1 KB/s
		var took [3]time.Duration
		var all sync.WaitGroup
		start := time.Now()
		for i := range took {
			all.Go(func() {
				if err := b.Wait(t.Context(), 1e6); err != nil { // 1000 s
					t.Error(err)
				}
				took[i] = time.Since(start)
			})
		}
		time.Sleep(10 * time.Second)
		b.Set(timetable(t, "", "8Mbit/s"))
		all.Wait()
		slices.Sort(took[:])
		for i, d := range took {
			if want := 10*time.Second + time.Duration(i+1)*time.Second; d < want-300*time.Millisecond || d > want {
				t.Errorf("waiter %d passed after %v, want %v", i, d, want)
			}
		}
		b.Set(timetable(t, "", "8bit/s"))
		time.AfterFunc(time.Minute, func() { b.Set(nil) })
		start = time.Now()
		if err := b.Wait(t.Context(), 1e12); err != nil || time.Since(start) != time.Minute {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}

func TestBandwidthEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gone := errors.New("no longer wanted")
		b := pace.NewBandwidth(timetable(t, "", "8Kbit/s"), nil)
		var all sync.WaitGroup
		for i := range 3 { // the first waits for the limiter, the others for their turn
			all.Go(func() {
				ctx, cancel := context.WithTimeoutCause(t.Context(), time.Duration(i+1)*time.Second, gone)
				defer cancel()
				start := time.Now()
				if err := b.Wait(ctx, 1e6); !errors.Is(err, gone) || time.Since(start) != time.Duration(i+1)*time.Second {
					t.Errorf("%v after %v", err, time.Since(start))
				}
			})
		}
		all.Wait()
		start := time.Now()
		if err := b.Wait(t.Context(), 1000); err != nil || time.Since(start) > time.Second {
			t.Errorf("after them: %v, %v", err, time.Since(start))
		}
	})
}

func TestNothingLimitsNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var b *pace.Bandwidth
	var l *pace.Links
	for name, err := range map[string]error{
		"nil": b.Wait(ctx, 1e12), "nil links": l.For(pace.Link{}).Wait(ctx, 1e12), "no bytes": pace.NewBandwidth(timetable(t, "", "1bit/s"), nil).Wait(ctx, 0),
	} {
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if r, until := l.For(pace.Link{}).At(time.Now()); r != pace.Unlimited || !until.IsZero() || b.Timetable() != nil {
		t.Errorf("%v until %v", r, until)
	}
}

// to covers the links to one destination.
func to(name string) func(pace.Link) bool {
	return func(l pace.Link) bool { return name == "" || l.Dest == name }
}

func TestLinksHoldTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limits := func(lines ...string) []pace.Limit {
			out := []pace.Limit{{Name: "any->aws", Covers: to("aws"), Table: timetable(t, "UTC", "00:00-12:00 8Mbit/s", "16Mbit/s")}}
			if lines != nil {
				out = append(out, pace.Limit{Name: "any->any", Covers: to(""), Table: timetable(t, "UTC", lines...)})
			}
			return out
		}
		l := pace.NewLinks(limits("12Mbit/s"), nil)
		aws, lab := pace.Link{Source: "a", Dest: "aws"}, pace.Link{Source: "a", Dest: "lab"}
		if len(l.For(aws)) != 2 || len(l.For(lab)) != 1 || l.For(aws)[1] != l.For(lab)[0] {
			t.Fatalf("aws %v, lab %v", l.For(aws), l.For(lab))
		}
		rate, until := l.For(aws).At(time.Now())
		if rate != 8e6 || !until.Equal(time.Now().Add(12*time.Hour)) {
			t.Errorf("%v until %v", rate, until)
		}
		if rate, _ := l.For(aws).At(until); rate != 12e6 {
			t.Errorf("%v after it", rate)
		}
		both := func(ctx context.Context, n int64) error { return l.For(aws).Wait(ctx, n) }
		near(t, "the lower of two limits", pull(t, both, 1e5, 10*time.Minute), 600*1e6)
		// What goes to aws counts for both.
		var moved, other int64
		var all sync.WaitGroup
		all.Go(func() { moved = pull(t, both, 1e5, 10*time.Minute) })
		all.Go(func() {
			other = pull(t, func(ctx context.Context, n int64) error { return l.For(lab).Wait(ctx, n) }, 1e5, 10*time.Minute)
		})
		all.Wait()
		near(t, "both links", moved+other, 600*15e5)

		if changes := l.Reload(limits("12Mbit/s")); changes != nil {
			t.Errorf("nothing changed: %q", changes)
		}
		held := l.For(lab)
		if have := strings.Join(l.Reload(limits("24Mbit/s")), ", "); have != "any->any has another timetable" || l.For(lab)[0] != held[0] {
			t.Errorf("changes: %s", have)
		}
		near(t, "after the change", pull(t, held.Wait, 1e5, time.Minute), 60*3e6)
		if have := strings.Join(l.Reload(limits()), ", "); have != "any->any is gone" || len(l.For(lab)) != 0 {
			t.Errorf("changes: %s", have)
		}
		if err := held.Wait(t.Context(), 1e15); err != nil {
			t.Error(err)
		}
		if have := strings.Join(l.Reload(limits("8Mbit/s")), ", "); have != "any->any is new" {
			t.Errorf("changes: %s", have)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := l.For(lab).Wait(ctx, 1e9); err == nil || err.Error() != "waiting for bandwidth: context deadline exceeded" {
			t.Errorf("error %v", err)
		}
	})
}

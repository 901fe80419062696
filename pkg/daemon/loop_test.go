package daemon

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// passes is a Passer that follows a script and notes when it was called.
type passes struct {
	start   time.Time
	mu      sync.Mutex // guards at: a test looks while the loop runs
	at      []time.Duration
	script  func(ctx context.Context, n int) (time.Time, error)
	changed chan struct{}
}

func (p *passes) Pass(ctx context.Context) (time.Time, error) {
	p.mu.Lock()
	p.at = append(p.at, time.Since(p.start))
	n := len(p.at)
	p.mu.Unlock()
	return p.script(ctx, n)
}

func (p *passes) times() []time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.at)
}

func (p *passes) Changed() <-chan struct{} { return p.changed }
func (p *passes) Drain()                   {}

// inLoop runs a loop over a script in a bubble of synthetic time, lets f act beside it, and returns the times of the passes, the log, and what Run said.
func inLoop(t *testing.T, script func(ctx context.Context, n int) (time.Time, error), f func(p *passes, wake chan struct{})) (at []time.Duration, said string, err error) {
	t.Helper()
	synctest.Test(t, func(*testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		var log bytes.Buffer
		p := &passes{start: time.Now(), script: script, changed: make(chan struct{}, 1)}
		wake := make(chan struct{}, 1)
		l := &Loop{Passer: p, Wake: wake, Now: time.Now, Log: slog.New(slog.NewTextHandler(&log, nil))}
		ended := make(chan struct{})
		go func() { defer close(ended); err = l.Run(ctx) }()
		f(p, wake)
		cancel()
		<-ended
		time.Sleep(2 * stopWithin) // for a pass that was left behind
		at, said = p.times(), log.String()
	})
	return at, said, err
}

func wantTimes(t *testing.T, got []time.Duration, want ...time.Duration) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("passes at %v, want %v", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("passes at %v, want %v", got, want)
		}
	}
}

// A pass that names a time is followed by one at that time; one in the past or without any by one that is neither at once nor never.
func TestLoopSleepsUntilNext(t *testing.T) {
	at, _, err := inLoop(t, func(_ context.Context, n int) (time.Time, error) {
		switch n {
		case 1:
			return time.Now().Add(90 * time.Second), nil
		case 2:
			return time.Now().Add(-time.Hour), nil
		case 3:
			return time.Now().Add(24 * time.Hour), nil
		}
		return time.Time{}, nil
	}, func(*passes, chan struct{}) { time.Sleep(90*time.Second + restless + longest + longest + time.Second) })
	if err != nil {
		t.Fatal(err)
	}
	wantTimes(t, at, 0, 90*time.Second, 91*time.Second, 91*time.Second+longest, 91*time.Second+2*longest)
}

// What is new, and a reload, wake it; a thousand changes in a row are one pass.
func TestLoopWakes(t *testing.T) {
	at, _, err := inLoop(t, func(context.Context, int) (time.Time, error) { return time.Time{}, nil }, func(p *passes, wake chan struct{}) {
		time.Sleep(10 * time.Second)
		p.changed <- struct{}{}
		for range 1000 {
			select {
			case p.changed <- struct{}{}:
			default:
			}
		}
		time.Sleep(20 * time.Second)
		wake <- struct{}{}
		time.Sleep(20 * time.Second)
	})
	if err != nil {
		t.Fatal(err)
	}
	// The change that came when the second pass had begun has one of its own, after a moment.
	wantTimes(t, at, 0, 10*time.Second, 11*time.Second, 30*time.Second)
}

// Errors are tried again after a time that grows, and a success begins anew.
func TestLoopBacksOff(t *testing.T) {
	at, said, err := inLoop(t, func(_ context.Context, n int) (time.Time, error) {
		if n == 7 {
			return time.Now().Add(time.Minute), nil
		}
		return time.Time{}, errors.New("no network")
	}, func(p *passes, _ chan struct{}) {
		for len(p.times()) < 9 {
			time.Sleep(time.Second)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	most := float64(firstRetry)
	for i := 1; i < 7; i++ {
		wait := float64(at[i] - at[i-1])
		if wait < most/2-1 || wait > most*1.5+1 {
			t.Errorf("wait %d was %s, want half to one and a half times %s", i, at[i]-at[i-1], time.Duration(most))
		}
		most *= 1.5
	}
	if at[7]-at[6] != time.Minute {
		t.Errorf("after the success it waited %s", at[7]-at[6])
	}
	if wait := at[8] - at[7]; wait > firstRetry*3/2 {
		t.Errorf("the first error after a success waits %s", wait)
	}
	if !strings.Contains(said, "no network") {
		t.Errorf("the log does not say what failed:\n%s", said)
	}
}

// A mistake in the program is logged with its place, and the next pass comes after a while all the same.
func TestLoopLogsPanics(t *testing.T) {
	at, said, err := inLoop(t, func(_ context.Context, n int) (time.Time, error) {
		if n == 1 {
			panic("index out of range")
		}
		return time.Time{}, nil
	}, func(*passes, chan struct{}) { time.Sleep(time.Minute) })
	if err != nil || len(at) != 2 || at[1] < firstRetry/2 {
		t.Errorf("passes at %v, %v", at, err)
	}
	for _, want := range []string{"index out of range", "loop_test.go", "level=ERROR", "please report it"} {
		if !strings.Contains(said, want) {
			t.Errorf("the log lacks %q:\n%s", want, said)
		}
	}
}

// The end of the context ends a pass and then the loop; a pass that does not end is left behind, and said so.
func TestLoopEnds(t *testing.T) {
	at, said, err := inLoop(t, func(ctx context.Context, _ int) (time.Time, error) {
		<-ctx.Done()
		time.Sleep(3 * time.Second) // it records what it has
		return time.Time{}, ctx.Err()
	}, func(*passes, chan struct{}) { time.Sleep(time.Hour) })
	if err != nil || len(at) != 1 || said != "" {
		t.Errorf("passes at %v, %v\n%s", at, err, said)
	}
	_, _, err = inLoop(t, func(ctx context.Context, _ int) (time.Time, error) {
		<-ctx.Done()
		time.Sleep(2 * stopWithin)
		return time.Time{}, nil
	}, func(*passes, chan struct{}) { time.Sleep(time.Hour) })
	if !errors.Is(err, ErrStuck) {
		t.Errorf("a pass that does not end: %v", err)
	}
}

// What is in flight at the end of the context has until Until ends, and then a moment to record what it has.
func TestLoopEndsGently(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		until := make(chan struct{})
		p := &passes{start: time.Now(), script: func(ctx context.Context, _ int) (time.Time, error) { <-ctx.Done(); return time.Time{}, nil }}
		l := &Loop{Passer: drained{p, func() { <-until; time.Sleep(stopWithin / 2) }}, Now: time.Now, Log: slog.New(slog.DiscardHandler), Until: until}
		ended := make(chan error, 1)
		go func() { ended <- l.Run(ctx) }()
		cancel()
		time.Sleep(time.Hour)
		if len(ended) > 0 {
			t.Fatal("it did not wait for what is in flight")
		}
		close(until)
		time.Sleep(stopWithin)
		if len(ended) == 0 || <-ended != nil {
			t.Error("it goes on")
		}
	})
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		stuck := make(chan struct{})
		p := &passes{start: time.Now(), script: func(context.Context, int) (time.Time, error) { return time.Time{}, nil }}
		until := make(chan struct{})
		close(until)
		l := &Loop{Passer: drained{p, func() { <-stuck }}, Now: time.Now, Log: slog.New(slog.DiscardHandler), Until: until}
		if err := l.Run(ctx); !errors.Is(err, ErrStuck) {
			t.Error(err)
		}
		close(stuck)
	})
}

// drained is a Passer whose work takes a while to end.
type drained struct {
	*passes
	drain func()
}

func (d drained) Drain() { d.drain() }

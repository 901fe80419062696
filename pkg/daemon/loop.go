package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// Passer does the work that [Loop] repeats.
type Passer interface {
	// Pass looks at what is declared, and carries out what is next of it. next is when it wants to be called again at the latest; zero: whenever. A
	// job that fails is no error of the pass. The pass ends when its context does.
	Pass(ctx context.Context) (next time.Time, err error)
	// Changed has a value when there is something new to look at.
	Changed() <-chan struct{}
	// Drain waits for what passes began and left running. Their contexts have ended.
	Drain()
}

var (
	// ErrPanic: a pass died of a mistake in the program.
	ErrPanic = errors.New("a pass failed by a mistake in datagravity; please report it with the log")
	// ErrStuck: a pass did not end when it was told to.
	ErrStuck = errors.New("the work did not stop in time; what it had finished is recorded, and the next start goes on")
)

// Lengths of time of a Loop.
const (
	// restless is the least time between two passes: whoever adds a thousand jobs wakes it a thousand times.
	restless = time.Second
	// longest is how long it sleeps at most. What nobody tells us of is seen after that: a clock that was set, a machine that slept.
	longest = 10 * time.Minute
	// firstRetry and lastRetry are the waiting times after errors, each half to one and a half times as long.
	firstRetry, lastRetry = 5 * time.Second, 5 * time.Minute
	// stopWithin is how long what was begun has to end once nothing of it may be in flight any more: requests are cancelled, and what is left is recording.
	stopWithin = 30 * time.Second
)

// Loop calls a Passer again and again, when it is time.
type Loop struct {
	Passer Passer
	// Wake has a value when the next pass is to begin now; nil: never.
	Wake <-chan struct{}
	// Now is the clock.
	Now func() time.Time
	Log *slog.Logger
	// Until ends when parts that were in flight at the end of the loop are given up; nil: at once.
	Until <-chan struct{}
	// Pulse is told of passes; nil: nobody is.
	Pulse *Pulse
	// Status is told in a few words what the loop does, from one goroutine at a time; nil: nobody is.
	Status func(string)
}

// Run repeats until the context ends, which is no error, and until what was begun has ended. Errors: [ErrStuck].
func (l *Loop) Run(ctx context.Context) error {
	if err := l.repeat(ctx); err != nil {
		return err
	}
	done := make(chan struct{})
	go func() {
		l.Passer.Drain()
		close(done)
	}()
	if !l.wait(done) {
		return ErrStuck
	}
	return nil
}

// StopsWithin is the longest that Run takes after its context, where parts in flight have so long.
func StopsWithin(drain time.Duration) time.Duration { return drain + stopWithin }

// wait for what was told to end. false: it does not.
func (l *Loop) wait(done <-chan struct{}) bool {
	if l.Until != nil {
		select {
		case <-done:
			return true
		case <-l.Until:
		}
	}
	t := time.NewTimer(stopWithin)
	defer t.Stop()
	select {
	case <-done:
		return true
	case <-t.C:
		return false
	}
}

func (l *Loop) repeat(ctx context.Context) error {
	retry := backoff.NewExponentialBackOff()
	retry.InitialInterval, retry.MaxInterval = firstRetry, lastRetry
	for {
		l.status("working")
		next, err := l.pass(ctx)
		if errors.Is(err, ErrStuck) {
			return err
		}
		if ctx.Err() != nil {
			return nil //nolint:nilerr // that the pass was ended is no error
		}
		var wait time.Duration
		if err != nil {
			wait = retry.NextBackOff()
			l.Log.Error("a pass failed; it is tried again", "error", err, "in", wait.Round(time.Second))
			l.status(fmt.Sprintf("trying again in %s: %v", wait.Round(time.Second), err))
		} else {
			retry.Reset()
			wait = l.until(next)
			l.status("waiting until " + l.Now().Add(wait).UTC().Format(time.RFC3339))
		}
		if !l.sleep(ctx, wait) {
			return nil
		}
	}
}

// until is how long to sleep: to next, but neither for too short a time nor for too long.
func (l *Loop) until(next time.Time) time.Duration {
	if next.IsZero() {
		return longest
	}
	return min(max(next.Sub(l.Now()), restless), longest)
}

// sleep waits for a time, or for something new, but not less than a moment. It says whether there is a next pass.
func (l *Loop) sleep(ctx context.Context, wait time.Duration) bool {
	if !l.doze(ctx, min(wait, restless), nil, nil) {
		return false
	}
	return l.doze(ctx, wait-restless, l.Passer.Changed(), l.Wake)
}

// doze waits for a time, or for either of two channels. It says whether the context still lives.
func (l *Loop) doze(ctx context.Context, wait time.Duration, changed, wake <-chan struct{}) bool {
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	case <-changed:
	case <-wake:
	}
	return ctx.Err() == nil
}

// outcome of a pass.
type outcome struct {
	next time.Time
	err  error
}

// pass runs one, and gives it up if it does not end after the context did.
func (l *Loop) pass(ctx context.Context) (time.Time, error) {
	var o outcome
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			if v := recover(); v != nil {
				l.Log.Error("a pass failed by a mistake in datagravity; please report it", "panic", v, "stack", string(debug.Stack()))
				o.err = fmt.Errorf("%w: %v", ErrPanic, v)
			}
		}()
		if l.Pulse != nil {
			defer l.Pulse.Pass()()
		}
		o.next, o.err = l.Passer.Pass(ctx)
	}()
	select {
	case <-done:
		return o.next, o.err
	case <-ctx.Done():
	}
	if !l.wait(done) {
		return time.Time{}, ErrStuck
	}
	return o.next, o.err
}

func (l *Loop) status(text string) {
	if l.Status != nil {
		l.Status(text)
	}
}

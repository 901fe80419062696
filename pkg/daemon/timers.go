package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime/debug"
	"time"

	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/manifest"
)

// Timer is something that is done on a schedule.
type Timer struct {
	Name  string
	Every time.Duration
	// Soon has it be done for the first time at once, not within the hour.
	Soon bool
	// Run does it once, beginning at a cursor ("": at the beginning). save has a later run that follows on one which did not come to its end begin
	// where this one was. An error of a budget or of a pause puts the run off; whatever else it returns is a failure, and is tried again sooner than Every.
	Run func(ctx context.Context, cursor string, save func(string) error) (Result, error)
}

// Result of a timer's run.
type Result struct {
	// Text says in a few words what was found or done.
	Text string
	// Wrong: it came to its end, and not all is well.
	Wrong bool
}

// Outcomes of a timer's runs.
const (
	TimerDone        = "done"
	TimerWrong       = "wrong"       // done, and something is not as it should be
	TimerSkipped     = "skipped"     // a budget or a pause forbade it; it is tried again
	TimerFailed      = "failed"      // it is tried again
	TimerInterrupted = "interrupted" // the process ended; it goes on
)

// Lengths of time of Timers.
const (
	// settle is how long a process that begins leaves its machine and its stores to what is more urgent.
	settle = 5 * time.Second
	// firstWithin is when something is done for the first time: soon, but by chance, so that many agents that are installed together do not all begin at once.
	firstWithin = time.Hour
	// skippedAgain and failedAgain are how soon what did not come to its end is tried again; what fails again waits twice as long, up to failedMost.
	skippedAgain = time.Hour
	failedAgain  = 10 * time.Minute
	failedMost   = 6 * time.Hour
	// spread of each length of time, to either side.
	spread = 0.1
)

// Timers does what is due, one after the other. What they know is in the manifest: what was due while no process ran is done once when one does.
type Timers struct {
	Manifest *manifest.Manifest
	List     []Timer
	Log      *slog.Logger
	// Began is told of each run that begins; what it returns, when it has ended. nil: nobody is.
	Began func(name string) (ended func())
	// Wake has a value after [Soon]; nil: nobody says it.
	Wake <-chan struct{}
}

// Soon has a timer of a manifest be due now; whoever runs it must be woken. One that runs goes on, and then runs again. Error: [ErrNoTimer].
func Soon(m *manifest.Manifest, name string) error {
	return m.Update(func(tx *manifest.Tx) error {
		r, known, err := tx.Timer(name)
		if err != nil {
			return err
		}
		if !known {
			return fmt.Errorf("%w: %q", ErrNoTimer, name)
		}
		r.Next = manifest.At(m.Now())
		return tx.PutTimer(r)
	})
}

// Run does what is due until the context ends. The error is of the manifest.
func (t *Timers) Run(ctx context.Context) error {
	if err := t.prepare(); err != nil {
		return err
	}
	if len(t.List) == 0 {
		return nil
	}
	wait := settle
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.Wake:
		case <-time.After(wait):
		}
		next, err := t.due(ctx)
		if err != nil {
			return err
		}
		wait = min(max(next.Sub(t.now()), restless), longest)
	}
}

func (t *Timers) now() time.Time { return t.Manifest.Now() }

// prepare has a record for each timer, and none for those that are no more.
func (t *Timers) prepare() error {
	return t.Manifest.Update(func(tx *manifest.Tx) error {
		var gone []string
		err := tx.Timers(func(r manifest.Timer) (bool, error) {
			if _, known := t.find(r.Name); !known {
				gone = append(gone, r.Name)
			}
			return true, nil
		})
		for _, name := range gone {
			err = errors.Join(err, tx.DeleteTimer(name))
		}
		for _, one := range t.List {
			r, known, getErr := tx.Timer(one.Name)
			if getErr != nil {
				return errors.Join(err, getErr)
			}
			err = errors.Join(err, tx.PutTimer(t.scheduled(one, r, known)))
		}
		return err
	})
}

func (t *Timers) find(name string) (Timer, bool) {
	for _, one := range t.List {
		if one.Name == name {
			return one, true
		}
	}
	return Timer{}, false
}

// scheduled is a timer's record at the start of a process.
func (t *Timers) scheduled(one Timer, r manifest.Timer, known bool) manifest.Timer {
	now := t.now()
	every := one.Every.Milliseconds()
	switch {
	case !known && one.Soon:
		return manifest.Timer{Name: one.Name, EveryMs: every, Next: manifest.At(now)}
	case !known:
		return manifest.Timer{Name: one.Name, EveryMs: every, Next: manifest.At(now.Add(rand.N(min(one.Every, firstWithin))))}
	case r.Started != 0: // the process was killed
		r.Outcome, r.Text, r.Last, r.Next = TimerInterrupted, "the process ended meanwhile", r.Started, manifest.At(now)
	case r.EveryMs != every && r.Last == 0:
		r.Next = manifest.At(now.Add(rand.N(min(one.Every, firstWithin))))
	case r.EveryMs != every && r.Failed == 0 && r.Outcome != TimerSkipped:
		r.Next = manifest.At(r.Last.Time().Add(roughly(one.Every)))
	}
	if latest := now.Add(time.Duration(float64(one.Every) * (1 + spread))); r.Next.Time().After(latest) { // the clock was ahead
		r.Next = manifest.At(now.Add(roughly(one.Every)))
	}
	r.Started, r.EveryMs = 0, every
	return r
}

// roughly is a length of time, a bit more or less.
func roughly(d time.Duration) time.Duration {
	return time.Duration(float64(d) * (1 - spread + 2*spread*rand.Float64()))
}

// due does what is due, and tells when something is next.
func (t *Timers) due(ctx context.Context) (next time.Time, err error) {
	for _, one := range t.List {
		var r manifest.Timer
		err := t.Manifest.View(func(tx *manifest.Tx) (err error) {
			r, _, err = tx.Timer(one.Name)
			return err
		})
		if err != nil {
			return next, err
		}
		if !r.Next.Time().After(t.now()) && ctx.Err() == nil {
			if r, err = t.once(ctx, one, r); err != nil {
				return next, err
			}
		}
		if at := r.Next.Time(); next.IsZero() || at.Before(next) {
			next = at
		}
	}
	return next, nil
}

// once runs a timer and records what came of it. The error is of the manifest.
func (t *Timers) once(ctx context.Context, one Timer, r manifest.Timer) (manifest.Timer, error) {
	began := t.now()
	r.Started = manifest.At(began)
	if err := t.put(r); err != nil {
		return r, err
	}
	ended := func() {}
	if t.Began != nil {
		ended = t.Began(one.Name)
	}
	result, runErr := t.guarded(ctx, one, r.Cursor, func(cursor string) error {
		r.Cursor = cursor
		return t.put(r)
	})
	ended()
	now := t.now()
	r.Started, r.Last, r.TookMs, r.Text = 0, manifest.At(now), now.Sub(began).Milliseconds(), result.Text
	log := t.Log.With("timer", one.Name, "took", now.Sub(began).Round(time.Millisecond))
	switch {
	case runErr != nil && ctx.Err() != nil:
		r.Outcome, r.Next = TimerInterrupted, r.Last
		log.Info("something on a schedule was interrupted; the next start goes on")
	case errors.Is(runErr, cost.ErrBudget) || errors.Is(runErr, cost.ErrPaused) || errors.Is(runErr, cost.ErrUntrusted):
		r.Outcome, r.Text, r.Next = TimerSkipped, runErr.Error(), manifest.At(now.Add(roughly(min(one.Every, skippedAgain))))
		log.Warn("something on a schedule is put off", "error", runErr, "next", r.Next.Time())
	case runErr != nil:
		r.Failed++
		wait := min(failedAgain<<min(r.Failed-1, 16), failedMost, one.Every)
		r.Outcome, r.Text, r.Next = TimerFailed, runErr.Error(), manifest.At(now.Add(roughly(wait)))
		log.Error("something on a schedule failed; it is tried again", "error", runErr, "next", r.Next.Time())
	default:
		r.Outcome, r.Failed, r.Cursor, r.Well, r.Next = TimerDone, 0, "", r.Last, manifest.At(now.Add(roughly(one.Every)))
		if result.Wrong {
			r.Outcome = TimerWrong
		}
		log.Info("something on a schedule is done", "outcome", r.Outcome, "what", result.Text, "next", r.Next.Time())
	}
	return r, t.put(r)
}

func (t *Timers) put(r manifest.Timer) error {
	return t.Manifest.Update(func(tx *manifest.Tx) error { return tx.PutTimer(r) })
}

// guarded turns a mistake in the program into an error.
func (t *Timers) guarded(ctx context.Context, one Timer, cursor string, save func(string) error) (result Result, err error) {
	defer func() {
		if v := recover(); v != nil {
			t.Log.Error("a timer failed by a mistake in datagravity; please report it", "timer", one.Name, "panic", v, "stack", string(debug.Stack()))
			err = fmt.Errorf("%w: %v", ErrPanic, v)
		}
	}()
	return one.Run(ctx, cursor, save)
}

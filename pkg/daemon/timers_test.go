package daemon

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/manifest"
)

// clockwork is a state directory on which processes with timers run, one after the other.
type clockwork struct {
	t     *testing.T
	dir   string
	start time.Time
	list  []Timer
	log   bytes.Buffer
	runs  []string // name and hours since the start
}

// inTime gives f a clockwork in a bubble of synthetic time.
func inTime(t *testing.T, f func(w *clockwork)) {
	t.Helper()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) { f(&clockwork{t: t, dir: dir, start: time.Now()}) })
}

// timer notes when it runs.
func (w *clockwork) timer(name string, every time.Duration, run func(ctx context.Context, cursor string, save func(string) error) (Result, error)) {
	w.list = append(w.list, Timer{Name: name, Every: every, Run: func(ctx context.Context, cursor string, save func(string) error) (Result, error) {
		w.runs = append(w.runs, fmt.Sprintf("%s %.0f", name, time.Since(w.start).Hours()))
		return run(ctx, cursor, save)
	}})
}

func well(context.Context, string, func(string) error) (Result, error) {
	return Result{Text: "all well"}, nil
}

// process runs for a time.
func (w *clockwork) process(d time.Duration) {
	w.t.Helper()
	m := w.open()
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	began := 0
	timers := &Timers{Manifest: m, List: w.list, Log: slog.New(slog.NewTextHandler(&w.log, nil)), Began: func(string) func() {
		began++
		return func() { began-- }
	}}
	if err := timers.Run(ctx); err != nil {
		w.t.Fatal(err)
	}
	<-ctx.Done()
	if began != 0 {
		w.t.Errorf("%d runs began and did not end", began)
	}
	if err := m.Close(); err != nil {
		w.t.Fatal(err)
	}
}

func (w *clockwork) open() *manifest.Manifest {
	w.t.Helper()
	m, err := manifest.OpenDir(w.dir, manifest.Options{})
	if err != nil {
		w.t.Fatal(err)
	}
	return m
}

func (w *clockwork) record(name string) (r manifest.Timer) {
	w.t.Helper()
	m := w.open()
	err := m.View(func(tx *manifest.Tx) (err error) {
		r, _, err = tx.Timer(name)
		return err
	})
	if err := errors.Join(err, m.Close()); err != nil {
		w.t.Fatal(err)
	}
	return r
}

// put changes what the process before left.
func (w *clockwork) put(r manifest.Timer) {
	w.t.Helper()
	m := w.open()
	err := m.Update(func(tx *manifest.Tx) error { return tx.PutTimer(r) })
	if err := errors.Join(err, m.Close()); err != nil {
		w.t.Fatal(err)
	}
}

const day = 24 * time.Hour

// Each is done about as often as it says, the first time within the hour, and the chance in it is decided once.
func TestTimersKeepTheirSchedule(t *testing.T) {
	inTime(t, func(w *clockwork) {
		w.timer("verify", day, well)
		w.timer("gc", 7*day, well)
		w.process(2 * time.Hour)
		if n := len(w.runs); n != 2 {
			t.Fatalf("%d runs in the first hours: %q", n, w.runs)
		}
		next := w.record("verify").Next
		for range 10 { // starts change nothing
			w.process(10 * time.Minute)
		}
		if again := w.record("verify").Next; again != next {
			t.Errorf("next was %s, and is %s after ten starts", next.Time(), again.Time())
		}
		w.process(28 * day)
		count := map[string]int{}
		for _, r := range w.runs {
			name, _, _ := strings.Cut(r, " ")
			count[name]++
		}
		if n := count["verify"]; n < 26 || n > 33 {
			t.Errorf("verified %d times in four weeks", n)
		}
		if n := count["gc"]; n < 4 || n > 6 {
			t.Errorf("collected %d times in four weeks", n)
		}
		r := w.record("verify")
		if r.Outcome != TimerDone || r.Text != "all well" || r.Last == 0 || r.Well != r.Last || r.Started != 0 {
			t.Errorf("%+v", r)
		}
	})
}

// What was due while no process ran, however often, is done once.
func TestWhatWasDueIsDoneOnce(t *testing.T) {
	inTime(t, func(w *clockwork) {
		w.timer("verify", day, well)
		w.process(2 * time.Hour)
		time.Sleep(10 * day)
		w.process(time.Hour)
		if n := len(w.runs); n != 2 {
			t.Errorf("%q", w.runs)
		}
		// Another schedule counts from the last run; one that is no more is forgotten.
		w.list[0].Every = time.Hour
		w.process(2 * time.Minute)
		if r := w.record("verify"); r.Next.Time().Sub(r.Last.Time()) > 70*time.Minute || r.EveryMs != 3_600_000 {
			t.Errorf("%+v", r)
		}
		w.list = nil
		w.process(time.Minute)
		if r := w.record("verify"); r.Name != "" {
			t.Errorf("%+v", r)
		}
	})
}

// A budget that refuses puts a run off by an hour, not by a week; a failure is tried again soon, then less and less; and a mistake in the program is one.
func TestTimersTryAgain(t *testing.T) {
	inTime(t, func(w *clockwork) {
		var outcome error
		w.timer("sample", 7*day, func(context.Context, string, func(string) error) (Result, error) {
			if outcome != nil && outcome.Error() == "panic" {
				panic("no such map")
			}
			return Result{}, outcome
		})
		outcome = fmt.Errorf("3 GiB: %w", cost.ErrBudget)
		w.process(6 * time.Hour)
		if n := len(w.runs); n < 5 || n > 7 {
			t.Errorf("over budget it ran %d times in six hours", n)
		}
		if r := w.record("sample"); r.Outcome != TimerSkipped || !strings.Contains(r.Text, "3 GiB") || r.Failed != 0 || r.Well != 0 {
			t.Errorf("%+v", r)
		}
		w.runs, outcome = nil, errors.New("no network")
		w.process(2 * day)
		if n := len(w.runs); n < 9 || n > 16 {
			t.Errorf("it failed %d times in two days: %q", n, w.runs)
		}
		if r := w.record("sample"); r.Outcome != TimerFailed || r.Text != "no network" || r.Failed != len(w.runs) {
			t.Errorf("%+v after %d failures", r, len(w.runs))
		}
		w.runs, outcome = nil, errors.New("panic")
		w.process(day)
		if r := w.record("sample"); len(w.runs) == 0 || r.Outcome != TimerFailed || !strings.Contains(w.log.String(), "timers_test.go") {
			t.Errorf("%+v", r)
		}
		w.runs, outcome = nil, nil
		w.process(day)
		if r := w.record("sample"); len(w.runs) != 1 || r.Outcome != TimerDone || r.Failed != 0 {
			t.Errorf("%+v after %q", r, w.runs)
		}
	})
}

// A run that is interrupted, or whose process is killed, goes on where it was at the next start; one that came to its end begins anew.
func TestTimersGoOn(t *testing.T) {
	inTime(t, func(w *clockwork) {
		var from []string
		slow := true
		w.timer("verify", day, func(ctx context.Context, cursor string, save func(string) error) (Result, error) {
			from = append(from, cursor)
			if err := save("c4 at lab"); err != nil {
				return Result{}, err
			}
			if slow {
				<-ctx.Done()
				return Result{}, ctx.Err()
			}
			return Result{Wrong: true, Text: "1 wrong"}, nil
		})
		w.process(2 * time.Hour)
		if r := w.record("verify"); r.Outcome != TimerInterrupted || r.Cursor != "c4 at lab" || r.Well != 0 {
			t.Errorf("%+v", r)
		}
		slow = false
		w.process(time.Minute)
		r := w.record("verify")
		if r.Outcome != TimerWrong || r.Cursor != "" || r.Well == 0 {
			t.Errorf("%+v", r)
		}
		r.Started, r.Cursor = r.Last, "laion at lab" // a process was killed
		w.put(r)
		w.process(time.Minute)
		w.process(time.Minute)
		if got := fmt.Sprintf("%q", from); got != `["" "c4 at lab" "laion at lab"]` {
			t.Errorf("runs began at %s", got)
		}
	})
}

// A clock that was years ahead puts nothing off for years.
func TestTimersSurviveAClockThatWasAhead(t *testing.T) {
	inTime(t, func(w *clockwork) {
		w.timer("verify", day, well)
		w.put(manifest.Timer{Name: "verify", EveryMs: day.Milliseconds(), Next: manifest.At(time.Now().Add(3000 * day)), Last: manifest.At(time.Now().Add(2999 * day))})
		w.process(2 * day)
		if n := len(w.runs); n < 1 || n > 2 {
			t.Errorf("%q", w.runs)
		}
	})
}

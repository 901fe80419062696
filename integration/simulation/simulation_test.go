package simulation

import (
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/datagravity/datagravity/internal/proof"
	"github.com/datagravity/datagravity/pkg/sync/plan"
)

var payerOfNobody plan.Payer

// run a schedule, and return the world after it.
func run(t *testing.T, seed uint64) (w *world) {
	t.Helper()
	dir := stateDir(t)
	synctest.Test(t, func(t *testing.T) {
		w = newWorld(t, seed)
		schedule(w, dir)
	})
	return w
}

func schedule(w *world, dir string) {
	at := azure
	if w.rnd.IntN(2) == 0 {
		at = aws
	}
	var limit int64
	if w.rnd.IntN(3) == 0 {
		limit = 64<<10 + w.rnd.Int64N(2<<20)
	}
	w.hire(dir, "iowa", at, limit)
	if w.rnd.IntN(3) == 0 {
		w.hire(dir, "ohio", at, limit)
	}
	time.Sleep(moment)
	w.addJob(w.agents[0])
	for range 6 + w.rnd.IntN(12) {
		// Now and then at once, so that it meets what is in flight.
		d := time.Duration(w.rnd.Int64N(int64(20*time.Minute))) + 1
		if w.rnd.IntN(2) == 0 {
			d = time.Duration(w.rnd.Int64N(int64(2*time.Second))) + 1
		}
		time.Sleep(d + moment)
		w.step()
	}
	w.settle()
	w.collect()
}

// stateDir is in memory where that is possible: what is simulated is not the disk.
func stateDir(t *testing.T) string {
	t.Helper()
	const memory = "/dev/shm"
	if s, err := os.Stat(memory); err != nil || !s.IsDir() {
		return t.TempDir()
	}
	dir, err := os.MkdirTemp(memory, "datagravity-simulation-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// TestSchedules runs schedules of faults; each kind must have struck in the whole of them.
func TestSchedules(t *testing.T) {
	struck := map[kind]int{}
	runs := 0
	proof.Run(t, "simulation", 200, func(t *testing.T, seed uint64) {
		w := run(t, seed)
		runs++
		for k, n := range w.struck {
			struck[k] += n
		}
		for _, wrong := range w.model.wrong {
			t.Error(wrong)
		}
		if t.Failed() {
			w.tell(t)
		}
	})
	t.Logf("%d schedules: %v", runs, struck)
	if runs < 100 {
		return // too few for each to strike
	}
	for _, k := range allKinds {
		if struck[k] == 0 {
			t.Errorf("nothing ever met: %s", k)
		}
	}
}

// tell what happened last.
func (w *world) tell(t *testing.T) {
	t.Helper()
	if path := os.Getenv("SIMULATION_EVENTS"); path != "" {
		f, err := os.Create(path) //nolint:gosec // the caller's file
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = f.Close() }()
		for _, l := range w.log {
			_, _ = f.WriteString(l + "\n")
		}
	}
	for _, l := range w.log[max(0, len(w.log)-30):] {
		t.Log(l)
	}
}

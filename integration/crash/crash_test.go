package crash

import (
	"testing"

	"github.com/datagravity/datagravity/internal/crashpoint"
	"github.com/datagravity/datagravity/internal/proof"
)

// death is where the processes of a trial die.
type death struct {
	scenario
	at crashpoint.Point
}

// deaths are all points of all scenarios.
func deaths() (all []death) {
	for _, s := range scenarios {
		for _, p := range s.points {
			all = append(all, death{s, p})
		}
	}
	return all
}

// kill -9 at any point loses nothing, costs at most the parts in flight, and no byte of it is forgotten. Each trial has a process killed: at the second time
// that it comes to the point in half of them, where it comes to it twice.
func TestKilledAtEachPoint(t *testing.T) {
	all := deaths()
	proof.Run(t, "crash", 380, func(t *testing.T, seed uint64) {
		n := uint64(len(all))
		d, times := all[seed%n], 1+int(seed/n%2) //nolint:gosec // 1 or 2
		kind := kindOf(seed / n)
		r := newTrial(t, d.scenario, kind, seed)
		if !r.run(d.at, times) {
			if r = newTrial(t, d.scenario, kind, seed); times == 1 || !r.run(d.at, 1) {
				t.Fatalf("no process came to %s", d.at)
			}
		}
		r.run("", 1)
		r.judge()
	})
}

// The recovery from a crash may crash as well. Where it does not come to the second point it is no trial.
func TestKilledWhileRecovering(t *testing.T) {
	all := deaths()
	proof.Run(t, "recovery", 57, func(t *testing.T, seed uint64) {
		n := uint64(len(all))
		d := all[seed%n]
		second := all[(seed/n+7*seed)%n].at
		r := newTrial(t, d.scenario, kindOf(seed), seed)
		if !r.run(d.at, 1) {
			t.Fatalf("no process came to %s", d.at)
		}
		killed := r.run(second, 1)
		r.run("", 1)
		r.judge()
		if !killed {
			t.Skipf("what goes on after %s does not come to %s", d.at, second)
		}
	})
}

// A point that no process comes to is one that nothing is known about.
func TestEachPointIsPassed(t *testing.T) {
	killed := map[crashpoint.Point]bool{}
	for _, kind := range kinds {
		for _, s := range scenarios {
			t.Run(kind+" "+s.name, func(t *testing.T) {
				r := newTrial(t, s, kind, 1)
				for p := range r.passed(t) { // by what was prepared
					if err := r.forget(p); err != nil {
						t.Fatal(err)
					}
				}
				r.run("", 1)
				now := r.passed(t)
				for _, p := range s.points {
					if killed[p] = true; !now[p] {
						t.Errorf("no process comes to %s", p)
					}
				}
			})
		}
	}
	for _, p := range crashpoint.All() {
		if !killed[p] {
			t.Errorf("no trial kills a process at %s", p)
		}
	}
}

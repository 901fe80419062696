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

// turns are the destinations of seeds that follow on each other: a folder takes a fraction of a server's time.
var turns = []string{"folder", "folder", "s3", "folder", "azure", "folder", "gcs", "folder"}

// turn of a seed: a destination, and a number that counts up when each of them had its turns.
func turn(seed uint64) (kind string, round uint64) {
	n := uint64(len(turns))
	return turns[seed%n], seed / n
}

// kill -9 at any point loses nothing, costs at most the parts in flight, and no byte of it is forgotten. Each trial has a process killed: at the second time
// that it comes to the point in half of them, where it comes to it twice. All points are tried on all destinations before one is tried again.
func TestKilledAtEachPoint(t *testing.T) {
	all := deaths()
	proof.RunTogether(t, "crash", 380, func(t *testing.T, seed uint64) {
		kind, round := turn(seed)
		n := uint64(len(all))
		d, times := all[round%n], 1+int((seed+round/n)%2) //nolint:gosec // 1 or 2
		r := newTrial(t, d.scenario, kind, seed)
		if !r.run(d.at, times) {
			if r = newTrial(t, d.scenario, kind, seed); times == 1 || !r.run(d.at, 1) {
				t.Fatalf("no process came to %s", d.at)
			}
		}
		r.ends(t)
		r.judge()
	})
}

// The recovery from a crash may crash as well. Where it does not come to the second point it is no trial.
func TestKilledWhileRecovering(t *testing.T) {
	all := deaths()
	proof.RunTogether(t, "recovery", 57, func(t *testing.T, seed uint64) {
		kind, round := turn(seed)
		n := uint64(len(all))
		d := all[(5*seed+round)%n]
		second := d.points[(seed+round/n)%uint64(len(d.points))]
		r := newTrial(t, d.scenario, kind, seed)
		if !r.run(d.at, 1) {
			t.Fatalf("no process came to %s", d.at)
		}
		killed := r.run(second, 1)
		r.ends(t)
		r.judge()
		if !killed {
			t.Skipf("what goes on after %s does not come to %s", d.at, second)
		}
	})
}

// Within what is always tried, each point of each scenario has its turn on each destination.
func TestEachPointHasItsTurn(t *testing.T) {
	all := deaths()
	had := map[string]bool{}
	for seed := range uint64(380) {
		kind, round := turn(seed)
		had[kind+" "+all[round%uint64(len(all))].name+" "+string(all[round%uint64(len(all))].at)] = true
	}
	if len(had) != len(kinds)*len(all) {
		t.Errorf("%d of %d points by %d destinations are tried", len(had), len(all), len(kinds))
	}
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

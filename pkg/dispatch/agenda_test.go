package dispatch

import (
	"context"
	"testing"
	"time"

	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/manifest"
)

// A plan that was made a moment ago is not made again, unless something changed that it was made from.
func TestPlanStandsWhileNothingChanges(t *testing.T) {
	r := newRig(t)
	large(t, r, 2000, 5)
	plan := func() *Agenda {
		t.Helper()
		a, err := r.d.Agenda(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	first := plan()
	if again := plan(); again.plan != first.plan {
		t.Error("nothing changed, and it was planned anew")
	}
	err := r.m.Update(func(tx *manifest.Tx) error {
		j, _, err := tx.Job("job-00003")
		j.Priority = 99
		if err != nil {
			return err
		}
		return tx.PutJob(j)
	})
	if err != nil {
		t.Fatal(err)
	}
	r.d.forget("job-00003")
	changed := plan()
	if changed.plan == first.plan {
		t.Error("a job changed, and the plan is the one before")
	}
	if err := cost.SetPause(r.m.Dir(), "*", true, r.now()); err != nil {
		t.Fatal(err)
	}
	r.pass(2 * time.Second) // the ledger looks at pauses once a second
	if a := plan(); a.Links[0].Paused == "" || a.plan == changed.plan {
		t.Errorf("paused %q, and planned anew after two seconds %t; want both", a.Links[0].Paused, a.plan != changed.plan)
	}
	if first.Links[0].Paused != "" {
		t.Error("a plan that somebody holds changed")
	}
}

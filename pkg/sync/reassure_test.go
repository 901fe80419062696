package sync

import (
	"slices"
	"strings"
	"testing"

	"github.com/datagravity/datagravity/pkg/jobs"
	"github.com/datagravity/datagravity/pkg/manifest"
)

// A job was taken back after its run began to replace shards, and did. The next run at the destination, for whatever shards, ends that doubt: it finds that what the
// manifest knew is not so, and nothing is left of the job. What somebody works on is none of its business.
func TestDoubtsOfJobsThatWereTakenBackEnd(t *testing.T) {
	r := newRig(t)
	r.put("a.tar", data(1, 1000))
	r.put("b.tar", data(2, 1000))
	first := r.mustSync().Snapshot.ID
	for i, worked := range []bool{true, false} {
		putObject(t, r.dest, "data/c4/b.tar", data(3, 1000))
		r.put("a.tar", data(uint64(10+i), 1000))
		s := r.open()
		q := r.request()
		left := manifest.Need{ID: "of a job", Dataset: "c4", Destination: q.Destination.Name, Replacing: manifest.At(s.Manifest.Now())}
		if err := s.Manifest.Update(func(tx *manifest.Tx) error { return tx.PutNeed(left) }); err != nil {
			t.Fatal(err)
		}
		ready, err := s.Ready(t.Context(), Request{Source: q.Source, Destination: q.Destination, Snapshot: first}, 0)
		if err != nil || ready.Ready || worked && !strings.Contains(ready.Reason, "did not finish") {
			t.Errorf("with the doubt: %+v, %v", ready, err)
		}
		release := func() {}
		if worked {
			release = s.Manifest.HoldNeed(left.ID)
		}
		sel, err := jobs.NewSelection([]string{"a.tar"})
		if err != nil {
			t.Fatal(err)
		}
		q.Selection = sel
		if rep, err := s.Sync(t.Context(), q); err != nil || !rep.Ready {
			t.Fatalf("%+v, %v", rep, err)
		}
		release()
		err = s.Manifest.View(func(tx *manifest.Tx) error {
			_, there, err := tx.Need(left.ID)
			if there != worked {
				t.Errorf("somebody works on it: %v; it is there: %v", worked, there)
			}
			return err
		})
		r.close()
		if err != nil {
			t.Fatal(err)
		}
		if b := r.replica("data/c4/b.tar"); b.Present() == !worked {
			t.Errorf("somebody works on it: %v; what was known of the other shard: %+v", worked, b)
		}
	}
	if ready := r.readyTo(first); ready.Ready || !slices.ContainsFunc(ready.Missing, func(m MissingShard) bool { return m.Path == "b.tar" }) {
		t.Errorf("without the doubt: %+v", ready)
	}
}

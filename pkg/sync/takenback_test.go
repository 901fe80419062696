package sync

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/jobs"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/sync/plan"
)

func selected(t *testing.T, globs ...string) jobs.Selection {
	t.Helper()
	sel, err := jobs.NewSelection(globs)
	if err != nil {
		t.Fatal(err)
	}
	return sel
}

// A job was taken back after its run began to replace shards, and did. The next run at the destination, for whatever shards, finds that what the manifest knew is not
// so; once nothing can still arrive, nothing is left of the job. What somebody works on is none of its business.
func TestDoubtsOfJobsThatWereTakenBackEnd(t *testing.T) {
	for name, tt := range map[string]struct {
		worked                bool
		later                 time.Duration
		wantsNeed, wantsShard bool
	}{
		"somebody works on it": {worked: true, later: 2 * lands, wantsNeed: true, wantsShard: true},
		"a moment ago":         {later: lands / 2, wantsNeed: true},
		"a while ago":          {later: 2 * lands},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			off := time.Duration(0)
			r.now = func() time.Time { return time.Now().Add(off) }
			r.put("a.tar", data(1, 1000))
			r.put("b.tar", data(2, 1000))
			first := r.mustSync().Snapshot.ID
			putObject(t, r.dest, "data/c4/b.tar", data(3, 1000))
			r.put("a.tar", data(10, 1000))
			s := r.open()
			q := r.request()
			replacing := manifest.Need{ID: "of a job", Dataset: "c4", Destination: q.Destination.Name, Job: "j", Snapshot: first, Replacing: manifest.At(s.Manifest.Now())}
			left := Doubt(replacing, replacing.ID, s.Manifest.Now())
			if err := s.Manifest.Update(func(tx *manifest.Tx) error { return tx.PutNeed(left) }); err != nil {
				t.Fatal(err)
			}
			ready, err := s.Ready(t.Context(), Request{Source: q.Source, Destination: q.Destination, Snapshot: first}, 0)
			if err != nil || ready.Ready || !strings.Contains(ready.Reason, "did not finish") {
				t.Errorf("with the doubt: %+v, %v", ready, err)
			}
			release := func() {}
			if tt.worked {
				release = s.Manifest.HoldNeed(left.ID)
			}
			off = tt.later
			q.Selection = selected(t, "a.tar")
			if rep, err := s.Sync(t.Context(), q); err != nil || !rep.Ready {
				t.Fatalf("%+v, %v", rep, err)
			}
			release()
			err = s.Manifest.View(func(tx *manifest.Tx) error {
				n, there, err := tx.Need(left.ID)
				if there != tt.wantsNeed {
					t.Errorf("it is there: %v, %+v", there, n)
				}
				return err
			})
			r.close()
			if err != nil {
				t.Fatal(err)
			}
			if b := r.replica("data/c4/b.tar"); b.Present() != tt.wantsShard {
				t.Errorf("what is known of the other shard: %+v", b)
			}
			if ready := r.readyTo(first); ready.Ready || !tt.worked && !slices.ContainsFunc(ready.Missing, func(m MissingShard) bool { return m.Path == "b.tar" }) {
				t.Errorf("afterwards: %+v", ready)
			}
		})
	}
}

// By what the manifest knows there is nothing to do, but somebody began to replace shards and did not finish, be it the same need or another: what is there is looked
// at before anything is called ready.
func TestWhatIsThereIsLookedAtWhereShardsWereReplaced(t *testing.T) {
	for name, own := range map[string]bool{"of another": false, "the same need": true} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.put("a.tar", data(1, 1000))
			r.put("b.tar", data(2, 1000))
			r.mustSync()
			putObject(t, r.dest, "data/c4/b.tar", data(3, 1000))
			s := r.open()
			q := r.request()
			n := manifest.Need{ID: "of a job", Dataset: "c4", Destination: q.Destination.Name}
			err := s.Manifest.Update(func(tx *manifest.Tx) (err error) {
				if own {
					n, _, err = tx.Need(needID(q))
				}
				n.Ready, n.Replacing = 0, manifest.At(s.Manifest.Now())
				if err != nil {
					return err
				}
				return tx.PutNeed(n)
			})
			if err != nil {
				t.Fatal(err)
			}
			if rep, err := s.Sync(t.Context(), q); err == nil || rep.Ready {
				t.Errorf("it is called ready: %+v", rep)
			}
			q.Adopt = plan.AdoptOverwrite
			rep, err := s.Sync(t.Context(), q)
			r.close()
			if err != nil || !rep.Ready || chunker.Sum(readObject(t, r.dest, "data/c4/b.tar")) != chunker.Sum(data(2, 1000)) {
				t.Errorf("%+v, %v", rep, err)
			}
		})
	}
}

// A job wants other shards than those that its run began to replace: of these the doubt goes on.
func TestNeedOfOtherShardsLeavesItsDoubt(t *testing.T) {
	r := newRig(t)
	r.put("a.tar", data(1, 1000))
	r.put("b.tar", data(2, 1000))
	first := r.mustSync().Snapshot.ID
	s := r.open()
	defer r.close()
	q := r.request()
	q.Job, q.Snapshot, q.Selection = "j", first, selected(t, "b.tar")
	job := manifest.Job{ID: "j", Dataset: "c4", To: []string{q.Destination.Name}, Snapshot: first, Globs: []string{"b.tar"}}
	err := s.Manifest.Update(func(tx *manifest.Tx) error {
		if err := tx.PutJob(job); err != nil {
			return err
		}
		n, err := s.AskIn(tx, q)
		if err != nil {
			return err
		}
		n.Replacing = manifest.At(s.Manifest.Now())
		return tx.PutNeed(n)
	})
	if err != nil {
		t.Fatal(err)
	}
	job.Globs = []string{"a.tar"}
	q.Selection = selected(t, "a.tar")
	err = s.Manifest.Update(func(tx *manifest.Tx) error {
		if err := tx.PutJob(job); err != nil {
			return err
		}
		n, err := s.AskIn(tx, q)
		if n.Replacing != 0 {
			t.Errorf("it is the new shards' doubt now: %+v", n)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]bool{"a.tar": true, "b.tar": false} {
		of := r.request()
		of.Snapshot, of.Selection = first, selected(t, path)
		if ready, err := s.Ready(t.Context(), of, 0); err != nil || ready.Ready != want {
			t.Errorf("%s: %+v, %v", path, ready, err)
		}
	}
}

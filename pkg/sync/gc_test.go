package sync

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/jobs"
	"github.com/datagravity/datagravity/pkg/store"
)

// A receipt whose promise is over goes, and one that still holds stays.
func TestEndedReceiptsAreCollected(t *testing.T) {
	r := newRig(t)
	s := r.open()
	defer r.close()
	now := s.Manifest.Now()
	for id, until := range map[string]time.Time{"over": now.Add(-48 * time.Hour), "lately": now.Add(-time.Hour), "live": now.Add(time.Hour), "for-ever": {}} {
		receipt := jobs.JobReceipt{Job: id, Destination: "s3-east", Dataset: "c4", Snapshot: chunker.Digest{1}, Time: now.Add(-72 * time.Hour), KeepUntil: until}
		if err := jobs.WriteJobReceipt(t.Context(), r.dest, receipt, []jobs.JobShard{{Path: "a.tar", Bytes: 1}}); err != nil {
			t.Fatal(err)
		}
	}
	for _, dryRun := range []bool{true, false} {
		list, err := s.Collect(t.Context(), map[string]store.Store{"bucket": r.dest}, 24*time.Hour, dryRun)
		if err != nil || len(list) != 1 || list[0].Removed == dryRun || list[0].Key != ".datagravity/jobs/over/s3-east/receipt.json" {
			t.Errorf("%+v, %v", list, err)
		}
	}
	left, err := jobs.JobReceipts(t.Context(), r.dest)
	if err != nil || len(left) != 3 {
		t.Errorf("%+v, %v", left, err)
	}
}

// leaver completes uploads as Cloud Storage does when the requests fail that clear up: the object stands, and the upload is listed until it is aborted.
type leaver struct {
	store.Store
	broken atomic.Bool
	left   atomic.Pointer[store.Upload]
}

func (l *leaver) CompleteUpload(ctx context.Context, u store.Upload, parts []store.Part, o store.CompleteOptions) (store.Object, error) {
	done, err := l.Store.CompleteUpload(ctx, u, parts, o)
	if err == nil {
		l.left.Store(&u)
		o.Left()
	}
	return done, err
}

func (l *leaver) AbortUpload(ctx context.Context, u store.Upload) error {
	if l.broken.Load() {
		return &store.Error{Op: "abort", Key: u.Key, Kind: store.ErrTransient}
	}
	if left := l.left.Load(); left != nil && left.ID == u.ID {
		l.left.Store(nil)
	}
	return l.Store.AbortUpload(ctx, u)
}

func (l *leaver) ListUploads(ctx context.Context, prefix string) ([]store.Upload, error) {
	list, err := l.Store.ListUploads(ctx, prefix)
	if left := l.left.Load(); left != nil {
		list = append(list, *left)
	}
	return list, err
}

// What is left of an upload beside its finished object is removed with it; where that fails, it is still known to be ours, and collected.
func TestWhatACompletionLeavesIsCollected(t *testing.T) {
	for _, broken := range []bool{false, true} {
		r := newRig(t)
		l := &leaver{Store: r.dest}
		l.broken.Store(broken)
		r.dst.Store = l
		r.put("a.bin", data(1, 3<<20))
		if rep := r.mustSync(); !rep.Ready {
			t.Errorf("%+v", rep)
		}
		r.equal()
		if left := l.left.Load() != nil; left != broken {
			t.Errorf("while aborting fails %v, something is left %v", broken, left)
		}
		l.broken.Store(false)
		s := r.open()
		found, err := s.Collect(t.Context(), map[string]store.Store{"bucket": l}, 0, false)
		if removed := len(found) == 1 && found[0].Removed && found[0].Ours; err != nil || removed != broken || l.left.Load() != nil {
			t.Errorf("aborting failed %v: %+v, %v", broken, found, err)
		}
		if found, err = s.Collect(t.Context(), map[string]store.Store{"bucket": l}, 0, false); err != nil || len(found) != 0 {
			t.Errorf("once more: %+v, %v", found, err)
		}
		r.close()
	}
}

package sync

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/jobs"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/fault"
	"github.com/datagravity/datagravity/pkg/store/mem"
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

// twoUploads are two transfers to one key, since the source changed after the first had begun: each has an upload.
func (r *rig) twoUploads(firstID, secondID string, firstUpdated time.Time) (first, second store.Upload) {
	r.t.Helper()
	var uploads [2]store.Upload
	for i := range uploads {
		u, err := r.dest.CreateUpload(r.t.Context(), "data/c4/a.bin", store.UploadOptions{Size: 1 << 20})
		if err != nil {
			r.t.Fatal(err)
		}
		uploads[i] = u
	}
	at := func(t time.Time) manifest.Millis { return manifest.At(t) }
	err := r.m.Update(func(tx *manifest.Tx) error {
		one := manifest.Transfer{ID: firstID, Dataset: "c4", Path: "a.bin", DestStore: "bucket", DestKey: "data/c4/a.bin", Upload: &uploads[0], Created: at(firstUpdated), Updated: at(firstUpdated)}
		two := one
		two.ID, two.Upload, two.Created, two.Updated = secondID, &uploads[1], at(r.now()), at(r.now())
		return errors.Join(tx.PutTransfer(one), tx.PutTransfer(two))
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return uploads[0], uploads[1]
}

func (r *rig) uploads() (ids []string) {
	r.t.Helper()
	list, err := r.dest.ListUploads(r.t.Context(), "")
	if err != nil {
		r.t.Fatal(err)
	}
	for _, u := range list {
		ids = append(ids, u.ID)
	}
	return ids
}

// The upload of a transfer that is worked on is not taken for a stray of an older transfer to the same key, in whatever order the two are found.
func TestUploadOfALivingTransferStays(t *testing.T) {
	for _, ids := range [][2]string{{"a", "b"}, {"b", "a"}} {
		r := newRig(t)
		s := r.open()
		_, living := r.twoUploads(ids[0], ids[1], r.now().Add(-48*time.Hour))
		found, err := s.Collect(t.Context(), map[string]store.Store{"bucket": r.dest}, 24*time.Hour, false)
		if left := r.uploads(); err != nil || len(left) != 1 || left[0] != living.ID {
			t.Errorf("%v: %+v, %v; %v is left, want %v", ids, found, err, left, living.ID)
		}
		r.close()
	}
}

// A transfer that is taken up while the collector is at work is not idle any more: neither its upload nor its record goes.
func TestTransferTakenUpMeanwhileStays(t *testing.T) {
	r := newRig(t)
	s := r.open()
	defer r.close()
	old, _ := r.twoUploads("a", "b", r.now().Add(-48*time.Hour))
	st := &listed{Store: r.dest, before: func() {
		err := s.Manifest.Update(func(tx *manifest.Tx) error {
			one, _, err := tx.Transfer("a")
			one.Updated = manifest.At(r.now())
			return errors.Join(err, tx.PutTransfer(one))
		})
		if err != nil {
			t.Error(err)
		}
	}}
	found, err := s.Collect(t.Context(), map[string]store.Store{"bucket": st}, 24*time.Hour, false)
	if left := r.uploads(); err != nil || len(left) != 2 {
		t.Errorf("%+v, %v; %v is left, want %v and another", found, err, left, old.ID)
	}
	err = s.Manifest.View(func(tx *manifest.Tx) error {
		if _, there, err := tx.Transfer("a"); err != nil || !there {
			t.Errorf("its record is gone: %v", err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// listed lets a test act before uploads are listed.
type listed struct {
	store.Store
	before func()
}

func (l *listed) ListUploads(ctx context.Context, prefix string) ([]store.Upload, error) {
	l.before()
	return l.Store.ListUploads(ctx, prefix)
}

// An upload that was begun a moment ago, to the key of a transfer that was left long ago, may be another agent's.
func TestYoungUploadToAKeyOfOursStays(t *testing.T) {
	r := newRig(t)
	s := r.open()
	defer r.close()
	long := manifest.At(r.now().Add(-48 * time.Hour))
	err := r.m.Update(func(tx *manifest.Tx) error {
		return tx.PutTransfer(manifest.Transfer{ID: "a", Dataset: "c4", Path: "a.bin", DestStore: "bucket", DestKey: "data/c4/a.bin", Created: long, Updated: long})
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.dest.CreateUpload(t.Context(), "data/c4/a.bin", store.UploadOptions{Size: 1 << 20}); err != nil {
		t.Fatal(err)
	}
	found, err := s.Collect(t.Context(), map[string]store.Store{"bucket": r.dest}, 24*time.Hour, false)
	if left := r.uploads(); err != nil || len(left) != 1 {
		t.Errorf("%+v, %v; %v is left", found, err, left)
	}
}

// A receipt that is written anew while receipts are looked through promises something, and stays with its list; so does one of a job that this manifest keeps.
func TestReceiptWrittenAnewMeanwhileStays(t *testing.T) {
	for name, known := range map[string]bool{"written anew": false, "of a job that is known": true} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			s := r.open()
			defer r.close()
			now := s.Manifest.Now()
			receipt := jobs.JobReceipt{Job: "j", Destination: "s3-east", Dataset: "c4", Snapshot: chunker.Digest{1}, Time: now.Add(-72 * time.Hour), KeepUntil: now.Add(-48 * time.Hour)}
			write := func(path string) {
				if err := jobs.WriteJobReceipt(t.Context(), r.dest, receipt, []jobs.JobShard{{Path: path, Bytes: 1}}); err != nil {
					t.Error(err)
				}
			}
			write("a.tar")
			read := 0
			st := &hooked{Store: r.dest, beforeRead: func(string, int64) {
				if read++; read == 2 && !known { // it was seen to be over, and is looked at once more
					receipt.KeepUntil = now.Add(time.Hour)
					write("b.tar")
				}
			}}
			if known {
				err := s.Manifest.Update(func(tx *manifest.Tx) error {
					return tx.PutNeed(manifest.Need{ID: JobNeeds("j", "s3-east")[0], Dataset: "c4", Destination: "s3-east", Job: "j", Told: 1})
				})
				if err != nil {
					t.Fatal(err)
				}
			}
			found, err := s.Collect(t.Context(), map[string]store.Store{"bucket": st}, 24*time.Hour, false)
			if err != nil || len(found) != 0 {
				t.Errorf("%+v, %v", found, err)
			}
			is, err := jobs.ReadJobReceipt(t.Context(), r.dest, "j", "s3-east")
			if err != nil || !is.KeepUntil.Equal(receipt.KeepUntil) {
				t.Fatalf("%+v, %v", is, err)
			}
			if list, err := jobs.ReadJobShards(t.Context(), r.dest, is); err != nil || len(list) != 1 {
				t.Errorf("its list: %v, %v", list, err)
			}
		})
	}
}

// What stands at a destination whose answer nobody heard is known by the record of its transfer alone, where the store tells no checksum. Collection leaves
// that, whatever else of it goes; once the object is recorded, or gone, the record goes too.
func TestCollectionKeepsWhoseObjectItIs(t *testing.T) {
	for name, c := range map[string]struct {
		size  int
		known bool
		gone  bool
	}{
		"small": {1000, false, false}, "small, its digest known": {1000, true, false}, "in parts": {5 << 20, false, false}, "in parts, its digest known": {5 << 20, true, false},
		"gone since": {1000, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.dest = mem.New(mem.Options{URL: "mem://destination" + r.dir, Parts: store.PartLimits{MinBytes: 64 << 10}, ObjectChecksums: []string{}})
			r.put("x.bin", data(1, c.size))
			r.dst.Store = fault.Wrap(r.dest, fault.Plan{Rules: []fault.Rule{
				{Kind: fault.After, Op: "complete", Optional: true}, {Kind: fault.After, Op: "put", Key: "data/**", Optional: true},
			}})
			s := r.open()
			if c.known {
				if _, err := s.Index(t.Context(), r.src); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := s.Sync(t.Context(), r.request()); err == nil {
				t.Fatal("the lost answer was no error")
			}
			r.dst.Store = r.dest
			collect := func() (left []manifest.Transfer) {
				t.Helper()
				if _, err := s.Collect(t.Context(), map[string]store.Store{"bucket": r.dest}, 0, false); err != nil {
					t.Fatal(err)
				}
				err := s.Manifest.View(func(tx *manifest.Tx) error {
					return tx.Transfers(func(t manifest.Transfer) (bool, error) {
						left = append(left, t)
						return true, nil
					})
				})
				if err != nil {
					t.Fatal(err)
				}
				return left
			}
			for range 2 {
				if left := collect(); len(left) != 1 || !left[0].Over || left[0].Upload != nil {
					t.Errorf("after collection: %+v", left)
				}
			}
			// An upload that somebody else begins at the key since is not taken for the transfer's.
			stranger, err := r.dest.CreateUpload(t.Context(), "data/c4/x.bin", store.UploadOptions{Size: 1})
			if err != nil {
				t.Fatal(err)
			}
			collect()
			if ids := r.uploads(); len(ids) != 1 || ids[0] != stranger.ID {
				t.Errorf("open: %v, want the other agent's %s", ids, stranger.ID)
			}
			if c.gone {
				o, err := r.dest.Head(t.Context(), "data/c4/x.bin")
				if err == nil {
					err = r.dest.Delete(t.Context(), o.Ref())
				}
				if err != nil {
					t.Fatal(err)
				}
			} else {
				if rep, err := s.Sync(t.Context(), r.request()); err != nil || !rep.Ready || rep.MovedBytes != 0 {
					t.Errorf("%+v, %v", rep, err)
				}
				r.equal()
			}
			if left := collect(); len(left) != 0 {
				t.Errorf("%+v", left)
			}
			r.close()
		})
	}
}

// What was worked on before the clock was set back is idle, however long it takes to find out.
func TestCollectionAfterTheClockWasSetBack(t *testing.T) {
	r := newRig(t)
	var ticks atomic.Int64
	start := time.Now()
	r.now = func() time.Time { return start.Add(time.Duration(ticks.Add(1)) * time.Second) }
	s := r.open()
	defer r.close()
	for _, at := range []time.Time{start.Add(-time.Hour), start.Add(24 * time.Hour)} {
		_, _ = r.twoUploads("a", "b", at)
		if err := r.m.Update(func(tx *manifest.Tx) error {
			b, _, err := tx.Transfer("b")
			b.Updated = manifest.At(at)
			return errors.Join(err, tx.PutTransfer(b))
		}); err != nil {
			t.Fatal(err)
		}
		found, err := s.Collect(t.Context(), map[string]store.Store{"bucket": r.dest}, 0, false)
		if left := r.uploads(); err != nil || len(found) != 2 || len(left) != 0 {
			t.Errorf("worked on at %v, now %v: %+v, %v; %v is left", at, r.now(), found, err, left)
		}
	}
}

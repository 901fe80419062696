package sync

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/sync/plan"
)

// The sync of an unchanged dataset is answered without a shard in memory, and as long as every one of them is held: the first, a
// middle or the last one that is not brings the whole plan back.
func TestUnchangedAndHeld(t *testing.T) {
	for _, snapshots := range []bool{false, true} {
		r := newRig(t)
		r.dst.Snapshots = snapshots
		for i := range 30 {
			r.put(fmt.Sprintf("s-%02d.tar", i), data(uint64(i), 1000))
		}
		// A stranger of the prefix sorts between ours.
		putObject(t, r.dest, "data/c4/s-05.tar.old", []byte("x"))
		first := r.mustSync()
		before := r.dest.Stats().Total().Requests
		rep := r.mustSync()
		if ways(rep.Summary) != "have:30 " || !rep.Ready || rep.Snapshot.ID != first.Snapshot.ID || rep.Plan.Items != nil {
			t.Errorf("snapshots=%v: %s, ready %v, %d items in memory", snapshots, ways(rep.Summary), rep.Ready, len(rep.Plan.Items))
		}
		if n := r.dest.Stats().Total().Requests - before; n != 0 {
			t.Errorf("%d requests to the destination", n)
		}
		for _, i := range []int{0, 13, 29} {
			r.forget(fmt.Sprintf("s-%02d.tar", i))
			if rep := r.mustSync(); rep.Ways[plan.Have].Shards != 29 || !rep.Ready {
				t.Errorf("snapshots=%v, without %d: %s", snapshots, i, ways(rep.Summary))
			}
			if rep := r.mustSync(); rep.Plan.Items != nil {
				t.Errorf("snapshots=%v: mended, and planned all the same", snapshots)
			}
		}
	}
}

// A destination that is to be opened is not, where nothing is to be done there; where something is, an error of opening says so.
func TestDestinationIsOpenedWhereItIsNeeded(t *testing.T) {
	r := newRig(t)
	r.put("a.tar", data(1, 1000))
	var mu sync.Mutex // it is opened ahead, too
	opened, fails := 0, error(nil)
	r.dst.Store = nil
	r.dst.Open = func(context.Context) (store.Store, error) {
		mu.Lock()
		defer mu.Unlock()
		opened++
		return r.dest, fails
	}
	r.mustSync()
	if opened == 0 {
		t.Error("the first sync did not open it")
	}
	opened, fails = 0, store.ErrAuth
	if rep := r.mustSync(); !rep.Ready || opened != 0 {
		t.Errorf("nothing is to be done: ready %v, opened %d times", rep.Ready, opened)
	}
	r.put("b.tar", data(2, 1000))
	if rep, err := r.sync(); !errors.Is(err, store.ErrAuth) || rep.Ready {
		t.Errorf("a shard is missing: ready %v, %v", rep.Ready, err)
	}
	fails = nil
	r.mustSync()
	r.equal()
}

// forget has the manifest and the destination lose one shard.
func (r *rig) forget(name string) {
	r.t.Helper()
	r.open()
	defer r.close()
	err := r.m.Update(func(tx *manifest.Tx) error {
		var key string
		err := tx.Replicas("bucket", "data/c4/", func(rep manifest.Replica) (bool, error) {
			if len(rep.Key) >= len(name) && rep.Key[len(rep.Key)-len(name):] == name {
				key = rep.Key
			}
			return key == "", nil
		})
		if err != nil {
			return err
		}
		if err := r.dest.Delete(context.Background(), store.Ref{Key: key}); err != nil {
			return err
		}
		return tx.DeleteReplica("bucket", key)
	})
	if err != nil {
		r.t.Fatal(err)
	}
}

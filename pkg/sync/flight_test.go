package sync

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/fault"
)

// A bit that flips on the way from the source is noticed when a shard is read for the first time, where the source tells its checksum: nothing else could
// tell. It is read again, in one request and in parts, for the index alone as for a destination.
func TestFirstReadIsComparedWithTheSource(t *testing.T) {
	for _, size := range []int{300_000, 5 << 20} {
		for _, index := range []bool{true, false} {
			for _, nth := range []int{1, 2} {
				t.Run(fmt.Sprintf("%d bytes, index %v, read %d", size, index, nth), func(t *testing.T) {
					r := newRig(t)
					want := data(1, size)
					r.put("a.bin", want)
					wrong := fault.Wrap(r.source, fault.Plan{Seed: 3, Rules: []fault.Rule{
						{Kind: fault.CorruptRead, Op: "read", Nth: nth, Optional: size < 1<<20 && nth > 1},
					}})
					r.src.Store = wrong
					s := r.open()
					defer r.close()
					var err error
					if index {
						_, err = s.Index(context.Background(), r.src)
						if err != nil { // it may be told that it must be read again
							_, err = s.Index(context.Background(), r.src)
						}
					} else {
						_, err = s.Sync(context.Background(), r.request())
					}
					if err != nil {
						t.Fatal(err)
					}
					wrong.VerifyAllHit(t)
					err = r.m.View(func(tx *manifest.Tx) error {
						f, ok, err := tx.Fact(r.src.Name, "a.bin")
						if err == nil && (!ok || f.Shard != chunker.Sum(want)) {
							t.Errorf("it is taken for %s, it is %s", f.Shard, chunker.Sum(want))
						}
						return err
					})
					if err != nil {
						t.Fatal(err)
					}
					if !index {
						r.equal()
					}
				})
			}
		}
	}
}

// What is read wrong again and again never counts as being there.
func TestWrongReadsAreNeverPresent(t *testing.T) {
	for _, size := range []int{300_000, 5 << 20} {
		r := newRig(t)
		r.put("a.bin", data(1, size))
		r.src.Store = fault.Wrap(r.source, fault.Plan{Seed: 3, Rules: []fault.Rule{{Kind: fault.CorruptRead, Op: "read"}}})
		rep, err := r.sync()
		if err == nil || rep.Ready || len(rep.Failures) != 1 || !errors.Is(rep.Failures[0].Err, store.ErrIntegrity) {
			t.Errorf("%d bytes: ready %v, %v, failures %v", size, rep.Ready, err, rep.Failures)
		}
		if _, err := r.dest.Head(t.Context(), "data/c4/a.bin"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%d bytes: %v", size, err)
		}
		if us, err := r.dest.ListUploads(t.Context(), ""); err != nil || len(us) > 0 {
			t.Errorf("%d bytes: left %v, %v", size, us, err)
		}
		// The same source without the fault.
		r.src.Store = r.source
		r.mustSync()
		r.equal()
	}
}

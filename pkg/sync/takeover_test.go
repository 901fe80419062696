package sync

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/store"
)

// reads counts what is read of a store.
type reads struct {
	store.Store
	bytes atomic.Int64
}

func (c *reads) ReadRange(ctx context.Context, ref store.Ref, off int64, p []byte) error {
	c.bytes.Add(int64(len(p)))
	return c.Store.ReadRange(ctx, ref, off, p)
}

// A process that ends after an object was completed, and before that was recorded, leaves an object whose digest nobody knows. Its parts know it:
// of the source nothing is read again, and what they do not know is all that is.
func TestWhatACompletedTransferLearnedIsNotReadAgain(t *testing.T) {
	for name, lost := range map[string]int{"all parts recorded": 0, "one part lost": 1} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			b := data(1, 9<<20)
			r.put("a.bin", b)
			ctx, kill := context.WithCancel(context.Background())
			h := &killedOnComplete{Store: r.dest, kill: kill}
			r.dst.Store = h
			s := r.open()
			if _, err := s.Sync(ctx, r.request()); !errors.Is(err, context.Canceled) {
				t.Fatalf("%v", err)
			}
			var left manifest.Transfer
			err := r.m.Update(func(tx *manifest.Tx) error {
				if err := tx.Transfers(func(t manifest.Transfer) (bool, error) { left = t; return true, nil }); err != nil {
					return err
				}
				parts, err := tx.Parts(left.ID)
				if err == nil && len(parts) != 9 {
					t.Errorf("%d parts of 9 are recorded", len(parts))
				}
				for _, p := range parts[:lost] {
					err = errors.Join(err, tx.DeletePart(left.ID, p.Number))
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			r.close()
			c := &reads{Store: r.source}
			r.src.Store, r.dst.Store = c, r.dest
			rep := r.mustSync()
			r.equal()
			most := int64(lost) * (1<<20 + 160<<10) // a part, and what is read before it to cut it
			if n := c.bytes.Load(); n > most || lost > 0 && n < 1<<20 {
				t.Errorf("%d bytes of the source were read again, of %d that may be", n, most)
			}
			if rep.MovedBytes != 0 {
				t.Errorf("%d bytes were sent again", rep.MovedBytes)
			}
			r.nothingOpen()
			s = r.open()
			defer r.close()
			err = s.Manifest.View(func(tx *manifest.Tx) error {
				f, ok, err := tx.Fact("c4", "a.bin")
				if want := chunker.Sum(b); !ok || f.Shard != want {
					t.Errorf("learned %s, it is %s", f.Shard, want)
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		})
	}
}

// killedOnComplete ends a sync when an object was completed, before the answer.
type killedOnComplete struct {
	store.Store
	kill func()
}

func (k *killedOnComplete) CompleteUpload(ctx context.Context, u store.Upload, parts []store.Part, o store.CompleteOptions) (store.Object, error) {
	out, err := k.Store.CompleteUpload(ctx, u, parts, o)
	k.kill()
	if err == nil {
		err = context.Canceled
	}
	return out, err
}

package sync

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/fault"
	"github.com/datagravity/datagravity/pkg/store/mem"
	"github.com/datagravity/datagravity/pkg/sync/engine"
)

// killedAfter ends a sync when so many objects were completed and recorded: as the next one is begun.
type killedAfter struct {
	store.Store
	left atomic.Int64
	kill func()
}

func (k *killedAfter) CreateUpload(ctx context.Context, key string, o store.UploadOptions) (store.Upload, error) {
	if k.left.Add(-1) < 0 {
		k.kill()
		return store.Upload{}, context.Canceled
	}
	return k.Store.CreateUpload(ctx, key, o)
}

// Shards are mostly of one size. A sync that goes on after a kill must not take each of them for a copy of one that came before it, and read it
// first to find out; a shard that was added since may be one, and is read.
func TestASyncThatGoesOnReadsNothingTwice(t *testing.T) {
	const shards, size, came = 6, 2 << 20, 2
	for name, added := range map[string]bool{"nothing changed": false, "a copy was added": true} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.options = engine.Options{PartBytes: 1 << 20, SingleBytes: 1 << 20, MemoryBytes: 16 << 20, Shards: 1, PartsPerShard: 2}
			for i := range shards {
				r.put(fmt.Sprintf("%d.bin", i), data(uint64(i), size))
			}
			ctx, kill := context.WithCancel(context.Background())
			k := &killedAfter{Store: r.dest, kill: kill}
			k.left.Store(came)
			r.dst.Store = k
			s := r.open()
			if _, err := s.Sync(ctx, r.request()); !errors.Is(err, context.Canceled) {
				t.Fatalf("%v", err)
			}
			r.close()
			want := "have:2 full:4 "
			if added {
				r.put("copy.bin", data(1, size))
				want = "have:2 copy:1 full:4 "
			}
			c := &reads{Store: r.source}
			r.src.Store, r.dst.Store = c, r.dest
			rep := r.mustSync()
			if got := ways(rep.Summary); got != want || rep.MovedBytes != (shards-came)*size {
				t.Errorf("%s, %d bytes moved; want %s", got, rep.MovedBytes, want)
			}
			most := int64((shards - came) * size)
			if n := c.bytes.Load(); !added && n > most {
				t.Errorf("%d bytes of the source were read, %d were left to be moved", n, most)
			}
			r.equal()
		})
	}
}

// A source that changes while a shard moves leaves two transfers to its key. What stands there is that of the one which sent it, in whatever order they are found.
func TestTwoTransfersToOneKey(t *testing.T) {
	const shards, size = 6, 2 << 20
	r := newRig(t)
	r.dest = mem.New(mem.Options{URL: "mem://destination" + r.dir, Parts: store.PartLimits{MinBytes: 64 << 10}, ObjectChecksums: []string{}})
	for version, kind := range []fault.Kind{fault.Before, fault.After} {
		for i := range shards {
			r.put(fmt.Sprintf("%d.bin", i), data(uint64(i+version*shards), size))
		}
		r.dst.Store = fault.Wrap(r.dest, fault.Plan{Rules: []fault.Rule{{Kind: kind, Op: "complete", Err: store.ErrPermanent}}})
		if rep, err := r.sync(); err == nil || rep.Ready {
			t.Fatalf("%+v, %v", rep, err)
		}
	}
	r.dst.Store = r.dest
	if rep, err := r.sync(); err != nil || !rep.Ready || rep.MovedBytes != 0 {
		t.Errorf("%+v, %v", rep, err)
	}
	r.equal()
}

package sync

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/sync/engine"
)

// full is a destination whose disk is full: it takes receipts, which are small, and no shards. every is how many of those it takes one of; 0: none.
type full struct {
	store.Store
	every, tried atomic.Int64
}

func (f *full) Put(ctx context.Context, key string, data []byte, o store.WriteOptions) (store.Object, error) {
	if store.IsPrivate(key) {
		return f.Store.Put(ctx, key, data, o)
	}
	n, every := f.tried.Add(1), f.every.Load()
	if every > 0 && n%every == 0 {
		return f.Store.Put(ctx, key, data, o)
	}
	return store.Object{}, &store.Error{Op: "put", Store: f.URL(), Key: key, Kind: store.ErrPermanent, Err: errors.New("no space left on device")}
}

// A destination that takes nothing ends the run, before everything was read and paid for in vain; once it takes something all arrives.
func TestNothingMoreIsReadForADestinationThatTakesNothing(t *testing.T) {
	for name, size := range map[string]int{"in batches": 1000, "one by one": 100_000} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.agent = r.dst.Location // what is read crosses, and is paid for
			const shards = 150
			for i := range shards {
				r.put(fmt.Sprintf("%03d.tar", i), data(uint64(i), size))
			}
			f := &full{Store: r.dest}
			r.dst.Store = f
			rep, err := r.sync()
			if !errors.Is(err, engine.ErrRefusing) || !errors.Is(err, store.ErrPermanent) || len(rep.Failures) < 16 {
				t.Fatalf("%v, %d failed", err, len(rep.Failures))
			}
			if n := r.source.Stats()["read"].Requests; n > 50 { // sixteen, and what was in flight
				t.Errorf("%d shards were read in vain", n)
			}
			r.dst.Store = r.dest
			r.mustSync()
			r.equal()
		})
	}
}

// What only some keys are refused for leaves the others alone.
func TestDestinationThatTakesSomethingIsNotGivenUp(t *testing.T) {
	r := newRig(t)
	const shards = 90
	for i := range shards {
		r.put(fmt.Sprintf("%03d.tar", i), data(uint64(i), 1000))
	}
	f := &full{Store: r.dest}
	f.every.Store(3)
	r.dst.Store = f
	rep, err := r.sync()
	if errors.Is(err, engine.ErrRefusing) || !errors.Is(err, ErrFailed) || len(rep.Failures) != shards*2/3 || f.tried.Load() != shards {
		t.Errorf("%v, %d failed, %d tried", err, len(rep.Failures), f.tried.Load())
	}
}

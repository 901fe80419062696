package engine

import (
	"context"
	"errors"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/datagravity/datagravity/internal/crashpoint"
	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/sync/plan"
)

// Small shards go in batches, which share their records: a transaction that says what is under way, a reservation, a
// settlement. On its own, a shard of a kilobyte costs several waits for the disk; together they cost them once. A batch is
// what a killed process repeats: no more than a part.
const (
	batchShards     = 256
	batchBytes      = 4 << 20
	batchShardBytes = 64 << 10 // the largest shard of a batch
	batchParallel   = 16
)

// batchable tells whether a shard is small enough.
func (r *run) batchable(it plan.Item) bool {
	return it.Way == plan.Full && it.Size <= batchShardBytes && (r.Dest == nil || it.Size <= r.Dest.Capabilities().PutMaxBytes)
}

// batches divides the items of a wave: small shards that follow one another go together, every other one by itself.
func (r *run) batches(items []plan.Item) (out [][]plan.Item) {
	var small []plan.Item
	var size int64
	flush := func() {
		if len(small) > 0 {
			out = append(out, small)
		}
		small, size = nil, 0
	}
	for _, it := range items {
		switch {
		case it.Way == plan.Have:
			r.count(it, 0)
		case !r.batchable(it):
			out = append(out, []plan.Item{it})
		default:
			if len(small) == batchShards || size+it.Size > batchBytes {
				flush()
			}
			small, size = append(small, it), size+it.Size
		}
	}
	flush()
	return out
}

// batch moves small shards together. It returns only errors that must end the run.
func (r *run) batch(ctx context.Context, items []plan.Item) error {
	shards := make([]*shard, 0, len(items))
	for _, it := range items {
		done, err := r.doneBefore(it)
		if err != nil {
			return err
		}
		if done {
			r.count(it, 0)
			continue
		}
		s := r.newShard(it)
		if err := s.load(); err != nil {
			return err
		}
		if s.t.Upload != nil || len(s.parts) > 0 {
			// An earlier run with other settings began it in parts.
			if err := r.one(ctx, it); err != nil {
				return err
			}
			continue
		}
		shards = append(shards, s)
	}
	ticket, moved, err := r.reserveAll(shards)
	if errors.Is(err, cost.ErrBudget) {
		// What all of them need is not there; it may be for some.
		for _, s := range shards {
			if err := r.one(ctx, s.it); err != nil {
				return err
			}
		}
		return nil
	}
	if err != nil {
		return err
	}
	err = r.saveAll(shards)
	if err == nil {
		err = r.moveAll(ctx, shards)
	}
	// Whatever happened, what was sent is paid for.
	return errors.Join(err, r.settleAll(ticket, moved))
}

// reserveAll pays for the first attempt of every request of the shards in one ticket.
func (r *run) reserveAll(shards []*shard) (*cost.Ticket, []cost.Moved, error) {
	crossings := make([]cost.Crossing, 0, 2*len(shards))
	for _, s := range shards {
		crossings = append(crossings, s.readCrossing(s.it.Size))
		if r.Dest != nil {
			crossings = append(crossings, s.putCrossing())
		}
	}
	ticket, err := r.ledger.Reserve(crossings, nil)
	if err != nil {
		return nil, nil, err
	}
	moved := make([]cost.Moved, len(crossings))
	for i, s := range shards {
		hops := []hop{hopIn}
		if r.Dest != nil {
			hops = append(hops, hopOut)
		}
		for k, h := range hops {
			place := i*len(hops) + k
			s.prepaid[h] = &receipt{ticket: ticket, place: place, share: &moved[place], c: crossings[place]}
		}
	}
	return ticket, moved, nil
}

// saveAll records that the shards are under way: an object that is there without a record would look like a stranger's to
// the next run.
func (r *run) saveAll(shards []*shard) error {
	if r.Dest == nil {
		return nil
	}
	now := manifest.At(r.m.Now())
	err := r.m.Batch(func(tx *manifest.Tx) error {
		for _, s := range shards {
			if s.recorded {
				continue
			}
			s.t.Updated = now
			if err := s.saveIn(tx); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return recordError(err)
	}
	for _, s := range shards {
		s.recorded = true
	}
	return nil
}

func (r *run) moveAll(ctx context.Context, shards []*shard) error {
	g, inBatch := errgroup.WithContext(ctx)
	var begun atomic.Int64
	// The calls of the SDKs are so deep that a goroutine for each shard spent more on growing its stack than on its bytes.
	for range min(batchParallel, len(shards)) {
		g.Go(func() error {
			for inBatch.Err() == nil && r.mayBegin() {
				i := begun.Add(1) - 1
				if i >= int64(len(shards)) {
					break
				}
				if err := r.moveOne(inBatch, shards[i]); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return context.Cause(ctx)
}

// moveOne moves one shard of a batch. It returns only errors that must end the run.
func (r *run) moveOne(ctx context.Context, s *shard) error {
	r.observe(Event{Kind: ShardStarted, Path: s.it.Path, Way: string(s.it.Way), Bytes: s.it.Size})
	inShard, span := r.trace(ctx, s.it)
	err := s.single(inShard)
	if errors.Is(err, store.ErrConflict) {
		err = r.conflicted(inShard, s.it, err)
	}
	span.End(err)
	return r.done(ctx, s.it, s.moved, err)
}

// settleAll books what moved; a request that was not made moved nothing.
func (r *run) settleAll(ticket *cost.Ticket, moved []cost.Moved) error {
	crashpoint.Hit(crashpoint.SettleBefore)
	err := ticket.Settle(moved)
	r.addUSD(receipt{ticket: ticket})
	return recordError(err)
}

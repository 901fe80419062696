package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/sync/plan"
)

// readDest fills p from an object at the destination.
func (r *run) readDest(ctx context.Context, it plan.Item, o store.Object, off int64, p []byte, n *notes) error {
	if len(p) == 0 {
		return nil
	}
	in, err := r.pay(ctx, hopBack, r.crossing(hopBack, it.Path, int64(len(p)), cost.OpRead, 1), func(ctx context.Context) error {
		return r.Dest.ReadRange(ctx, o.Ref(), off, p)
	})
	if errors.Is(err, store.ErrChanged) || errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("%w: %w", store.ErrConflict, err)
	}
	if err != nil {
		return err
	}
	n.add(in)
	return r.settleHeld(in)
}

// compareParallel parts of one object are read back at a time.
const compareParallel = 4

// compareShort reads an object that is shorter than the shard and proves that it is its beginning: whole chunks by their
// digests, and the bytes after them by the same ones of the source.
func (r *run) compareShort(ctx context.Context, it plan.Item, o store.Object) error {
	s := r.newShard(it)
	if err := s.load(); err != nil {
		return err
	}
	foreign := &Blocked{Kind: ErrForeign, Reason: fmt.Sprintf(
		"the %d bytes at %q are not the beginning of what datagravity wrote there; --adopt=overwrite replaces them, or move them away", o.Size, o.Key)}
	if s.recipe == nil {
		return foreign
	}
	whole := 0
	end := func() int64 { return s.recipe.Chunks[whole-1].Offset + s.recipe.Chunks[whole-1].Length }
	for whole < len(s.recipe.Chunks) && s.recipe.Chunks[whole].Offset+s.recipe.Chunks[whole].Length <= o.Size {
		whole++
	}
	var n notes
	at := int64(0)
	if whole > 0 {
		list, err := chunker.SplitParts(s.recipe.Chunks[:whole], r.o.PartBytes, 0, 0, 0)
		if err != nil {
			return err
		}
		for _, p := range list {
			buf, err := r.mem.get(ctx, p.Length)
			if err != nil {
				return err
			}
			err = r.readDest(ctx, it, o, p.Offset, buf, &n)
			if err == nil && chunker.VerifyChunks(buf, s.recipe.Chunks[p.First:p.First+p.Count]) != nil {
				err = foreign
			}
			r.mem.put(buf)
			if err != nil {
				return err
			}
		}
		at = end()
	}
	there, here := make([]byte, o.Size-at), make([]byte, o.Size-at)
	if err := r.readDest(ctx, it, o, at, there, &n); err != nil {
		return err
	}
	in, err := s.read(ctx, at, here)
	if err != nil {
		return err
	}
	if err := s.settleHeld(in); err != nil {
		return err
	}
	if !bytes.Equal(there, here) {
		return foreign
	}
	return nil
}

// compare reads an object at the destination, pinned, and proves that its bytes are the shard's.
func (r *run) compare(ctx context.Context, it plan.Item, o store.Object, n *notes) error {
	size := r.o.PartBytes
	parts := make([]chunker.PartSums, max(1, (it.Size+size-1)/size))
	var mu sync.Mutex // for n
	g, within := errgroup.WithContext(ctx)
	g.SetLimit(compareParallel)
	for i := range parts {
		if within.Err() != nil {
			break
		}
		g.Go(func() error {
			off := int64(i) * size
			buf, err := r.mem.get(within, min(size, it.Size-off))
			if err != nil {
				return err
			}
			defer r.mem.put(buf)
			var own notes
			if err := r.readDest(within, it, o, off, buf, &own); err != nil {
				return err
			}
			parts[i] = chunker.SumPart(buf, off, len(parts) == 1)
			mu.Lock()
			defer mu.Unlock()
			n.merge(own)
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	sums, err := chunker.CombineParts(parts, size, it.Size)
	if err != nil {
		return err
	}
	if sums.Shard != it.Digest {
		return &Blocked{Kind: ErrForeign, Reason: fmt.Sprintf("the bytes at %q are %s, the shard is %s; --adopt=overwrite replaces it, or move it away",
			o.Key, sums.Shard, it.Digest)}
	}
	return nil
}

package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"

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
	var parts []chunker.PartSums
	buf, err := r.mem.get(ctx, min(max(it.Size, 1), r.o.PartBytes))
	if err != nil {
		return err
	}
	defer r.mem.put(buf)
	for off := int64(0); off < it.Size || off == 0; off += r.o.PartBytes {
		p := buf[:min(r.o.PartBytes, it.Size-off)]
		if err := r.readDest(ctx, it, o, off, p, n); err != nil {
			return err
		}
		parts = append(parts, chunker.SumPart(p, off, it.Size <= r.o.PartBytes))
	}
	sums, err := chunker.CombineParts(parts, r.o.PartBytes, it.Size)
	if err != nil {
		return err
	}
	if sums.Shard != it.Digest {
		return &Blocked{Kind: ErrForeign, Reason: fmt.Sprintf("the bytes at %q are %s, the shard is %s; --adopt=overwrite replaces it, or move it away",
			o.Key, sums.Shard, it.Digest)}
	}
	return nil
}

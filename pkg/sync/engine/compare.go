package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/sync/plan"
)

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
		if len(p) > 0 {
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
			if err := r.settleHeld(in); err != nil {
				return err
			}
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

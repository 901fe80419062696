package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/store"
)

// A pulled shard is moved like one that comes whole from the source, in the same parts and under the same record. Only where a part's bytes
// are read from is another matter: some from the source, the others from objects that the destination holds. All of them are proven by
// the recipe's chunks, so that a part may be read in any way, also by a process that goes on after another one and has planned anew.

// pulling tells whether some of the shard comes from elsewhere than the source: from the destination, or packed. Without a recipe nothing would
// prove that.
func (s *shard) pulling() bool {
	return (s.it.Pulled != nil || s.packed) && s.recipe != nil && s.Dest != nil
}

// stretch of a part that is read by one request.
type stretch struct {
	buf    []byte
	offset int64 // in the shard
	// from is what is read at the destination, from fromOffset on; nil: the source is read.
	from       *manifest.Replica
	fromOffset int64
}

// stretches of a part, which begins at an offset of the shard. Pieces and parts are both runs of whole chunks.
func (s *shard) stretches(sp span, buf []byte) (list []stretch, err error) {
	if s.it.Pulled == nil {
		return []stretch{{buf: buf, offset: sp.offset}}, nil
	}
	at, first := int64(0), 0
	for _, p := range s.it.Pulled.Pieces {
		from, to := max(at, sp.offset), min(at+p.Size, sp.offset+sp.size)
		if from < to {
			one := stretch{buf: buf[from-sp.offset : to-sp.offset], offset: from}
			if p.From > 0 {
				one.from, one.fromOffset = &s.it.Pulled.From[p.From-1], p.Offset+from-at
			}
			list = append(list, one)
		}
		at, first = at+p.Size, first+p.Chunks
	}
	if at != s.it.Size || first != len(s.recipe.Chunks) {
		return nil, fmt.Errorf("%w: the plan's pieces of %q have %d bytes in %d chunks, the recipe %d in %d", errStaleCopy, s.it.Path, at, first,
			s.it.Size, len(s.recipe.Chunks))
	}
	return list, nil
}

// stretchesAtOnce of one part. Each waits for an answer most of the time.
const stretchesAtOnce = 8

// readPulled fills a part, and proves it. The receipts are those of the paid requests, the checksums are of all of it.
func (s *shard) readPulled(ctx context.Context, sp span, buf []byte) (receipts []receipt, sums chunker.Checksums, err error) {
	list, err := s.stretches(sp, buf)
	if err != nil {
		return nil, sums, err
	}
	if s.packed {
		if list, err = s.unpack(ctx, list); err != nil {
			return nil, sums, err
		}
	}
	receipts = make([]receipt, len(list))
	g, inPart := errgroup.WithContext(ctx)
	g.SetLimit(max(1, min(stretchesAtOnce, s.o.PartsPerShard)))
	for i, one := range list {
		g.Go(func() (err error) {
			if one.from != nil {
				receipts[i], err = s.readHeld(inPart, one)
			} else {
				receipts[i], err = s.read(inPart, one.offset, one.buf)
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, sums, errors.Join(err, s.settleHeld(receipts...)) // what the others read is paid for
	}
	sums, wrong := chunker.VerifySum(buf, sp.chunks)
	var bad *chunker.ChunkError
	if wrong == nil {
		return receipts, sums, nil
	}
	if !errors.As(wrong, &bad) {
		return nil, sums, errors.Join(wrong, s.settleHeld(receipts...))
	}
	if err := s.settleHeld(receipts...); err != nil {
		return nil, sums, err
	}
	return nil, sums, s.blame(list, bad.Chunk, wrong)
}

// unpack fills what is packed, and returns what is left to be read.
func (s *shard) unpack(ctx context.Context, list []stretch) (left []stretch, err error) {
	for _, one := range list {
		if one.from != nil {
			left = append(left, one)
			continue
		}
		end := one.offset + int64(len(one.buf))
		first, _ := slices.BinarySearchFunc(s.recipe.Chunks, one.offset, func(c chunker.Chunk, at int64) int { return cmp.Compare(c.Offset, at) })
		open := -1 // where in left the stretch before this chunk ends that is read
		for _, c := range s.recipe.Chunks[first:] {
			if c.Offset >= end {
				break
			}
			buf := one.buf[c.Offset-one.offset:][:c.Length]
			there, err := s.Packed.Chunk(ctx, c.Digest, buf)
			switch {
			case err != nil:
				return nil, fmt.Errorf("take a packed chunk of %q: %w", s.it.Path, err)
			case there:
				open = -1
			case open >= 0:
				left[open].buf = one.buf[left[open].offset-one.offset : c.End()-one.offset]
			default:
				open, left = len(left), append(left, stretch{buf: buf, offset: c.Offset})
			}
		}
	}
	return left, nil
}

// readHeld reads what the destination holds. What is no longer there as it was is forgotten; multi then has the shard planned again.
func (s *shard) readHeld(ctx context.Context, one stretch) (receipt, error) {
	n := int64(len(one.buf))
	ref := store.Ref{Key: one.from.Key, ETag: one.from.ETag, Version: one.from.Version}
	paid, err := s.pay(ctx, hopBack, s.crossing(hopBack, s.it.Path, n, cost.OpRead, 1), func(ctx context.Context) error {
		return s.Dest.ReadRange(ctx, ref, one.fromOffset, one.buf)
	})
	if errors.Is(err, store.ErrChanged) || errors.Is(err, store.ErrNotFound) {
		return paid, errors.Join(fmt.Errorf("%w as it was: %q, from which %q was to be put together: %w", errStaleCopy, ref.Key, s.it.Path, err),
			s.distrustRef(ref, manifest.Changed))
	}
	return paid, err
}

// blame finds out whose bytes are not those of a chunk. What the destination holds is read before it counts again; the source's bytes are
// read once more by whoever asked.
func (s *shard) blame(list []stretch, c chunker.Chunk, wrong error) error {
	for _, one := range list {
		if one.from == nil || c.Offset+c.Length <= one.offset || one.offset+int64(len(one.buf)) <= c.Offset {
			continue
		}
		return errors.Join(fmt.Errorf("%w as it was proven: %q at the destination: %w", errStaleCopy, one.from.Key, wrong),
			s.distrustRef(store.Ref{Key: one.from.Key, ETag: one.from.ETag}, manifest.Suspect))
	}
	return &wrongRead{wrong}
}

// wrongRead are bytes of the source that are not the shard's.
type wrongRead struct{ error }

// pulled is how much of a stretch of the shard comes from the source, and how much does not cross.
func (s *shard) pulled(offset, size int64) (fetched, held int64) {
	if s.it.Pulled == nil || !s.pulling() {
		return size, 0
	}
	at := int64(0)
	for _, p := range s.it.Pulled.Pieces {
		if n := min(at+p.Size, offset+size) - max(at, offset); n > 0 && p.From > 0 {
			held += n
		}
		at += p.Size
	}
	return size - held, held
}

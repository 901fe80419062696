package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/datagravity/datagravity/internal/crashpoint"
	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/store"
)

// single moves a shard that fits one part: one read, one put.
func (s *shard) single(ctx context.Context) error {
	buf, err := s.mem.get(ctx, s.it.Size)
	if err != nil {
		return err
	}
	defer s.mem.put(buf)
	if !s.mayBegin() { // not any more, after it waited
		return errHalted
	}
	in, sums, chunks, err := s.readProven(ctx, buf)
	if err != nil {
		return err
	}
	s.notes.add(in)
	var fact *manifest.Fact
	var recipe *manifest.NewRecipe
	if s.recipe == nil {
		if fact, recipe, err = s.learned(sums, chunks); err != nil {
			return errors.Join(err, s.settleHeld(in))
		}
	}
	if s.Dest == nil {
		if err := s.settleHeld(in); err != nil {
			return err
		}
		s.moved = s.it.Size
		return s.finish(fact, recipe, nil)
	}
	o, out, err := s.put(ctx, buf, sums)
	if err != nil {
		return errors.Join(err, s.settleHeld(in))
	}
	s.notes.add(out)
	if err := s.settleHeld(in, out); err != nil {
		return err
	}
	if o, err = s.prove(ctx, s.it, o, checksums(sums), &s.notes, false); err != nil {
		return err
	}
	s.moved = s.it.Size
	s.observe(Event{Kind: BytesMoved, Path: s.it.Path, Way: string(s.it.Way), Bytes: s.it.Size})
	recipeID := s.it.Recipe
	if recipe != nil {
		recipeID = recipe.Digest
	}
	return s.finish(fact, recipe, s.replica(s.it, o, sums.Shard, recipeID, "upload"))
}

// readProven reads the whole shard, cuts it if there is no recipe, and compares it with its digest where that is known, or else with the checksums that
// the source keeps; a wrong read is tried once more before it is called corruption.
func (s *shard) readProven(ctx context.Context, buf []byte) (receipt, chunker.Sums, []chunker.Chunk, error) {
	for attempt := 1; ; attempt++ {
		in, err := s.read(ctx, 0, buf)
		if err != nil {
			return in, chunker.Sums{}, nil, err
		}
		sums, chunks, err := s.sumWhole(buf)
		if err != nil {
			return in, chunker.Sums{}, nil, err
		}
		wrong := s.unlike(sums)
		if wrong == nil {
			return in, sums, chunks, nil
		}
		if err := s.settleHeld(in); err != nil {
			return in, sums, nil, err
		}
		if attempt == 2 {
			return in, sums, nil, s.wrongBytes(wrong)
		}
	}
}

// unlike tells how a shard that was read is not the one that is meant; nil: nothing tells that it is not.
func (s *shard) unlike(sums chunker.Sums) error {
	switch {
	case s.it.Known && s.it.Digest != sums.Shard:
		return fmt.Errorf("%s under the ETag of %s", sums.Shard, s.it.Digest)
	case !s.it.Known && s.it.Stored.Compare(checksums(sums)) == store.Different:
		return fmt.Errorf("%+v, the source keeps %+v", checksums(sums), s.it.Stored)
	}
	return nil
}

func (s *shard) sumWhole(buf []byte) (sums chunker.Sums, chunks []chunker.Chunk, err error) {
	if s.recipe != nil {
		part := chunker.SumPart(buf, 0, true)
		return chunker.Sums{Size: int64(len(buf)), Shard: chunker.Digest(part.CV), CRC64NVME: part.CRC64NVME, CRC32C: part.CRC32C}, nil, nil
	}
	// Other shards keep the other cores busy.
	sums, err = chunker.Whole(buf, s.params(), chunker.Options{Workers: 1, Extra: s.digests()}, func(ch chunker.Chunk) error {
		chunks = append(chunks, ch)
		return nil
	})
	return sums, chunks, err
}

// put writes the object. The record comes first: an object that is there without one would look like a stranger's to the
// next run.
func (s *shard) put(ctx context.Context, buf []byte, sums chunker.Sums) (o store.Object, out receipt, err error) {
	if !s.recorded {
		if err := s.save(); err != nil {
			return o, out, err
		}
	}
	out, err = s.spend(ctx, hopOut, s.putCrossing(), func(ctx context.Context) (err error) {
		crashpoint.Hit(crashpoint.PutBefore)
		o, err = s.Dest.Put(ctx, s.it.Key, buf, store.WriteOptions{
			Condition: s.it.Condition, Properties: s.properties(), Checksums: checksums(sums),
		})
		crashpoint.Hit(crashpoint.PutAcknowledged)
		return err
	})
	return o, out, err
}

func checksums(s chunker.Sums) store.Checksums {
	return store.Checksums{CRC64NVME: store.Hex64(s.CRC64NVME), CRC32C: store.Hex32(s.CRC32C)}
}

package engine

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/store"
)

// multi moves a shard in parts that can be read, proven, sent and recorded each by itself.
func (s *shard) multi(ctx context.Context) error {
	if err := s.layOut(); err != nil {
		return err
	}
	if err := s.begin(ctx); err != nil {
		return err
	}
	if err := s.move(ctx); err != nil {
		return err
	}
	sums, chunks, err := s.combine()
	if err != nil {
		return err
	}
	var fact *manifest.Fact
	var recipe *manifest.NewRecipe
	recipeID := s.it.Recipe
	if s.recipe == nil {
		if fact, recipe, err = s.learned(sums, chunks); err != nil {
			return err
		}
		recipeID = recipe.Digest
	}
	if s.Dest == nil {
		return s.finish(fact, recipe, nil)
	}
	o, err := s.complete(ctx, sums)
	if err != nil {
		return err
	}
	return s.finish(fact, recipe, s.replica(s.it, o, sums.Shard, recipeID, "upload"))
}

// layOut divides the shard: runs of whole chunks with a recipe, equal power-of-two parts while the digest is learned.
func (s *shard) layOut() error {
	limits := store.PartLimits{}
	if s.Dest != nil {
		limits = s.Dest.Capabilities().Parts
	}
	if s.t.PartBytes == 0 {
		s.t.PartBytes, _ = PartSizeFor(s.it.Size, s.o.PartBytes, limits)
		p := s.Dataset.Params
		s.t.Params, s.t.Digests = &p, s.Dataset.Digests
	}
	if s.recipe == nil {
		for off := int64(0); off < s.it.Size; off += s.t.PartBytes {
			s.spans = append(s.spans, span{number: len(s.spans) + 1, offset: off, size: min(s.t.PartBytes, s.it.Size-off)})
		}
		return nil
	}
	list, err := chunker.SplitParts(s.recipe.Chunks, s.t.PartBytes, limits.MinBytes, limits.MaxBytes, limits.MaxParts)
	if err != nil {
		return fmt.Errorf("divide %q into parts: %w", s.it.Path, err)
	}
	for i, p := range list {
		s.spans = append(s.spans, span{number: i + 1, offset: p.Offset, size: p.Length, chunks: s.recipe.Chunks[p.First : p.First+p.Count]})
	}
	return nil
}

// PartSizeFor is the least power of two from `least` on whose parts a backend takes for an object of so many bytes, and how
// many parts that are. Fixed sizes fail after days: 8 MiB x 10,000 parts are 78 GiB.
func PartSizeFor(size, least int64, limits store.PartLimits) (partBytes, count int64) {
	partBytes = least
	for partBytes < limits.MinBytes || (limits.MaxParts > 0 && (size-1)/partBytes+1 > int64(limits.MaxParts)) {
		partBytes *= 2
	}
	return partBytes, (size-1)/partBytes + 1
}

// begin goes on from an earlier upload if the store still has it, or starts one.
func (s *shard) begin(ctx context.Context) error {
	s.dropMisfits()
	if s.Dest != nil && s.t.Upload != nil {
		if err := s.reconcile(ctx); err != nil {
			return err
		}
	}
	if s.Dest != nil && s.t.Upload == nil {
		if err := s.create(ctx); err != nil {
			return err
		}
	} else if !s.recorded {
		if err := s.save(); err != nil {
			return err
		}
	}
	var resumed int64
	for _, p := range s.parts {
		resumed += p.Size
	}
	if resumed > 0 {
		s.wire(0, 0, resumed)
		s.o.Observe(Event{Kind: BytesResumed, Path: s.it.Path, Bytes: resumed})
	}
	return nil
}

// dropMisfits forgets parts that do not fit the layout: other settings, or a smaller record than was written.
func (s *shard) dropMisfits() {
	at := map[int]span{}
	for _, sp := range s.spans {
		at[sp.number] = sp
	}
	for n, p := range s.parts {
		if sp, ok := at[n]; !ok || sp.offset != p.Offset || sp.size != p.Size {
			delete(s.parts, n)
		}
	}
}

// reconcile keeps the parts that both the record and the store know.
func (s *shard) reconcile(ctx context.Context) error {
	var listed []store.Part
	err := s.control(ctx, hopOut, s.it.Path, 0, cost.OpList, &s.notes, func(ctx context.Context) (err error) {
		listed, err = s.Dest.ListParts(ctx, *s.t.Upload, s.storeParts())
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		if len(s.parts) == len(s.spans) {
			return nil // perhaps completed just before the end: completing again tells
		}
		return s.restart()
	}
	if err != nil {
		return err
	}
	held := map[int]store.Part{}
	for _, p := range listed {
		held[p.Number] = p
	}
	for n, p := range s.parts {
		h, ok := held[n]
		same := ok && h.Size == p.Size && (h.CRC64NVME == "" || h.CRC64NVME == store.Hex64(p.CRC64NVME)) &&
			(h.CRC32C == "" || h.CRC32C == store.Hex32(p.CRC32C))
		if !same {
			delete(s.parts, n)
		}
	}
	return nil
}

// restart forgets an upload that the store no longer has. What was learned of its parts goes with it: their bytes must be
// sent again, so they are read again.
func (s *shard) restart() error {
	s.parts = map[int]manifest.Part{}
	s.t.Upload = nil
	err := s.m.Batch(func(tx *manifest.Tx) error { return tx.DeleteTransfer(s.t.ID) })
	s.recorded = false
	return recordError(err)
}

func (s *shard) create(ctx context.Context) error {
	// The record comes before the upload, so that an upload is never without a record that names its key.
	if err := s.save(); err != nil {
		return err
	}
	var u store.Upload
	err := s.control(ctx, hopOut, s.it.Path, 0, cost.OpWrite, &s.notes, func(ctx context.Context) (err error) {
		u, err = s.Dest.CreateUpload(ctx, s.it.Key, store.UploadOptions{Properties: s.properties(), Size: s.it.Size})
		return err
	})
	if err != nil {
		return err
	}
	s.t.Upload = &u
	return s.save()
}

func (s *shard) save() error {
	s.t.Updated = manifest.At(s.m.Now())
	err := s.m.Batch(func(tx *manifest.Tx) error {
		if !s.recorded {
			// A record that could not be continued may have left parts, which were read under other rules.
			if err := tx.DeleteTransfer(s.t.ID); err != nil {
				return err
			}
		}
		return tx.PutTransfer(s.t)
	})
	s.recorded = s.recorded || err == nil
	return recordError(err)
}

// move reads, proves and sends the missing parts. Memory is taken in the order of the parts; with a digest to learn they
// are also cut in order, each waiting for its turn.
func (s *shard) move(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	slots := make(chan struct{}, max(1, min(s.o.PartsPerShard, int(inFlightBytes/s.t.PartBytes))))
	cut := &cutting{shard: s}
	turn := make(chan struct{})
	close(turn)
	for _, sp := range s.spans {
		if s.has(sp) {
			continue
		}
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return errors.Join(g.Wait(), context.Cause(ctx))
		}
		buf, err := s.mem.get(ctx, sp.size)
		if err != nil {
			return errors.Join(g.Wait(), err)
		}
		mine, next := turn, make(chan struct{})
		turn = next
		g.Go(func() error {
			defer func() { s.mem.put(buf); <-slots }()
			return s.part(ctx, sp, buf, cut, mine, next)
		})
	}
	return g.Wait()
}

func (s *shard) has(sp span) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, done := s.parts[sp.number]
	return done
}

// part carries one part through: read, prove, send, record.
func (s *shard) part(ctx context.Context, sp span, buf []byte, cut *cutting, turn <-chan struct{}, next chan<- struct{}) error {
	in, err := s.readPart(ctx, sp, buf)
	if err != nil {
		return err
	}
	s.notesAdd(in)
	p := manifest.Part{Number: sp.number, Offset: sp.offset, Size: sp.size}
	var extra []receipt
	if s.recipe == nil {
		select {
		case <-turn:
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), s.settleHeld(in))
		}
		if extra, err = cut.feed(ctx, sp, buf, &p); err != nil {
			return errors.Join(err, s.settleHeld(in))
		}
		close(next)
	} else {
		// The chunk digests proved the bytes already; the checksums are for the server.
		p.CRC64NVME, p.CRC32C = chunker.CRC64NVME(buf), chunker.CRC32C(buf)
	}
	receipts := append(extra, in)
	if s.Dest != nil {
		out, err := s.send(ctx, sp, buf, &p)
		if err != nil {
			return errors.Join(err, s.settleHeld(receipts...))
		}
		s.notesAdd(out)
		receipts = append(receipts, out)
	}
	if err := s.settle(func(tx *manifest.Tx) error { return tx.PutPart(s.t.ID, p) }, receipts...); err != nil {
		return err
	}
	s.mu.Lock()
	s.parts[p.Number] = p
	s.moved += p.Size
	s.mu.Unlock()
	s.o.Observe(Event{Kind: BytesMoved, Path: s.it.Path, Bytes: p.Size})
	return nil
}

// readPart reads a part and proves it against the recipe; a wrong read is tried once more.
func (s *shard) readPart(ctx context.Context, sp span, buf []byte) (receipt, error) {
	for attempt := 1; ; attempt++ {
		in, err := s.read(ctx, sp.offset, buf)
		if err != nil || s.recipe == nil {
			return in, err
		}
		wrong := chunker.VerifyChunks(buf, sp.chunks)
		if wrong == nil {
			return in, nil
		}
		if err := s.settleHeld(in); err != nil {
			return in, err
		}
		if attempt == 2 {
			return receipt{}, fmt.Errorf("%w: %q from the source, twice: %w; index it again, and look at the source's disks",
				store.ErrIntegrity, s.it.Path, wrong)
		}
	}
}

func (s *shard) send(ctx context.Context, sp span, buf []byte, p *manifest.Part) (receipt, error) {
	return s.pay(ctx, hopOut, s.crossing(hopOut, s.it.Path, sp.size, cost.OpWrite, 1), func(ctx context.Context) error {
		sent, err := s.Dest.UploadPart(ctx, *s.t.Upload, store.PartInput{
			Number: sp.number, Offset: sp.offset, Data: buf, CRC64NVME: p.CRC64NVME, CRC32C: p.CRC32C,
		})
		p.ETag = sent.ETag
		return err
	})
}

func (s *shard) storeParts() []store.Part {
	out := make([]store.Part, 0, len(s.parts))
	for _, sp := range s.spans {
		if p, ok := s.parts[sp.number]; ok {
			out = append(out, store.Part{
				Number: p.Number, Offset: p.Offset, Size: p.Size, ETag: p.ETag,
				CRC64NVME: store.Hex64(p.CRC64NVME), CRC32C: store.Hex32(p.CRC32C),
			})
		}
	}
	return out
}

// complete makes the object and proves it.
func (s *shard) complete(ctx context.Context, sums chunker.Sums) (store.Object, error) {
	parts := s.storeParts()
	var o store.Object
	// A part takes at most 200 bytes of the request that names them all.
	err := s.control(ctx, hopOut, s.it.Path, int64(len(parts))*200, cost.OpWrite, &s.notes, func(ctx context.Context) (err error) {
		o, err = s.Dest.CompleteUpload(ctx, *s.t.Upload, parts, store.CompleteOptions{
			Condition: s.it.Condition, Size: s.it.Size, Checksums: checksums(sums),
		})
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return o, errors.Join(fmt.Errorf("%w: the upload of %q is gone from the destination; it starts anew", errStaleCopy, s.it.Key), s.restart())
	}
	if err != nil {
		return o, err
	}
	o, err = s.prove(ctx, s.it, o, checksums(sums), &s.notes, false)
	if errors.Is(err, store.ErrIntegrity) {
		err = errors.Join(err, s.restart())
	}
	return o, err
}

func (s *shard) notesAdd(p receipt) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.notes.add(p)
}

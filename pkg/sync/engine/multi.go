package engine

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/datagravity/datagravity/internal/crashpoint"
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
		if errors.Is(err, errStaleCopy) && (s.t.Assembly != nil || !s.pulling()) { // a pull's parts are right, wherever the next ones come from
			err = errors.Join(err, s.abandon(ctx))
		}
		return err
	}
	if s.needed[s.it.Key] {
		return errLater
	}
	return s.end(ctx)
}

// end makes the shard of its parts.
func (s *shard) end(ctx context.Context) error {
	sums, chunks, err := s.combine()
	if err != nil {
		return err
	}
	var fact *manifest.Fact
	var recipe *manifest.NewRecipe
	recipeID := s.it.Recipe
	if s.recipe == nil {
		if wrong := s.unlike(sums); wrong != nil {
			// Which part was read wrong nobody can tell: all of them are read again.
			return errors.Join(fmt.Errorf("%w: %q as it was read: %w", errStaleCopy, s.it.Path, wrong), store.ErrIntegrity, s.startOver(ctx))
		}
		if fact, recipe, err = s.learned(sums, chunks); err != nil {
			return err
		}
		recipeID = recipe.Digest
	}
	if s.Dest == nil {
		return s.finish(fact, recipe, nil)
	}
	o, proof, err := s.complete(ctx, sums)
	if err != nil {
		return err
	}
	return s.finish(fact, recipe, s.replica(s.it, o, sums.Shard, recipeID, proof))
}

// layOut divides the shard: runs of whole chunks with a recipe, equal power-of-two parts while the digest is learned.
func (s *shard) layOut() error {
	limits := s.limits()
	if s.t.PartBytes == 0 {
		s.t.PartBytes, _ = PartSizeFor(s.it.Size, s.partBytes(), limits)
		p := s.Dataset.Params
		s.t.Params, s.t.Digests = &p, s.Dataset.Digests
	}
	if s.recipe == nil {
		for off := int64(0); off < s.it.Size; off += s.t.PartBytes {
			s.spans = append(s.spans, span{number: len(s.spans) + 1, offset: off, size: min(s.t.PartBytes, s.it.Size-off)})
		}
		return nil
	}
	if s.t.Assembly != nil {
		var err error
		s.spans, err = spansOf(s.t.Assembly, s.recipe)
		return err
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

// partBytes is the size to aim at. Each part costs two waits for the disk and two requests, so that parts are large where streams are
// fast; where they are slow, smaller parts make more streams out of the same memory.
func (s *shard) partBytes() int64 {
	if s.o.PartBytes < largerFrom || s.split.slowStreams() {
		return s.o.PartBytes
	}
	return 2 * s.o.PartBytes
}

// largerFrom: whoever configures smaller parts than this means it.
const largerFrom = 4 << 20

// limits of the parts.
func (s *shard) limits() store.PartLimits {
	switch {
	case s.Shared != nil:
		return *s.Shared
	case s.Dest != nil:
		return s.Dest.Capabilities().Parts
	}
	return store.PartLimits{}
}

// PartSizeFor is the size of the parts of an object of so many bytes, and how many they are: `least`, which is a power of two, or,
// where the backend takes no part so small, the next whole MiB; doubled until they are not too many. Fixed sizes fail after
// days: 8 MiB x 10,000 parts are 78 GiB.
func PartSizeFor(size, least int64, limits store.PartLimits) (partBytes, count int64) {
	partBytes = least
	if partBytes < limits.MinBytes {
		unit := min(least, store.MiB)
		partBytes = (limits.MinBytes + unit - 1) / unit * unit
	}
	for limits.MaxParts > 0 && (size-1)/partBytes+1 > int64(limits.MaxParts) {
		partBytes *= 2
	}
	return partBytes, (size-1)/partBytes + 1
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
		if !s.mayBegin() {
			return errors.Join(g.Wait(), errHalted)
		}
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return errors.Join(g.Wait(), context.Cause(ctx))
		}
		if sp.made() {
			g.Go(func() error {
				defer func() { <-slots }()
				return s.copied(ctx, sp)
			})
			continue
		}
		held, err := s.room.get(ctx, sp.size)
		if err != nil {
			return errors.Join(g.Wait(), context.Cause(ctx))
		}
		buf, err := s.mem.get(ctx, sp.size)
		if err != nil {
			s.room.put(held)
			return errors.Join(g.Wait(), err)
		}
		done := func() {
			s.mem.put(buf)
			s.room.put(held)
			<-slots
		}
		if !s.mayBegin() { // not any more, after it waited
			done()
			return errors.Join(g.Wait(), errHalted)
		}
		mine, next := turn, make(chan struct{})
		turn = next
		g.Go(func() error {
			defer done()
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
func (s *shard) part(ctx context.Context, sp span, buf []byte, cut *cutting, turn <-chan struct{}, next chan<- struct{}) (err error) {
	ctx, traced := tracePart(ctx, sp)
	defer traced.Ends(&err)
	receipts, sums, err := s.readPart(ctx, sp, buf)
	if err != nil {
		return err
	}
	s.notesAdd(receipts...)
	p := manifest.Part{Number: sp.number, Offset: sp.offset, Size: sp.size, CRC64NVME: sums.CRC64NVME, CRC32C: sums.CRC32C}
	if s.recipe == nil {
		select {
		case <-turn:
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), s.settleHeld(receipts...))
		}
		more, err := cut.feed(ctx, sp, buf, &p)
		if err != nil {
			return errors.Join(err, s.settleHeld(receipts...))
		}
		receipts = append(receipts, more...)
		close(next)
	}
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
	crashpoint.Hit(crashpoint.PartRecorded)
	fetched, held := s.pulled(p.Offset, p.Size)
	s.mu.Lock()
	s.parts[p.Number] = p
	s.moved += fetched
	s.reused += held
	s.mu.Unlock()
	if held == 0 { // else its time says nothing about the source's streams
		s.split.done(p.Size)
		s.room.adapt(s.split.slowStreams())
	}
	s.left.Add(-fetched)
	s.observe(Event{Kind: BytesMoved, Path: s.it.Path, Way: string(s.it.Way), Bytes: fetched})
	return nil
}

// readPart reads a part and proves it against the recipe; a wrong read is tried once more. The checksums, for the server, are zero without a
// recipe: what cuts the part then makes them.
func (s *shard) readPart(ctx context.Context, sp span, buf []byte) (in []receipt, sums chunker.Checksums, err error) {
	for attempt := 1; ; attempt++ {
		if s.pulling() {
			in, sums, err = s.readPulled(ctx, sp, buf)
			var wrong *wrongRead
			if !errors.As(err, &wrong) {
				return in, sums, err
			}
			if attempt == 2 {
				return nil, sums, s.wrongBytes(wrong.error)
			}
			continue
		}
		in, err = s.readPatiently(ctx, sp.offset, buf)
		if err != nil || s.recipe == nil {
			return in, sums, err
		}
		sums, wrong := chunker.VerifySum(buf, sp.chunks)
		if wrong == nil {
			return in, sums, nil
		}
		if err := s.settleHeld(in...); err != nil {
			return nil, sums, err
		}
		if attempt == 2 {
			return nil, sums, s.wrongBytes(wrong)
		}
	}
}

func (s *shard) send(ctx context.Context, sp span, buf []byte, p *manifest.Part) (receipt, error) {
	return s.pay(ctx, hopOut, s.crossing(hopOut, s.it.Path, sp.size, cost.OpWrite, 1), func(ctx context.Context) error {
		crashpoint.Hit(crashpoint.SendBefore)
		sent, err := s.Dest.UploadPart(ctx, *s.t.Upload, store.PartInput{
			Number: sp.number, Offset: sp.offset, Data: buf, CRC64NVME: p.CRC64NVME, CRC32C: p.CRC32C,
		})
		crashpoint.Hit(crashpoint.SendAcknowledged)
		p.ETag = sent.ETag
		return err
	})
}

func (s *shard) storeParts() []store.Part {
	out := make([]store.Part, 0, len(s.parts))
	for _, sp := range s.spans {
		if p, ok := s.parts[sp.number]; ok {
			out = append(out, storePart(p))
		}
	}
	return out
}

// storePart is a recorded part as stores know it.
func storePart(p manifest.Part) store.Part {
	out := store.Part{Number: p.Number, Offset: p.Offset, Size: p.Size, ETag: p.ETag}
	if p.Unknown&manifest.UnknownCRC64NVME == 0 {
		out.CRC64NVME = store.Hex64(p.CRC64NVME)
	}
	if p.Unknown&manifest.UnknownCRC32C == 0 {
		out.CRC32C = store.Hex32(p.CRC32C)
	}
	return out
}

// record of a part from what its store told of it; Unknown says what it did not tell.
func (sp span) record(told store.Part) manifest.Part {
	p := manifest.Part{Number: sp.number, Offset: sp.offset, Size: sp.bytes(), ETag: told.ETag, Copied: sp.made()}
	var err error
	if p.CRC64NVME, err = store.ParseHex64(told.CRC64NVME); err != nil {
		p.Unknown |= manifest.UnknownCRC64NVME
	}
	if p.CRC32C, err = store.ParseHex32(told.CRC32C); err != nil {
		p.Unknown |= manifest.UnknownCRC32C
	}
	return p
}

// complete makes the object and proves it; proof says how.
func (s *shard) complete(ctx context.Context, sums chunker.Sums) (o store.Object, proof string, err error) {
	parts := s.storeParts()
	left := false
	// A part takes at most 200 bytes of the request that names them all.
	err = s.control(ctx, hopOut, s.it.Path, int64(len(parts))*200, cost.OpWrite, &s.notes, func(ctx context.Context) (err error) {
		crashpoint.Hit(crashpoint.CompleteBefore)
		o, err = s.Dest.CompleteUpload(ctx, *s.t.Upload, parts, store.CompleteOptions{
			Condition: s.it.Condition, Size: s.it.Size, Checksums: checksums(sums), Left: func() { left = true },
		})
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return o, "", errors.Join(fmt.Errorf("%w: the upload of %q is gone from the destination; it starts anew", errStaleCopy, s.it.Key), s.restart())
	}
	crashpoint.Hit(crashpoint.CompleteAfter)
	if err == nil && left {
		// Else its record stays: that is what tells the collector that what is left is ours.
		s.unclean = s.abandonUpload(ctx) != nil
	}
	if err == nil {
		crashpoint.Hit(crashpoint.VerifyBefore)
		o, err = s.prove(ctx, s.it, o, checksums(sums), &s.notes, s.t.Assembly != nil)
	}
	if err == nil && s.t.Assembly == nil {
		return o, "upload", nil
	}
	if err == nil {
		proof, err = s.proveAssembled(ctx, o, checksums(sums))
	}
	if errors.Is(err, store.ErrIntegrity) {
		if s.t.Assembly != nil {
			// The parts that were sent are proven, so it is what the others were copied from.
			err = errors.Join(fmt.Errorf("%w as the manifest has it: what %q was put together from", errStaleCopy, s.it.Key), err, s.distrustSources())
		}
		if s.taken {
			err = errors.Join(fmt.Errorf("%w as they should be: parts of %q that were sent before", errStaleCopy, s.it.Key), err)
		}
		err = errors.Join(err, s.abandon(ctx))
	}
	return o, proof, err
}

func (s *shard) notesAdd(list ...receipt) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range list {
		s.notes.add(p)
	}
}

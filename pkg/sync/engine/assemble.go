package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/sync/plan"
)

// assembly is what a plan says, as the transfer's record keeps it.
func assembly(a *plan.Assembly) *manifest.Assembly {
	if a == nil {
		return nil
	}
	out := &manifest.Assembly{}
	for _, r := range a.From {
		out.From = append(out.From, store.Ref{Key: r.Key, ETag: r.ETag, Version: r.Version})
	}
	for _, part := range a.Parts {
		for i, x := range part.Pieces() {
			p := manifest.Piece{Chunks: x.Count, Glued: i > 0}
			if x.Copied {
				p.From, p.Offset = 1+int(x.From.Object), x.From.Offset
			}
			out.Parts = append(out.Parts, p)
		}
	}
	return out
}

// spansOf lays a recorded assembly over the recipe.
func spansOf(a *manifest.Assembly, recipe *chunker.Recipe) ([]span, error) {
	var spans []span
	wrong := func(n int) ([]span, error) {
		return nil, fmt.Errorf("%w: piece %d of the recorded parts does not fit the recipe", manifest.ErrCorrupt, n+1)
	}
	first, offset := 0, int64(0)
	for n, p := range a.Parts {
		end := first + p.Chunks
		if p.Chunks < 1 || end > len(recipe.Chunks) || p.From < 0 || p.From > len(a.From) || p.Glued && len(spans) == 0 {
			return wrong(n)
		}
		sp := span{number: len(spans) + 1, offset: offset, chunks: recipe.Chunks[first:end]}
		for _, c := range sp.chunks {
			sp.size += c.Length
		}
		if p.From > 0 {
			sp.from, sp.fromOffset = &a.From[p.From-1], p.Offset
		}
		first, offset = end, offset+sp.size
		if !p.Glued {
			spans = append(spans, sp)
			continue
		}
		base := &spans[len(spans)-1]
		sp.number = base.number
		base.tails = append(base.tails, sp)
	}
	if first != len(recipe.Chunks) {
		return wrong(len(a.Parts))
	}
	return spans, nil
}

// copied makes a part from a range of an object that the destination holds, or from a temporary object of several pieces.
func (s *shard) copied(ctx context.Context, sp span) error {
	p := store.PartCopy{Number: sp.number, Offset: sp.offset, Size: sp.bytes()}
	var temporary store.Object
	if len(sp.tails) > 0 {
		var err error
		if temporary, err = s.glue(ctx, sp); err != nil {
			return err
		}
		p.Source = temporary.Ref()
	} else {
		p.Source, p.SourceOffset = *sp.from, sp.fromOffset
	}
	made, err := s.copyPart(ctx, *s.t.Upload, p)
	if err != nil {
		return err
	}
	record := sp.record(made)
	if err := s.settle(func(tx *manifest.Tx) error { return tx.PutPart(s.t.ID, record) }); err != nil {
		return err
	}
	s.mu.Lock()
	s.parts[sp.number] = record
	s.reused += p.Size - sp.sent()
	s.mu.Unlock()
	if len(sp.tails) == 0 {
		return nil
	}
	// The part holds its bytes now. Were the process to end before this, the collector would find the object.
	return s.Dest.Delete(ctx, temporary.Ref())
}

// copyPart pins the source. What is no longer there as it was is forgotten; multi then has the shard planned again.
func (s *shard) copyPart(ctx context.Context, u store.Upload, p store.PartCopy) (made store.Part, err error) {
	err = s.request(ctx, 0, func(ctx context.Context) (err error) {
		made, err = s.Dest.CopyPart(ctx, u, p)
		return err
	})
	if !errors.Is(err, store.ErrChanged) && !errors.Is(err, store.ErrNotFound) {
		return made, err
	}
	o, headErr := s.Dest.Head(ctx, p.Source.Key)
	if headErr == nil && o.ETag == p.Source.ETag {
		return made, fmt.Errorf("%w: the upload of %q; it starts anew: %w", errStaleCopy, s.it.Key, err)
	}
	return made, errors.Join(fmt.Errorf("%w as it was: %q, from which a part of %q was to be copied: %w", errStaleCopy, p.Source.Key, s.it.Key, err),
		s.distrustRef(p.Source, manifest.Changed))
}

// request is control for parts, which run at the same time.
func (s *shard) request(ctx context.Context, payload int64, request func(ctx context.Context) error) error {
	var n notes
	err := s.control(ctx, hopOut, s.it.Path, payload, cost.OpWrite, &n, request)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.notes.merge(n)
	return err
}

// TemporaryPrefix is where a manifest's temporary objects stand, each under the id of its transfer.
func TemporaryPrefix(manifestID string) string { return store.Private + "glue/" + manifestID + "/" }

// cleanUpTime is how long removing what a failed transfer left may take, whatever became of its context.
const cleanUpTime = 30 * time.Second

// glue makes a temporary object of a piece and its tails, one after the other: each object is the one before it and a tail.
func (s *shard) glue(ctx context.Context, sp span) (o store.Object, err error) {
	head := sp
	head.tails = nil
	for i, tail := range sp.tails {
		longer, err := s.glueTwo(ctx, fmt.Sprintf("%s%s/%05d-%d", TemporaryPrefix(s.owner), s.t.ID, sp.number, i+1), head, tail)
		if i > 0 {
			// Whether or not it was used, it is needed no more.
			err = errors.Join(err, s.deleteTemporary(ctx, o))
		}
		if err != nil {
			return o, err
		}
		o = longer
		from := o.Ref()
		head.from, head.fromOffset, head.size = &from, 0, head.size+tail.size
	}
	return o, nil
}

// deleteTemporary removes a temporary object, whatever became of the context. What stays, the collector finds.
func (s *shard) deleteTemporary(ctx context.Context, o store.Object) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUpTime)
	defer cancel()
	return s.Dest.Delete(ctx, o.Ref())
}

// glueTwo makes a temporary object of two pieces. The second, as the last part of its upload, may be of any size.
func (s *shard) glueTwo(ctx context.Context, key string, head, tail span) (o store.Object, err error) {
	size := head.size + tail.size
	var u store.Upload
	err = s.request(ctx, 0, func(ctx context.Context) (err error) {
		u, err = s.Dest.CreateUpload(ctx, key, store.UploadOptions{Size: size, CopiesParts: true})
		return err
	})
	if err != nil {
		return o, err
	}
	defer func() {
		if err != nil {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUpTime)
			defer cancel()
			_ = s.Dest.AbortUpload(ctx, u) // the collector finds what is left
		}
	}()
	list := make([]store.Part, 0, 2)
	at := int64(0)
	for _, piece := range []span{head, tail} {
		part, err := s.gluedPart(ctx, u, piece, len(list)+1, at)
		if err != nil {
			return o, err
		}
		list = append(list, part)
		at += piece.size
	}
	err = s.request(ctx, 400, func(ctx context.Context) (err error) {
		o, err = s.Dest.CompleteUpload(ctx, u, list, store.CompleteOptions{Condition: store.Always(), Size: size})
		return err
	})
	return o, err
}

// gluedPart is one part of a temporary object, at an offset in it.
func (s *shard) gluedPart(ctx context.Context, u store.Upload, piece span, number int, at int64) (part store.Part, err error) {
	if piece.from != nil {
		return s.copyPart(ctx, u, store.PartCopy{Number: number, Offset: at, Size: piece.size, Source: *piece.from, SourceOffset: piece.fromOffset})
	}
	buf, err := s.mem.get(ctx, piece.size)
	if err != nil {
		return part, err
	}
	defer s.mem.put(buf)
	in, sums, err := s.readPart(ctx, piece, buf)
	if err != nil {
		return part, err
	}
	s.notesAdd(in...)
	out, err := s.pay(ctx, hopOut, s.crossing(hopOut, s.it.Path, piece.size, cost.OpWrite, 1), func(ctx context.Context) (err error) {
		part, err = s.Dest.UploadPart(ctx, u, store.PartInput{
			Number: number, Offset: at, Data: buf, CRC64NVME: sums.CRC64NVME, CRC32C: sums.CRC32C,
		})
		return err
	})
	if err != nil {
		return part, errors.Join(err, s.settleHeld(in...))
	}
	s.notesAdd(out)
	s.mu.Lock()
	s.moved += piece.size
	s.mu.Unlock()
	s.observe(Event{Kind: BytesMoved, Path: s.it.Path, Way: string(s.it.Way), Bytes: piece.size})
	return part, s.settleHeld(append(in, out)...)
}

// proveAssembled proves a finished object of which some bytes never passed us: by its full checksum, by what the service
// told of every part where it completes exactly those, or by reading it.
func (s *shard) proveAssembled(ctx context.Context, o store.Object, want store.Checksums) (proof string, err error) {
	if o.Checksums.Compare(want) == store.Equal || s.partsProve(want) {
		return "assembled", nil
	}
	err = s.compare(ctx, s.it, o, &s.notes)
	if !errors.Is(err, ErrForeign) {
		return "read", err
	}
	// What it was put together from is not what the manifest says. None of it is used again before it is verified.
	err = fmt.Errorf("%w: %q was put together from other bytes than the manifest claims; it was removed again", errStaleCopy, s.it.Key)
	return "", errors.Join(err, s.distrustSources(), s.Dest.Delete(ctx, o.Ref()))
}

// partsProve combines the checksums that the service told of the parts.
func (s *shard) partsProve(want store.Checksums) bool {
	if !s.Dest.Capabilities().PartsProveObject {
		return false
	}
	var crc uint64
	for _, sp := range s.spans {
		p, ok := s.parts[sp.number]
		if !ok || p.Unknown&manifest.UnknownCRC64NVME != 0 {
			return false
		}
		crc = chunker.Combine64(crc, p.CRC64NVME, p.Size)
	}
	return want.CRC64NVME == store.Hex64(crc)
}

// distrustSources has the next plan do without everything that ranges were copied from. The pins held, so that the bytes of one
// of them are not those that were proven once.
func (s *shard) distrustSources() (err error) {
	for _, from := range s.t.Assembly.From {
		err = errors.Join(err, s.mark(from.Key, manifest.Suspect))
	}
	return err
}

// abandonUpload removes an upload that is not needed any more.
func (s *shard) abandonUpload(ctx context.Context) error {
	if s.t.Upload == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUpTime)
	defer cancel()
	return s.Dest.AbortUpload(ctx, *s.t.Upload)
}

// abandon removes the upload and its record, so that the shard can be planned anew.
func (s *shard) abandon(ctx context.Context) error {
	if s.t.Upload == nil {
		return nil
	}
	// The record goes last: until then it is what says that the upload is ours.
	if err := s.abandonUpload(ctx); err != nil {
		return err
	}
	return s.restart()
}

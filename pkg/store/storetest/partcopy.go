package storetest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"github.com/datagravity/datagravity/pkg/store"
)

var partCopyCases = []Case{
	{"part-copy-unsupported", partCopyUnsupported},
	{"part-copy-assembles", ifCopiesParts(partCopyAssembles)},
	{"part-copy-onto-its-source", ifCopiesParts(partCopyOntoItsSource)},
	{"part-copy-pinned", ifCopiesParts(partCopyPinned)},
	{"part-copy-past-the-end", ifCopiesParts(partCopyPastTheEnd)},
	{"part-copy-resumed", ifCopiesParts(partCopyResumed)},
	{"part-copy-repeated", ifCopiesParts(partCopyRepeated)},
}

// ifCopiesParts runs a case where there is something to try; where not, partCopyUnsupported makes sure that it is said.
func ifCopiesParts(f func(context.Context, *Env) error) func(context.Context, *Env) error {
	return func(ctx context.Context, e *Env) error {
		if !e.Store.Capabilities().CopiesParts {
			return nil
		}
		return f(ctx, e)
	}
}

// assembly is an upload of three parts whose first and last are ranges of a source; the middle one is sent.
type assembly struct {
	body   []byte
	source store.Object
	copies [2]store.PartCopy
	sent   store.PartInput
	u      store.Upload
}

// sourceAt is where in the source the first part stands: odd, so that nothing aligns.
const sourceAt = 777

func (e *Env) assemble(ctx context.Context, key, from string) (a assembly, err error) {
	n := e.partBytes()
	body := e.body(from, 3)
	held := bytes.Join([][]byte{e.data("before "+from, sourceAt), body[:n], e.data("between "+from, 99), body[2*n:]}, nil)
	if a.source, err = e.put(ctx, e.key(from), held); err != nil {
		return a, err
	}
	a.body = body
	a.u, err = e.Store.CreateUpload(ctx, e.key(key), store.UploadOptions{Size: int64(len(body)), CopiesParts: true})
	if err != nil {
		return a, fmt.Errorf("create upload: %w", err)
	}
	if !a.u.CopiesParts {
		return a, fmt.Errorf("create upload: %+v does not say that parts are copied", a.u)
	}
	a.copies = [2]store.PartCopy{
		{Number: 1, Offset: 0, Size: n, Source: a.source.Ref(), SourceOffset: sourceAt},
		{Number: 3, Offset: 2 * n, Size: tailBytes, Source: a.source.Ref(), SourceOffset: sourceAt + n + 99},
	}
	a.sent = e.input(body, 2)
	return a, nil
}

// copyPart copies one, and compares what the store tells of it.
func (e *Env) copyPart(ctx context.Context, a assembly, p store.PartCopy) (store.Part, error) {
	made, err := e.Store.CopyPart(ctx, a.u, p)
	if err == nil {
		err = checkPart(made, partInput(p.Number, p.Offset, a.body[p.Offset:p.Offset+p.Size]))
	}
	if err != nil {
		return made, fmt.Errorf("copy of part %d: %w", p.Number, err)
	}
	return made, nil
}

// completed finishes an assembly, and compares the bytes; checksums only where the store promises them.
func (e *Env) completed(ctx context.Context, a assembly, parts []store.Part, c store.Condition) error {
	o := completion(a.body)
	o.Condition = c
	made, err := e.Store.CompleteUpload(ctx, a.u, parts, o)
	if err != nil {
		return fmt.Errorf("complete: %w", err)
	}
	caps := e.Store.Capabilities()
	if made.Checksums.Compare(sums(a.body)) != store.Equal && caps.AssembledChecksums {
		err := fmt.Errorf("complete: the checksums %+v do not prove the object", made.Checksums)
		if err := e.unless(ObjectChecksumsMissing, err); err != nil {
			return err
		}
	}
	for _, p := range parts {
		if caps.PartsProveObject && p.CRC64NVME == "" {
			e.note("the service tells no checksum of a copied part, so that such an object must be read to be proven")
		}
	}
	return e.holds(ctx, a.u.Key, a.body)
}

func partCopyUnsupported(ctx context.Context, e *Env) error {
	if e.Store.Capabilities().CopiesParts {
		return nil
	}
	o, err := e.put(ctx, e.key("from"), e.data("from", 10))
	if err != nil {
		return err
	}
	u, err := e.create(ctx, e.key("to"), 10)
	if err != nil {
		return err
	}
	_, err = e.Store.CopyPart(ctx, u, store.PartCopy{Number: 1, Size: 10, Source: o.Ref()})
	return refused("copy of a part in a store that cannot", err, store.ErrUnsupported)
}

func partCopyAssembles(ctx context.Context, e *Env) error {
	a, err := e.assemble(ctx, "assembled", "source")
	if err != nil {
		return err
	}
	last, err := e.copyPart(ctx, a, a.copies[1])
	if err != nil {
		return err
	}
	middle, err := e.Store.UploadPart(ctx, a.u, a.sent)
	if err != nil {
		return fmt.Errorf("part beside copied ones: %w", err)
	}
	if err := checkPart(middle, a.sent); err != nil {
		return err
	}
	first, err := e.copyPart(ctx, a, a.copies[0])
	if err != nil {
		return err
	}
	return e.completed(ctx, a, []store.Part{first, middle, last}, store.IfAbsent())
}

// partCopyOntoItsSource replaces the object that the ranges come from.
func partCopyOntoItsSource(ctx context.Context, e *Env) error {
	a, err := e.assemble(ctx, "source", "source")
	if err != nil {
		return err
	}
	middle, err := e.Store.UploadPart(ctx, a.u, a.sent)
	if err != nil {
		return err
	}
	parts := []store.Part{{}, middle, {}}
	for _, p := range a.copies {
		if parts[p.Number-1], err = e.copyPart(ctx, a, p); err != nil {
			return err
		}
	}
	return e.completed(ctx, a, parts, store.IfMatch(a.source.ETag))
}

func partCopyPinned(ctx context.Context, e *Env) error {
	a, err := e.assemble(ctx, "to", "source")
	if err != nil {
		return err
	}
	unpinned, absent := a.copies[0], a.copies[0]
	unpinned.Source = store.Ref{Key: a.source.Key}
	_, err = e.Store.CopyPart(ctx, a.u, unpinned)
	if err := refused("copy from a source that is not pinned", err); err != nil {
		return err
	}
	absent.Source.Key = e.key("absent")
	_, err = e.Store.CopyPart(ctx, a.u, absent)
	if err := refused("copy from an absent source", err, store.ErrNotFound, store.ErrChanged); err != nil {
		return err
	}
	other := e.data("other", a.source.Size)
	now, err := e.Store.Put(ctx, a.source.Key, other, matching(a.source.ETag, other))
	if err != nil {
		return fmt.Errorf("put if-match: %w", err)
	}
	if a.source.Version != "" {
		// The pinned version is still there to copy from. Without its name only the ETag pins.
		a.copies[0].Source.Version = ""
	}
	_, err = e.Store.CopyPart(ctx, a.u, a.copies[0])
	if err := e.unless(PartCopyIgnoresPin, refused("copy from a replaced source", err, store.ErrChanged, store.ErrNotFound)); err != nil {
		return err
	}
	// The upload is as usable as before.
	held := bytes.Join([][]byte{other[:sourceAt], a.body[:e.partBytes()], other[:99], a.body[2*e.partBytes():]}, nil)
	if now, err = e.Store.Put(ctx, now.Key, held, matching(now.ETag, held)); err != nil {
		return fmt.Errorf("put if-match: %w", err)
	}
	parts := make([]store.Part, 3)
	if parts[1], err = e.Store.UploadPart(ctx, a.u, a.sent); err != nil {
		return err
	}
	for _, p := range a.copies {
		p.Source = now.Ref()
		if parts[p.Number-1], err = e.copyPart(ctx, a, p); err != nil {
			return fmt.Errorf("after refusals: %w", err)
		}
	}
	return e.completed(ctx, a, parts, store.IfAbsent())
}

func partCopyPastTheEnd(ctx context.Context, e *Env) error {
	a, err := e.assemble(ctx, "to", "source")
	if err != nil {
		return err
	}
	for _, off := range []int64{a.source.Size - a.copies[0].Size + 1, a.source.Size} {
		p := a.copies[0]
		p.SourceOffset = off
		short, err := e.Store.CopyPart(ctx, a.u, p)
		what := fmt.Sprintf("copy of %d bytes from byte %d of %d", p.Size, off, a.source.Size)
		if err := e.unless(PartCopyClampsRange, refused(what, err)); err != nil {
			return err
		}
		if err != nil {
			continue
		}
		// Then at least no object is made of it.
		o := completion(a.body[:p.Size])
		o.Checksums = store.Checksums{}
		_, err = e.Store.CompleteUpload(ctx, a.u, []store.Part{short}, o)
		if err := refused("complete after a "+what, err); err != nil {
			return err
		}
		return e.gone(ctx, a.u.Key)
	}
	return nil
}

// partCopyResumed goes on as another process would; what the store does not confirm is copied again.
func partCopyResumed(ctx context.Context, e *Env) error {
	a, err := e.assemble(ctx, "to", "source")
	if err != nil {
		return err
	}
	first, err := e.copyPart(ctx, a, a.copies[0])
	if err != nil {
		return err
	}
	middle, err := e.Store.UploadPart(ctx, a.u, a.sent)
	if err != nil {
		return err
	}
	text, err := json.Marshal(a.u)
	if err != nil {
		return err
	}
	a.u = store.Upload{}
	if err := json.Unmarshal(text, &a.u); err != nil {
		return err
	}
	held, err := e.Store.ListParts(ctx, a.u, []store.Part{first, middle})
	if err != nil {
		return fmt.Errorf("list parts: %w", err)
	}
	parts := make([]store.Part, 3)
	for _, p := range held {
		if p.Number < 1 || p.Number > 2 {
			return fmt.Errorf("list parts: part %d was never made", p.Number)
		}
		off := int64(p.Number-1) * e.partBytes()
		if err := checkPart(p, partInput(p.Number, off, a.body[off:off+e.partBytes()])); err != nil {
			return fmt.Errorf("list parts: %w", err)
		}
		parts[p.Number-1] = p
	}
	if parts[1].Number == 0 {
		return fmt.Errorf("list parts: the part that was sent is not there: %+v", held)
	}
	// A store that cannot list confirms parts by their checksums, and a copied one may have none.
	if parts[0].Number == 0 && e.Store.Capabilities().ListsParts {
		return fmt.Errorf("list parts: the part that was copied is not there: %+v", held)
	}
	for _, p := range a.copies {
		if parts[p.Number-1].Number != 0 {
			continue
		}
		if parts[p.Number-1], err = e.copyPart(ctx, a, p); err != nil {
			return err
		}
	}
	return e.completed(ctx, a, parts, store.IfAbsent())
}

// partCopyRepeated makes a part twice, from the wrong place first; the one that is named counts.
func partCopyRepeated(ctx context.Context, e *Env) error {
	a, err := e.assemble(ctx, "to", "source")
	if err != nil {
		return err
	}
	wrong := a.copies[0]
	wrong.SourceOffset = 0
	if _, err := e.Store.CopyPart(ctx, a.u, wrong); err != nil {
		return fmt.Errorf("copy of part 1: %w", err)
	}
	parts := make([]store.Part, 3)
	if parts[1], err = e.Store.UploadPart(ctx, a.u, a.sent); err != nil {
		return err
	}
	for range 2 {
		for _, p := range a.copies {
			if parts[p.Number-1], err = e.copyPart(ctx, a, p); err != nil {
				return fmt.Errorf("once more: %w", err)
			}
		}
	}
	held, err := e.Store.ListParts(ctx, a.u, parts)
	if err != nil {
		return fmt.Errorf("list parts: %w", err)
	}
	if len(held) != len(parts) && e.Store.Capabilities().ListsParts {
		return fmt.Errorf("list parts: %d parts after each was made again, want %d: %+v", len(held), len(parts), held)
	}
	return e.completed(ctx, a, parts, store.IfAbsent())
}

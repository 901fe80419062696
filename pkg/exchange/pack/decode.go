package pack

import (
	"fmt"
	"sync"

	"github.com/klauspost/compress/zstd"

	"github.com/datagravity/datagravity/pkg/chunker"
)

// madeWrong is what to do where the stored bytes are those that were packed.
const madeWrong = "the pack was made wrong, fetch its chunks without it"

// OldFunc returns the bytes of a chunk that the destination has, length of them. They are only read, and not kept beyond the
// call of Decode.
type OldFunc func(d chunker.Digest, length int64) ([]byte, error)

// BaseError is that an old chunk which a frame needs could not be had, or has other bytes than it should. The pack is not to blame;
// the frame's chunks must be had without it.
type BaseError struct {
	Old   Reference
	Cause error
}

func (e *BaseError) Error() string {
	return fmt.Sprintf("old chunk %s of %d bytes, which a pack builds on: %v; fetch the new chunks without the pack", e.Old.Digest, e.Old.Length, e.Cause)
}

// Unwrap is the cause.
func (e *BaseError) Unwrap() error { return e.Cause }

// Decode takes a frame's stored bytes apart and calls f for each of its chunks in order, each proven to have its digest. data
// is valid during the call only. All chunks are proven before the first call. old may be nil if the frame is not a Delta.
//
// Errors are f's, as they are; a *[BaseError]; and everything else with [ErrPack] as its cause. It uses at most 16 MiB and what
// old returns.
func (p *Pack) Decode(frame int, stored []byte, old OldFunc, f func(e Entry, data []byte) error) error {
	if frame < 0 || frame >= len(p.Frames) {
		return fmt.Errorf("pack: frame %d of %d", frame, len(p.Frames))
	}
	fr := &p.Frames[frame]
	if int64(len(stored)) != fr.StoredBytes {
		return damaged("frame %d has %d stored bytes, not %d; fetch bytes %d to %d of the pack again", frame, fr.StoredBytes, len(stored), fr.Offset, fr.End())
	}
	if chunker.CRC32C(stored) != fr.CRC32C {
		return damaged("frame %d has other stored bytes than it should; fetch bytes %d to %d of the pack again", frame, fr.Offset, fr.End())
	}
	d := decompressors.Get().(*decompressor)
	defer decompressors.Put(d)
	content, err := d.content(fr, stored, old)
	if err != nil {
		return fmt.Errorf("frame %d: %w", frame, err)
	}
	entries := p.Entries[fr.First:][:fr.Count]
	for _, e := range entries {
		if chunker.Sum(content[e.Offset:][:e.Length]) != e.Digest {
			return fmt.Errorf("frame %d: %w", frame, d.blame(fr, damaged("chunk %s has other bytes; %s", e.Digest, madeWrong)))
		}
	}
	for _, e := range entries {
		if err := f(e, content[e.Offset:][:e.Length:e.Length]); err != nil {
			return err
		}
	}
	return nil
}

// decompressors are kept: making one costs more than decoding a frame does.
var decompressors = sync.Pool{New: func() any {
	z, err := zstd.NewReader(nil,
		zstd.WithDecoderConcurrency(1),                    // DecodeAll starts no goroutines
		zstd.WithDecoderMaxMemory(uint64(maxWindowBytes)), // not below the window; checkZstd holds content to less
		zstd.WithDecoderMaxWindow(uint64(maxWindowBytes)),
	)
	return &decompressor{zstd: z, err: err}
}}

// decompressor decodes one frame at a time.
type decompressor struct {
	zstd *zstd.Decoder
	err  error // of making it: our options are at fault
	out  []byte
	base []byte
}

// content is the decoded frame, unproven, valid until the next call.
func (d *decompressor) content(f *Frame, stored []byte, old OldFunc) ([]byte, error) {
	if d.err != nil {
		return nil, d.err
	}
	if f.Encoding == Raw {
		return stored, nil
	}
	if err := checkZstd(stored, f.ContentBytes); err != nil {
		return nil, err
	}
	dictionary := zstd.WithDecoderDictDelete()
	if f.Encoding == Delta {
		if err := d.fetch(f.Base, old); err != nil {
			return nil, err
		}
		dictionary = zstd.WithDecoderDictRaw(0, d.base)
	}
	if err := d.zstd.ResetWithOptions(nil, dictionary); err != nil {
		return nil, err
	}
	// The library copies by 16 bytes at a time where there is room behind the end. It keeps to the size in the frame's header, which
	// is ContentBytes as checkZstd saw, and so never has to grow this.
	if int64(cap(d.out)) < f.ContentBytes+16 {
		d.out = make([]byte, f.ContentBytes+16)
	}
	content, err := d.zstd.DecodeAll(stored, d.out[:0])
	switch {
	case err != nil:
		return nil, d.blame(f, damaged("zstd: %v; %s", err, madeWrong))
	case int64(len(content)) != f.ContentBytes:
		return nil, d.blame(f, damaged("it has %d bytes, not %d; %s", len(content), f.ContentBytes, madeWrong))
	}
	return content, nil
}

// fetch puts the bytes of the old chunks one after another.
func (d *decompressor) fetch(base []Reference, old OldFunc) error {
	d.base = d.base[:0]
	for _, r := range base {
		if old == nil {
			return &BaseError{r, fmt.Errorf("there are no old chunks here")}
		}
		data, err := old(r.Digest, r.Length)
		if err == nil && int64(len(data)) != r.Length {
			err = fmt.Errorf("it has %d bytes here", len(data))
		}
		if err != nil {
			return &BaseError{r, err}
		}
		d.base = append(d.base, data...)
	}
	return nil
}

// blame tells why a frame has other bytes than it should: the base is proven only now, because where every new chunk has its
// digest the base was right.
func (d *decompressor) blame(f *Frame, otherwise error) error {
	base := d.base
	for _, r := range f.Base {
		if chunker.Sum(base[:r.Length]) != r.Digest {
			return &BaseError{r, fmt.Errorf("it has other bytes here")}
		}
		base = base[r.Length:]
	}
	return otherwise
}

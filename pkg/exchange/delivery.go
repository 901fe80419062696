package exchange

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/store"
)

const (
	// maxChunkPackBytes is the most that package pack reads.
	maxChunkPackBytes = 1 << 30
	rangesHint        = "fetch its chunks by ranges of the shards"
)

// PackRef names a pack of chunks: the BLAKE3 of its bytes, and how many these are, 1 to 1 GiB.
type PackRef struct {
	Digest chunker.Digest `json:"digest"`
	Bytes  int64          `json:"bytes"`
}

func (p PackRef) check() error {
	if p.Digest.IsZero() || p.Bytes < 1 || p.Bytes > maxChunkPackBytes {
		return fmt.Errorf("pack %s of %d bytes is none; one has 1 to %d", p.Digest, p.Bytes, maxChunkPackBytes)
	}
	return nil
}

// PutPack writes a pack for a want. If it is there already, in its full size, nothing is written. Errors: the store's.
func PutPack(ctx context.Context, w Writer, edge, id string, data []byte) (PackRef, error) {
	c, p := corner{edge, id}, PackRef{Digest: chunker.Sum(data), Bytes: int64(len(data))}
	if err := errors.Join(c.check(), p.check()); err != nil {
		return PackRef{}, fmt.Errorf("write a pack: %w", err)
	}
	key := c.packKey(p.Digest)
	o, err := w.Head(ctx, key)
	if err == nil && o.Size == p.Bytes {
		return p, nil
	}
	if err == nil || errors.Is(err, store.ErrNotFound) {
		err = put(ctx, w, key, data, binaryType, store.Always()) // whoever else writes it writes the same
	}
	if err != nil {
		return PackRef{}, fmt.Errorf("write a pack for %s: %w", c, err)
	}
	return p, nil
}

// ReadPack copies a pack of an answer to a writer, in ranges of at most 8 MiB of the object as it was when reading began. Only when it
// returns nil is what was written the pack: before, and with an error, it is not proven. Errors: the store's, those of the writer, and
// [ErrBad] if the pack is gone, was replaced while it was read, or is not what p names.
func ReadPack(ctx context.Context, r Reader, edge, id string, p PackRef, to io.Writer) error {
	c := corner{edge, id}
	if err := errors.Join(c.check(), p.check()); err != nil {
		return fmt.Errorf("read a pack: %w", err)
	}
	if err := readChunkPack(ctx, r, c.packKey(p.Digest), p, to); err != nil {
		return fmt.Errorf("read a pack for %s: %w", c, err)
	}
	return nil
}

func readChunkPack(ctx context.Context, r Reader, key string, p PackRef, to io.Writer) error {
	o, err := r.Head(ctx, key)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return bad(key, rangesHint, "it is gone")
	case err != nil:
		return err
	case o.Size != p.Bytes:
		return bad(key, rangesHint, "it has %d bytes, and the answer says %d", o.Size, p.Bytes)
	}
	h := chunker.NewHasher()
	buf := make([]byte, min(o.Size, readAtOnce))
	for at := int64(0); at < o.Size; at += int64(len(buf)) {
		buf = buf[:min(o.Size-at, readAtOnce)]
		err := r.ReadRange(ctx, o.Ref(), at, buf)
		if replaced(err) {
			return bad(key, rangesHint, "it was replaced while it was read: %w", err)
		}
		if err != nil {
			return err
		}
		_, _ = h.Write(buf) // never fails
		if _, err := to.Write(buf); err != nil {
			return err
		}
	}
	if h.Digest() != p.Digest {
		return bad(key, rangesHint, "it is not what its digest names, it is damaged")
	}
	return nil
}

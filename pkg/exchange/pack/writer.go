package pack

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/zeebo/blake3"

	"github.com/datagravity/datagravity/pkg/chunker"
)

// DefaultPackBytes is what a pack grows to: large enough that requests cost little, small enough to be made in memory.
const DefaultPackBytes int64 = 64 << 20

// ErrEmpty: a pack has at least one frame.
var ErrEmpty = errors.New("pack: nothing was added")

// Totals are what a pack holds.
type Totals struct {
	Chunks       int64
	ContentBytes int64 // of the chunks
	StoredBytes  int64 // of the frames
	PackBytes    int64 // of all
	ByEncoding   [encodings]EncodingTotals
}

// EncodingTotals are those of the frames with one [Encoding], which is the index.
type EncodingTotals struct {
	Frames, Chunks, ContentBytes, StoredBytes int64
}

// Writer collects frames until the pack is full. It is for one goroutine, and keeps the frames until [Writer.Reset].
type Writer struct {
	maxBytes int64
	frames   []Encoded
	olds     int64
	totals   Totals
}

// NewWriter makes packs of at most maxBytes, unless one frame alone is longer; 0 is [DefaultPackBytes], and more than
// [MaxPackBytes] is that.
func NewWriter(maxBytes int64) *Writer {
	if maxBytes <= 0 {
		maxBytes = DefaultPackBytes
	}
	w := &Writer{maxBytes: min(maxBytes, MaxPackBytes)}
	w.Reset()
	return w
}

// Reset begins another pack.
func (w *Writer) Reset() {
	w.frames, w.olds = nil, 0
	w.totals = Totals{PackBytes: PrefixBytes + tableDigestBytes}
}

// Add appends a frame and keeps it. It tells false, and adds nothing, if the pack is full: then write it, and add the frame to
// the next one. The first frame always fits.
func (w *Writer) Add(f Encoded) bool {
	content, stored, chunks := f.ContentBytes(), int64(len(f.Stored)), int64(len(f.Chunks))
	more := f.tableBytes() + stored
	full := w.totals.PackBytes+more > w.maxBytes || w.totals.Chunks+chunks > maxReferences || w.olds+int64(len(f.Base)) > maxReferences
	if full && len(w.frames) > 0 {
		return false
	}
	w.frames = append(w.frames, f)
	w.olds += int64(len(f.Base))
	t, e := &w.totals, &w.totals.ByEncoding[f.Encoding]
	t.Chunks, e.Chunks = t.Chunks+chunks, e.Chunks+chunks
	t.ContentBytes, e.ContentBytes = t.ContentBytes+content, e.ContentBytes+content
	t.StoredBytes, e.StoredBytes = t.StoredBytes+stored, e.StoredBytes+stored
	t.PackBytes += more
	e.Frames++
	return true
}

// Totals are those of the frames so far.
func (w *Writer) Totals() Totals { return w.totals }

// WriteTo writes the pack. It may be called again, and writes the same. It fails with [ErrEmpty] or as to does.
func (w *Writer) WriteTo(to io.Writer) (int64, error) {
	if len(w.frames) == 0 {
		return 0, ErrEmpty
	}
	n, err := to.Write(appendTables(nil, w.frames))
	written := int64(n)
	for i := 0; err == nil && i < len(w.frames); i++ {
		n, err = to.Write(w.frames[i].Stored)
		written += int64(n)
	}
	if err != nil {
		return written, fmt.Errorf("pack: write: %w", err)
	}
	return written, nil
}

// Bytes is the pack in one piece. It fails with [ErrEmpty].
func (w *Writer) Bytes() ([]byte, error) {
	var b bytes.Buffer
	b.Grow(int(w.totals.PackBytes))
	_, err := w.WriteTo(&b)
	return b.Bytes(), err
}

// Name is the BLAKE3 of the pack's bytes. It fails with [ErrEmpty].
func (w *Writer) Name() (chunker.Digest, error) {
	h := blake3.New()
	if _, err := w.WriteTo(h); err != nil {
		return chunker.Digest{}, err
	}
	return chunker.Digest(h.Sum(nil)), nil
}

package pack

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/datagravity/datagravity/pkg/chunker"
)

// Version 1; docs/format.md has every byte.
const (
	magic = "dgpackv1"

	// PrefixBytes are what [TablesBytes] needs.
	PrefixBytes       = int64(len(magic) + 3*4)
	frameRowBytes     = 6 * 4
	referenceRowBytes = 32 + 4
	tableDigestBytes  = 32

	// MaxFrameBytes bounds the content of a frame, and its base.
	MaxFrameBytes int64 = 8 << 20
	// MaxPackBytes bounds a whole pack.
	MaxPackBytes int64 = 1 << 30
	// maxReferences bounds entries, and old chunks: tables are at most 24 MB. 64 MiB of raw chunks of 1 KiB, the smallest that plain-v1 makes,
	// are 65,536.
	maxReferences = 1 << 18
	// maxWindowBytes bounds zstd's window: from the end of the longest content to the beginning of the longest base.
	maxWindowBytes = 2 * MaxFrameBytes
)

// ErrPack is the cause of every failure that a pack's bytes are to blame for.
var ErrPack = errors.New("not a usable pack")

func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrPack, fmt.Sprintf(format, args...))
}

// counts are the three numbers of the prefix.
type counts struct{ frames, entries, olds int64 }

func (c counts) tablesBytes() int64 {
	return PrefixBytes + frameRowBytes*c.frames + referenceRowBytes*(c.entries+c.olds) + tableDigestBytes
}

func readPrefix(b []byte) (counts, error) {
	if len(b) >= len(magic) && string(b[:len(magic)]) != magic {
		if string(b[:len(magic)-1]) == magic[:len(magic)-1] {
			return counts{}, damaged("format %q, this datagravity reads %q; upgrade datagravity", b[:len(magic)], magic)
		}
		return counts{}, damaged("it does not begin with %q", magic)
	}
	if int64(len(b)) < PrefixBytes {
		return counts{}, damaged("%d bytes are too few; read at least %d", len(b), PrefixBytes)
	}
	le := binary.LittleEndian
	c := counts{int64(le.Uint32(b[8:])), int64(le.Uint32(b[12:])), int64(le.Uint32(b[16:]))}
	switch {
	case c.frames < 1 || c.frames > c.entries:
		return counts{}, damaged("%d frames for %d chunks", c.frames, c.entries)
	case c.entries > maxReferences || c.olds > maxReferences:
		return counts{}, damaged("%d chunks and %d old ones, the most is %d", c.entries, c.olds, maxReferences)
	}
	return c, nil
}

// TablesBytes tells from a pack's first [PrefixBytes] how many bytes of it, from the first, [Open] needs: less than 24 MB.
// Errors have [ErrPack] as their cause.
func TablesBytes(prefix []byte) (int64, error) {
	c, err := readPrefix(prefix)
	if err != nil {
		return 0, err
	}
	return c.tablesBytes(), nil
}

// appendTables writes prefix and tables.
func appendTables(b []byte, frames []Encoded) []byte {
	start, le := len(b), binary.LittleEndian
	var entries, olds uint32
	for i := range frames {
		entries, olds = entries+uint32(len(frames[i].Chunks)), olds+uint32(len(frames[i].Base))
	}
	b = append(b, magic...)
	b = le.AppendUint32(b, uint32(len(frames)))
	b = le.AppendUint32(b, entries)
	b = le.AppendUint32(b, olds)
	for i := range frames {
		f := &frames[i]
		b = le.AppendUint32(b, uint32(f.Encoding))
		b = le.AppendUint32(b, uint32(len(f.Stored)))
		b = le.AppendUint32(b, chunker.CRC32C(f.Stored))
		b = le.AppendUint32(b, uint32(f.ContentBytes()))
		b = le.AppendUint32(b, uint32(len(f.Chunks)))
		b = le.AppendUint32(b, uint32(len(f.Base)))
	}
	for i := range frames {
		b = appendReferences(b, frames[i].Chunks)
	}
	for i := range frames {
		b = appendReferences(b, frames[i].Base)
	}
	digest := chunker.Sum(b[start:])
	return append(b, digest[:]...)
}

func appendReferences(b []byte, list []Reference) []byte {
	for _, r := range list {
		b = append(b, r.Digest[:]...)
		b = binary.LittleEndian.AppendUint32(b, uint32(r.Length))
	}
	return b
}

func readReference(row []byte) Reference {
	return Reference{chunker.Digest(row), int64(binary.LittleEndian.Uint32(row[32:]))}
}

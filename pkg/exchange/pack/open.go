package pack

import (
	"encoding/binary"

	"github.com/datagravity/datagravity/pkg/chunker"
)

// Pack is what the tables of a pack say. It is not changed by any method and serves any number of goroutines.
type Pack struct {
	Frames  []Frame
	Entries []Entry // in the order of their frames and within these
	// Bytes is the size of the whole pack: an object of another size was cut short, or is another.
	Bytes int64
}

// Frame is one that can be fetched and decoded by itself.
type Frame struct {
	Encoding     Encoding
	Offset       int64 // of its first stored byte in the pack
	StoredBytes  int64
	CRC32C       uint32 // of the stored bytes
	ContentBytes int64
	// Its chunks are Count entries from index First.
	First, Count int
	Base         []Reference // of a Delta only
}

// End is the offset of the first byte after the frame.
func (f Frame) End() int64 { return f.Offset + f.StoredBytes }

// Entry is a chunk in a pack.
type Entry struct {
	Reference
	Frame  int
	Offset int64 // in the frame's content
}

// Open reads prefix and tables from a pack's first bytes, at least [TablesBytes] of them; what follows is not looked at. b is
// not kept. Errors have [ErrPack] as their cause.
func Open(b []byte) (*Pack, error) {
	c, err := readPrefix(b)
	if err != nil {
		return nil, err
	}
	if int64(len(b)) < c.tablesBytes() {
		return nil, damaged("%d bytes do not hold its tables of %d; read more of it, or fetch it again if there is no more", len(b), c.tablesBytes())
	}
	b = b[:c.tablesBytes()]
	body := b[:len(b)-tableDigestBytes]
	if chunker.Sum(body) != chunker.Digest(b[len(body):]) {
		return nil, damaged("the digest of its tables does not match, it is damaged; fetch it again")
	}
	t := tables{
		frames:  body[PrefixBytes:][:frameRowBytes*c.frames],
		entries: body[PrefixBytes+frameRowBytes*c.frames:][:referenceRowBytes*c.entries],
		olds:    body[PrefixBytes+frameRowBytes*c.frames+referenceRowBytes*c.entries:],
	}
	p := &Pack{Frames: make([]Frame, 0, c.frames), Entries: make([]Entry, 0, c.entries), Bytes: c.tablesBytes()}
	for range c.frames {
		if err := t.frame(p); err != nil {
			return nil, err
		}
	}
	switch {
	case len(t.entries)+len(t.olds) > 0:
		return nil, damaged("%d bytes of its tables belong to no frame", len(t.entries)+len(t.olds))
	case p.Bytes > MaxPackBytes:
		return nil, damaged("%d bytes, the most is %d", p.Bytes, MaxPackBytes)
	}
	return p, nil
}

// tables are what is left of each.
type tables struct{ frames, entries, olds []byte }

// frame takes the next one, with its entries and its base.
func (t *tables) frame(p *Pack) error {
	le, row, number := binary.LittleEndian, t.frames[:frameRowBytes], len(p.Frames)
	t.frames = t.frames[frameRowBytes:]
	f := Frame{
		Encoding:     Encoding(le.Uint32(row)),
		Offset:       p.Bytes,
		StoredBytes:  int64(le.Uint32(row[4:])),
		CRC32C:       le.Uint32(row[8:]),
		ContentBytes: int64(le.Uint32(row[12:])),
		First:        len(p.Entries),
	}
	count, olds := int64(le.Uint32(row[16:])), int64(le.Uint32(row[20:]))
	switch {
	case f.Encoding >= encodings:
		return damaged("frame %d has %s, which this version does not know; upgrade datagravity", number, f.Encoding)
	case f.ContentBytes < 1 || f.ContentBytes > MaxFrameBytes:
		return damaged("frame %d has %d bytes, the most is %d", number, f.ContentBytes, MaxFrameBytes)
	case f.Encoding == Raw && f.StoredBytes != f.ContentBytes:
		return damaged("frame %d has %d bytes and stores %d of them raw", number, f.ContentBytes, f.StoredBytes)
	case f.Encoding != Raw && (f.StoredBytes < 1 || f.StoredBytes >= f.ContentBytes):
		return damaged("frame %d has %d bytes, and %d when compressed", number, f.ContentBytes, f.StoredBytes)
	case count < 1 || referenceRowBytes*count > int64(len(t.entries)):
		return damaged("frame %d has %d chunks, %d are left", number, count, len(t.entries)/referenceRowBytes)
	case referenceRowBytes*olds > int64(len(t.olds)):
		return damaged("frame %d has a base of %d chunks, %d are left", number, olds, len(t.olds)/referenceRowBytes)
	case (olds > 0) != (f.Encoding == Delta):
		return damaged("frame %d is %s and has a base of %d chunks", number, f.Encoding, olds)
	}
	f.Count = int(count)
	var at, base int64
	for ; count > 0; count, t.entries = count-1, t.entries[referenceRowBytes:] {
		e := Entry{Reference: readReference(t.entries), Frame: number, Offset: at}
		if e.Length < 1 || e.Length > f.ContentBytes-at {
			return damaged("chunk %s has %d bytes, its frame has %d left", e.Digest, e.Length, f.ContentBytes-at)
		}
		at += e.Length
		p.Entries = append(p.Entries, e)
	}
	if at != f.ContentBytes {
		return damaged("frame %d has %d bytes, its chunks %d", number, f.ContentBytes, at)
	}
	if olds > 0 {
		f.Base = make([]Reference, 0, olds)
	}
	for ; olds > 0; olds, t.olds = olds-1, t.olds[referenceRowBytes:] {
		r := readReference(t.olds)
		if r.Length < 1 || r.Length > MaxFrameBytes-base {
			return damaged("frame %d has more than %d bytes as base, or an old chunk without any", number, MaxFrameBytes)
		}
		base += r.Length
		f.Base = append(f.Base, r)
	}
	p.Bytes += f.StoredBytes
	p.Frames = append(p.Frames, f)
	return nil
}

package chunker

import (
	"fmt"

	"github.com/zeebo/blake3"
)

// Chunk is a content-defined piece of a shard.
type Chunk struct {
	Offset int64  // of its first byte in the shard
	Length int64  // bytes
	Digest Digest // of its bytes
}

// End is the offset of the first byte after the chunk.
func (c Chunk) End() int64 { return c.Offset + c.Length }

// Cutter cuts one shard into chunks, part after part. It is not safe for concurrent use; cut different shards with
// different Cutters. Neither a chunk nor a part makes it allocate or copy data.
type Cutter struct {
	bounds boundaries
	hasher *blake3.Hasher // of a chunk that parts share
	before context
	start  int64  // offset of the open chunk
	at     int64  // bytes fed
	sum    Digest // where hasher writes, so that it need not allocate
	done   bool
}

// State is what must be kept so that another process goes on cutting at a part boundary: the chunk that was open, and how
// far the shard was fed. The bytes between the two, fewer than MaxBytes, are read again.
type State struct {
	OpenStart int64 `json:"open_start"`
	At        int64 `json:"at"`
}

// NewCutter begins a shard. The error is that of [Params.Validate].
func NewCutter(p Params) (*Cutter, error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	return &Cutter{bounds: newBoundaries(p), hasher: blake3.New()}, nil
}

// ResumeCutter goes on from the State of an earlier Cutter with the same Params. tail are the shard's bytes from
// s.OpenStart to s.At. It fails if tail has another length, or holds the end of a chunk and so cannot be what was fed.
func ResumeCutter(p Params, s State, tail []byte) (*Cutter, error) {
	c, err := NewCutter(p)
	if err != nil {
		return nil, err
	}
	if s.OpenStart < 0 || int64(len(tail)) != s.At-s.OpenStart || int64(len(tail)) >= p.MaxBytes {
		return nil, fmt.Errorf("cannot go on cutting at byte %d with a chunk open since byte %d and %d bytes read again; cut the shard from its start", s.At, s.OpenStart, len(tail))
	}
	c.start, c.at = s.OpenStart, s.OpenStart
	ended := false
	c.Feed(tail, false, func(Chunk) { ended = true })
	if ended {
		return nil, fmt.Errorf("the bytes from %d to %d are not those that were cut before; cut the shard from its start", s.OpenStart, s.At)
	}
	return c, nil
}

// State describes where the Cutter is, for [ResumeCutter].
func (c *Cutter) State() State { return State{OpenStart: c.start, At: c.at} }

// Feed takes the shard's next bytes and calls emit for every chunk that ends in them, in order. final says that the shard
// ends with part (which may be empty): its last chunk ends there. How a shard is divided into parts changes nothing.
// part is not kept. Feeding after final is a mistake of the caller and panics.
func (c *Cutter) Feed(part []byte, final bool, emit func(Chunk)) {
	if c.done {
		panic("chunker: Feed after the final part")
	}
	for rest := part; len(rest) > 0; {
		n := c.bounds.next(&c.before, rest, c.at-c.start)
		if n < 0 {
			c.take(rest)
			break
		}
		if c.at == c.start {
			// The whole chunk is here, and in cache, because it was just searched: hash it 16 leaves at a time.
			c.at += int64(n)
			c.end(emit, Digest(PartDigest(rest[:n], 0, true)))
		} else {
			c.take(rest[:n])
			c.end(emit, c.taken())
		}
		rest = rest[n:]
	}
	c.remember(part)
	if final {
		if c.at > c.start {
			c.end(emit, c.taken())
		}
		c.done = true
	}
}

// take adds bytes to an open chunk that does not end in them, or did not begin in them.
func (c *Cutter) take(b []byte) {
	_, _ = c.hasher.Write(b) // a Hasher never fails
	c.at += int64(len(b))
}

// taken is the digest of the bytes taken since the last call.
func (c *Cutter) taken() Digest {
	c.hasher.Sum(c.sum[:0])
	c.hasher.Reset()
	return c.sum
}

// end closes the open chunk at the current position.
func (c *Cutter) end(emit func(Chunk), d Digest) {
	emit(Chunk{Offset: c.start, Length: c.at - c.start, Digest: d})
	c.start = c.at
}

// remember keeps the last bytes seen, for windows that reach back over the seam between two parts.
func (c *Cutter) remember(part []byte) {
	if len(part) < len(c.before) {
		copy(c.before[:], c.before[len(part):])
		copy(c.before[len(c.before)-len(part):], part)
		return
	}
	copy(c.before[:], part[len(part)-len(c.before):])
}

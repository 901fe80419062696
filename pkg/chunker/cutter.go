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
// different Cutters. No chunk makes it allocate. It copies no data, but for the last bytes of a part of a tar archive that the
// next part decides about: less than twice MinBytes.
type Cutter struct {
	find   *finder
	hasher *blake3.Hasher // of a chunk that parts share, made for the first one: it takes 10 KiB, ten times a small shard
	extra  extraHashes
	start  int64  // offset of the open chunk
	at     int64  // bytes hashed
	held   []byte // bytes behind at that were fed
	ends   []int64
	sum    Digest // where hasher writes, so that it need not allocate
	done   bool
}

// State is what must be kept so that another process goes on cutting at a part boundary: the chunk that was open, how
// far the shard was fed, what is known of its format, and the extra hashes half-way. The bytes between the two offsets, at most
// MaxBytes and MinBytes together, are read again.
type State struct {
	OpenStart int64  `json:"open_start"`
	At        int64  `json:"at"`
	Format    []byte `json:"format,omitempty"`
	Extra     []byte `json:"extra,omitempty"`
}

// NewCutter begins a shard. extra names other digests of the whole shard to compute, see [ExtraAlgorithms]. The error is that of
// [Params.Validate] or names an unknown algorithm.
func NewCutter(p Params, extra ...string) (*Cutter, error) {
	find, err := newFinder(p)
	if err != nil {
		return nil, err
	}
	hashes, err := newExtraHashes(extra)
	if err != nil {
		return nil, err
	}
	return &Cutter{find: find, extra: hashes}, nil
}

// ResumeCutter goes on from the State of an earlier Cutter with the same Params and extra digests. tail are the shard's bytes from
// s.OpenStart to s.At. It fails if tail has another length, or holds the end of a chunk and so cannot be what was fed.
func ResumeCutter(p Params, s State, tail []byte, extra ...string) (*Cutter, error) {
	c, err := NewCutter(p, extra...)
	if err != nil {
		return nil, err
	}
	if s.OpenStart < 0 || int64(len(tail)) != s.At-s.OpenStart || int64(len(tail)) > p.MaxBytes+p.MinBytes {
		return nil, fmt.Errorf("cannot go on cutting at byte %d with a chunk open since byte %d and %d bytes read again; cut the shard from its start", s.At, s.OpenStart, len(tail))
	}
	if err := c.find.resume(s.OpenStart, s.Format); err != nil {
		return nil, fmt.Errorf("cannot go on cutting at byte %d: %w; cut the shard from its start", s.At, err)
	}
	c.start, c.at = s.OpenStart, s.OpenStart
	ended := false
	c.Feed(tail, false, func(Chunk) { ended = true })
	if ended {
		return nil, fmt.Errorf("the bytes from %d to %d are not those that were cut before; cut the shard from its start", s.OpenStart, s.At)
	}
	// The tail was hashed before, too.
	if err := c.extra.restore(s.Extra); err != nil {
		return nil, fmt.Errorf("cannot go on hashing at byte %d: %w; hash the shard from its start", s.At, err)
	}
	return c, nil
}

// State describes where the Cutter is, for [ResumeCutter].
func (c *Cutter) State() State {
	return State{OpenStart: c.start, At: c.at + int64(len(c.held)), Format: c.find.snapshot(), Extra: c.extra.state()}
}

// Extra are the extra digests of what was fed so far.
func (c *Cutter) Extra() []ExtraDigest { return c.extra.digests() }

// Feed takes the shard's next bytes and calls emit for every chunk that is known to end, in order. final says that the shard
// ends with part (which may be empty): its last chunk ends there. How a shard is divided into parts changes nothing.
// part is not kept. Feeding after final is a mistake of the caller and panics.
func (c *Cutter) Feed(part []byte, final bool, emit func(Chunk)) {
	if c.done {
		panic("chunker: Feed after the final part")
	}
	c.extra.write(part)
	c.ends = c.find.find(part, c.ends[:0])
	if final {
		c.ends = c.find.finish(c.ends)
	}
	rest := part
	for _, end := range c.ends {
		c.takeHeld(end)
		if c.at == c.start && int64(len(rest)) >= end-c.at {
			// The whole chunk is here, and in cache, because it was just searched: hash it 16 leaves at a time.
			n := end - c.at
			c.at = end
			c.end(emit, Digest(PartDigest(rest[:n], 0, true)))
			rest = rest[n:]
			continue
		}
		rest = c.write(rest, end)
		c.end(emit, c.taken())
	}
	if final && c.at == c.start && len(c.held) == 0 && len(rest) > 0 {
		// So is the last one, which for a small shard is all of it.
		c.at += int64(len(rest))
		c.end(emit, Digest(PartDigest(rest, 0, true)))
		c.done = true
		return
	}
	decided := c.find.decided()
	if final {
		decided = c.find.at
	}
	c.takeHeld(decided)
	rest = c.write(rest, decided)
	c.held = append(c.held, rest...)
	if final {
		if c.at > c.start {
			c.end(emit, c.taken())
		}
		c.done = true
	}
}

// takeHeld hashes held bytes up to an offset.
func (c *Cutter) takeHeld(to int64) {
	n := min(int64(len(c.held)), to-c.at)
	if n > 0 {
		c.hash(c.held[:n])
		c.at += n
		c.held = c.held[:copy(c.held, c.held[n:])]
	}
}

// write hashes bytes of rest, which begin where the Cutter stands, up to an offset and returns the others.
func (c *Cutter) write(rest []byte, to int64) []byte {
	n := to - c.at
	c.hash(rest[:n])
	c.at = to
	return rest[n:]
}

// hash takes the next bytes of a chunk that is not here whole.
func (c *Cutter) hash(p []byte) {
	if len(p) == 0 {
		return
	}
	if c.hasher == nil {
		c.hasher = blake3.New()
	}
	_, _ = c.hasher.Write(p) // a Hasher never fails
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

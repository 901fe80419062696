package pack

import (
	"errors"
	"fmt"
	"slices"

	"github.com/datagravity/datagravity/pkg/chunker"
)

// ErrTooLarge: a chunk, or its base, has more than [MaxFrameBytes]. Such a chunk must go its way unpacked, or without a base.
var ErrTooLarge = errors.New("too large for a frame of a pack")

// Encoder makes frames of chunks. It is for one goroutine; several encoders may make the frames of one pack. It is
// made to be kept, and keeps what it needs from call to call: 6 MB, 30 MB with Better or once a chunk came with a base beyond
// 256 KiB, 125 MB with Best.
type Encoder struct {
	options    Options
	compressor compressor
	// Kept for their capacity.
	content, base, first, second []byte
}

// NewEncoder fails if the options are out of their bounds.
func NewEncoder(o Options) (*Encoder, error) {
	o, err := o.filled()
	if err != nil {
		return nil, err
	}
	return &Encoder{options: o, compressor: compressor{level: o.Level, runBytes: o.RunBytes}}, nil
}

// Encode makes frames of consecutive chunks of one shard, in their order; each is the smallest of raw, zstd and, if its chunks have
// bases, delta. A digest that comes again in the run is left out. Neither the chunks nor their bytes are kept. It fails with
// [ErrTooLarge], or if a chunk has no bytes; then there are no frames.
func (e *Encoder) Encode(run []Chunk) ([]Encoded, error) {
	seen := make(map[chunker.Digest]bool, len(run))
	var frames []Encoded
	var open group
	flush := func() error {
		if len(open.chunks) == 0 {
			return nil
		}
		f, err := e.frame(&open)
		frames = append(frames, f)
		open = group{}
		return err
	}
	for _, c := range run {
		if err := check(c); err != nil {
			return nil, err
		}
		if seen[c.Digest] {
			continue
		}
		seen[c.Digest] = true
		if !open.fits(c, e.options.RunBytes) {
			if err := flush(); err != nil {
				return nil, err
			}
		}
		open.add(c)
	}
	if err := flush(); err != nil {
		return nil, err
	}
	return frames, nil
}

func check(c Chunk) error {
	if len(c.Data) == 0 {
		return fmt.Errorf("pack: chunk %s without bytes; a chunk has at least one", c.Digest)
	}
	var base int64
	for _, o := range c.Base {
		if len(o.Data) == 0 {
			return fmt.Errorf("pack: chunk %s has an old chunk %s without bytes as base; leave it out", c.Digest, o.Digest)
		}
		base += int64(len(o.Data))
	}
	if n := int64(len(c.Data)); n > MaxFrameBytes || base > MaxFrameBytes || len(c.Base) > maxReferences {
		return fmt.Errorf("pack: chunk %s of %d bytes with a base of %d in %d chunks: %w, the most is %d bytes", c.Digest, n, base, len(c.Base), ErrTooLarge, MaxFrameBytes)
	}
	return nil
}

// frame encodes a group.
func (e *Encoder) frame(g *group) (Encoded, error) {
	f := Encoded{Chunks: make([]Reference, len(g.chunks))}
	content := g.chunks[0].Data
	if len(g.chunks) > 1 {
		content = e.content[:0]
		for _, c := range g.chunks {
			content = append(content, c.Data...)
		}
		e.content = content
	}
	for i, c := range g.chunks {
		f.Chunks[i] = Reference{c.Digest, int64(len(c.Data))}
	}
	smallest := content
	if len(g.base) > 0 {
		base := e.base[:0]
		for _, o := range g.base {
			base = append(base, o.Data...)
		}
		e.base = base
		delta, err := e.compressor.compressDelta(e.first[:0], content, base)
		if err != nil {
			return f, err
		}
		e.first = delta
		if len(delta) < len(smallest) {
			f.Encoding, smallest = Delta, delta
		}
	}
	// A delta has all that zstd has to choose from and more; where it came out small, zstd alone would not be smaller.
	if len(smallest) > len(content)/4 {
		plain, err := e.compressor.compress(e.second[:0], content)
		if err != nil {
			return f, err
		}
		e.second = plain
		if len(plain) < len(content) && len(plain) <= len(smallest) {
			f.Encoding, smallest = Zstd, plain
		}
	}
	if f.Encoding == Delta {
		for _, o := range g.base {
			f.Base = append(f.Base, Reference{o.Digest, int64(len(o.Data))})
		}
	}
	f.Stored = slices.Clone(smallest)
	return f, nil
}

// group is what becomes a frame.
type group struct {
	chunks    []Chunk
	bytes     int64
	base      []Old // of all chunks, each once
	has       map[chunker.Digest]bool
	baseBytes int64
}

// fits keeps chunks with and without bases apart, and a frame within its bounds.
func (g *group) fits(c Chunk, runBytes int64) bool {
	if len(g.chunks) == 0 {
		return true
	}
	if (len(c.Base) > 0) != (len(g.base) > 0) || len(g.chunks) == maxReferences {
		return false
	}
	limit := runBytes
	if len(c.Base) > 0 {
		limit = min(limit, deltaRunBytes)
	}
	baseBytes := g.baseBytes
	for _, o := range c.Base {
		if !g.has[o.Digest] {
			baseBytes += int64(len(o.Data))
		}
	}
	return g.bytes+int64(len(c.Data)) <= limit && baseBytes <= deltaRunBytes
}

func (g *group) add(c Chunk) {
	g.chunks = append(g.chunks, c)
	g.bytes += int64(len(c.Data))
	for _, o := range c.Base {
		if !g.has[o.Digest] {
			if g.has == nil {
				g.has = map[chunker.Digest]bool{}
			}
			g.has[o.Digest] = true
			g.base = append(g.base, o)
			g.baseBytes += int64(len(o.Data))
		}
	}
}

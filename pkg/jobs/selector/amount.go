package selector

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/datagravity/datagravity/internal/units"
	"github.com/datagravity/datagravity/pkg/chunker"
)

// amountOf selects as many of the first shards of another term, or of the dataset, as are together no longer than an amount.
type amountOf struct {
	bytes    int64
	seed     uint64
	shuffled bool
	of       term // nil: the dataset's shards
}

func (p *parser) bytesOf(text, rest string, nesting int) (term, error) {
	arguments, of, err := p.splitOf(rest, nesting)
	if err != nil {
		return nil, err
	}
	t := amountOf{of: of}
	size, seed, more := strings.Cut(arguments, " ")
	if t.bytes, err = units.ParseSize(size); err != nil {
		return nil, malformed(text, "%w", err)
	}
	if more {
		digits, ok := strings.CutPrefix(seed, "seed=")
		if t.seed, err = strconv.ParseUint(digits, 10, 64); err != nil || !ok {
			return nil, malformed(text, "%q is no seed; write seed= and a number", seed)
		}
		t.shuffled = true
	}
	return t, nil
}

func (t amountOf) text() string {
	text := fmt.Sprintf("bytes:%d", t.bytes)
	if t.shuffled {
		text += fmt.Sprintf(" seed=%d", t.seed)
	}
	return withOf(text, t.of)
}

func (t amountOf) readsIndex() bool { return t.of != nil && t.of.readsIndex() }

// Shuffled is the place of a path in the order of a seed: paths go by these 32 bytes, as bytes. They are BLAKE3 over the seed, as 8 bytes
// little-endian, and the path. The order of a path and another never depends on what else there is, and will not change in any
// later version: a job that asks for a tenth of a dataset today and for a fifth tomorrow gets the same tenth and as much again.
func Shuffled(seed uint64, path string) chunker.Digest {
	return chunker.Sum(appendShuffled(nil, seed, path))
}

func appendShuffled(b []byte, seed uint64, path string) []byte {
	return append(binary.LittleEndian.AppendUint64(b, seed), path...)
}

// filler passes on shards in their order until one does not fit.
type filler struct {
	source
	t     amountOf
	r     *resolver
	out   func(shard)
	used  int64
	taken int
	full  bool
	first int64 // bytes of the shard that did not fit
}

func (t amountOf) open(ctx context.Context, r *resolver, out func(shard)) (source, error) {
	f := &filler{t: t, r: r, out: out}
	if !t.shuffled {
		inner, err := r.shardsOf(ctx, t.of, f.take)
		f.source = inner
		return f, err
	}
	s := &shuffler{filler: f}
	inner, err := r.shardsOf(ctx, t.of, s.take)
	f.source = inner
	return s, err
}

func (f *filler) take(s shard) {
	switch f.r.role(s) {
	case roleIndex:
		f.out(s)
	case roleShard:
		f.fill(s)
	}
}

func (f *filler) fill(s shard) {
	switch {
	case f.full:
	case s.bytes > f.t.bytes-f.used:
		f.full, f.first = true, s.bytes
	default:
		f.used += s.bytes
		f.taken++
		f.out(s)
	}
}

func (f *filler) end() error {
	if err := f.source.end(); err != nil {
		return err
	}
	return f.check()
}

func (f *filler) check() error {
	if f.taken > 0 {
		return nil
	}
	if f.full {
		return ofTerm(f.t, fmt.Errorf("%w: the first has %d bytes, and %d are asked for", ErrNothingSelected, f.first, f.t.bytes))
	}
	return ofTerm(f.t, fmt.Errorf("%w: there are no shards to take from", ErrNothingSelected))
}

// shuffler keeps, of the shards that it has seen, the first in the order of the seed: as many as fit, the one that does not, and what came
// since they were last counted. So its memory goes with what is selected, whatever the dataset has.
type shuffler struct {
	*filler
	kept    []draw
	limit   int  // of kept, at which it is counted again
	bounded bool // what comes after the last of those that were counted cannot be selected
	last    draw
	buffer  []byte
}

// draw is a shard with its place.
type draw struct {
	key chunker.Digest
	shard
}

func (d *draw) compare(o *draw) int {
	// The first eight bytes decide but for one pair in 10^19.
	a, b := binary.BigEndian.Uint64(d.key[:]), binary.BigEndian.Uint64(o.key[:])
	if a != b {
		return cmp.Compare(a, b)
	}
	return cmp.Or(bytes.Compare(d.key[:], o.key[:]), strings.Compare(d.path, o.path))
}

func (s *shuffler) take(in shard) {
	switch s.r.role(in) {
	case roleIndex:
		s.out(in)
	case roleShard:
		s.buffer = appendShuffled(s.buffer[:0], s.t.seed, in.path)
		d := draw{key: chunker.Sum(s.buffer), shard: in}
		if s.bounded && d.compare(&s.last) > 0 {
			return
		}
		if s.kept = append(s.kept, d); len(s.kept) >= max(s.limit, 1000) {
			s.count()
		}
	}
}

// count sorts what is kept and drops what lies behind the first that does not fit.
func (s *shuffler) count() {
	slices.SortFunc(s.kept, func(a, b draw) int { return a.compare(&b) })
	left := s.t.bytes
	for i := range s.kept {
		if s.kept[i].bytes > left {
			s.kept, s.bounded, s.last = s.kept[:i+1], true, s.kept[i]
			break
		}
		left -= s.kept[i].bytes
	}
	s.limit = 2 * len(s.kept)
}

func (s *shuffler) end() error {
	if err := s.source.end(); err != nil {
		return err
	}
	s.count()
	for _, d := range s.kept {
		s.fill(d.shard)
	}
	s.kept = nil
	return s.check()
}

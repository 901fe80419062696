package chunker

import (
	"fmt"

	"github.com/datagravity/datagravity/pkg/chunker/internal/window"
)

// Kernel names how boundaries are searched for on this machine: "avx512", "avx2" or "generic". DATAGRAVITY_CHUNKER=generic in
// the environment of a process forces the last. The chunks are the same. With "avx2" BLAKE3 is computed by internal/lanes, too.
func Kernel() string { return window.Kernel() }

// Boundaries calls emit for the end of every chunk of data but the last, which ends where data does. The error is that of
// [Params.Validate].
func Boundaries(data []byte, p Params, emit func(end int64)) error {
	f, err := newFinder(p)
	if err != nil {
		return err
	}
	var ends []int64
	for at := 0; at < len(data); at += feedBlockBytes {
		ends = f.find(data[at:min(at+feedBlockBytes, len(data))], ends[:0])
		for _, e := range ends {
			emit(e)
		}
	}
	for _, e := range f.finish(ends[:0]) {
		emit(e)
	}
	return nil
}

// finder finds where the chunks of one shard end, from its bytes in order.
type finder struct {
	bounds boundaries
	before context
	start  int64 // of the open chunk
	at     int64 // bytes seen
	tar    *tarWalk
	ends   []int64 // while find runs
}

func newFinder(p Params) (*finder, error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	f := &finder{bounds: newBoundaries(p)}
	if p.Algorithm != AlgorithmPlain {
		f.tar = &tarWalk{largeSample: p.largeSample()}
	}
	return f, nil
}

// resume makes the finder stand where a chunk began, with what [finder.snapshot] returned there.
func (f *finder) resume(start int64, snapshot []byte) error {
	f.start, f.at = start, start
	if f.tar == nil {
		if len(snapshot) > 0 {
			return fmt.Errorf("%d bytes about the format of a plain shard", len(snapshot))
		}
		return nil
	}
	return f.tar.restore(snapshot)
}

// snapshot is what must be known beside the bytes from the open chunk's start to go on from there.
func (f *finder) snapshot() []byte {
	if f.tar == nil {
		return nil
	}
	return f.tar.atStart.append(nil)
}

// decided tells up to where all boundaries are known: a later byte can still make one at or behind it, not before.
func (f *finder) decided() int64 {
	if f.tar == nil {
		return f.at
	}
	return f.tar.decided(f.at)
}

// find takes the next bytes and appends to ends where chunks end, in order: between [finder.decided] as it was and as it is.
// How a shard is divided into calls changes nothing. data is not kept.
func (f *finder) find(data []byte, ends []int64) []int64 {
	f.ends = ends
	base := f.at
	if f.tar != nil {
		f.walk(data, base)
	}
	if f.tar == nil || f.tar.Off {
		f.plain(data, base)
	}
	f.before.remember(data)
	ends, f.ends = f.ends, nil
	return ends
}

// finish appends the ends that only the shard's end decides about, its own not among them.
func (f *finder) finish(ends []int64) []int64 {
	if f.tar == nil || !f.tar.inGroup {
		return ends
	}
	f.ends = ends
	f.fit(f.tar.group)
	ends, f.ends = f.ends, nil
	return ends
}

// plain goes over the bytes from where the finder stands, in which nothing but the content counts. data begins at base.
func (f *finder) plain(data []byte, base int64) {
	end := base + int64(len(data))
	for {
		x := int64(-1)
		if lo, hi := max(f.start+f.bounds.min, f.at+1), min(end+1, f.start+f.bounds.max); lo < hi {
			x = f.bounds.seek(&f.before, data, base, f.start, lo, hi)
		}
		if x < 0 && f.start+f.bounds.max <= end {
			x = f.start + f.bounds.max
		}
		if x < 0 {
			f.at = end
			return
		}
		f.at = x
		f.cut(x)
		if f.tar != nil {
			f.tar.atStart = walkState{Off: true}
		}
	}
}

// cut ends the open chunk.
func (f *finder) cut(at int64) {
	f.ends = append(f.ends, at)
	f.start = at
}

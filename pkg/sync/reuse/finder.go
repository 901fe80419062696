package reuse

import (
	"fmt"
	"math"
	"os"
	"runtime"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/sync/parts"
)

// Options of a [Finder].
type Options struct {
	// MemoryBytes that may be used, not counting garbage that is not collected yet. 0: 128 MiB, enough for 1 million
	// missing chunks without a disk. Less than 64 KiB counts as that.
	MemoryBytes int64
	// Dir is where runs are spilled to when MemoryBytes are too few: 32 bytes a wanted chunk, 40 a held chunk that is wanted
	// and 24 a place in an answer, at most as much again while runs are merged. It is made if it is missing. Empty: the
	// system's folder for temporary files, which may be in memory.
	Dir string
	// MaxPlaces of one chunk at one occurrence. 0: 4. At most 256.
	MaxPlaces int
	// Stop is asked now and then, whether to go on; its error ends the call that is under way. [context.Context.Err] is such
	// a function. nil: never.
	Stop func() error
}

const (
	defaultMemoryBytes = 128 << 20
	minMemoryBytes     = 64 << 10
	defaultMaxPlaces   = 4
	maxMaxPlaces       = 256
)

// Finder answers one question: which of the wanted chunks are held, and where. Its calls come in this order: Want for each
// shard, Hold for each object, Each once, and Close. It is not for several goroutines at a time. After an error only Close
// is of use; every other call returns that error again.
type Finder struct {
	o      Options
	limits limits
	phase  phase
	mem    *table // nil once spilled
	disk   *spill // nil until then
	err    error
}

// phase of a Finder's life.
type phase int

const (
	wanting phase = iota
	holding
	answered
	closed
)

func (p phase) String() string {
	return [...]string{"Want", "Hold", "Each", "Close"}[p]
}

// New begins a search, and removes what killed processes left in [Options].Dir. It fails if an option is out of range, or
// if Dir is not a folder that can be read.
func New(o Options) (*Finder, error) {
	if o.MemoryBytes == 0 {
		o.MemoryBytes = defaultMemoryBytes
	}
	if o.MaxPlaces == 0 {
		o.MaxPlaces = defaultMaxPlaces
	}
	if o.MemoryBytes < 0 || o.MaxPlaces < 0 || o.MaxPlaces > maxMaxPlaces {
		return nil, fmt.Errorf("look for chunks with %d bytes of memory and %d places a chunk: want a positive size, and 1 to %d places",
			o.MemoryBytes, o.MaxPlaces, maxMaxPlaces)
	}
	if o.Dir == "" {
		o.Dir = os.TempDir()
	}
	if o.Stop == nil {
		o.Stop = func() error { return nil }
	}
	if err := removeLeftovers(o.Dir); err != nil {
		return nil, err
	}
	return &Finder{o: o, limits: limitsOf(max(o.MemoryBytes, minMemoryBytes)), mem: newTable(o.MaxPlaces)}, nil
}

// Want adds the chunks of the next shard, in order: the first call is shard 0. chunks are not kept. A chunk has 1 byte to
// 4 GiB - 1. Errors are those of the disk, once spilled, and of [Options].Stop.
func (f *Finder) Want(chunks []chunker.Chunk) error {
	if err := f.enter(wanting); err != nil {
		return err
	}
	return f.keep(f.want(chunks))
}

func (f *Finder) want(chunks []chunker.Chunk) error {
	for i, c := range chunks {
		if !named(c) {
			return fmt.Errorf("look for chunk %d of a shard: %d bytes, want 1 to %d; index the shard again",
				i, c.Length, uint32(math.MaxUint32))
		}
	}
	if f.mem != nil && !f.mem.fits(len(chunks), f.limits.tableBytes) {
		if err := f.spill(); err != nil {
			return err
		}
	}
	if f.disk != nil {
		return f.disk.want(chunks)
	}
	f.mem.want(chunks)
	return nil
}

// named tells whether the chunk's length fits where it is kept.
func named(c chunker.Chunk) bool { return c.Length >= 1 && c.Length <= math.MaxUint32 }

// Hold looks for wanted chunks in one held object, whose chunks come in order. object is the caller's name for it in
// [parts.Place]. Objects that are given earlier are preferred. chunks are not kept. done tells that every wanted chunk has
// a place: what else is held can only offer longer runs; once spilled, it is never true. Errors are those of the disk, once
// spilled, and of [Options].Stop.
func (f *Finder) Hold(object int32, chunks []chunker.Chunk) (done bool, err error) {
	if err := f.enter(holding); err != nil {
		return false, err
	}
	done, err = f.hold(object, chunks)
	return done, f.keep(err)
}

func (f *Finder) hold(object int32, chunks []chunker.Chunk) (done bool, err error) {
	first := 0
	if f.mem != nil {
		if first = f.mem.hold(object, chunks, f.limits.tableBytes); first == len(chunks) {
			return f.mem.missing == 0, nil
		}
		if err := f.spill(); err != nil {
			return false, err
		}
	}
	return false, f.disk.hold(object, chunks, first)
}

// spill moves everything that is known to runs on disk.
func (f *Finder) spill() (err error) {
	if f.disk, err = newSpill(f.o, f.limits); err != nil {
		return err
	}
	err = f.disk.take(f.mem)
	// Otherwise the table would stay until what is live has doubled, beside all that is used instead of it.
	f.mem = nil
	runtime.GC()
	return err
}

// Each gives, shard by shard in the order of Want, the places of each chunk, best first; nil where the chunk is not held.
// The slices are valid until f returns. Errors are those of f, of the disk, once spilled, and of [Options].Stop.
func (f *Finder) Each(fn func(shard int, places [][]parts.Place) error) error {
	if err := f.enter(answered); err != nil {
		return err
	}
	if f.disk != nil {
		return f.keep(f.disk.each(fn))
	}
	return f.keep(f.mem.each(fn, f.o.Stop))
}

// Close removes the runs on disk, also after an error. It may be called again.
func (f *Finder) Close() error {
	f.phase, f.mem = closed, nil
	if f.disk == nil {
		return nil
	}
	err := f.disk.close()
	f.disk = nil
	return err
}

// enter checks that a call comes when it may.
func (f *Finder) enter(p phase) error {
	switch {
	case f.err != nil:
		return f.err
	case f.phase > p || f.phase == p && p == answered:
		return fmt.Errorf("reuse: %s after %s; a new search needs a new Finder", p, f.phase)
	}
	f.phase = p
	return f.keep(f.o.Stop())
}

// keep remembers the first error: what is known is incomplete from then on.
func (f *Finder) keep(err error) error {
	if err != nil {
		f.err = err
	}
	return err
}

// limits are how MemoryBytes are divided. At one time in use are: the table and the buffer; or the buffer, the filter and
// one merge; or the buffer and three merges.
type limits struct {
	tableBytes  int64 // all of the table, 3/4
	filterBytes int64 // once spilled, 1/4
	mergeBytes  int64 // read buffers of one merge, 1/8
	// buffer is how many records are sorted at a time, 1/4.
	buffer int
	// fanIn is how many runs are merged at a time.
	fanIn int
}

func limitsOf(memoryBytes int64) limits {
	return limits{
		tableBytes: memoryBytes / 4 * 3, filterBytes: memoryBytes / 4, mergeBytes: memoryBytes / 8,
		buffer: int(memoryBytes / 4 / recordBytes), fanIn: 64,
	}
}

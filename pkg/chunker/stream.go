package chunker

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"
)

// Options of [Stream] and [Whole].
type Options struct {
	// Workers is how many goroutines work on the shard; 1 starts none, 0 means GOMAXPROCS.
	Workers int
	// Extra names digests to compute beside, see [ExtraAlgorithms].
	Extra []string
}

// Stream cuts and sums what r gives until io.EOF. It calls emit for every chunk, in order and never twice at once; an error of
// emit or of r ends it and is returned. The chunks and sums are those of a [Cutter], whatever the number of workers. It keeps half a MiB for each
// worker, the open chunk, and 44 bytes for each half MiB read.
func Stream(r io.Reader, p Params, o Options, emit func(Chunk) error) (Sums, error) {
	return run(&readerSource{r: r}, p, o, emit)
}

// Whole is [Stream] over bytes in memory, which it does not copy.
func Whole(data []byte, p Params, o Options, emit func(Chunk) error) (Sums, error) {
	return run(&sliceSource{data: data}, p, o, emit)
}

// source gives a shard's bytes in blocks of feedBlockBytes, the last one shorter (and empty only if the shard is).
type source interface {
	// next returns the next block, and whether it is the last.
	next() (data []byte, last bool, err error)
	// release takes a block back.
	release(data []byte)
}

type sliceSource struct{ data []byte }

func (s *sliceSource) next() ([]byte, bool, error) {
	n := min(len(s.data), feedBlockBytes)
	b := s.data[:n:n]
	s.data = s.data[n:]
	return b, len(s.data) == 0, nil
}

func (s *sliceSource) release([]byte) {}

// readerSource reads one block ahead, to know which is the last.
type readerSource struct {
	r     io.Reader
	ahead []byte
	begun bool

	mu   sync.Mutex
	free [][]byte
}

func (s *readerSource) next() ([]byte, bool, error) {
	if !s.begun {
		s.begun = true
		var err error
		if s.ahead, err = s.read(); err != nil {
			return nil, false, err
		}
	}
	b := s.ahead
	if len(b) < feedBlockBytes {
		return b, true, nil
	}
	var err error
	s.ahead, err = s.read()
	return b, err == nil && len(s.ahead) == 0, err
}

func (s *readerSource) read() ([]byte, error) {
	s.mu.Lock()
	var buf []byte
	if n := len(s.free); n > 0 {
		buf, s.free = s.free[n-1], s.free[:n-1]
	} else {
		buf = make([]byte, feedBlockBytes)
	}
	s.mu.Unlock()
	n, err := io.ReadFull(s.r, buf)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil
	}
	return buf[:n], err
}

func (s *readerSource) release(data []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.free = append(s.free, data[:feedBlockBytes])
}

func run(s source, p Params, o Options, emit func(Chunk) error) (Sums, error) {
	workers := o.Workers
	if workers == 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	if workers < 1 {
		return Sums{}, fmt.Errorf("%d workers: want at least 1", workers)
	}
	if workers == 1 {
		return alone(s, p, o, emit)
	}
	return together(s, p, o, workers, emit)
}

// alone does everything on the caller's goroutine.
func alone(s source, p Params, o Options, emit func(Chunk) error) (Sums, error) {
	c, err := NewCutter(p, o.Extra...)
	if err != nil {
		return Sums{}, err
	}
	var parts []PartSums
	var failed error
	size := int64(0)
	for last := false; !last; {
		var data []byte
		if data, last, err = s.next(); err != nil {
			return Sums{}, err
		}
		parts = append(parts, c.FeedSum(data, size, last && size == 0, last, func(ch Chunk) {
			if failed == nil {
				failed = emit(ch)
			}
		}))
		if failed != nil {
			return Sums{}, failed
		}
		size += int64(len(data))
		s.release(data)
	}
	sums, err := CombineParts(parts, feedBlockBytes, size)
	sums.Extra = c.Extra()
	return sums, err
}

package reuse

import (
	"bufio"
	"errors"
	"io"
	"os"
)

// merge gives the records of several runs in one order.
type merge struct {
	sources []*source // a heap, the smallest first
	words   int
	stop    func() error
	count   int64
	files   []*os.File
}

// source is one run that is read.
type source struct {
	head record
	from *bufio.Reader
	path string
}

const (
	minReadBytes = 512
	// maxReadBytes: longer reads of a run are no faster, and clearing buffers of several MiB is most of a small merge.
	maxReadBytes = 512 << 10
	// stopEvery so many records it is asked whether to go on: a few milliseconds.
	stopEvery = 1 << 16
)

// merge begins to merge runs; who calls it closes what it returns.
func (s *sorter) merge(runs []run) (*merge, error) {
	m := &merge{words: s.words, stop: s.stop}
	readBytes := min(max(minReadBytes, s.limits.mergeBytes/int64(max(1, len(runs)))), maxReadBytes)
	for _, r := range runs {
		f, err := os.Open(r.path)
		if err != nil {
			m.close()
			return nil, diskError("read", r.path, err)
		}
		m.files = append(m.files, f)
		src := &source{from: bufio.NewReaderSize(f, int(readBytes)), path: r.path}
		if more, err := m.read(src); err != nil {
			m.close()
			return nil, err
		} else if more {
			m.sources = append(m.sources, src)
		}
	}
	for i := len(m.sources)/2 - 1; i >= 0; i-- {
		m.sink(i)
	}
	return m, nil
}

// read reads the next record of a source.
func (m *merge) read(s *source) (bool, error) {
	err := s.head.read(s.from, m.words)
	if errors.Is(err, io.EOF) {
		return false, nil
	}
	if err != nil {
		return false, diskError("read", s.path, err)
	}
	return true, nil
}

// next sets r to the next record, and tells whether there was one.
func (m *merge) next(r *record) (bool, error) {
	if m.count++; m.count%stopEvery == 0 {
		if err := m.stop(); err != nil {
			return false, err
		}
	}
	if len(m.sources) == 0 {
		return false, nil
	}
	first := m.sources[0]
	*r = first.head
	more, err := m.read(first)
	if err != nil {
		return false, err
	}
	if !more {
		last := len(m.sources) - 1
		m.sources[0] = m.sources[last]
		m.sources = m.sources[:last]
	}
	m.sink(0)
	return true, nil
}

// sink moves a source down to where it belongs.
func (m *merge) sink(i int) {
	for {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(m.sources); child++ {
			if m.sources[child].head.compare(&m.sources[least].head) < 0 {
				least = child
			}
		}
		if least == i {
			return
		}
		m.sources[i], m.sources[least] = m.sources[least], m.sources[i]
		i = least
	}
}

func (m *merge) close() {
	for _, f := range m.files {
		_ = f.Close() // read only
	}
}

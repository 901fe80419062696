package daemon

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
)

// spool is a file between who writes and who reads: writing never waits for reading. The file has no name, and so goes with the process.
type spool struct {
	mu      sync.Mutex
	more    sync.Cond // signals that written or ended changed
	f       *os.File
	read    int64
	written int64
	ended   bool
}

func newSpool() (*spool, error) {
	f, err := os.CreateTemp("", "datagravity-answer-*")
	if err != nil {
		return nil, fmt.Errorf("no file for the answer: %w", err)
	}
	if err := os.Remove(f.Name()); err != nil {
		return nil, errors.Join(fmt.Errorf("no file for the answer: %w", err), f.Close())
	}
	s := &spool{f: f}
	s.more.L = &s.mu
	return s, nil
}

// Write appends. Calls must not overlap.
func (s *spool) Write(p []byte) (int, error) {
	s.mu.Lock()
	at := s.written
	s.mu.Unlock()
	n, err := s.f.WriteAt(p, at)
	s.mu.Lock()
	s.written += int64(n)
	s.mu.Unlock()
	s.more.Broadcast()
	return n, err
}

// end says that nothing more is written.
func (s *spool) end() {
	s.mu.Lock()
	s.ended = true
	s.mu.Unlock()
	s.more.Broadcast()
}

// Read waits for what is written next; io.EOF after the end.
func (s *spool) Read(p []byte) (int, error) {
	s.mu.Lock()
	for s.read == s.written && !s.ended {
		s.more.Wait()
	}
	left := s.written - s.read
	s.mu.Unlock()
	if left == 0 {
		return 0, io.EOF
	}
	n, err := s.f.ReadAt(p[:min(int64(len(p)), left)], s.read)
	s.mu.Lock()
	s.read += int64(n)
	s.mu.Unlock()
	return n, err
}

// Close removes the file. Nobody writes or reads any more.
func (s *spool) Close() error { return s.f.Close() }

package reuse

import (
	"bufio"
	"errors"
	"os"
	"slices"
)

// writeBufferBytes of a run that is written.
const writeBufferBytes = 64 << 10

// sorter takes records in any order and gives them sorted, through runs on disk.
type sorter struct {
	folder *folder
	limits limits
	stop   func() error
	words  int // of a record, on disk
	// buffer is lent by the one who fills it: of several sorters one is filled at a time.
	buffer []record
	runs   []run
}

// run is a file of sorted records.
type run struct {
	path string
	// level is how often its records were merged. limits.fanIn runs of one level become one of the next, so that no record
	// is merged more than log(all records) to the base of the fan-in times.
	level int
}

func (s *sorter) add(r record) error {
	if len(s.buffer) == cap(s.buffer) {
		if err := s.flush(); err != nil {
			return err
		}
	}
	s.buffer = append(s.buffer, r)
	return nil
}

// flush makes the records in the buffer a run.
func (s *sorter) flush() error {
	if len(s.buffer) == 0 {
		return nil
	}
	if err := s.stop(); err != nil {
		return err
	}
	sortRecords(s.buffer)
	at := 0
	err := s.write(0, func(r *record) (bool, error) {
		if at == len(s.buffer) {
			return false, nil
		}
		*r = s.buffer[at]
		at++
		return true, nil
	})
	if err != nil {
		return err
	}
	s.buffer = s.buffer[:0]
	for n := len(s.runs); n >= s.limits.fanIn && s.runs[n-s.limits.fanIn].level == s.runs[n-1].level; n = len(s.runs) {
		if err := s.collapse(s.limits.fanIn); err != nil {
			return err
		}
	}
	return nil
}

// finish flushes, gives the buffer back, and leaves no more runs than can be merged at a time.
func (s *sorter) finish() (buffer []record, err error) {
	if err := s.flush(); err != nil {
		return nil, err
	}
	buffer, s.buffer = s.buffer, nil
	for len(s.runs) > s.limits.fanIn {
		// The last ones are the smallest.
		if err := s.collapse(min(s.limits.fanIn, len(s.runs)-s.limits.fanIn+1)); err != nil {
			return nil, err
		}
	}
	return buffer, nil
}

// collapse merges the last runs into one.
func (s *sorter) collapse(runs int) (err error) {
	old := slices.Clone(s.runs[len(s.runs)-runs:])
	m, err := s.merge(old)
	if err != nil {
		return err
	}
	defer m.close()
	s.runs = s.runs[:len(s.runs)-runs]
	if err := s.write(old[0].level+1, m.next); err != nil {
		return err
	}
	for _, r := range old {
		if err := os.Remove(r.path); err != nil {
			return diskError("remove", r.path, err)
		}
	}
	return nil
}

// write makes a run of what next gives.
func (s *sorter) write(level int, next func(*record) (bool, error)) (err error) {
	path := s.folder.next()
	file, err := s.folder.create(path)
	if err != nil {
		return diskError("write", path, err)
	}
	w := bufio.NewWriterSize(file, writeBufferBytes)
	var r record
	for n := 0; ; n++ {
		more, err := next(&r)
		if err != nil {
			return errors.Join(err, file.Close())
		}
		if !more {
			break
		}
		if err := r.write(w, s.words); err != nil {
			return errors.Join(diskError("write", path, err), file.Close())
		}
	}
	if err := errors.Join(w.Flush(), file.Close()); err != nil {
		return diskError("write", path, err)
	}
	s.runs = append(s.runs, run{path, level})
	return nil
}

// all merges all runs, once finish was called.
func (s *sorter) all() (*merge, error) { return s.merge(s.runs) }

package reuse

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"os"

	"github.com/datagravity/datagravity/pkg/sync/parts"
)

// maxCandidates are the held places of one chunk among which its occurrences choose. Zeros that are wanted 20 million times
// are looked up in so many places each: seconds, not hours.
const maxCandidates = 256

// each joins what is wanted with what is held, and answers.
func (s *spill) each(f func(int, [][]parts.Place) error) (err error) {
	if s.occurrences == 0 && s.shards == nil {
		return nil
	}
	if err := s.seal(); err != nil {
		return err
	}
	buffer, err := s.held.finish()
	if err != nil {
		return err
	}
	s.filter = newFilter(0) // its memory is needed otherwise
	matches := &sorter{folder: s.folder, limits: s.limits, stop: s.o.Stop, words: matchWords, buffer: buffer}
	if err := s.join(matches); err != nil {
		return err
	}
	if _, err := matches.finish(); err != nil {
		return err
	}
	return s.answer(matches, f)
}

// cursor is a merge with the record that comes next.
type cursor struct {
	*merge
	head record
	more bool
}

func newCursor(s *sorter) (*cursor, error) {
	m, err := s.all()
	if err != nil {
		return nil, err
	}
	c := &cursor{merge: m}
	if err := c.advance(); err != nil {
		m.close()
		return nil, err
	}
	return c, nil
}

func (c *cursor) advance() (err error) {
	c.more, err = c.next(&c.head)
	return err
}

// join writes the places of every occurrence.
func (s *spill) join(matches *sorter) error {
	wanted, err := newCursor(s.wanted)
	if err != nil {
		return err
	}
	defer wanted.close()
	held, err := newCursor(s.held)
	if err != nil {
		return err
	}
	defer held.close()
	var found candidates
	for wanted.more && held.more {
		switch c := wanted.head.compareChunk(&held.head); {
		case c < 0:
			err = wanted.advance()
		case c > 0:
			err = held.advance()
		default:
			chunk := wanted.head
			if err = found.read(held, &chunk); err == nil {
				err = s.match(wanted, &chunk, &found, matches)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// match writes the places of all occurrences of one chunk.
func (s *spill) match(wanted *cursor, chunk *record, found *candidates, matches *sorter) error {
	for wanted.more && wanted.head.compareChunk(chunk) == 0 {
		for rank, p := range found.choose(uint32(wanted.head[2]), s.o.MaxPlaces) {
			err := matches.add(record{wanted.head[3], uint64(rank)<<32 | uint64(uint32(p.Object)), uint64(p.Offset)})
			if err != nil {
				return err
			}
		}
		if err := wanted.advance(); err != nil {
			return err
		}
	}
	return nil
}

// candidates are places of one chunk, in the order of Hold, and the names of what is held right before each.
type candidates struct {
	places []parts.Place
	before []uint32
	chosen answer
}

// read reads the places of a chunk, and passes over those that are too many.
func (f *candidates) read(held *cursor, chunk *record) error {
	f.places, f.before = f.places[:0], f.before[:0]
	for held.more && held.head.compareChunk(chunk) == 0 {
		if h := held.head; len(f.places) < maxCandidates {
			f.places = append(f.places, parts.Place{Object: int32(uint32(h[4] >> 32)), Offset: int64(h[3])})
			f.before = append(f.before, uint32(h[4]))
		}
		if err := held.advance(); err != nil {
			return err
		}
	}
	return nil
}

// choose returns the best places where a chunk of this name is wanted right before; valid until the next call.
func (f *candidates) choose(before uint32, maxPlaces int) []parts.Place {
	f.chosen.begin()
	if before != 0 {
		for i, b := range f.before {
			if b == before {
				f.chosen.add(f.places[i], maxPlaces)
			}
		}
	}
	for _, p := range f.places {
		if len(f.chosen.chunk) == maxPlaces {
			break
		}
		f.chosen.add(p, maxPlaces)
	}
	return f.chosen.chunk
}

// answer reads the matches, shard by shard.
func (s *spill) answer(matches *sorter, f func(int, [][]parts.Place) error) error {
	next, err := newCursor(matches)
	if err != nil {
		return err
	}
	defer next.close()
	file, err := os.Open(s.shardsPath)
	if err != nil {
		return diskError("read", s.shardsPath, err)
	}
	defer file.Close() //nolint:errcheck // read only
	shards := bufio.NewReader(file)
	var a answer
	var occurrence uint64
	for shard := 0; ; shard++ {
		var b [4]byte
		_, err := io.ReadFull(shards, b[:])
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return diskError("read", s.shardsPath, err)
		}
		if err := s.o.Stop(); err != nil {
			return err
		}
		a.reset(int(binary.LittleEndian.Uint32(b[:])))
		for i := range a.places {
			a.begin()
			for next.more && next.head[0] == occurrence {
				a.add(parts.Place{Object: int32(uint32(next.head[1])), Offset: int64(next.head[2])}, s.o.MaxPlaces)
				if err := next.advance(); err != nil {
					return err
				}
			}
			a.places[i] = a.end()
			occurrence++
		}
		if err := f(shard, a.places); err != nil {
			return err
		}
	}
}

package reuse

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"

	"github.com/datagravity/datagravity/pkg/chunker"
)

// spill is the search on disk.
type spill struct {
	o            Options
	limits       limits
	folder       *folder
	wanted, held *sorter
	// shards is a file with the number of chunks of each shard, 4 bytes each.
	shards     *bufio.Writer
	shardsFile io.Closer
	shardsPath string
	// filter is made when the first object is held.
	filter      *filter
	occurrences uint64 // wanted so far
	order       uint32 // of the next object
}

func newSpill(o Options, l limits) (*spill, error) {
	d, err := newFolder(o.Dir)
	if err != nil {
		return nil, err
	}
	return &spill{
		o: o, limits: l, folder: d,
		wanted: &sorter{folder: d, limits: l, stop: o.Stop, words: wantedWords, buffer: make([]record, 0, l.buffer)},
		held:   &sorter{folder: d, limits: l, stop: o.Stop, words: heldWords},
		order:  uint32(3 * o.MaxPlaces), // see take
	}, nil
}

// close removes everything.
func (s *spill) close() error {
	if s.shardsFile != nil {
		_ = s.shardsFile.Close() // what it lacks nobody reads any more
	}
	return s.folder.remove()
}

func (s *spill) want(chunks []chunker.Chunk) error {
	if err := s.shard(len(chunks)); err != nil {
		return err
	}
	var last uint32
	for i := range chunks {
		if err := s.wanted.add(wantedRecord(&chunks[i], last, s.occurrences)); err != nil {
			return err
		}
		last = before(&chunks[i])
		s.occurrences++
	}
	return nil
}

// shard notes how many chunks the next shard has.
func (s *spill) shard(chunks int) error {
	if s.shards == nil {
		s.shardsPath = s.folder.next()
		file, err := s.folder.create(s.shardsPath)
		if err != nil {
			return diskError("write", s.shardsPath, err)
		}
		s.shards, s.shardsFile = bufio.NewWriter(file), file
	}
	if _, err := s.shards.Write(binary.LittleEndian.AppendUint32(nil, uint32(chunks))); err != nil {
		return diskError("write", s.shardsPath, err)
	}
	return nil
}

// seal ends the wanting: the runs are whole, and the filter has their digests.
func (s *spill) seal() error {
	if s.filter != nil {
		return nil
	}
	if s.shards != nil {
		if err := errors.Join(s.shards.Flush(), s.shardsFile.Close()); err != nil {
			return diskError("write", s.shardsPath, err)
		}
		s.shardsFile = nil
	}
	buffer, err := s.wanted.finish()
	if err != nil {
		return err
	}
	s.held.buffer = buffer
	all, err := s.wanted.all()
	if err != nil {
		return err
	}
	defer all.close()
	f := newFilter(min(s.limits.filterBytes, int64(s.occurrences)*filterBits/8))
	var r record
	for {
		more, err := all.next(&r)
		if err != nil {
			return err
		}
		if !more {
			s.filter = f
			return nil
		}
		f.add(r[0], r[1])
	}
}

// hold looks for the chunks of one object from the first one given.
func (s *spill) hold(object int32, chunks []chunker.Chunk, first int) error {
	if err := s.seal(); err != nil {
		return err
	}
	for i := first; i < len(chunks); i++ {
		c := &chunks[i]
		if !named(*c) || !s.filter.mayHave(prefix(&c.Digest)) {
			continue
		}
		var last uint32
		if i > 0 && chunks[i-1].End() == c.Offset {
			last = before(&chunks[i-1])
		}
		if err := s.held.add(heldRecord(c, s.order, object, c.Offset, last)); err != nil {
			return err
		}
	}
	s.order++
	return nil
}

// take takes over what a table knows.
func (s *spill) take(t *table) error {
	at := 0
	for shard := range t.shards.n {
		chunks := *t.shards.at(shard)
		if err := s.shard(int(chunks)); err != nil {
			return err
		}
		var last uint32
		for range chunks {
			c := t.chunk(*t.occurrences.at(at))
			if err := s.wanted.add(wantedRecord(&c, last, s.occurrences)); err != nil {
				return err
			}
			last = before(&c)
			s.occurrences++
			at++
		}
	}
	if t.nodes.n == 0 {
		return nil
	}
	if err := s.seal(); err != nil {
		return err
	}
	for n := uint32(1); n <= uint32(t.entries.n); n++ {
		e := t.entry(n)
		if err := s.takeList(t, n, e.before&^morePairs, e.places, 0); err != nil {
			return err
		}
		if err := s.takeList(t, n, e.before&^morePairs, e.longer, s.o.MaxPlaces); err != nil {
			return err
		}
	}
	for p, head := range t.pairs {
		if err := s.takeList(t, p.entry, p.before, head, 2*s.o.MaxPlaces); err != nil {
			return err
		}
	}
	return nil
}

// takeList takes over one list of a table's nodes. Nodes do not know in which call of Hold they were found, but lists are in that
// order, and all of them come before what is held from now on: their positions, from order on, take the place of it.
func (s *spill) takeList(t *table, n, last, head uint32, order int) error {
	c := t.chunk(n)
	for v := range t.list(head) {
		var name uint32
		if v.continues() && last != 0 {
			b := t.chunk(last)
			name = before(&b)
		}
		p := v.place()
		if err := s.held.add(heldRecord(&c, uint32(order), p.Object, p.Offset, name)); err != nil {
			return err
		}
		order++
	}
	return nil
}

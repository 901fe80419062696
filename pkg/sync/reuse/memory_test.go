package reuse

import (
	"runtime"
	"testing"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/sync/parts"
)

// stream makes recipes of chunks that nobody has seen, from a cheap generator (splitmix64).
type stream struct {
	state  uint64
	chunks []chunker.Chunk
}

func (s *stream) next() uint64 {
	s.state += 0x9E3779B97F4A7C15
	z := s.state
	z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
	z = (z ^ z>>27) * 0x94D049BB133111EB
	return z ^ z>>31
}

// recipe returns the chunks of the next object, valid until the next call.
func (s *stream) recipe(chunks int) []chunker.Chunk {
	if cap(s.chunks) < chunks {
		s.chunks = make([]chunker.Chunk, chunks)
	}
	s.chunks = s.chunks[:chunks]
	var at int64
	for i := range s.chunks {
		c := &s.chunks[i]
		for j := range 4 {
			z := s.next()
			for k := range 8 {
				c.Digest[8*j+k] = byte(z >> (8 * k))
			}
		}
		c.Offset, c.Length = at, 32<<10+int64(c.Digest[0]&15)<<12
		at += c.Length
	}
	return s.chunks
}

// live is what the garbage collector keeps.
func live() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// What the table says of its memory is true, and a missing chunk costs what the package says.
func TestTableMemory(t *testing.T) {
	const shards, each = 80, 4096
	s := stream{}
	s.recipe(each)
	before := live()
	f := newFinder(t, Options{Dir: t.TempDir()})
	s.state = 0
	for range shards {
		if err := f.Want(s.recipe(each)); err != nil {
			t.Fatal(err)
		}
	}
	s.state = 0
	for i := range shards {
		if _, err := f.Hold(int32(i), s.recipe(each)); err != nil {
			t.Fatal(err)
		}
	}
	used, said := live()-before, f.mem.bytes()
	runtime.KeepAlive(s.chunks)
	if used < said*9/10 || used > said*11/10 {
		t.Errorf("%d bytes are live, the table says %d", used, said)
	}
	// 48, a slot in 3/8 to 3/4 of 4 bytes, 4, a filter of 2, and a place of 16.
	if n := said / (shards * each); n > 48+11+4+2+16 {
		t.Errorf("%d bytes a chunk", n)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// A chunk of zeros that is wanted after each other chunk makes a pair each, and those count, too.
func TestPairsMemory(t *testing.T) {
	const each = 200_000
	s := stream{}
	chunks := s.recipe(each)
	before := live()
	f := newFinder(t, Options{Dir: t.TempDir()})
	for i := 1; i < each; i += 2 {
		chunks[i].Digest, chunks[i].Length = chunker.Digest{}, 1
	}
	if err := f.Want(chunks); err != nil {
		t.Fatal(err)
	}
	used, said := live()-before, f.mem.bytes()
	runtime.KeepAlive(chunks)
	if len(f.mem.pairs) < each/2-1 || used > said*11/10 {
		t.Errorf("%d pairs; %d bytes are live, the table says %d", len(f.mem.pairs), used, said)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// Once spilled, memory does not grow with what is wanted or held.
func TestSpilledMemory(t *testing.T) {
	const memoryBytes, shards, each = 4 << 20, 64, 4096
	var most, before int64
	s := stream{}
	s.recipe(each)
	f := newFinder(t, Options{MemoryBytes: memoryBytes, Dir: memoryDir(t), Stop: func() error {
		most = max(most, live()-before)
		return nil
	}})
	before = live()
	for range shards {
		if err := f.Want(s.recipe(each)); err != nil {
			t.Fatal(err)
		}
	}
	s.state = 0
	s.recipe(each)
	for i := range shards {
		if _, err := f.Hold(int32(i), s.recipe(each)); err != nil {
			t.Fatal(err)
		}
	}
	found := 0
	err := f.Each(func(_ int, places [][]parts.Place) error {
		for _, p := range places {
			found += len(p)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if found != shards*each {
		t.Errorf("found %d of %d chunks", found, shards*each)
	}
	if f.disk == nil || most > memoryBytes {
		t.Errorf("%d bytes were live at most, allowed are %d", most, memoryBytes)
	}
	t.Logf("%.1f MiB were live at most", float64(most)/(1<<20))
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

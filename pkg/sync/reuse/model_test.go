package reuse

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/sync/parts"
)

// search is one question: shards that are wanted, objects that are held in order of preference.
type search struct {
	max    int
	wanted [][]chunker.Chunk
	held   []object
}

type object struct {
	name   int32
	chunks []chunker.Chunk
}

// answers has, for each shard and chunk, its places.
type answers [][][]parts.Place

// places are all places of the chunk i of a shard, best first, found the slow way.
func (s search) places(shard []chunker.Chunk, i int) (all []parts.Place) {
	same := func(a, b chunker.Chunk) bool { return a.Digest == b.Digest && a.Length == b.Length }
	var others []parts.Place
	for _, o := range s.held {
		for j, c := range o.chunks {
			p := parts.Place{Object: o.name, Offset: c.Offset}
			switch {
			case !same(c, shard[i]) || slices.Contains(all, p) || slices.Contains(others, p):
			case i > 0 && j > 0 && same(shard[i-1], o.chunks[j-1]):
				all = append(all, p)
			default:
				others = append(others, p)
			}
		}
	}
	return append(all, others...)
}

// model answers the slow way.
func (s search) model() answers {
	out := make(answers, len(s.wanted))
	for k, shard := range s.wanted {
		out[k] = make([][]parts.Place, len(shard))
		for i := range shard {
			if p := s.places(shard, i); len(p) > 0 {
				out[k][i] = p[:min(len(p), s.max)]
			}
		}
	}
	return out
}

// crowded tells whether a chunk has more than so many places.
func (s search) crowded(places int) bool {
	for _, shard := range s.wanted {
		for i := range shard {
			if len(s.places(shard, i)) > places {
				return true
			}
		}
	}
	return false
}

func newFinder(t rapid.TB, o Options) *Finder {
	t.Helper()
	f, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// run asks a Finder.
func (s search) run(t rapid.TB, f *Finder) answers {
	t.Helper()
	for _, shard := range s.wanted {
		if err := f.Want(shard); err != nil {
			t.Fatal(err)
		}
	}
	for _, o := range s.held {
		if _, err := f.Hold(o.name, o.chunks); err != nil {
			t.Fatal(err)
		}
	}
	got := collect(t, f)
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return got
}

func collect(t rapid.TB, f *Finder) answers {
	t.Helper()
	got := answers{}
	err := f.Each(func(shard int, places [][]parts.Place) error {
		if shard != len(got) {
			t.Fatalf("shard %d, want %d", shard, len(got))
		}
		list := make([][]parts.Place, len(places))
		for i, p := range places {
			list[i] = slices.Clone(p)
		}
		got = append(got, list)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func wantAnswers(t rapid.TB, got, want answers) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Fatalf("places (-want +got):\n%s", d)
	}
}

// wantValid checks what holds for every choice: as many places as there are, up to the limit, each of them true and once.
func (s search) wantValid(t rapid.TB, got answers) {
	t.Helper()
	for k, shard := range s.wanted {
		for i := range shard {
			all := s.places(shard, i)
			if len(got[k][i]) != min(len(all), s.max) {
				t.Fatalf("shard %d chunk %d has %d places of %d", k, i, len(got[k][i]), len(all))
			}
			for j, p := range got[k][i] {
				if !slices.Contains(all, p) || slices.Contains(got[k][i][:j], p) {
					t.Fatalf("shard %d chunk %d: place %v is not held, or twice in %v", k, i, p, got[k][i])
				}
			}
		}
	}
}

// chunkOf makes a chunk of a number: 0 to 99 share their first 8 bytes with others, as digests in one slot do.
func chunkOf(n int) chunker.Chunk {
	c := chunker.Chunk{Digest: chunker.Sum(fmt.Append(nil, n)), Length: int64(1000 + n/2)}
	if n < 100 {
		copy(c.Digest[:8], "collides")
	}
	return c
}

// cut puts chunks one after the other.
func cut(numbers ...int) []chunker.Chunk {
	out := make([]chunker.Chunk, len(numbers))
	var at int64
	for i, n := range numbers {
		out[i] = chunkOf(n)
		out[i].Offset = at
		at += out[i].Length
	}
	return out
}

// numbers are chunks of which a few occur often, with pieces of what was drawn before: long runs and many duplicates.
func numbers(t *rapid.T, kinds int, before [][]int, label string) []int {
	var out []int
	for range rapid.IntRange(0, 6).Draw(t, label+" pieces") {
		if len(before) > 0 && rapid.Bool().Draw(t, "again") {
			b := rapid.SampledFrom(before).Draw(t, "from")
			first := rapid.IntRange(0, len(b)).Draw(t, "first")
			out = append(out, b[first:rapid.IntRange(first, len(b)).Draw(t, "end")]...)
			continue
		}
		out = append(out, rapid.SliceOfN(rapid.IntRange(0, kinds-1), 0, 12).Draw(t, "new")...)
		if rapid.IntRange(0, 3).Draw(t, "zeros") == 0 {
			out = append(out, slices.Repeat([]int{0}, rapid.IntRange(1, 12).Draw(t, "zeros"))...)
		}
	}
	return out
}

func drawSearch(t *rapid.T) search {
	kinds := rapid.SampledFrom([]int{3, 30, 300}).Draw(t, "kinds")
	s := search{max: rapid.SampledFrom([]int{1, 2, 3, 4, 5, 40}).Draw(t, "max places")}
	var drawn [][]int
	for range rapid.IntRange(0, 5).Draw(t, "shards") {
		drawn = append(drawn, numbers(t, kinds, drawn, "shard"))
		s.wanted = append(s.wanted, cut(drawn[len(drawn)-1]...))
	}
	for i := range rapid.IntRange(0, 6).Draw(t, "objects") {
		drawn = append(drawn, numbers(t, kinds, drawn, "object"))
		// Names are in no order; one may come twice.
		s.held = append(s.held, object{int32(rapid.IntRange(0, 3).Draw(t, "name") * (7 - i)), cut(drawn[len(drawn)-1]...)})
	}
	// Of the same name are the same chunks.
	for i := range s.held {
		for _, o := range s.held[:i] {
			if o.name == s.held[i].name {
				s.held[i].chunks = o.chunks
			}
		}
	}
	return s
}

// tiny limits make many runs and several rounds of merging.
func tinyLimits(t *rapid.T) limits {
	return limits{
		buffer: rapid.IntRange(1, 40).Draw(t, "buffer"), fanIn: rapid.IntRange(2, 4).Draw(t, "fan-in"),
		mergeBytes: 1, filterBytes: int64(rapid.IntRange(1, 64).Draw(t, "filter")),
	}
}

func TestFinderAgainstModel(t *testing.T) {
	dir := memoryDir(t)
	rapid.Check(t, func(t *rapid.T) {
		s := drawSearch(t)
		want := s.model()
		f := newFinder(t, Options{MaxPlaces: s.max, Dir: dir})
		wantAnswers(t, s.run(t, f), want)
		if f.disk != nil {
			t.Fatal("spilled")
		}
	})
}

func TestSpilledFinderAgainstModel(t *testing.T) {
	dir := memoryDir(t)
	rapid.Check(t, func(t *rapid.T) {
		s := drawSearch(t)
		f := newFinder(t, Options{MaxPlaces: s.max, Dir: dir})
		f.limits = tinyLimits(t)
		// The first shards stay in memory until one does not.
		spillAt := rapid.IntRange(0, len(s.wanted)).Draw(t, "spill at")
		first := search{max: s.max, wanted: s.wanted[:spillAt]}
		f.limits.tableBytes = 1 << 30
		for _, shard := range first.wanted {
			if err := f.Want(shard); err != nil {
				t.Fatal(err)
			}
		}
		f.limits.tableBytes = 0
		rest := s
		rest.wanted = s.wanted[spillAt:]
		got := rest.run(t, f)
		// With more than maxCandidates, another choice may be kept.
		if s.crowded(maxCandidates) {
			s.wantValid(t, got)
		} else {
			wantAnswers(t, got, s.model())
		}
	})
}

// What a table knows is taken over between two objects, and answers are as if it had been on disk, or in memory, all the time.
func TestSpillBetweenObjects(t *testing.T) {
	dir := memoryDir(t)
	known := 0
	rapid.Check(t, func(t *rapid.T) {
		s := drawSearch(t)
		f := newFinder(t, Options{MaxPlaces: s.max, Dir: dir})
		f.limits = tinyLimits(t)
		f.limits.tableBytes = 1 << 30
		at := rapid.IntRange(0, len(s.held)).Draw(t, "spill at")
		for _, shard := range s.wanted {
			if err := f.Want(shard); err != nil {
				t.Fatal(err)
			}
		}
		for i := 0; i <= len(s.held); i++ {
			if i == at {
				known += f.mem.nodes.n
				if err := f.spill(); err != nil {
					t.Fatal(err)
				}
			}
			if i < len(s.held) {
				if _, err := f.Hold(s.held[i].name, s.held[i].chunks); err != nil {
					t.Fatal(err)
				}
			}
		}
		s.wantSame(t, collect(t, f))
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	})
	if known == 0 {
		t.Error("no place was known when it spilled")
	}
}

// wantSame checks answers that were on disk after they were in memory: those of the model where no choice was to be made.
func (s search) wantSame(t rapid.TB, got answers) {
	t.Helper()
	if s.crowded(s.max) {
		s.wantValid(t, got)
	} else {
		wantAnswers(t, got, s.model())
	}
}

// When places are what does not fit, it goes on with the rest of the object on disk.
func TestSpillWhileHolding(t *testing.T) {
	dir := memoryDir(t)
	spilled := map[bool]int{} // how often, by whether places were known by then
	rapid.Check(t, func(t *rapid.T) {
		s := drawSearch(t)
		f := newFinder(t, Options{MaxPlaces: s.max, Dir: dir})
		l := tinyLimits(t)
		room := rapid.IntRange(0, 30).Draw(t, "room for places")
		for _, shard := range s.wanted {
			if err := f.Want(shard); err != nil {
				t.Fatal(err)
			}
		}
		for range pageLen - room { // nodes that no list has
			f.mem.nodes.add(node{})
		}
		l.tableBytes = f.mem.bytes()
		f.limits = l
		for _, o := range s.held {
			if _, err := f.Hold(o.name, o.chunks); err != nil {
				t.Fatal(err)
			}
		}
		if f.disk != nil {
			spilled[room > 3]++
		}
		got := collect(t, f)
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		s.wantSame(t, got)
	})
	if spilled[true] == 0 || spilled[false] == 0 {
		t.Errorf("spilled %v times", spilled)
	}
}

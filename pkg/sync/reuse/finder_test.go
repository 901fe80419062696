package reuse

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/sync/parts"
)

func at(object int32, offset int64) parts.Place { return parts.Place{Object: object, Offset: offset} }

// offset of the chunk i of cut(numbers...).
func offset(i int, numbers ...int) int64 { return cut(numbers...)[i].Offset }

func TestPlacesAndPreference(t *testing.T) {
	const zero, a, b, c, d = 0, 201, 202, 203, 204
	lots := slices.Repeat([]int{zero}, 5000)
	for name, test := range map[string]struct {
		search
		want answers
	}{
		"nothing wanted": {search{held: []object{{1, cut(a)}}}, answers{}},
		"an empty shard": {search{wanted: [][]chunker.Chunk{nil, cut(a)}, held: []object{{1, cut(a)}}}, answers{{}, {{at(1, 0)}}}},
		"nothing held":   {search{wanted: [][]chunker.Chunk{cut(a, b)}}, answers{{nil, nil}}},
		"every occurrence has the places": {
			search{wanted: [][]chunker.Chunk{cut(a, b, a), cut(a)}, held: []object{{1, cut(a)}}},
			answers{{{at(1, 0)}, nil, {at(1, 0)}}, {{at(1, 0)}}},
		},
		"what is held first comes first": {
			search{wanted: [][]chunker.Chunk{cut(a)}, held: []object{{9, cut(a)}, {2, cut(a)}, {5, cut(a)}, {1, cut(a)}, {0, cut(a)}}},
			answers{{{at(9, 0), at(2, 0), at(5, 0), at(1, 0)}}},
		},
		"zeros keep the first places": {
			search{wanted: [][]chunker.Chunk{cut(zero)}, held: []object{{1, cut(lots...)}, {2, cut(zero)}}},
			answers{{{at(1, 0), at(1, 1000), at(1, 2000), at(1, 3000)}}},
		},
		"a place that continues the run goes before thousands that do not": {
			search{wanted: [][]chunker.Chunk{cut(a, zero, b)}, held: []object{{1, cut(lots...)}, {2, cut(c, a, zero, b)}}},
			answers{{
				{at(2, offset(1, c, a))},
				{at(2, offset(2, c, a, zero)), at(1, 0), at(1, 1000), at(1, 2000)},
				{at(2, offset(3, c, a, zero, b))},
			}},
		},
		"each occurrence continues its own run": {
			search{
				wanted: [][]chunker.Chunk{cut(a, zero), cut(b, zero), cut(c, zero), cut(zero)},
				held:   []object{{1, cut(lots...)}, {2, cut(c, zero)}, {3, cut(b, zero)}, {4, cut(a, zero)}},
			},
			answers{
				{{at(4, 0)}, {at(4, offset(1, a, zero)), at(1, 0), at(1, 1000), at(1, 2000)}},
				{{at(3, 0)}, {at(3, offset(1, b, zero)), at(1, 0), at(1, 1000), at(1, 2000)}},
				{{at(2, 0)}, {at(2, offset(1, c, zero)), at(1, 0), at(1, 1000), at(1, 2000)}},
				{{at(1, 0), at(1, 1000), at(1, 2000), at(1, 3000)}},
			},
		},
		"one place at most": {
			search{max: 1, wanted: [][]chunker.Chunk{cut(a, zero)}, held: []object{{1, cut(zero)}, {2, cut(d, a, zero)}}},
			answers{{{at(2, offset(1, d, a))}, {at(2, offset(2, d, a, zero))}}},
		},
		"another length is another chunk": {
			search{wanted: [][]chunker.Chunk{cut(a)}, held: []object{{1, []chunker.Chunk{{Length: 7, Digest: chunkOf(a).Digest}}}}},
			answers{{nil}},
		},
	} {
		for _, spilled := range []bool{false, true} {
			t.Run(name+map[bool]string{true: ", spilled"}[spilled], func(t *testing.T) {
				f := newFinder(t, Options{MaxPlaces: test.max, Dir: t.TempDir()})
				if spilled {
					if err := f.spill(); err != nil {
						t.Fatal(err)
					}
				}
				if spilled && strings.Contains(name, "own run") {
					// The runs are beyond the candidates that are looked at: only the first places are certain.
					test.held[0].chunks = test.held[0].chunks[:maxCandidates-3]
				}
				if spilled && strings.Contains(name, "thousands") {
					test.held[0].chunks = test.held[0].chunks[:maxCandidates-1]
				}
				wantAnswers(t, test.run(t, f), test.want)
			})
		}
	}
}

// A chunk that is held right after another one in a list, but not in the object, continues nothing.
func TestGapContinuesNothing(t *testing.T) {
	held := cut(201, 202)
	held[1].Offset++
	s := search{wanted: [][]chunker.Chunk{cut(201, 202)}, held: []object{{1, cut(202)}, {2, held}}}
	for _, spilled := range []bool{false, true} {
		f := newFinder(t, Options{Dir: t.TempDir()})
		if spilled {
			if err := f.spill(); err != nil {
				t.Fatal(err)
			}
		}
		wantAnswers(t, s.run(t, f), answers{{{at(2, 0)}, {at(1, 0), at(2, held[1].Offset)}}})
	}
}

func TestDone(t *testing.T) {
	f := newFinder(t, Options{Dir: t.TempDir()})
	for _, shard := range [][]chunker.Chunk{cut(1, 2, 3), cut(3, 2)} {
		if err := f.Want(shard); err != nil {
			t.Fatal(err)
		}
	}
	for i, step := range []struct {
		chunks []chunker.Chunk
		want   bool
	}{{cut(1), false}, {cut(1, 2), false}, {cut(9), false}, {cut(2, 3), true}, {cut(9), true}} {
		if done, err := f.Hold(int32(i), step.chunks); err != nil || done != step.want {
			t.Errorf("object %d: done %v, %v", i, done, err)
		}
	}
}

func TestOrderOfCalls(t *testing.T) {
	f := newFinder(t, Options{Dir: t.TempDir()})
	none := func(int, [][]parts.Place) error { return nil }
	if _, err := f.Hold(0, cut(1)); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		call func() error
		want string
	}{
		{func() error { return f.Want(cut(1)) }, "Want after Hold"},
		{func() error { return f.Each(none) }, ""},
		{func() error { return f.Each(none) }, "Each after Each"},
		{func() error { _, err := f.Hold(0, nil); return err }, "Hold after Each"},
		{f.Close, ""},
		{f.Close, ""},
		{func() error { return f.Each(none) }, "Each after Close"},
	} {
		if err := step.call(); (err == nil) != (step.want == "") || err != nil && !strings.Contains(err.Error(), step.want) {
			t.Errorf("error %v, want %q", err, step.want)
		}
	}
}

func TestOptionsOutOfRange(t *testing.T) {
	for _, o := range []Options{{MemoryBytes: -1}, {MaxPlaces: -1}, {MaxPlaces: maxMaxPlaces + 1}} {
		if _, err := New(o); err == nil || !strings.Contains(err.Error(), "places") {
			t.Errorf("%+v: %v", o, err)
		}
	}
}

func TestChunkOfImpossibleLength(t *testing.T) {
	for _, length := range []int64{-1, 0, math.MaxUint32 + 6} {
		f := newFinder(t, Options{Dir: t.TempDir()})
		if err := f.Want([]chunker.Chunk{{Length: length}}); err == nil || !strings.Contains(err.Error(), "index the shard again") {
			t.Errorf("%d bytes: %v", length, err)
		}
		// Held, it is no wanted chunk, even if the lower half of its length is that of one.
		f = newFinder(t, Options{Dir: t.TempDir()})
		if err := errors.Join(f.spill(), f.Want([]chunker.Chunk{{Length: max(1, int64(uint32(length)))}})); err != nil {
			t.Fatal(err)
		}
		if _, err := f.Hold(0, []chunker.Chunk{{Length: length}}); err != nil {
			t.Fatal(err)
		}
		wantAnswers(t, collect(t, f), answers{{nil}})
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// An error of the caller's function ends the answer, and files go all the same.
func TestEachEndsWithTheCallersError(t *testing.T) {
	for _, spilled := range []bool{false, true} {
		dir := t.TempDir()
		f := newFinder(t, Options{Dir: dir})
		if spilled {
			if err := f.spill(); err != nil {
				t.Fatal(err)
			}
		}
		for range 3 {
			if err := f.Want(cut(1)); err != nil {
				t.Fatal(err)
			}
		}
		mine := errors.New("mine")
		calls := 0
		err := f.Each(func(int, [][]parts.Place) error { calls++; return mine })
		if !errors.Is(err, mine) || calls != 1 {
			t.Errorf("error %v after %d calls", err, calls)
		}
		if _, err := f.Hold(0, nil); !errors.Is(err, mine) {
			t.Errorf("afterwards %v", err)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
		wantEmpty(t, dir)
	}
}

func wantEmpty(t testing.TB, dir string) {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(list) > 0 {
		t.Errorf("left in %s: %v, %v", dir, list, err)
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

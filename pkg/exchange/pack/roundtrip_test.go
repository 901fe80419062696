package pack

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"github.com/datagravity/datagravity/internal/corpus"
	"github.com/datagravity/datagravity/pkg/chunker"
)

// anyBytes are random, repeated, or of few values; some of all lengths.
func anyBytes(t *rapid.T, most int) []byte {
	n := rapid.OneOf(rapid.IntRange(1, 300), rapid.IntRange(1, most)).Draw(t, "length")
	stream := rapid.Uint64().Draw(t, "seed")
	switch rapid.IntRange(0, 3).Draw(t, "kind") {
	case 0:
		return corpus.Random(stream, int64(n))
	case 1:
		return corpus.Masks(stream, int64(n))
	case 2:
		return bytes.Repeat([]byte{byte(stream)}, n)
	}
	return corpus.Pattern(1+int(stream%5000), int64(n))
}

// relative is a base of some likeness to data: part of it, it between others, or nothing alike.
func relative(t *rapid.T, data []byte) (list []Old) {
	for range rapid.IntRange(0, 3).Draw(t, "olds") {
		b := anyBytes(t, 1<<17)
		if rapid.Bool().Draw(t, "alike") {
			from := rapid.IntRange(0, len(data)-1).Draw(t, "from")
			b = bytes.Clone(data[from:rapid.IntRange(from+1, len(data)).Draw(t, "to")])
			b[rapid.IntRange(0, len(b)-1).Draw(t, "at")] ^= 1
		}
		list = append(list, Old{chunker.Sum(b), b})
	}
	return list
}

func TestRoundTrip(t *testing.T) {
	encoders := map[Options]*Encoder{} // kept, as a caller keeps them: nothing may leak from one run into the next
	rapid.Check(t, func(t *rapid.T) {
		o := Options{
			Level:    Level(rapid.IntRange(int(DefaultLevel), int(Better)).Draw(t, "level")),
			RunBytes: rapid.SampledFrom([]int64{0, 1, 1 << 16, MaxFrameBytes}).Draw(t, "run"),
		}
		e := encoders[o]
		if e == nil {
			var err error
			if e, err = NewEncoder(o); err != nil {
				t.Fatal(err)
			}
			encoders[o] = e
		}
		w := NewWriter(MaxPackBytes)
		var runs [][]Chunk
		for range rapid.IntRange(1, 3).Draw(t, "runs") {
			var run []Chunk
			for range rapid.IntRange(1, 6).Draw(t, "chunks") {
				data := anyBytes(t, 1<<18)
				run = append(run, Chunk{chunker.Sum(data), data, relative(t, data)})
			}
			frames, err := e.Encode(run)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range frames {
				w.Add(f)
			}
			runs = append(runs, run)
		}
		b, err := w.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		checkRoundTrip(t, b, runs...)
		checkTotals(t, w, b)
	})
}

// checkTotals compares them with what a reader finds.
func checkTotals(t tester, w *Writer, b []byte) {
	t.Helper()
	got := w.Totals()
	want := Totals{PackBytes: int64(len(b))}
	p, err := Open(b)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range p.Frames {
		e := &want.ByEncoding[f.Encoding]
		e.Frames++
		e.Chunks += int64(f.Count)
		e.ContentBytes += f.ContentBytes
		e.StoredBytes += f.StoredBytes
		want.Chunks += int64(f.Count)
		want.ContentBytes += f.ContentBytes
		want.StoredBytes += f.StoredBytes
	}
	if got != want {
		t.Fatalf("totals %+v, want %+v", got, want)
	}
	if name, err := w.Name(); err != nil || name != chunker.Sum(b) {
		t.Fatalf("name %s, %v", name, err)
	}
}

// Frames as long as they may be, with bases as long as they may be, at every level.
func TestLargestFrames(t *testing.T) {
	old := corpus.Random(1, MaxFrameBytes)
	fresh := edited(old, 64<<10, 1)
	for level := DefaultLevel; level <= Best; level++ {
		if testing.Short() && level == Best {
			continue
		}
		t.Run(level.String(), func(t *testing.T) {
			whole := []Chunk{{chunker.Sum(fresh), fresh, []Old{{chunker.Sum(old), old}}}}
			b := packOf(t, Options{Level: level}, whole)
			checkRoundTrip(t, b, whole)
			if share := float64(len(b)) / float64(len(fresh)); share > 0.105 {
				t.Errorf("stored %.1f %%", 100*share)
			}
			text := jsonLines(int(MaxFrameBytes))
			run := cut(text, 64<<10)
			b = packOf(t, Options{Level: level, RunBytes: MaxFrameBytes}, run)
			checkRoundTrip(t, b, run)
			if share := float64(len(b)) / float64(len(text)); share > 0.4 {
				t.Errorf("stored %.1f %% of text", 100*share)
			}
		})
	}
}

// Frames are decoded in any order, from their ranges, by many at once.
func TestFramesByRange(t *testing.T) {
	old := corpus.Random(1, 2<<20)
	runs := [][]Chunk{against(edited(old, 64<<10, 8), old, 64<<10), cut(jsonLines(2<<20), 50_000), cut(corpus.Random(9, 1<<20), 70_000)}
	b := packOf(t, Options{}, runs...)
	n, err := TablesBytes(b[:PrefixBytes])
	if err != nil {
		t.Fatal(err)
	}
	p, err := Open(b[:n])
	if err != nil {
		t.Fatal(err)
	}
	if p.Bytes != int64(len(b)) || p.Frames[0].Offset != n {
		t.Errorf("%d bytes, frames from %d; want %d and %d", p.Bytes, p.Frames[0].Offset, len(b), n)
	}
	for _, i := range rand.New(rand.NewPCG(1, 1)).Perm(len(p.Frames)) {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			f, seen := p.Frames[i], 0
			err := p.Decode(i, b[f.Offset:f.End()], oldOf(runs...), func(e Entry, data []byte) error {
				if e != p.Entries[f.First+seen] || chunker.Sum(data) != e.Digest {
					t.Errorf("entry %+v", e)
				}
				seen++
				return nil
			})
			if err != nil || seen != f.Count {
				t.Errorf("%d of %d chunks, %v", seen, f.Count, err)
			}
		})
	}
}

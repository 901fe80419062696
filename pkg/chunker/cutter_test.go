package chunker

import (
	"bytes"
	"encoding/json"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// small parameters give many chunks, seams and forced cuts in little data.
var small = Params{Algorithm: AlgorithmPlain, MinBytes: 1024, AvgBytes: 4096, MaxBytes: 6000}

// content draws data that has boundaries, forced cuts and runs.
func content(t *rapid.T) []byte {
	var data []byte
	for range rapid.IntRange(0, 4).Draw(t, "pieces") {
		n := rapid.IntRange(0, 12000).Draw(t, "bytes")
		if rapid.Bool().Draw(t, "run") {
			data = append(data, bytes.Repeat([]byte{rapid.Byte().Draw(t, "value")}, n)...)
		} else {
			data = append(data, randomBytes(n, rapid.Byte().Draw(t, "seed"))...)
		}
	}
	return data
}

// splits draws the lengths of the parts that data is fed in.
func splits(t *rapid.T, data []byte) [][]byte {
	var parts [][]byte
	for len(data) > 0 {
		n := min(len(data), rapid.OneOf(rapid.IntRange(0, 40), rapid.IntRange(0, 9000)).Draw(t, "part"))
		parts = append(parts, data[:n])
		data = data[n:]
	}
	return parts
}

func checkChunks(t *rapid.T, p Params, data []byte, chunks []Chunk) {
	t.Helper()
	var at int64
	for i, c := range chunks {
		if c.Offset != at || c.Length < 1 || c.Length > p.MaxBytes || i < len(chunks)-1 && c.Length < p.MinBytes {
			t.Fatalf("chunk %d of %d: offset %d, %d bytes after byte %d", i, len(chunks), c.Offset, c.Length, at)
		}
		if got := Sum(data[c.Offset:c.End()]); got != c.Digest {
			t.Fatalf("chunk %d: digest %s, want %s", i, c.Digest, got)
		}
		at = c.End()
	}
	if at != int64(len(data)) {
		t.Fatalf("chunks end at %d of %d", at, len(data))
	}
}

func TestChunksCoverTheShard(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		data := content(t)
		checkChunks(t, small, data, cutAll(small, data))
	})
}

func TestTinyShards(t *testing.T) {
	if got := cutAll(DefaultParams(), nil); got != nil {
		t.Errorf("empty shard: %v", got)
	}
	want := []Chunk{{Length: 1, Digest: Sum([]byte{7})}}
	if diff := cmp.Diff(want, cutAll(DefaultParams(), []byte{7})); diff != "" {
		t.Errorf("one byte:\n%s", diff)
	}
}

func TestAnySplitGivesTheSameChunks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		data := content(t)
		c, err := NewCutter(small)
		if err != nil {
			t.Fatal(err)
		}
		var got []Chunk
		emit := func(c Chunk) { got = append(got, c) }
		for _, part := range splits(t, data) {
			scratch := bytes.Clone(part)
			c.Feed(scratch, false, emit)
			clear(scratch) // a part is not kept
		}
		c.Feed(nil, true, emit)
		if diff := cmp.Diff(cutAll(small, data), got); diff != "" {
			t.Fatal(diff)
		}
	})
}

// A window of 56 bytes can lie across the seam between two parts, or across many small parts; random splits seldom try
// it. Here every boundary has a seam at every distance, and the parts around it every small length.
func TestSeamsNearBoundaries(t *testing.T) {
	data := randomBytes(30_000, 14)
	want := cutAll(small, data)
	byContent := 0
	for _, chunk := range want[:len(want)-1] {
		if chunk.Length < small.MaxBytes {
			byContent++
		}
		for distance := int64(-60); distance <= 60; distance++ {
			for _, step := range []int64{1, 7, 55, 56, 1 << 20} {
				c, err := NewCutter(small)
				if err != nil {
					t.Fatal(err)
				}
				var got []Chunk
				emit := func(c Chunk) { got = append(got, c) }
				seam := min(int64(len(data)), chunk.End()+distance)
				c.Feed(data[:seam], false, emit)
				for at := seam; at < int64(len(data)); {
					n := min(step, int64(len(data))-at)
					if at > chunk.End()+60 {
						n = int64(len(data)) - at
					}
					c.Feed(data[at:at+n], false, emit)
					at += n
				}
				c.Feed(nil, true, emit)
				if diff := cmp.Diff(want, got); diff != "" {
					t.Fatalf("seam %d from the boundary at %d, then parts of %d:\n%s", distance, chunk.End(), step, diff)
				}
			}
		}
	}
	if byContent < 3 {
		t.Fatalf("only %d boundaries by content", byContent)
	}
}

func TestResumeAtAnyPart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		data := content(t)
		c, err := NewCutter(small)
		if err != nil {
			t.Fatal(err)
		}
		var got []Chunk
		emit := func(c Chunk) { got = append(got, c) }
		for _, part := range splits(t, data) {
			c.Feed(part, false, emit)
			s := c.State()
			if s.At-s.OpenStart >= small.MaxBytes {
				t.Fatalf("%d bytes to read again", s.At-s.OpenStart)
			}
			if c, err = ResumeCutter(small, s, data[s.OpenStart:s.At]); err != nil {
				t.Fatal(err)
			}
			if !cmp.Equal(c.State(), s) {
				t.Fatalf("resumed at %v, want %v", c.State(), s)
			}
		}
		c.Feed(nil, true, emit)
		if diff := cmp.Diff(cutAll(small, data), got); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestResumeRefusesWhatCannotBe(t *testing.T) {
	data := randomBytes(12_000, 9)
	first := cutAll(small, data)[0].Length
	for name, tc := range map[string]struct {
		s    State
		tail []byte
	}{
		"short tail":       {State{OpenStart: 10, At: 30}, data[:19]},
		"long tail":        {State{OpenStart: 10, At: 30}, data[:21]},
		"negative":         {State{OpenStart: -1, At: 0}, data[:1]},
		"backwards":        {State{OpenStart: 5, At: 4}, nil},
		"whole chunk":      {State{OpenStart: 0, At: small.MaxBytes}, make([]byte, small.MaxBytes)},
		"chunk ends there": {State{OpenStart: 0, At: first + 1}, data[:first+1]},
	} {
		if _, err := ResumeCutter(small, tc.s, tc.tail); err == nil || !strings.Contains(err.Error(), "cut the shard from its start") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := ResumeCutter(Params{}, State{}, nil); err == nil {
		t.Error("no parameters: no error")
	}
}

func TestStateSurvivesJSON(t *testing.T) {
	want := State{OpenStart: 1 << 40, At: 1<<40 + 5, Format: []byte{1, 0, 255}, Extra: []byte{2}}
	b, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got State
	if err := json.Unmarshal(b, &got); err != nil || !cmp.Equal(got, want) {
		t.Errorf("%s: %v, %v", b, got, err)
	}
}

func TestFeedAfterFinalPanics(t *testing.T) {
	c, err := NewCutter(small)
	if err != nil {
		t.Fatal(err)
	}
	c.Feed(nil, true, func(Chunk) {})
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	c.Feed([]byte{1}, false, func(Chunk) {})
}

func TestCuttingDoesNotAllocate(t *testing.T) {
	data := randomBytes(1<<20, 11)
	c, err := NewCutter(small)
	if err != nil {
		t.Fatal(err)
	}
	emit := func(Chunk) {}
	if n := testing.AllocsPerRun(5, func() { c.Feed(data, false, emit) }); n != 0 {
		t.Errorf("%v allocations a part", n)
	}
}

// After an edit the boundaries are soon the old ones again, so that few bytes are new.
func TestBoundariesResynchronise(t *testing.T) {
	p := ParamsFor(AlgorithmPlain, 8<<10)
	old := randomBytes(8<<20, 12)
	have := map[Digest]bool{}
	for _, c := range cutAll(p, old) {
		have[c.Digest] = true
	}
	rapid.Check(t, func(t *rapid.T) {
		at := rapid.IntRange(0, len(old)).Draw(t, "at")
		insert := randomBytes(rapid.IntRange(0, 3000).Draw(t, "insert"), 13)
		drop := min(len(old)-at, rapid.IntRange(0, 3000).Draw(t, "drop"))
		data := append(append(bytes.Clone(old[:at]), insert...), old[at+drop:]...)
		var fresh int64
		for _, c := range cutAll(p, data) {
			if !have[c.Digest] {
				fresh += c.Length
			}
		}
		// A handful of largest chunks: the one that was hit and those until a common boundary.
		if fresh > 8*p.MaxBytes {
			t.Fatalf("%d of %d bytes are new after an edit of %d", fresh, len(data), len(insert)+drop)
		}
	})
}

func TestParamsValidate(t *testing.T) {
	for _, p := range []Params{DefaultParams(), ParamsFor(AlgorithmPlain, LeastAvgBytes), ParamsFor(AlgorithmTar, MostMaxBytes/2), small} {
		if err := p.Validate(); err != nil {
			t.Errorf("%+v: %v", p, err)
		}
	}
	ok := DefaultParams()
	for name, change := range map[string]func(*Params){
		"algorithm":      func(p *Params) { p.Algorithm = "rabin" },
		"average":        func(p *Params) { p.AvgBytes = LeastAvgBytes - 1 },
		"least":          func(p *Params) { p.MinBytes = LeastMinBytes - 1 },
		"most":           func(p *Params) { p.MaxBytes = MostMaxBytes + 1 },
		"least > avg":    func(p *Params) { p.MinBytes = p.AvgBytes + 1 },
		"2 least > most": func(p *Params) { p.MaxBytes = 2*p.MinBytes - 1; p.AvgBytes = p.MinBytes },
		"avg = most":     func(p *Params) { p.MaxBytes = p.AvgBytes },
	} {
		p := ok
		change(&p)
		if p.Validate() == nil {
			t.Errorf("%s: %+v is accepted", name, p)
		}
		if _, err := NewCutter(p); err == nil {
			t.Errorf("%s: a cutter for %+v", name, p)
		}
	}
}

func FuzzCutter(f *testing.F) {
	f.Add(randomBytes(7000, 1), uint16(100))
	f.Add(bytes.Repeat([]byte{0}, 6500), uint16(1))
	f.Fuzz(func(t *testing.T, data []byte, step uint16) {
		c, err := NewCutter(small)
		if err != nil {
			t.Fatal(err)
		}
		var got []Chunk
		emit := func(c Chunk) { got = append(got, c) }
		for rest := data; len(rest) > 0; {
			n := min(len(rest), int(step)+1)
			c.Feed(rest[:n], n == len(rest), emit)
			rest = rest[n:]
		}
		var want []Chunk
		at := int64(0)
		for _, end := range append(slowEnds(small, data), int64(len(data))) {
			if end > at {
				want = append(want, Chunk{Offset: at, Length: end - at, Digest: Sum(data[at:end])})
				at = end
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
	})
}

// FeedSum is Feed and SumPart in one walk: the same chunks, the same sums, whatever the sizes of parts and blocks.
func TestFeedSumIsFeedAndSumPart(t *testing.T) {
	const partBytes = 2 << 20
	for _, size := range []int{0, 1, 1000, feedBlockBytes, feedBlockBytes + 1, partBytes, partBytes + 1, 3*partBytes + 777_777} {
		data := randomBytes(size, byte(size))
		var want, got []Chunk
		plain, err := NewCutter(DefaultParams())
		if err != nil {
			t.Fatal(err)
		}
		fused, err := NewCutter(DefaultParams())
		if err != nil {
			t.Fatal(err)
		}
		for off := 0; off == 0 || off < size; off += partBytes {
			part := data[off:min(size, off+partBytes)]
			last := off+len(part) == size
			plain.Feed(part, last, func(c Chunk) { want = append(want, c) })
			sums := fused.FeedSum(part, int64(off), size <= partBytes, last, func(c Chunk) { got = append(got, c) })
			if wanted := SumPart(part, int64(off), size <= partBytes); sums != wanted {
				t.Errorf("%d bytes, part at %d: %+v, want %+v", size, off, sums, wanted)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%d bytes: other chunks:\n%s", size, diff)
		}
	}
}

// A hasher for pieces takes ten times the bytes of a small shard, which comes whole.
func TestSmallShardTakesLittleMemory(t *testing.T) {
	data := make([]byte, 1<<10)
	cut := func() {
		if _, err := Whole(data, DefaultParams(), Options{Workers: 1}, func(Chunk) error { return nil }); err != nil {
			t.Fatal(err)
		}
	}
	const runs = 100
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range runs {
		cut()
	}
	runtime.ReadMemStats(&after)
	if each := (after.TotalAlloc - before.TotalAlloc) / runs; each > 4<<10 {
		t.Errorf("cutting a shard of %d bytes took %d bytes of memory", len(data), each)
	}
}

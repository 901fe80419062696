package chunker

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

// isBoundary is the definition, written for reading rather than for speed.
func isBoundary(window []byte, threshold uint64) bool {
	far, near := binary.LittleEndian.Uint64(window[:8]), binary.LittleEndian.Uint64(window[8:16])
	low, high := uint32(near), uint32(near>>32)
	return (low*uint32(filterMul)+high)>>24 == 0xff && near*nearMul+far*farMul >= threshold && near != far
}

// slowNext is boundaries.next, one position at a time.
func slowNext(p Params, before, data []byte) int {
	b := newBoundaries(p)
	all := append(bytes.Clone(before), data...)
	for i := 1; i <= len(data); i++ {
		n := int64(len(before) + i)
		switch {
		case n < p.MinBytes:
		case n == p.MaxBytes,
			n < b.normal && isBoundary(all[n-16:n], b.hard),
			n >= b.normal && isBoundary(all[n-16:n], b.easy):
			return i
		}
	}
	return -1
}

func TestNextAgreesWithDefinition(t *testing.T) {
	p := Params{Algorithm: AlgorithmW16, MinBytes: 64, AvgBytes: 4096, MaxBytes: 16384}
	rapid.Check(t, func(t *rapid.T) {
		data := randomBytes(rapid.IntRange(0, 20000).Draw(t, "bytes"), byte(rapid.IntRange(0, 255).Draw(t, "seed")))
		open := rapid.IntRange(0, min(len(data), 16383)).Draw(t, "open")
		if end := slowNext(p, nil, data); end > 0 { // the boundary is inside the rest, or at its very end
			open = min(open, end-1)
			data = data[:rapid.SampledFrom([]int{end - 1, end, end + 1, len(data)}).Draw(t, "end")%(len(data)+1)]
		}
		before, rest := data[:open], data[open:]
		var ctx context
		copy(ctx[max(0, len(ctx)-open):], before[max(0, open-len(ctx)):])
		b := newBoundaries(p)
		if got, want := b.next(&ctx, rest, int64(open)), slowNext(p, before, rest); got != want {
			t.Fatalf("cut at %d, want %d", got, want)
		}
	})
}

// Every position of the unrolled loop, its rest and the seam between buffers must see a boundary.
func TestSearchFindsEveryPosition(t *testing.T) {
	window := make([]byte, windowBytes)
	for n := uint64(0); !isBoundary(window, 1<<63); n++ {
		binary.LittleEndian.PutUint64(window[8:], n*0x9e3779b97f4a7c15)
	}
	for length := windowBytes; length < 80; length++ {
		for at := windowBytes; at <= length; at++ {
			data := make([]byte, length)
			copy(data[at-windowBytes:], window)
			var none context
			if got := search(&none, data, windowBytes, length+1, 1<<63); got != at {
				t.Fatalf("%d bytes: boundary at %d, found %d", length, at, got)
			}
			if got := search(&none, data, windowBytes, at, 1<<63); got != -1 {
				t.Fatalf("%d bytes: boundary at %d found at %d in front of it", length, at, got)
			}
			for seam := max(1, at-windowBytes); seam < at; seam++ {
				var before context
				copy(before[max(0, len(before)-seam):], data[max(0, seam-len(before)):seam])
				if got := search(&before, data[seam:], 1, length-seam+1, 1<<63); got != at-seam {
					t.Fatalf("%d bytes: boundary at %d, buffers meet at %d, found %d", length, at, seam, got)
				}
			}
		}
	}
}

func TestFilterConstant(t *testing.T) {
	state := uint64(0)
	next := func() uint64 {
		state += 0x9e3779b97f4a7c15
		z := state
		z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
		z = (z ^ z>>27) * 0x94d049bb133111eb
		return z ^ z>>31
	}
	if near, far := next()|1, next()|1; near != nearMul || far != farMul {
		t.Errorf("multipliers %#x and %#x, want %#x and %#x", nearMul, farMul, near, far)
	}
	for {
		f := uint32(next()>>32) | 1
		passes := func(low, high uint32) bool { return (low*f+high)>>24 == 0xff }
		runPasses, maskPasses := false, false
		for b := range uint32(256) {
			runPasses = runPasses || passes(b*0x01010101, b*0x01010101)
			mask := func(bits uint32) uint32 { return bits&1 | bits&2<<7 | bits&4<<14 | bits&8<<21 }
			maskPasses = maskPasses || passes(mask(b), mask(b>>4))
		}
		if !runPasses && maskPasses {
			if uint64(f) != filterMul {
				t.Errorf("filter multiplier %#x, want %#x", filterMul, f)
			}
			return
		}
	}
}

// Runs with a short period are cut at MaxBytes, never all at MinBytes.
func TestPeriodicRunsHaveNoBoundary(t *testing.T) {
	p := DefaultParams()
	bounds := newBoundaries(p)
	run := make([]byte, p.MaxBytes+1)
	check := func(pattern []byte) {
		t.Helper()
		for n := copy(run, pattern); n < len(run); n *= 2 {
			copy(run[n:], run[:n])
		}
		var none context
		if got := bounds.next(&none, run, 0); int64(got) != p.MaxBytes {
			t.Fatalf("pattern %x is cut after %d bytes, want %d", pattern, got, p.MaxBytes)
		}
	}
	for b := range 256 {
		check([]byte{byte(b)})
	}
	// All period-2 patterns, over a shorter run: every window of the pattern occurs in its first 17 positions.
	for v := range 1 << 16 {
		pattern := bytes.Repeat([]byte{byte(v), byte(v >> 8)}, 16)
		for i := windowBytes; i <= len(pattern); i++ {
			if isBoundary(pattern[i-windowBytes:i], bounds.easy) {
				t.Fatalf("pattern %x has a boundary", pattern[:2])
			}
		}
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		var pattern [8]byte
		binary.LittleEndian.PutUint64(pattern[:], r.Uint64())
		check(pattern[:4])
		check(pattern[:])
	}
	for v := range 500 { // small integers, as token and label files have them
		var pattern [8]byte
		binary.LittleEndian.PutUint32(pattern[:], uint32(v))
		check(pattern[:4])
		binary.LittleEndian.PutUint64(pattern[:], uint64(v))
		check(pattern[:])
	}
}

func meanBytes(chunks []Chunk) float64 {
	return float64(chunks[len(chunks)-1].End()) / float64(len(chunks))
}

func TestMeanIsTheAverage(t *testing.T) {
	for _, avg := range []int64{4 << 10, 16 << 10, 64 << 10} {
		chunks := cutAll(ParamsFor(avg), randomBytes(int(avg)*800, 3))
		if m := meanBytes(chunks) / float64(avg); m < 0.95 || m > 1.05 {
			t.Errorf("average %d: mean is %.3f of it", avg, m)
		}
	}
}

// Content with runs in between, as tar padding and sparse tensors are, keeps its average within a factor of 2.
func TestRunsKeepTheAverage(t *testing.T) {
	p := ParamsFor(16 << 10)
	r := rand.New(rand.NewPCG(3, 4))
	for _, period := range []int{1, 2, 4, 8} {
		var data []byte
		content := randomBytes(8<<20, 5)
		for len(content) > 0 {
			n := min(len(content), 20<<10+r.IntN(180<<10))
			data = append(data, content[:n]...)
			content = content[n:]
			pattern := make([]byte, period)
			for i := range pattern {
				pattern[i] = byte(r.Uint32())
			}
			data = append(data, bytes.Repeat(pattern, r.IntN(32<<10)/period)...)
		}
		if m := meanBytes(cutAll(p, data)) / float64(p.AvgBytes); m < 0.5 || m > 2 {
			t.Errorf("period %d: mean is %.2f of the average", period, m)
		}
	}
}

// Fixed-width numbers and text have few different words, and must still be cut by content most of the time.
func TestStructuredDataIsCutByContent(t *testing.T) {
	p := DefaultParams()
	r := rand.New(rand.NewPCG(5, 6))
	zipf := rand.NewZipf(r, 1.1, 5, 50000)
	kinds := map[string]func([]byte) []byte{
		"int32 tokens":  func(b []byte) []byte { return binary.LittleEndian.AppendUint32(b, uint32(zipf.Uint64())) },
		"uint16 tokens": func(b []byte) []byte { return binary.LittleEndian.AppendUint16(b, uint16(zipf.Uint64())) },
		"int64 tokens":  func(b []byte) []byte { return binary.LittleEndian.AppendUint64(b, zipf.Uint64()) },
		"fp16 weights":  func(b []byte) []byte { return binary.LittleEndian.AppendUint16(b, 0x2000|uint16(r.Uint32()&0x9fff)) },
		"letters":       func(b []byte) []byte { return append(b, "etaoin shrdlu"[r.IntN(13)]) },
		"bits":          func(b []byte) []byte { return append(b, byte(r.IntN(2))) },
	}
	for name, add := range kinds {
		data := make([]byte, 0, 16<<20+8)
		for len(data) < 16<<20 {
			data = add(data)
		}
		chunks := cutAll(p, data)
		forced := 0
		for _, c := range chunks {
			if c.Length == p.MaxBytes {
				forced++
			}
		}
		m := meanBytes(chunks) / float64(p.AvgBytes)
		t.Logf("%-14s mean %.2f of the average, %d of %d cuts forced", name, m, forced, len(chunks))
		if m < 0.5 || m > 2 {
			t.Errorf("%s: mean is %.2f of the average", name, m)
		}
	}
}

package chunker

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// isCandidate is the definition in docs/format.md.
func isCandidate(data []byte, at int64, share uint64) bool {
	near, far := binary.LittleEndian.Uint64(data[at-8:]), binary.LittleEndian.Uint64(data[at-56:])
	low := uint32(near) ^ uint32(far)<<5
	high := uint32(near>>32) ^ uint32(far>>32)<<5
	return uint64(low*0x7b1dcdaf+high*0xa1b965f5) >= 1<<32-share && near != far
}

// slowEnds is the definition of plain-v1 in docs/format.md: where all chunks but the last end.
func slowEnds(p Params, data []byte) (ends []int64) {
	share := uint64(1<<32) / uint64(p.AvgBytes)
	normal := max(p.MinBytes, p.AvgBytes/16*13)
	start := int64(0)
	for at := start + p.MinBytes; at <= int64(len(data)); at++ {
		n := at - start
		if n == p.MaxBytes || n < normal && isCandidate(data, at, share) || n >= normal && isCandidate(data, at, 7*share/2) {
			ends = append(ends, at)
			start, at = at, at+p.MinBytes-1
		}
	}
	return ends
}

func endsOf(t testing.TB, p Params, data []byte) (ends []int64) {
	t.Helper()
	if err := Boundaries(data, p, func(end int64) { ends = append(ends, end) }); err != nil {
		t.Fatal(err)
	}
	return ends
}

func TestBoundariesAreTheDocumentedOnes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		data := content(t)
		p := small
		p.MinBytes = rapid.SampledFrom([]int64{1024, 1500, 3000}).Draw(t, "min")
		var got []int64
		if err := Boundaries(data, p, func(end int64) { got = append(got, end) }); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(slowEnds(p, data), got); diff != "" {
			t.Fatal(diff)
		}
	})
}

// Runs with a period that divides 48 are cut at MaxBytes, never all at MinBytes.
func TestPeriodicRunsHaveNoBoundary(t *testing.T) {
	p := ParamsFor(AlgorithmPlain, 4096)
	run := make([]byte, 3*p.MaxBytes)
	want := []int64{p.MaxBytes, 2 * p.MaxBytes, 3 * p.MaxBytes}
	check := func(pattern []byte) {
		t.Helper()
		for n := copy(run, pattern); n < len(run); n *= 2 {
			copy(run[n:], run[:n])
		}
		if diff := cmp.Diff(want, endsOf(t, p, run)); diff != "" {
			t.Fatalf("pattern %x:\n%s", pattern, diff)
		}
	}
	for b := range 256 {
		check([]byte{byte(b)})
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		var pattern [48]byte
		for i := range pattern {
			pattern[i] = byte(r.Uint32())
		}
		for _, period := range []int{2, 4, 8, 16} {
			check(pattern[:period])
		}
	}
}

func meanBytes(chunks []Chunk) float64 {
	return float64(chunks[len(chunks)-1].End()) / float64(len(chunks))
}

func TestMeanIsTheAverage(t *testing.T) {
	for _, avg := range []int64{4 << 10, 16 << 10, 64 << 10} {
		chunks := cutAll(ParamsFor(AlgorithmPlain, avg), randomBytes(int(avg)*1500, 3))
		if m := meanBytes(chunks) / float64(avg); m < 0.95 || m > 1.05 {
			t.Errorf("average %d: mean is %.3f of it", avg, m)
		}
	}
}

// Whatever the data: also with every period, and with few symbols, the mean is within a factor of 2 of the average.
func TestMeanIsWithinAFactorOfTwo(t *testing.T) {
	p := ParamsFor(AlgorithmPlain, 16<<10)
	r := rand.New(rand.NewPCG(3, 4))
	check := func(name string, data []byte) {
		t.Helper()
		// The last chunk is shorter for no fault of the data.
		if m := meanBytes(cutAll(p, data)) / float64(p.AvgBytes); m < 0.495 || m > 2 {
			t.Errorf("%s: mean is %.2f of the average", name, m)
		}
	}
	for _, period := range []int{1, 2, 3, 5, 7, 8, 10, 16, 17, 48, 50, 64, 100, 1000, 4096, 10_000} {
		pattern := randomBytes(period, byte(period))
		check("period", bytes.Repeat(pattern, 4<<20/period))
	}
	for _, symbols := range []int{2, 3, 10} {
		data := make([]byte, 4<<20)
		for i := range data {
			data[i] = byte(r.IntN(symbols))
		}
		check("few symbols", data)
	}
}

// Fixed-width numbers and text have few different words, and must still be cut by content nearly always.
func TestStructuredDataIsCutByContent(t *testing.T) {
	p := ParamsFor(AlgorithmPlain, 64<<10)
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
		data := make([]byte, 0, 32<<20+8)
		for len(data) < 32<<20 {
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
		// Over random data 2 % are.
		if m < 0.75 || m > 1.25 || forced*10 > len(chunks) {
			t.Errorf("%s: mean is %.2f of the average, %d of %d cuts are forced", name, m, forced, len(chunks))
		}
	}
}

package chunker

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

const (
	mib = int64(1) << 20
	gib = int64(1) << 30
	tib = int64(1) << 40
)

// checkParts tests every promise of SplitParts.
func checkParts(chunks []Chunk, parts []PartSpan, minBytes, maxBytes int64, maxParts int) error {
	next, at := 0, chunks[0].Offset
	for i, p := range parts {
		if p.First != next || p.Count < 1 || p.Offset != at {
			return fmt.Errorf("part %d: %+v, want chunk %d at byte %d", i, p, next, at)
		}
		var length int64
		for _, c := range chunks[p.First : p.First+p.Count] {
			length += c.Length
		}
		switch {
		case length != p.Length:
			return fmt.Errorf("part %d: %+v, its chunks have %d bytes", i, p, length)
		case maxBytes > 0 && length > maxBytes:
			return fmt.Errorf("part %d: %d bytes, the most is %d", i, length, maxBytes)
		case length < minBytes && i < len(parts)-1:
			return fmt.Errorf("part %d: %d bytes, the least is %d", i, length, minBytes)
		}
		next, at = next+p.Count, p.End()
	}
	if next != len(chunks) {
		return fmt.Errorf("%d of %d chunks are in parts", next, len(chunks))
	}
	if maxParts > 0 && len(parts) > maxParts {
		return fmt.Errorf("%d parts, the most is %d", len(parts), maxParts)
	}
	return nil
}

// One byte more than 10,000 parts of 5 MiB (48.8 GiB, S3) and 50,000 blocks of 4 MiB (195 GiB, Azure), and the largest
// objects that both take.
func TestPartsOfLargeObjects(t *testing.T) {
	for _, size := range []int64{10_000*5*mib + 1, 50_000*4*mib + 1, 640_000_000_000, 4*tib + tib/4*3} {
		// Chunks of 256 KiB where that is few enough to hold, and one chunk for what is left over.
		length := max(256<<10, size/(1<<20))
		chunks := uniformChunks(int(size/length), length)
		if rest := size % length; rest > 0 {
			chunks = append(chunks, Chunk{Offset: size - rest, Length: rest})
		}
		for _, limit := range []struct {
			name               string
			minBytes, maxBytes int64
			maxParts           int
		}{{"s3", 5 * mib, 5 * gib, 10_000}, {"azure", 0, 4000 * mib, 50_000}} {
			for _, target := range []int64{5 * mib, 8 * mib, 64 * mib} {
				parts, err := SplitParts(chunks, target, limit.minBytes, limit.maxBytes, limit.maxParts)
				if err == nil {
					err = checkParts(chunks, parts, limit.minBytes, limit.maxBytes, limit.maxParts)
				}
				if err != nil {
					t.Errorf("%s, %d bytes in parts of %d: %v", limit.name, size, target, err)
					continue
				}
				want := max(target, size/int64(limit.maxParts)) + 2*length
				if parts[0].Length > want {
					t.Errorf("%s, %d bytes in parts of %d: the first part has %d", limit.name, size, target, parts[0].Length)
				}
			}
		}
	}
}

func TestSplitPartsKeepsItsPromises(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lengths := rapid.SliceOfN(rapid.Int64Range(1, 100), 1, 200).Draw(t, "lengths")
		chunks := make([]Chunk, len(lengths))
		at := rapid.Int64Range(0, 1000).Draw(t, "offset")
		var size int64
		for i, n := range lengths {
			chunks[i] = Chunk{Offset: at, Length: n}
			at, size = at+n, size+n
		}
		target := rapid.Int64Range(1, 600).Draw(t, "target")
		least := rapid.Int64Range(0, 300).Draw(t, "min")
		most := rapid.Int64Range(0, 1000).Draw(t, "max")
		count := rapid.IntRange(0, 50).Draw(t, "count")
		parts, err := SplitParts(chunks, target, least, most, count)
		if err == nil {
			err = checkParts(chunks, parts, least, most, count)
		} else if want := max(target, least, size/max(1, int64(count))+1); most == 0 || most >= want+100 {
			// With room for one more chunk in every part there is always a way.
			t.Fatalf("refused: %v", err)
		} else {
			err = nil
		}
		if err != nil {
			t.Fatal(err)
		}
	})
}

func TestSplitPartsRefuses(t *testing.T) {
	chunks := uniformChunks(10, 100)
	gap := uniformChunks(10, 100)
	gap[5].Offset++
	for name, f := range map[string]func() ([]PartSpan, error){
		"no target":       func() ([]PartSpan, error) { return SplitParts(chunks, 0, 0, 0, 0) },
		"gap":             func() ([]PartSpan, error) { return SplitParts(gap, 100, 0, 0, 0) },
		"large chunk":     func() ([]PartSpan, error) { return SplitParts(chunks, 100, 0, 99, 0) },
		"too many":        func() ([]PartSpan, error) { return SplitParts(chunks, 100, 0, 150, 5) },
		"between min/max": func() ([]PartSpan, error) { return SplitParts(chunks, 100, 110, 190, 0) },
		"min above max":   func() ([]PartSpan, error) { return SplitParts(chunks[:2], 1, 101, 100, 0) },
		"empty chunk":     func() ([]PartSpan, error) { return SplitParts([]Chunk{{}}, 100, 0, 0, 0) },
	} {
		if parts, err := f(); err == nil {
			t.Errorf("%s: %v", name, parts)
		}
	}
	if parts, err := SplitParts(nil, 100, 0, 0, 0); err != nil || parts != nil {
		t.Errorf("no chunks: %v, %v", parts, err)
	}
}

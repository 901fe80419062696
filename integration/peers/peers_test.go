package main

import (
	"bytes"
	"math"
	"testing"

	"github.com/datagravity/datagravity/internal/corpus"
	"github.com/datagravity/datagravity/pkg/chunker"
)

func TestEveryPeerCutsAllOfTheData(t *testing.T) {
	data := corpus.Random(1, 3<<20+17)
	for _, p := range peers {
		var joined []byte
		if err := p.cut(data, 64<<10, func(chunk []byte) { joined = append(joined, chunk...) }); err != nil {
			t.Errorf("%s: %v", p.name, err)
		}
		if !bytes.Equal(joined, data) {
			t.Errorf("%s: the chunks are not the data", p.name)
		}
	}
}

// What is new is counted once, and what both versions have is not.
func TestKnown(t *testing.T) {
	blocks := cutting(func(data []byte, emit func([32]byte, int64)) error {
		for _, b := range data {
			emit([32]byte{b}, 10)
		}
		return nil
	})
	k := known{}
	if n, err := k.add(blocks, []byte("aab")); n != 20 || err != nil {
		t.Errorf("aab: %d new bytes, %v", n, err)
	}
	for range 2 {
		if n, err := k.fresh(blocks, []byte("abccd")); n != 20 || err != nil {
			t.Errorf("abccd after aab: %d new bytes, %v", n, err)
		}
	}
	if n, err := k.add(blocks, []byte("abccd")); n != 20 || err != nil {
		t.Errorf("abccd added: %d new bytes, %v", n, err)
	}
	if n, err := k.fresh(blocks, []byte("abccd")); n != 0 || err != nil {
		t.Errorf("abccd again: %d new bytes, %v", n, err)
	}
}

func TestParamsForMean(t *testing.T) {
	data := corpus.Random(1, 64<<20)
	p, realised, err := paramsForMean(data, 50_000)
	if err != nil || math.Abs(realised/50_000-1) > 0.01 {
		t.Fatalf("a mean of %g bytes, %v", realised, err)
	}
	lengths, chunks := int64(0), 0
	if _, err := chunker.Whole(data, p, chunker.Options{Workers: 1}, func(c chunker.Chunk) error {
		lengths, chunks = lengths+c.Length, chunks+1
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if got := float64(lengths) / float64(chunks); got != realised {
		t.Errorf("chunks are %g bytes in the mean, not %g", got, realised)
	}
}

func TestRows(t *testing.T) {
	r := told("r", "GB/s", 6)
	for name, c := range map[string]struct {
		row   row
		ratio float64 // 0: none
		met   bool
	}{
		"told":              {r, 0, true},
		"told, beside":      {r.beside("p", 4), 1.5, true},
		"at least":          {r.atLeast(6), 1, true},
		"not at least":      {r.atLeast(6.1), 6 / 6.1, false},
		"at most":           {r.atMost(6), 1, true},
		"not at most":       {r.beside("p", 3).atMost(5.9), 2, false},
		"ratio":             {r.beside("p", 2).ratioAtLeast(3), 3, true},
		"ratio too low":     {r.beside("p", 2).ratioAtLeast(3.1), 3, false},
		"ratio too high":    {r.beside("p", 2).ratioAtMost(2.9), 3, false},
		"against nothing":   {r.beside("p", 0).ratioAtMost(2.9), 0, false},
		"ratio, just right": {r.beside("p", 2).ratioAtMost(3), 3, true},
	} {
		switch {
		case (c.row.Ratio == nil) != (c.ratio == 0), c.row.Ratio != nil && math.Abs(*c.row.Ratio-c.ratio) > 1e-9:
			t.Errorf("%s: ratio %v, want %g", name, c.row.Ratio, c.ratio)
		}
		if c.row.Met != c.met {
			t.Errorf("%s: met is %v", name, c.row.Met)
		}
	}
}

package pack

import (
	"bytes"
	"errors"
	"testing"

	"github.com/datagravity/datagravity/internal/corpus"
	"github.com/datagravity/datagravity/pkg/chunker"
)

func TestSmallestIsChosen(t *testing.T) {
	random, other, text := corpus.Random(1, 100<<10), corpus.Random(2, 100<<10), jsonLines(100<<10)
	near := bytes.Clone(random)
	near[50_000]++
	for name, c := range map[string]struct {
		data, base []byte
		want       Encoding
	}{
		"nothing to find":             {random, nil, Raw},
		"nothing in common":           {random, other, Raw},
		"nearly the same":             {near, random, Delta},
		"text":                        {text, nil, Zstd},
		"text, nothing in common":     {text, other, Zstd},
		"one byte":                    {[]byte{7}, nil, Raw},
		"one byte, the same":          {[]byte{7}, []byte{7}, Raw},
		"zeros, which need no base":   {make([]byte, 1000), other, Zstd},
		"less than a dictionary hash": {random, random[:3], Raw},
		"like a trained dictionary":   {append([]byte("\x37\xa4\x30\xec"), near...), append([]byte("\x37\xa4\x30\xec"), random...), Delta},
	} {
		chunk := Chunk{Digest: chunker.Sum(c.data), Data: c.data}
		if c.base != nil {
			chunk.Base = []Old{{chunker.Sum(c.base), c.base}}
		}
		f := encode(t, Options{}, []Chunk{chunk})[0]
		if f.Encoding != c.want && !(name == "zeros, which need no base" && f.Encoding == Delta) {
			t.Errorf("%s: %s of %d bytes, want %s", name, f.Encoding, len(f.Stored), c.want)
		}
		checkRoundTrip(t, packOf(t, Options{}, []Chunk{chunk}), []Chunk{chunk})
	}
}

func TestEncoderRefuses(t *testing.T) {
	e, err := NewEncoder(Options{})
	if err != nil {
		t.Fatal(err)
	}
	large := make([]byte, MaxFrameBytes+1)
	for name, c := range map[string]Chunk{
		"chunk": {Data: large},
		"base":  {Data: []byte{1}, Base: []Old{{Data: large}}},
		"many":  {Data: []byte{1}, Base: slicesOf(maxReferences + 1)},
	} {
		if frames, err := e.Encode([]Chunk{c}); !errors.Is(err, ErrTooLarge) || frames != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := e.Encode([]Chunk{{}}); err == nil {
		t.Error("an empty chunk was taken")
	}
	if _, err := e.Encode([]Chunk{{Data: []byte{1}, Base: []Old{{}}}}); err == nil {
		t.Error("an empty base was taken")
	}
	for _, o := range []Options{{Level: -1}, {Level: Best + 1}, {RunBytes: -1}, {RunBytes: MaxFrameBytes + 1}} {
		if _, err := NewEncoder(o); err == nil {
			t.Errorf("%+v was taken", o)
		}
	}
}

func slicesOf(n int) []Old {
	list := make([]Old, n)
	for i := range list {
		list[i].Data = []byte{byte(i)}
	}
	return list
}

// A tenth of the bytes is new, and so about a tenth is stored, whatever the level.
func TestDeltaStoresWhatIsNew(t *testing.T) {
	old := corpus.Random(1, 4<<20)
	for _, ranges := range []int{1, 8} {
		fresh := edited(old, 64<<10, ranges)
		for level := DefaultLevel; level <= Best; level++ {
			run := against(fresh, old, 64<<10)
			b := packOf(t, Options{Level: level}, run)
			checkRoundTrip(t, b, run)
			if share := float64(len(b)) / float64(len(fresh)); share > 0.105 {
				t.Errorf("%d ranges, %s: %.2f %%", ranges, level, 100*share)
			}
		}
	}
}

package pack

import (
	"errors"
	"testing"

	"github.com/datagravity/datagravity/internal/corpus"
)

func TestSample(t *testing.T) {
	old := corpus.Random(1, 1<<20)
	for name, c := range map[string]struct {
		run         []Chunk
		least, most float64
	}{
		"nothing":        {nil, 0, 0},
		"incompressible": {cut(old, 64<<10), -0.01, 0},
		"text":           {cut(jsonLines(1<<20), 64<<10), 0.6, 0.8},
		"delta":          {against(edited(old, 64<<10, 1), old, 64<<10), 0.89, 0.9},
	} {
		e, err := Sample([][]Chunk{c.run}, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if g := e.Gain(); g < c.least || g > c.most {
			t.Errorf("%s: gain %.3f", name, g)
		}
		if len(c.run) > 0 && (e.EncodeSecondsPerByte() <= 0 || e.DecodeSecondsPerByte() <= 0) {
			t.Errorf("%s: %+v", name, e)
		}
	}
	if _, err := Sample([][]Chunk{{{}}}, Options{}); err == nil {
		t.Error("an empty chunk was taken")
	}
	if _, err := Sample(nil, Options{Level: -1}); err == nil {
		t.Error("a level that is none was taken")
	}
	// A digest that is not of its bytes is found.
	if _, err := Sample([][]Chunk{{{Data: []byte{1}}}}, Options{}); !errors.Is(err, ErrPack) {
		t.Errorf("a wrong digest: %v", err)
	}
}

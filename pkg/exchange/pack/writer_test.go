package pack

import (
	"errors"
	"testing"

	"github.com/datagravity/datagravity/internal/corpus"
)

func TestWriterFills(t *testing.T) {
	run := cut(corpus.Random(1, 1<<20), 64<<10)
	frames := encode(t, Options{RunBytes: 64 << 10}, run)
	w, packs, left := NewWriter(300<<10), 0, frames
	if _, err := w.Bytes(); !errors.Is(err, ErrEmpty) {
		t.Errorf("an empty pack: %v", err)
	}
	for len(left) > 0 {
		for len(left) > 0 && w.Add(left[0]) {
			left = left[1:]
		}
		b, err := w.Bytes()
		if err != nil || len(b) > 300<<10 || int64(len(b)) != w.Totals().PackBytes {
			t.Fatalf("%d bytes, %v", len(b), err)
		}
		if _, err := unpack(b, nil); err != nil {
			t.Fatal(err)
		}
		packs++
		w.Reset()
	}
	if packs != 4 {
		t.Errorf("16 chunks of 64 KiB in packs of 300 KiB: %d packs", packs)
	}
	// A frame that is longer than a pack should be is a pack.
	w = NewWriter(1)
	if !w.Add(frames[0]) || w.Add(frames[1]) {
		t.Error("a pack of one frame was wanted")
	}
	b, _ := w.Bytes()
	if _, err := unpack(b, nil); err != nil {
		t.Error(err)
	}
	if _, err := w.WriteTo(failing{}); !errors.Is(err, errFull) {
		t.Errorf("a writer that fails: %v", err)
	}
}

var errFull = errors.New("no space left")

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errFull }

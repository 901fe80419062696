package exchange

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/mem"
)

func putPack(t tester, w Writer, c corner, data string) PackRef {
	t.Helper()
	p, err := PutPack(context.Background(), w, c.edge, c.id, []byte(data))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestAnyPack(t *testing.T) {
	ctx := context.Background()
	c := corner{"edge 1/2", someID}
	rapid.Check(t, func(t *rapid.T) {
		data := rapid.SliceOfN(rapid.Byte(), 1, 1000).Draw(t, "data")
		s := newSpy()
		p := putPack(t, s, c, string(data))
		if p != (PackRef{chunker.Sum(data), int64(len(data))}) || s.written[c.packKey(p.Digest)] != p.Bytes {
			t.Fatalf("%+v, %v", p, s.written)
		}
		if again := putPack(t, s, c, string(data)); again != p || s.writtenBytes() != p.Bytes {
			t.Fatalf("%+v, written twice: %v", again, s.written)
		}
		var out bytes.Buffer
		if err := ReadPack(ctx, s, c.edge, c.id, p, &out); err != nil || !bytes.Equal(out.Bytes(), data) {
			t.Fatalf("%x, %v", out.Bytes(), err)
		}
	})
}

// Large ones are written in parts where one request does not take them, and read in ranges.
func TestLargePack(t *testing.T) {
	ctx := context.Background()
	c := corner{"a", someID}
	s := newSpy()
	s.Store = mem.New(mem.Options{PutMaxBytes: 6 << 20})
	data := bytes.Repeat([]byte("0123456789abcde"), 1<<20+1)
	p := putPack(t, s, c, string(data))
	var out bytes.Buffer
	if err := ReadPack(ctx, s, c.edge, c.id, p, &out); err != nil || !bytes.Equal(out.Bytes(), data) {
		t.Errorf("%d bytes, %v", out.Len(), err)
	}
	if want := []int64{readAtOnce, int64(len(data)) - readAtOnce}; !slices.Equal(s.reads, want) {
		t.Errorf("read %v, want %v", s.reads, want)
	}

	// One that is replaced between two ranges is not read on.
	r := &ranged{Store: s.Store, f: func() {
		if err := put(ctx, s.Store, c.packKey(p.Digest), append([]byte{'x'}, data[1:]...), binaryType, store.Always()); err != nil {
			t.Error(err)
		}
	}}
	if err := ReadPack(ctx, r, c.edge, c.id, p, io.Discard); !errors.Is(err, ErrBad) || !errors.Is(err, store.ErrChanged) {
		t.Errorf("replaced while it was read: %v", err)
	}
	r.f = func() { _ = s.Delete(ctx, store.Ref{Key: c.packKey(p.Digest)}) }
	if err := ReadPack(ctx, r, c.edge, c.id, p, io.Discard); !errors.Is(err, ErrBad) {
		t.Errorf("removed while it was read: %v", err)
	}
}

// ranged does something once after a range was read.
type ranged struct {
	*mem.Store
	f func()
}

func (r *ranged) ReadRange(ctx context.Context, ref store.Ref, off int64, p []byte) error {
	err := r.Store.ReadRange(ctx, ref, off, p)
	if f := r.f; f != nil {
		r.f = nil
		f()
	}
	return err
}

func TestBadPacks(t *testing.T) {
	ctx := context.Background()
	c := corner{"edge 1/2", someID}
	s := newSpy()
	good := []byte("a pack of chunks")
	p := putPack(t, s, c, string(good))
	key := c.packKey(p.Digest)
	read := func(what string) {
		t.Helper()
		if err := ReadPack(ctx, s, c.edge, c.id, p, io.Discard); !errors.Is(err, ErrBad) || !strings.Contains(err.Error(), key) {
			t.Errorf("%s: %v", what, err)
		}
	}
	damages(good, func(what string, b []byte) {
		overwrite(t, s, key, b)
		read(what)
	})
	// One that was cut short is written again.
	if again := putPack(t, s, c, string(good)); again != p {
		t.Errorf("%+v", again)
	}
	if err := ReadPack(ctx, s, c.edge, c.id, p, io.Discard); err != nil {
		t.Error(err)
	}
	if err := ReadPack(ctx, s, c.edge, c.id, p, broken{}); !errors.Is(err, io.ErrClosedPipe) || errors.Is(err, ErrBad) {
		t.Errorf("nobody takes it: %v", err)
	}
	_ = s.Delete(ctx, store.Ref{Key: key})
	read("gone")

	for _, wrong := range []PackRef{{}, {p.Digest, 0}, {p.Digest, -1}, {p.Digest, maxChunkPackBytes + 1}, {chunker.Digest{}, 1}} {
		if err := ReadPack(ctx, s, c.edge, c.id, wrong, io.Discard); err == nil {
			t.Errorf("read %+v", wrong)
		}
	}
	for _, c := range []corner{{"", someID}, {"..", someID}, {"a", "x"}, {"a", someID + "0"}, {"a", strings.Repeat("g", 32)}} {
		if _, err := PutPack(ctx, s, c.edge, c.id, good); err == nil {
			t.Errorf("wrote for %s", c)
		}
		if err := ReadPack(ctx, s, c.edge, c.id, p, io.Discard); err == nil {
			t.Errorf("read for %s", c)
		}
	}
	if _, err := PutPack(ctx, s, c.edge, c.id, nil); err == nil {
		t.Error("wrote nothing")
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

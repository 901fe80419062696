package exchange

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"pgregory.net/rapid"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/store"
)

// Every decoder either fails or reads what is written as the same bytes.

func FuzzReference(f *testing.F) {
	_, text, err := someReference().encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(`{"datagravity":2,"kind":7}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := decodeReference(b, "c4")
		if err != nil {
			return
		}
		if _, again, err := r.encode(); err != nil || !bytes.Equal(again, b) || r.Dataset != "c4" || r.Sequence == 0 {
			t.Errorf("believed %+v", r)
		}
	})
}

func FuzzAgent(f *testing.F) {
	a := someAgent("lab-1")
	a.Datagravity, a.Kind = version, agentKind
	text, err := seal(&a, &a.Check)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := decodeAgent(b)
		if err != nil {
			return
		}
		if again, err := seal(&a, &a.Check); err != nil || !bytes.Equal(again, b) || a.check() != nil {
			t.Errorf("believed %+v", a)
		}
	})
}

// FuzzText reads the text of a publication; it does not need to get past a digest first.
func FuzzText(f *testing.F) {
	s := goldenStore(f)
	ref, _, err := Latest(context.Background(), s, "c4", 0)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(unpacked(f, content(f, s, publicationKey("c4", ref.Publication))))
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := prove(t, stored(text))
		if err != nil {
			return
		}
		again, err := p.header.encode()
		if err != nil {
			t.Fatal(err)
		}
		err = p.walk(func(sh *manifest.Shard, at place) error {
			if checkShard(*sh) != nil || !sh.Recipe.IsZero() && p.header.checkPlace(at) != nil {
				t.Errorf("believed %+v at %+v", sh, at)
			}
			b, err := encodeLine(*sh, at)
			again = append(again, b...)
			return err
		})
		if err != nil || !bytes.Equal(again, text) {
			t.Errorf("%v; read\n%q\nas\n%q", err, text, again)
		}
	})
}

func FuzzLine(f *testing.F) {
	f.Add([]byte(`{"p":"a","s":0,"d":"blake3:af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262","e":"","x":"0000000000000000","c":"00000000"}` + "\n"))
	for _, sh := range goldenOrigin(f).sorted() {
		b, err := encodeLine(sh, place{pack: 1, offset: 16, length: 152})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s, at, err := decodeLine(b)
		if err != nil {
			return
		}
		if again, err := encodeLine(s, at); err != nil || !bytes.Equal(again, b) || checkShard(s) != nil {
			t.Errorf("believed %+v at %+v: %v", s, at, err)
		}
	})
}

// FuzzCompressed reads any bytes as a compressed publication.
func FuzzCompressed(f *testing.F) {
	s := goldenStore(f)
	ref, _, err := Latest(context.Background(), s, "c4", 0)
	if err != nil {
		f.Fatal(err)
	}
	b := content(f, s, publicationKey("c4", ref.Publication))
	f.Add(b)
	f.Add(stored(unpacked(f, b)))
	f.Add(append(stored(nil), b...))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := prove(t, b)
		if err != nil {
			return
		}
		n := 0
		if err := p.Shards(func(manifest.Shard) error { n++; return nil }); err != nil || n != p.Header().Shards {
			t.Errorf("%d shards of %+v, %v", n, p.Header(), err)
		}
	})
}

// FuzzPack puts any bytes in the place of a pack: what is read of them is what was published, or nothing.
func FuzzPack(f *testing.F) {
	o := goldenOrigin(f)
	s := goldenStore(f)
	ref, _, err := Latest(context.Background(), s, "c4", 0)
	if err != nil {
		f.Fatal(err)
	}
	p, err := Open(context.Background(), s, ref)
	if err != nil {
		f.Fatal(err)
	}
	good := content(f, s, packKey("c4", p.header.Packs[0].Digest))
	f.Add(good)
	f.Add(good[:packHeaderBytes])
	f.Fuzz(func(t *testing.T, b []byte) {
		n := 0
		err := p.Recipes(context.Background(), onePack{b}, func(chunker.Digest) bool { return false }, func(sh manifest.Shard, recipe []byte) error {
			if !bytes.Equal(recipe, o.recipes[sh.Recipe]) {
				t.Errorf("gave another recipe of %q", sh.Path)
			}
			n++
			return nil
		})
		if (err == nil) != bytes.Equal(b, good) || err == nil && n != 4 || err != nil && !errors.Is(err, ErrBad) {
			t.Errorf("%v, %d recipes", err, n)
		}
	})
}

// onePack is a store in which everything is these bytes.
type onePack struct{ b []byte }

func (o onePack) Head(_ context.Context, key string) (store.Object, error) {
	return store.Object{Key: key, Size: int64(len(o.b)), ETag: "x"}, nil
}

func (o onePack) ReadRange(_ context.Context, _ store.Ref, off int64, p []byte) error {
	copy(p, o.b[off:])
	return nil
}

// Any shard that is written is read as it was, whatever bytes its names are.
func TestAnyLine(t *testing.T) {
	text := rapid.OneOf(rapid.String(), rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 40), func(b []byte) string { return string(b) }))
	rapid.Check(t, func(t *rapid.T) {
		s := manifest.Shard{
			Path: text.Draw(t, "path"), Size: rapid.Int64().Draw(t, "size"), Digest: someDigest("", 1), ETag: text.Draw(t, "etag"), Version: text.Draw(t, "version"),
			CRC64NVME: rapid.Uint64().Draw(t, "crc64"), CRC32C: rapid.Uint32().Draw(t, "crc32"),
			ContentType: text.Draw(t, "type"), ContentEncoding: text.Draw(t, "encoding"),
		}
		var at place
		if rapid.Bool().Draw(t, "recipe") {
			s.Recipe = someDigest("", 2)
			at = place{rapid.IntRange(0, 9).Draw(t, "pack"), rapid.Int64().Draw(t, "offset"), rapid.Int64Min(1).Draw(t, "length")}
		}
		b, err := encodeLine(s, at)
		if err != nil {
			if checkShard(s) == nil {
				t.Fatal(err)
			}
			return
		}
		if got, where, err := decodeLine(b); err != nil || got != s || where != at {
			t.Fatalf("%s is read as %+v at %+v, %v", b, got, where, err)
		}
	})
}

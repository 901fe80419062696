package exchange

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/mem"
)

// No bit of any object can be another one without being noticed, nor can any byte be missing or one more be there.
func TestEveryDamageIsNoticed(t *testing.T) {
	s := mem.New(mem.Options{})
	o := newOrigin("c4")
	o.put(t, "a", "a", 3)
	o.put(t, "b", "b", 0)
	o.publish(t, s)
	whole := o.mustRead(t, s)
	objects := keys(t, s, "")
	if len(objects) != 3 {
		t.Fatalf("%d objects", len(objects))
	}
	for _, object := range objects {
		good := content(t, s, object.Key)
		try := func(what string, b []byte) {
			t.Helper()
			overwrite(t, s, object.Key, b)
			if e, err := readAll(s, "c4"); !errors.Is(err, ErrBad) || !strings.Contains(err.Error(), object.Key) {
				t.Errorf("%s, %s: %v, %+v", object.Key, what, err, e.ref)
			}
		}
		for i := range good {
			for bit := range 8 {
				b := slices.Clone(good)
				b[i] ^= 1 << bit
				try(fmt.Sprintf("bit %d of byte %d", bit, i), b)
			}
			try(fmt.Sprintf("%d bytes", i), good[:i])
		}
		try("a byte more", append(slices.Clone(good), 0))
		try("a line feed more", append(slices.Clone(good), '\n'))
		try("twice", append(slices.Clone(good), good...))
		if !strings.HasSuffix(object.Key, referenceName) {
			if err := s.Delete(context.Background(), store.Ref{Key: object.Key}); err != nil {
				t.Fatal(err)
			}
			if _, err := readAll(s, "c4"); !errors.Is(err, ErrBad) || !strings.Contains(err.Error(), "gone") {
				t.Errorf("%s is gone: %v", object.Key, err)
			}
		}
		overwrite(t, s, object.Key, good)
	}
	if e := o.mustRead(t, s); e.ref != whole.ref {
		t.Errorf("%+v", e.ref)
	}
}

// The objects of another dataset, of another snapshot or of another time are refused.
func TestForeignObjects(t *testing.T) {
	ctx := context.Background()
	s := mem.New(mem.Options{})
	c4, pile := newOrigin("c4").many(t, 3, 3), newOrigin("pile").many(t, 3, 3)
	first, _ := c4.publish(t, s)
	firstText := content(t, s, first.Key())
	c4.put(t, "new", "new", 3)
	second, _ := c4.publish(t, s)
	secondText := content(t, s, second.Key())
	other, _ := pile.publish(t, s)

	overwrite(t, s, second.Key(), content(t, s, other.Key()))
	if _, err := readAll(s, "c4"); !errors.Is(err, ErrBad) || !strings.Contains(err.Error(), `about dataset "pile"`) {
		t.Errorf("the reference of another dataset: %v", err)
	}

	overwrite(t, s, second.Key(), firstText)
	if _, _, err := Latest(ctx, s, "c4", second.Sequence); !errors.Is(err, ErrStale) || !errors.Is(err, ErrBad) {
		t.Errorf("an older reference that was put back: %v", err)
	}
	if ref, ok, err := Latest(ctx, s, "c4", first.Sequence); err != nil || !ok || ref != first {
		t.Errorf("one that was not seen to be older: %+v, %v", ref, err)
	}
	if err := s.Delete(ctx, store.Ref{Key: second.Key()}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Latest(ctx, s, "c4", 1); !errors.Is(err, ErrBad) || !strings.Contains(err.Error(), "gone") {
		t.Errorf("a reference that is gone: %v", err)
	}
	overwrite(t, s, second.Key(), secondText)

	// Whoever can write a reference names a publication that is whole, but of something else.
	for _, c := range []struct {
		name string
		ref  Reference
		copy bool
	}{
		{"another dataset's", Reference{Dataset: "c4", Snapshot: other.Snapshot, Publication: other.Publication, Bytes: other.Bytes}, true},
		{"another snapshot", Reference{Dataset: "c4", Snapshot: second.Snapshot, Publication: first.Publication, Bytes: first.Bytes}, false},
		{"another size", Reference{Dataset: "c4", Snapshot: first.Snapshot, Publication: first.Publication, Bytes: first.Bytes + 1}, false},
	} {
		c.ref.Datagravity, c.ref.Kind, c.ref.Sequence, c.ref.Agent, c.ref.Time = 1, "reference", 9, "x", noon
		if c.copy {
			overwrite(t, s, publicationKey("c4", other.Publication), content(t, s, publicationKey("pile", other.Publication)))
		}
		if _, err := Open(ctx, s, c.ref); !errors.Is(err, ErrBad) || !strings.Contains(err.Error(), publicationKey("c4", c.ref.Publication)) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if _, err := Open(ctx, s, Reference{Dataset: "c4"}); err == nil {
		t.Error("opened nothing")
	}

	// A pack of the same size with the recipes of others.
	packs, others := keys(t, s, datasetFolder("c4")+packFolder), keys(t, s, datasetFolder("pile")+packFolder)
	for _, p := range packs {
		if p.Size == others[0].Size {
			overwrite(t, s, p.Key, content(t, s, others[0].Key))
		}
	}
	if _, err := readAll(s, "c4"); !errors.Is(err, ErrBad) || !strings.Contains(err.Error(), "another recipe") {
		t.Errorf("another dataset's pack: %v", err)
	}
}

// What is damaged or gone is published again, and the sequence goes on.
func TestDamageIsMended(t *testing.T) {
	ctx := context.Background()
	for _, c := range []struct {
		name string
		with func(t *testing.T, s *spy, ref Reference, packs []store.Object)
	}{
		{"the reference is damaged", func(t *testing.T, s *spy, ref Reference, _ []store.Object) { overwrite(t, s, ref.Key(), []byte("{")) }},
		{"the reference is empty", func(t *testing.T, s *spy, ref Reference, _ []store.Object) { overwrite(t, s, ref.Key(), nil) }},
		{"the reference is gone", func(_ *testing.T, s *spy, ref Reference, _ []store.Object) {
			_ = s.Delete(ctx, store.Ref{Key: ref.Key()})
		}},
		{"the publication is damaged", func(t *testing.T, s *spy, ref Reference, _ []store.Object) {
			overwrite(t, s, publicationKey("c4", ref.Publication), make([]byte, ref.Bytes))
		}},
		{"the publication is gone", func(_ *testing.T, s *spy, ref Reference, _ []store.Object) {
			_ = s.Delete(ctx, store.Ref{Key: publicationKey("c4", ref.Publication)})
		}},
		{"a pack is cut short", func(t *testing.T, s *spy, _ Reference, packs []store.Object) {
			overwrite(t, s, packs[0].Key, []byte("dgpacked"))
		}},
		{"a pack is gone", func(_ *testing.T, s *spy, _ Reference, packs []store.Object) { _ = s.Delete(ctx, packs[0].Ref()) }},
	} {
		s := newSpy()
		o := newOrigin("c4").many(t, 5, 5)
		o.publish(t, s)
		o.put(t, "new", "new", 3)
		ref, _ := o.publish(t, s)
		c.with(t, s, ref, keys(t, s, datasetFolder("c4")+packFolder))
		if _, err := readAll(s, "c4"); err == nil {
			t.Fatalf("%s: nothing is wrong", c.name)
		}
		by := publisher()
		by.AtLeast = ref.Sequence
		again, _, err := Publish(ctx, s, o.snapshot(t), by)
		if err != nil || again.Sequence != ref.Sequence+1 {
			t.Errorf("%s: %+v, %v", c.name, again, err)
		}
		o.mustRead(t, s)
	}

	// An older reference that was put back is not believed by the origin either.
	s := newSpy()
	o := newOrigin("c4").many(t, 5, 5)
	first, _ := o.publish(t, s)
	by := publisher()
	by.AtLeast = 7
	if again, done, err := Publish(ctx, s, o.snapshot(t), by); err != nil || again.Sequence != 8 || again.Snapshot != first.Snapshot || done.Packs != 0 {
		t.Errorf("%+v, %+v, %v", again, done, err)
	}
}

// What a newer version wrote is neither understood nor overwritten.
func TestNewerVersions(t *testing.T) {
	ctx := context.Background()
	s := newSpy()
	o := newOrigin("c4").many(t, 1, 1)
	overwrite(t, s, referenceKey("c4"), []byte(`{"datagravity":2,"kind":7,"new":true}`))
	if _, _, err := Publish(ctx, s, o.snapshot(t), publisher()); !errors.Is(err, ErrVersion) {
		t.Errorf("published over it: %v", err)
	}
	if _, _, err := Latest(ctx, s, "c4", 0); !errors.Is(err, ErrVersion) || !errors.Is(err, ErrBad) {
		t.Errorf("read it: %v", err)
	}
	if _, _, err := Collect(ctx, s, "c4", 1, 0, time.Now()); !errors.Is(err, ErrVersion) {
		t.Errorf("collected: %v", err)
	}
}

// Two publish at the same time: one wins, the other is told, and publishing again builds on it.
func TestRaces(t *testing.T) {
	ctx := context.Background()
	for _, n := range []int{0, 1} { // publications before
		s := newSpy()
		a, b := newOrigin("c4").many(t, 3, 3), newOrigin("c4").many(t, 3, 3)
		for range n {
			a.publish(t, s)
		}
		a.put(t, "a", "a", 3)
		b.put(t, "b", "b", 3)
		s.before = func() { b.publish(t, s) }
		if _, _, err := Publish(ctx, s, a.snapshot(t), publisher()); !errors.Is(err, ErrRaced) {
			t.Fatalf("the second is told %v", err)
		}
		if e := b.mustRead(t, s); e.ref.Sequence != uint64(n+1) {
			t.Errorf("%+v", e.ref)
		}
		if ref, done := a.publish(t, s); ref.Sequence != uint64(n+2) || done.Reused == 0 {
			t.Errorf("%+v, %+v", ref, done)
		}
		a.mustRead(t, s)
	}

	// The reference was written, but the answer was lost: the second attempt finds its own.
	s := newSpy()
	a := newOrigin("c4").many(t, 3, 3)
	s.after = func() error { return errors.New("connection reset") }
	if ref, _ := a.publish(t, s); ref.Sequence != 1 {
		t.Errorf("%+v", ref)
	}

	// The reference is replaced while it is read.
	b := newOrigin("c4").many(t, 4, 3)
	r := &restless{Store: s.Store, times: 2, f: func() { b.put(t, "x", fmt.Sprint(len(keys(t, s, ""))), 1); b.publish(t, s.Store) }}
	if _, ok, err := Latest(ctx, r, "c4", 0); err != nil || !ok {
		t.Errorf("%v, %v", ok, err)
	}
	r.times = 100
	if _, _, err := Latest(ctx, r, "c4", 0); !errors.Is(err, store.ErrChanged) {
		t.Errorf("one that is never the same: %v", err)
	}
	// Packs and publications are written anew with the same bytes.
	r = &restless{Store: s.Store, times: 2, f: func() {
		for _, k := range keys(t, s, datasetFolder("c4")) {
			overwrite(t, s.Store, k.Key, content(t, s.Store, k.Key))
		}
	}}
	ref, _, err := Latest(ctx, s, "c4", 0)
	if err != nil {
		t.Fatal(err)
	}
	p, err := Open(ctx, r, ref)
	if err != nil {
		t.Fatal(err)
	}
	r.times = 2
	if err := p.Recipes(ctx, r, func(chunker.Digest) bool { return false }, func(manifest.Shard, []byte) error { return nil }); err != nil {
		t.Error(err)
	}
}

// restless changes something before a read, some times.
type restless struct {
	*mem.Store
	times int
	f     func()
}

func (r *restless) ReadRange(ctx context.Context, ref store.Ref, off int64, p []byte) error {
	if r.times > 0 {
		r.times--
		r.f()
	}
	return r.Store.ReadRange(ctx, ref, off, p)
}

// packed compresses a text as a publication is.
func packed(t testing.TB, text []byte) []byte {
	t.Helper()
	z, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(windowBytes))
	if err != nil {
		t.Fatal(err)
	}
	return z.EncodeAll(text, nil)
}

// stored is a text as a frame of blocks that are not compressed (RFC 8878, 3.1.1), which costs nothing to make.
func stored(text []byte) []byte {
	const blockBytes = 64 << 10
	b := []byte{0x28, 0xb5, 0x2f, 0xfd, 0, 6 << 3} // no size, no checksum, a window of 64 KiB
	for {
		n := min(len(text), blockBytes)
		header := n << 3
		if n == len(text) {
			header |= 1
		}
		b = append(append(b, byte(header), byte(header>>8), byte(header>>16)), text[:n]...)
		if text = text[n:]; len(text) == 0 {
			return b
		}
	}
}

// prove opens a text as a publication that its reference names.
func prove(t testing.TB, data []byte) (*Publication, error) {
	t.Helper()
	p, err := openText("key", data)
	if err == nil {
		err = p.prove()
	}
	return p, err
}

// Every line is checked, although the digest of the whole is right: whoever wrote it may be wrong.
func TestPublicationsThatAreWrong(t *testing.T) {
	s := newSpy()
	o := newOrigin("c4")
	o.put(t, "a", "a", 3)
	o.put(t, "b", "b", 3)
	ref, _ := o.publish(t, s)
	good := string(unpacked(t, content(t, s, publicationKey("c4", ref.Publication))))
	if _, err := prove(t, stored([]byte(good))); err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(good, "\n")
	replace := func(old, new string) string {
		text := strings.Replace(good, old, new, 1)
		if text == good {
			t.Fatalf("%q is not in %s", old, good)
		}
		return text
	}
	for _, c := range []struct{ name, text, want string }{
		{"empty", "", "is empty"},
		{"no line feed", good[:len(good)-1], "cut short"},
		{"a header alone", lines[0], "header says 2"},
		{"a line short", lines[0] + lines[1], "header says 2"},
		{"a line more", good + lines[2], "more lines than"},
		{"a blank line", good + "\n", "more lines than"},
		{"out of order", lines[0] + lines[2] + lines[1], "out of order"},
		{"twice", lines[0] + lines[1] + lines[1], "out of order"},
		{"no JSON", lines[0] + "x\n" + lines[2], "line 2 is malformed"},
		{"another kind", replace(`"publication"`, `"reference"`), "is no publication"},
		{"no version", replace(`"datagravity":1,`, ``), "names no version"},
		{"newer", replace(`"datagravity":1`, `"datagravity":2`), "does not know"},
		{"older", replace(`"datagravity":1`, `"datagravity":0`), "has version 0"},
		{"no packs", replace(`"packs":[{`, `"packs":null,"x":[{`), "packs for"},
		{"an unknown field", replace(`"packs"`, `"x":1,"packs"`), "not written as"},
		{"spaces", replace(`"packs":`, `"packs": `), "not written as"},
		{"more shards than any", replace(`"shards":2`, `"shards":99999999`), "the most is"},
		{"less than none", replace(`"shards":2`, `"shards":-2`), "-2 shards"},
		{"other bytes", replace(`"bytes":`, `"bytes":1`), "header says"},
		{"another time", replace(`"taken":"2026`, `"taken":"x`), "malformed"},
		{"another dataset", replace(`"c4"`, `"c5"`), "its shards are snapshot"},
		{"another snapshot", replace(ref.Snapshot.String(), someDigest("", 0).String()), "and it says"},
		{"no path", replace(`"p":"a"`, `"p":""`), "without a path"},
		{"from the root", replace(`"p":"a"`, `"p":"/a"`), "no path within"},
		{"leads out", replace(`"p":"a"`, `"p":"a/../../b"`), "no path within"},
		{"the folder above", replace(`"p":"a"`, `"p":".."`), "no path within"},
		{"a NUL", replace(`"p":"a"`, `"p":"a\u0000"`), "no path within"},
		{"private", replace(`"p":"a"`, `"p":".datagravity/x"`), "no path within"},
		{"a long path", replace(`"p":"a"`, `"p":"`+strings.Repeat("a", maxPathBytes+1)+`"`), "the most is"},
		{"a long line", replace(`"p":"a"`, `"p":"`+strings.Repeat("a", maxLineBytes+1)+`"`), "more than"},
		{"a negative size", replace(`"s":`, `"s":-`), "bytes"},
		{"a field twice", replace(`"p":"a",`, `"p":"x","p":"a",`), "not written as"},
		{"another case", replace(`"p":"a"`, `"P":"a"`), "not written as"},
		{"base64 without need", strings.Replace(replace(`"p":"a"`, `"p":"YQ=="`), `"r":`, `"b":"p","r":`, 1), "not written as"},
		{"no digest", replace(o.shards["a"].Digest.String(), ""), "no digest"},
		{"a digest in capitals", replace("blake3:", "BLAKE3:"), "digest"},
		{"a short checksum", replace(`"c":"`, `"c":"0`), "checksum"},
		{"a pack that is not there", replace(`"o":16`, `"k":1,"o":16`), "no pack 1"},
		{"a pack before the first", replace(`"o":16`, `"k":-1,"o":16`), "no pack -1"},
		{"in the header", replace(`"o":16`, `"o":15`), "not within"},
		{"behind the end", replace(`"o":16`, `"o":1600`), "not within"},
		{"an offset that overflows", replace(`"o":16`, `"o":9223372036854775807`), "not within"},
		{"a recipe of no length", replace(`,"l":260`, ``), "not written as"},
		{"a short recipe", replace(`"l":260`, `"l":20`), "a recipe of 20"},
		{"a long recipe", replace(`"l":260`, `"l":9000000000`), "a recipe of 9000000000"},
		{"a place without recipe", replace(`"r":"`+o.shards["a"].Recipe.String()+`",`, ``), "not written as"},
	} {
		if _, err := prove(t, stored([]byte(c.text))); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
	unused := replace(`"packs":[`, fmt.Sprintf(`"packs":[{"digest":%q,"bytes":1000},`, someDigest("", 1)))
	unused = strings.ReplaceAll(unused, `"o":`, `"k":1,"o":`)
	if _, err := prove(t, stored([]byte(unused))); err == nil || !strings.Contains(err.Error(), "no shard's recipe") {
		t.Errorf("a pack for nothing: %v", err)
	}
}

// Recipes that overlap would have a reader pay for the same bytes over and over.
func TestOverlappingRecipes(t *testing.T) {
	s := newSpy()
	o := newOrigin("c4")
	o.put(t, "a", "a", 3)
	o.put(t, "b", "b", 3)
	ref, _ := o.publish(t, s)
	text := unpacked(t, content(t, s, publicationKey("c4", ref.Publication)))
	p, err := prove(t, stored([]byte(strings.Replace(string(text), `"o":276`, `"o":275`, 1))))
	if err != nil {
		t.Fatal(err)
	}
	s.reset()
	err = p.Recipes(context.Background(), s, func(chunker.Digest) bool { return false }, func(manifest.Shard, []byte) error { return nil })
	if !errors.Is(err, ErrBad) || !strings.Contains(err.Error(), "overlap") || len(s.reads) > 0 {
		t.Errorf("%v, %v", err, s.reads)
	}
}

// A little that becomes a lot is given up at the first line.
func TestCompressedBombIsGivenUp(t *testing.T) {
	bomb := packed(t, []byte(strings.Repeat(" ", 20<<20)))
	if _, err := prove(t, bomb); err == nil || !strings.Contains(err.Error(), "line 1: it has more than") {
		t.Errorf("%d bytes: %v", len(bomb), err)
	}
	z, err := zstd.NewWriter(nil, zstd.WithWindowSize(8<<20), zstd.WithEncoderConcurrency(1))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := prove(t, z.EncodeAll(make([]byte, 9<<20), nil)); err == nil || !strings.Contains(err.Error(), "window") {
		t.Errorf("a window that needs much memory: %v", err)
	}
}

func unpacked(t testing.TB, data []byte) []byte {
	t.Helper()
	z, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	b, err := z.DecodeAll(data, nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

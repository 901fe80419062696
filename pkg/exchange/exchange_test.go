package exchange

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/file"
	"github.com/datagravity/datagravity/pkg/store/mem"
)

func TestRoundTrips(t *testing.T) {
	for _, n := range []int{0, 1, 1000} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			s := newSpy()
			o := newOrigin("c4").many(t, n, 20)
			if _, ok, err := Latest(context.Background(), s, "c4", 0); ok || err != nil {
				t.Fatalf("before anything is published: %v, %v", ok, err)
			}
			ref, done := o.publish(t, s)
			if ref.Sequence != 1 || ref.Agent != "lab-1" || !ref.Time.Equal(noon.Add(time.Minute)) || done.Recipes != n || done.Bytes != s.writtenBytes() {
				t.Errorf("%+v, %+v; %d bytes were written", ref, done, s.writtenBytes())
			}
			e := o.mustRead(t, s)
			if e.ref != ref {
				t.Errorf("read the reference %+v, want %+v", e.ref, ref)
			}
			p, err := Open(context.Background(), s, ref)
			if err != nil {
				t.Fatal(err)
			}
			var sum int64
			for _, sh := range o.shards {
				sum += sh.Size
			}
			want := manifest.SnapshotHeader{ID: ref.Snapshot, Dataset: "c4", Taken: manifest.At(noon), Shards: n, Bytes: sum}
			if d := cmp.Diff(want, p.Header()); d != "" {
				t.Error(d)
			}
		})
	}
}

// A directory, and a service that takes little in one request, so that the publication and the packs go in parts.
func TestOtherStores(t *testing.T) {
	dir, err := file.Open(t.TempDir(), file.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	for name, s := range map[string]store.Store{
		"file":  dir,
		"parts": mem.New(mem.Options{PutMaxBytes: 4 << 10, Parts: store.PartLimits{MinBytes: 1, MaxBytes: 5000, MaxParts: 5000}}),
	} {
		t.Run(name, func(t *testing.T) {
			o := newOrigin("a/b %").many(t, 100, 50)
			o.publish(t, s)
			o.put(t, "new", "new", 3)
			ref, _ := o.publish(t, s)
			o.mustRead(t, s)
			if ref.Key() != ".datagravity/v1/datasets/a%2Fb%20%25/latest.json" {
				t.Errorf("key %q", ref.Key())
			}
			for _, k := range keys(t, s, "") {
				if !strings.HasPrefix(k.Key, ".datagravity/v1/datasets/a%2Fb%20%25/") && !strings.HasPrefix(k.Key, ".datagravity/uploads/") {
					t.Errorf("wrote %q", k.Key)
				}
			}
			if n, _, err := Collect(context.Background(), s, "a/b %", 1, 0, time.Now().Add(time.Hour)); err != nil || n != 1 {
				t.Errorf("collected %d, %v", n, err)
			}
			o.mustRead(t, s)
		})
	}
}

// Everything that a shard can have arrives, names that are not UTF-8 included.
func TestOddShards(t *testing.T) {
	s := newSpy()
	o := newOrigin("c4")
	for i, path := range []string{"a <&> \u2028 \"\\.tar", "b\xff\xfe", "c\n\x01", "ü", "..a/b..", "a..b", "double//slash", strings.Repeat("long", 1000)} {
		sh := o.put(t, path, path, i)
		sh.Version, sh.ETag, sh.ContentType, sh.ContentEncoding = "v\xf0", "\"\xc3\"", "text/plain; charset=\xe4", "gzip"
		o.shards[path] = sh
	}
	o.put(t, "d", "twice", 4)
	o.put(t, "e", "twice", 4)
	o.publish(t, s)
	e := o.mustRead(t, s)
	if len(e.recipes) != len(e.shards)-1 {
		t.Errorf("%d recipes of %d shards, two of which are the same bytes", len(e.recipes), len(e.shards))
	}
}

func TestLostRecipes(t *testing.T) {
	s := newSpy()
	o := newOrigin("c4").many(t, 10, 5)
	lost := o.shards["train/shard-000003.tar"].Recipe
	kept := o.recipes[lost]
	delete(o.recipes, lost)
	never := o.put(t, "never", "never", 1)
	never.Recipe = chunker.Digest{}
	o.shards["never"] = never
	if _, done := o.publish(t, s); done.Without != 2 || done.Recipes != 9 {
		t.Errorf("%+v", done)
	}
	o.mustRead(t, s)
	if ref, done := o.publish(t, s); ref.Sequence != 1 || done != (Published{}) {
		t.Errorf("published once more, although the recipe is still lost: %+v, %+v", ref, done)
	}
	o.recipes[lost] = kept
	if ref, done := o.publish(t, s); ref.Sequence != 2 || done.Without != 1 || done.Recipes != 1 || done.Reused != 1 {
		t.Errorf("after the recipe was made again: %+v, %+v", ref, done)
	}
	o.mustRead(t, s)
}

// What is published is not published again, and of what is new only the new recipes are written.
func TestSecondPublications(t *testing.T) {
	s := newSpy()
	o := newOrigin("c4").many(t, 1000, 500)
	first, done := o.publish(t, s)
	if done.Packs != 3 || done.PackBytes < 18_000_000 || s.writtenBytes() != done.Bytes {
		t.Errorf("the first: %+v", done)
	}
	s.reset()
	if again, done := o.publish(t, s); again != first || done != (Published{}) || len(s.written) != 0 {
		t.Errorf("published again: %+v, %v", done, s.written)
	}

	delete(o.shards, "train/shard-000000.tar")
	o.put(t, "train/shard-000001.tar", "changed", 500)
	o.put(t, "train/new.tar", "new", 500)
	s.reset()
	second, done := o.publish(t, s)
	if !first.Older(second) || second.Older(first) || second.Sequence != 2 || done.Recipes != 2 || done.Packs != 1 || done.Reused != 3 || s.writtenBytes() != done.Bytes ||
		done.PackBytes != packHeaderBytes+2*(152+36*500) {
		t.Errorf("the second: %+v, %+v, %d bytes written", second, done, s.writtenBytes())
	}
	o.mustRead(t, s)

	// The edge had the first; what it reads now are the two new recipes, in one read.
	p, err := Open(context.Background(), s, second)
	if err != nil {
		t.Fatal(err)
	}
	s.reset()
	old := newOrigin("c4").many(t, 1000, 500)
	var got []string
	err = p.Recipes(context.Background(), s, func(id chunker.Digest) bool { return old.recipes[id] != nil }, func(sh manifest.Shard, _ []byte) error {
		got = append(got, sh.Path)
		return nil
	})
	if d := cmp.Diff([]string{"train/new.tar", "train/shard-000001.tar"}, got); err != nil || d != "" || len(s.reads) != 1 || s.reads[0] != done.PackBytes {
		t.Errorf("%v, reads %v, %s", err, s.reads, d)
	}

	// The same bytes, cut otherwise: the same snapshot with other recipes.
	sh := o.shards["train/new.tar"]
	r, err := chunker.DecodeRecipe(o.recipes[sh.Recipe])
	if err != nil {
		t.Fatal(err)
	}
	r.Params.MinBytes--
	b, err := r.Encode()
	if err != nil {
		t.Fatal(err)
	}
	sh.Recipe = chunker.Digest(b[len(b)-32:])
	o.shards[sh.Path], o.recipes[sh.Recipe] = sh, b
	if third, done := o.publish(t, s); third.Snapshot != second.Snapshot || third.Sequence != 3 || done.Recipes != 1 {
		t.Errorf("cut otherwise: %+v, %+v", third, done)
	}
	o.mustRead(t, s)
}

// A pack goes on while half of it is needed; small ones do not become ever more.
func TestPacksAreWrittenAnew(t *testing.T) {
	s := newSpy()
	o := newOrigin("c4").many(t, 100, 50)
	o.publish(t, s)
	for i := range 50 {
		delete(o.shards, fmt.Sprintf("train/shard-%06d.tar", i))
	}
	if _, done := o.publish(t, s); done.Reused != 1 || done.Recipes != 0 {
		t.Errorf("half of it is needed: %+v", done)
	}
	delete(o.shards, "train/shard-000099.tar")
	if _, done := o.publish(t, s); done.Reused != 0 || done.Recipes != 49 || done.Packs != 1 {
		t.Errorf("less than half of it is needed: %+v", done)
	}
	o.mustRead(t, s)

	most, merged := 0, 0
	for i := range 150 {
		o.put(t, fmt.Sprintf("hourly/%03d", i), fmt.Sprint("hourly", i), 10)
		_, done := o.publish(t, s)
		most = max(most, done.Reused+done.Packs)
		if done.Recipes > 1 {
			merged++
		}
		// Publishing it again never merges.
		if again, done := o.publish(t, s); done != (Published{}) {
			t.Fatalf("%+v, %+v", again, done)
		}
	}
	if most > maxSmallPacks+1 || merged != 2 {
		t.Errorf("up to %d packs, merged %d times", most, merged)
	}
	o.mustRead(t, s)
}

// Reads skip wide gaps, bridge narrow ones and are bounded.
func TestReadsAreMerged(t *testing.T) {
	s := newSpy()
	o := newOrigin("c4").many(t, 400, 1000) // 36 KB each, 14.4 MB in two packs
	ref, _ := o.publish(t, s)
	p, err := Open(context.Background(), s, ref)
	if err != nil {
		t.Fatal(err)
	}
	const recipe = 152 + 36*1000
	for _, c := range []struct {
		name  string
		wants func(i int) bool
		reads []int64
	}{
		{"none", func(int) bool { return false }, nil},
		{"the first", func(i int) bool { return i == 0 }, []int64{packHeaderBytes + recipe}},
		{"a narrow gap", func(i int) bool { return i == 10 || i == 12 }, []int64{3 * recipe}},
		{"a wide gap", func(i int) bool { return i == 10 || i == 13 }, []int64{recipe, recipe}},
		{"two packs", func(i int) bool { return i == 10 || i == 399 }, []int64{recipe, recipe}},
		{"all", func(int) bool { return true }, []int64{packHeaderBytes + 232*recipe, packHeaderBytes + 168*recipe}},
	} {
		index := map[chunker.Digest]int{}
		for i := range 400 {
			index[o.shards[fmt.Sprintf("train/shard-%06d.tar", i)].Recipe] = i
		}
		s.reset()
		err := p.Recipes(context.Background(), s, func(id chunker.Digest) bool { return !c.wants(index[id]) }, func(sh manifest.Shard, _ []byte) error {
			if !c.wants(index[sh.Recipe]) {
				t.Errorf("%s: gave %s", c.name, sh.Path)
			}
			return nil
		})
		if d := cmp.Diff(c.reads, s.reads); err != nil || d != "" {
			t.Errorf("%s: %v\n%s", c.name, err, d)
		}
	}
	stop := errors.New("stop")
	if err := p.Recipes(context.Background(), s, func(chunker.Digest) bool { return false }, func(manifest.Shard, []byte) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("the caller's error became %v", err)
	}
	if err := p.Shards(func(manifest.Shard) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("the caller's error became %v", err)
	}
}

// One recipe that is larger than a pack has one of its own and is read at once.
func TestLargeRecipe(t *testing.T) {
	s := newSpy()
	o := newOrigin("c4").many(t, 2, 10)
	o.put(t, "large", "large", 300_000)
	o.put(t, "zz", "zz", 10)
	if _, done := o.publish(t, s); done.Packs != 2 {
		t.Errorf("%+v", done)
	}
	o.mustRead(t, s)
}

// Whatever is published in whatever order, an edge reads it, no pack is mostly waste, and collecting takes nothing that is needed.
func TestAnyHistory(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ctx := context.Background()
		now := noon
		s := mem.New(mem.Options{Now: func() time.Time { return now }})
		o := newOrigin("c4")
		var sequence uint64
		for range rapid.IntRange(1, 8).Draw(t, "publications") {
			now = now.Add(time.Hour)
			for range rapid.IntRange(0, 12).Draw(t, "changes") {
				path := fmt.Sprintf("%02d", rapid.IntRange(0, 15).Draw(t, "shard"))
				if _, ok := o.shards[path]; ok && rapid.Bool().Draw(t, "remove") {
					delete(o.shards, path)
				} else {
					o.put(t, path, fmt.Sprint(rapid.IntRange(0, 30).Draw(t, "content")), rapid.IntRange(0, 4).Draw(t, "chunks"))
				}
			}
			ref, _ := o.publish(t, s)
			if ref.Sequence < sequence || ref.Sequence > sequence+1 {
				t.Fatalf("sequence %d after %d", ref.Sequence, sequence)
			}
			sequence = ref.Sequence
			if _, _, err := Collect(ctx, s, "c4", rapid.IntRange(0, 2).Draw(t, "keep"), time.Hour, now.Add(time.Minute)); err != nil {
				t.Fatal(err)
			}
			e := o.mustRead(t, s)
			var size int64
			for _, b := range e.recipes {
				size += int64(len(b))
			}
			p, err := Open(ctx, s, ref)
			if err != nil {
				t.Fatal(err)
			}
			var packs int64
			for _, pack := range p.header.Packs {
				packs += pack.Bytes - packHeaderBytes
			}
			if 2*size < packs {
				t.Fatalf("%d bytes of recipes in %d bytes of packs", size, packs)
			}
		}
		// In the end all that is not needed goes.
		now = now.Add(48 * time.Hour)
		if _, _, err := Collect(ctx, s, "c4", 1, time.Hour, now); err != nil {
			t.Fatal(err)
		}
		p, err := Open(ctx, s, o.mustRead(t, s).ref)
		if err != nil {
			t.Fatal(err)
		}
		if n := len(keys(t, s, "")); n != 2+len(p.header.Packs) {
			t.Fatalf("%d objects are left for %d packs", n, len(p.header.Packs))
		}
	})
}

// Publish refuses what no edge would take.
func TestSnapshotsThatAreNotPublished(t *testing.T) {
	for _, c := range []struct {
		name string
		with func(o *origin, s *Snapshot, by *Publisher)
		want string
	}{
		{"another id", func(_ *origin, s *Snapshot, _ *Publisher) { s.ID[0]++ }, "index the dataset again"},
		{"no time", func(_ *origin, s *Snapshot, _ *Publisher) { s.Taken = 0 }, "no time"},
		{"no dataset", func(_ *origin, s *Snapshot, _ *Publisher) { s.Dataset = "" }, "names no dataset"},
		{"the folder above", func(_ *origin, s *Snapshot, _ *Publisher) { s.Dataset = ".." }, "is no name"},
		{"no agent", func(_ *origin, _ *Snapshot, by *Publisher) { by.Agent = "" }, "names no agent"},
		{"another recipe", func(o *origin, _ *Snapshot, _ *Publisher) {
			o.recipes[o.shards["a"].Recipe] = o.recipes[o.shards["b"].Recipe]
		}, "another recipe"},
		{"a damaged recipe", func(o *origin, _ *Snapshot, _ *Publisher) {
			b := append([]byte(nil), o.recipes[o.shards["a"].Recipe]...)
			b[60] ^= 1
			o.recipes[o.shards["a"].Recipe] = b
		}, "damaged"},
		{"out of order", func(o *origin, s *Snapshot, _ *Publisher) {
			s.Shards = func(yield func(manifest.Shard) error) error {
				return errors.Join(yield(o.shards["b"]), yield(o.shards["a"]))
			}
		}, "out of order"},
		{"from the root", func(o *origin, s *Snapshot, _ *Publisher) {
			s.Shards = func(yield func(manifest.Shard) error) error {
				sh := o.shards["a"]
				sh.Path = "/a"
				return yield(sh)
			}
		}, "leave it out"},
	} {
		s := newSpy()
		o := newOrigin("c4")
		o.put(t, "a", "a", 3)
		o.put(t, "b", "b", 3)
		snapshot, by := o.snapshot(t), publisher()
		c.with(o, &snapshot, &by)
		if _, _, err := Publish(context.Background(), s, snapshot, by); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
		if _, err := s.Head(context.Background(), referenceKey("c4")); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s: a reference was written: %v", c.name, err)
		}
	}
}

// The numbers of the report: what a thousand shards of a thousand chunks take.
func TestSizes(t *testing.T) {
	s := newSpy()
	o := newOrigin("c4").many(t, 1000, 1000)
	ref, done := o.publish(t, s)
	p, err := Open(context.Background(), s, ref)
	if err != nil {
		t.Fatal(err)
	}
	share := float64(done.Bytes) / float64(p.Header().Bytes)
	t.Logf("%d shards of %d bytes: publication %d bytes (%.1f a shard), %d packs of %d bytes, %.4f %% of the data", p.Header().Shards, p.Header().Bytes,
		done.PublicationBytes, float64(done.PublicationBytes)/1000, done.Packs, done.PackBytes, 100*share)
	if share > 0.0006 || done.PublicationBytes > 140_000 {
		t.Error("that is more than it was")
	}
}

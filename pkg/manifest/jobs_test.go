package manifest

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/datagravity/datagravity/pkg/chunker"
)

// A list of paths comes back as it was, whatever its paths have in common.
func TestPathsComeBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOfNDistinct(rapid.StringMatching(`(train|val)/[a-c]{0,3}[0-9]{1,4}(\.tar)?|[é☃]{1,2}`), 1, 50, rapid.ID).Draw(t, "paths")
		slices.Sort(list)
		packed := packPaths(list, nil)
		back, err := packed.unpack()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(list, back); diff != "" {
			t.Fatal(diff)
		}
		// No damage is taken for a list that ends early.
		cut := pathList{Count: packed.Count, Packed: packed.Packed[:rapid.IntRange(0, len(packed.Packed)-1).Draw(t, "cut")]}
		if back, err := cut.unpack(); err == nil {
			t.Fatalf("a list that was cut off came back as %q", back)
		}
	})
}

func FuzzPaths(f *testing.F) {
	f.Add(2, packPaths([]string{"a/1", "a/2"}, nil).Packed)
	f.Add(1, []byte{255, 255, 255, 255, 255, 255, 255, 255, 255, 1, 0})
	f.Fuzz(func(t *testing.T, count int, b []byte) {
		list, err := pathList{Count: count, Packed: b}.unpack()
		if err == nil && len(list) != count {
			t.Errorf("%d paths instead of %d", len(list), count)
		}
	})
}

func TestSpansComeBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var want [][2]uint32
		var s Spans
		var last uint32
		for range rapid.IntRange(0, 20).Draw(t, "spans") {
			start := last + rapid.Uint32Range(0, 1<<20).Draw(t, "gap")
			end := start + rapid.Uint32Range(1, 1<<20).Draw(t, "length")
			s = s.AppendSpan(last, start, end)
			want, last = append(want, [2]uint32{start, end}), end
		}
		var have [][2]uint32
		if err := s.Each(func(start, end uint32) { have = append(have, [2]uint32{start, end}) }); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, have); diff != "" {
			t.Fatal(diff)
		}
	})
}

func FuzzSpans(f *testing.F) {
	f.Add([]byte{0, 1, 3, 200})
	f.Fuzz(func(t *testing.T, b []byte) {
		last := uint32(0)
		_ = Spans(b).Each(func(start, end uint32) {
			if start < last || end < start {
				t.Errorf("%d to %d after %d", start, end, last)
			}
			last = end
		})
	})
}

// The lists that jobs and needs have stay; the others go when they are swept.
func TestPathsAreSwept(t *testing.T) {
	m := open(t, t.TempDir(), Options{})
	lists := [][]string{{"a"}, {"b"}, {"c"}}
	err := m.Update(func(tx *Tx) error {
		for _, l := range lists {
			if err := tx.PutPaths(PathsID(l, nil), l, nil); err != nil {
				return err
			}
		}
		if err := tx.PutJob(Job{ID: "j", Paths: PathsID(lists[0], nil)}); err != nil {
			return err
		}
		if err := tx.PutNeed(Need{ID: "n", Paths: PathsID(lists[1], nil)}); err != nil {
			return err
		}
		return tx.SweepPaths()
	})
	if err != nil {
		t.Fatal(err)
	}
	err = m.View(func(tx *Tx) error {
		for i, l := range lists {
			have, _, err := tx.Paths(PathsID(l, nil))
			if kept := err == nil && slices.Equal(have, l); kept != (i < 2) {
				t.Errorf("list %d: %q, %v", i, have, err)
			}
		}
		_, _, err := tx.Paths(chunker.Digest{1})
		if err == nil {
			t.Error("a list that nobody put was found")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Every range of a snapshot is the same as that part of the whole.
func TestSnapshotRange(t *testing.T) {
	m := open(t, t.TempDir(), Options{})
	id := digest("ranges")
	const n = 2*shardsPerPage + 17
	list := shards(n, "x")
	if err := m.Update(func(tx *Tx) error { return putSnapshot(tx, id, "c4", list) }); err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		from := rapid.Uint32Range(0, n).Draw(t, "from")
		to := rapid.Uint32Range(from, n).Draw(t, "to")
		var have []Content
		err := m.View(func(tx *Tx) error {
			return tx.SnapshotRange(id, from, to, func(c Content) error { have = append(have, c); return nil })
		})
		if err != nil || !slices.EqualFunc(have, list[from:to], func(c Content, s Shard) bool { return c == Content{s.Path, s.Size, s.Digest} }) {
			t.Fatalf("%d to %d: %d shards, %v", from, to, len(have), err)
		}
	})
	err := m.View(func(tx *Tx) error { return tx.SnapshotRange(id, 0, n+1, func(Content) error { return nil }) })
	if err == nil {
		t.Error("a place past the end is no error")
	}
}

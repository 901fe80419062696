package packing

import (
	"fmt"
	"reflect"
	"testing"

	"github.com/datagravity/datagravity/pkg/chunker"
)

// recipe has a chunk for each letter, each of so many bytes.
func recipe(letters string, length int64) *chunker.Recipe {
	r := &chunker.Recipe{}
	for i, l := range letters {
		r.Chunks = append(r.Chunks, chunker.Chunk{Offset: int64(i) * length, Length: length, Digest: chunker.Sum([]byte(string(l)))})
	}
	return r
}

func TestBasesAreWhatStoodInTheirPlace(t *testing.T) {
	for _, c := range []struct {
		old, fresh   string
		first, count int
		length       int64
		want         [][]int
	}{
		{"abcdef", "abXdef", 2, 1, 1000, [][]int{{2}}},
		{"abcdef", "abXYef", 2, 2, 1000, [][]int{{2, 3}, {2, 3}}},
		{"abcdef", "abXef", 2, 1, 1000, [][]int{{2, 3}}},
		{"abcdef", "Xbcdef", 0, 1, 1000, [][]int{{0}}},
		{"abcdef", "abcdeX", 5, 1, 1000, [][]int{{5}}},
		{"abcdef", "abcXdef", 3, 1, 1000, [][]int{nil}},                                // put in
		{"abcdef", "faXbc", 2, 1, 1000, [][]int{nil}},                                  // nothing between a and b
		{"abcdef", "QXbc", 1, 1, 1000, [][]int{nil}},                                   // what is before it is new as well
		{"abcdef", "aXYZVf", 1, 4, 100 << 10, [][]int{{1, 2}, {1, 2}, {2, 3}, {3, 4}}}, // of 100 KiB each: two at a time
		{"abcdef", "aXf", 1, 1, 300 << 10, [][]int{nil}},                               // longer than a base may be
	} {
		got := NewBases(recipe(c.old, c.length)).Of(recipe(c.fresh, c.length).Chunks, c.first, c.count)
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s to %s, %d chunks from %d: %v, want %v", c.old, c.fresh, c.count, c.first, got, c.want)
		}
	}
}

// A stretch of many megabytes is not what became one chunk.
func TestHugeGapIsNoBase(t *testing.T) {
	old, fresh := &chunker.Recipe{}, recipe("a?z", 64<<10)
	at := int64(0)
	add := func(name string) {
		old.Chunks = append(old.Chunks, chunker.Chunk{Offset: at, Length: 64 << 10, Digest: chunker.Sum([]byte(name))})
		at += 64 << 10
	}
	add("a")
	for i := range 200 {
		add(fmt.Sprint(i))
	}
	add("z")
	if got := NewBases(old).Of(fresh.Chunks, 1, 1); got[0] != nil {
		t.Errorf("%d old chunks", len(got[0]))
	}
}

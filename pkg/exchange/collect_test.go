package exchange

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/mem"
)

// history publishes five times, an hour apart, each time with all shards new.
func history(t *testing.T) (s *mem.Store, o *origin, refs []Reference, now *time.Time) {
	t.Helper()
	at := noon
	s = mem.New(mem.Options{Now: func() time.Time { return at }})
	o = newOrigin("c4")
	for i := range 5 {
		for shard := range 4 {
			o.put(t, fmt.Sprint(shard), fmt.Sprint(i, shard), 5)
		}
		ref, _ := o.publish(t, s)
		refs = append(refs, ref)
		at = at.Add(time.Hour)
	}
	return s, o, refs, &at
}

func TestCollect(t *testing.T) {
	ctx := context.Background()
	s, o, refs, now := history(t)
	neighbour := newOrigin("c4-old").many(t, 2, 2)
	neighbour.publish(t, s)
	overwrite(t, s, datasetFolder("c4")+packFolder+"README", []byte("not ours"))
	opened := map[int]*Publication{}
	for i, ref := range refs {
		p, err := Open(ctx, s, ref)
		if err != nil {
			t.Fatal(err)
		}
		opened[i] = p
	}
	usable := func() (list []int) {
		for i, ref := range refs {
			_, err := Open(ctx, s, ref)
			all := opened[i].Recipes(ctx, s, func(chunker.Digest) bool { return false }, func(manifest.Shard, []byte) error { return nil })
			if (err == nil) != (all == nil) {
				t.Errorf("publication %d: %v, its recipes: %v", i, err, all)
			}
			if err == nil {
				list = append(list, i)
			}
		}
		return list
	}
	for _, c := range []struct {
		keep    int
		older   time.Duration
		removed int
		usable  string
	}{
		{3, 100 * time.Hour, 0, "[0 1 2 3 4]"}, // all are younger
		{3, 5 * time.Hour, 2, "[1 2 3 4]"},     // published 5, 4, 3, 2 and 1 hours ago
		{3, 0, 2, "[2 3 4]"},
		{3, 0, 0, "[2 3 4]"},
		{0, 0, 4, "[4]"}, // never what the reference names
	} {
		var before, after int64
		for _, k := range keys(t, s, "") {
			before += k.Size
		}
		n, freed, err := Collect(ctx, s, "c4", c.keep, c.older, *now)
		for _, k := range keys(t, s, "") {
			after += k.Size
		}
		if got := fmt.Sprint(usable()); err != nil || n != c.removed || freed != before-after || got != c.usable {
			t.Errorf("keep %d, older than %s: removed %d of %d bytes (%d), %v; %s are left, want %s", c.keep, c.older, n, freed, before-after, err, got, c.usable)
		}
	}
	o.mustRead(t, s)
	neighbour.mustRead(t, s)
	if n := len(keys(t, s, datasetFolder("c4"))); n != 4 {
		t.Errorf("%d objects are left: a reference, a publication, a pack and what is not ours", n)
	}

	// What was never finished goes, too, once it is old.
	overwrite(t, s, packKey("c4", someDigest("", 0)), []byte("x"))
	overwrite(t, s, publicationKey("c4", someDigest("", 0)), []byte("damaged"))
	if n, _, err := Collect(ctx, s, "c4", 9, time.Hour, *now); n != 0 || err != nil {
		t.Errorf("removed %d that are young, %v", n, err)
	}
	if n, freed, err := Collect(ctx, s, "c4", 9, time.Hour, now.Add(2*time.Hour)); n != 2 || freed != 8 || err != nil {
		t.Errorf("removed %d of %d bytes, %v", n, freed, err)
	}
	o.mustRead(t, s)
}

// Without a reference that can be believed nothing is removed.
func TestCollectKnowsOrLeaves(t *testing.T) {
	ctx := context.Background()
	s, o, refs, now := history(t)
	last := refs[len(refs)-1]
	good, publication := content(t, s, last.Key()), content(t, s, publicationKey("c4", last.Publication))
	n := len(keys(t, s, ""))
	check := func(what string, want error) {
		t.Helper()
		removed, _, err := Collect(ctx, s, "c4", 0, 0, now.Add(time.Hour))
		if !errors.Is(err, want) || removed != 0 || len(keys(t, s, "")) < n-1 {
			t.Errorf("%s: removed %d, %v", what, removed, err)
		}
	}
	overwrite(t, s, last.Key(), []byte("{"))
	check("a damaged reference", ErrBad)
	overwrite(t, s, last.Key(), good)
	overwrite(t, s, publicationKey("c4", last.Publication), []byte("x"))
	check("a damaged publication", ErrBad)
	if err := s.Delete(ctx, store.Ref{Key: publicationKey("c4", last.Publication)}); err != nil {
		t.Fatal(err)
	}
	check("no publication", ErrBad)
	overwrite(t, s, publicationKey("c4", last.Publication), publication)
	if _, _, err := Collect(ctx, s, "..", 0, 0, *now); err == nil {
		t.Error("collected the folder above")
	}

	// Published after the reference was read.
	h := &headed{Store: s, key: publicationKey("c4", last.Publication)}
	h.f = func() { h.key = ""; o.put(t, "new", "new", 1); o.publish(t, s) }
	removed, _, err := Collect(ctx, h, "c4", 0, 0, now.Add(time.Hour))
	if !errors.Is(err, ErrRaced) || removed != 0 {
		t.Errorf("removed %d, %v", removed, err)
	}
	o.mustRead(t, s)
}

// What is written again between the list and the removal stays.
func TestCollectLooksAgain(t *testing.T) {
	ctx := context.Background()
	s, _, refs, now := history(t)
	first := publicationKey("c4", refs[0].Publication)
	b := content(t, s, first)
	*now = now.Add(time.Hour)
	h := &headed{Store: s, key: first, f: func() { overwrite(t, s, first, b) }}
	if _, _, err := Collect(ctx, h, "c4", 1, time.Hour, *now); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Head(ctx, first); err != nil {
		t.Errorf("it was removed: %v", err)
	}
	if _, err := s.Head(ctx, publicationKey("c4", refs[1].Publication)); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("another one was not removed: %v", err)
	}
}

// headed does something before it answers what a key holds.
type headed struct {
	*mem.Store
	key string
	f   func()
}

func (h *headed) Head(ctx context.Context, key string) (store.Object, error) {
	if key == h.key {
		h.f()
	}
	return h.Store.Head(ctx, key)
}

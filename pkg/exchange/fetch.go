package exchange

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/store"
)

const (
	// gapBytes is what is read in vain rather than asking again: at 100 MB/s it takes as long as 1/100 of a round trip.
	gapBytes = 64 << 10
	// fetchAtOnce is how many shards wait for their recipes, some 30 MB of memory.
	fetchAtOnce = 64 << 10
)

// wanted is a shard whose recipe is to be read.
type wanted struct {
	shard manifest.Shard
	at    place
}

// Recipes reads the recipes that are not had and calls f for each shard with one of them, in no particular order. have is asked for
// each shard that has a recipe. What f gets is proven: the bytes are the recipe that the shard names, and it is of this shard. f must
// not keep the bytes. Reads are at most 8 MiB, unless a recipe is larger, and skip gaps of more than 64 KiB.
//
// Errors: the store's, those of f, and [ErrBad]. f was then called for some.
func (p *Publication) Recipes(ctx context.Context, r Reader, have func(recipe chunker.Digest) bool, f func(s manifest.Shard, recipe []byte) error) error {
	t := fetcher{ctx: ctx, r: r, p: p, f: f, packs: map[int]store.Object{}}
	var list []wanted
	err := p.walk(func(s *manifest.Shard, at place) error {
		if s.Recipe.IsZero() || have(s.Recipe) {
			return nil
		}
		if list = append(list, wanted{*s, at}); len(list) < fetchAtOnce {
			return nil
		}
		err := t.fetch(list)
		list = list[:0]
		return err
	})
	if err != nil {
		return err
	}
	return t.fetch(list)
}

type fetcher struct {
	ctx   context.Context
	r     Reader
	p     *Publication
	f     func(manifest.Shard, []byte) error
	packs map[int]store.Object // as they were seen
	buf   []byte
}

func (t *fetcher) fetch(list []wanted) error {
	slices.SortFunc(list, func(a, b wanted) int {
		return cmp.Or(cmp.Compare(a.at.pack, b.at.pack), cmp.Compare(a.at.offset, b.at.offset), cmp.Compare(a.at.length, b.at.length))
	})
	for len(list) > 0 {
		n, err := t.together(list)
		if err != nil {
			return err
		}
		if err := t.read(list[:n]); err != nil {
			return err
		}
		list = list[n:]
	}
	return nil
}

// together is how many of the wanted recipes one read brings. Those that overlap without being the same are refused, so that no
// publication makes a reader read a pack over and over.
func (t *fetcher) together(list []wanted) (int, error) {
	first, last, from := list[0].at, list[0].at, start(list[0].at)
	for n := 1; n < len(list); n++ {
		at := list[n].at
		end := last.offset + last.length
		switch {
		case at == last:
			continue
		case at.pack != first.pack:
			return n, nil
		case at.offset < end:
			return 0, bad(t.p.key, againHint, "the recipes of %q and %q overlap", list[n-1].shard.Path, list[n].shard.Path)
		case at.offset-end > gapBytes || at.offset+at.length-from > readAtOnce:
			return n, nil
		}
		last = at
	}
	return len(list), nil
}

// start is where a read for a recipe begins. Near the pack's header that comes along, and is looked at.
func start(at place) int64 {
	if at.offset <= packHeaderBytes+gapBytes {
		return 0
	}
	return at.offset
}

// read brings recipes that stand together in one pack.
func (t *fetcher) read(list []wanted) error {
	pack := list[0].at.pack
	from, last := start(list[0].at), list[len(list)-1].at
	n := last.offset + last.length - from
	if int64(cap(t.buf)) < n {
		t.buf = make([]byte, n)
	}
	b := t.buf[:n]
	if err := t.readPack(pack, from, b); err != nil {
		return err
	}
	key := t.key(pack)
	if from == 0 {
		if err := checkPackHeader(b[:packHeaderBytes]); err != nil {
			return bad(key, removeHint, "%w", err)
		}
	}
	for i := range list {
		w := &list[i]
		recipe := b[w.at.offset-from:][:w.at.length:w.at.length]
		if err := checkRecipe(recipe, &w.shard); err != nil {
			return bad(key, removeHint, "the recipe of %q at byte %d: %w", w.shard.Path, w.at.offset, err)
		}
		if err := t.f(w.shard, recipe); err != nil {
			return err
		}
	}
	return nil
}

func (t *fetcher) key(pack int) string {
	return packKey(t.p.header.Dataset, t.p.header.Packs[pack].Digest)
}

// readPack reads a range. A pack that is written anew while it is read has the same bytes, so that it is looked at again.
func (t *fetcher) readPack(pack int, from int64, b []byte) error {
	key, want := t.key(pack), t.p.header.Packs[pack].Bytes
	for attempt := 0; ; attempt++ {
		o, seen := t.packs[pack]
		if !seen {
			var err error
			if o, err = t.r.Head(t.ctx, key); errors.Is(err, store.ErrNotFound) {
				return bad(key, againHint, "it is gone")
			} else if err != nil {
				return fmt.Errorf("read recipes: %w", err)
			}
			if o.Size != want {
				return bad(key, againHint, "it has %d bytes, and the publication says %d", o.Size, want)
			}
			t.packs[pack] = o
		}
		err := t.r.ReadRange(t.ctx, o.Ref(), from, b)
		if err == nil {
			return nil
		}
		if !replaced(err) || attempt == maxAttempts {
			return fmt.Errorf("read recipes: %w", err)
		}
		delete(t.packs, pack)
	}
}

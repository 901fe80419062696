package plan

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/sync/parts"
	"github.com/datagravity/datagravity/pkg/sync/reuse"
)

// Reuse says how shards may be put together from what a destination holds.
type Reuse struct {
	// Prices of the ways to make a part at the destination, and of reading a byte back from it; in nano-USD.
	Prices   parts.Prices
	ReadByte float64
	// Pull are the prices of reading what is held back to the agent; nil: that cannot pay, or the shards go to several destinations at once.
	Pull *PullPrices
	// Beside are the same prices for an agent beside the destination; nil: nobody asks what that would save.
	Beside *PullPrices
	// PartBytes is the size of a sent part.
	PartBytes int64
	// TwoSteps allows temporary objects.
	TwoSteps bool
	// Prefixes of the destination's store where chunks are looked for, in order of preference; keys that are replaced come
	// first anyway.
	Prefixes []string
}

const (
	// assembleFrom: a smaller shard is a handful of chunks, and its put one request.
	assembleFrom = 256 << 10
	// heldFrom: what is smaller may be replaced together with others at once, while shards are put together from what is held.
	heldFrom = 64 << 10
	// copyMaxBytes of a range: large enough that requests cost nothing beside it, small enough that several are copied at
	// a time.
	copyMaxBytes = 1 << 30
)

// assemble looks, for the shards that would cross whole, whether the destination holds enough of their chunks.
func (b *builder) assemble(ctx context.Context) (err error) {
	caps := b.dest.Capabilities()
	var wanted []int
	var recipes []chunker.Digest
	for i, it := range b.items {
		if (caps.CopiesParts || b.Reuse.Pull != nil || b.Reuse.Beside != nil) && it.Way == Full && it.Known && !it.Recipe.IsZero() && it.Size >= assembleFrom {
			wanted, recipes = append(wanted, i), append(recipes, it.Recipe)
		}
	}
	if len(wanted) == 0 {
		return nil
	}
	held, err := b.holders(wanted)
	if err != nil || len(held.keys) == 0 {
		return err
	}
	finder, err := reuse.New(reuse.Options{Stop: ctx.Err})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, finder.Close()) }()
	// A shard whose recipe is lost is left to cross whole.
	shards := make([]int, 0, len(wanted))
	err = b.m.EachRecipe(ctx, recipes, func(i int, r *chunker.Recipe) error {
		if r.Size != b.items[wanted[i]].Size {
			return nil
		}
		shards = append(shards, wanted[i])
		return finder.Want(r.Chunks)
	})
	if err != nil {
		return fmt.Errorf("read the recipes of what is missing: %w", err)
	}
	err = b.m.EachRecipe(ctx, held.recipes, func(i int, r *chunker.Recipe) error {
		done, err := finder.Hold(int32(i), r.Chunks)
		if err == nil && done {
			return manifest.ErrStop
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("look for what is missing in what the destination holds: %w", err)
	}
	return finder.Each(func(n int, places [][]parts.Place) error {
		it := &b.items[shards[n]]
		// Read again rather than kept: only one at a time is in memory.
		recipe, err := b.m.Recipe(it.Recipe)
		if err != nil {
			return fmt.Errorf("read the recipe of %q again: %w", it.Path, err)
		}
		chunks := make([]parts.Chunk, len(places))
		for i := range places {
			chunks[i] = parts.Chunk{Length: recipe.Chunks[i].Length, Places: places[i]}
		}
		return b.putTogether(it, chunks, caps, held)
	})
}

// holders are objects of the destination that may hold chunks.
type holders struct {
	keys    []string
	recipes []chunker.Digest
	sizes   []int64
	small   bool // some may be such that the service copies no ranges of them
}

// holders lists what the manifest says the destination's store holds, in order of preference, each content once.
func (b *builder) holders(wanted []int) (h holders, err error) {
	seen := map[chunker.Digest]bool{}
	least := b.dest.Capabilities().RangeSourceMoreThanBytes
	if h.small = least > 0 && (b.Reuse.Pull != nil || b.Reuse.Beside != nil); h.small {
		least = 0 // any object can be read
	}
	least = max(least, heldFrom)
	add := func(r manifest.Replica) {
		if r.Present() && !r.Recipe.IsZero() && r.Size > least && !seen[r.Recipe] {
			seen[r.Recipe] = true
			h.keys, h.recipes, h.sizes = append(h.keys, r.Key), append(h.recipes, r.Recipe), append(h.sizes, r.Size)
		}
	}
	err = b.m.View(func(tx *manifest.Tx) error {
		for _, i := range wanted {
			r, ok, err := tx.Replica(b.Destination.Store, b.items[i].Key)
			if err != nil {
				return err
			}
			if ok {
				add(r)
			}
		}
		for _, prefix := range b.Reuse.Prefixes {
			if err := tx.Replicas(b.Destination.Store, prefix, func(r manifest.Replica) (bool, error) {
				add(r)
				return true, nil
			}); err != nil {
				return err
			}
		}
		return nil
	})
	return h, err
}

// putTogether has an item made of what the destination holds, at the destination or in the agent, where that is cheaper than all of its bytes.
func (b *builder) putTogether(it *Item, chunks []parts.Chunk, caps store.Capabilities, held holders) error {
	u := b.Reuse
	// Two of the smallest parts must not be needed for what is a bit more than one.
	limits := parts.Limits{
		MinBytes: caps.Parts.MinBytes, SendMaxBytes: max(u.PartBytes, 2*caps.Parts.MinBytes), CopyMaxBytes: min(copyMaxBytes, caps.Parts.MaxBytes/2),
		MaxParts: caps.Parts.MaxParts, Glue: u.TwoSteps && caps.Parts.MinBytes > 1,
	}
	if limits.MaxParts > 0 {
		// Long enough that a shard of which nothing is held still fits.
		limits.SendMaxBytes = max(limits.SendMaxBytes, 2*(it.Size/int64(limits.MaxParts)))
	}
	sends := (it.Size + limits.SendMaxBytes - 1) / limits.SendMaxBytes
	least := u.Prices.Price(parts.Totals{Sent: int(sends), SentBytes: it.Size})
	if caps.CopiesParts {
		var err error
		if least, err = b.assembled(it, chunks, limits, caps, held, least); err != nil {
			return err
		}
	}
	if u.Pull != nil {
		return b.pull(it, chunks, held, least)
	}
	if u.Beside != nil {
		u.Beside.beside(it, chunks)
	}
	return nil
}

// assembled makes an item an assembled one if that is cheaper than a price, and returns the cheaper one of both.
func (b *builder) assembled(it *Item, chunks []parts.Chunk, limits parts.Limits, caps store.Capabilities, held holders, than float64) (float64, error) {
	u := b.Reuse
	if held.small {
		chunks = held.copied(chunks, caps.RangeSourceMoreThanBytes)
	}
	list, err := parts.Plan(chunks, limits, u.Prices)
	if err != nil {
		return than, fmt.Errorf("put %q together: %w", it.Path, err)
	}
	a := &Assembly{Parts: list, Totals: parts.Sum(list), ReadBack: !caps.AssembledChecksums && !caps.PartsProveObject}
	price := u.Prices.Price(a.Totals)
	if a.ReadBack {
		price += u.ReadByte * float64(it.Size)
	}
	if a.Copied == 0 || price >= than {
		return than, nil
	}
	if a.From, err = b.pin(a.Parts, held); err != nil || a.From == nil {
		return than, err
	}
	it.Way, it.Assembly = Assemble, a
	it.Reason = fmt.Sprintf("%d of %d bytes are held, in %s", a.CopiedBytes, it.Size, quoteFirst(a.From))
	return price, nil
}

// copied are chunks without the places in objects that the service copies no ranges of.
func (h holders) copied(chunks []parts.Chunk, moreThan int64) []parts.Chunk {
	out := slices.Clone(chunks)
	for i := range out {
		if slices.ContainsFunc(out[i].Places, func(p parts.Place) bool { return h.sizes[p.Object] <= moreThan }) {
			out[i].Places = slices.DeleteFunc(slices.Clone(out[i].Places), func(p parts.Place) bool { return h.sizes[p.Object] <= moreThan })
		}
	}
	return out
}

// pin numbers the objects that the parts copy from anew, and returns them; nil if one of them is gone meanwhile.
func (b *builder) pin(list []parts.Part, held holders) ([]manifest.Replica, error) {
	var places []*parts.Place
	for i := range list {
		pieces := []*parts.Piece{&list[i].Piece}
		for k := range list[i].Tails {
			pieces = append(pieces, &list[i].Tails[k])
		}
		for _, x := range pieces {
			if x.Copied {
				places = append(places, &x.From)
			}
		}
	}
	return b.pinned(places, held)
}

// pinned numbers the objects of places anew, and returns them; nil if one of them is gone meanwhile.
func (b *builder) pinned(places []*parts.Place, held holders) (from []manifest.Replica, err error) {
	numbers := map[int32]int32{}
	gone := false
	err = b.m.View(func(tx *manifest.Tx) error {
		for _, p := range places {
			n, ok := numbers[p.Object]
			if !ok {
				key, recipe := held.keys[p.Object], held.recipes[p.Object]
				r, there, err := tx.Replica(b.Destination.Store, key)
				gone = gone || !there || !r.Present() || r.Recipe != recipe
				if err != nil || gone {
					return err
				}
				n = int32(len(from))
				numbers[p.Object], from = n, append(from, r)
			}
			p.Object = n
		}
		return nil
	})
	if gone {
		return nil, err
	}
	return from, err
}

func quoteFirst(from []manifest.Replica) string {
	if len(from) == 1 {
		return fmt.Sprintf("%q", from[0].Key)
	}
	return fmt.Sprintf("%q and %d more", from[0].Key, len(from)-1)
}

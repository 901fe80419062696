package plan

import (
	"fmt"

	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/store"
)

// Origin is a store beside the dataset's own that may hold its shards: another destination, most often.
type Origin struct {
	Store    string // configured name
	Location store.Location
	Prices   string    // of requests, in the price book
	In       cost.Rate // from there to the agent
}

// From is a replica that a shard is read from in place of the source.
type From struct {
	Place Origin
	manifest.Replica
}

// Ref pins the replica.
func (f *From) Ref() store.Ref {
	return store.Ref{Key: f.Key, ETag: f.ETag, Version: f.Version}
}

// cheaperBy is what another place must save at least: a replica is one more thing that can be gone.
const cheaperBy = 0.01

// chooseOrigins has shards that must be read come from where that costs least, and those that the source no longer has from
// wherever they are held.
func (b *builder) chooseOrigins() error {
	if len(b.Origins) == 0 {
		return nil
	}
	return b.m.View(func(tx *manifest.Tx) error {
		for i := range b.items {
			it := &b.items[i]
			_, claimed := b.claims[it.Key] // what a pin needs stands there: it is of no use where else this content is
			gone := it.Way == Missing && it.Gone && !claimed
			if !it.Known || it.Size == 0 || it.Way != Full && it.Way != Assemble && it.Way != Pull && !gone {
				continue
			}
			if err := b.chooseOrigin(tx, it, gone); err != nil {
				return err
			}
		}
		return nil
	})
}

func (b *builder) chooseOrigin(tx *manifest.Tx, it *Item, gone bool) error {
	own := nanoUSDPerByte(b.Source.In)
	least := own * (1 - cheaperBy)
	for _, o := range b.Origins {
		price := nanoUSDPerByte(o.In)
		if price >= least && !gone {
			continue
		}
		held, err := tx.Holders(o.Store, it.Digest, 1)
		if err != nil {
			return err
		}
		if len(held) == 0 {
			continue
		}
		if gone {
			it.Way, it.Reason = Full, "the source no longer has this content"
			gone, least = false, price
		} else {
			least = price
		}
		it.Origin = &From{Place: o, Replica: held[0]}
	}
	if it.Origin == nil {
		return nil
	}
	const gib = float64(store.GiB)
	it.Reason += fmt.Sprintf("; read from %s, where it is held as %q: %s a GiB, %s from the source",
		it.Origin.Place.Store, it.Origin.Key, cost.NanoUSD(least*gib), cost.NanoUSD(own*gib))
	return nil
}

func nanoUSDPerByte(r cost.Rate) float64 {
	return float64(r.Price(store.GiB, nil)) / float64(store.GiB)
}

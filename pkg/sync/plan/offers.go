package plan

import (
	"math"

	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/manifest"
)

// Offer is a place that a shard can be read from, and what that uses.
type Offer struct {
	Store string // configured name of the place
	// From is the replica, nil at the dataset's own source.
	From    *From
	Charges []Charge
}

// Charge is what one of a shard's hops uses of the budgets that cover a link: at most, with the margin for headers, TLS and retries.
type Charge struct {
	Link    cost.Link
	NanoUSD cost.NanoUSD
	Bytes   int64
}

// Moves tells whether anything must be done for the shard, and can be.
func (it Item) Moves() bool {
	switch it.Way {
	case Have, Refused, Missing, Blocked:
		return it.LearnFirst
	}
	return true
}

// FindElsewhere finds every other place that items could be read from.
func FindElsewhere(m *manifest.Manifest, items []Item, origins []Origin) error {
	if len(origins) == 0 {
		return nil
	}
	return m.View(func(tx *manifest.Tx) error {
		for i := range items {
			it := &items[i]
			if it.Elsewhere = nil; !it.Known || it.Size == 0 || it.LearnFirst || it.Way != Full && it.Way != Assemble && it.Way != Pull {
				continue
			}
			for _, o := range origins {
				held, err := tx.Holders(o.Store, it.Digest, 1)
				if err != nil {
					return err
				}
				if len(held) > 0 {
					it.Elsewhere = append(it.Elsewhere, From{Place: o, Replica: held[0]})
				}
			}
		}
		return nil
	})
}

// Pricer prices shards one by one: each at the dearest tier that all of them together can reach.
type Pricer struct {
	book      *cost.Book
	mtd       MonthToDate
	partBytes int64
	reach     int64
	at        map[string]*int64 // by position
}

// NewPricer makes a pricer for shards that put up to so many bytes on the wire.
func NewPricer(l *cost.Ledger, m *manifest.Manifest, partBytes, reachBytes int64) *Pricer {
	return &Pricer{book: l.Book(), mtd: monthToDate(l, m), partBytes: partBytes, reach: reachBytes, at: map[string]*int64{}}
}

// Offers of an item of a plan: the source, unless it no longer has the shard, and where else it is held.
func (p *Pricer) Offers(pl *Plan, it Item) (list []Offer, err error) {
	if len(it.Elsewhere) == 0 || !it.Gone {
		if len(it.Elsewhere) > 0 {
			it.Origin = nil
		}
		o := Offer{Store: pl.Route.Link.Source, From: it.Origin}
		if it.Origin != nil {
			o.Store = it.Origin.Place.Store
		}
		if o.Charges, err = p.charges(pl, it); err != nil {
			return nil, err
		}
		list = append(list, o)
	}
	for i := range it.Elsewhere {
		it.Origin = &it.Elsewhere[i]
		o := Offer{Store: it.Origin.Place.Store, From: it.Origin}
		if o.Charges, err = p.charges(pl, it); err != nil {
			return nil, err
		}
		list = append(list, o)
	}
	return list, nil
}

// Whole is what a shard of a size uses that comes from the source of a plan as a whole.
func (p *Pricer) Whole(pl *Plan, size int64) ([]Charge, error) {
	it := Item{Way: Full}
	it.Size = size
	return p.charges(pl, it)
}

// charges of an item as it is. A replica elsewhere is read over a link of its own.
func (p *Pricer) charges(pl *Plan, it Item) (list []Charge, err error) {
	r := pl.Route
	rates := []cost.Rate{r.In, r.Out, r.Back}
	if it.Origin != nil {
		rates = append(rates, it.Origin.Place.In)
	}
	for _, rate := range rates {
		if err := p.locate(rate); err != nil {
			return nil, err
		}
	}
	var uses reserved
	for _, h := range r.traffic([]Item{it}, p.partBytes, false).hops {
		uses.add(p.book, h, p.at[position(h.rate)])
	}
	for _, u := range uses {
		if u.usd != 0 || u.bytes != 0 {
			list = append(list, Charge{Link: u.link, NanoUSD: u.usd, Bytes: u.bytes})
		}
	}
	return list, nil
}

// position names where a rate stands: several ladders may count on one pool.
func position(r cost.Rate) string { return r.Pool + " " + r.ID }

// locate finds where in a rate's ladder the dearest price begins that can be reached, from where its pool stands now.
func (p *Pricer) locate(rate cost.Rate) error {
	k := position(rate)
	if _, ok := p.at[k]; ok {
		return nil
	}
	mtd, err := p.mtd(rate.Pool)
	if err == nil && mtd != nil {
		*mtd = dearest(rate, *mtd, p.reach)
	}
	p.at[k] = mtd
	return err
}

// dearest is the position within reach, or where the meter stands, at which a byte costs most.
func dearest(rate cost.Rate, at, reach int64) int64 {
	at = max(at, rate.AllowanceBytes)
	end := at + min(reach, math.MaxInt64-at)
	best, price := at, rate.Price(rate.UnitBytes, &at)
	for _, t := range rate.Tiers {
		if t.UpToUnits > (math.MaxInt64-rate.AllowanceBytes)/rate.UnitBytes {
			break
		}
		start := t.UpToUnits*rate.UnitBytes + rate.AllowanceBytes // of the next tier
		if start <= at || start >= end {
			continue
		}
		if n := rate.Price(rate.UnitBytes, &start); n > price {
			best, price = start, n
		}
	}
	return best
}

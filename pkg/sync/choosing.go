package sync

import (
	"fmt"
	"strings"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/sync/choose"
	"github.com/datagravity/datagravity/pkg/sync/plan"
)

// shardKey is what several requests share: an object at a destination, with its content.
type shardKey struct {
	store, key string
	digest     chunker.Digest
	etag       string     // where the digest is not known
	payer      plan.Payer // whose budgets count it: what two share is asked for twice rather than charged to the wrong one
}

func shardOf(q Request, it plan.Item) shardKey {
	k := shardKey{store: q.Destination.Destination.Store, key: it.Key, digest: it.Digest, payer: q.Source.For}
	if it.Digest.IsZero() {
		k.etag = it.ETag
	}
	return k
}

type numbering map[shardKey]uint32

// choosing makes a problem of plans.
type choosing struct {
	*choose.Problem
	s       *Syncer
	pricer  *plan.Pricer
	uses    []cost.Use
	counted []cost.Allowance        // the problem's budgets
	routes  map[cost.Subject]uint16 // what decides which budgets cover a charge
	sources map[string]uint16
	numbers numbering
}

// newChoosing starts from how the budgets stand now.
func (s *Syncer) newChoosing(reachBytes int64) (*choosing, error) {
	b := &choosing{
		Problem: &choose.Problem{Now: s.Manifest.Now()}, s: s, pricer: plan.NewPricer(s.Ledger, s.Manifest, s.Engine.PartBytes(), reachBytes),
		routes: map[cost.Subject]uint16{}, sources: map[string]uint16{}, numbers: numbering{},
	}
	var err error
	if b.uses, err = s.Ledger.Uses(); err != nil {
		return nil, err
	}
	b.counted = cost.Allowances(b.uses)
	for _, a := range b.counted {
		u := b.uses[a.Use]
		usd, bytes := u.LeftFor(a.Job)
		b.Budgets = append(b.Budgets, choose.Budget{
			Name: u.Budget.Name, LeftNanoUSD: usd, LeftBytes: bytes, LimitNanoUSD: u.Budget.LimitNanoUSD, LimitBytes: u.Budget.LimitBytes,
		})
	}
	return b, nil
}

// add makes a plan a job.
func (b *choosing) add(q Request, p *plan.Plan) error {
	j := choose.Job{ID: needID(q), Part: q.Partial, Priority: q.Wish.Priority, Value: q.Wish.Value}
	if !q.Wish.NeedBy.IsZero() {
		j.StartBy = q.Wish.NeedBy.Add(-p.Estimate.Duration())
	}
	for _, it := range p.Items {
		if !it.Moves() {
			continue
		}
		k := shardOf(q, it)
		n, known := b.numbers[k]
		if !known {
			offers, err := b.offers(q, p, it)
			if err != nil {
				return err
			}
			n = b.AddShard(offers...)
			b.numbers[k] = n
		}
		j.Shards = append(j.Shards, n)
	}
	b.Jobs = append(b.Jobs, j)
	return nil
}

// setAside keeps room for the listing with which each sync begins: a page of it is reserved whole before it is known to be small. They begin one after
// the other, so that one page is enough.
func (b *choosing) setAside(q Request) error {
	link := b.s.link(q.Source, &q.Destination)
	c, err := b.s.lookup(link, q.Source.Name, q.Source.For, maxPageBytes, cost.OpList, q.Source.Store)
	if err != nil || b.s.Ledger.Free(c) {
		return err
	}
	price := cost.AddNanoUSD(c.Rate.Price(c.Bytes, nil), b.s.Ledger.Book().Requests(c.RequestPrices, cost.OpList, 1))
	for i, a := range b.counted {
		u := b.uses[a.Use]
		if !u.Budget.Counts(c.Subject()) {
			continue
		}
		usd, bytes := u.LeftFor(a.Job)
		if usd >= 0 {
			b.Budgets[i].LeftNanoUSD = min(b.Budgets[i].LeftNanoUSD, max(0, usd-price))
		}
		if bytes >= 0 {
			b.Budgets[i].LeftBytes = min(b.Budgets[i].LeftBytes, max(0, bytes-c.Bytes))
		}
	}
	return nil
}

func (b *choosing) offers(q Request, p *plan.Plan, it plan.Item) ([]choose.Offer, error) {
	list, err := b.pricer.Offers(p, it)
	if err != nil {
		return nil, err
	}
	out := make([]choose.Offer, 0, len(list))
	for _, o := range list {
		if only, chosen := q.sources[it.Key]; chosen && only != o.Store {
			continue
		}
		one := choose.Offer{Source: b.source(o.Store)}
		for _, c := range o.Charges {
			one.Charges = append(one.Charges, choose.Charge{Route: b.route(p, c.Link), NanoUSD: c.NanoUSD, Bytes: c.Bytes})
		}
		out = append(out, one)
	}
	if len(out) == 0 { // the replica that was chosen is gone meanwhile
		delete(q.sources, it.Key)
		return b.offers(q, p, it)
	}
	return out, nil
}

func (b *choosing) source(name string) uint16 {
	n, ok := b.sources[name]
	if !ok {
		n = uint16(len(b.Sources))
		b.sources[name], b.Sources = n, append(b.Sources, name)
	}
	return n
}

func (b *choosing) route(p *plan.Plan, link cost.Link) uint16 {
	k := p.Over(link)
	n, ok := b.routes[k]
	if !ok {
		list := cost.Counting(b.counted, b.uses, k)
		n = uint16(len(b.Routes))
		b.routes[k], b.Routes = n, append(b.Routes, list)
	}
	return n
}

// settle has the items of a plan read from where it was chosen, and leaves out those that do not move now.
func (b *choosing) settle(c *choose.Choice, q Request, items []plan.Item) (now, later []plan.Item) {
	for _, it := range items {
		n, moves := b.numbers[shardOf(q, it)]
		switch {
		case !moves || !it.Moves():
		case c.Source[n] == choose.Later:
			later = append(later, it)
			continue
		case len(it.Elsewhere) > 0:
			from := b.Sources[c.Source[n]]
			if was := it.Origin; was == nil || was.Place.Store != from {
				it.Origin = nil
				for i := range it.Elsewhere {
					if it.Elsewhere[i].Place.Store == from {
						it.Origin = &it.Elsewhere[i]
						it.Reason, _, _ = strings.Cut(it.Reason, "; read from ")
						it.Reason += fmt.Sprintf("; read from %s, where it is held as %q, under the budgets as they are", from, it.Origin.Key)
					}
				}
			}
		}
		if len(later) > 0 && it.Rank > later[0].Rank && it.Moves() {
			later = append(later, it) // an index never arrives before its shards
			continue
		}
		now = append(now, it)
	}
	return now, later
}

package plan

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/store"
)

// Alternative is another way for the same bytes to go, and what it would cost.
type Alternative struct {
	// What it is, and How one gets there: a setting, or something to build.
	What string `json:"what"`
	How  string `json:"how"`
	// USD as in [Estimate.USD], and what is saved by it; below 0 it costs more.
	USD      cost.NanoUSD `json:"usd"`
	SavesUSD cost.NanoUSD `json:"saves_usd"`
	// Fixed is what its private links cost beside the bytes. UnknownFixed: there is a private link whose cost the price book does
	// not know.
	Fixed        []cost.Fixed `json:"fixed,omitempty"`
	UnknownFixed bool         `json:"unknown_fixed,omitempty"`
	Verified     bool         `json:"verified"`
}

// Weigh adds to a plan what only people need who decide: what the replicas cost to keep, and what every other way would cost that the
// price book knows of. keep is for how long the replicas are wanted; 0: nobody said.
func (p *Plan) Weigh(l *cost.Ledger, m *manifest.Manifest, partBytes int64, keep time.Duration) error {
	keeping := p.Route.keeping(l.Book(), p.Items, keep)
	p.Keeping = &keeping
	if p.Estimate.PaidBytes == 0 {
		return nil
	}
	c := comparison{plan: p, book: l.Book(), partBytes: partBytes, mtd: monthToDate(l, m)}
	c.agents()
	c.rates("in", p.Route.In, p.Route.Source, p.Route.Agent, p.Route.options.FromStore(p.Route.Link.Source), func(r *Route, rate cost.Rate) { r.In = rate })
	c.rates("out", p.Route.Out, p.Route.Agent, p.Route.Destination, p.Route.options, func(r *Route, rate cost.Rate) { r.Out = rate })
	c.withoutReplicas()
	slices.SortStableFunc(c.list, func(a, b Alternative) int { return cmp.Compare(a.USD, b.USD) })
	p.Alternatives = c.list
	return c.err
}

// monthToDate asks the ledger.
func monthToDate(l *cost.Ledger, m *manifest.Manifest) MonthToDate {
	return func(pool string) (mtd *int64, err error) {
		err = m.View(func(tx *manifest.Tx) error {
			mtd, err = l.MonthToDate(tx, pool, cost.WindowOf(m.Now()))
			return err
		})
		return mtd, err
	}
}

// comparison prices the items of a plan in other ways.
type comparison struct {
	plan      *Plan
	book      *cost.Book
	partBytes int64
	mtd       MonthToDate
	list      []Alternative
	err       error
}

// add prices items over a route. A route without a price is no alternative.
func (c *comparison) add(a Alternative, r Route, items []Item) {
	e, err := r.price(c.book, items, c.partBytes, 0, c.mtd)
	if err != nil {
		c.err = errors.Join(c.err, err)
		return
	}
	a.USD, a.SavesUSD, a.Fixed, a.Verified = e.USD, c.plan.Estimate.USD-e.USD, e.Fixed, true
	for i, line := range e.Lines {
		a.Verified = a.Verified && line.Verified
		a.UnknownFixed = a.UnknownFixed || e.rates[i].PrivateLink && e.rates[i].Fixed == nil
	}
	c.list = append(c.list, a)
}

// agents puts the agent at either end. What the network at this one charges is not known of them.
func (c *comparison) agents() {
	p := c.plan
	for _, at := range slices.Compact([]store.Location{p.Route.Source, p.Route.Destination}) {
		if at == p.Route.Agent {
			continue
		}
		r, err := p.Route.At(c.book, at)
		if err != nil {
			continue
		}
		items, err := c.readAt(at, r.options)
		if err != nil {
			continue
		}
		a := Alternative{
			What: fmt.Sprintf("an agent in %s", at), How: fmt.Sprintf("run datagravity on a machine there, with agent: {location: %q}", at),
		}
		if pulled := pulledBeside(items); at == p.Route.Destination && pulled != nil {
			items = pulled
			a.How = fmt.Sprintf("run datagravity on a machine there, with agent: {location: %q, role: edge}, and set role: origin on one beside the source", at)
		}
		c.add(a, r, items)
	}
}

// pulledBeside are the items as an agent beside the destination would carry them out, which reads there what is held; nil: as here.
func pulledBeside(items []Item) (out []Item) {
	for i, it := range items {
		if it.Beside == nil {
			continue
		}
		if out == nil {
			out = slices.Clone(items)
		}
		out[i].Way, out[i].Pulled, out[i].Assembly = Pull, &Pulled{PullTotals: *it.Beside}, nil
	}
	return out
}

// readAt are the items with the prices of what is read elsewhere by another agent.
func (c *comparison) readAt(agent store.Location, o cost.RouteOptions) ([]Item, error) {
	if !slices.ContainsFunc(c.plan.Items, func(it Item) bool { return it.Origin != nil }) {
		return c.plan.Items, nil
	}
	rates := map[string]cost.Rate{} // by store
	items := slices.Clone(c.plan.Items)
	for i := range items {
		if items[i].Origin == nil {
			continue
		}
		from := *items[i].Origin
		rate, known := rates[from.Place.Store]
		if !known {
			var err error
			if rate, err = c.book.Transfer(from.Place.Location, agent, o.FromStore(from.Place.Store)); err != nil {
				return nil, err
			}
			rates[from.Place.Store] = rate
		}
		from.Place.In = rate
		items[i].Origin = &from
	}
	return items, nil
}

// rates are other prices that the bytes of one hop could have: the other routing preference, private links.
func (c *comparison) rates(hop string, now cost.Rate, from, to store.Location, o cost.RouteOptions, set func(*Route, cost.Rate)) {
	for _, rate := range c.book.Alternatives(from, to, o) {
		if rate.ID == now.ID {
			continue
		}
		a := Alternative{
			What: fmt.Sprintf("%s from %s to %s", rate.ID, from, to),
			How:  fmt.Sprintf("prices.routes: {from: %q, to: %q, entry: %s}, once the link is there", from, to, rate.ID),
		}
		if !rate.PrivateLink {
			a.How = c.routing(hop, o.ISPRouting)
		}
		r := c.plan.Route
		set(&r, rate)
		c.add(a, r, c.plan.Items)
	}
}

// routing says how an Azure account, or a machine there, gets the other routing preference.
func (c *comparison) routing(hop string, isp bool) string {
	other := map[bool]string{true: "microsoft", false: "internet"}[isp]
	if hop == "out" {
		return fmt.Sprintf("give the agent's machine a public address with the routing preference %q, and set prices.isp_routing: %v", other, !isp)
	}
	return fmt.Sprintf("set the storage account's routing preference to %q, publish that endpoint, and set stores.%s.routing: %s", other,
		c.plan.Route.Link.Source, other)
}

// withoutReplicas reads everything from the source that it still has.
func (c *comparison) withoutReplicas() {
	var items []Item
	for i, it := range c.plan.Items {
		if it.Origin == nil || it.Gone {
			continue
		}
		if items == nil {
			items = slices.Clone(c.plan.Items)
		}
		items[i].Origin = nil
	}
	if items != nil {
		c.add(Alternative{
			What: "no replicas as sources", How: fmt.Sprintf("everything is read from %s", c.plan.Route.Link.Source),
		}, c.plan.Route, items)
	}
}

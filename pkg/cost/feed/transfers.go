package feed

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/datagravity/datagravity/pkg/cost"
)

// group are the regions for which a feed says the same.
type group struct {
	quote
	regions []string
}

func (g group) key() string { return fmt.Sprint(g.class, g.to, g.id, g.tiers) }

// transfers makes entries of the quotes. A group of regions replaces the entry of the book that prices them if it speaks for the
// whole of it: by the provider's own meter, or because no region is left out. Otherwise its regions get an entry of their own,
// which is narrower and wins, and an entry that lists its regions loses them.
func (c *collector) transfers() ([]cost.TransferEntry, error) {
	present := c.o.Book.TransferEntries()
	shrunk := map[string]bool{}
	var out []cost.TransferEntry
	replaced := map[string]group{}
	for _, g := range c.groups() {
		for _, part := range c.parts(g, present) {
			e := part.entry
			if e == nil {
				out = append(out, c.fresh(part.group))
				continue
			}
			of := c.o.Book.Regions(c.provider, e.From)
			whole := !slices.ContainsFunc(of, func(r string) bool { return !slices.Contains(part.regions, r) })
			if whole || e.Meter != "" && e.Meter == g.id {
				if o, ok := replaced[e.ID]; ok {
					return nil, fmt.Errorf("%s: the feed has two prices for it: %s and %s (meter %s)", e.ID, prices(o.tiers), prices(g.tiers), g.id)
				}
				replaced[e.ID] = g
				out = append(out, c.replace(*e, g))
				continue
			}
			if len(e.From.Regions) > 0 {
				e.From.Regions = without(e.From.Regions, part.regions)
				shrunk[e.ID] = true
			}
			n := c.replace(*e, g)
			n.From = cost.Selector{Regions: part.regions}
			n.Provenance = c.provenance(fmt.Sprintf(g.name, part.regions[0]))
			if e.Meter != "" && g.id != "" {
				n.Pool = "" // another meter, with a count of its own
			} else if n.Pool == "" {
				n.Pool = e.ID // the same meter, which only this feed names
			}
			out = append(out, n)
		}
	}
	for _, e := range present {
		if _, done := replaced[e.ID]; shrunk[e.ID] && !done {
			out = append(out, e)
		}
	}
	return out, nil
}

// groups joins the quotes that say the same, in a stable order, without the regions that the book does not know.
func (c *collector) groups() []group {
	known := map[string]bool{}
	for _, r := range c.o.Book.Regions(c.provider, cost.Selector{}) {
		known[r] = true
	}
	at := map[string]int{}
	var out []group
	for _, q := range c.quotes {
		if !known[q.from] || slices.ContainsFunc(q.to.Regions, func(r string) bool { return !known[r] }) {
			c.ignore("of regions that the price book does not know", 1)
			continue
		}
		g := group{q, []string{q.from}}
		i, ok := at[g.key()]
		if !ok {
			at[g.key()] = len(out)
			out = append(out, g)
			continue
		}
		out[i].regions = append(out[i].regions, q.from)
	}
	for i := range out {
		slices.Sort(out[i].regions)
	}
	return out
}

// part is a group's share of one entry; entry is nil where the book prices the regions by none.
type part struct {
	group
	entry *cost.TransferEntry // in the list given, to be changed there
}

// parts splits a group by the entries that price its regions now.
func (c *collector) parts(g group, present []cost.TransferEntry) []part {
	var out []part
	for _, r := range g.regions {
		var best *cost.TransferEntry
		for i := range present {
			e := &present[i]
			if e.Provider == c.provider && e.Class == g.class && e.To.Same(g.to) && slices.Contains(c.o.Book.Regions(c.provider, e.From), r) &&
				(best == nil || e.Narrower(*best)) {
				best = e
			}
		}
		i := slices.IndexFunc(out, func(p part) bool { return p.entry == best })
		if i < 0 {
			i = len(out)
			out = append(out, part{group{quote: g.quote}, best})
		}
		out[i].regions = append(out[i].regions, r)
	}
	return out
}

// replace puts the feed's price into an entry.
func (c *collector) replace(e cost.TransferEntry, g group) cost.TransferEntry {
	e.Provenance = c.provenance(e.ID)
	e.UnitBytes, e.Tiers = cost.GiB, entriesOf(g.tiers)
	if g.id != "" {
		e.Meter = g.id
	}
	if e.Allowance != "" && g.tiers[0].NanoUSDPerUnit == 0 {
		e.Allowance = "" // the ladder has its free band itself
	}
	return e
}

// fresh is an entry for regions that the book did not price.
func (c *collector) fresh(g group) cost.TransferEntry {
	e := c.replace(cost.TransferEntry{Provider: c.provider, Class: g.class, From: cost.Selector{Regions: g.regions}, To: g.to}, g)
	e.Provenance = c.provenance(fmt.Sprintf(g.name, g.regions[0]))
	if c.provider == "aws" && g.class == "internet" {
		e.Pool = "aws.internet.{from}"
		if _, ok := c.o.Book.AllowanceEntry(awsAllowance); ok && g.tiers[0].NanoUSDPerUnit != 0 {
			e.Allowance = awsAllowance
		}
	}
	return e
}

func without(all, some []string) []string {
	var out []string
	for _, s := range all {
		if !slices.Contains(some, s) {
			out = append(out, s)
		}
	}
	return out
}

func prices(tiers []cost.Tier) string {
	var parts []string
	for _, t := range tiers {
		parts = append(parts, t.NanoUSDPerUnit.Decimal())
	}
	return strings.Join(parts, ", ")
}

// apply tries the overlay as it will be read.
func apply(b *cost.Book, v cost.Overlay) (*cost.Book, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return b.Layer(bytes.NewReader(text), v.Version)
}

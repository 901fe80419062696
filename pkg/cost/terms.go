package cost

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Terms are what a contract changes in a price book.
type Terms struct {
	Discounts []Discount
	// Negotiated replace the tiers of transfer entries; the meter and its pool stay.
	Negotiated []Negotiated
}

// Discount takes a share off prices: of a provider, of a pool, or of an entry. The most telling one counts, alone: an entry's
// before a pool's before a provider's. A discount of a provider is also off its requests, retrieval and storage.
type Discount struct {
	// One of them is set. Pool is a meter's name as in [Rate.Pool].
	Provider string `json:"provider,omitempty"`
	Pool     string `json:"pool,omitempty"`
	Entry    string `json:"entry,omitempty"`
	// PPM is the share off, in millionths: 70,000 is 7 %.
	PPM int64 `json:"off_ppm"`
}

// wholePPM is all of a price.
const wholePPM = 1_000_000

// Negotiated is a ladder for an entry. An open last tier is needed, as in a book.
type Negotiated struct {
	Entry string
	Tiers []Tier
	// AsOf is the date of the contract, "" if it was not said: the price then never goes stale.
	AsOf string
	// Source says in which contract.
	Source string
}

// WithTerms returns the book at the terms of a contract; the book itself stays as it is. Its version becomes
// "2026-11-26+terms". An error names the discount or the negotiated price (discounts[1], negotiated[0]) and what it does not fit.
func (b *Book) WithTerms(t Terms) (*Book, error) {
	if len(t.Discounts) == 0 && len(t.Negotiated) == 0 {
		return b, nil
	}
	for i, d := range t.Discounts {
		if err := b.checkDiscount(d, t.Discounts[:i]); err != nil {
			return nil, fmt.Errorf("discounts[%d]: %w", i, err)
		}
	}
	sources := map[string][]sourced{}
	for section, list := range b.sources {
		sources[section] = slices.Clone(list)
	}
	for i, n := range t.Negotiated {
		if err := n.into(sources["transfers"]); err != nil {
			return nil, fmt.Errorf("negotiated[%d]: %w", i, err)
		}
	}
	return assemble(b.name, b.Version+"+terms", b.AsOf, sources, t.Discounts)
}

func (b *Book) checkDiscount(d Discount, before []Discount) error {
	named := 0
	for _, s := range []string{d.Provider, d.Pool, d.Entry} {
		if s != "" {
			named++
		}
	}
	switch {
	case named != 1:
		return errors.New("give one of provider, pool and entry")
	case d.PPM <= 0 || d.PPM > wholePPM:
		return fmt.Errorf("%s%% off: want more than 0%% to 100%%", percentOf(d.PPM))
	case slices.ContainsFunc(before, func(o Discount) bool {
		return o.Provider == d.Provider && o.Pool == d.Pool && o.Entry == d.Entry
	}):
		return fmt.Errorf("%s has a discount already", d.Provider+d.Pool+d.Entry)
	case d.Provider != "":
		return checkProvider(d.Provider)
	case d.Pool != "" && !slices.Contains(b.Pools(), d.Pool):
		return fmt.Errorf("the price book has no pool %q; datagravity cost prices --from LOCATION --to LOCATION names the pool of a route", d.Pool)
	case d.Entry != "" && !b.hasEntry(d.Entry):
		return unknownEntry(d.Entry)
	}
	return nil
}

func unknownEntry(id string) error {
	return fmt.Errorf("the price book has no entry %q; datagravity cost prices lists them", id)
}

func (b *Book) hasEntry(id string) bool {
	for _, section := range sections {
		if slices.ContainsFunc(b.sources[section], func(s sourced) bool { return s.id == id }) {
			return true
		}
	}
	return false
}

// Pools are the names of all meters, in order.
func (b *Book) Pools() []string {
	seen := map[string]bool{}
	for _, t := range b.transfers {
		if !strings.Contains(t.Pool, fromPlaceholder) {
			seen[t.Pool] = true
			continue
		}
		for place, r := range b.regions {
			if place.Provider == t.Provider && t.From.matches(place.Region, r, "") {
				seen[t.poolFrom(place.Region)] = true
			}
		}
	}
	var out []string
	for p := range seen {
		out = append(out, p)
	}
	return sorted(out)
}

// into replaces the tiers of an entry in the list.
func (n Negotiated) into(transfers []sourced) error {
	i := slices.IndexFunc(transfers, func(s sourced) bool { return s.id == n.Entry })
	if i < 0 {
		return unknownEntry(n.Entry)
	}
	var e TransferEntry
	if err := decodeStrict(transfers[i].raw, &e); err != nil {
		return transfers[i].fail(err)
	}
	e.Tiers = entriesOf(n.Tiers)
	e.Verified, e.Source = true, n.Source // the operator vouches for it
	if e.AsOf = n.AsOf; n.AsOf == "" {
		e.AsOf = always
	}
	raw, err := json.Marshal(e)
	if err != nil {
		return err
	}
	// Its prices are in USD whatever the file's were.
	transfers[i] = sourced{file: "prices.negotiated", where: fmt.Sprintf("%q", n.Entry), id: n.Entry, raw: raw}
	return nil
}

// entriesOf writes tiers as a book has them.
func entriesOf(tiers []Tier) []TierEntry {
	out := make([]TierEntry, len(tiers))
	for i, t := range tiers {
		price := int64(t.NanoUSDPerUnit)
		out[i].NanoUSDPerUnit = &price
		if t.UpToUnits != Unbounded {
			out[i].UpToUnits = &t.UpToUnits
		}
	}
	return out
}

// discountList finds the discount of a price.
type discountList []Discount

// of is the most telling discount, nil if there is none.
func (l discountList) of(entry, pool, provider string) *Discount {
	for _, is := range []func(Discount) bool{
		func(d Discount) bool { return d.Entry != "" && d.Entry == entry },
		func(d Discount) bool { return d.Pool != "" && d.Pool == pool },
		func(d Discount) bool { return d.Provider != "" && d.Provider == provider },
	} {
		if i := slices.IndexFunc(l, is); i >= 0 {
			return &l[i]
		}
	}
	return nil
}

// price is a unit price with the discount, rounded up to a whole nano-dollar.
func (d *Discount) price(n NanoUSD) NanoUSD {
	if d == nil {
		return n
	}
	var p product
	p.add(wholePPM-d.PPM, n)
	return p.perUp(wholePPM)
}

func (d *Discount) tiers(tiers []Tier) []Tier {
	if d == nil {
		return tiers
	}
	out := slices.Clone(tiers)
	for i := range out {
		out[i].NanoUSDPerUnit = d.price(out[i].NanoUSDPerUnit)
	}
	return out
}

func (d Discount) String() string {
	switch {
	case d.Entry != "":
		return fmt.Sprintf("%s%% off %s", percentOf(d.PPM), d.Entry)
	case d.Pool != "":
		return fmt.Sprintf("%s%% off what %s counts", percentOf(d.PPM), d.Pool)
	default:
		return fmt.Sprintf("%s%% off everything of %s", percentOf(d.PPM), d.Provider)
	}
}

// percentOf writes millionths as a percentage: 70,000 is "7".
func percentOf(ppm int64) string { return decimal(ppm * (int64(USD) / wholePPM) * 100) }

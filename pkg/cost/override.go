package cost

import (
	"errors"
	"fmt"
	"strings"

	"github.com/datagravity/datagravity/pkg/store"
)

// Override is a price that the operator declares for routes: a private link, a negotiated price, a provider or a region that
// the price book does not know. It takes precedence over the book. A pattern with a star never prices a hop inside one
// place; only an override that names the same location on both sides does. In the configuration:
//
//	prices:
//	  routes:
//	    - {from: "onprem:lab1", to: "*", usd_per_gib: 0.01}
//	    - {from: "azure:eastus", to: "onprem:*", entry: azure.expressroute.metered.zone-1}
//	    - {from: "aws:*", to: "gcp:*", usd_per_gib: 0, usd_per_hour: 2.5, capacity: 10Gbit/s}
type Override struct {
	// From and To are "provider:region", "provider:*" or "*".
	From, To string
	// NanoUSDPerGiB is the price of 2^30 bytes; 0 declares the bytes free.
	NanoUSDPerGiB NanoUSD
	// Tiers replace NanoUSDPerGiB where the price falls with use; units are GiB, the last tier is [Unbounded].
	Tiers []Tier
	// Entry is a transfer entry of the book whose price is taken in place of either: a private link, most often.
	Entry string
	// Fixed is what the link costs beside its bytes, nil for nothing, or for what the entry says. Its Link is filled in.
	Fixed *Fixed
}

// Check tells what is wrong with the override, or nil.
func (o Override) Check() error {
	at := func(err error) error { return fmt.Errorf("price of %q to %q: %w", o.From, o.To, err) }
	for _, side := range [...]struct{ name, pattern string }{{"from", o.From}, {"to", o.To}} {
		if err := checkPattern(side.pattern); err != nil {
			return at(fmt.Errorf("%s: %w", side.name, err))
		}
	}
	switch {
	case o.NanoUSDPerGiB < 0:
		return at(fmt.Errorf("%s per GiB: a price cannot be negative", o.NanoUSDPerGiB.dollars()))
	case len(o.Tiers) > 0 && (o.NanoUSDPerGiB != 0 || o.Entry != ""), o.Entry != "" && o.NanoUSDPerGiB != 0:
		return at(errors.New("give one of usd_per_gib, tiers and entry"))
	case o.Fixed != nil && o.Fixed.NanoUSD < 0:
		return at(fmt.Errorf("%s an hour: a price cannot be negative", o.Fixed.NanoUSD.dollars()))
	case o.Fixed != nil && (o.Fixed.Hours <= 0 || o.Fixed.BitsPerSecond < 0):
		return at(errors.New("a fixed price is for a number of hours, and a capacity is not negative"))
	}
	if len(o.Tiers) > 0 {
		if _, err := checkTiers(entriesOf(o.Tiers), GiB); err != nil {
			return at(err)
		}
	}
	return nil
}

// checkPattern tells what is wrong with a pattern of locations, or nil.
func checkPattern(pattern string) error {
	if pattern == "*" {
		return nil
	}
	if _, err := store.ParseLocation(pattern); err != nil {
		return fmt.Errorf("%w (or provider:*, or *)", err)
	}
	return nil
}

func (o Override) matches(from, to store.Location) bool {
	if from == to && (strings.HasSuffix(o.From, "*") || strings.HasSuffix(o.To, "*")) {
		return false
	}
	return matchLocation(o.From, from) && matchLocation(o.To, to)
}

func matchLocation(pattern string, l store.Location) bool {
	if pattern == "*" {
		return true
	}
	provider, region, _ := strings.Cut(strings.ToLower(pattern), ":")
	return provider == l.Provider && (region == "*" || region == l.Region)
}

// entry finds the entry that the override names. One for a private link whose hours the book cannot price needs them stated: as a
// price of bytes alone it would be too low.
func (o Override) entry(b *Book) (*transfer, error) {
	for i := range b.transfers {
		t := &b.transfers[i]
		if t.ID != o.Entry {
			continue
		}
		if t.Class == entryInterconnect && t.fixed == nil && o.Fixed == nil {
			return nil, fmt.Errorf("price of %q to %q: the book does not know what an hour of %s costs (port, capacity); state it in usd_per_hour, 0 if "+
				"nothing", o.From, o.To, o.Entry)
		}
		return t, nil
	}
	return nil, fmt.Errorf("price of %q to %q: no transfer entry %q in the price book; datagravity cost prices lists them", o.From, o.To, o.Entry)
}

func (o Override) rate(b *Book, from, to store.Location, c Class) (Rate, error) {
	if o.Entry != "" {
		t, err := o.entry(b)
		if err != nil {
			return Rate{}, err
		}
		r := b.bookRate(t, from, to, c, false)
		r.Fixed = t.fixed
		return o.fixed(r), nil
	}
	r := Rate{
		ID:        "override",
		Class:     c,
		Pool:      "override " + o.From + " to " + o.To,
		Tiers:     o.Tiers,
		UnitBytes: GiB,
		Verified:  true, // the operator vouches for it
		Source:    "configuration",
	}
	if len(o.Tiers) == 0 {
		r.Tiers = []Tier{{UpToUnits: Unbounded, NanoUSDPerUnit: o.NanoUSDPerGiB}}
	}
	r.Explanation = fmt.Sprintf("%s to %s: %s, as the configuration declares for %s to %s.", from, to, r.ladder(), o.From, o.To)
	return o.fixed(r), nil
}

// fixed adds what the link costs beside its bytes.
func (o Override) fixed(r Rate) Rate {
	if o.Fixed != nil {
		f := *o.Fixed
		f.Link = o.From + " to " + o.To
		r.Fixed = &f
	}
	if r.Fixed != nil {
		r.Explanation += fmt.Sprintf(" The link itself costs %s, whether or not bytes move.", r.Fixed)
	}
	return r
}

// howToDeclare is the end of every error about a route without a price.
func howToDeclare(from, to store.Location) string {
	return fmt.Sprintf("declare its price in the configuration, for example prices: {routes: [{from: %q, to: %q, usd_per_gib: 0.09}]}", from, to)
}

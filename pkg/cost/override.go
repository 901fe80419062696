package cost

import (
	"fmt"
	"strings"

	"github.com/datagravity/datagravity/pkg/store"
)

// Override is a flat price that the operator declares for routes: a private line, a negotiated price, a provider or a
// region that the price book does not know. It takes precedence over the book. A pattern with a star never prices a hop
// inside one place; only an override that names the same location on both sides does. In the configuration:
//
//	prices:
//	  routes:
//	    - {from: "onprem:lab1", to: "*", usd_per_gib: 0.01}
type Override struct {
	// From and To are "provider:region", "provider:*" or "*".
	From, To string
	// NanoUSDPerGiB is the price of 2^30 bytes; 0 declares the route free.
	NanoUSDPerGiB NanoUSD
}

// Check tells what is wrong with the override, or nil.
func (o Override) Check() error {
	for _, side := range [...]struct{ name, pattern string }{{"from", o.From}, {"to", o.To}} {
		if side.pattern == "*" {
			continue
		}
		if _, err := store.ParseLocation(side.pattern); err != nil {
			return fmt.Errorf("price of %q to %q: %s: %w (or provider:*, or *)", o.From, o.To, side.name, err)
		}
	}
	if o.NanoUSDPerGiB < 0 {
		return fmt.Errorf("price of %q to %q: %s per GiB: a price cannot be negative", o.From, o.To, o.NanoUSDPerGiB.dollars())
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

func (o Override) rate(from, to store.Location, c Class) Rate {
	return Rate{
		ID:        "override",
		Class:     c,
		Pool:      "override " + o.From + " to " + o.To,
		Tiers:     []Tier{{UpToUnits: Unbounded, NanoUSDPerUnit: o.NanoUSDPerGiB}},
		UnitBytes: GiB,
		Verified:  true, // the operator vouches for it
		Source:    "configuration",
		Explanation: fmt.Sprintf("%s to %s: %s per GiB, as the configuration declares for %s to %s.",
			from, to, o.NanoUSDPerGiB.dollars(), o.From, o.To),
	}
}

// howToDeclare is the end of every error about a route without a price.
func howToDeclare(from, to store.Location) string {
	return fmt.Sprintf("declare its price in the configuration, for example prices: {routes: [{from: %q, to: %q, usd_per_gib: 0.09}]}", from, to)
}

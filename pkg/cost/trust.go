package cost

import (
	"errors"
	"fmt"
	"time"
)

// ErrUntrusted: a budget would rest on a price that no source proves, or that was seen too long ago. Nothing was sent.
var ErrUntrusted = errors.New("a budget cannot rest on this price")

// DefaultMaxAgeDays is after how many days a price is stale: long enough for the oldest price of the built-in book that a
// source proves (2023-12), since egress prices change seldom; what nobody has looked at for three years was forgotten.
const DefaultMaxAgeDays = 1095

// Trust says which prices an enforced budget may rest on. The zero value is the strictest.
type Trust struct {
	// MaxAgeDays after which a price is stale; 0 is [DefaultMaxAgeDays].
	MaxAgeDays int
	// Unverified and Stale accept such prices.
	Unverified, Stale bool
}

// always is the AsOf of a price that its owner vouches for without a date: it is never stale.
const always = "9999"

// StaleAt is when a price gets stale that may be so old; never is true for prices without a date (the operator's own, free
// ones). A date less precise than a day is its last day.
func (r Rate) StaleAt(maxAgeDays int) (at time.Time, never bool) {
	if maxAgeDays <= 0 {
		maxAgeDays = DefaultMaxAgeDays
	}
	seen, err := seenAt(r.AsOf)
	if r.AsOf == "" || r.AsOf == always || err != nil || r.IsFree() {
		return time.Time{}, true
	}
	return seen.AddDate(0, 0, maxAgeDays), false
}

// seenAt is the last day that a date can mean: what was seen in 2024 may have been seen on its last day.
func seenAt(asOf string) (time.Time, error) {
	switch len(asOf) {
	case len("2006"):
		t, err := time.Parse("2006", asOf)
		return t.AddDate(1, 0, -1), err
	case len("2006-01"):
		t, err := time.Parse("2006-01", asOf)
		return t.AddDate(0, 1, -1), err
	default:
		return time.Parse(time.DateOnly, asOf)
	}
}

// Check tells why a budget may not rest on a rate now, or nil. Errors are [ErrUntrusted].
func (t Trust) Check(r Rate, now time.Time) error {
	if !r.Verified && !r.IsFree() && !t.Unverified {
		return fmt.Errorf("%w: %s is not verified (%s, as of %s): compare it with the provider's list and declare it in prices.negotiated or "+
			"prices.routes, import the provider's feed with datagravity cost import, or accept such prices with prices: {accept_unverified: true}. %s",
			ErrUntrusted, r.ID, r.Source, r.AsOf, r.Explanation)
	}
	if at, never := r.StaleAt(t.MaxAgeDays); !never && now.After(at) && !t.Stale {
		return fmt.Errorf("%w: %s was seen %s (%s) and counts as stale since %s: import the provider's feed with datagravity cost import, raise "+
			"prices.max_age_days, or accept such prices with prices: {accept_stale: true}", ErrUntrusted, r.ID, r.AsOf, r.Source, at.Format(time.DateOnly))
	}
	return nil
}

// CheckPrices tells why the budgets that cover a link may not rest on these rates, or nil. Without a budget nothing is
// enforced, and every price will do. It must be asked before a plan is carried out and before anything is reserved.
func (l *Ledger) CheckPrices(s Subject, t Trust, rates ...Rate) error {
	for _, b := range l.budgets {
		if !b.Counts(s) {
			continue
		}
		for _, r := range rates {
			if err := t.Check(r, l.m.Now()); err != nil {
				return fmt.Errorf("budget %q over %s: %w", b.Name, s.Link.Name(), err)
			}
		}
	}
	return nil
}

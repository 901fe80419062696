package cost

import (
	"fmt"
	"math"
	"strings"

	"github.com/datagravity/datagravity/internal/saturating"
)

// Class is how a hop is billed.
type Class string

// The classes of a hop.
const (
	// SamePlace: inside one region or one site; free.
	SamePlace Class = "same-place"
	// InterRegionSameContinent and InterRegionOtherContinent: between two regions of one provider.
	InterRegionSameContinent  Class = "inter-region-same-continent"
	InterRegionOtherContinent Class = "inter-region-other-continent"
	// Internet: out of a provider to another one or to a site of one's own.
	Internet Class = "internet"
	// OnpremOut: out of a site of one's own; free unless an [Override] prices it.
	OnpremOut Class = "onprem-out"
)

// Unbounded is the UpToUnits of a last tier.
const Unbounded int64 = math.MaxInt64

// Tier is one band of a ladder: it prices the units after the previous tier's end up to and including UpToUnits, counted
// from the start of the billing month.
type Tier struct {
	UpToUnits      int64   `json:"up_to_units"`
	NanoUSDPerUnit NanoUSD `json:"usd_per_unit"`
}

// Rate is what a route costs, from [Book.Transfer]. It is a value: methods that adjust it return a copy. The zero Rate is
// no price: it prices everything at MaxNanoUSD, so that a forgotten rate is never taken for a free one.
type Rate struct {
	ID    string `json:"id"` // the price book entry, "free" or "override"
	Class Class  `json:"class"`
	// Pool names the meter whose month-to-date bytes decide the tier. Providers count all traffic of an account on it, not
	// only ours. Routes with the same Pool share one count. It is "" for free routes alone.
	Pool string `json:"pool,omitempty"`
	// Meter is the provider's own id of that meter, "" if not known; it matches rows of a bill.
	Meter     string `json:"meter,omitempty"`
	Tiers     []Tier `json:"tiers"`      // ascending, the last one Unbounded; positions count after the allowance
	UnitBytes int64  `json:"unit_bytes"` // bytes that NanoUSDPerUnit is for, and that UpToUnits counts
	// Allowance names an amount that is free each month over several pools together, "" if there is none, and
	// AllowanceBytes is how much of it this pool may still count on. See [Rate.WithAllowanceUsedElsewhere].
	Allowance      string `json:"allowance,omitempty"`
	AllowanceBytes int64  `json:"allowance_bytes,omitempty"`
	// Verified tells that the price was seen in a source that proves it (a bill or a capture of the provider's price list).
	// Budgets that are enforced should refuse a rate that is not, unless the operator overrides it.
	Verified bool   `json:"verified"`
	AsOf     string `json:"as_of,omitempty"`  // date of the price, as precise as is known: "2026-09-24", "2024"
	Source   string `json:"source,omitempty"` // where it was seen
	// ListTiers are the tiers before Discount, nil without one.
	ListTiers []Tier    `json:"list_tiers,omitempty"`
	Discount  *Discount `json:"discount,omitempty"`
	// AgentNanoUSDPerUnit is what the agent's network charges beside the provider, for every byte; AgentCharges are its parts.
	AgentNanoUSDPerUnit NanoUSD       `json:"agent_usd_per_unit,omitempty"`
	AgentCharges        []AgentCharge `json:"agent_charges,omitempty"`
	// PrivateLink tells that the price is that of a private link of the provider. Fixed is what the link costs beside its bytes, nil
	// if the book does not know and nobody said; see [FixedCosts].
	PrivateLink bool   `json:"private_link,omitempty"`
	Fixed       *Fixed `json:"fixed,omitempty"`
	// Credits are what programmes are expected to pay back; see [Rate.ExpectedCredit]. Prices are gross.
	Credits []Credit `json:"credits,omitempty"`
	// Explanation is a sentence for people: why this route has this price.
	Explanation string `json:"explanation"`
}

// IsFree tells that every byte of this route costs exactly nothing.
func (r Rate) IsFree() bool { return r.dearest(0, math.MaxInt64) == 0 }

// WithAllowanceUsedElsewhere returns the rate with the shared allowance reduced by what other pools used of it this month.
// Without this call [Rate.Price] grants the whole allowance to this one pool. (AWS: 100 GiB a month over all regions, while
// each region has a ladder of its own.)
func (r Rate) WithAllowanceUsedElsewhere(usedBytes int64) Rate {
	r.AllowanceBytes = max(0, r.AllowanceBytes-max(0, usedBytes))
	return r
}

// Price of the next bytes on this route when the route's pool has counted *monthToDate bytes in this billing month: each
// byte at the price of the tier it falls into, summed exactly and rounded once, half up. Splitting a transfer therefore
// changes the sum by less than one nano-dollar a piece. If monthToDate is nil (unknown), every byte costs the dearest
// tier: an upper bound. Negative numbers count as 0.
func (r Rate) Price(bytes int64, monthToDate *int64) NanoUSD {
	bytes = max(0, bytes)
	var p product
	if monthToDate == nil {
		p.add(bytes, r.dearest(0, math.MaxInt64))
		return p.per(r.UnitBytes)
	}
	at := max(0, *monthToDate)
	left := bytes - min(bytes, max(0, r.AllowanceBytes-at))
	r.eachBand(max(0, at-r.AllowanceBytes), left, p.add)
	p.add(bytes, r.AgentNanoUSDPerUnit) // no allowance is off it
	return p.per(r.UnitBytes)
}

// agentPrice is the part of [Rate.Price] that the agent's network charges.
func (r Rate) agentPrice(bytes int64) NanoUSD {
	if r.AgentNanoUSDPerUnit == 0 {
		return 0
	}
	return NanoUSD(mulDiv(bytes, int64(r.AgentNanoUSDPerUnit), r.UnitBytes))
}

// eachBand splits bytes by the tiers that they fall into when the meter stands at `at`.
func (r Rate) eachBand(at, bytes int64, band func(n int64, price NanoUSD)) {
	for i, t := range r.Tiers {
		n := bytes
		if i < len(r.Tiers)-1 {
			n = min(bytes, max(0, r.endBytes(t)-at))
		}
		band(n, t.NanoUSDPerUnit)
		at, bytes = saturating.Add(at, n), bytes-n
	}
}

// Dearest is what to reserve for bytes that are about to move: all of them at the dearest tier that can be reached while
// the pool stands between *monthToDate and *monthToDate + alsoReservedBytes, the bytes of other transfers that may be
// counted first. It is never less than what [Rate.Price] will give for the same bytes at any of those positions. An
// allowance that is shared with other pools is not counted on. If monthToDate is nil, the dearest tier of all is taken.
func (r Rate) Dearest(bytes int64, monthToDate *int64, alsoReservedBytes int64) NanoUSD {
	bytes = max(0, bytes)
	var p product
	if monthToDate == nil {
		p.add(bytes, r.dearest(0, math.MaxInt64))
		return p.per(r.UnitBytes)
	}
	at := max(0, *monthToDate)
	end := saturating.Add(saturating.Add(at, max(0, alsoReservedBytes)), bytes)
	p.add(bytes, r.dearest(max(0, at-r.AllowanceBytes), end))
	return p.per(r.UnitBytes)
}

// dearest is the highest price of the tiers that hold any of the positions [from, to), with what the agent's network charges.
func (r Rate) dearest(from, to int64) NanoUSD {
	var price NanoUSD
	start := int64(0)
	for i, t := range r.Tiers {
		end := r.endBytes(t)
		last := i == len(r.Tiers)-1
		if start < to && (from < end || last) {
			price = max(price, t.NanoUSDPerUnit)
		}
		start = end
	}
	return AddNanoUSD(price, r.AgentNanoUSDPerUnit)
}

func (r Rate) endBytes(t Tier) int64 {
	if t.UpToUnits > math.MaxInt64/r.UnitBytes {
		return math.MaxInt64
	}
	return t.UpToUnits * r.UnitBytes
}

// ladder says the tiers in words: "100 GiB free, then $0.087 per GiB to 10335 GiB, then $0.083".
func (r Rate) ladder() string { return r.ladderPer(unitName(r.UnitBytes), "a month") }

// ladderPer says the tiers in words: the price is per a unit, and the tiers count units of bytes during, or for, something.
func (r Rate) ladderPer(per, during string) string {
	unit := unitName(r.UnitBytes)
	var parts []string
	if r.AllowanceBytes > 0 {
		parts = append(parts, fmt.Sprintf("%d %s a month free over all regions", r.AllowanceBytes/r.UnitBytes, unit))
	}
	for i, t := range r.Tiers {
		price := t.NanoUSDPerUnit.dollars() + " per " + per
		switch {
		case t.NanoUSDPerUnit == 0 && t.UpToUnits != Unbounded:
			price = fmt.Sprintf("the first %d %s %s free", t.UpToUnits, unit, during)
		case t.UpToUnits != Unbounded:
			price += fmt.Sprintf(" to %d %s %s", t.UpToUnits, unit, during)
		case i > 0:
			price += " above"
		}
		parts = append(parts, price)
	}
	return strings.Join(parts, ", then ")
}

// dollars is the exact amount with a currency sign, for prices per unit.
func (n NanoUSD) dollars() string {
	if n < 0 {
		return "-$" + strings.TrimPrefix(n.Decimal(), "-")
	}
	return "$" + n.Decimal()
}

// Cheapest is the least that so many bytes can cost: [Rate.Price] where the pool's count is known, and otherwise the least of
// all that it could be. It is for bounds, never for what is reserved.
func (r Rate) Cheapest(bytes int64, monthToDate *int64) NanoUSD {
	if monthToDate != nil {
		return r.Price(bytes, monthToDate)
	}
	zero := int64(0)
	least := r.Price(bytes, &zero)
	// The price is piecewise linear in where the pool stands: its least value is where a band begins or the bytes end with one.
	end := int64(0)
	for _, t := range r.Tiers[:max(0, len(r.Tiers)-1)] {
		end = r.endBytes(t)
		for _, at := range []int64{saturating.Add(end, r.AllowanceBytes), max(0, saturating.Add(end, r.AllowanceBytes)-bytes)} {
			least = min(least, r.Price(bytes, &at))
		}
	}
	return least
}

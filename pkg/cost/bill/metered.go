package bill

import (
	"cmp"
	"slices"

	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/store"
)

// Link is what ledger lines are summed by: a hop, and the source and destination that it was for.
type Link struct {
	From   string `json:"from"` // location
	To     string `json:"to"`   // location
	Source string `json:"source"`
	Dest   string `json:"destination,omitempty"`
}

// linkOf is the link of a ledger line.
func linkOf(k manifest.LineKey) Link { return Link{k.From, k.To, k.Source, k.Dest} }

// LinkUse is what the ledger has for a link in a month.
type LinkUse struct {
	Link
	Bytes int64 `json:"bytes"`
	// NanoUSD is what was settled for the bytes, without requests, retrieval and charges at the agent: those are on other meters.
	NanoUSD cost.NanoUSD `json:"usd"`
	// Whole counts reservations that were charged in full because nobody knows what moved.
	Whole       int64           `json:"charged_whole,omitempty"`
	First, Last manifest.Millis `json:"-"`
}

// Metered is what the ledger has, by month and meter.
type Metered map[MonthMeter][]LinkUse

// MonthMeter is what is compared: a meter in a month (UTC).
type MonthMeter struct {
	Month string
	Meter Meter
}

// MeterOfHop is the meter that a hop of the ledger is billed by; ok is false for what stays in one place and for what leaves a site
// of one's own, which no provider bills.
func MeterOfHop(from, to string) (m Meter, ok bool) {
	a, errFrom := store.ParseLocation(from)
	b, errTo := store.ParseLocation(to)
	if errFrom != nil || errTo != nil || a == b || a.Provider == "onprem" {
		return m, false
	}
	return MeterOf(a.Provider, a.Region, b.Provider, b.Region), true
}

// ReadMetered sums the ledger's lines over paid hops. Errors: those of the manifest.
func ReadMetered(tx *manifest.Tx) (Metered, error) {
	type place struct {
		at   MonthMeter
		link Link
	}
	sums := map[place]*LinkUse{}
	err := tx.Lines(func(l manifest.Line) (bool, error) {
		meter, ok := MeterOfHop(l.LineKey.From, l.LineKey.To)
		if !ok {
			return true, nil
		}
		p := place{MonthMeter{l.LineKey.Month, meter}, linkOf(l.LineKey)}
		u := sums[p]
		if u == nil {
			u = &LinkUse{Link: p.link, First: l.First, Last: l.Last}
			sums[p] = u
		}
		u.Bytes += l.Bytes
		u.NanoUSD = cost.AddNanoUSD(u.NanoUSD, cost.NanoUSD(l.NanoUSD-l.OtherNanoUSD))
		u.Whole += l.Unknown
		u.First, u.Last = min(u.First, l.First), max(u.Last, l.Last)
		return true, nil
	})
	if err != nil {
		return nil, err
	}
	out := Metered{}
	for p, u := range sums {
		out[p.at] = append(out[p.at], *u)
	}
	for _, list := range out {
		slices.SortFunc(list, func(a, b LinkUse) int {
			return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To), cmp.Compare(a.Source, b.Source), cmp.Compare(a.Dest, b.Dest))
		})
	}
	return out, nil
}

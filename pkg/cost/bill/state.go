package bill

import (
	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/manifest"
)

// States tells how sure the ledger's lines are.
type States struct{ of map[place]standing }

// ReadStates reads what bills said. Errors: those of the manifest.
func ReadStates(tx *manifest.Tx) (States, error) {
	of, err := standings(tx)
	return States{of}, err
}

// Of is the state of a line: what the latest bill of its link and month says; before there is one, estimated if some of it was
// charged whole, and metered otherwise.
func (s States) Of(l manifest.Line) string {
	if b, ok := s.of[place{l.LineKey.Month, linkOf(l.LineKey), manifest.KindCorrection}]; ok {
		return b.state
	}
	if l.Unknown > 0 {
		return manifest.StateEstimated
	}
	return manifest.StateMetered
}

// StateOrder is the place of a state in the order in which a line goes through them.
func StateOrder(state string) int {
	for i, s := range []string{manifest.StateEstimated, manifest.StateMetered, manifest.StateBilled, manifest.StateInvoiced} {
		if s == state {
			return i
		}
	}
	return -1
}

// LessSure is the one of two states that comes first; "" counts as none.
func LessSure(a, b string) string {
	if a == "" || b != "" && StateOrder(b) < StateOrder(a) {
		return b
	}
	return a
}

// Adjustment is what bills added to a link's month.
type Adjustment struct {
	Month string
	Link
	Kind  string
	State string
	Bytes int64
	USD   cost.NanoUSD
}

// Adjustments calls f for the sums of what bills added, in no order, each with the state that its link is in by now.
func (s States) Adjustments(f func(Adjustment)) {
	for p, b := range s.of {
		state := b.state
		if link, ok := s.of[place{p.month, p.link, manifest.KindCorrection}]; ok {
			state = link.state
		}
		f(Adjustment{p.month, p.link, p.kind, state, b.bytes, cost.NanoUSD(b.nanoUSD)})
	}
}

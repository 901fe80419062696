package bill

import (
	"fmt"

	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/manifest"
)

// Booking is a line that a bill adds to the ledger.
type Booking struct {
	Month string `json:"month"`
	Link
	Meter  string       `json:"meter"`
	Kind   string       `json:"kind"`  // correction or credit
	State  string       `json:"state"` // of the link's lines from then on
	Bytes  int64        `json:"bytes"`
	USD    cost.NanoUSD `json:"usd"`
	Reason string       `json:"reason"`
	// Invoice is the provider's number.
	Invoice string `json:"invoice,omitempty"`
}

// standing is what was booked for a link, month and kind so far.
type standing struct {
	bytes, nanoUSD int64
	state, invoice string
	at             manifest.Millis
	lines          int
}

type place struct {
	month string
	link  Link
	kind  string
}

// Propose fills in what the bill adds to the ledger beyond what was booked before: nothing at all for a bill that was booked
// already, the difference for one that was restated. Errors: those of the manifest.
//
// Amounts are booked for months that are closed; for one that may still grow only the state is noted. A link that the bill has nothing
// of is left alone: an export may lack it.
func (r *Report) Propose(tx *manifest.Tx) error {
	before, err := standings(tx)
	if err != nil {
		return err
	}
	r.Bookings = []Booking{}
	for i := range r.Comparisons {
		r.Bookings = append(r.Bookings, r.Comparisons[i].bookings(before)...)
	}
	return nil
}

func standings(tx *manifest.Tx) (map[place]standing, error) {
	out := map[place]standing{}
	err := tx.BilledLines(func(b manifest.Billed) (bool, error) {
		p := place{b.Month, Link{b.From, b.To, b.Source, b.Dest}, b.Kind}
		s := out[p]
		s.lines++
		s.bytes, s.nanoUSD = s.bytes+b.Bytes, int64(usd(cost.NanoUSD(s.nanoUSD), cost.NanoUSD(b.NanoUSD)))
		if b.At >= s.at {
			s.at, s.state, s.invoice = b.At, b.State, b.Invoice
		}
		out[p] = s
		return true, nil
	})
	return out, err
}

// bookings of one meter's month, link by link.
func (c *Comparison) bookings(before map[place]standing) (list []Booking) {
	if len(c.Links) == 0 || c.Basis == BasisNone || c.OursOfBillBytes == 0 {
		return nil
	}
	weights := make([]int64, len(c.Links))
	for i, l := range c.Links {
		weights[i] = l.Bytes
	}
	bytes, amounts := split(c.OursOfBillBytes, weights), split(int64(c.OursOfBillUSD), weights)
	credits := split(int64(c.OursOfBillCreditsUSD), weights)
	for i, l := range c.Links {
		base := Booking{Month: c.Month, Link: l.Link, Meter: c.Name, State: c.State, Invoice: c.Invoice}
		correction, credit := base, base
		correction.Kind, credit.Kind = manifest.KindCorrection, manifest.KindCredit
		had := before[place{c.Month, l.Link, manifest.KindCorrection}]
		gave := before[place{c.Month, l.Link, manifest.KindCredit}]
		// An invoice is the last word: an older export of the month, read later, takes nothing back.
		if had.state == manifest.StateInvoiced && c.State != manifest.StateInvoiced {
			continue
		}
		if c.Closed {
			correction.Bytes = bytes[i] - l.Bytes - had.bytes
			correction.USD = usd(usd(cost.NanoUSD(amounts[i]), -l.NanoUSD), -cost.NanoUSD(had.nanoUSD))
			credit.USD = usd(cost.NanoUSD(credits[i]), -cost.NanoUSD(gave.nanoUSD))
		}
		if correction.Bytes != 0 || correction.USD != 0 || had.state != correction.State || had.invoice != correction.Invoice {
			correction.Reason = c.reason(correction, had)
			list = append(list, correction)
		}
		if credit.USD != 0 {
			credit.Reason = "credited by the provider"
			list = append(list, credit)
		}
	}
	return list
}

func (c *Comparison) reason(b Booking, had standing) string {
	switch {
	case b.Bytes == 0 && b.USD == 0 && c.Closed:
		return "on the bill"
	case b.Bytes == 0 && b.USD == 0:
		return "on the bill; the month may still be restated"
	case had.lines > 0 && (had.bytes != 0 || had.nanoUSD != 0):
		return "the bill was restated"
	case c.Basis == BasisMeter && c.UnexplainedTheirsBytes > 0:
		return "the meter's mean price"
	}
	return "billed less metered"
}

// Book reads what was booked before, and books the rest, all or nothing; r.Bookings are what was added. The manifest's ledger must be
// open, so that its journal is accounted for. Errors: those of the manifest, and [manifest.ErrJournal] with everything booked.
func (r *Report) Book(m *manifest.Manifest) error {
	now := manifest.At(m.Now())
	var entries []manifest.Entry
	err := m.Update(func(tx *manifest.Tx) error {
		if err := r.Propose(tx); err != nil {
			return err
		}
		entries = nil
		for _, b := range r.Bookings {
			e, err := tx.AddBilled(manifest.Billed{
				At: now, Kind: b.Kind, Month: b.Month, From: b.From, To: b.To, Source: b.Source, Dest: b.Dest, Meter: b.Meter, State: b.State,
				Bytes: b.Bytes, NanoUSD: int64(b.USD), Invoice: b.Invoice, Reason: b.Reason,
			})
			if err != nil {
				return err
			}
			entries = append(entries, e)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("book the bill: %w", err)
	}
	r.Booked = true
	if len(entries) == 0 {
		return nil
	}
	return m.Journal().Append(entries...)
}

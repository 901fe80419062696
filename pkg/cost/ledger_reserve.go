package cost

import (
	"fmt"
	"slices"

	"github.com/datagravity/datagravity/pkg/manifest"
)

// Ticket is one or more standing reservations, settled together. It belongs to one goroutine.
type Ticket struct {
	l    *Ledger
	open []manifest.Open
	c    []Crossing
	at   []int // place of each in the crossings given to Reserve
	of   int   // how many those were
	done bool
	// settled is what was charged in the end.
	settled NanoUSD
}

// ReservedNanoUSD is the sum reserved.
func (t *Ticket) ReservedNanoUSD() (sum NanoUSD) {
	for _, o := range t.open {
		sum = AddNanoUSD(sum, NanoUSD(o.NanoUSD))
	}
	return sum
}

// SettledNanoUSD is what the ticket was charged, once it is settled.
func (t *Ticket) SettledNanoUSD() NanoUSD { return t.settled }

// Holds tells whether the crossing at this place holds a reservation; the others were free.
func (t *Ticket) Holds(place int) bool { return slices.Contains(t.at, place) }

// Reserve makes a reservation for every crossing that is not Free, all or none, durable in the manifest and the journal
// before it returns; `with` runs in the same transaction (it marks the part in flight; nil for nothing), and may run more
// than once (see [manifest.Manifest.Batch]). Errors: [ErrBudget], [ErrPaused] while the link is paused, and
// [manifest.ErrJournal]. With nothing to reserve the ticket is empty and `with` still runs.
func (l *Ledger) Reserve(crossings []Crossing, with func(*manifest.Tx) error) (*Ticket, error) {
	t := &Ticket{l: l, of: len(crossings)}
	for i, c := range crossings {
		if err := l.Gate(c.Link); err != nil {
			return nil, err
		}
		if !l.Free(c) {
			t.c, t.at = append(t.c, c), append(t.at, i)
		}
	}
	if len(t.c) == 0 && with == nil {
		return t, nil
	}
	err := l.m.Batch(func(tx *manifest.Tx) error {
		t.open = nil // of a run that was undone
		for _, c := range t.c {
			o, err := l.reserve(tx, c)
			if err != nil {
				return err
			}
			t.open = append(t.open, o)
		}
		if with != nil {
			return with(tx)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if err := l.journal("reserve", false, t.open...); err != nil {
		// Nothing may be sent. The reservation stands until the manifest is opened again, and then counts as spent: the
		// journal may or may not have it.
		return nil, err
	}
	return t, nil
}

func (l *Ledger) reserve(tx *manifest.Tx, c Crossing) (o manifest.Open, err error) {
	month, err := tx.LedgerMonth(WindowOf(l.m.Now()))
	if err != nil {
		return o, err
	}
	uses, err := l.uses(tx, &c.Link)
	if err != nil {
		return o, err
	}
	at, err := l.position(tx, c.Rate, month)
	if err != nil {
		return o, err
	}
	amount := l.dearest(c, at)
	if amount == MaxNanoUSD || c.Bytes < 0 {
		return o, fmt.Errorf("%w: %d bytes over %s for %q have no price that can be counted (rate %q)", ErrBudget, c.Bytes,
			c.Link.Name(), c.Path, c.Rate.ID)
	}
	o = manifest.Open{
		At: manifest.At(l.m.Now()), Bytes: c.Bytes, NanoUSD: int64(amount), Requests: c.requestCount(),
		Line: c.line(month), Meter: manifest.MeterID(c.Rate.Pool, month), RateID: c.Rate.ID, Book: l.book.Version,
	}
	for _, u := range uses {
		if err := u.fits(amount, c.Bytes); err != nil {
			return o, err
		}
		o.Windows = append(o.Windows, manifest.WindowID(u.Budget.Name, u.Window))
	}
	if o.ID, err = tx.NextReservation(); err != nil {
		return o, err
	}
	if err := apply(tx, o, manifest.Window{ReservedNanoUSD: o.NanoUSD, ReservedBytes: o.Bytes}); err != nil {
		return o, err
	}
	return o, tx.PutReservation(o)
}

// apply adds a change to every window of a reservation, and its bytes to the meter.
func apply(tx *manifest.Tx, o manifest.Open, d manifest.Window) error {
	for _, id := range o.Windows {
		w, err := tx.Window(id)
		if err != nil {
			return err
		}
		// Saturating, because without a limit of one kind nothing else bounds it.
		w.SettledNanoUSD = addSaturating(w.SettledNanoUSD, d.SettledNanoUSD)
		w.ReservedNanoUSD += d.ReservedNanoUSD
		w.SettledBytes = addSaturating(w.SettledBytes, d.SettledBytes)
		w.ReservedBytes += d.ReservedBytes
		if err := tx.PutWindow(id, w); err != nil {
			return err
		}
	}
	m, err := tx.Meter(o.Meter)
	if err != nil {
		return err
	}
	m.SettledBytes = addSaturating(m.SettledBytes, d.SettledBytes)
	m.ReservedBytes += d.ReservedBytes
	return tx.PutMeter(o.Meter, m)
}

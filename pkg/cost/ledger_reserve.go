package cost

import (
	"errors"
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
	var reached []manifest.Alert
	err := l.m.Batch(func(tx *manifest.Tx) error {
		t.open, reached = nil, nil // of a run that was undone
		for _, c := range t.c {
			o, err := l.reserve(tx, c, &reached)
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
		return nil, errors.Join(err, l.Tell(err))
	}
	l.logAlerts(reached)
	if err := l.journal("reserve", false, t.open...); err != nil {
		// Nothing may be sent. The reservation stands until the manifest is opened again, and then counts as spent: the
		// journal may or may not have it.
		return nil, err
	}
	return t, nil
}

// reserve checks one crossing against its budgets and adds it to them. reached collects the thresholds that it passes.
func (l *Ledger) reserve(tx *manifest.Tx, c Crossing, reached *[]manifest.Alert) (o manifest.Open, err error) {
	now, err := tx.LedgerTime(manifest.At(l.m.Now()))
	if err != nil {
		return o, err
	}
	line := c.line(now.Time())
	at, err := l.position(tx, c.Rate, line.Month)
	if err != nil {
		return o, err
	}
	amount := l.dearest(c, at)
	if amount == MaxNanoUSD || c.Bytes < 0 {
		return o, fmt.Errorf("%w: %d bytes over %s for %q have no price that can be counted (rate %q)", ErrBudget, c.Bytes,
			c.Link.Name(), c.Path, c.Rate.ID)
	}
	subject := c.Subject()
	standing, err := l.standing(tx, &subject, now)
	if err != nil {
		return o, err
	}
	o = manifest.Open{
		At: now, Bytes: c.Bytes, NanoUSD: int64(amount), Requests: c.requestCount(), Line: line,
		Meter: manifest.MeterID(c.Rate.Pool, line.Month), RateID: c.Rate.ID, Book: l.book.Version,
	}
	if o.Drawn, err = draws(tx, standing, subject, amount, c.Bytes, now); err != nil {
		return o, err
	}
	if err := draw(tx, o.Drawn); err != nil {
		return o, err
	}
	for i := range standing {
		s := &standing[i]
		o.Windows = append(o.Windows, s.id)
		s.reserve(o)
		if err := s.alert(tx, now, reached); err != nil {
			return o, err
		}
		if err := tx.PutWindow(s.id, s.record); err != nil {
			return o, err
		}
	}
	if err := addToMeter(tx, o.Meter, manifest.Meter{ReservedBytes: o.Bytes}); err != nil {
		return o, err
	}
	if o.ID, err = tx.NextReservation(); err != nil {
		return o, err
	}
	return o, tx.PutReservation(o)
}

func addToMeter(tx *manifest.Tx, id string, d manifest.Meter) error {
	m, err := tx.Meter(id)
	if err != nil {
		return err
	}
	m.SettledBytes = addSaturating(m.SettledBytes, d.SettledBytes)
	m.ReservedBytes += d.ReservedBytes
	return tx.PutMeter(id, m)
}

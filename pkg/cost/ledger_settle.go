package cost

import (
	"errors"
	"fmt"

	"github.com/datagravity/datagravity/internal/crashpoint"
	"github.com/datagravity/datagravity/internal/saturating"
	"github.com/datagravity/datagravity/pkg/manifest"
)

// ErrOverrun: more was metered than was reserved. It is a defect of the margin, never passed over in silence: what was
// metered is booked, beyond the budget if it must be, and whoever settles is told.
var ErrOverrun = errors.New("more on the wire than reserved")

// SettleIn books what moved, crossing by crossing in the order given to Reserve (free ones included), inside a transaction
// of the caller's, which may run more than once; `finish` must be called after it committed, the one of its last run.
// Settling again what was settled changes nothing. Error of finish: [ErrOverrun], with everything booked, and
// [manifest.ErrJournal].
func (t *Ticket) SettleIn(tx *manifest.Tx, moved []Moved) (finish func() error, err error) {
	if t.done || len(t.open) == 0 {
		return func() error { return nil }, nil
	}
	if len(moved) != t.of {
		return nil, fmt.Errorf("cost: %d crossings were reserved and %d are settled", t.of, len(moved))
	}
	var booked []manifest.Open
	var sum NanoUSD
	var overrun error
	for i, o := range t.open {
		c, m := t.c[i], moved[t.at[i]]
		wire := max(0, m.Bytes)
		m.Bytes = c.counts(wire)
		at, err := t.l.position(tx, c.Rate, o.Line.Month)
		if err != nil {
			return nil, err
		}
		s := o
		c.Requests = m.Requests
		price := t.l.price(c, m.Bytes, at)
		s.Bytes, s.NanoUSD, s.Requests, s.OtherNanoUSD = m.Bytes, int64(price.all), c.requestCount(), int64(price.other)
		if s.Bytes > o.Bytes || s.NanoUSD > o.NanoUSD {
			overrun = errors.Join(overrun, fmt.Errorf("%w: %d bytes for %s over %s for %q, reserved were %d bytes and %s; the budgets were charged in full",
				ErrOverrun, s.Bytes, price.all, c.Link.Name(), c.Path, o.Bytes, NanoUSD(o.NanoUSD)))
		}
		shown := s
		shown.Bytes = wire // reports show what moved inside one place, too
		stood, err := t.l.settle(tx, o, s, shown, false)
		if err != nil {
			return nil, err
		}
		if stood {
			booked = append(booked, s)
			sum = AddNanoUSD(sum, price.all)
		}
	}
	return func() error {
		t.done, t.settled = true, sum
		crashpoint.Hit(crashpoint.SettleRecorded)
		t.l.reached("settled in the manifest")
		err := t.l.journal("settle", false, booked...)
		t.l.reached("settled in the journal")
		return errors.Join(overrun, err)
	}, nil
}

// Settle is SettleIn in a transaction of its own.
func (t *Ticket) Settle(moved []Moved) error {
	if t.done || len(t.open) == 0 {
		t.done = true
		return nil
	}
	var finish func() error
	err := t.l.m.Batch(func(tx *manifest.Tx) (err error) {
		finish, err = t.SettleIn(tx, moved)
		return err
	})
	if err != nil {
		return err
	}
	return finish()
}

// ChargeWhole settles the full reservation: the request broke off and nobody knows what the service sent.
func (t *Ticket) ChargeWhole() error { return t.end("settle", true) }

// Release gives the reservation back: the request provably never left.
func (t *Ticket) Release() error { return t.end("release", false) }

func (t *Ticket) end(kind string, whole bool) error {
	if t.done || len(t.open) == 0 {
		return nil
	}
	var ended []manifest.Open
	var sum NanoUSD
	err := t.l.m.Batch(func(tx *manifest.Tx) error {
		ended, sum = nil, 0
		for _, o := range t.open {
			s := o
			if !whole {
				s.Bytes, s.NanoUSD, s.Requests, s.OtherNanoUSD = 0, 0, 0, 0
			}
			stood, err := t.l.settle(tx, o, s, s, whole)
			if err != nil {
				return err
			}
			if stood {
				ended = append(ended, s)
				sum = AddNanoUSD(sum, NanoUSD(s.NanoUSD))
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	t.done, t.settled = true, sum
	t.l.reached("ended in the manifest")
	err = t.l.journal(kind, whole, ended...)
	t.l.reached("ended in the journal")
	return err
}

// settle turns reservation o into the settled amount s, if it still stands: nothing is booked twice. The ledger's line is that of shown.
func (l *Ledger) settle(tx *manifest.Tx, o, s, shown manifest.Open, whole bool) (stood bool, err error) {
	if _, stood, err = tx.Reservation(o.ID); err != nil || !stood {
		return false, err
	}
	err = l.apply(tx, o, manifest.Window{
		ReservedNanoUSD: -o.NanoUSD, ReservedBytes: -o.Bytes, ReservedRequests: -o.Requests,
		SettledNanoUSD: s.NanoUSD, SettledBytes: s.Bytes, SettledRequests: s.Requests,
	})
	if err != nil {
		return false, err
	}
	if err := tx.DeleteReservation(o.ID); err != nil {
		return false, err
	}
	if shown.Bytes == 0 && shown.NanoUSD == 0 && shown.Requests == 0 {
		return true, nil
	}
	return true, bookLine(tx, shown, manifest.At(l.m.Now()), whole)
}

// apply adds a change to every window of a reservation, what was settled to the day that it was reserved on, and its bytes to the meter.
func (l *Ledger) apply(tx *manifest.Tx, o manifest.Open, d manifest.Window) error {
	for _, id := range o.Windows {
		budget, _ := splitWindow(id)
		if budget == "" {
			if err := applyGrant(tx, id, d); err != nil {
				return err
			}
			continue
		}
		w, err := windowOf(tx, id, l.byName[budget].Period.zoneName())
		if err != nil {
			return err
		}
		// Saturating, because without a limit of one kind nothing else bounds it.
		w.SettledNanoUSD = saturating.Add(w.SettledNanoUSD, d.SettledNanoUSD)
		w.ReservedNanoUSD += d.ReservedNanoUSD
		w.SettledBytes = saturating.Add(w.SettledBytes, d.SettledBytes)
		w.ReservedBytes += d.ReservedBytes
		if err := tx.PutWindow(id, w); err != nil {
			return err
		}
		if err := l.spend(tx, budget, o.At.Time(), manifest.Spent{NanoUSD: d.SettledNanoUSD, Bytes: d.SettledBytes}); err != nil {
			return err
		}
	}
	return addToMeter(tx, o.Meter, manifest.Meter{SettledBytes: d.SettledBytes, ReservedBytes: d.ReservedBytes})
}

func addToMeter(tx *manifest.Tx, id string, d manifest.Meter) error {
	m, err := tx.Meter(id)
	if err != nil {
		return err
	}
	m.SettledBytes = saturating.Add(m.SettledBytes, d.SettledBytes)
	m.ReservedBytes += d.ReservedBytes
	return tx.PutMeter(id, m)
}

// bookLine adds a settled amount to its ledger line.
func bookLine(tx *manifest.Tx, s manifest.Open, now manifest.Millis, whole bool) error {
	line, ok, err := tx.Line(s.Line, s.RateID, s.Book)
	if err != nil {
		return err
	}
	if !ok {
		line = manifest.Line{LineKey: s.Line, First: s.At, RateID: s.RateID, Book: s.Book}
	}
	add := manifest.Line{First: line.First, Last: now, Bytes: s.Bytes, NanoUSD: s.NanoUSD, Requests: s.Requests, OtherNanoUSD: s.OtherNanoUSD}
	if whole {
		add.Unknown = 1
	}
	return tx.PutLine(line.Plus(add))
}

func (l *Ledger) journal(kind string, whole bool, opens ...manifest.Open) error {
	if len(opens) == 0 {
		return nil
	}
	entries := make([]manifest.Entry, len(opens))
	for i, o := range opens {
		entries[i] = manifest.Entry{Kind: kind, Open: o, Whole: whole}
	}
	return l.m.Journal().Append(entries...)
}

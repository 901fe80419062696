package cost

import (
	"cmp"
	"errors"
	"slices"

	"github.com/datagravity/datagravity/internal/crashpoint"
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
// than once (see [manifest.Manifest.Batch]). Errors: [ErrBudget], [ErrNoGrant], [ErrPaused] while the link is paused, and
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
	for asked := 0; ; asked++ {
		refused, err := t.reserve(with)
		if err != nil {
			return nil, err
		}
		if refused == nil {
			break
		}
		more := false
		if asked < maxAsked {
			more, err = l.more(refused, t.c)
		}
		if !more || err != nil {
			return nil, errors.Join(cmp.Or(err, refused), l.Tell(refused))
		}
	}
	crashpoint.Hit(crashpoint.ReserveRecorded)
	l.reached("reserved in the manifest")
	if err := l.journal("reserve", false, t.open...); err != nil {
		// Nothing may be sent. The reservation stands until the manifest is opened again, and then counts as spent: the
		// journal may or may not have it.
		return nil, err
	}
	l.reached("reserved in the journal")
	return t, nil
}

// maxAsked is how often more is asked for. What was granted may be gone before it is reserved on: others draw from it too.
const maxAsked = 3

// reserve makes the reservations in the manifest, or says what refuses them.
func (t *Ticket) reserve(with func(*manifest.Tx) error) (refused, err error) {
	var reached []manifest.Alert
	t.l.reached("reserving")
	err = t.l.m.Batch(func(tx *manifest.Tx) (err error) {
		t.open = nil // of a run that was undone
		a := t.l.admission(tx)
		if t.open, refused, err = a.admit(t.c); err != nil || refused != nil {
			return err // a refusal has written nothing: those in the same transaction go on
		}
		if reached, err = a.write(t.open); err != nil || with == nil {
			return err
		}
		return with(tx)
	})
	if err != nil || refused != nil {
		return refused, err
	}
	t.l.logAlerts(reached)
	return nil, nil
}

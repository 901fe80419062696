package cost

import (
	"fmt"

	"github.com/datagravity/datagravity/pkg/manifest"
)

// Give sets aside what another agent may spend, as much of c's bytes and requests as the budgets let, but not for fewer bytes than least, or
// records why not. It is durable in the manifest and the journal when it returns; only then may the other agent be told. What was decided
// about a request before is returned again.
//
// g says who asks and for what; the result has what is granted, or why it is refused. Error: [manifest.ErrJournal].
func (l *Ledger) Give(g manifest.GivenGrant, c Crossing, least int64) (manifest.GivenGrant, error) {
	var refused error
	var reached []manifest.Alert
	var open []manifest.Open
	err := l.m.Update(func(tx *manifest.Tx) error {
		before, known, err := tx.GivenGrant(g.Edge, g.ID)
		if err != nil || known {
			g = before
			return err
		}
		if g.Given, err = tx.PassTime(manifest.At(l.m.Now())); err != nil {
			return err
		}
		if g.Refused != "" { // for another reason than budgets
			return tx.PutGivenGrant(g)
		}
		for try := shrinking(c, least); try != nil; try = try.smaller() {
			a := l.admission(tx)
			var why error
			if open, why, err = a.admit([]Crossing{try.Crossing}); err != nil {
				return err
			}
			if refused == nil || why == nil {
				refused = why // the first refusal is about all that was asked for
			}
			if why != nil {
				continue
			}
			open[0].Grant = g.ID
			if reached, err = a.write(open); err != nil {
				return err
			}
			g.Reservation, g.Bytes, g.Requests, g.NanoUSD = open[0].ID, open[0].Bytes, open[0].Requests, open[0].NanoUSD
			return tx.PutGivenGrant(g)
		}
		g.Refused = refused.Error()
		return tx.PutGivenGrant(g)
	})
	if err != nil {
		return g, err
	}
	if refused != nil {
		return g, l.Tell(refused)
	}
	l.logAlerts(reached)
	return g, l.journal("reserve", false, open...)
}

// shrunk is a crossing of which less would do.
type shrunk struct {
	Crossing
	requests, all, least int64 // requests for all bytes
}

func shrinking(c Crossing, least int64) *shrunk {
	return &shrunk{Crossing: c, requests: c.requestCount(), all: c.Bytes, least: max(1, min(least, c.Bytes))}
}

// smaller is half of it, at the least what is of use; nil: that was it.
func (s *shrunk) smaller() *shrunk {
	if s.Bytes <= s.least {
		return nil
	}
	next := *s
	next.Bytes = max(s.least, s.Bytes/2)
	next.Requests = map[Op]int64{OpRead: max(1, int64(float64(s.requests)*float64(next.Bytes)/float64(s.all)))}
	return &next
}

// SettleGiven books what the other agent used of a grant, at this ledger's prices for c, which is what the grant was given for. More than was
// granted is booked in full, and an [ErrOverrun]. Settling again changes nothing.
func (l *Ledger) SettleGiven(edge, id string, c Crossing, used Moved) error {
	var s manifest.Open
	var booked bool
	var overrun error
	err := l.m.Update(func(tx *manifest.Tx) error {
		g, o, ok, err := l.given(tx, edge, id)
		if err != nil || !ok {
			return err
		}
		at, err := l.position(tx, c.Rate, o.Line.Month)
		if err != nil {
			return err
		}
		c.Requests = used.Requests
		price := l.price(c, max(0, used.Bytes), at)
		s = o
		s.Bytes, s.NanoUSD, s.Requests, s.OtherNanoUSD = max(0, used.Bytes), int64(price.all), c.requestCount(), int64(price.other)
		if s.Bytes > o.Bytes || s.NanoUSD > o.NanoUSD {
			overrun = fmt.Errorf("%w: agent %s used %d bytes for %s of grant %s over %d bytes and %s; the budgets were charged in full",
				ErrOverrun, edge, s.Bytes, price.all, id, o.Bytes, NanoUSD(o.NanoUSD))
		}
		if booked, err = l.settle(tx, o, s, s, false); err != nil {
			return err
		}
		g.Settled, g.SettledBytes, g.SettledUSD = manifest.At(l.m.Now()), s.Bytes, s.NanoUSD
		return tx.PutGivenGrant(g)
	})
	if err != nil || !booked {
		return err
	}
	if err := l.journal("settle", false, s); err != nil {
		return err
	}
	return overrun
}

// RevokeGiven takes back a grant that nobody can claim any more.
func (l *Ledger) RevokeGiven(edge, id string) error {
	return l.endGiven(edge, id, "release", false, func(g *manifest.GivenGrant, s *manifest.Open) {
		s.Bytes, s.NanoUSD, s.Requests, s.OtherNanoUSD = 0, 0, 0, 0
		g.Revoked = true
	})
}

// ChargeGiven books all of a grant, because nobody will say what was used of it.
func (l *Ledger) ChargeGiven(edge, id string) error {
	return l.endGiven(edge, id, "settle", true, func(g *manifest.GivenGrant, s *manifest.Open) { g.SettledBytes, g.SettledUSD = s.Bytes, s.NanoUSD })
}

func (l *Ledger) endGiven(edge, id, kind string, whole bool, end func(g *manifest.GivenGrant, s *manifest.Open)) error {
	var s manifest.Open
	var booked bool
	err := l.m.Update(func(tx *manifest.Tx) error {
		g, o, ok, err := l.given(tx, edge, id)
		if err != nil || !ok {
			return err
		}
		s = o
		end(&g, &s)
		if booked, err = l.settle(tx, o, s, s, whole); err != nil {
			return err
		}
		g.Settled = manifest.At(l.m.Now())
		return tx.PutGivenGrant(g)
	})
	if err != nil || !booked {
		return err
	}
	return l.journal(kind, whole, s)
}

// given finds a grant for which money is still set aside. One of which the journal told that it is settled, to a manifest from before, is over.
func (l *Ledger) given(tx *manifest.Tx, edge, id string) (g manifest.GivenGrant, o manifest.Open, ok bool, err error) {
	if g, ok, err = tx.GivenGrant(edge, id); err != nil || !ok || !g.Stands() {
		return g, o, false, err
	}
	if o, ok, err = tx.Reservation(g.Reservation); err == nil && !ok {
		g.Settled = manifest.At(l.m.Now())
		err = tx.PutGivenGrant(g)
	}
	return g, o, ok, err
}

// MarkGiven records how far a grant has got: that the edge was told, or that its objects are removed.
func (l *Ledger) MarkGiven(edge, id string, mark func(g *manifest.GivenGrant, now manifest.Millis)) error {
	return l.m.Update(func(tx *manifest.Tx) error {
		g, ok, err := tx.GivenGrant(edge, id)
		if err != nil || !ok {
			return err
		}
		mark(&g, manifest.At(l.m.Now()))
		return tx.PutGivenGrant(g)
	})
}

// DropGiven forgets a grant. One for which money is still set aside stays.
func (l *Ledger) DropGiven(edge, id string) error {
	return l.m.Update(func(tx *manifest.Tx) error {
		g, ok, err := tx.GivenGrant(edge, id)
		if err != nil || !ok || g.Stands() {
			return err
		}
		return tx.DeleteGivenGrant(edge, id)
	})
}

// Given are the grants that this agent gave and has not forgotten, by edge.
func (l *Ledger) Given() (list []manifest.GivenGrant, err error) {
	err = l.m.View(func(tx *manifest.Tx) error {
		return tx.GivenGrants(func(g manifest.GivenGrant) (bool, error) { list = append(list, g); return true, nil })
	})
	return list, err
}

// Doubt says that an account gave out ids up to one that this ledger knows nothing of: what was spent on it is not known, so that every
// window that is open counts as spent until [Ledger.Reset]. It is durable in manifest and journal when it returns.
func (l *Ledger) Doubt(why, account string, id uint64) error {
	var e manifest.Entry
	err := l.m.Update(func(tx *manifest.Tx) (err error) {
		if e, err = l.decision(tx, "doubt"); err != nil {
			return err
		}
		d := manifest.Doubt{At: e.At, Why: why, Accounts: map[string]uint64{account: id}}
		if d.ID, err = decisionID(tx, e.ID); err != nil {
			return err
		}
		e.Doubt = &d
		return tx.PutDoubt(d)
	})
	if err != nil {
		return err
	}
	if err := l.loadDoubts(); err != nil {
		return err
	}
	l.log.Error("nobody knows all that was spent: every budget's open window counts as spent until datagravity budget reset", "why", why)
	return l.m.Journal().Append(e)
}

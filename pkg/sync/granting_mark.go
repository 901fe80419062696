package sync

import (
	"errors"
	"fmt"
	"slices"

	"github.com/datagravity/datagravity/pkg/exchange"
	"github.com/datagravity/datagravity/pkg/manifest"
)

// mayGrant tells whether this agent's ledger is the one that grants in this store. One that knows less than was granted must not: it was put
// back from a copy, or is another agent's. Then all its windows count as spent until somebody looked at the bill.
func (g *granting) mayGrant() (bool, error) {
	if g.may != nil {
		return *g.may, nil
	}
	m, _, found, err := exchange.ReadLedgerMark(g.ctx, g.at.exchange())
	if err != nil {
		return false, err
	}
	may, _, err := g.knows(m, found)
	if err != nil {
		return false, err
	}
	if !may && m.Origin != g.s.Name {
		alive, err := g.alive(m.Origin)
		if alive || err != nil {
			g.s.Log.Warn("another agent grants what may be read of this store; of two that keep its budgets only one can", "store", g.at.Dataset.Store, "agent", m.Origin)
			g.may = new(bool)
			return false, err
		}
	}
	if !may {
		// From now on the ledger knows the account, and the budgets refuse until they are reset.
		why := fmt.Sprintf("agent %s granted up to number %d in store %s, and this ledger knows nothing of it", m.Origin, m.Sequence, g.at.Dataset.Store)
		if err := g.s.Ledger.Doubt(why, m.Account, m.Sequence); err != nil {
			return false, err
		}
		may = true
	}
	g.may = &may
	return may, nil
}

func (g *granting) alive(name string) (bool, error) {
	agents, err := exchange.Agents(g.ctx, g.at.exchange())
	for _, a := range agents {
		if a.Name == name && a.Role == string(OriginRole) && g.now.Sub(a.Time).Abs() < originAlive {
			return true, nil
		}
	}
	if errors.Is(err, exchange.ErrBad) {
		err = nil
	}
	return false, err
}

// mark says in the store how far this ledger has granted.
func (g *granting) mark(account string, number uint64) error {
	m, before, found, err := exchange.ReadLedgerMark(g.ctx, g.at.exchange())
	if err != nil {
		return err
	}
	known, ours, err := g.knows(m, found)
	switch {
	case err != nil || ours && m.Sequence >= number:
		return err
	case !known:
		return exchange.ErrRaced // the next pass finds out whose it is
	case m.Account == account:
		number = max(number, m.Sequence)
	}
	next := exchange.LedgerMark{Origin: g.s.Name, Account: account, Sequence: number, Time: g.now}
	// Before and after: whatever becomes of this process, it knows its own.
	if err := g.noteMark(next, false); err != nil {
		return err
	}
	if err := exchange.PutLedgerMark(g.ctx, g.at.exchange(), next, before, found); err != nil {
		return err
	}
	return g.noteMark(next, true)
}

func (g *granting) noteMark(m exchange.LedgerMark, written bool) error {
	return g.s.Manifest.Update(func(tx *manifest.Tx) error { return tx.PutGrantMark(g.at.Dataset.Store, grantMark(m), written) })
}

func grantMark(m exchange.LedgerMark) manifest.GrantMark {
	return manifest.GrantMark{Origin: m.Origin, Sequence: m.Sequence, Second: m.Time.Unix()}
}

// knows tells whether all that was granted is in this ledger, and whether the mark is one that it wrote itself. A number of its own account is not
// enough: a ledger that was put back from a copy, or a copy of it elsewhere, gives out the same numbers again.
func (g *granting) knows(m exchange.LedgerMark, found bool) (known, ours bool, err error) {
	if !found {
		return true, false, nil
	}
	err = g.s.Manifest.View(func(tx *manifest.Tx) error {
		account, err := tx.ID()
		if err != nil {
			return err
		}
		if known, err = tx.TookOver(m.Account, m.Sequence); err != nil || m.Account != account {
			return err
		}
		marks, err := tx.GrantMarks(g.at.Dataset.Store)
		ours = slices.Contains(marks, grantMark(m))
		// An older one of ours was put back.
		known = known || ours || len(marks) > 0 && m.Sequence < marks[0].Sequence
		return err
	})
	return known, ours, err
}

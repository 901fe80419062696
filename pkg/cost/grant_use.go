package cost

import (
	"fmt"

	"github.com/datagravity/datagravity/internal/saturating"
	"github.com/datagravity/datagravity/pkg/manifest"
)

// HeldUse is a grant that was asked for or is held, and what was used of it.
type HeldUse struct {
	manifest.HeldGrant
	manifest.Window
	// Mine: this process claimed it, or has found out that no other agent did.
	Mine bool
	// Usable: this process may read on it.
	Usable bool
}

// Left is what can still be reserved on it at once.
func (u HeldUse) Left() (bytes, requests int64) {
	if !u.Usable {
		return 0, 0
	}
	return max(0, u.Bytes-u.SettledBytes-u.ReservedBytes), max(0, u.Requests-u.SettledRequests-u.ReservedRequests)
}

// Grants returns what was asked for and what is held, for a purpose or, with nil, for all.
func (l *Ledger) Grants(only *manifest.GrantFor) (list []HeldUse, err error) {
	err = l.m.View(func(tx *manifest.Tx) error {
		now, err := tx.LedgerTime(manifest.At(l.m.Now()))
		if err != nil {
			return err
		}
		return tx.HeldGrants(func(g manifest.HeldGrant) (bool, error) {
			if only != nil && g.For != *only {
				return true, nil
			}
			u := HeldUse{HeldGrant: g, Mine: g.Claimed != 0 && l.holding.has(g.ID)}
			u.Usable = u.Mine && g.Closed == 0 && now < g.Expires
			var err error
			u.Window, _, err = tx.Window(g.Window())
			list = append(list, u)
			return true, err
		})
	})
	return list, err
}

// Owed is what was read of a store before there was a grant.
func (l *Ledger) Owed(source string) (w manifest.Window, err error) {
	err = l.m.View(func(tx *manifest.Tx) error {
		w, _, err = tx.Window(owedWindow(source))
		return err
	})
	return w, err
}

// PutGrant records that a grant is asked for, or what its claim will be made with.
func (l *Ledger) PutGrant(g manifest.HeldGrant) error {
	return l.m.Update(func(tx *manifest.Tx) error { return tx.PutHeldGrant(g) })
}

// Hold records that a grant was claimed, and lets this process use it. What was owed counts on it from then on.
func (l *Ledger) Hold(g manifest.HeldGrant) error {
	err := l.m.Update(func(tx *manifest.Tx) error {
		owed, _, err := tx.Window(owedWindow(g.For.Source))
		if err != nil {
			return err
		}
		w, _, err := tx.Window(g.Window())
		if err != nil {
			return err
		}
		w.SettledBytes, w.SettledRequests = saturating.Add(w.SettledBytes, owed.SettledBytes), saturating.Add(w.SettledRequests, owed.SettledRequests)
		w.SettledNanoUSD = saturating.Add(w.SettledNanoUSD, owed.SettledNanoUSD)
		owed.SettledBytes, owed.SettledRequests, owed.SettledNanoUSD = 0, 0, 0
		if err := tx.PutWindow(owedWindow(g.For.Source), owed); err != nil {
			return err
		}
		if err := tx.PutWindow(g.Window(), w); err != nil {
			return err
		}
		return tx.PutHeldGrant(g)
	})
	if err == nil {
		l.holding.set(g.ID, true)
	}
	return err
}

// Resume lets this process use a grant that an earlier one claimed, once it is known that no other agent can.
func (l *Ledger) Resume(id string) { l.holding.set(id, true) }

// Sound tells that all that was spent is known; with a doubt, what was used of a grant is not.
func (l *Ledger) Sound() bool {
	l.doubts.mu.Lock()
	defer l.doubts.mu.Unlock()
	for _, d := range l.doubts.list {
		if !l.doubts.settled(d.ID, "") {
			return false
		}
	}
	return true
}

// CloseGrant decides that nothing more is read on a grant, and returns what was used of it. closed is false while reservations on it are
// open; then nothing was decided.
func (l *Ledger) CloseGrant(id string) (used HeldUse, closed bool, err error) {
	err = l.m.Update(func(tx *manifest.Tx) error {
		g, ok, err := tx.HeldGrant(id)
		if err != nil {
			return err
		}
		if !ok {
			return fmt.Errorf("there is no grant %s", id)
		}
		used.HeldGrant = g
		if used.Window, _, err = tx.Window(g.Window()); err != nil {
			return err
		}
		if closed = used.ReservedBytes == 0 && used.ReservedRequests == 0 && used.ReservedNanoUSD == 0; !closed || g.Closed != 0 {
			return nil
		}
		if g.Closed, err = tx.PassTime(manifest.At(l.m.Now())); err != nil {
			return err
		}
		used.HeldGrant = g
		return tx.PutHeldGrant(g)
	})
	return used, closed, err
}

// DropGrant forgets a grant that was settled, or that cannot be used.
func (l *Ledger) DropGrant(id string) error {
	l.holding.set(id, false)
	return l.m.Update(func(tx *manifest.Tx) error {
		g, ok, err := tx.HeldGrant(id)
		if err != nil || !ok {
			return err
		}
		return tx.DeleteHeldGrant(g)
	})
}

package cost

import (
	"time"

	"github.com/datagravity/datagravity/pkg/manifest"
)

// replay counts what the journal has and the manifest does not know: all of it after the manifest was lost and made anew,
// the youngest part after an older one was restored, and nothing on most days. What was settled counts as settled, and
// what was reserved and never settled counts whole.
func (l *Ledger) replay() error {
	type id struct {
		account string
		number  uint64
	}
	var open map[id]manifest.Entry
	var unknown manifest.Unaccounted
	var doubt *manifest.Entry
	if all, err := l.m.AllAccounted(); all || err != nil {
		return err
	}
	err := l.m.Update(func(tx *manifest.Tx) (err error) {
		open = map[id]manifest.Entry{}
		book := func(e manifest.Entry) error {
			if err := draw(tx, e.Drawn); err != nil {
				return err
			}
			err := l.apply(tx, e.Open, manifest.Window{SettledNanoUSD: e.NanoUSD, SettledBytes: e.Bytes, SettledRequests: e.Requests})
			if err != nil || e.Bytes == 0 && e.NanoUSD == 0 && e.Requests == 0 {
				return err
			}
			return bookLine(tx, e.Open, e.At, e.Whole)
		}
		unknown, err = l.m.UnaccountedEntries(tx, func(e manifest.Entry, stands bool) error {
			if e.Billed != nil {
				return tx.ReplayBilled(e)
			}
			if stands {
				o, _, err := tx.Reservation(e.ID)
				if err == nil {
					_, err = l.settle(tx, o, e.Open, e.Open, e.Whole)
				}
				return err
			}
			if err := reach(tx, e); err != nil {
				return err
			}
			if decided, err := replayDecision(tx, e); decided || err != nil {
				return err
			}
			key := id{e.Account, e.ID}
			if e.Kind == "reserve" {
				// Two of one id cannot be, but if they are both may have been sent.
				if before, twice := open[key]; twice {
					if err := book(before); err != nil {
						return err
					}
				}
				e.Whole = true
				open[key] = e
				return nil
			}
			delete(open, key)
			return book(e)
		})
		if err != nil {
			return err
		}
		for _, e := range open {
			if err := book(e); err != nil {
				return err
			}
		}
		if err := tx.AccountForJournal(unknown); err != nil {
			return err
		}
		doubt, err = l.doubt(tx, unknown)
		return err
	})
	if err != nil {
		return err
	}
	if doubt != nil {
		l.log.Error("nobody knows all that was spent: every budget's open window counts as spent until datagravity budget reset", "why", doubt.Doubt.Why)
		if err := l.m.Journal().Append(*doubt); err != nil {
			return err
		}
	}
	if unknown.Entries > 0 {
		l.log.Warn("the journal has spend that the manifest did not know (it is new, or was restored): it was taken over",
			"entries", unknown.Entries, "never_settled", len(open))
	}
	if unknown.Damaged > 0 {
		l.log.Warn("the journal has damaged lines; what the manifest did not know of them is counted by the other line of the same reservation, or the budgets are in doubt",
			"lines", unknown.Damaged)
	}
	if len(unknown.Shorter) > 0 {
		l.log.Warn("part of the journal is gone; the manifest still knows what it said, keep a backup of it", "files", unknown.Shorter)
	}
	return nil
}

// reach moves the ledger's time to that of an entry. One from before there was such a time may be of a later month than its own.
func reach(tx *manifest.Tx, e manifest.Entry) error {
	at := e.At
	if month, err := time.Parse("2006-01", e.Line.Month); err == nil {
		at = max(at, manifest.At(month))
	}
	_, err := tx.PassTime(at)
	return err
}

// recover settles whole what a dead process left reserved: the bytes may have moved.
func (l *Ledger) recover() error {
	var standing []manifest.Open
	err := l.m.View(func(tx *manifest.Tx) error {
		return tx.Reservations(func(o manifest.Open) (bool, error) {
			if o.Grant == "" { // another agent may be spending it
				standing = append(standing, o)
			}
			return true, nil
		})
	})
	if err != nil || len(standing) == 0 {
		return err
	}
	var sum NanoUSD
	err = l.m.Update(func(tx *manifest.Tx) error {
		for _, o := range standing {
			sum = AddNanoUSD(sum, NanoUSD(o.NanoUSD))
			if _, err := l.settle(tx, o, o, o, true); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	l.log.Warn("an earlier run ended in the middle: its open reservations count as spent", "reservations", len(standing), "usd", sum.String())
	return l.journal("settle", true, standing...)
}

package cost

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/datagravity/datagravity/pkg/manifest"
)

// openDoubts are those that nobody settled yet. They change with a reset alone, so that reservations need not look for them.
type openDoubts struct {
	mu     sync.Mutex
	list   []manifest.Doubt
	resets []manifest.Reset
}

// about is why nobody knows what a budget has spent since a time (zero: ever), "" if it is known.
func (d *openDoubts) about(budget string, since time.Time) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, one := range d.list {
		if (since.IsZero() || one.At >= manifest.At(since)) && !d.settled(one.ID, budget) {
			return one.Why
		}
	}
	return ""
}

func (d *openDoubts) settled(id, budget string) bool {
	return slices.ContainsFunc(d.resets, func(r manifest.Reset) bool {
		return (r.Budget == "" || r.Budget == budget) && slices.Contains(r.Doubts, id)
	})
}

func (l *Ledger) loadDoubts() error {
	var list []manifest.Doubt
	resets, err := l.Resets()
	if err != nil {
		return err
	}
	err = l.m.View(func(tx *manifest.Tx) error {
		return tx.Doubts(func(d manifest.Doubt) (bool, error) { list = append(list, d); return true, nil })
	})
	l.doubts.mu.Lock()
	defer l.doubts.mu.Unlock()
	l.doubts.list, l.doubts.resets = list, resets
	return err
}

// doubt records, after the journal was taken into account, that some of what was spent is not known any more. entry is nil if all is.
func (l *Ledger) doubt(tx *manifest.Tx, u manifest.Unaccounted) (entry *manifest.Entry, err error) {
	lost, err := l.m.LostSpend(tx, u)
	if err != nil || lost.Accounts == nil {
		return nil, err
	}
	if _, err := tx.PassTime(lost.Clock); err != nil {
		return nil, err
	}
	e, err := l.decision(tx, "doubt")
	if err != nil {
		return nil, err
	}
	d := manifest.Doubt{At: e.At, Why: lost.Why, Accounts: lost.Accounts}
	if d.ID, err = decisionID(tx, e.ID); err != nil {
		return nil, err
	}
	e.Doubt = &d
	return &e, tx.PutDoubt(d)
}

// Reset says that doubts about what a budget has spent are settled: somebody looked at the bill. From then on what is known counts. With
// budget "" it is for all budgets. It is durable in manifest and journal when it returns; without any doubt nothing is recorded and ok is
// false. Error: [ErrDecision].
func (l *Ledger) Reset(budget, reason, by string) (r manifest.Reset, ok bool, err error) {
	if _, known := l.byName[budget]; budget != "" && !known {
		return r, false, fmt.Errorf("%w: there is no budget %q", ErrDecision, budget)
	}
	if strings.TrimSpace(reason) == "" || by == "" {
		return r, false, fmt.Errorf("%w: a reset needs a reason, and somebody who gives it", ErrDecision)
	}
	l.doubts.mu.Lock()
	for _, d := range l.doubts.list {
		if !l.doubts.settled(d.ID, budget) {
			r.Doubts = append(r.Doubts, d.ID)
		}
	}
	l.doubts.mu.Unlock()
	if len(r.Doubts) == 0 {
		return r, false, nil
	}
	r.Budget, r.Reason, r.By = budget, reason, by
	var e manifest.Entry
	err = l.m.Update(func(tx *manifest.Tx) (err error) {
		if e, err = l.decision(tx, "reset"); err != nil {
			return err
		}
		if r.ID, err = decisionID(tx, e.ID); err != nil {
			return err
		}
		r.At = e.At
		e.Reset = &r
		return tx.PutReset(r)
	})
	if err != nil {
		return r, false, err
	}
	if err := l.loadDoubts(); err != nil {
		return r, false, err
	}
	return r, true, l.m.Journal().Append(e)
}

// Resets are all, the oldest first.
func (l *Ledger) Resets() (list []manifest.Reset, err error) {
	err = l.m.View(func(tx *manifest.Tx) error {
		return tx.Resets(func(r manifest.Reset) (bool, error) { list = append(list, r); return true, nil })
	})
	sortByTime(list, func(r manifest.Reset) manifest.Millis { return r.At })
	return list, err
}

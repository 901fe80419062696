package sync

import (
	"errors"
	"fmt"
	"time"

	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/sync/plan"
)

// Wish is how much and by when something is wanted. Its zero value is no wish.
type Wish struct {
	// NeedBy is when all of it should be there; zero: nobody said.
	NeedBy time.Time
	// Priority among what must begin on the same day, higher first.
	Priority int
	// Value that having all of it is worth beside others, in any unit; 0 counts as 1.
	Value int64
}

// slack until moving must begin, 0: nobody said by when it is needed.
func (q Request) slack(p *plan.Plan, now time.Time) time.Duration {
	if q.Wish.NeedBy.IsZero() {
		return 0
	}
	return q.Wish.NeedBy.Add(-p.Estimate.Duration()).Sub(now)
}

// ErrNoNeed: nothing of the kind was asked for, or all of it is there.
var ErrNoNeed = errors.New("no open need")

// Ask records requests as open needs, without moving anything. What was open already has the new wish.
func (s *Syncer) Ask(requests ...Request) (list []manifest.Need, err error) {
	err = s.Manifest.Update(func(tx *manifest.Tx) error {
		list = nil
		for _, q := range requests {
			n, err := s.ask(tx, q)
			if err != nil {
				return err
			}
			list = append(list, n)
		}
		return nil
	})
	return list, err
}

func (s *Syncer) ask(tx *manifest.Tx, q Request) (manifest.Need, error) {
	n, ok, err := tx.Need(needID(q))
	if err != nil {
		return n, err
	}
	if !ok {
		n = manifest.Need{ID: needID(q), Dataset: q.Source.Name, Destination: q.Destination.Name, Globs: q.Selection.Globs}
	}
	open := manifest.OpenNeed{Asked: manifest.At(s.Manifest.Now())}
	if n.Open != nil {
		open = *n.Open
	}
	if !q.Wish.NeedBy.IsZero() {
		open.NeedBy = manifest.At(q.Wish.NeedBy)
	}
	if q.Wish.Priority != 0 {
		open.Priority = q.Wish.Priority
	}
	if q.Wish.Value != 0 {
		open.Value = q.Wish.Value
	}
	open.Snapshot, open.Job, open.Team = q.Snapshot, q.Source.For.Job, q.Source.For.Team
	n.Open = &open
	return n, tx.PutNeed(n)
}

// OpenNeeds are the needs that were asked for and are not met, in the order of their ids.
func (s *Syncer) OpenNeeds() (list []manifest.Need, err error) {
	err = s.Manifest.View(func(tx *manifest.Tx) error {
		return tx.Needs(func(n manifest.Need) (bool, error) {
			if n.Open != nil {
				list = append(list, n)
			}
			return true, nil
		})
	})
	return list, err
}

// DropNeeds takes requests back that were asked for: they are no open needs any more. What is there stays. Errors: [ErrNoNeed].
func (s *Syncer) DropNeeds(requests ...Request) error {
	return s.Manifest.Update(func(tx *manifest.Tx) error {
		for _, q := range requests {
			closed, err := closeNeed(tx, q)
			if err != nil {
				return err
			}
			if !closed {
				return fmt.Errorf("%w of %s (%s) at %s; datagravity need list shows them", ErrNoNeed, q.Source.Name, q.Selection, q.Destination.Name)
			}
		}
		return nil
	})
}

// closeNeed makes a need no longer open. One that nothing else is known of is forgotten.
func closeNeed(tx *manifest.Tx, q Request) (was bool, err error) {
	n, ok, err := tx.Need(needID(q))
	if err != nil || !ok || n.Open == nil {
		return false, err
	}
	n.Open = nil
	if n.Ready == 0 && n.Replacing == 0 && n.Snapshot.IsZero() {
		return true, tx.DeleteNeed(n.ID)
	}
	return true, tx.PutNeed(n)
}

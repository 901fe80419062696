package sync

import (
	"errors"
	"fmt"
	"time"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/jobs"
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

// AskIn is Ask within a transaction.
func (s *Syncer) AskIn(tx *manifest.Tx, q Request) (manifest.Need, error) { return s.ask(tx, q) }

func (s *Syncer) ask(tx *manifest.Tx, q Request) (manifest.Need, error) {
	if err := current(tx, q); err != nil {
		return manifest.Need{}, err
	}
	n, ok, err := tx.Need(needID(q))
	if err != nil {
		return n, err
	}
	if !ok {
		n = newNeed(q)
	}
	if err := s.leaveDoubt(tx, &n, q); err != nil {
		return n, err
	}
	_, _, n.Paths = q.Selection.Paths()
	n.Dataset, n.Globs = q.Source.Name, q.Selection.Globs
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
	if q.Job != "" { // a job's wish is what it says now, whatever moves for it was begun with
		j, _, err := tx.Job(q.Job)
		if err != nil {
			return n, err
		}
		open.NeedBy, open.Priority, open.Value = j.NeedBy, j.Priority, j.Value
		n.Job = q.Job
	}
	open.Snapshot, open.Job, open.Team = q.Snapshot, q.Source.For.Job, q.Source.For.Team
	n.Open = &open
	return n, errors.Join(putPaths(tx, q.Selection), tx.PutNeed(n))
}

// newNeed is the record of a request's need.
func newNeed(q Request) manifest.Need {
	n := manifest.Need{ID: needID(q), Dataset: q.Source.Name, Destination: q.Destination.Name, Globs: q.Selection.Globs, Job: q.Job}
	_, _, n.Paths = q.Selection.Paths()
	return n
}

// putPaths keeps the list of a selection that names its shards.
func putPaths(tx *manifest.Tx, sel jobs.Selection) error {
	paths, index, id := sel.Paths()
	if paths == nil {
		return nil
	}
	return tx.PutPaths(id, paths, index)
}

// Selected is the selection of a need.
func Selected(tx *manifest.Tx, n manifest.Need) (jobs.Selection, error) {
	return SelectionOf(tx, n.Globs, n.Paths)
}

// SelectionOf globs, or of the list of paths with an id that is not zero.
func SelectionOf(tx *manifest.Tx, globs []string, paths chunker.Digest) (jobs.Selection, error) {
	if paths.IsZero() {
		return jobs.NewSelection(globs)
	}
	list, index, err := tx.Paths(paths)
	return jobs.Named(list, index, paths), err
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

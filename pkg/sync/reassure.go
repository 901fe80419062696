package sync

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/datagravity/datagravity/pkg/manifest"
)

// lands is how long what a run that was cut off had sent may still take to arrive: a service may have all of a request whose answer nobody waits for any more.
const lands = 10 * time.Minute

// Doubt is what is left of a need that is given up while its run replaces shards: the mark that what is known of these is not to be believed, under another id
// where the need's own goes on to stand for other shards. It lasts until somebody looked.
func Doubt(n manifest.Need, id string, now time.Time) manifest.Need {
	return manifest.Need{
		ID: id, Dataset: n.Dataset, Destination: n.Destination, Globs: n.Globs, Paths: n.Paths, Beside: n.Beside, Replacing: n.Replacing, Updated: manifest.At(now),
	}
}

// ofOthers is the id of the doubt about what a need stood for before.
func ofOthers(n manifest.Need) string { return fmt.Sprintf("%s@%d", n.ID, n.Replacing) }

// leaveDoubt has a need's mark stand for itself, where the need is about to stand for other shards than those that were being replaced.
func (s *Syncer) leaveDoubt(tx *manifest.Tx, n *manifest.Need, q Request) error {
	_, _, paths := q.Selection.Paths()
	if n.Replacing == 0 || n.Dataset == q.Source.Name && slices.Equal(n.Globs, q.Selection.Globs) && n.Paths == paths {
		return nil
	}
	was := Doubt(*n, ofOthers(*n), s.Manifest.Now())
	n.Replacing = 0
	return tx.PutNeed(was)
}

// reassure ends doubts about what stands at a destination before anything is planned by what the manifest knows of it. Where a sync began to replace shards
// and did not finish, be it of the same need or of another, it looks, with the destination's lease: from then on the manifest knows.
//
// Pins that were made since a sync of the same need began are looked at with that, and are left alone from now on: else what is blocked by such a pin would wait
// for its job, and the job, which is not ready while shards are being replaced, for what is blocked. Of needs that were given up nothing else is left, so that
// they go once nothing that was sent for them can still arrive; nobody else would ever end their doubts.
func (s *Syncer) reassure(ctx context.Context, q Request) (err error) {
	var latest manifest.Millis
	var doubts []manifest.Need
	err = s.Manifest.View(func(tx *manifest.Tx) error {
		marks, err := replacingAt(tx, q.Source.Name, q.Destination.Name)
		doubts = slices.DeleteFunc(marks, s.replacesNow)
		if err == nil && len(doubts) > 0 {
			latest, err = latestPin(tx, q.Destination.Destination, s.Manifest.Now())
		}
		return err
	})
	if err != nil || len(doubts) == 0 {
		return err
	}
	if q.Destination, err = q.Destination.opened(ctx); err != nil {
		return err
	}
	if err := q.leased.take(ctx, q.Destination.Store, q.mirrorPrefix()); err != nil {
		return err
	}
	looked := s.Manifest.Now()
	if err := s.look(ctx, q.Destination, q.Source.Name, q.mirrorPrefix()); err != nil {
		return err
	}
	return s.Manifest.Update(func(tx *manifest.Tx) error {
		gone := false
		for _, was := range doubts {
			n, ok, err := tx.Need(was.ID)
			if err != nil {
				return err
			}
			if !ok || n.Replacing != was.Replacing || s.replacesNow(n) {
				continue
			}
			ended, err := endDoubt(tx, n, needID(q), latest, looked)
			if gone = gone || ended; err != nil {
				return err
			}
		}
		if !gone {
			return nil
		}
		return tx.SweepPaths()
	})
}

// endDoubt does with a need what a look at the destination allows. It tells whether nothing is left of it.
func endDoubt(tx *manifest.Tx, n manifest.Need, own string, latest manifest.Millis, looked time.Time) (gone bool, err error) {
	switch {
	case n.ID == own:
		if latest <= n.Replacing {
			return false, nil
		}
		n.Replacing = latest
	case n.Job != "" || n.Open != nil || n.Ready != 0 || n.Updated > manifest.At(looked.Add(-lands)):
		return false, nil // who wants it ends it, or what was sent for it may still arrive
	case n.Snapshot.IsZero():
		return true, tx.DeleteNeed(n.ID)
	default:
		n.Replacing = 0
	}
	return false, tx.PutNeed(n)
}

// replacingAt are the needs of a dataset at a destination that began to replace shards, and did not finish yet.
func replacingAt(tx *manifest.Tx, dataset, destination string) (list []manifest.Need, err error) {
	err = tx.Needs(func(n manifest.Need) (bool, error) {
		if n.Replacing != 0 && n.Dataset == dataset && n.Destination == destination {
			list = append(list, n)
		}
		return true, nil
	})
	return list, err
}

// replacesNow tells whether somebody replaces the shards of a need at this moment.
func (s *Syncer) replacesNow(n manifest.Need) bool {
	id, _, _ := strings.Cut(n.ID, "@")
	return s.Manifest.NeedHeld(id)
}

package sync

import (
	"context"

	"github.com/datagravity/datagravity/pkg/manifest"
)

// reassure ends doubts about what stands at a destination, whose lease is held, by a look at it: from then on the manifest knows. It looks for two causes.
//
//   - Pins that were made since a sync of the same need began to replace shards and did not finish: nobody knows whether it replaced what they need. The
//     manifest leaves that alone from now on. Else what is blocked by such a pin would wait for its job, and the job, which is not ready while shards are
//     being replaced, for what is blocked.
//   - Needs of which there is nothing left but that they began to replace shards, because their jobs were taken back: nobody else would ever end that doubt.
func (s *Syncer) reassure(ctx context.Context, q Request) error {
	var latest manifest.Millis
	var left []manifest.Need
	err := s.Manifest.View(func(tx *manifest.Tx) (err error) {
		if left, err = s.abandoned(tx, q); err != nil {
			return err
		}
		n, _, err := tx.Need(needID(q))
		if err != nil || n.Replacing == 0 {
			return err
		}
		if latest, err = latestPin(tx, q.Destination.Destination, s.Manifest.Now()); latest <= n.Replacing {
			latest = 0
		}
		return err
	})
	if err != nil || latest == 0 && len(left) == 0 {
		return err
	}
	if err := s.look(ctx, q.Destination, q.Source.Name, q.Destination.Prefix); err != nil {
		return err
	}
	return s.Manifest.Update(func(tx *manifest.Tx) error {
		for _, was := range left {
			n, ok, err := tx.Need(was.ID)
			if err == nil && ok && n.Replacing == was.Replacing && s.isAbandoned(n, q) {
				err = tx.DeleteNeed(n.ID)
			}
			if err != nil {
				return err
			}
		}
		n, _, err := tx.Need(needID(q))
		if err != nil || n.Replacing == 0 || latest == 0 {
			return err
		}
		n.Replacing = max(n.Replacing, latest)
		return tx.PutNeed(n)
	})
}

// abandoned are the needs at a request's destination of which only a mark is left that they began to replace shards.
func (s *Syncer) abandoned(tx *manifest.Tx, q Request) (list []manifest.Need, err error) {
	if q.Destination.Snapshots {
		return nil, nil // what stands beside a mirror is not replaced
	}
	err = tx.Needs(func(n manifest.Need) (bool, error) {
		if s.isAbandoned(n, q) {
			list = append(list, n)
		}
		return true, nil
	})
	return list, err
}

func (s *Syncer) isAbandoned(n manifest.Need, q Request) bool {
	return n.Replacing != 0 && n.Dataset == q.Source.Name && n.Destination == q.Destination.Name && n.Job == "" && n.Open == nil && n.Ready == 0 &&
		n.Snapshot.IsZero() && n.ID != needID(q) && !s.Manifest.NeedHeld(n.ID)
}

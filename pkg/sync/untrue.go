package sync

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/jobs"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/sync/engine"
	"github.com/datagravity/datagravity/pkg/sync/plan"
)

// withdraw takes back what the run will make untrue, before it replaces the first object. It returns what may run: what a pin needs that was made since the
// plan is blocked like what the plan blocks.
func (s *Syncer) withdraw(ctx context.Context, q Request, items []plan.Item) (run []plan.Item, blocked engine.Summary, err error) {
	keys := map[string]bool{}
	for {
		run, blocked = withoutBlocked(items)
		clear(keys)
		for _, it := range run {
			if it.Replaces && it.Way != plan.Have {
				keys[it.Key] = true
			}
		}
		if len(keys) == 0 {
			return run, blocked, nil
		}
		needed, err := s.withdrawing(q, run)
		if err != nil {
			return nil, blocked, err
		}
		if len(needed) == 0 {
			return run, blocked, s.untrue(ctx, q.Destination, q.Source.Name, keys)
		}
		plan.Block(items, needed)
	}
}

// latestPin is when the latest live pin at a destination was made, 0 if there is none.
func latestPin(tx *manifest.Tx, d plan.Destination, now time.Time) (latest manifest.Millis, err error) {
	err = tx.Pins(func(p manifest.Pin) (bool, error) {
		if p.Store == d.Store && p.Prefix == d.Prefix && p.Live(manifest.At(now)) {
			latest = max(latest, p.Created)
		}
		return true, nil
	})
	return latest, err
}

// withdrawing records that what these items replace is not to be believed until they are there, unless a pin needs some of it: then that is returned.
func (s *Syncer) withdrawing(q Request, items []plan.Item) (map[string]manifest.Pin, error) {
	c := claims{store: q.Destination.Destination.Store}
	err := s.Manifest.View(func(tx *manifest.Tx) (err error) {
		if c.held, err = plan.Replaced(tx, c.store, items); err != nil {
			return err
		}
		return c.look(tx, s.Manifest.Now())
	})
	if err != nil || len(c.by) > 0 {
		return c.by, err
	}
	err = s.Manifest.Update(func(tx *manifest.Tx) error {
		if err := c.look(tx, s.Manifest.Now()); err != nil || len(c.by) > 0 {
			return err
		}
		if err := current(tx, q); err != nil {
			return err
		}
		n, ok, err := tx.Need(needID(q))
		if err != nil {
			return err
		}
		if !ok {
			n = newNeed(q)
		}
		if err := putPaths(tx, q.Selection); err != nil {
			return err
		}
		// Pins that there are now were looked at, whatever the clock says of them.
		latest, err := latestPin(tx, q.Destination.Destination, s.Manifest.Now())
		n.Ready, n.Announced, n.Replacing = 0, 0, max(manifest.At(s.Manifest.Now()), latest)
		return errors.Join(err, tx.PutNeed(n))
	})
	return c.by, err
}

// Retract removes the receipt of a job's need, and then the mark that there may be one.
func (s *Syncer) Retract(ctx context.Context, at store.Store, n manifest.Need) error {
	if err := jobs.WithdrawJobReceipt(ctx, at, n.Job, n.Destination); err != nil {
		return err
	}
	return s.Manifest.Update(func(tx *manifest.Tx) error {
		now, ok, err := tx.Need(n.ID)
		if err != nil || !ok || now.Announced != 0 {
			return err
		}
		now.Told = 0
		return tx.PutNeed(now)
	})
}

// untrue takes back the promises about a dataset at a destination that stop being true when what stands under these keys is replaced
// or removed: in the manifest first, then the receipts at the destination. What promises nothing about them stays.
func (s *Syncer) untrue(ctx context.Context, d Destination, dataset string, keys map[string]bool) error {
	places := []plan.Destination{d.Destination}
	if !d.Snapshots {
		places = append(places, d.BesideMirror())
	}
	var gone []manifest.Need
	err := s.Manifest.Update(func(tx *manifest.Tx) error {
		gone = nil
		err := tx.Needs(func(n manifest.Need) (bool, error) {
			if n.Dataset != dataset || n.Destination != d.Name || n.Ready == 0 && n.Told == 0 {
				return true, nil
			}
			named, err := names(tx, places, n.Snapshot, n.Globs, n.Paths, keys)
			if named {
				n.Ready, n.Announced = 0, 0
				gone = append(gone, n)
			}
			return true, err
		})
		for _, n := range gone {
			err = errors.Join(err, tx.PutNeed(n))
		}
		return err
	})
	for _, place := range places {
		if err != nil {
			return err
		}
		err = jobs.WithdrawReceipts(ctx, d.Store, dataset, place.Prefix, func(r jobs.Receipt) (untrue bool, err error) {
			err = s.Manifest.View(func(tx *manifest.Tx) (err error) {
				var paths chunker.Digest
				if r.Paths != nil {
					paths = *r.Paths
				}
				untrue, err = names(tx, []plan.Destination{place}, r.Snapshot, r.Shards, paths, keys)
				return err
			})
			return untrue, err
		})
	}
	for _, n := range gone {
		if err == nil && n.Told != 0 {
			err = s.Retract(ctx, d.Store, n)
		}
	}
	return err
}

// names tells whether a selection of a snapshot at one of the places has one of the keys. A snapshot that the manifest does not know
// may have any.
func names(tx *manifest.Tx, places []plan.Destination, snapshot chunker.Digest, globs []string, paths chunker.Digest, keys map[string]bool) (found bool, err error) {
	selection, err := SelectionOf(tx, globs, paths)
	if err != nil {
		return true, nil //nolint:nilerr // globs that nobody understands, or a list that nobody has any more, may mean any shard
	}
	folder := plan.Folder(snapshot)
	err = tx.SnapshotShards(snapshot, func(sh manifest.Shard) (bool, error) {
		if selection.Matches(sh.Path) {
			for _, d := range places {
				found = found || keys[d.Key(folder, sh.Path)]
			}
		}
		return !found, nil
	})
	if errors.Is(err, manifest.ErrNoSnapshot) {
		return true, nil
	}
	return found, err
}

// replacing tells when the first sync began to replace shards of these at a destination that did not finish: until then what the manifest
// knows may be older than what stands there. 0: none did.
func (s *Syncer) replacing(q Request, shards []manifest.Content) (since manifest.Millis, err error) {
	err = s.Manifest.View(func(tx *manifest.Tx) error {
		var begun []manifest.Need
		var finished manifest.Millis
		err := tx.Needs(func(n manifest.Need) (bool, error) {
			if n.Dataset != q.Source.Name || n.Destination != q.Destination.Name {
				return true, nil
			}
			if n.Replacing != 0 {
				begun = append(begun, n)
			}
			if len(n.Globs) == 0 && n.Paths.IsZero() && !n.Beside { // everything was proven then
				finished = max(finished, n.Ready)
			}
			return true, nil
		})
		for _, n := range begun {
			if finished > n.Replacing {
				continue
			}
			selection, err := Selected(tx, n)
			if err != nil {
				return err
			}
			if slices.ContainsFunc(shards, func(sh manifest.Content) bool { return selection.Matches(sh.Path) }) && (since == 0 || n.Replacing < since) {
				since = n.Replacing
			}
		}
		return err
	})
	return since, err
}

// pinned tells whether a live pin keeps this very snapshot as it is at a destination, and did so before a time: what is replaced goes by the pins that there
// were when it began.
func (s *Syncer) pinned(d plan.Destination, snapshot chunker.Digest, before manifest.Millis) (yes bool, err error) {
	now := manifest.At(s.Manifest.Now())
	err = s.Manifest.View(func(tx *manifest.Tx) error {
		return tx.Pins(func(p manifest.Pin) (bool, error) {
			yes = p.Live(now) && p.Created <= before && p.Snapshot == snapshot && p.Store == d.Store && p.Prefix == d.Prefix
			return !yes, nil
		})
	})
	return yes, err
}

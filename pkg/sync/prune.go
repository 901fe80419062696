package sync

import (
	"context"
	"fmt"

	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/sync/plan"
)

// Prune finds the objects of ours at a destination that nothing refers to any more: neither the dataset's latest snapshot, nor the one
// that was last made ready there, nor a live pin. Unless dryRun it removes them. One whose content is proven nowhere else is the last
// copy and stays. Errors: [ErrNotReady] for a dataset without a snapshot of all its shards, [lease.ErrHeld], and those of the
// stores.
func (s *Syncer) Prune(ctx context.Context, q Request, dryRun bool) ([]plan.Removal, error) {
	list, err := s.unreferenced(q)
	if err != nil {
		return nil, err
	}
	others, err := s.elsewhere(q, list)
	if err != nil {
		return nil, err
	}
	proven, err := others.proven(ctx, list)
	if err != nil {
		return nil, err
	}
	out := make([]plan.Removal, len(list))
	for i, h := range list {
		reason := "in no snapshot that is needed"
		if h.folder != "" {
			reason = "of snapshot " + h.folder + ", which is not needed"
		}
		if out[i] = h.removal(plan.Delete, reason); proven[i] == nil {
			out[i].Kept = lastCopy
		}
		out[i].Other = proven[i]
	}
	if dryRun || len(out) == 0 {
		return out, nil
	}
	held := s.leased()
	defer held.release()
	if err := held.take(ctx, q.Destination.Store, q.prefixesOf(out)...); err != nil {
		return nil, err
	}
	going, err := s.removal(out)
	if err == nil {
		err = s.untrueAll(ctx, q, out)
	}
	if err == nil {
		err = going.remove(ctx, q.Destination.Store, out)
	}
	return out, err
}

// unreferenced lists the objects of the dataset that nothing refers to.
func (s *Syncer) unreferenced(q Request) (out []holding, err error) {
	d := q.everything()
	err = s.Manifest.View(func(tx *manifest.Tx) error {
		record, _, err := tx.Dataset(q.Source.Name)
		if err != nil {
			return err
		}
		if record.Latest.IsZero() {
			return fmt.Errorf("%w: %s has no snapshot of all its shards, so that nobody can tell what is needed; datagravity index %s takes one",
				ErrNotReady, q.Source.Name, q.Source.Name)
		}
		latest, _, err := tx.Snapshot(record.Latest)
		if err != nil {
			return err
		}
		needed, err := needed(tx, q, d, record)
		if err != nil {
			return err
		}
		list, err := inventory(tx, d, []Neighbor{q.own()}, q.datasets(), func(h holding) bool { return h.Ours() && !needed[h.Key] })
		if err != nil {
			return err
		}
		claims, err := s.claims(tx, d.Store, list)
		if err != nil {
			return err
		}
		named, err := namedBySnapshots(tx, q.Source.Name, list)
		if err != nil {
			return err
		}
		for i, h := range list {
			_, pinned := claims[h.Key]
			// A sync that was interrupted has shards of a snapshot that is still to be taken; the next run goes on with them.
			unfinished := !named[i] && h.Written > latest.Taken
			if !pinned && !unfinished && h.shared == "" {
				out = append(out, h)
			}
		}
		return nil
	})
	return out, err
}

// needed are the keys of the latest snapshot, and of the one that the last sync of the whole dataset made ready.
func needed(tx *manifest.Tx, q Request, d plan.Destination, record manifest.Dataset) (map[string]bool, error) {
	keys := map[string]bool{}
	add := func(place plan.Destination, n manifest.Need) error {
		folder := plan.Folder(n.Snapshot)
		return tx.SnapshotShards(n.Snapshot, func(sh manifest.Shard) (bool, error) {
			keys[place.Key(folder, sh.Path)] = true
			return true, nil
		})
	}
	last := manifest.Need{Snapshot: record.Latest}
	err := add(d, last)
	if err == nil && !d.Snapshots {
		err = add(d.BesideMirror(), last)
	}
	if err != nil {
		return nil, err
	}
	return keys, tx.Needs(func(n manifest.Need) (bool, error) {
		if n.Dataset != q.Source.Name || n.Destination != d.Name || n.Ready == 0 || len(n.Globs) > 0 || !n.Paths.IsZero() {
			return true, nil
		}
		place := d
		if n.Beside {
			place = d.BesideMirror()
		}
		return true, add(place, n)
	})
}

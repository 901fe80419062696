package sync

import (
	"iter"

	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/sync/plan"
)

// allHeld answers for the most frequent sync of all: nothing changed, and everything is there. It compares the snapshot with the
// replicas, both in the order of their names, with one of each in memory. A nil plan: something is missing.
func (s *Syncer) allHeld(q Request, v *survey) (*plan.Plan, error) {
	folder, err := s.folder(q, v)
	if err != nil {
		return nil, err
	}
	route, err := plan.NewRoute(s.Ledger.Book(), s.link(q.Source, &q.Destination), s.Agent, s.Routes)
	if err != nil {
		return nil, err
	}
	var count plan.Count
	held := true
	err = s.Manifest.View(func(tx *manifest.Tx) error {
		var scanErr error
		next, stop := iter.Pull(func(yield func(manifest.Replica) bool) {
			scanErr = tx.Replicas(q.Destination.Destination.Store, q.Destination.Key(folder, ""), func(r manifest.Replica) (bool, error) {
				return yield(r), nil
			})
		})
		defer stop()
		r, more := next()
		err := tx.SnapshotShards(v.snapshot, func(sh manifest.Shard) (bool, error) {
			key := q.Destination.Key(folder, sh.Path)
			for more && r.Key < key {
				r, more = next()
			}
			held = more && r.Key == key && r.Present() && r.Shard == sh.Digest
			count.Shards++
			count.Bytes += sh.Size
			return held, nil
		})
		if err == nil {
			err = scanErr
		}
		return err
	})
	if err != nil || !held {
		return nil, err
	}
	return &plan.Plan{
		Dataset: q.Source.Name, Snapshot: v.snapshot, Destination: q.Destination.Destination, Route: route,
		Estimate: plan.Estimate{Ways: map[plan.Way]plan.Count{plan.Have: count}},
	}, nil
}

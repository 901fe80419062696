package sync

import (
	"github.com/datagravity/datagravity/pkg/chunker"
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
		return tx.Holding(q.Destination.Destination.Store, q.Destination.Key(folder, ""), func(holds func(string, chunker.Digest) bool) error {
			return tx.SnapshotContents(v.snapshot, func(sh manifest.Content) (bool, error) {
				held = holds(q.Destination.Key(folder, sh.Path), sh.Digest)
				count.Shards++
				count.Bytes += sh.Size
				return held, nil
			})
		})
	})
	if err != nil || !held {
		return nil, err
	}
	return &plan.Plan{
		Dataset: q.Source.Name, Snapshot: v.snapshot, Destination: q.Destination.Destination, Route: route,
		Estimate: plan.Estimate{Ways: map[plan.Way]plan.Count{plan.Have: count}},
	}, nil
}

package sync

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/sync/plan"
)

// room tells what a destination with a capacity holds and what the plan adds, and chooses what goes if that is too much and may be
// made fit.
func (s *Syncer) room(ctx context.Context, q Request, p *plan.Plan) error {
	if q.Destination.CapacityBytes == 0 {
		return nil
	}
	var prefixes []string
	for _, n := range q.datasets() {
		prefixes = append(prefixes, n.Prefix)
	}
	var room plan.Room
	err := s.Manifest.View(func(tx *manifest.Tx) (err error) {
		room, err = plan.Measure(tx, p.Destination, prefixes, p.Items)
		return err
	})
	room.CapacityBytes, room.Evicts = q.Destination.CapacityBytes, q.Destination.EvictUnused
	p.Room, p.Removals = &room, nil
	if err != nil || !room.Evicts || room.OverBytes() <= 0 {
		return err
	}
	return s.chooseEvicted(ctx, q, p)
}

// candidate is a holding that may be evicted.
type candidate struct {
	holding
	used manifest.Millis // last asked for, or else written
}

// chooseEvicted takes what was used longest ago, never the last copy, until the plan fits. If it does not, nothing goes.
func (s *Syncer) chooseEvicted(ctx context.Context, q Request, p *plan.Plan) error {
	list, err := s.candidates(q, p)
	if err != nil {
		return err
	}
	holdings := make([]holding, len(list))
	for i, c := range list {
		holdings[i] = c.holding
	}
	others, err := s.elsewhere(q, holdings)
	if err != nil {
		return err
	}
	for start := 0; start < len(list) && p.Room.OverBytes() > 0; start += proofAtATime {
		end := min(start+proofAtATime, len(list))
		proven, err := others.proven(ctx, holdings[start:end])
		if err != nil {
			return err
		}
		for i, c := range list[start:end] {
			if p.Room.OverBytes() <= 0 {
				break
			}
			r := c.removal(plan.Evict, "last used "+c.used.Time().Format(time.RFC3339))
			if r.Other = proven[i]; r.Other == nil {
				r.Kept = lastCopy
			} else {
				p.Room.EvictedBytes += c.Size
			}
			p.Removals = append(p.Removals, r)
		}
	}
	return nil
}

// lastCopy is why an object stays whose content is proven nowhere else.
const lastCopy = "last copy: neither the source nor another store is known to have it"

// candidates are the objects of ours that nothing needs, what was used longest ago first.
func (s *Syncer) candidates(q Request, p *plan.Plan) (list []candidate, err error) {
	needed := map[string]bool{}
	for _, it := range p.Items {
		needed[it.Key] = true
		needed[q.mirrorPrefix()+it.Path] = true // beside a mirror, what the mirror has of it
		for _, r := range it.From {
			needed[r.Key] = true
		}
		if it.Assembly != nil {
			for _, r := range it.Assembly.From {
				needed[r.Key] = true
			}
		}
	}
	err = s.Manifest.View(func(tx *manifest.Tx) error {
		held, err := inventory(tx, q.everything(), q.datasets(), q.datasets(), func(h holding) bool {
			return h.Present() && h.Ours() && !needed[h.Key]
		})
		if err != nil {
			return err
		}
		claims, err := s.claims(tx, p.Destination.Store, held)
		if err != nil {
			return err
		}
		for _, h := range held {
			if _, pinned := claims[h.Key]; !pinned && h.shared == "" {
				list = append(list, candidate{h, 0})
			}
		}
		return lastUsed(tx, q.Destination.Name, list)
	})
	slices.SortFunc(list, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.used, b.used), cmp.Compare(a.Key, b.Key))
	})
	return list, err
}

// lastUsed notes when each was last asked for at the destination: when a sync of a selection that names it was last worked on or
// ready. What no such selection names was last used when it was written.
func lastUsed(tx *manifest.Tx, destination string, list []candidate) error {
	type name struct{ dataset, path string }
	places := map[name][]int{}
	for i, c := range list {
		n := name{c.dataset, c.path}
		places[n] = append(places[n], i)
	}
	err := tx.Needs(func(n manifest.Need) (bool, error) {
		if n.Destination != destination || n.Snapshot.IsZero() {
			return true, nil
		}
		at, folder := max(n.Updated, n.Ready), plan.Folder(n.Snapshot)
		err := tx.SnapshotShards(n.Snapshot, func(sh manifest.Shard) (bool, error) {
			for _, i := range places[name{n.Dataset, sh.Path}] {
				if c := &list[i]; c.Shard == sh.Digest && (c.folder == "" || c.folder == folder) {
					c.used = max(c.used, at)
				}
			}
			return true, nil
		})
		if errors.Is(err, manifest.ErrNoSnapshot) {
			err = nil
		}
		return true, err
	})
	for i := range list {
		if list[i].used == 0 {
			list[i].used = list[i].Written
		}
	}
	return err
}

// makeRoom evicts what the plan chose, right before its shards move. Each is proven to be somewhere else once more; nothing is deleted
// unless all of them are, and nothing moves unless all of them went.
func (s *Syncer) makeRoom(ctx context.Context, q Request, p *plan.Plan, out *Report) error {
	if len(out.Deferred) > 0 { // less is added than was planned
		if err := s.room(ctx, q, p); err != nil {
			return err
		}
	}
	if err := p.FitsRoom(); err != nil {
		return err
	}
	var going []*plan.Removal
	var holdings []holding
	for i := range p.Removals {
		if r := &p.Removals[i]; r.Way == plan.Evict && r.Kept == "" {
			going, holdings = append(going, r), append(holdings, holding{Replica: r.Replica, dataset: r.Dataset, path: r.Path})
		}
	}
	if len(going) == 0 {
		return nil
	}
	others, err := s.elsewhere(q, holdings)
	if err != nil {
		return err
	}
	proven, err := others.proven(ctx, holdings)
	if err != nil {
		return err
	}
	for i, r := range going {
		if r.Other = proven[i]; r.Other == nil {
			r.Kept = lastCopy
		}
	}
	if err := stayed(going, "nothing was evicted"); err != nil {
		return err
	}
	if err := q.leased.take(ctx, q.Destination.Store, q.prefixesOf(p.Removals)...); err != nil {
		return err
	}
	removal, err := s.removal(p.Removals)
	if err == nil {
		err = stayed(going, "nothing was evicted")
	}
	if err == nil {
		err = s.untrueAll(ctx, q, p.Removals)
	}
	if err != nil {
		return err
	}
	err = removal.remove(ctx, q.Destination.Store, p.Removals)
	out.Removed = append(out.Removed, p.Removals...)
	if err == nil {
		err = stayed(going, "nothing moved")
	}
	return err
}

// stayed is an error if something that was to make room still takes it.
func stayed(going []*plan.Removal, so string) error {
	for _, r := range going {
		if r.Kept != "" && (r.Present() || r.Missing == manifest.Suspect) {
			return fmt.Errorf("%w: %q was to make room and stays (%s); %s, run it again", plan.ErrCapacity, r.Key, r.Kept, so)
		}
	}
	return nil
}

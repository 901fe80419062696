package sync

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/datagravity/datagravity/pkg/jobs"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/sync/plan"
)

// ErrDeletions: more would be deleted than the destination allows at once.
var ErrDeletions = errors.New("deletions refused")

// propagates tells whether a sync of this request deletes what is gone from the source: only one of the whole dataset, as it is now,
// knows what is gone.
func (q Request) propagates() bool {
	return q.Destination.PropagateDeletions && q.Selection.All() && q.Snapshot.IsZero() && !q.Destination.Snapshots
}

// foresee adds to a plan what its sync would delete once everything else succeeded.
func (s *Syncer) foresee(ctx context.Context, q Request, v *survey, p *plan.Plan) error {
	if !q.propagates() || p.Beside != nil {
		return nil
	}
	listed := make(map[string]bool, len(v.states))
	for _, st := range v.states {
		listed[st.Path] = true
	}
	list, guard, err := s.deletions(ctx, q, listed)
	p.Removals, p.Guard = append(p.Removals, list...), guard
	return err
}

// propagate deletes at a mirror what is gone from the source. All shards of the latest listing are there and proven by now, index
// files included, so that nothing that is deleted is named by an index any more. It is refused as a whole beyond the limit.
func (s *Syncer) propagate(ctx context.Context, q Request, out *Report) error {
	if !q.propagates() || out.At.Beside {
		return nil
	}
	listed := map[string]bool{}
	err := s.Manifest.View(func(tx *manifest.Tx) error {
		return tx.SnapshotShards(out.Snapshot.ID, func(sh manifest.Shard) (bool, error) {
			listed[sh.Path] = true
			return true, nil
		})
	})
	if err != nil {
		return err
	}
	list, guard, err := s.deletions(ctx, q, listed)
	if err = errors.Join(err, guard); err != nil || len(list) == 0 {
		return err
	}
	if q.Destination, err = q.Destination.opened(ctx); err != nil {
		return err
	}
	if err = q.leased.take(ctx, q.Destination.Store, q.prefixesOf(list)...); err != nil {
		return err
	}
	going, err := s.removal(list)
	if err == nil {
		err = s.untrueAll(ctx, q, list)
	}
	// Wave after wave, backwards: no index is left that names a shard which is gone.
	for start, end := 0, 0; start < len(list) && err == nil; start = end {
		for end < len(list) && q.rank(list[end]) == q.rank(list[start]) {
			end++
		}
		err = going.remove(ctx, q.Destination.Store, list[start:end])
	}
	out.Removed = append(out.Removed, list...)
	return err
}

func (q Request) rank(r plan.Removal) jobs.Rank {
	return jobs.RankOf(q.Source.Format, q.Source.Marker, r.Path)
}

// deletions are the objects at a mirror whose path the source no longer lists, in the order in which they go: markers and index files
// before the shards that they name. Those that stay say why. guard is [ErrDeletions] if too many would go.
func (s *Syncer) deletions(ctx context.Context, q Request, listed map[string]bool) (list []plan.Removal, guard, err error) {
	held := 0
	var gone []holding
	var claims map[string]manifest.Pin
	err = s.Manifest.View(func(tx *manifest.Tx) (err error) {
		gone, err = inventory(tx, q.everything(), []Neighbor{q.own()}, q.datasets(), func(h holding) bool {
			if h.folder != "" {
				return false
			}
			held++
			return !listed[h.path]
		})
		if err == nil {
			claims, err = s.claims(tx, q.Destination.Destination.Store, gone)
		}
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	going := 0
	for _, h := range gone {
		r := h.removal(plan.Delete, "gone from the source")
		p, pinned := claims[h.Key]
		switch {
		case pinned:
			r.Kept = plan.BlockedBy(p)
		case !h.Ours():
			r.Kept = "datagravity did not write it, it was there already; delete it yourself"
		case h.shared != "":
			r.Kept = "dataset " + h.shared + " has it under the same key"
		default:
			there, err := s.stillThere(ctx, q, h)
			if err != nil {
				return nil, nil, err
			}
			if there {
				r.Kept = "the source still has it; the dataset's globs leave it out"
			} else {
				going++
			}
		}
		list = append(list, r)
	}
	slices.SortStableFunc(list, func(a, b plan.Removal) int { return cmp.Compare(q.rank(b), q.rank(a)) })
	if allowed := int(q.Destination.DeletionShare * float64(held)); going > allowed && !q.AllowDeletions {
		guard = fmt.Errorf("%w: %d of the %d shards of %s that %s holds are gone from the source, and deletion_limit allows %d at once; nothing was deleted. "+
			"datagravity plan %s --to %s --list names them; datagravity sync %s --to %s --allow-deletions deletes them this once",
			ErrDeletions, going, held, q.Source.Name, q.Destination.Name, allowed, q.Source.Name, q.Destination.Name, q.Source.Name, q.Destination.Name)
	}
	return list, guard, nil
}

// stillThere asks the source for an object that its listing does not have. Only an answer that there is none counts.
func (s *Syncer) stillThere(ctx context.Context, q Request, h holding) (bool, error) {
	own := q.own()
	c := anotherCopy{at: own.Source, of: own.Dataset}
	c.object.Key = own.SourcePrefix + h.path
	_, err := s.headOver(ctx, q, c, q.Source.Store)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		err = fmt.Errorf("ask the source for %q before it is deleted at %s: %w", h.path, q.Destination.Name, err)
	}
	return true, err
}

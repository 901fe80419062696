package sync

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/sync/engine"
	"github.com/datagravity/datagravity/pkg/sync/index"
	"github.com/datagravity/datagravity/pkg/sync/plan"
)

// Verification is what Verify found.
type Verification struct {
	Checked int `json:"checked"`
	// Read are the objects of which every byte was read back, Bytes how many those were.
	Read  int            `json:"read"`
	Bytes int64          `json:"bytes"`
	Wrong []MissingShard `json:"wrong"`
}

// Verify compares what the manifest claims of a destination prefix with the objects there: existence, size and ETag. Of the
// objects that pass, a share (0 to 1, of the bytes) is then read whole, priced and budgeted like any transfer: those first whose
// bytes were proven longest ago, so that repeated samples reach everything. What is wrong is recorded, so that the next
// sync mends it.
func (s *Syncer) Verify(ctx context.Context, src Source, d Destination, share float64) (out Verification, err error) {
	prefix := d.Prefix
	before, err := s.replicas(d, prefix)
	if err != nil {
		return out, err
	}
	out.Wrong = []MissingShard{}
	if err := s.look(ctx, d, src.Name, prefix); err != nil {
		return out, err
	}
	after, err := s.replicas(d, prefix)
	if err != nil {
		return out, err
	}
	var good []manifest.Replica
	var total int64
	was := make(map[string]manifest.Replica, len(before))
	for _, r := range before {
		was[r.Key] = r
	}
	for _, r := range after {
		// What a sync brought, replaced or removed meanwhile is none of what was claimed.
		if b, claimed := was[r.Key]; !claimed || !b.Present() || b.ETag != r.ETag {
			continue
		}
		out.Checked++
		if !r.Present() {
			out.Wrong = append(out.Wrong, MissingShard{r.Key, r.Size, r.Missing})
			continue
		}
		good = append(good, r)
		total += r.Size
	}
	if share <= 0 {
		return out, nil
	}
	slices.SortStableFunc(good, func(a, b manifest.Replica) int { return cmp.Compare(a.Verified, b.Verified) })
	var items []plan.Item
	var chosen int64
	for _, r := range good {
		if share < 1 && float64(chosen) >= share*float64(total) && len(items) > 0 {
			break
		}
		items, chosen = append(items, itemOf(r)), chosen+r.Size
	}
	return out, s.verifyBytes(ctx, src, d, items, &out)
}

func (s *Syncer) replicas(d Destination, prefix string) (list []manifest.Replica, err error) {
	err = s.Manifest.View(func(tx *manifest.Tx) error {
		return tx.Replicas(d.Destination.Store, prefix, func(r manifest.Replica) (bool, error) {
			list = append(list, r)
			return true, nil
		})
	})
	return list, err
}

// itemOf has the engine read a replica back.
func itemOf(r manifest.Replica) plan.Item {
	it := plan.Item{Key: r.Key, Way: plan.Read, State: index.State{Entry: index.Entry{Path: r.Key, Size: r.Size}, Known: true, Digest: r.Shard, Recipe: r.Recipe}}
	it.Found.Key, it.Found.Size, it.Found.ETag, it.Found.Version = r.Key, r.Size, r.ETag, r.Version
	return it
}

func (s *Syncer) verifyBytes(ctx context.Context, src Source, d Destination, items []plan.Item, out *Verification) error {
	route, err := s.route(src, &d)
	if err == nil {
		err = s.Ledger.CheckPrices(src.For.Subject(route.Link, src.Name), route.Trust, route.Back)
	}
	if err != nil {
		return err
	}
	sum, err := s.Engine.Run(ctx, engine.Job{
		Dataset: src.Dataset, Source: src.Store, Dest: d.Store, Destination: d.Destination, Route: route, Items: items, Activity: "verify", For: src.For,
		Last: true, Unleased: true,
	})
	for _, c := range sum.Ways {
		out.Read += c.Shards
		out.Bytes += c.Bytes
	}
	bad := map[string]error{}
	for _, f := range sum.Failures {
		bad[f.Key] = f.Err
	}
	damaged := map[string]bool{}
	for _, it := range items {
		cause, wrong := bad[it.Key]
		if !wrong {
			continue
		}
		if !errors.Is(cause, engine.ErrForeign) { // could not be read: nothing is known of its bytes
			err = errors.Join(err, cause)
			continue
		}
		damaged[it.Key] = true
		out.Wrong = append(out.Wrong, MissingShard{it.Key, it.Size, manifest.Damaged})
		err = errors.Join(err, s.Manifest.Update(func(tx *manifest.Tx) error {
			r, ok, err := tx.Replica(d.Destination.Store, it.Key)
			if err != nil || !ok || r.ETag != it.Found.ETag {
				return err
			}
			r.Missing = manifest.Damaged
			return tx.PutReplica(r)
		}))
	}
	if len(damaged) > 0 { // nothing that was said of them holds any more
		err = errors.Join(err, s.untrue(ctx, d, src.Name, damaged))
	}
	return err
}

package sync

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/jobs"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/sync/plan"
)

func compareText(a, b string) int { return cmp.Compare(a, b) }

// rebuildPlaces looks at what is at the destinations.
func (s *Syncer) rebuildPlaces(ctx context.Context, in Remains, out *Rebuilt) error {
	for _, p := range in.Without {
		if err := s.forgetPlace(p, out); err != nil {
			return err
		}
	}
	if len(in.Places) == 0 {
		return nil
	}
	evidence, err := oldReplicas(in.Old)
	if err != nil {
		return err
	}
	for _, p := range in.Places {
		if err := s.rebuildPlace(ctx, p, evidence, out); err != nil {
			return fmt.Errorf("look at destination %s: %w; make it reachable, or go on with --without %s, and nothing counts as being there", p.Destination.Name, err, p.Destination.Name)
		}
	}
	asked := map[string]bool{}
	for _, p := range in.Places {
		if name := p.Destination.Destination.Store; !asked[name] {
			asked[name] = true
			if err := s.rebuildJobs(ctx, p.Destination.Store, in.Places, name, out); err != nil {
				return fmt.Errorf("look for receipts of jobs at destination %s: %w", p.Destination.Name, err)
			}
		}
	}
	return s.doubtNeeds(in)
}

// oldReplicas are those that the old manifest has, by store and key.
func oldReplicas(old *manifest.Manifest) (map[string]manifest.Replica, error) {
	if old == nil {
		return nil, nil
	}
	out := map[string]manifest.Replica{}
	err := old.Salvage(manifest.Salvaged{Replica: func(r manifest.Replica) error {
		out[r.Store+"\x00"+r.Key] = r
		return nil
	}})
	return out, err
}

// forgetPlace has nothing count that is said to be where nobody can look.
func (s *Syncer) forgetPlace(p RebuiltPlace, out *Rebuilt) error {
	list, err := s.replicas(p.Destination, p.Destination.Prefix)
	if err != nil {
		return err
	}
	b := batch{m: s.Manifest}
	for _, r := range list {
		err = errors.Join(err, b.add(func(tx *manifest.Tx) error { return tx.DeleteReplica(r.Store, r.Key) }))
	}
	if len(list) > 0 {
		out.problem("%d replicas of %s at %s do not count until a sync has proven them: it was not asked", len(list), p.Dataset, p.Destination.Name)
	}
	return errors.Join(err, b.flush())
}

// rebuildPlace compares what stands at a destination with what is known, and proves what can be proven.
func (s *Syncer) rebuildPlace(ctx context.Context, p RebuiltPlace, evidence map[string]manifest.Replica, out *Rebuilt) error {
	places := []plan.Destination{p.Destination.Destination}
	if !p.Destination.Snapshots {
		places = append(places, p.Destination.BesideMirror())
	}
	found := RebuiltReplicas{Destination: p.Destination.Name, Dataset: p.Dataset}
	for _, at := range places {
		receipts, err := jobs.Receipts(ctx, p.Destination.Store, p.Dataset, at.Prefix)
		if err != nil {
			return err
		}
		f := finder{s: s, p: p, at: at, evidence: evidence, out: &found, batch: batch{m: s.Manifest}}
		if err := f.all(ctx, receipts); err != nil {
			return err
		}
		for _, r := range receipts {
			if err := s.rebuildNeed(p, at, r, out); err != nil {
				return err
			}
		}
	}
	if found.Unproven > 0 {
		out.problem("%d objects of %s at %s have the name and the size of a shard, and nothing proves their bytes; datagravity sync %s --to %s --adopt=read reads them back",
			found.Unproven, p.Dataset, p.Destination.Name, p.Dataset, p.Destination.Name)
	}
	out.Replicas = append(out.Replicas, found)
	return nil
}

// finder proves what stands under one prefix.
type finder struct {
	s        *Syncer
	p        RebuiltPlace
	at       plan.Destination
	evidence map[string]manifest.Replica
	out      *RebuiltReplicas
	batch    batch

	claimed map[string]manifest.Replica // that were not found yet
	open    []store.Object              // of which nothing is recorded
}

func (f *finder) all(ctx context.Context, receipts []jobs.Receipt) error {
	f.claimed = map[string]manifest.Replica{}
	claimed, err := f.s.replicas(Destination{Destination: f.at}, f.at.Prefix)
	if err != nil {
		return err
	}
	for _, r := range claimed {
		f.claimed[r.Key] = r
	}
	for token := ""; ; {
		page, err := f.p.Destination.Store.List(ctx, store.ListOptions{Prefix: f.at.Prefix, Token: token})
		if err != nil {
			return err
		}
		f.out.Requests++
		for _, o := range page.Objects {
			if store.IsPrivate(o.Key) || !f.at.Beside && strings.HasPrefix(o.Key, f.at.Prefix+plan.BesidePrefix) {
				continue
			}
			if err := f.look(o); err != nil {
				return err
			}
		}
		if token = page.Next; token == "" {
			break
		}
	}
	if err := f.prove(ctx, receipts); err != nil {
		return err
	}
	for _, r := range f.claimed {
		if !f.at.Beside && strings.HasPrefix(r.Key, f.at.Prefix+plan.BesidePrefix) {
			continue
		}
		if r.Present() {
			f.out.Gone++
			r.Missing = manifest.Deleted
			if err := f.batch.add(func(tx *manifest.Tx) error { return tx.PutReplica(r) }); err != nil {
				return err
			}
		}
	}
	return f.batch.flush()
}

// look compares an object with what is recorded of it.
func (f *finder) look(o store.Object) error {
	r, known := f.claimed[o.Key]
	delete(f.claimed, o.Key)
	same := known && r.ETag == o.ETag && r.Size == o.Size
	switch {
	case same && (r.Present() || r.Missing == manifest.Damaged || r.Missing == manifest.Suspect):
		if !r.Present() {
			return nil // what was found wrong of it stays wrong
		}
		f.out.Confirmed++
		r.Seen = manifest.At(f.s.Manifest.Now())
		return f.batch.add(func(tx *manifest.Tx) error { return tx.TouchReplica(r) })
	case known && r.Present() && !same:
		f.out.Gone++
		r.Missing = manifest.Changed
		if err := f.batch.add(func(tx *manifest.Tx) error { return tx.PutReplica(r) }); err != nil {
			return err
		}
	}
	f.open = append(f.open, o)
	return nil
}

// prove looks for what proves the objects of which nothing is recorded: what the old manifest says of the same ETag, or the store's own checksum.
func (f *finder) prove(ctx context.Context, receipts []jobs.Receipt) error {
	if len(f.open) == 0 {
		return nil
	}
	wanted := make(map[string]bool, len(f.open))
	for _, o := range f.open {
		wanted[o.Key] = true
	}
	shards, err := f.candidates(wanted, receipts)
	if err != nil {
		return err
	}
	for _, o := range f.open {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		if err := f.proveOne(ctx, o, shards[o.Key]); err != nil {
			return err
		}
	}
	f.open = nil
	return nil
}

// candidates are the shards that may stand under keys, by the snapshots that something is about.
func (f *finder) candidates(wanted map[string]bool, receipts []jobs.Receipt) (out map[string][]manifest.Shard, err error) {
	out = map[string][]manifest.Shard{}
	err = f.s.Manifest.View(func(tx *manifest.Tx) error {
		ids, err := aboutDataset(tx, f.p.Dataset, receipts)
		if err != nil {
			return err
		}
		for id := range ids {
			if _, known, err := tx.Snapshot(id); err != nil || !known {
				if err != nil {
					return err
				}
				continue
			}
			folder := f.at.Folder(id)
			err := tx.SnapshotShards(id, func(sh manifest.Shard) (bool, error) {
				k := f.at.Key(folder, sh.Path)
				if !wanted[k] {
					return true, nil
				}
				for _, have := range out[k] {
					if have.Digest == sh.Digest {
						return true, nil
					}
				}
				out[k] = append(out[k], sh)
				return true, nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	return out, err
}

// aboutDataset are the snapshots of a dataset that something needs, or a receipt names.
func aboutDataset(tx *manifest.Tx, dataset string, receipts []jobs.Receipt) (map[chunker.Digest]bool, error) {
	ids := map[chunker.Digest]bool{}
	d, _, err := tx.Dataset(dataset)
	if err != nil {
		return nil, err
	}
	ids[d.Latest] = true
	for _, r := range receipts {
		ids[r.Snapshot] = true
	}
	err = tx.Needs(func(n manifest.Need) (bool, error) {
		if n.Dataset == dataset {
			ids[n.Snapshot] = true
		}
		return true, nil
	})
	if err == nil {
		err = tx.Pins(func(p manifest.Pin) (bool, error) {
			if p.Dataset == dataset {
				ids[p.Snapshot] = true
			}
			return true, nil
		})
	}
	return ids, err
}

// proveOne records an object whose bytes are proven to be a shard's.
func (f *finder) proveOne(ctx context.Context, o store.Object, shards []manifest.Shard) error {
	now := manifest.At(f.s.Manifest.Now())
	if r, ok := f.evidence[f.at.Store+"\x00"+o.Key]; ok && r.ETag == o.ETag && r.Size == o.Size {
		if r.Present() {
			f.out.Confirmed++
			r.Seen = now
		}
		if r.Present() || r.Missing == manifest.Damaged || r.Missing == manifest.Suspect {
			return f.batch.add(func(tx *manifest.Tx) error { return tx.PutReplica(r) })
		}
	}
	for _, sh := range shards {
		if sh.Size != o.Size {
			continue
		}
		asked := o.Checksums
		whole, err := plan.WithChecksums(ctx, f.p.Destination.Store, o)
		if err != nil {
			return err
		}
		if whole.Checksums != asked {
			f.out.Requests++
		}
		if o = whole; o.Size != sh.Size || o.Checksums.Compare(sh.Checksums()) != store.Equal {
			continue
		}
		f.out.Checksum++
		// Whoever wrote it: nobody knows any more that it was us, so that it is treated as somebody's.
		r := manifest.Replica{
			Store: f.at.Store, Key: o.Key, Shard: sh.Digest, Recipe: sh.Recipe, Size: o.Size, ETag: o.ETag, Version: o.Version,
			Written: manifest.At(o.Modified), Seen: now, Verified: now, Proof: "adopted-checksum",
		}
		return f.batch.add(func(tx *manifest.Tx) error { return tx.PutReplica(r) })
	}
	for _, sh := range shards {
		if sh.Size == o.Size {
			f.out.Unproven++
			break
		}
	}
	return nil
}

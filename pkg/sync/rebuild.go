package sync

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/exchange"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/sync/index"
)

// Remains are what is left of a manifest that is made again, beside what the new one has begun with.
type Remains struct {
	// Kept lies beside the manifest.
	Kept manifest.Kept
	// Old is the manifest that is replaced, as far as it can be read; nil: it cannot.
	Old *manifest.Manifest
	// Packs is the folder of the recipe packs.
	Packs string
	// Sources are the datasets that an origin may have published.
	Sources []Source
	// Places are the destinations, each once for every dataset, with their stores open.
	Places []RebuiltPlace
	// Without are destinations that cannot be asked: nothing counts as being there.
	Without []RebuiltPlace
}

// RebuiltPlace is where a destination has a dataset.
type RebuiltPlace struct {
	Dataset     string
	Destination Destination
}

// Rebuilt is what [Syncer.Rebuild] found, and what it could not find.
type Rebuilt struct {
	Recipes   manifest.AdoptedPacks `json:"recipes"`
	Datasets  []RebuiltDataset      `json:"datasets"`
	Snapshots int                   `json:"snapshots"` // that were not in the backup
	Facts     int                   `json:"facts"`     // of the old manifest
	Replicas  []RebuiltReplicas     `json:"replicas"`
	Needs     int                   `json:"needs"` // that receipts told of
	Pins      int                   `json:"pins"`  // of the old manifest, and that receipts of jobs told of
	// Jobs have receipts at destinations, and must be declared again.
	Jobs []RebuiltJob `json:"jobs_to_declare"`
	// Problems are what could not be found, or not be believed.
	Problems []string `json:"problems"`
}

// RebuiltDataset says where the latest snapshot of a dataset was found.
type RebuiltDataset struct {
	Dataset  string         `json:"dataset"`
	Snapshot chunker.Digest `json:"snapshot"` // zero: none is known
	Shards   int            `json:"shards"`
	From     string         `json:"from"` // backup, beside the manifest, published, or nowhere
}

// RebuiltReplicas says what was found of a dataset at a destination.
type RebuiltReplicas struct {
	Destination string `json:"destination"`
	Dataset     string `json:"dataset"`
	// Confirmed are recorded, and stand there with the ETag and the size that are known; Checksum were proven by the store's checksum of the whole object.
	Confirmed int `json:"confirmed"`
	Checksum  int `json:"by_checksum"`
	// Unproven have a shard's name and size, and nothing proves their bytes. Gone are recorded, and are not there any more or are others.
	Unproven int `json:"unproven"`
	Gone     int `json:"gone"`
	// Requests to the destination.
	Requests int64 `json:"requests"`
}

// RebuiltJob is a job that has a receipt.
type RebuiltJob struct {
	Job         string `json:"job"`
	Destination string `json:"destination"`
	Dataset     string `json:"dataset"`
	Shards      int    `json:"shards"`
	// Held tells that all of it is proven to be there.
	Held bool `json:"held"`
}

func (r *Rebuilt) problem(text string, args ...any) {
	r.Problems = append(r.Problems, fmt.Sprintf(text, args...))
}

// Rebuild fills a manifest that was made anew, or put back from a backup, with what is left elsewhere. Nothing is written anywhere but there. What cannot be proven does not
// count: a snapshot by its digest, a recipe by its own, a replica by the ETag and size under which it was proven before or by the store's checksum of the whole object. Errors:
// those of the stores and of the disk; then the manifest must not be used.
func (s *Syncer) Rebuild(ctx context.Context, in Remains) (out Rebuilt, err error) {
	out = Rebuilt{Datasets: []RebuiltDataset{}, Replicas: []RebuiltReplicas{}, Jobs: []RebuiltJob{}, Problems: []string{}}
	if out.Recipes, err = s.Manifest.AdoptPacks(ctx, in.Packs); err != nil {
		return out, err
	}
	for _, path := range out.Recipes.Damaged {
		out.problem("%s is damaged; the shards whose recipes were in it are read again when they are needed", path)
	}
	before, err := s.latest()
	if err != nil {
		return out, err
	}
	for _, step := range []func(context.Context, Remains, *Rebuilt) error{s.rebuildKept, s.rebuildOld, s.rebuildPublished} {
		if err := step(ctx, in, &out); err != nil {
			return out, err
		}
	}
	if err := s.rebuildDatasets(in, before, &out); err != nil {
		return out, err
	}
	err = s.rebuildPlaces(ctx, in, &out)
	return out, err
}

// latest snapshots by dataset.
func (s *Syncer) latest() (out map[string]chunker.Digest, err error) {
	out = map[string]chunker.Digest{}
	err = s.Manifest.View(func(tx *manifest.Tx) error {
		return tx.Datasets(func(d manifest.Dataset) (bool, error) { out[d.Name] = d.Latest; return true, nil })
	})
	return out, err
}

// rebuildKept takes over what lies beside the manifest. It is as new as the last sync, so that it goes before a backup.
func (s *Syncer) rebuildKept(ctx context.Context, in Remains, out *Rebuilt) error {
	for _, path := range in.Kept.Damaged {
		out.problem("%s has a line that cannot be believed", path)
	}
	for _, id := range in.Kept.Snapshots {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		err := s.takeSnapshot(id, out, func(begin func(manifest.SnapshotHeader) error, f func(manifest.Shard) error) error {
			return in.Kept.Snapshot(id, begin, f)
		})
		if errors.Is(err, manifest.ErrCorrupt) {
			out.problem("snapshot %s: %v", id, err)
			continue
		}
		if err != nil {
			return err
		}
	}
	return s.Manifest.Update(func(tx *manifest.Tx) error {
		for _, d := range in.Kept.Datasets {
			_, known, err := tx.Snapshot(d.Latest)
			if err != nil {
				return err
			}
			if !known && !d.Latest.IsZero() {
				out.problem("dataset %s: its latest snapshot %s is not there", d.Name, d.Latest)
				continue
			}
			if err := tx.PutDataset(d); err != nil {
				return err
			}
		}
		return nil
	})
}

// takeSnapshot records a snapshot that is not known, once it is proven to be the one that its digest names.
func (s *Syncer) takeSnapshot(id chunker.Digest, out *Rebuilt, read func(begin func(manifest.SnapshotHeader) error, f func(manifest.Shard) error) error) error {
	known := false
	err := s.Manifest.View(func(tx *manifest.Tx) (err error) {
		_, known, err = tx.Snapshot(id)
		return err
	})
	if err != nil || known {
		return err
	}
	var header manifest.SnapshotHeader
	var failed error
	got, err := identify(&header, func(f func(manifest.Shard) error) error {
		failed = read(func(h manifest.SnapshotHeader) error { header = h; return nil }, f)
		return failed
	})
	if err = errors.Join(err, failed); err != nil {
		return err
	}
	if got != id {
		return fmt.Errorf("%w: its shards are those of %s", manifest.ErrCorrupt, got)
	}
	err = s.Manifest.Update(func(tx *manifest.Tx) error {
		w := tx.NewSnapshot(id, header.Dataset, header.Taken)
		if err := read(func(manifest.SnapshotHeader) error { return nil }, w.Add); err != nil {
			return err
		}
		_, err := w.Close()
		return err
	})
	if err == nil {
		out.Snapshots++
	}
	return err
}

// errEnough ends a walk whose reader wants no more.
var errEnough = errors.New("enough")

// identify reads a snapshot twice: for its header first, which its digest begins with.
func identify(header *manifest.SnapshotHeader, read func(f func(manifest.Shard) error) error) (chunker.Digest, error) {
	if err := read(func(manifest.Shard) error { return errEnough }); err != nil && !errors.Is(err, errEnough) {
		return chunker.Digest{}, err
	}
	return index.Identify(header.Dataset, header.Shards, func(yield func(manifest.Shard) bool) {
		_ = read(func(sh manifest.Shard) error {
			if !yield(sh) {
				return errEnough
			}
			return nil
		}) // its error is the reader's to keep
	})
}

// rebuildOld takes over what can still be read of the manifest that is replaced: what holds by itself, or is looked at again. Replicas are looked for later.
func (s *Syncer) rebuildOld(ctx context.Context, in Remains, out *Rebuilt) error {
	if in.Old == nil {
		return nil
	}
	var ids []chunker.Digest
	err := in.Old.Salvage(manifest.Salvaged{Snapshot: func(h manifest.SnapshotHeader) error { ids = append(ids, h.ID); return nil }})
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		err := s.takeSnapshot(id, out, func(begin func(manifest.SnapshotHeader) error, f func(manifest.Shard) error) error {
			return in.Old.View(func(tx *manifest.Tx) error {
				h, ok, err := tx.Snapshot(id)
				if err == nil && !ok {
					err = fmt.Errorf("%w: it is gone", manifest.ErrCorrupt)
				}
				if err == nil {
					err = begin(h)
				}
				if err != nil {
					return err
				}
				return tx.SnapshotShards(id, func(sh manifest.Shard) (bool, error) { return true, f(sh) })
			})
		})
		if errors.Is(err, manifest.ErrCorrupt) {
			out.problem("snapshot %s of the old manifest: %v", id, err)
			continue
		}
		if err != nil {
			return err
		}
	}
	b := batch{m: s.Manifest}
	err = in.Old.Salvage(manifest.Salvaged{
		Fact: func(dataset string, f manifest.Fact) error {
			return b.add(func(tx *manifest.Tx) error {
				have, ok, err := tx.Fact(dataset, f.Path)
				if err != nil || ok && have.Indexed >= f.Indexed {
					return err
				}
				out.Facts++
				return tx.PutFact(dataset, f)
			})
		},
		Pin: func(p manifest.Pin) error {
			return b.add(func(tx *manifest.Tx) error {
				if _, ok, err := tx.Pin(p.Destination, p.Owner, p.Dataset); err != nil || ok {
					return err
				}
				if _, known, err := tx.Snapshot(p.Snapshot); err != nil {
					return err
				} else if !known {
					out.problem("the pin of %s of %s at %s names snapshot %s, which is not known any more", p.Owner, p.Dataset, p.Destination, p.Snapshot)
					return nil
				}
				out.Pins++
				return tx.PutPin(p)
			})
		},
	})
	return errors.Join(err, b.flush())
}

// batch gathers many small changes into few transactions.
type batch struct {
	m    *manifest.Manifest
	list []func(*manifest.Tx) error
}

const batched = 2000

func (b *batch) add(f func(*manifest.Tx) error) error {
	if b.list = append(b.list, f); len(b.list) < batched {
		return nil
	}
	return b.flush()
}

func (b *batch) flush() error {
	list := b.list
	b.list = nil
	if len(list) == 0 {
		return nil
	}
	return b.m.Update(func(tx *manifest.Tx) error {
		for _, f := range list {
			if err := f(tx); err != nil {
				return err
			}
		}
		return nil
	})
}

// rebuildPublished takes over what this agent, as an origin, published of datasets of which nothing else is left. An edge reads what is published with its next sync.
func (s *Syncer) rebuildPublished(ctx context.Context, in Remains, out *Rebuilt) error {
	if s.Role != OriginRole {
		return nil
	}
	for _, src := range in.Sources {
		have, err := s.latest()
		if err != nil {
			return err
		}
		if !have[src.Name].IsZero() {
			continue
		}
		r := &paidReader{s: s, src: src, from: src.exchange(), link: s.link(src, nil)}
		ref, found, err := exchange.Latest(ctx, r, src.Name, 0)
		if err == nil && found {
			err = s.takeOver(ctx, r, src, ref)
		}
		if err = errors.Join(err, r.note()); err != nil {
			if errors.Is(err, exchange.ErrBad) {
				out.problem("dataset %s as it is published: %v", src.Name, err)
				continue
			}
			return fmt.Errorf("dataset %s as it is published: %w", src.Name, err)
		}
		if found {
			out.Snapshots++
		}
	}
	return nil
}

// rebuildDatasets says of every configured dataset where its latest snapshot is from.
func (s *Syncer) rebuildDatasets(in Remains, before map[string]chunker.Digest, out *Rebuilt) error {
	now, err := s.latest()
	if err != nil {
		return err
	}
	kept := map[string]chunker.Digest{}
	for _, d := range in.Kept.Datasets {
		kept[d.Name] = d.Latest
	}
	for _, src := range in.Sources {
		d := RebuiltDataset{Dataset: src.Name, Snapshot: now[src.Name], From: "published"}
		switch {
		case d.Snapshot.IsZero():
			d.From = "nowhere"
			out.problem("dataset %s: no snapshot is left; datagravity index %s reads its shards again", src.Name, src.Name)
		case d.Snapshot == before[src.Name]:
			d.From = "backup"
			if _, told := kept[src.Name]; !told {
				out.problem("dataset %s: nothing beside the manifest tells which snapshot is the latest; the backup's counts, which may be older: datagravity index %s finds out",
					src.Name, src.Name)
			}
		case d.Snapshot == kept[src.Name]:
			d.From = "beside the manifest"
		}
		err := s.Manifest.View(func(tx *manifest.Tx) error {
			h, _, err := tx.Snapshot(d.Snapshot)
			d.Shards = h.Shards
			return err
		})
		if err != nil {
			return err
		}
		out.Datasets = append(out.Datasets, d)
	}
	slices.SortFunc(out.Datasets, func(a, b RebuiltDataset) int { return compareText(a.Dataset, b.Dataset) })
	return nil
}

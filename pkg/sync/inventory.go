package sync

import (
	"strings"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/sync/plan"
)

// holding is an object at a destination that is known to be a shard of a dataset.
type holding struct {
	manifest.Replica
	dataset string
	path    string // within the dataset
	folder  string // of its snapshot, "" in a mirror
	// shared names another dataset that has the same shard under the same key; "" if none has.
	shared string
}

// inventory lists what a destination holds of datasets. A key below a dataset's prefix is a shard of it only if a fact or a snapshot
// of the dataset says so, with the digest that the replica has: prefixes can lie in each other. What `take` wants is returned, in
// byte order of the keys within each dataset.
func inventory(tx *manifest.Tx, d plan.Destination, datasets, all []Neighbor, take func(holding) bool) (out []holding, err error) {
	for _, n := range datasets {
		var doubtful []holding
		err := tx.Replicas(d.Store, n.Prefix, func(r manifest.Replica) (bool, error) {
			// A removal that was interrupted leaves suspects.
			if !r.Present() && r.Missing != manifest.Suspect {
				return true, nil
			}
			h := holding{Replica: r, dataset: n.Dataset}
			if h.folder, h.path = splitKey(d, strings.TrimPrefix(r.Key, n.Prefix)); h.path == "" {
				return true, nil
			}
			known, err := factNames(tx, n.Dataset, h.path, r.Shard)
			switch {
			case err != nil:
				return false, err
			case !known:
				doubtful = append(doubtful, h)
			case take(h):
				out = append(out, h)
			}
			return true, nil
		})
		if err != nil {
			return nil, err
		}
		named, err := namedBySnapshots(tx, n.Dataset, doubtful)
		if err != nil {
			return nil, err
		}
		for i, h := range doubtful {
			if named[i] && take(h) {
				out = append(out, h)
			}
		}
	}
	return out, shareHoldings(tx, d, all, out)
}

// splitKey parts what stands behind a dataset's prefix into a snapshot's folder and a path.
func splitKey(d plan.Destination, rest string) (folder, path string) {
	if !d.Snapshots {
		inside, beside := strings.CutPrefix(rest, plan.BesidePrefix)
		if !beside {
			return "", rest
		}
		rest = inside
	}
	folder, path, _ = strings.Cut(rest, "/")
	return folder, path
}

func factNames(tx *manifest.Tx, dataset, path string, digest chunker.Digest) (bool, error) {
	f, ok, err := tx.Fact(dataset, path)
	return ok && f.Shard == digest, err
}

// namedBySnapshots tells which holdings of a dataset a snapshot names, in its own folder if they lie in one.
func namedBySnapshots(tx *manifest.Tx, dataset string, list []holding) ([]bool, error) {
	named := make([]bool, len(list))
	if len(list) == 0 {
		return named, nil
	}
	byPath := map[string][]int{}
	for i, h := range list {
		byPath[h.path] = append(byPath[h.path], i)
	}
	return named, tx.Snapshots(dataset, func(header manifest.SnapshotHeader) error {
		folder := plan.Folder(header.ID)
		return tx.SnapshotShards(header.ID, func(sh manifest.Shard) (bool, error) {
			for _, i := range byPath[sh.Path] {
				h := list[i]
				named[i] = named[i] || h.Shard == sh.Digest && (h.folder == "" || h.folder == folder)
			}
			return true, nil
		})
	})
}

// shareHoldings finds the shards that another dataset has under the same key, where prefixes are the same or lie in each other.
func shareHoldings(tx *manifest.Tx, d plan.Destination, all []Neighbor, list []holding) error {
	for i := range list {
		h := &list[i]
		for _, n := range all {
			if n.Dataset == h.dataset || !strings.HasPrefix(h.Key, n.Prefix) {
				continue
			}
			_, path := splitKey(d, strings.TrimPrefix(h.Key, n.Prefix))
			has, err := factNames(tx, n.Dataset, path, h.Shard)
			if err != nil {
				return err
			}
			if has {
				h.shared = n.Dataset
			}
		}
	}
	return nil
}

// claims tells which of these holdings live pins need, by their keys.
func (s *Syncer) claims(tx *manifest.Tx, storeName string, list []holding) (map[string]manifest.Pin, error) {
	held := make(map[string]chunker.Digest, len(list))
	for _, h := range list {
		held[h.Key] = h.Shard
	}
	return plan.Claims(tx, storeName, held, manifest.At(s.Manifest.Now()))
}

// own is the request's dataset as one of those at the destination.
func (q Request) own() Neighbor {
	return Neighbor{
		Dataset: q.Source.Name, Prefix: q.mirrorPrefix(), SourcePrefix: q.Source.Prefix,
		Source: Origin{Name: q.Source.Dataset.Store, Location: q.Source.Location, Open: opened(q.Source.Store)},
	}
}

// mirrorPrefix is the dataset's prefix at the destination, wherever beside it the request goes.
func (q Request) mirrorPrefix() string {
	if q.Destination.Beside {
		return strings.TrimSuffix(q.Destination.Prefix, plan.BesidePrefix)
	}
	return q.Destination.Prefix
}

// everything is the destination as a whole: a mirror with what is beside it, or all its snapshots.
func (q Request) everything() plan.Destination {
	d := q.Destination.Destination
	d.Prefix = q.mirrorPrefix()
	d.Snapshots = d.Snapshots && !d.Beside
	d.Beside = false
	return d
}

// datasets are all that the destination may hold.
func (q Request) datasets() []Neighbor { return append([]Neighbor{q.own()}, q.Neighbors...) }

// removal is a holding that goes.
func (h holding) removal(way plan.Way, reason string) plan.Removal {
	return plan.Removal{Replica: h.Replica, Way: way, Dataset: h.dataset, Path: h.path, Reason: reason}
}

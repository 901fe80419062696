package plan

import (
	"context"
	"errors"
	"sort"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/store"
)

// fewKeys: up to so many unknown keys are asked for one by one; a listing answers for more at once. A HEAD costs a tenth
// of a listing page at S3 and GCS prices, and a page answers for up to 1,000 keys.
const fewKeys = 8

// DestStore is what a plan needs of the destination.
type DestStore interface {
	Capabilities() store.Capabilities
	List(ctx context.Context, o store.ListOptions) (store.Page, error)
	Head(ctx context.Context, key string) (store.Object, error)
}

// seen is what a look at the destination found.
type seen struct {
	objects  map[string]store.Object
	requests int64
	listed   bool
}

// look finds the objects under these keys. keys must be sorted.
func look(ctx context.Context, s DestStore, prefix string, keys []string) (seen, error) {
	out := seen{objects: map[string]store.Object{}}
	if len(keys) <= fewKeys {
		out.requests = int64(len(keys))
		return out, Together(ctx, len(keys), func(ctx context.Context, i int) (store.Object, error) { return s.Head(ctx, keys[i]) }, func(i int, o store.Object) { out.objects[keys[i]] = o })
	}
	out.listed = true
	for token := ""; ; {
		page, err := s.List(ctx, store.ListOptions{Prefix: prefix, Token: token})
		if err != nil {
			return out, err
		}
		out.requests++
		for _, o := range page.Objects {
			if i := sort.SearchStrings(keys, o.Key); i < len(keys) && keys[i] == o.Key {
				out.objects[o.Key] = o
			}
		}
		if token = page.Next; token == "" {
			return out, nil
		}
	}
}

// asked is how many objects are asked about at a time: one after the other takes a round trip each, which is hours for a million of them far away.
const asked = 16

// Together asks about n objects, and hands over those that there are, one at a time. After an error none is begun, and those that were asked are heard out: one that is
// cancelled ends at the moment of the error as all others do, and a simulation could not be played again.
func Together(ctx context.Context, n int, ask func(ctx context.Context, i int) (store.Object, error), have func(i int, o store.Object)) error {
	var mu sync.Mutex
	var failed atomic.Bool
	var g errgroup.Group
	g.SetLimit(asked)
	for i := range n {
		g.Go(func() error {
			if failed.Load() {
				return nil
			}
			o, err := ask(ctx, i)
			if errors.Is(err, store.ErrNotFound) {
				return nil
			}
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				have(i, o)
			}
			failed.Store(failed.Load() || err != nil)
			return err
		})
	}
	return g.Wait()
}

// WithChecksums asks for an object's checksums where a listing does not tell them (S3).
func WithChecksums(ctx context.Context, s DestStore, o store.Object) (store.Object, error) {
	if len(s.Capabilities().ObjectChecksums) == 0 || o.Checksums.CRC64NVME != "" || o.Checksums.CRC32C != "" {
		return o, nil
	}
	full, err := s.Head(ctx, o.Key)
	if errors.Is(err, store.ErrNotFound) {
		return o, nil // the conditional write will tell
	}
	return full, err
}

// observe compares the replicas that the manifest claims with what was seen, and records what it learned. What was recorded of a replica since it was
// claimed is newer than what was seen, and stays: another goroutine may have replaced the object meanwhile.
func observe(m *manifest.Manifest, found seen, claimed []manifest.Replica) (gone []string, err error) {
	now := manifest.At(m.Now())
	err = m.Update(func(tx *manifest.Tx) error {
		gone = nil
		for _, r := range claimed {
			is, there, err := tx.Replica(r.Store, r.Key)
			if err != nil {
				return err
			}
			if !there || is.ETag != r.ETag || is.Shard != r.Shard || is.Size != r.Size || is.Missing != r.Missing {
				continue
			}
			o, ok := found.objects[r.Key]
			switch {
			case !ok:
				r.Missing = manifest.Deleted
			case o.Size != r.Size || o.ETag != r.ETag:
				r.Missing = manifest.Changed
			default:
				r.Seen, r.Missing = now, ""
				if err := tx.TouchReplica(r); err != nil {
					return err
				}
				continue
			}
			if is.Missing == "" {
				gone = append(gone, r.Key)
			}
			if err := tx.PutReplica(r); err != nil {
				return err
			}
		}
		return nil
	})
	return gone, err
}

// Look lists a prefix of the destination and records which of the replicas that the manifest claims there are still as
// they were, and which are gone or changed. It returns the keys of those that were believed to be there and are not.
func Look(ctx context.Context, m *manifest.Manifest, s DestStore, storeName, prefix string) (gone []string, err error) {
	var claimed []manifest.Replica
	err = m.View(func(tx *manifest.Tx) error {
		return tx.Replicas(storeName, prefix, func(r manifest.Replica) (bool, error) {
			if r.Present() {
				claimed = append(claimed, r)
			}
			return true, nil
		})
	})
	if err != nil || len(claimed) == 0 {
		return nil, err
	}
	keys := make([]string, len(claimed))
	for i, r := range claimed {
		keys[i] = r.Key
	}
	sort.Strings(keys)
	found, err := look(ctx, s, prefix, keys)
	if err != nil {
		return nil, err
	}
	return observe(m, found, claimed)
}

package sync

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/sync/plan"
)

// removeAtOnce is how many removals share a record before and one after; removeParallel how many requests are in flight. A process
// that is killed leaves at most as many suspects, which are removed again or read back.
const (
	removeAtOnce   = 256
	removeParallel = 16
)

// remove deletes objects, each only if it still is what the manifest says, and records it. What was promised about them must have
// been taken back already. Entries that are kept are passed over; those that turn out to be somebody else's are kept and say so.
func (s *Syncer) remove(ctx context.Context, st store.Store, list []plan.Removal) error {
	for start := 0; start < len(list); {
		var group []*plan.Removal
		for ; start < len(list) && len(group) < removeAtOnce; start++ {
			if list[start].Kept == "" {
				group = append(group, &list[start])
			}
		}
		if err := s.removeGroup(ctx, st, group); err != nil {
			return err
		}
	}
	return nil
}

func (s *Syncer) removeGroup(ctx context.Context, st store.Store, group []*plan.Removal) error {
	// A replica counts as long as it is recorded as present: it must not, once it may be gone.
	if err := s.mark(group, manifest.Suspect); err != nil {
		return err
	}
	var mu sync.Mutex
	var failed error
	outcome := map[string][]*plan.Removal{}
	var g errgroup.Group
	g.SetLimit(removeParallel)
	for _, r := range group {
		g.Go(func() error {
			missing, err := deletePinned(ctx, st, r)
			mu.Lock()
			defer mu.Unlock()
			outcome[missing] = append(outcome[missing], r)
			failed = errors.Join(failed, err)
			return nil
		})
	}
	_ = g.Wait() // the functions return nothing
	for missing, removals := range outcome {
		failed = errors.Join(failed, s.mark(removals, missing))
	}
	return failed
}

// deletePinned deletes one object under its ETag and tells what is known of the key afterwards: why its replica no longer counts, or
// "" if it still does.
func deletePinned(ctx context.Context, st store.Store, r *plan.Removal) (missing string, err error) {
	err = st.Delete(ctx, store.Ref{Key: r.Key, ETag: r.ETag})
	switch {
	case err == nil:
		r.Removed = true
		return manifest.Deleted, nil
	case errors.Is(err, store.ErrConflict):
		r.Kept = "somebody else wrote it since"
		return manifest.Changed, nil
	}
	err = fmt.Errorf("delete %q: %w", r.Key, err)
	r.Kept = err.Error()
	o, lost := st.Head(ctx, r.Key)
	switch {
	case lost == nil && o.ETag == r.ETag:
		return "", err
	case errors.Is(lost, store.ErrNotFound):
		r.Removed, r.Kept = true, ""
		return manifest.Deleted, nil
	}
	return manifest.Suspect, err
}

func (s *Syncer) mark(list []*plan.Removal, missing string) error {
	if len(list) == 0 {
		return nil
	}
	return s.Manifest.Update(func(tx *manifest.Tx) error {
		for _, r := range list {
			r.Missing = missing
			if err := tx.PutReplica(r.Replica); err != nil {
				return err
			}
		}
		return nil
	})
}

// untrueAll takes back what is promised about any of these objects, dataset by dataset.
func (s *Syncer) untrueAll(ctx context.Context, q Request, list []plan.Removal) error {
	byDataset := map[string]map[string]bool{}
	for _, r := range list {
		if r.Kept != "" {
			continue
		}
		if byDataset[r.Dataset] == nil {
			byDataset[r.Dataset] = map[string]bool{}
		}
		byDataset[r.Dataset][r.Key] = true
	}
	d := q.Destination
	d.Destination = q.everything()
	for _, n := range q.datasets() {
		if keys := byDataset[n.Dataset]; len(keys) > 0 {
			if err := s.untrue(ctx, d.of(n), n.Dataset, keys); err != nil {
				return err
			}
		}
	}
	return nil
}

// prefixesOf are those under which objects go, of all that the destination may hold; in a fixed order, so that two runs do not each hold what the other wants.
func (q Request) prefixesOf(list []plan.Removal) (prefixes []string) {
	goes := map[string]bool{}
	for _, r := range list {
		if r.Kept == "" {
			goes[r.Dataset] = true
		}
	}
	for _, n := range q.datasets() {
		if goes[n.Dataset] {
			prefixes = append(prefixes, n.Prefix)
		}
	}
	slices.Sort(prefixes)
	return prefixes
}

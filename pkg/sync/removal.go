package sync

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/datagravity/datagravity/pkg/chunker"
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

// removal takes objects of one store away. They were chosen before the other copies of their contents were asked for, and others may have waited for a lease or for
// the network since; so what is in the manifest is looked at once more, in the transaction that says that they may be gone.
type removal struct {
	s *Syncer
	claims
}

// removal begins one of the entries that are not kept. What a pin needs by now is kept, too: what was promised about that need not be taken back.
func (s *Syncer) removal(list []plan.Removal) (*removal, error) {
	r := &removal{s: s, claims: claims{held: map[string]chunker.Digest{}}}
	for _, x := range list {
		if x.Kept == "" {
			r.store, r.held[x.Key] = x.Store, x.Shard
		}
	}
	err := s.Manifest.View(func(tx *manifest.Tx) error { return r.look(tx, s.Manifest.Now()) })
	for i := range list {
		if p, pinned := r.by[list[i].Key]; err == nil && pinned && list[i].Kept == "" {
			list[i].Kept = plan.BlockedBy(p)
		}
	}
	return r, err
}

// stays tells why an object must stay; "": it may go.
func (r *removal) stays(tx *manifest.Tx, x *plan.Removal) (string, error) {
	if p, pinned := r.by[x.Key]; pinned {
		return plan.BlockedBy(p), nil
	}
	is, there, err := tx.Replica(x.Store, x.Key)
	if err != nil {
		return "", err
	}
	if !there || is.ETag != x.ETag || is.Shard != x.Shard || !is.Present() && is.Missing != manifest.Suspect {
		return "it was replaced or removed meanwhile", nil
	}
	if x.Other == nil {
		return "", nil
	}
	// Whoever removes the other copy relies on this one: the first of both transactions counts.
	switch other, known, err := tx.Replica(x.Other.Store, x.Other.Key); {
	case err != nil:
		return "", err
	case known && other.ETag == x.Other.ETag && !other.Present():
		return lastCopy, nil
	}
	return "", nil
}

// remove deletes these objects of the list, each only if it still is what the manifest says, and records it. What was promised about them must have been
// taken back already. Entries that are kept are passed over; those that turn out to be needed, or to be somebody else's, are kept and say so.
func (r *removal) remove(ctx context.Context, st store.Store, list []plan.Removal) error {
	for start := 0; start < len(list); {
		var group []*plan.Removal
		for ; start < len(list) && len(group) < removeAtOnce; start++ {
			if list[start].Kept == "" {
				group = append(group, &list[start])
			}
		}
		if err := r.group(ctx, st, group); err != nil {
			return err
		}
	}
	return nil
}

func (r *removal) group(ctx context.Context, st store.Store, group []*plan.Removal) error {
	group, err := r.condemn(group)
	if err != nil {
		return err
	}
	var mu sync.Mutex
	var failed error
	outcome := map[string][]*plan.Removal{}
	var g errgroup.Group
	g.SetLimit(removeParallel)
	for _, x := range group {
		g.Go(func() error {
			missing, err := deletePinned(ctx, st, x)
			mu.Lock()
			defer mu.Unlock()
			outcome[missing] = append(outcome[missing], x)
			failed = errors.Join(failed, err)
			return nil
		})
	}
	_ = g.Wait() // the functions return nothing
	for missing, removals := range outcome {
		failed = errors.Join(failed, r.s.mark(removals, missing))
	}
	return failed
}

// condemn records as suspect what may go, and returns it: a replica counts as long as it is recorded as present, and must not, once it may be gone.
func (r *removal) condemn(group []*plan.Removal) (going []*plan.Removal, err error) {
	if len(group) == 0 {
		return nil, nil
	}
	return going, r.s.Manifest.Update(func(tx *manifest.Tx) error {
		going = nil
		if err := r.look(tx, r.s.Manifest.Now()); err != nil {
			return err
		}
		for _, x := range group {
			why, err := r.stays(tx, x)
			if err != nil {
				return err
			}
			if x.Kept = why; why != "" {
				continue
			}
			x.Missing = manifest.Suspect
			if err := tx.PutReplica(x.Replica); err != nil {
				return err
			}
			going = append(going, x)
		}
		return nil
	})
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

// mark records what became of objects that were condemned. What somebody wrote under a key since, and recorded, is another object.
func (s *Syncer) mark(list []*plan.Removal, missing string) error {
	if len(list) == 0 {
		return nil
	}
	return s.Manifest.Update(func(tx *manifest.Tx) error {
		for _, x := range list {
			x.Missing = missing
			is, there, err := tx.Replica(x.Store, x.Key)
			if err == nil && there && is.ETag == x.ETag && is.Missing == manifest.Suspect {
				err = tx.PutReplica(x.Replica)
			}
			if err != nil {
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

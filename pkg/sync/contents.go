package sync

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/jobs"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/sync/engine"
	"github.com/datagravity/datagravity/pkg/sync/index"
	"github.com/datagravity/datagravity/pkg/sync/plan"
)

// Contents is what a dataset has, for those that select from it: what its source lists, or what a snapshot names. It is read-only, and
// keeps nothing open.
type Contents struct {
	Source Source
	// Snapshot that it is; zero: what the source lists is in no snapshot.
	Snapshot chunker.Digest

	s      *Syncer
	states []index.State
	gone   []int // places of those that the source no longer has as the snapshot names them
}

// Contents lists the source and joins it with what is known. A snapshot that is not zero is what is wanted of it. Errors:
// [index.ErrNotComplete], [index.ErrEmpty], [cost.ErrBudget], [cost.ErrPaused], and those of the store.
func (s *Syncer) Contents(ctx context.Context, src Source, snapshot chunker.Digest) (*Contents, error) {
	defer s.Grants.enter(ctx, s.link(src, nil), src.Name, src.For)()
	v, err := s.survey(ctx, src, jobs.Selection{}, snapshot, s.link(src, nil))
	if err != nil {
		return nil, err
	}
	if snapshot.IsZero() {
		err = index.Complete(v.src.Dataset, v.listing, v.record, s.Manifest.Now())
	}
	if err == nil {
		err = s.fill(v, jobs.Selection{})
	}
	if err = errors.Join(err, v.listing.Close()); err != nil {
		return nil, err
	}
	c := &Contents{Source: v.src, Snapshot: v.snapshot, s: s, states: v.states}
	if c.Snapshot.IsZero() && len(index.Unread(c.states)) == 0 {
		h, err := index.Commit(s.Manifest, v.src.Dataset, c.states, true)
		if err != nil {
			return nil, err
		}
		c.Snapshot = h.ID
	}
	for i := range c.states {
		if c.states[i].Gone {
			c.gone = append(c.gone, i)
		}
	}
	return c, nil
}

// Shards calls f for every shard, index file and marker, in byte order of the paths.
func (c *Contents) Shards(f func(path string, size int64) bool) error {
	for i := range c.states {
		if !f(c.states[i].Path, c.states[i].Size) {
			break
		}
	}
	return nil
}

// search finds the place of a path, or where it would be.
func (c *Contents) search(path string) (int, bool) {
	return slices.BinarySearchFunc(c.states, path, func(st index.State, path string) int { return strings.Compare(st.Path, path) })
}

// Lookup tells whether the dataset has a path, and its size.
func (c *Contents) Lookup(path string) (size int64, ok bool) {
	i, ok := c.search(path)
	if !ok {
		return 0, false
	}
	return c.states[i].Size, true
}

// Complete tells that the source, or the snapshot, lacks nothing that it names.
func (c *Contents) Complete() bool { return len(c.gone) == 0 }

// Select returns the places of what a selection chooses, in ascending order, and the sum of its bytes. Looking is limited to where the selection can match.
func (c *Contents) Select(sel jobs.Selection) (places manifest.Spans, count int, size int64) {
	var last, start, end uint32
	add := func(i int) {
		at := uint32(i)
		if count > 0 && at != end {
			places = places.AppendSpan(last, start, end)
			last, start = end, at
		} else if count == 0 {
			start = at
		}
		end = at + 1
		count++
		size += c.states[i].Size
	}
	if named, _, _ := sel.Paths(); named != nil {
		for _, p := range named {
			if i, ok := c.search(p); ok {
				add(i)
			}
		}
	} else {
		for _, in := range c.within(sel.Prefixes()) {
			for i := in.from; i < in.to; i++ {
				if sel.Matches(c.states[i].Path) {
					add(i)
				}
			}
		}
	}
	if count > 0 {
		places = places.AppendSpan(last, start, end)
	}
	return places, count, size
}

type stretch struct{ from, to int }

// within are the stretches of paths that begin with one of the prefixes, apart from each other and ascending.
func (c *Contents) within(prefixes []string) (out []stretch) {
	for _, p := range prefixes {
		from, _ := c.search(p)
		to := from + sort.Search(len(c.states)-from, func(i int) bool { return !strings.HasPrefix(c.states[from+i].Path, p) })
		out = append(out, stretch{from, to})
	}
	slices.SortFunc(out, func(a, b stretch) int { return cmp.Compare(a.from, b.from) })
	n := 0
	for _, s := range out {
		if n > 0 && s.from <= out[n-1].to {
			out[n-1].to = max(out[n-1].to, s.to)
			continue
		}
		out[n] = s
		n++
	}
	return out[:n]
}

// Format of the dataset, as it is configured.
func (c *Contents) Format() string { return c.Source.Format }

// Marker of the dataset, "" for none.
func (c *Contents) Marker() string { return c.Source.Marker }

// Read returns at most so many bytes of a file of the dataset, from off on, as it was listed. Across a paid link they are reserved for and in the ledger.
// Errors: [engine.ErrSourceMissing], [store.ErrNotFound] for what was never there, [store.ErrChanged], [cost.ErrBudget], and those of the store.
func (c *Contents) Read(ctx context.Context, path string, off, most int64) ([]byte, error) {
	i, found := c.search(path)
	switch {
	case !found:
		return nil, fmt.Errorf("%w: %s has no %q (%w)", engine.ErrSourceMissing, c.Source.Name, path, store.ErrNotFound)
	case c.states[i].Gone:
		return nil, fmt.Errorf("%w: %s no longer has %q as the snapshot names it", engine.ErrSourceMissing, c.Source.Name, path)
	}
	st := c.states[i]
	b := make([]byte, max(0, min(most, st.Size-off)))
	if len(b) == 0 {
		return b, nil
	}
	crossing, err := c.s.lookup(c.s.link(c.Source, nil), c.Source.Name, c.Source.For, cost.WithMargin(int64(len(b)), 1), cost.OpRead, c.Source.Store)
	if err != nil {
		return nil, err
	}
	crossing.Activity = "select"
	var used store.Usage
	after, err := c.s.reserve(crossing, &used)
	if err != nil {
		return nil, err
	}
	err = c.Source.Store.ReadRange(store.WithUsage(ctx, &used), st.Ref(c.Source.Prefix), off, b)
	return b, errors.Join(err, after(err))
}

// Pin names a snapshot that has all of a selection: the whole one if it is known, or else one of the selection alone. Zero: some of it was never
// read, so that nobody knows yet what it is.
func (c *Contents) Pin(sel jobs.Selection) (chunker.Digest, error) {
	if !c.Snapshot.IsZero() {
		return c.Snapshot, nil
	}
	var states []index.State
	for i := range c.states {
		if sel.Matches(c.states[i].Path) {
			states = append(states, c.states[i])
		}
	}
	if len(states) == 0 || len(index.Unread(states)) > 0 {
		return chunker.Digest{}, nil
	}
	h, err := index.Commit(c.s.Manifest, c.Source.Dataset, states, false)
	return h.ID, err
}

// Lost are the selected shards that the source no longer has as the snapshot names them, and that cannot be brought from elsewhere either: no store holds them
// that a shard can be read from, the destination itself or an origin; or a pin needs what stands in their place, whose owner may wait for ours.
func (c *Contents) Lost(q Request, sel jobs.Selection) (lost []string, err error) {
	err = c.s.Manifest.View(func(tx *manifest.Tx) error {
		inPlace := map[string]chunker.Digest{} // of those that are held elsewhere: what stands where they would be
		paths := map[string]string{}           // by key
		for _, i := range c.gone {
			st := &c.states[i]
			if !sel.Matches(st.Path) {
				continue
			}
			held, err := heldAnywhere(tx, q, st.Digest)
			if err != nil {
				return err
			}
			if !held {
				lost = append(lost, st.Path)
				continue
			}
			key := q.Destination.Key("", st.Path)
			r, there, err := tx.Replica(q.Destination.Destination.Store, key)
			if err != nil {
				return err
			}
			if there && r.Present() && r.Shard != st.Digest && !q.Destination.Snapshots && !q.Destination.BesideWhenPinned {
				inPlace[key], paths[key] = r.Shard, st.Path
			}
		}
		claims, err := plan.Claims(tx, q.Destination.Destination.Store, inPlace, manifest.At(c.s.Manifest.Now()))
		for key := range claims {
			lost = append(lost, paths[key])
		}
		return err
	})
	slices.Sort(lost)
	return lost, err
}

// Missing is how much of a selection a destination is not known to hold, what was never read included.
func (c *Contents) Missing(q Request, sel jobs.Selection) (shards int, size int64, err error) {
	places, _, _ := c.Select(sel)
	err = c.s.Manifest.View(func(tx *manifest.Tx) error {
		var failed error
		err := places.Each(func(start, end uint32) {
			for _, st := range c.states[start:end] {
				held := st.Known && !q.Destination.Snapshots
				if held && failed == nil {
					var r manifest.Replica
					if r, held, failed = tx.Replica(q.Destination.Destination.Store, q.Destination.Key("", st.Path)); held {
						held = r.Present() && r.Shard == st.Digest
					}
				}
				if !held {
					shards++
					size += st.Size
				}
			}
		})
		return errors.Join(err, failed)
	})
	return shards, size, err
}

func heldAnywhere(tx *manifest.Tx, q Request, d chunker.Digest) (bool, error) {
	names := []string{q.Destination.Destination.Store}
	for _, o := range q.Origins {
		names = append(names, o.Name)
	}
	for _, name := range names {
		list, err := tx.Holders(name, d, 1)
		if err != nil || len(list) > 0 {
			return len(list) > 0, err
		}
	}
	return false, nil
}

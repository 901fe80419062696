package sync

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/jobs"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/sync/plan"
)

// MissingShard is a shard that is not ready.
type MissingShard struct {
	Path   string `json:"path"`
	Bytes  int64  `json:"bytes"`
	Reason string `json:"reason"`
}

// Readiness is the answer of Ready.
type Readiness struct {
	Dataset     string         `json:"dataset"`
	Destination string         `json:"destination"`
	Snapshot    chunker.Digest `json:"snapshot"`
	Ready       bool           `json:"ready"`
	Shards      int            `json:"shards"`
	Bytes       int64          `json:"bytes"`
	Missing     []MissingShard `json:"missing"`
	// Prefix is where in the store the shards are; "" at the root, or if they are not ready.
	Prefix string `json:"prefix"`
	// Reason why it is not ready though nothing is missing.
	Reason string `json:"reason,omitempty"`
	// From says what answered: "manifest" or "receipt".
	From string    `json:"from"`
	Time time.Time `json:"time"` // of the receipt, or now
}

// Ready answers from the manifest whether a selection of a snapshot (zero: the dataset's latest) is at a destination and
// proven. Replicas that were not seen for maxAge are looked at first. Not ready is no error; a dataset without a snapshot
// is [ErrNotReady].
func (s *Syncer) Ready(ctx context.Context, q Request, maxAge time.Duration) (out Readiness, err error) {
	out = Readiness{Dataset: q.Source.Name, Destination: q.Destination.Name, From: "manifest", Time: s.Manifest.Now().UTC()}
	if out.Snapshot = q.Snapshot; q.Snapshot.IsZero() {
		err = s.Manifest.View(func(tx *manifest.Tx) (err error) {
			out.Snapshot, err = s.wanted(tx, q)
			return err
		})
		if err != nil {
			return out, err
		}
	}
	defer s.Manifest.HoldSnapshot(out.Snapshot)()
	shards, err := s.shardsOf(q, out.Snapshot)
	if err != nil {
		return out, err
	}
	for _, sh := range shards {
		out.Shards++
		out.Bytes += sh.Size
	}
	if len(shards) == 0 {
		return out, fmt.Errorf("%w %s in snapshot %s of %s", jobs.ErrNothingSelected, q.Selection, out.Snapshot, q.Source.Name)
	}
	folder := q.Destination.Folder(out.Snapshot)
	missing, stale, err := s.held(q.Destination, folder, shards, maxAge)
	if err == nil && stale {
		if q.Destination, err = q.Destination.opened(ctx); err != nil {
			return out, err
		}
		if err = s.look(ctx, q.Destination, q.Source.Name, q.Destination.Key(folder, "")); err != nil {
			return out, err
		}
		missing, _, err = s.held(q.Destination, folder, shards, 0)
	}
	if err != nil {
		return out, err
	}
	out.Missing = missing
	if out.Ready = len(missing) == 0; !out.Ready {
		if !q.Destination.BesideWhenPinned {
			return out, nil
		}
		beside, err := s.readyBeside(ctx, q, maxAge)
		if err == nil && beside.Ready {
			out = beside
		}
		return out, err
	}
	out.Prefix = q.Destination.Key(folder, "")
	return s.settled(q, out, shards)
}

// look lists a prefix of a destination, and takes back what was promised of what is not there any more.
func (s *Syncer) look(ctx context.Context, d Destination, dataset, prefix string) error {
	gone, err := plan.Look(ctx, s.Manifest, d.Store, d.Destination.Store, prefix)
	if err != nil || len(gone) == 0 {
		return err
	}
	keys := map[string]bool{}
	for _, key := range gone {
		keys[key] = true
	}
	return s.untrue(ctx, d, dataset, keys)
}

// Untrue takes back what was promised of shards that turned out to be missing.
func (s *Syncer) Untrue(ctx context.Context, q Request, missing []MissingShard) (err error) {
	folder := q.Destination.Folder(q.Snapshot)
	keys := map[string]bool{}
	for _, m := range missing {
		keys[q.Destination.Key(folder, m.Path)] = true
	}
	if q.Destination, err = q.Destination.opened(ctx); err != nil {
		return err
	}
	return s.untrue(ctx, q.Destination, q.Source.Name, keys)
}

// Confirm has a request with a snapshot be announced as ready, if all of it is at the destination and proven: nothing moves, and the source is not asked.
// What was not seen for maxAge is looked at first.
func (s *Syncer) Confirm(ctx context.Context, q Request, maxAge time.Duration) (Readiness, error) {
	q.Destination.BesideWhenPinned = false
	r, err := s.Ready(ctx, q, maxAge)
	if err != nil || !r.Ready {
		return r, err
	}
	var h manifest.SnapshotHeader
	err = s.Manifest.View(func(tx *manifest.Tx) (err error) {
		h, _, err = tx.Snapshot(q.Snapshot)
		return err
	})
	if err != nil {
		return r, err
	}
	return r, s.announce(ctx, q, Report{Snapshot: h})
}

// Held compares what a request with a snapshot selects with what is known of its destination: the shards, and those of them that are missing.
func (s *Syncer) Held(q Request) (missing []MissingShard, shards []manifest.Content, err error) {
	if shards, err = s.shardsOf(q, q.Snapshot); err != nil {
		return nil, nil, err
	}
	missing, _, err = s.held(q.Destination, q.Destination.Folder(q.Snapshot), shards, 0)
	return missing, shards, err
}

// shardsOf a snapshot that a selection chooses.
func (s *Syncer) shardsOf(q Request, snapshot chunker.Digest) (list []manifest.Content, err error) {
	if q.Places != nil && snapshot == q.Snapshot {
		return s.shardsAt(snapshot, q.Places)
	}
	err = s.Manifest.View(func(tx *manifest.Tx) error {
		return tx.SnapshotContents(snapshot, func(sh manifest.Content) (bool, error) {
			if q.Selection.Matches(sh.Path) {
				list = append(list, sh)
			}
			return true, nil
		})
	})
	return list, err
}

// settled withholds the answer that all is there while a sync has begun to replace shards and did not finish.
func (s *Syncer) settled(q Request, out Readiness, shards []manifest.Content) (Readiness, error) {
	if q.Destination.Snapshots {
		return out, nil
	}
	replacing, err := s.replacing(q, shards)
	if err != nil || replacing == 0 {
		return out, err
	}
	pinned, err := s.pinned(q.Destination.Destination, out.Snapshot, replacing)
	if err == nil && !pinned {
		out.Ready, out.Prefix = false, ""
		out.Reason = fmt.Sprintf("a sync began to replace shards and did not finish; datagravity sync %s --to %s goes on", q.Source.Name, q.Destination.Name)
	}
	return out, err
}

// wanted is the snapshot that a request without one means: the latest of the dataset, or, where only selections were
// ever synced, the one that was last made ready for exactly this selection.
func (s *Syncer) wanted(tx *manifest.Tx, q Request) (chunker.Digest, error) {
	d, ok, err := tx.Dataset(q.Source.Name)
	if err != nil {
		return chunker.Digest{}, err
	}
	if ok && !d.Latest.IsZero() {
		return d.Latest, nil
	}
	n, ok, err := tx.Need(needID(q))
	if err == nil && (!ok || n.Snapshot.IsZero()) {
		err = fmt.Errorf("%w: %s has no snapshot yet; datagravity sync %s --to %s makes one", ErrNotReady, q.Source.Name, q.Source.Name, q.Destination.Name)
	}
	return n.Snapshot, err
}

// leastEach is how many shards are worth a core of their own: decoding is what takes time.
const leastEach = 4096

// shardsAt are the shards of a snapshot at places, read by several cores.
func (s *Syncer) shardsAt(snapshot chunker.Digest, places manifest.Spans) ([]manifest.Content, error) {
	type stretch struct{ start, end uint32 }
	var all []stretch
	total := 0
	err := places.Each(func(start, end uint32) {
		// In pieces, so that they can be shared out.
		for ; start < end; start = min(end, start+leastEach) {
			all = append(all, stretch{start, min(end, start+leastEach)})
		}
	})
	at := make([]int, len(all)) // where each piece begins in the list
	for i, p := range all {
		at[i] = total
		total += int(p.end - p.start)
	}
	list := make([]manifest.Content, total)
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i, p := range all {
		g.Go(func() error {
			n := at[i]
			return s.Manifest.View(func(tx *manifest.Tx) error {
				return tx.SnapshotRange(snapshot, p.start, p.end, func(sh manifest.Content) error {
					list[n] = sh
					n++
					return nil
				})
			})
		})
	}
	return list, errors.Join(err, g.Wait())
}

// held compares shards with replicas. stale tells that some were not seen for maxAge (0: age does not matter). Decoding is what takes time, so that it is
// shared among the cores.
func (s *Syncer) held(d Destination, folder string, shards []manifest.Content, maxAge time.Duration) (missing []MissingShard, stale bool, err error) {
	workers := max(1, min(runtime.GOMAXPROCS(0), len(shards)/leastEach))
	each := (len(shards) + workers - 1) / workers
	found := make([]lookup, workers)
	var g errgroup.Group
	for i := range found {
		part := shards[min(len(shards), i*each):min(len(shards), (i+1)*each)]
		g.Go(func() error { return found[i].look(s.Manifest, d, folder, part, maxAge) })
	}
	err = g.Wait()
	missing = []MissingShard{}
	for _, f := range found {
		missing, stale = append(missing, f.missing...), stale || f.stale
	}
	return missing, stale, err
}

// lookup is what was found out about some shards.
type lookup struct {
	missing []MissingShard
	stale   bool
}

func (f *lookup) look(m *manifest.Manifest, d Destination, folder string, shards []manifest.Content, maxAge time.Duration) error {
	return m.View(func(tx *manifest.Tx) error { return f.lookIn(tx, m.Now(), d, folder, shards, maxAge) })
}

func (f *lookup) lookIn(tx *manifest.Tx, now time.Time, d Destination, folder string, shards []manifest.Content, maxAge time.Duration) error {
	for _, sh := range shards {
		r, ok, err := tx.Standing(d.Destination.Store, d.Key(folder, sh.Path))
		if err != nil {
			return err
		}
		lacks := func(why string) { f.missing = append(f.missing, MissingShard{sh.Path, sh.Size, why}) }
		switch {
		case !ok:
			lacks("not at the destination")
		case !r.Present():
			lacks(r.Missing + " at the destination")
		case r.Shard != sh.Digest:
			lacks("another version is at the destination")
		case maxAge > 0 && now.Sub(r.Seen.Time()).Abs() > maxAge:
			f.stale = true
		}
	}
	return nil
}

// ReadyFromReceipt answers from the receipts at the destination alone. Snapshot zero means the newest receipt that covers
// the selection.
func ReadyFromReceipt(ctx context.Context, d Destination, dataset string, snapshot string, sel jobs.Selection) (out Readiness, err error) {
	out = Readiness{Dataset: dataset, Destination: d.Name, From: "receipt", Missing: []MissingShard{}}
	receipts, err := jobs.Receipts(ctx, d.Store, dataset, d.Prefix)
	if err == nil && d.BesideWhenPinned {
		var beside []jobs.Receipt
		beside, err = jobs.Receipts(ctx, d.Store, dataset, d.BesideMirror().Prefix)
		// Of two that were written in the same second the one beside the mirror is the later: it is written where the mirror is blocked.
		receipts = append(beside, receipts...)
		slices.SortStableFunc(receipts, func(a, b jobs.Receipt) int { return b.Time.Compare(a.Time) })
	}
	if err != nil {
		return out, err
	}
	for _, r := range receipts {
		if !r.Covers(sel) || (snapshot != "" && !matchesSnapshot(r.Snapshot, snapshot)) {
			continue
		}
		out.Ready, out.Snapshot, out.Shards, out.Bytes, out.Time = true, r.Snapshot, r.Count, r.Bytes, r.Time
		if out.Prefix = r.Prefix; d.Snapshots || r.Prefix != d.Prefix {
			out.Prefix += plan.Folder(r.Snapshot) + "/"
		}
		return out, nil
	}
	return out, nil
}

// matchesSnapshot tells whether a digest starts with the hex digits that a user typed.
func matchesSnapshot(d chunker.Digest, typed string) bool {
	return strings.HasPrefix(d.Hex(), strings.TrimPrefix(typed, "blake3:"))
}

package sync

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

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
	var shards []manifest.Shard
	err = s.Manifest.View(func(tx *manifest.Tx) error {
		id := q.Snapshot
		if id.IsZero() {
			if id, err = s.wanted(tx, q); err != nil {
				return err
			}
		}
		out.Snapshot = id
		return tx.SnapshotShards(id, func(sh manifest.Shard) (bool, error) {
			if q.Selection.Matches(sh.Path) {
				shards = append(shards, sh)
				out.Shards++
				out.Bytes += sh.Size
			}
			return true, nil
		})
	})
	if err != nil {
		return out, err
	}
	if len(shards) == 0 {
		return out, fmt.Errorf("%w %s in snapshot %s of %s", jobs.ErrNothingSelected, q.Selection, out.Snapshot, q.Source.Name)
	}
	folder := ""
	if q.Destination.Snapshots {
		folder = plan.Folder(out.Snapshot)
	}
	missing, stale, err := s.held(q.Destination, folder, shards, maxAge)
	if err == nil && stale {
		if err = plan.Look(ctx, s.Manifest, q.Destination.Store, q.Destination.Destination.Store, q.Destination.Key(folder, "")); err != nil {
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

// settled withholds the answer that all is there while a sync has begun to replace shards and did not finish.
func (s *Syncer) settled(q Request, out Readiness, shards []manifest.Shard) (Readiness, error) {
	if q.Destination.Snapshots {
		return out, nil
	}
	replacing, err := s.replacing(q, shards)
	if err != nil || !replacing {
		return out, err
	}
	pinned, err := s.pinned(q.Destination.Destination, out.Snapshot)
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

// held compares shards with replicas. stale tells that some were not seen for maxAge (0: age does not matter).
func (s *Syncer) held(d Destination, folder string, shards []manifest.Shard, maxAge time.Duration) (missing []MissingShard, stale bool, err error) {
	now := s.Manifest.Now()
	missing = []MissingShard{}
	err = s.Manifest.View(func(tx *manifest.Tx) error {
		for _, sh := range shards {
			r, ok, err := tx.Replica(d.Destination.Store, d.Key(folder, sh.Path))
			if err != nil {
				return err
			}
			switch {
			case !ok:
				missing = append(missing, MissingShard{sh.Path, sh.Size, "not at the destination"})
			case !r.Present():
				missing = append(missing, MissingShard{sh.Path, sh.Size, r.Missing + " at the destination"})
			case r.Shard != sh.Digest:
				missing = append(missing, MissingShard{sh.Path, sh.Size, "another version is at the destination"})
			case maxAge > 0 && now.Sub(r.Seen.Time()).Abs() > maxAge:
				stale = true
			}
		}
		return nil
	})
	return missing, stale, err
}

// ReadyFromReceipt answers from the receipts at the destination alone. Snapshot zero means the newest receipt that covers
// the selection.
func ReadyFromReceipt(ctx context.Context, d Destination, dataset string, snapshot string, sel jobs.Selection) (out Readiness, err error) {
	out = Readiness{Dataset: dataset, Destination: d.Name, From: "receipt", Missing: []MissingShard{}}
	receipts, err := jobs.Receipts(ctx, d.Store, dataset, d.Prefix)
	if err == nil && d.BesideWhenPinned {
		var beside []jobs.Receipt
		beside, err = jobs.Receipts(ctx, d.Store, dataset, d.BesideMirror().Prefix)
		receipts = append(receipts, beside...)
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

package index

import (
	"errors"
	"fmt"
	"time"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/manifest"
)

// ErrNotComplete: complete_when does not allow a snapshot yet.
var ErrNotComplete = errors.New("the dataset is not complete yet")

// RecordListing notes that the source was listed, and since when it has not changed. A dataset that moved to another
// store or prefix under the same name starts anew.
func RecordListing(tx *manifest.Tx, d Dataset, l *Listing) (manifest.Dataset, error) {
	r, ok, err := tx.Dataset(d.Name)
	if err != nil {
		return r, err
	}
	if ok && (r.Store != d.Store || r.Prefix != d.Prefix) {
		if err := tx.ForgetDataset(d.Name); err != nil {
			return r, err
		}
		r, ok = manifest.Dataset{}, false
	}
	if !ok || r.Fingerprint != l.Fingerprint {
		r.Stable = manifest.At(l.Started)
		if !ok && l.Modified.Before(l.Started) {
			// Never listed before: the youngest object's own time says since when nothing changed.
			r.Stable = manifest.At(l.Modified)
		}
	}
	r.Name, r.Store, r.Prefix, r.Listed, r.Fingerprint = d.Name, d.Store, d.Prefix, manifest.At(l.Started), l.Fingerprint
	return r, tx.PutDataset(r)
}

// Complete tells whether a snapshot of the listing may be taken now, or why not yet ([ErrNotComplete]).
func Complete(d Dataset, l *Listing, r manifest.Dataset, now time.Time) error {
	if d.Marker != "" && !l.HasMarker {
		return fmt.Errorf("%w: %s waits for its marker object %q", ErrNotComplete, d.Name, d.Marker)
	}
	if d.UnchangedFor > 0 {
		since := r.Stable.Time()
		if l.Modified.After(since) {
			since = l.Modified
		}
		if wait := d.UnchangedFor - now.Sub(since); wait > 0 {
			return fmt.Errorf("%w: %s last changed at %s; it may be taken in %s if nothing changes", ErrNotComplete, d.Name,
				since.UTC().Format(time.RFC3339), wait.Round(time.Second))
		}
	}
	return nil
}

// canonical is a shard's line in the bytes that name a snapshot (docs/format.md).
type canonical struct {
	Path    string         `json:"path"`
	Size    int64          `json:"size"`
	Digest  chunker.Digest `json:"digest"`
	ETag    string         `json:"etag"`
	Version string         `json:"version,omitempty"`
}

// SnapshotID is the digest that names a snapshot of these shards.
func SnapshotID(dataset string, shards []State) (chunker.Digest, error) {
	return Identify(dataset, len(shards), func(yield func(manifest.Shard) bool) {
		for i := range shards {
			if !yield(shards[i].shard()) {
				return
			}
		}
	})
}

// Unread are the shards whose digest is not known.
func Unread(list []State) (unread []State) {
	for _, s := range list {
		if !s.Known {
			unread = append(unread, s)
		}
	}
	return unread
}

// Stale are the shards whose digest is known and whose recipe is not made as the dataset wants it: of another chunk size or
// format, without a digest that is asked for, or from before the format was frozen.
func Stale(d Dataset, list []State) (stale []State) {
	want := d.Cut()
	for _, s := range list {
		if s.Known && s.Cut != want {
			stale = append(stale, s)
		}
	}
	return stale
}

// Commit takes a snapshot of shards that are all known. whole tells that they are all of the dataset: only then does it
// become the latest. Committing what is committed changes nothing.
func Commit(m *manifest.Manifest, d Dataset, shards []State, whole bool) (manifest.SnapshotHeader, error) {
	if n := len(Unread(shards)); n > 0 {
		return manifest.SnapshotHeader{}, fmt.Errorf("%d shards of %s were not read yet", n, d.Name)
	}
	id, err := SnapshotID(d.Name, shards)
	if err != nil {
		return manifest.SnapshotHeader{}, err
	}
	var header manifest.SnapshotHeader
	err = m.Update(func(tx *manifest.Tx) error {
		for _, s := range shards {
			if s.carried {
				if err := tx.PutFact(d.Name, s.fact(manifest.At(m.Now()))); err != nil {
					return err
				}
			}
		}
		existing, ok, err := tx.Snapshot(id)
		if err != nil {
			return err
		}
		cut := ""
		if len(Stale(d, shards)) == 0 {
			cut = d.Cut()
		}
		taken := manifest.At(m.Now())
		if ok {
			record, _, err := tx.Dataset(d.Name)
			if err != nil {
				return err
			}
			header = existing
			if cut == "" || record.Latest == id && record.Cut == cut {
				return setLatest(tx, d, id, whole, cut)
			}
			// The same bytes, perhaps cut otherwise: the same snapshot with other recipes.
			taken = existing.Taken
		}
		w := tx.NewSnapshot(id, d.Name, taken)
		for _, s := range shards {
			if err := w.Add(s.shard()); err != nil {
				return err
			}
		}
		if header, err = w.Close(); err != nil {
			return err
		}
		return setLatest(tx, d, id, whole, cut)
	})
	return header, err
}

func setLatest(tx *manifest.Tx, d Dataset, id chunker.Digest, whole bool, cut string) error {
	r, _, err := tx.Dataset(d.Name)
	if err != nil || !whole || r.Latest == id && r.Cut == cut {
		return err
	}
	r.Name, r.Store, r.Prefix, r.Latest, r.Cut = d.Name, d.Store, d.Prefix, id, cut
	return tx.PutDataset(r)
}

func (s State) shard() manifest.Shard {
	return manifest.Shard{
		Path: s.Path, Size: s.Size, Digest: s.Digest, ETag: s.ETag, Version: s.Version, Recipe: s.Recipe,
		CRC64NVME: s.CRC64NVME, CRC32C: s.CRC32C, ContentType: s.ContentType, ContentEncoding: s.ContentEncoding,
	}
}

func (s State) fact(now manifest.Millis) manifest.Fact {
	return manifest.Fact{
		Path: s.Path, Size: s.Size, ETag: s.ETag, Version: s.Version, Stored: s.Stored, Shard: s.Digest, Recipe: s.Recipe,
		CRC64NVME: s.CRC64NVME, CRC32C: s.CRC32C, Indexed: now, Cut: s.Cut,
	}
}

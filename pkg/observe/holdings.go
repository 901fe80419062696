package observe

import (
	"time"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/sync/plan"
)

// Place is where a configured destination keeps a dataset.
type Place struct {
	Dataset string
	plan.Destination
}

// Dataset is a configured dataset as it was last seen.
type Dataset struct {
	Name     string         `json:"name"`
	Store    string         `json:"store"`
	Location store.Location `json:"location"`
	Prefix   string         `json:"prefix"`
	// Snapshot is the latest one, null before the first.
	Snapshot *chunker.Digest `json:"snapshot"`
	Taken    *time.Time      `json:"taken"`
	// Listed is when the source was last listed completely.
	Listed *time.Time `json:"listed"`
	Shards int        `json:"shards"`
	Bytes  int64      `json:"bytes"`
}

// Holding is what a destination holds of a dataset's latest snapshot.
type Holding struct {
	Dataset     string          `json:"dataset"`
	Destination string          `json:"destination"`
	Store       string          `json:"store"`
	Location    store.Location  `json:"location"`
	Prefix      string          `json:"prefix"`
	Snapshot    *chunker.Digest `json:"snapshot"`
	// Held and proven, and missing, of the snapshot.
	HeldShards    int   `json:"held_shards"`
	HeldBytes     int64 `json:"held_bytes"`
	MissingShards int   `json:"missing_shards"`
	MissingBytes  int64 `json:"missing_bytes"`
	// Other replicas under the prefix: of older snapshots, or of shards that are no longer in the dataset.
	OtherShards int   `json:"other_shards"`
	OtherBytes  int64 `json:"other_bytes"`
	// Unsound replicas do not count: changed by somebody else, damaged, or suspect. They are among the missing.
	Unsound int `json:"unsound_shards"`
	// Written is when the newest of the held was, Verified when the bytes of the one that was proven longest ago were, Seen when the one that was not
	// seen for the longest time was. null: nothing is held.
	Written  *time.Time `json:"written"`
	Verified *time.Time `json:"verified"`
	Seen     *time.Time `json:"seen"`
}

func timeOf(m manifest.Millis) *time.Time {
	if m == 0 {
		return nil
	}
	t := m.Time().UTC()
	return &t
}

// datasetOf is a dataset with what is recorded of it.
func datasetOf(tx *manifest.Tx, d Dataset) (Dataset, error) {
	r, ok, err := tx.Dataset(d.Name)
	if err != nil || !ok {
		return d, err
	}
	d.Listed = timeOf(r.Listed)
	if r.Latest.IsZero() {
		return d, nil
	}
	h, ok, err := tx.Snapshot(r.Latest)
	if err != nil || !ok {
		return d, err
	}
	d.Snapshot, d.Taken, d.Shards, d.Bytes = &h.ID, timeOf(h.Taken), h.Shards, h.Bytes
	return d, nil
}

// holdingOf counts what a place holds. It walks through the snapshot and the place's replicas side by side, both in byte order, and asks at each of
// them whether to go on.
func holdingOf(tx *manifest.Tx, p Place, snapshot *chunker.Digest, goOn func() error) (h Holding, err error) {
	h = Holding{Dataset: p.Dataset, Destination: p.Name, Store: p.Store, Location: p.Location, Prefix: p.Prefix, Snapshot: snapshot}
	err = tx.ReplicasOneByOne(p.Store, p.Prefix, func(next func() (manifest.Replica, bool)) error {
		r, more := next()
		other := func() error {
			if r.Present() {
				h.OtherShards++
				h.OtherBytes += r.Size
			} else if r.Missing != manifest.Deleted {
				h.Unsound++
			}
			r, more = next()
			return goOn()
		}
		var err error
		if snapshot != nil {
			folder := p.Folder(*snapshot)
			err = tx.SnapshotContents(*snapshot, func(c manifest.Content) (bool, error) {
				key := p.Key(folder, c.Path)
				for more && r.Key < key {
					if err := other(); err != nil {
						return false, err
					}
				}
				if err := goOn(); err != nil {
					return false, err
				}
				if !more || r.Key != key || !r.Present() || r.Shard != c.Digest {
					h.MissingShards++
					h.MissingBytes += c.Size
					return true, nil
				}
				h.held(r)
				r, more = next()
				return true, nil
			})
		}
		for err == nil && more {
			err = other()
		}
		return err
	})
	return h, err
}

func (h *Holding) held(r manifest.Replica) {
	h.HeldShards++
	h.HeldBytes += r.Size
	at := func(of **time.Time, m manifest.Millis, newest bool) {
		t := timeOf(m)
		if t != nil && (*of == nil || t.After(**of) == newest) {
			*of = t
		}
	}
	at(&h.Written, r.Written, true)
	at(&h.Verified, r.Verified, false)
	at(&h.Seen, r.Seen, false)
}

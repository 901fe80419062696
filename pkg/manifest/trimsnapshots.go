package manifest

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/datagravity/datagravity/pkg/chunker"
)

// named is what a page has of a shard that decides whether it is needed.
type named struct {
	Path   string         `cbor:"1,keyasint"`
	Digest chunker.Digest `cbor:"3,keyasint"`
	Recipe chunker.Digest `cbor:"6,keyasint"`
}

var snapshotNames = table[[]named]{bucket: "snapshot_pages"}

// HoldSnapshot has a snapshot not be forgotten until release is called: for who reads it in several transactions, and has recorded nowhere that it is needed.
// It is called outside of transactions.
func (m *Manifest) HoldSnapshot(id chunker.Digest) (release func()) {
	return m.heldSnapshots.hold(id)
}

// snapshots forgets those that nothing needs.
func (t *trimmer) snapshots() error {
	list, kept, err := t.unneeded()
	if err != nil || len(list) == 0 {
		return err
	}
	if err := t.holds.read(t); err != nil {
		return err
	}
	byDataset := map[string][]SnapshotHeader{}
	for _, h := range kept {
		byDataset[h.Dataset] = append(byDataset[h.Dataset], h)
	}
	for len(list) > 0 {
		n := 1
		for n < len(list) && list[n].Dataset == list[0].Dataset {
			n++
		}
		if err := t.forgetOf(list[:n], byDataset[list[0].Dataset]); err != nil {
			return err
		}
		list = list[n:]
	}
	return nil
}

// unneeded are the snapshots that nothing has named for long enough, by dataset, the newest first, and those that stay. What is seen to be unneeded for the
// first time is written down.
func (t *trimmer) unneeded() (list, kept []SnapshotHeader, err error) {
	var changed []SnapshotHeader
	now := At(t.m.now())
	err = t.m.View(func(tx *Tx) error {
		needed, _, err := namedSnapshots(tx, func(Pin) bool { return true })
		if err != nil {
			return err
		}
		return tx.Snapshots("", func(h SnapshotHeader) error {
			since := h.Unneeded
			switch {
			case needed[h.ID]:
				since = 0
			case since == 0 || since > now: // or the clock was ahead
				since = now
			}
			if since != h.Unneeded {
				h.Unneeded = since
				changed = append(changed, h)
			}
			if since != 0 && since <= t.before {
				list = append(list, h)
			} else {
				kept = append(kept, h)
			}
			return nil
		})
	})
	if err != nil || t.o.DryRun {
		return byAge(list), kept, err
	}
	err = inParts(t, changed, func(tx *Tx, part []SnapshotHeader) error {
		for _, h := range part {
			have, ok, err := tx.Snapshot(h.ID)
			if err == nil && ok {
				have.Unneeded = h.Unneeded
				err = snapshots.put(tx, h.ID[:], have)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	return byAge(list), kept, err
}

func byAge(list []SnapshotHeader) []SnapshotHeader {
	slices.SortFunc(list, func(a, b SnapshotHeader) int {
		return cmp.Or(cmp.Compare(a.Dataset, b.Dataset), cmp.Compare(b.Taken, a.Taken), slices.Compare(a.ID[:], b.ID[:]))
	})
	return list
}

// forgetOf forgets snapshots of one dataset, the newest first, but for those that alone name an object that a store holds.
func (t *trimmer) forgetOf(list, kept []SnapshotHeader) error {
	var known hashes
	know := func(_ *Tx, s named) error { known.add(t.names.pair(s.Path, s.Digest)); return nil }
	for _, h := range kept {
		if err := t.eachNamed(h, know); err != nil {
			return err
		}
	}
	err := each(t, facts, within(list[0].Dataset), func(_ *Tx, _ []byte, f Fact) error {
		known.add(t.names.pair(f.Path, f.Shard))
		return nil
	}, nil)
	if err != nil {
		return err
	}
	for _, h := range list {
		wanted := t.holds.folders[folderOf(h.ID)]
		if !wanted {
			err := t.eachNamed(h, func(tx *Tx, s named) error {
				if wanted || known.has(t.names.pair(s.Path, s.Digest)) {
					return nil
				}
				var err error
				wanted, err = t.holds.have(tx, s.Path, s.Digest)
				return err
			})
			if err != nil {
				return err
			}
		}
		if !wanted {
			if err := t.forget(h); err != nil {
				return err
			}
			continue
		}
		if err := t.eachNamed(h, know); err != nil {
			return err
		}
	}
	return nil
}

// eachNamed calls f for the shards of a snapshot, some pages in a view.
func (t *trimmer) eachNamed(h SnapshotHeader, f func(tx *Tx, s named) error) error {
	for page := 0; page*shardsPerPage < h.Shards; page += t.pagesAtOnce {
		if err := context.Cause(t.ctx); err != nil {
			return err
		}
		err := t.m.View(func(tx *Tx) error {
			for p := page; p < page+t.pagesAtOnce && p*shardsPerPage < h.Shards; p++ {
				list, ok, err := snapshotNames.get(tx, pageKey(h.ID, uint32(p)))
				if err == nil && (!ok || len(list) != min(shardsPerPage, h.Shards-p*shardsPerPage)) {
					err = fmt.Errorf("%w: snapshot %s lacks a page, or some of one; %s", ErrCorrupt, h.ID, restoreHint)
				}
				if err != nil {
					return err
				}
				for _, s := range list {
					if err := f(tx, s); err != nil {
						return err
					}
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// forget one snapshot: its header and what must still be done in one transaction, then its pages.
func (t *trimmer) forget(h SnapshotHeader) error {
	if !t.o.DryRun {
		gone, err := t.forgetHeader(h.ID)
		if err != nil || !gone {
			return err
		}
		if err := t.forgetPages(h.ID); err != nil {
			return err
		}
	}
	t.gone[h.ID] = true
	t.out.Snapshots = append(t.out.Snapshots, TrimmedSnapshot{ID: h.ID, Dataset: h.Dataset, Taken: h.Taken, Shards: h.Shards, Unneeded: h.Unneeded})
	return nil
}

// forgetHeader looks once more whether it is needed: a need, a pin or a job may have come since.
func (t *trimmer) forgetHeader(id chunker.Digest) (gone bool, err error) {
	err = t.m.heldSnapshots.unlessHeld(id, func() error {
		return t.m.Update(func(tx *Tx) error {
			gone = false
			needed, _, err := namedSnapshots(tx, func(Pin) bool { return true })
			if err != nil || needed[id] {
				return err
			}
			gone = true
			// Of the one before nothing is left: goOn and forgetPages have seen to that.
			if err := leave(tx, func(s *trimming) { s.Forgetting, s.Recipes = id, true }); err != nil {
				return err
			}
			return snapshots.delete(tx, id[:])
		})
	})
	return gone && err == nil, err
}

// forgetPages removes the pages of a snapshot that is not there any more, unless it was taken again meanwhile.
func (t *trimmer) forgetPages(id chunker.Digest) error {
	for more := true; more; {
		if err := context.Cause(t.ctx); err != nil {
			return err
		}
		err := t.m.Update(func(tx *Tx) error {
			_, again, err := tx.Snapshot(id)
			if err != nil {
				return err
			}
			var list [][]byte
			if !again {
				list, err = firstPages(tx, id, t.pagesAtOnce)
				if err != nil {
					return err
				}
			}
			for _, k := range list {
				if err := snapshotPages.delete(tx, k); err != nil {
					return err
				}
			}
			if more = len(list) == t.pagesAtOnce; more {
				return nil
			}
			return leave(tx, func(s *trimming) { s.Forgetting = chunker.Digest{} })
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// firstPages are the keys of the first pages that a snapshot has.
func firstPages(tx *Tx, id chunker.Digest, most int) (list [][]byte, err error) {
	err = snapshotNames.scan(tx, id[:], nil, func(k []byte, _ []named) (bool, error) {
		list = append(list, bytes.Clone(k))
		return len(list) < most, nil
	})
	return list, err
}

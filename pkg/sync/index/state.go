package index

import (
	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/store"
)

// State is one listed shard with what is known of it.
type State struct {
	Entry
	// Known: the digest holds for exactly this ETag. Otherwise the shard must be read.
	Known     bool
	Digest    chunker.Digest
	Recipe    chunker.Digest
	CRC64NVME uint64
	CRC32C    uint32
	// Gone: a snapshot names this content, but the source no longer has it.
	Gone bool
	// Cut tells how its recipe cuts it, "" if that is not known.
	Cut string
	// carried: known through an equal stored checksum under a new ETag; Commit records it.
	carried bool
}

// Checksums are the proven checksums of a known shard.
func (s State) Checksums() store.Checksums {
	if !s.Known {
		return store.Checksums{}
	}
	return store.Checksums{CRC64NVME: store.Hex64(s.CRC64NVME), CRC32C: store.Hex32(s.CRC32C)}
}

// States joins a listing with what the manifest knows. unchanged tells that every entry stands in the latest snapshot as
// listed and none is missing: there is nothing to read and nothing to commit.
func States(tx *manifest.Tx, d Dataset, l *Listing) (list []State, unchanged bool, err error) {
	entries, err := l.Entries()
	if err != nil {
		return nil, false, err
	}
	list = make([]State, len(entries))
	for i, e := range entries {
		list[i].Entry = e
	}
	record, ok, err := tx.Dataset(d.Name)
	if err != nil {
		return nil, false, err
	}
	here := ok && record.Store == d.Store && record.Prefix == d.Prefix
	unchanged = here && !record.Latest.IsZero()
	if unchanged {
		i := 0
		err = tx.SnapshotShards(record.Latest, func(s manifest.Shard) (bool, error) {
			for i < len(list) && list[i].Path < s.Path {
				unchanged = false
				i++
			}
			if i == len(list) || list[i].Path != s.Path {
				unchanged = false // gone from the source
				return true, nil
			}
			if list[i].ETag == s.ETag && list[i].Size == s.Size {
				list[i].learn(s.Digest, s.Recipe, s.CRC64NVME, s.CRC32C)
				list[i].Cut = record.Cut
			} else {
				unchanged = false
			}
			i++
			return true, nil
		})
		// Shards that are cut otherwise than is wanted now are no change of the source, but something to commit.
		unchanged = unchanged && i == len(list) && record.Cut == d.Cut()
	}
	if err != nil || unchanged || !here {
		return list, unchanged, err
	}
	return list, false, joinFacts(tx, d, list)
}

func (s *State) learn(digest, recipe chunker.Digest, crc64 uint64, crc32c uint32) {
	s.Known, s.Digest, s.Recipe, s.CRC64NVME, s.CRC32C = true, digest, recipe, crc64, crc32c
}

func joinFacts(tx *manifest.Tx, d Dataset, list []State) error {
	want := d.Cut()
	for i := range list {
		s := &list[i]
		if s.Known && s.Cut == want {
			continue
		}
		f, ok, err := tx.Fact(d.Name, s.Path)
		if err != nil {
			return err
		}
		if !ok || f.Size != s.Size {
			continue
		}
		same := f.ETag == s.ETag
		if same || f.Stored.Compare(s.Stored) == store.Equal {
			s.learn(f.Shard, f.Recipe, f.CRC64NVME, f.CRC32C)
			s.Cut, s.carried = f.Cut, !same
		}
	}
	return nil
}

// OfSnapshot are the shards of a snapshot as they can be read now: from the source as listed, by version where the source
// keeps versions, or not at all any more (Gone).
func OfSnapshot(tx *manifest.Tx, id chunker.Digest, l *Listing) (list []State, err error) {
	entries, err := l.Entries()
	if err != nil {
		return nil, err
	}
	byPath := make(map[string]Entry, len(entries))
	for _, e := range entries {
		byPath[e.Path] = e
	}
	err = tx.SnapshotShards(id, func(s manifest.Shard) (bool, error) {
		st := State{Entry: Entry{
			Path: s.Path, Size: s.Size, ETag: s.ETag, Version: s.Version, ContentType: s.ContentType, ContentEncoding: s.ContentEncoding,
		}}
		if e, ok := byPath[s.Path]; ok && e.ETag == s.ETag && e.Size == s.Size {
			st.Entry = e
		} else {
			st.Gone = s.Version == ""
		}
		st.learn(s.Digest, s.Recipe, s.CRC64NVME, s.CRC32C)
		list = append(list, st)
		return true, nil
	})
	return list, err
}

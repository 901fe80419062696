package manifest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/store"
)

var (
	snapshots     = table[SnapshotHeader]{bucket: "snapshots"}
	snapshotPages = table[[]Shard]{bucket: "snapshot_pages"}
	// The same records without what only a transfer needs, which are read in a third of the time.
	snapshotContents = table[[]Content]{bucket: "snapshot_pages"}
)

// ErrNoSnapshot: the manifest knows no such snapshot.
var ErrNoSnapshot = errors.New("no snapshot")

// shardsPerPage keeps a page near 64 KiB, so that one shard of a big snapshot can be read without all of it.
const shardsPerPage = 400

// SnapshotHeader describes a snapshot; its shards are in pages beside it.
type SnapshotHeader struct {
	ID      chunker.Digest `cbor:"1,keyasint" json:"id"`
	Dataset string         `cbor:"2,keyasint" json:"dataset"`
	Taken   Millis         `cbor:"3,keyasint" json:"taken"`
	Shards  int            `cbor:"4,keyasint" json:"shards"`
	Bytes   int64          `cbor:"5,keyasint" json:"bytes"`
	// Unneeded is since when nothing needed it, as far as [Manifest.Trim] looked; 0: something does.
	Unneeded Millis `cbor:"6,keyasint,omitempty" json:"-"`
}

// Shard is one entry of a snapshot.
type Shard struct {
	Path      string         `cbor:"1,keyasint"`
	Size      int64          `cbor:"2,keyasint"`
	Digest    chunker.Digest `cbor:"3,keyasint"`
	ETag      string         `cbor:"4,keyasint"`
	Version   string         `cbor:"5,keyasint,omitempty"`
	Recipe    chunker.Digest `cbor:"6,keyasint"`
	CRC64NVME uint64         `cbor:"7,keyasint"`
	CRC32C    uint32         `cbor:"8,keyasint"`
	// Properties that travel with the object.
	ContentType     string `cbor:"9,keyasint,omitempty"`
	ContentEncoding string `cbor:"10,keyasint,omitempty"`
}

// Content is what is in a snapshot: the part of a [Shard] that tells whether it is somewhere.
type Content struct {
	Path   string         `cbor:"1,keyasint"`
	Size   int64          `cbor:"2,keyasint"`
	Digest chunker.Digest `cbor:"3,keyasint"`
}

// Checksums are the proven checksums of the shard.
func (s Shard) Checksums() store.Checksums {
	return store.Checksums{CRC64NVME: store.Hex64(s.CRC64NVME), CRC32C: store.Hex32(s.CRC32C)}
}

// SnapshotWriter adds a snapshot page by page.
type SnapshotWriter struct {
	tx     *Tx
	header SnapshotHeader
	page   []Shard
	pages  uint32
	last   string
}

// NewSnapshot starts writing a snapshot; shards must be added in ascending byte order of their paths.
func (tx *Tx) NewSnapshot(id chunker.Digest, dataset string, taken Millis) *SnapshotWriter {
	return &SnapshotWriter{tx: tx, header: SnapshotHeader{ID: id, Dataset: dataset, Taken: taken}}
}

// Add appends one shard.
func (w *SnapshotWriter) Add(s Shard) error {
	if w.header.Shards > 0 && s.Path <= w.last {
		return fmt.Errorf("manifest: snapshot shards out of order: %q after %q", s.Path, w.last)
	}
	w.last = s.Path
	w.tx.names(s.Recipe)
	w.header.Shards++
	w.header.Bytes += s.Size
	w.page = append(w.page, s)
	if len(w.page) == shardsPerPage {
		return w.flush()
	}
	return nil
}

func (w *SnapshotWriter) flush() error {
	if len(w.page) == 0 {
		return nil
	}
	err := snapshotPages.put(w.tx, pageKey(w.header.ID, w.pages), w.page)
	w.pages++
	w.page = w.page[:0]
	return err
}

// Close writes the header. Only then does the snapshot exist.
func (w *SnapshotWriter) Close() (SnapshotHeader, error) {
	if err := w.flush(); err != nil {
		return SnapshotHeader{}, err
	}
	return w.header, snapshots.put(w.tx, w.header.ID[:], w.header)
}

func pageKey(id chunker.Digest, page uint32) []byte {
	return binary.BigEndian.AppendUint32(append([]byte(nil), id[:]...), page)
}

// Snapshot returns a snapshot's header.
func (tx *Tx) Snapshot(id chunker.Digest) (SnapshotHeader, bool, error) {
	return snapshots.get(tx, id[:])
}

// Snapshots calls f for every snapshot of a dataset ("": of all).
func (tx *Tx) Snapshots(dataset string, f func(SnapshotHeader) error) error {
	return snapshots.scan(tx, nil, nil, func(_ []byte, h SnapshotHeader) (bool, error) {
		if dataset != "" && h.Dataset != dataset {
			return true, nil
		}
		return true, f(h)
	})
}

// FindSnapshot returns the one snapshot of a dataset whose digest starts with the given hex digits, with or without the
// "blake3:" before them. Errors name the candidates when it is none or several.
func (tx *Tx) FindSnapshot(dataset, prefix string) (found SnapshotHeader, err error) {
	prefix = strings.ToLower(strings.TrimPrefix(prefix, "blake3:"))
	var ids []string
	err = tx.Snapshots(dataset, func(h SnapshotHeader) error {
		if strings.HasPrefix(h.ID.Hex(), prefix) {
			found = h
			ids = append(ids, h.ID.Hex()[:12])
		}
		return nil
	})
	switch {
	case err != nil:
		return found, err
	case len(ids) == 0:
		return found, fmt.Errorf("%w %q of dataset %s; datagravity snapshot list %s shows them", ErrNoSnapshot, prefix, dataset, dataset)
	case len(ids) > 1:
		return found, fmt.Errorf("snapshot %q of dataset %s is not unique: %s", prefix, dataset, strings.Join(ids, ", "))
	}
	return found, nil
}

// SnapshotRange calls f for what is in a snapshot from one place to another, which is not in it, in ascending order of their paths.
// Errors: [ErrNoSnapshot], [ErrCorrupt], and those of f.
func (tx *Tx) SnapshotRange(id chunker.Digest, from, to uint32, f func(Content) error) error {
	h, ok, err := tx.Snapshot(id)
	switch {
	case err != nil:
		return err
	case !ok:
		return fmt.Errorf("%w %s", ErrNoSnapshot, id)
	case int(to) > h.Shards:
		return fmt.Errorf("%w: snapshot %s has %d shards, and not one at place %d", ErrCorrupt, id, h.Shards, to-1)
	}
	for page := from / shardsPerPage; from < to; page++ {
		list, ok, err := snapshotContents.get(tx, pageKey(id, page))
		if err != nil {
			return err
		}
		first := page * shardsPerPage
		if !ok || first+uint32(len(list)) < min(to, first+shardsPerPage) {
			return fmt.Errorf("%w: snapshot %s lacks a page", ErrCorrupt, id)
		}
		for ; from < min(to, first+shardsPerPage); from++ {
			if err := f(list[from-first]); err != nil {
				return err
			}
		}
	}
	return nil
}

// SnapshotShards calls f for each shard of a snapshot in byte order of the paths; f returns false to stop. Errors:
// [ErrNoSnapshot]; [ErrCorrupt] also when pages are missing, at the latest after the last shard.
func (tx *Tx) SnapshotShards(id chunker.Digest, f func(Shard) (bool, error)) error {
	return walkSnapshot(tx, snapshotPages, id, func(s *Shard) int64 { return s.Size }, f)
}

// SnapshotContents is [Tx.SnapshotShards] without what only a transfer needs.
func (tx *Tx) SnapshotContents(id chunker.Digest, f func(Content) (bool, error)) error {
	return walkSnapshot(tx, snapshotContents, id, func(c *Content) int64 { return c.Size }, f)
}

func walkSnapshot[V any](tx *Tx, pagesOf table[[]V], id chunker.Digest, sizeOf func(*V) int64, f func(V) (bool, error)) error {
	h, ok, err := tx.Snapshot(id)
	if err != nil {
		return err
	}
	if !ok {
		return fmt.Errorf("%w %s; datagravity snapshot list shows them", ErrNoSnapshot, id)
	}
	var pages uint32
	var shards int
	var size int64
	stopped := false
	err = pagesOf.scan(tx, id[:], nil, func(k []byte, page []V) (bool, error) {
		if !bytes.Equal(k, pageKey(id, pages)) {
			return false, fmt.Errorf("%w: %s/%x stands where page %d should be; %s", ErrCorrupt, pagesOf.bucket, k, pages, restoreHint)
		}
		pages++
		for i := range page {
			shards++
			size += sizeOf(&page[i])
			more, err := f(page[i])
			if err != nil || !more {
				stopped = true
				return false, err
			}
		}
		return true, nil
	})
	if err != nil || stopped {
		return err
	}
	if shards != h.Shards || size != h.Bytes {
		return fmt.Errorf("%w: %s/%s has %d shards of %d bytes, and its pages have %d of %d; %s", ErrCorrupt, snapshots.bucket, id,
			h.Shards, h.Bytes, shards, size, restoreHint)
	}
	return nil
}

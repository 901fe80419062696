package index

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/jobs"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/store"
)

// ErrEmpty: the source lists nothing.
var ErrEmpty = errors.New("the source lists no shard")

// Dataset is what index needs to know of a configured dataset.
type Dataset struct {
	Name   string
	Store  string // configured name
	Prefix string // "" or ending in "/"
	Filter jobs.Filter
	Format string
	Params chunker.Params
	// Earlier are algorithms that were the default before that of Params was, the youngest first. A dataset that was indexed by one of them
	// keeps it, see [Kept].
	Earlier []string
	// Digests of whole shards to record beside BLAKE3, see [chunker.ExtraAlgorithms].
	Digests []string
	// Marker must exist before a snapshot may be taken; UnchangedFor must have passed since the last change.
	Marker       string
	UnchangedFor time.Duration
}

// Cut tells in one line what a recipe of the dataset must be like, as in "tar-v2 32768/65536/131072 sha256". Recipes made otherwise are
// made anew when the dataset is indexed.
func (d Dataset) Cut() string { return CutOf(d.Params, d.Digests) }

// CutOf is [Dataset.Cut] for what a shard was really read with.
func CutOf(p chunker.Params, digests []string) string {
	return strings.Join(append([]string{p.String()}, slices.Sorted(slices.Values(digests))...), " ")
}

// Entry is one object of the dataset as the source lists it.
type Entry struct {
	Path            string // within the dataset
	Size            int64
	ETag            string
	Version         string
	Modified        time.Time
	Stored          store.Checksums
	ContentType     string
	ContentEncoding string
	StorageClass    string
}

// Ref pins the source object.
func (e Entry) Ref(prefix string) store.Ref {
	return store.Ref{Key: prefix + e.Path, ETag: e.ETag, Version: e.Version}
}

// Listing is a complete listing of a dataset, in byte order of the paths. It is not a point in time.
type Listing struct {
	Count int
	// HasMarker tells whether the dataset's marker object is there.
	HasMarker bool
	// Fingerprint of paths, sizes and ETags.
	Fingerprint chunker.Digest
	// Modified is the youngest object's time.
	Modified time.Time
	Started  time.Time
	Requests int64
	// Snapshot that it is the listing of, if it was made of one; Whole: of all its shards.
	Snapshot chunker.Digest
	Whole    bool

	spool spool
}

// Entries reads them; a large listing keeps them on disk until then.
func (l *Listing) Entries() ([]Entry, error) { return l.spool.entries(l.Count) }

// Close removes what is on disk.
func (l *Listing) Close() error { return l.spool.close() }

// Lister is what a listing needs of a store.
type Lister interface {
	List(ctx context.Context, o store.ListOptions) (store.Page, error)
}

// List lists a dataset. before is called before each page is asked for (to reserve its bytes; nil: nothing) and returns
// what to call after it with the page's error.
func List(ctx context.Context, s Lister, d Dataset, now time.Time, before func() (func(error) error, error)) (l *Listing, err error) {
	l = &Listing{Started: now}
	defer func() {
		if err != nil {
			err = errors.Join(err, l.Close())
			l = nil
		}
	}()
	print := newFingerprint()
	last := ""
	for token := ""; ; {
		page, err := listPage(ctx, s, store.ListOptions{Prefix: d.Prefix, Token: token}, before)
		if err != nil {
			return l, fmt.Errorf("list dataset %s: %w", d.Name, err)
		}
		l.Requests++
		for _, o := range page.Objects {
			path := strings.TrimPrefix(o.Key, d.Prefix)
			if store.IsPrivate(o.Key) || !d.Filter.Takes(path) || isFolderMarker(o) {
				continue
			}
			if path <= last && last != "" {
				return l, fmt.Errorf("list dataset %s: the store lists %q after %q; its listings are out of order", d.Name, path, last)
			}
			last = path
			if err := l.spool.add(Entry{
				Path: path, Size: o.Size, ETag: o.ETag, Version: o.Version, Modified: o.Modified, Stored: o.Checksums,
				ContentType: o.ContentType, ContentEncoding: o.ContentEncoding, StorageClass: o.StorageClass,
			}); err != nil {
				return l, err
			}
			l.Count++
			l.HasMarker = l.HasMarker || path == d.Marker
			if o.Modified.After(l.Modified) {
				l.Modified = o.Modified
			}
			print.add(path, o.ETag, o.Size)
		}
		if token = page.Next; token == "" {
			break
		}
	}
	l.Fingerprint = print.digest()
	if l.Count == 0 {
		return l, fmt.Errorf("%w: dataset %s, prefix %q; check the prefix, the globs, and that the store is the right one (nothing was deleted anywhere)",
			ErrEmpty, d.Name, d.Prefix)
	}
	return l, nil
}

// ListSnapshot is the listing that a dataset had when a snapshot was taken, for those that do not list the source themselves.
func ListSnapshot(tx *manifest.Tx, d Dataset, id chunker.Digest, now time.Time) (l *Listing, err error) {
	l = &Listing{Started: now, Snapshot: id, Whole: true}
	defer func() {
		if err != nil {
			err = errors.Join(err, l.Close())
			l = nil
		}
	}()
	print := newFingerprint()
	err = tx.SnapshotShards(id, func(s manifest.Shard) (bool, error) {
		if !d.Filter.Takes(s.Path) {
			l.Whole = false
			return true, nil
		}
		l.Count++
		l.HasMarker = l.HasMarker || s.Path == d.Marker
		print.add(s.Path, s.ETag, s.Size)
		return true, l.spool.add(Entry{
			Path: s.Path, Size: s.Size, ETag: s.ETag, Version: s.Version, Stored: s.Checksums(), ContentType: s.ContentType, ContentEncoding: s.ContentEncoding,
		})
	})
	if err == nil && l.Count == 0 {
		err = fmt.Errorf("%w: of what was published of dataset %s; check the globs", ErrEmpty, d.Name)
	}
	l.Fingerprint = print.digest()
	return l, err
}

// fingerprint is a digest over the paths, ETags and sizes of a listing, in order.
type fingerprint struct {
	hash    *chunker.Hasher
	scratch []byte
}

func newFingerprint() *fingerprint { return &fingerprint{hash: chunker.NewHasher()} }

func (f *fingerprint) add(path, etag string, size int64) {
	f.scratch = append(append(append(f.scratch[:0], path...), 0), etag...)
	f.scratch = binary.LittleEndian.AppendUint64(append(f.scratch, 0), uint64(size))
	_, _ = f.hash.Write(f.scratch) // never fails
}

func (f *fingerprint) digest() chunker.Digest { return f.hash.Digest() }

// Unchanged tells, without an entry in memory, that the listing is that of the dataset's latest snapshot and that its recipes are
// made as the dataset wants them: there is nothing to read and nothing to commit.
func Unchanged(tx *manifest.Tx, d Dataset, l *Listing) (bool, error) {
	record, ok, err := tx.Dataset(d.Name)
	if err != nil || !ok || record.Store != d.Store || record.Prefix != d.Prefix || record.Latest.IsZero() || record.Cut != d.Cut() {
		return false, err
	}
	print := newFingerprint()
	err = tx.SnapshotShards(record.Latest, func(s manifest.Shard) (bool, error) {
		print.add(s.Path, s.ETag, s.Size)
		return true, nil
	})
	return print.digest() == l.Fingerprint, err
}

func listPage(ctx context.Context, s Lister, o store.ListOptions, before func() (func(error) error, error)) (store.Page, error) {
	if before == nil {
		return s.List(ctx, o)
	}
	after, err := before()
	if err != nil {
		return store.Page{}, err
	}
	page, err := s.List(ctx, o)
	return page, errors.Join(err, after(err))
}

// isFolderMarker tells the empty objects with a trailing slash that consoles make for "folders". They hold no data and a
// file store cannot hold them; they are no shards.
func isFolderMarker(o store.Object) bool { return o.Size == 0 && strings.HasSuffix(o.Key, "/") }

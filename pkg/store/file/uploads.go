package file

import (
	"context"
	"encoding/json"
	"errors"
	"hash/crc32"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/minio/crc64nvme"

	"github.com/datagravity/datagravity/pkg/store"
)

// description is what <id>.json beside <id>.data says: whose upload it is, for whoever has to go on or clean up.
type description struct {
	// Key is base64 in JSON, because a path need not be UTF-8.
	Key       []byte    `json:"key"`
	Created   time.Time `json:"created"`
	SizeBytes int64     `json:"size_bytes"`
	store.Properties
}

func dataFile(id string) string { return uploadsPrefix + id + ".data" }
func jsonFile(id string) string { return uploadsPrefix + id + ".json" }

// isID keeps an id that came from elsewhere from naming any other file.
func isID(id string) bool {
	return len(id) == 32 && strings.Trim(id, "0123456789abcdef") == ""
}

// CreateUpload reserves o.Size bytes, so that a file system without that much space refuses now.
func (s *Store) CreateUpload(ctx context.Context, key string, o store.UploadOptions) (store.Upload, error) {
	if err := s.begin(ctx, "create-upload", key); err != nil {
		return store.Upload{}, err
	}
	u := store.Upload{Key: key, ID: newID(), Created: s.now().UTC(), CopiesParts: o.CopiesParts, Properties: o.Properties}
	if err := s.createUpload(u, o.Size); err != nil {
		// Nobody has this id, so nobody else would remove it.
		_ = s.root.Remove(dataFile(u.ID))
		_ = s.root.Remove(jsonFile(u.ID))
		return store.Upload{}, s.wrap("create-upload", key, err)
	}
	return u, nil
}

func (s *Store) createUpload(u store.Upload, sizeBytes int64) error {
	if err := s.mkdirs(uploadsDir); err != nil {
		return err
	}
	text, err := json.MarshalIndent(description{Key: []byte(u.Key), Created: u.Created, SizeBytes: sizeBytes, Properties: u.Properties}, "", "  ")
	if err != nil {
		return err
	}
	for _, w := range []struct {
		name string
		fill func(*os.File) error
	}{
		{dataFile(u.ID), func(f *os.File) error { return reserve(f, sizeBytes) }},
		{jsonFile(u.ID), func(f *os.File) error { _, err := f.Write(text); return err }},
	} {
		f, err := s.root.OpenFile(w.name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666)
		if err != nil {
			return err
		}
		err = w.fill(f)
		if err == nil {
			err = f.Sync()
		}
		if err = errors.Join(err, f.Close()); err != nil {
			return err
		}
	}
	return s.syncDir(uploadsDir)
}

// openUpload opens the data of an unfinished upload that is this key's.
func (s *Store) openUpload(u store.Upload, flag int) (*os.File, error) {
	d, err := s.describe(u.ID)
	if err == nil && string(d.Key) != u.Key {
		err = because(store.ErrNotFound, "upload %s is for another key, %q", u.ID, d.Key)
	}
	if err != nil {
		return nil, err
	}
	return s.root.OpenFile(dataFile(u.ID), flag, 0)
}

func (s *Store) describe(id string) (description, error) {
	var d description
	if !isID(id) {
		return d, because(store.ErrNotFound, "%q is no upload id of this store", id)
	}
	text, err := s.root.ReadFile(jsonFile(id))
	if err != nil {
		return d, err
	}
	if err := json.Unmarshal(text, &d); err != nil {
		return d, because(store.ErrNotFound, "the description of upload %s is damaged: %w", id, err)
	}
	return d, nil
}

// UploadPart writes the part at its offset and returns when it is on the disk.
func (s *Store) UploadPart(ctx context.Context, u store.Upload, p store.PartInput) (store.Part, error) {
	if err := s.begin(ctx, "part", u.Key); err != nil {
		return store.Part{}, err
	}
	used(ctx).Sent.Add(int64(len(p.Data)))
	made, err := s.uploadPart(u, p)
	return made, s.wrap("part", u.Key, err)
}

func (s *Store) uploadPart(u store.Upload, p store.PartInput) (store.Part, error) {
	if p.Number < 1 || p.Number > maxParts || p.Offset < 0 {
		return store.Part{}, because(store.ErrPermanent, "part number %d at offset %d, want 1 to %d at 0 or more", p.Number, p.Offset, maxParts)
	}
	made := store.Part{Number: p.Number, Offset: p.Offset, Size: int64(len(p.Data)), CRC64NVME: store.Hex64(p.CRC64NVME), CRC32C: store.Hex32(p.CRC32C)}
	if c64, c32 := crc64nvme.Checksum(p.Data), crc32.Checksum(p.Data, castagnoli); c64 != p.CRC64NVME || c32 != p.CRC32C {
		return store.Part{}, because(store.ErrIntegrity, "part %d has crc64nvme %016x and crc32c %08x, the caller promised %016x and %08x",
			p.Number, c64, c32, p.CRC64NVME, p.CRC32C)
	}
	f, err := s.openUpload(u, os.O_WRONLY)
	if err != nil {
		return store.Part{}, err
	}
	defer func() { _ = f.Close() }() // nothing was written through it, or Sync told
	if _, err := f.WriteAt(p.Data, p.Offset); err != nil {
		return store.Part{}, err
	}
	return made, written(f, p.Offset, made.Size)
}

// ListParts confirms those recorded parts whose bytes still read back as their checksum says.
func (s *Store) ListParts(ctx context.Context, u store.Upload, recorded []store.Part) ([]store.Part, error) {
	if err := s.begin(ctx, "list-parts", u.Key); err != nil {
		return nil, err
	}
	f, err := s.openUpload(u, os.O_RDONLY)
	if err != nil {
		return nil, s.wrap("list-parts", u.Key, err)
	}
	defer func() { _ = f.Close() }() // nothing was written through it, or Sync told
	dropCache(f, 0, 0)
	largest := int64(0)
	for _, p := range recorded {
		largest = max(largest, p.Size)
	}
	r := fromDisk(f, largest)
	defer r.end()
	var held []store.Part
	for _, p := range recorded {
		if p.Offset < 0 || p.Size < 0 || p.CRC64NVME == "" && p.CRC32C == "" {
			continue // a copied part has no checksums that its bytes could confirm
		}
		got, err := readBack(ctx, r, p.Offset, p.Size)
		var short *refusal
		if errors.As(err, &short) {
			continue // the file ends before the part does
		}
		if err != nil {
			return nil, s.wrap("list-parts", u.Key, err)
		}
		if got.Compare(store.Checksums{CRC64NVME: p.CRC64NVME, CRC32C: p.CRC32C}) == store.Equal {
			held = append(held, p)
		}
	}
	slices.SortFunc(held, func(a, b store.Part) int { return a.Number - b.Number })
	return held, nil
}

package mem

import (
	"context"
	"fmt"
	"hash/crc32"
	"maps"
	"slices"
	"strings"

	"github.com/minio/crc64nvme"

	"github.com/datagravity/datagravity/pkg/store"
)

type upload struct {
	store.Upload
	parts map[int]part
}

type part struct {
	store.Part
	data []byte
}

// CreateUpload starts an upload; its id is unique within the store.
func (s *Store) CreateUpload(ctx context.Context, key string, o store.UploadOptions) (store.Upload, error) {
	if err := s.checkName("create-upload", key); err != nil {
		return store.Upload{}, err
	}
	if err := s.request(ctx, "create-upload", key, 0, 0); err != nil {
		return store.Upload{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if o.Size > s.o.Parts.MaxObjectBytes {
		return store.Upload{}, s.failLocked("create-upload", key, store.ErrPermanent, "%d bytes, an object has at most %d", o.Size, s.o.Parts.MaxObjectBytes)
	}
	s.serial++
	u := store.Upload{
		Key: key, ID: fmt.Sprintf("upload-%09d", s.serial), Created: s.o.Now(), CopiesParts: o.CopiesParts, Properties: o.Properties,
	}
	s.ups[u.ID] = &upload{Upload: u, parts: map[int]part{}}
	return u, nil
}

// UploadPart compares both checksums of p with its bytes before it keeps them.
func (s *Store) UploadPart(ctx context.Context, u store.Upload, p store.PartInput) (store.Part, error) {
	if err := s.request(ctx, "part", u.Key, int64(len(p.Data)), 0); err != nil {
		return store.Part{}, err
	}
	c64, c32 := crc64nvme.Checksum(p.Data), crc32.Checksum(p.Data, castagnoli)
	data := slices.Clone(p.Data)
	s.mu.Lock()
	defer s.mu.Unlock()
	up, err := s.upload("part", u)
	if err != nil {
		return store.Part{}, err
	}
	switch n := int64(len(data)); {
	case p.Number < 1 || p.Number > s.o.Parts.MaxParts:
		return store.Part{}, s.failLocked("part", u.Key, store.ErrPermanent, "part number %d, want 1 to %d", p.Number, s.o.Parts.MaxParts)
	case n > s.o.Parts.MaxBytes:
		return store.Part{}, s.failLocked("part", u.Key, store.ErrPermanent, "part %d has %d bytes, the most is %d", p.Number, n, s.o.Parts.MaxBytes)
	case c64 != p.CRC64NVME || c32 != p.CRC32C:
		return store.Part{}, s.failLocked("part", u.Key, store.ErrIntegrity, "part %d has crc64nvme %016x and crc32c %08x, the request promised %016x and %08x",
			p.Number, c64, c32, p.CRC64NVME, p.CRC32C)
	}
	s.serial++
	made := store.Part{Number: p.Number, Offset: p.Offset, Size: int64(len(data)), ETag: fmt.Sprintf("part-%06d", s.serial),
		CRC64NVME: store.Hex64(c64), CRC32C: store.Hex32(c32)}
	up.parts[p.Number] = part{Part: made, data: data}
	return made, nil
}

// ListParts tells every part, whatever the caller recorded.
func (s *Store) ListParts(ctx context.Context, u store.Upload, _ []store.Part) ([]store.Part, error) {
	if err := s.request(ctx, "list-parts", u.Key, 0, 0); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	up, err := s.upload("list-parts", u)
	if err != nil {
		return nil, err
	}
	var ps []store.Part
	for _, n := range slices.Sorted(maps.Keys(up.parts)) {
		ps = append(ps, up.parts[n].Part)
	}
	return ps, nil
}

// CompleteUpload joins the named parts. A second call for the same upload returns the object while it still stands.
func (s *Store) CompleteUpload(ctx context.Context, u store.Upload, parts []store.Part, o store.CompleteOptions) (store.Object, error) {
	if err := s.request(ctx, "complete", u.Key, 0, 0); err != nil {
		return store.Object{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if made, ok := s.done[u.ID]; ok && made.Key == u.Key {
		if now := s.current(u.Key); now != nil && now.ETag == made.ETag && now.Size == o.Size {
			return made, nil
		}
	}
	up, err := s.upload("complete", u)
	if err != nil {
		return store.Object{}, err
	}
	data, err := s.join(up, parts, o.Size)
	if err != nil {
		return store.Object{}, err
	}
	made, err := s.write("complete", u.Key, data, checksumsOf(data, o.Checksums), up.Properties, o.Condition, o.Checksums)
	if err != nil {
		return store.Object{}, err
	}
	delete(s.ups, u.ID)
	s.done[u.ID] = made
	return made, nil
}

// join refuses anything but all bytes from 0 to size, in order, from parts that are held as they are named.
func (s *Store) join(up *upload, parts []store.Part, size int64) ([]byte, error) {
	no := func(format string, a ...any) ([]byte, error) {
		return nil, s.failLocked("complete", up.Key, store.ErrIntegrity, format, a...)
	}
	var data []byte
	last := 0
	for i, p := range parts {
		held, ok := up.parts[p.Number]
		switch {
		case !ok:
			return no("part %d was never sent", p.Number)
		case p.Number <= last:
			return no("part %d follows part %d: parts come once each, in order of their numbers", p.Number, last)
		case p.ETag != held.ETag || p.Size != held.Size:
			return no("part %d is %s of %d bytes, not %s of %d", p.Number, held.ETag, held.Size, p.ETag, p.Size)
		case held.Offset != int64(len(data)):
			return no("part %d was sent for offset %d, the parts before it end at %d", p.Number, held.Offset, len(data))
		case held.Size < s.o.Parts.MinBytes && i < len(parts)-1:
			return no("part %d has %d bytes, every part but the last needs %d", p.Number, held.Size, s.o.Parts.MinBytes)
		}
		last = p.Number
		data = append(data, held.data...)
	}
	if int64(len(data)) != size {
		return no("the parts have %d bytes, the object should have %d", len(data), size)
	}
	return data, nil
}

// AbortUpload forgets an unfinished upload.
func (s *Store) AbortUpload(ctx context.Context, u store.Upload) error {
	if err := s.request(ctx, "abort", u.Key, 0, 0); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if up, ok := s.ups[u.ID]; ok && up.Key == u.Key {
		delete(s.ups, u.ID)
	}
	return nil
}

// ListUploads gives unfinished uploads in the order in which they were started.
func (s *Store) ListUploads(ctx context.Context, prefix string) ([]store.Upload, error) {
	if err := s.request(ctx, "list-uploads", prefix, 0, 0); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var us []store.Upload
	for _, id := range slices.Sorted(maps.Keys(s.ups)) {
		if up := s.ups[id]; strings.HasPrefix(up.Key, prefix) {
			us = append(us, up.Upload)
		}
	}
	return us, nil
}

func (s *Store) upload(op string, u store.Upload) (*upload, error) {
	up, ok := s.ups[u.ID]
	if !ok || up.Key != u.Key {
		return nil, s.failLocked(op, u.Key, store.ErrNotFound, "upload %s is gone", u.ID)
	}
	return up, nil
}

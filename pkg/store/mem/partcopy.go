package mem

import (
	"context"
	"fmt"
	"hash/crc32"

	"github.com/minio/crc64nvme"

	"github.com/datagravity/datagravity/pkg/store"
)

// CopyPart refuses a range that is not all within the pinned source, and an upload that was not created for copies.
func (s *Store) CopyPart(ctx context.Context, u store.Upload, p store.PartCopy) (store.Part, error) {
	const op = "part-copy"
	if err := s.request(ctx, op, u.Key, 0, 0); err != nil {
		return store.Part{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	up, err := s.upload(op, u)
	if err != nil {
		return store.Part{}, err
	}
	refuse := func(format string, a ...any) (store.Part, error) {
		return store.Part{}, s.failLocked(op, u.Key, store.ErrPermanent, format, a...)
	}
	switch {
	case !up.CopiesParts || !u.CopiesParts:
		return refuse("the upload was not created for copied parts")
	case p.Number < 1 || p.Number > s.o.Parts.MaxParts:
		return refuse("part number %d, want 1 to %d", p.Number, s.o.Parts.MaxParts)
	case p.Size < 1 || p.Size > s.o.Parts.MaxBytes:
		return refuse("part %d has %d bytes, want 1 to %d", p.Number, p.Size, s.o.Parts.MaxBytes)
	case p.Source.ETag == "" && p.Source.Version == "":
		return refuse("the source %q is not pinned", p.Source.Key)
	}
	o, err := s.pinned(op, p.Source)
	if err != nil {
		return store.Part{}, err
	}
	if p.SourceOffset < 0 || p.SourceOffset > o.Size-p.Size {
		return refuse("bytes %d to %d are not within the %d of %q", p.SourceOffset, p.SourceOffset+p.Size, o.Size, p.Source.Key)
	}
	// The bytes of an object never change in place.
	data := o.data[p.SourceOffset : p.SourceOffset+p.Size : p.SourceOffset+p.Size]
	s.serial++
	made := store.Part{
		Number: p.Number, Offset: p.Offset, Size: p.Size, ETag: fmt.Sprintf("part-%06d", s.serial),
		CRC64NVME: store.Hex64(crc64nvme.Checksum(data)), CRC32C: store.Hex32(crc32.Checksum(data, castagnoli)),
	}
	up.parts[p.Number] = part{Part: made, data: data}
	s.stats.add(op, OpStats{CopiedBytes: p.Size})
	return made, nil
}

// Damage flips a bit of the object under key, as a disk may: its ETag and its checksums stay. For tests.
func (s *Store) Damage(key string, at int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.current(key)
	data := append([]byte(nil), o.data...)
	data[at] ^= 1
	o.data = data
}

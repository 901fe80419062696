package file

import (
	"context"
	"errors"
	"io/fs"
	"os"

	"github.com/datagravity/datagravity/pkg/store"
)

// CompleteUpload proves the whole file before it gets its name; see the package comment for the order.
func (s *Store) CompleteUpload(ctx context.Context, u store.Upload, parts []store.Part, o store.CompleteOptions) (store.Object, error) {
	if err := s.begin(ctx, "complete", u.Key); err != nil {
		return store.Object{}, err
	}
	made, err := s.complete(ctx, u, parts, o)
	return made, s.wrap("complete", u.Key, err)
}

func (s *Store) complete(ctx context.Context, u store.Upload, parts []store.Part, o store.CompleteOptions) (store.Object, error) {
	if err := covers(parts, o); err != nil {
		return store.Object{}, err
	}
	if o.Condition.IsUnset() {
		return store.Object{}, s.allowed(u.Key, o.Condition)
	}
	f, err := s.openUpload(u, os.O_RDWR)
	if errors.Is(err, fs.ErrNotExist) {
		return s.finished(ctx, u, o)
	}
	if err != nil {
		return store.Object{}, err
	}
	defer func() { _ = f.Close() }() // nothing was written through it, or Sync told
	if err := s.allowed(u.Key, o.Condition); err != nil {
		// Before a large file is read in vain; but a name that we linked before a crash is not in our way.
		if !o.Condition.IsAbsent() || s.taken(f, u.Key) != nil {
			return store.Object{}, err
		}
	}
	sums, err := prove(ctx, f, parts, o)
	if err != nil {
		return store.Object{}, err
	}
	fi, err := s.commit(ctx, dataFile(u.ID), f, u.Key, o.Condition)
	if err != nil {
		return store.Object{}, err
	}
	if err := s.forget(u.ID); err != nil {
		return store.Object{}, err
	}
	made := object(u.Key, fi)
	made.Checksums = sums
	return made, nil
}

// covers wants the parts to follow one another from 0 to o.Size, and something to prove them with.
func covers(parts []store.Part, o store.CompleteOptions) error {
	end, last, provable := int64(0), 0, true
	for _, p := range parts {
		switch {
		case p.Number <= last:
			return because(store.ErrIntegrity, "part %d follows part %d: parts come once each, in order of their numbers", p.Number, last)
		case p.Size < 0 || p.Offset != -1 && p.Offset != end:
			return because(store.ErrIntegrity, "part %d is at offset %d, the parts before it end at %d", p.Number, p.Offset, end)
		}
		end, last = end+p.Size, p.Number
		provable = provable && (p.CRC64NVME != "" || p.CRC32C != "")
	}
	switch {
	case end != o.Size:
		return because(store.ErrIntegrity, "the parts have %d bytes, the object should have %d", end, o.Size)
	case !provable && o.Checksums.CRC64NVME == "" && o.Checksums.CRC32C == "":
		return because(store.ErrPermanent, "neither the object nor every part has a CRC64NVME or CRC32C: give one, for without it nothing proves the file")
	}
	return nil
}

// prove reads the temporary file back from the disk.
func prove(ctx context.Context, f *os.File, parts []store.Part, o store.CompleteOptions) (store.Checksums, error) {
	fi, err := f.Stat()
	if err != nil {
		return store.Checksums{}, err
	}
	switch {
	case fi.Size() < o.Size:
		return store.Checksums{}, because(store.ErrIntegrity, "the temporary file has %d bytes, want %d: something cut it off; send the parts again", fi.Size(), o.Size)
	case fi.Size() > o.Size: // reserved for more than it became
		if err := f.Truncate(o.Size); err != nil {
			return store.Checksums{}, err
		}
	}
	if err := settle(f); err != nil {
		return store.Checksums{}, err
	}
	r := fromDisk(f, o.Size)
	defer r.end()
	sums, err := readParts(ctx, r, parts)
	if err == nil && sums.Compare(o.Checksums) == store.Different {
		err = because(store.ErrIntegrity, "the file reads back as %+v, want %+v", sums, o.Checksums)
	}
	return sums, err
}

// finished answers a completion whose upload is gone: with the object, if that is what stands there.
func (s *Store) finished(ctx context.Context, u store.Upload, o store.CompleteOptions) (store.Object, error) {
	gone := because(store.ErrNotFound, "upload %s is gone, and the key does not hold its object", u.ID)
	f, fi, err := s.open(store.Ref{Key: u.Key})
	if err != nil || fi.Size() != o.Size {
		if err == nil {
			_ = f.Close() // the error that led here is the one to tell
		}
		return store.Object{}, gone
	}
	defer func() { _ = f.Close() }() // nothing was written through it, or Sync told
	r := fromDisk(f, fi.Size())
	defer r.end()
	sums, err := readBack(ctx, r, 0, fi.Size())
	if err != nil {
		return store.Object{}, err
	}
	if sums.Compare(o.Checksums) != store.Equal {
		return store.Object{}, gone
	}
	if isID(u.ID) {
		if err := s.forget(u.ID); err != nil { // a crash between rename and this left the description
			return store.Object{}, err
		}
	}
	made := object(u.Key, fi)
	made.Checksums = sums
	return made, nil
}

// forget removes the description; the data is gone or has its final name by now.
func (s *Store) forget(id string) error {
	if err := s.root.Remove(jsonFile(id)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

package file

import (
	"context"
	"errors"
	"io"
	"os"

	"github.com/datagravity/datagravity/pkg/store"
)

// CopyPart copies a range of another file into the upload's, on Linux by copy_file_range: file systems that share blocks share
// them where the range is aligned, and network file systems copy on their server. The source must be the pinned file before
// and after. The part has no checksums, so that ListParts does not confirm it after a crash: copying it again is cheaper than
// reading it to learn them, and the whole file is read and proven when the upload completes. So it need not be on the disk before
// that, either: CompleteUpload syncs the whole file, before it reads it.
func (s *Store) CopyPart(ctx context.Context, u store.Upload, p store.PartCopy) (store.Part, error) {
	if err := s.begin(ctx, "part-copy", u.Key, p.Source.Key); err != nil {
		return store.Part{}, err
	}
	made, err := s.copyPart(ctx, u, p)
	return made, s.wrap("part-copy", u.Key, err)
}

func (s *Store) copyPart(ctx context.Context, u store.Upload, p store.PartCopy) (_ store.Part, err error) {
	switch {
	case p.Number < 1 || p.Number > maxParts || p.Offset < 0 || p.Size < 1:
		return store.Part{}, because(store.ErrPermanent, "part number %d of %d bytes at offset %d, want 1 to %d and bytes at 0 or more", p.Number, p.Size, p.Offset, maxParts)
	case p.Source.ETag == "":
		return store.Part{}, because(store.ErrPermanent, "the source %q is not pinned", p.Source.Key)
	case !u.CopiesParts:
		return store.Part{}, because(store.ErrPermanent, "the upload was not created for copied parts")
	}
	to, err := s.openUpload(u, os.O_RDWR)
	if err != nil {
		return store.Part{}, err
	}
	defer func() { err = errors.Join(err, to.Close()) }() // a mount may tell only now what it could not write
	from, fi, err := s.open(p.Source)
	if err != nil {
		return store.Part{}, err
	}
	defer func() { _ = from.Close() }() // only read
	if p.SourceOffset < 0 || p.SourceOffset > fi.Size()-p.Size {
		return store.Part{}, because(store.ErrPermanent, "bytes %d to %d are not within the %d of %q", p.SourceOffset, p.SourceOffset+p.Size, fi.Size(), p.Source.Key)
	}
	if err := copyPinned(ctx, to, from, fi, p); err != nil {
		return store.Part{}, err
	}
	dropCache(to, p.Offset, p.Size) // what is not on the disk yet begins to go there, while others are copied
	return store.Part{Number: p.Number, Offset: p.Offset, Size: p.Size}, nil
}

// copyPinned makes sure afterwards that nobody wrote into the source meanwhile. One that was cut short ends early, and what happened
// to it says more than where the copy stopped.
func copyPinned(ctx context.Context, to, from *os.File, pinned os.FileInfo, p store.PartCopy) error {
	err := copyRange(ctx, to, from, p)
	if changed := unchanged(from, pinned); changed != nil {
		return changed
	}
	return err
}

func copyRange(ctx context.Context, to, from *os.File, p store.PartCopy) error {
	for done := int64(0); done < p.Size; done += copyBytes {
		if err := ctx.Err(); err != nil {
			return err
		}
		if _, err := from.Seek(p.SourceOffset+done, io.SeekStart); err != nil {
			return err
		}
		if _, err := to.Seek(p.Offset+done, io.SeekStart); err != nil {
			return err
		}
		if _, err := io.CopyN(to, from, min(copyBytes, p.Size-done)); err != nil {
			return err
		}
	}
	return nil
}

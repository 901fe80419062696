package file

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"

	"github.com/datagravity/datagravity/pkg/store"
)

func object(key string, fi os.FileInfo) store.Object {
	return store.Object{Key: key, Size: fi.Size(), ETag: etag(fi), Modified: fi.ModTime()}
}

// Head returns size, ETag and time; a directory has no checksums to tell.
func (s *Store) Head(ctx context.Context, key string) (store.Object, error) {
	if err := s.begin(ctx, "head", key); err != nil {
		return store.Object{}, err
	}
	fi, err := s.root.Stat(key)
	if err == nil && !fi.Mode().IsRegular() {
		err = fmt.Errorf("%w: the path is a %s", fs.ErrNotExist, fileType(fi))
	}
	if err != nil {
		return store.Object{}, s.wrap("head", key, err)
	}
	return object(key, fi), nil
}

func fileType(fi os.FileInfo) string {
	if fi.IsDir() {
		return "directory"
	}
	return "special file (" + fi.Mode().Type().String() + ")"
}

// open opens the pinned object.
func (s *Store) open(ref store.Ref) (*os.File, os.FileInfo, error) {
	f, err := s.root.OpenFile(ref.Key, openFlags, 0)
	if err != nil {
		return nil, nil, err
	}
	fi, err := f.Stat()
	switch {
	case err != nil:
	case !fi.Mode().IsRegular():
		err = fmt.Errorf("%w: the path is a %s", fs.ErrNotExist, fileType(fi))
	case ref.Version != "":
		err = because(store.ErrUnsupported, "files have no versions")
	case ref.ETag != "" && ref.ETag != etag(fi):
		err = because(store.ErrChanged, "holds %s, not %s", etag(fi), ref.ETag)
	}
	if err != nil {
		_ = f.Close() // the error that led here is the one to tell
		return nil, nil, err
	}
	return f, fi, nil
}

// unchanged notices a program that wrote into the file while it was read.
func unchanged(f *os.File, before os.FileInfo) error {
	after, err := f.Stat()
	if err == nil && etag(after) != etag(before) {
		err = because(store.ErrChanged, "the file was written to while it was read")
	}
	return err
}

// ReadRange reads the pinned file and makes sure afterwards that nobody wrote into it meanwhile.
func (s *Store) ReadRange(ctx context.Context, ref store.Ref, off int64, p []byte) error {
	if len(p) == 0 {
		return nil
	}
	if err := s.begin(ctx, "read", ref.Key); err != nil {
		return err
	}
	f, fi, err := s.open(ref)
	if err != nil {
		return s.wrap("read", ref.Key, err)
	}
	defer func() { _ = f.Close() }() // nothing was written through it, or Sync told
	if off < 0 || off > fi.Size()-int64(len(p)) {
		return s.failf("read", ref.Key, store.ErrPermanent, "bytes %d to %d are not within the object's %d", off, off+int64(len(p)), fi.Size())
	}
	if _, err = f.ReadAt(p, off); err == nil || errors.Is(err, io.EOF) {
		if changed := unchanged(f, fi); changed != nil {
			err = changed
		} else if errors.Is(err, io.EOF) {
			err = because(store.ErrTransient, "%w", io.ErrUnexpectedEOF)
		}
	}
	if err == nil {
		used(ctx).Received.Add(int64(len(p)))
	}
	return s.wrap("read", ref.Key, err)
}

// Put writes a file as CompleteUpload does, in one go.
func (s *Store) Put(ctx context.Context, key string, data []byte, o store.WriteOptions) (store.Object, error) {
	if err := s.begin(ctx, "put", key); err != nil {
		return store.Object{}, err
	}
	if n := int64(len(data)); n > maxPutBytes {
		return store.Object{}, s.failf("put", key, store.ErrPermanent, "%d bytes, the most at once is %d: use an upload in parts", n, int64(maxPutBytes))
	}
	sums := checksumsOf(data)
	if sums.Compare(o.Checksums) == store.Different {
		return store.Object{}, s.failf("put", key, store.ErrIntegrity, "the body has %+v, the caller promised %+v", sums, o.Checksums)
	}
	used(ctx).Sent.Add(int64(len(data)))
	made, err := s.create(ctx, key, o.Condition, sums, func(f *os.File) error {
		_, err := f.Write(data)
		return err
	})
	return made, s.wrap("put", key, err)
}

// used counts one operation. A directory may be a mount over a network whose own traffic nobody here sees, so that its
// payload bytes are what budgets and the ledger count.
func used(ctx context.Context) *store.Usage {
	u := store.UsageFrom(ctx)
	u.Requests.Add(1)
	return u
}

// Copy shares the source's blocks where the file system can, and otherwise lets the kernel copy them.
func (s *Store) Copy(ctx context.Context, key string, src store.Ref, o store.WriteOptions) (store.Object, error) {
	if err := s.begin(ctx, "copy", key, src.Key); err != nil {
		return store.Object{}, err
	}
	made, err := s.copy(ctx, key, src, o)
	return made, s.wrap("copy", key, err)
}

func (s *Store) copy(ctx context.Context, key string, src store.Ref, o store.WriteOptions) (store.Object, error) {
	from, fi, err := s.open(src)
	if err != nil {
		return store.Object{}, err
	}
	defer func() { _ = from.Close() }() // nothing was written through it, or Sync told
	want := o.Checksums
	if want.CRC64NVME == "" && want.CRC32C == "" {
		// Nobody knows what the source holds, so the copy is proven against the source itself.
		r := fromCache(from, fi.Size())
		want, err = readBack(ctx, r, 0, fi.Size())
		r.end()
		if err != nil {
			return store.Object{}, err
		}
	}
	return s.create(ctx, key, o.Condition, want, func(f *os.File) error {
		if reflink(f, from) != nil {
			// On Linux this is copy_file_range, which network file systems do on their server.
			for off := int64(0); off < fi.Size(); off += copyBytes {
				if err := ctx.Err(); err != nil {
					return err
				}
				if _, err := from.Seek(off, io.SeekStart); err != nil {
					return err
				}
				if _, err := io.CopyN(f, from, min(copyBytes, fi.Size()-off)); err != nil {
					return err
				}
			}
		}
		return unchanged(from, fi)
	})
}

// copyBytes is copied between two looks at the context.
const copyBytes = 256 * store.MiB

// create fills a new temporary file, proves it and commits it.
func (s *Store) create(ctx context.Context, key string, c store.Condition, want store.Checksums, fill func(*os.File) error) (store.Object, error) {
	if err := s.allowed(key, c); err != nil {
		return store.Object{}, err
	}
	if err := s.mkdirs(uploadsDir); err != nil {
		return store.Object{}, err
	}
	tmp := uploadsPrefix + "put-" + newID() + ".tmp"
	f, err := s.root.OpenFile(tmp, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return store.Object{}, err
	}
	defer func() { _ = f.Close() }() // nothing was written through it, or Sync told
	made, err := s.fillAndCommit(ctx, tmp, f, key, c, want, fill)
	if err != nil {
		_ = s.root.Remove(tmp)
	}
	return made, err
}

func (s *Store) fillAndCommit(ctx context.Context, tmp string, f *os.File, key string, c store.Condition, want store.Checksums, fill func(*os.File) error) (store.Object, error) {
	if err := fill(f); err != nil {
		return store.Object{}, err
	}
	if err := settle(f); err != nil {
		return store.Object{}, err
	}
	fi, err := f.Stat()
	if err != nil {
		return store.Object{}, err
	}
	r := fromDisk(f, fi.Size())
	sums, err := readBack(ctx, r, 0, fi.Size())
	r.end()
	if err != nil {
		return store.Object{}, err
	}
	if sums.Compare(want) != store.Equal {
		return store.Object{}, because(store.ErrIntegrity, "the file reads back as %+v, want %+v", sums, want)
	}
	if fi, err = s.commit(ctx, tmp, f, key, c); err != nil {
		return store.Object{}, err
	}
	made := object(key, fi)
	made.Checksums = sums
	return made, nil
}

// Delete removes the file if it is the pinned one, and the directories that it leaves empty.
func (s *Store) Delete(ctx context.Context, ref store.Ref) error {
	if err := s.begin(ctx, "delete", ref.Key); err != nil {
		return err
	}
	fi, err := s.root.Lstat(ref.Key)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return nil
	case err != nil:
		return s.wrap("delete", ref.Key, err)
	case fi.IsDir():
		return nil // a folder of objects is no object
	}
	err = s.locked(ctx, func() error {
		if ref.ETag != "" {
			if err := s.matches(ref.Key, ref.ETag); err != nil {
				if _, gone := s.root.Lstat(ref.Key); errors.Is(gone, fs.ErrNotExist) {
					return nil
				}
				return err
			}
		}
		if err := s.root.Remove(ref.Key); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	})
	if err == nil {
		s.tidy(ref.Key)
	}
	return s.wrap("delete", ref.Key, err)
}

// newID names a temporary file: 32 hex digits.
func newID() string {
	var b [16]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

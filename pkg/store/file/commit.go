package file

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"syscall"

	"github.com/datagravity/datagravity/pkg/store"
)

// commitTries bounds how often a parent directory that a concurrent delete found empty is made again.
const commitTries = 10

// allowed tells early, before bytes are written or read back, that a condition cannot hold. What decides is commit.
func (s *Store) allowed(key string, c store.Condition) error {
	fi, err := s.root.Lstat(key)
	switch {
	case c.IsUnset():
		return because(store.ErrPermanent, "the write names no condition: choose IfAbsent, IfMatch or Always")
	case err == nil && fi.IsDir():
		return because(store.ErrName, "the key is the folder of other objects")
	case err == nil && c.IsAbsent():
		return because(store.ErrConflict, "wanted it absent")
	case c.IsAbsent(), c == store.Always():
		return nil
	}
	return s.matches(key, c.ETag())
}

// matches compares the ETag of what stands under key.
func (s *Store) matches(key, want string) error {
	fi, err := s.root.Stat(key)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return because(store.ErrConflict, "wanted %s, it is absent", want)
	case err != nil:
		return err
	case fi.IsDir() || etag(fi) != want:
		return because(store.ErrConflict, "wanted %s, holds %s", want, etag(fi))
	}
	return nil
}

// commit gives the proven temporary file its final name under c; f is the file, open. When it returns without error, the
// name is durable and the temporary name is gone. After an error the temporary file is as it was.
func (s *Store) commit(ctx context.Context, tmp string, f *os.File, key string, c store.Condition) (os.FileInfo, error) {
	var err error
	for range commitTries {
		if err = s.mkdirs(path.Dir(key)); err == nil {
			err = s.place(ctx, tmp, f, key, c)
		}
		if !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	if err == nil {
		err = s.syncDir(path.Dir(key))
	}
	if err != nil {
		s.tidy(key)
		return nil, err
	}
	if err := s.root.Remove(tmp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	// Of the open file and only now: removing the temporary name changed its ctime, and another writer may have
	// replaced the final name already.
	return f.Stat()
}

// place is the one step that makes an object appear.
func (s *Store) place(ctx context.Context, tmp string, f *os.File, key string, c store.Condition) error {
	if !c.IsAbsent() {
		return s.locked(ctx, func() error {
			if c != store.Always() {
				if err := s.matches(key, c.ETag()); err != nil {
					return err
				}
			}
			return s.root.Rename(tmp, key)
		})
	}
	err := s.link(tmp, key)
	if lacking(err) || errors.Is(err, syscall.EPERM) {
		s.noLinks.Store(true)
		return s.locked(ctx, func() error {
			if _, err := s.root.Lstat(key); err == nil {
				return s.taken(f, key)
			} else if !errors.Is(err, fs.ErrNotExist) {
				return err
			}
			return s.root.Rename(tmp, key)
		})
	}
	if errors.Is(err, fs.ErrExist) {
		return s.taken(f, key)
	}
	return err
}

// taken decides what an existing final name means: our own file, linked before a crash, is success.
func (s *Store) taken(f *os.File, key string) error {
	there, err := s.root.Lstat(key)
	if err != nil {
		return err
	}
	if there.IsDir() {
		return because(store.ErrName, "the key is the folder of other objects")
	}
	if ours, err := f.Stat(); err == nil && os.SameFile(ours, there) {
		return nil
	}
	return because(store.ErrConflict, "wanted it absent, holds %s", etag(there))
}

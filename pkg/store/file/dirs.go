package file

import (
	"errors"
	"io/fs"
	"path"
	"strings"
	"syscall"

	"github.com/datagravity/datagravity/pkg/store"
)

// mkdirs makes a directory and those above it. Each that is new is synced into its parent, without which a crash could lose
// the whole subtree. A file in the way is ErrName.
func (s *Store) mkdirs(dir string) error {
	if dir == "." {
		return nil
	}
	if fi, err := s.root.Stat(dir); err == nil && fi.IsDir() {
		return nil
	}
	for i := 0; i <= len(dir); i++ {
		if i < len(dir) && dir[i] != '/' {
			continue
		}
		err := s.root.Mkdir(dir[:i], 0o777)
		switch {
		case err == nil:
			if err := s.syncDir(path.Dir(dir[:i])); err != nil {
				return err
			}
		case errors.Is(err, syscall.ENOTDIR):
			return because(store.ErrName, "an object stands where the folder %q would have to be", dir[:i])
		case errors.Is(err, fs.ErrExist):
			if fi, err := s.root.Stat(dir[:i]); err == nil && !fi.IsDir() {
				return because(store.ErrName, "an object stands where the folder %q would have to be", dir[:i])
			}
		default:
			return err
		}
	}
	return nil
}

func (s *Store) syncDir(dir string) error {
	f, err := s.root.Open(dir)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // nothing was written through it, or Sync told
	err = f.Sync()
	// Some network file systems cannot sync a directory and need not: their server does it.
	if lacking(err) || errors.Is(err, syscall.EINVAL) {
		return nil
	}
	return err
}

// tidy removes the directories above a key that are empty, and syncs the lowest that stays. It never fails: an empty
// directory is no object, and the next delete tries again.
func (s *Store) tidy(key string) {
	dir := path.Dir(key)
	for dir != "." && dir != strings.TrimSuffix(store.Private, "/") {
		parent, err := s.root.Open(path.Dir(dir))
		if err != nil {
			return
		}
		err = rmdirAt(parent, path.Base(dir))
		_ = parent.Close()
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			break
		}
		dir = path.Dir(dir)
	}
	_ = s.syncDir(dir)
}

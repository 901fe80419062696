package manifest

import (
	"errors"
	"os"
	"path/filepath"
)

// syncDir makes the names in a folder durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// WriteFile replaces a small file so that a reader sees the old or the new one, also after a crash.
func WriteFile(path string, b []byte, perm os.FileMode) error {
	return writeDurable(path, "."+filepath.Base(path)+"-*", b, perm)
}

// writeDurable writes a file under a temporary name made after pattern, syncs it, and gives it its own.
func writeDurable(path, pattern string, b []byte, perm os.FileMode) error {
	f, err := os.CreateTemp(filepath.Dir(path), pattern)
	if err != nil {
		return onFull(filepath.Dir(path), err)
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Chmod(perm), f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(onFull(filepath.Dir(path), err), os.Remove(f.Name()))
	}
	return syncDir(filepath.Dir(path))
}

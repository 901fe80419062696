package reuse

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// folderPrefix begins the name of every folder of runs.
const folderPrefix = "datagravity-reuse-"

// folder is where one Finder keeps its runs.
type folder struct {
	path string
	lock *os.File // of the folder itself
	// create makes a new file; tests put one here that fails.
	create func(path string) (io.WriteCloser, error)
	files  int // made so far
}

// newFolder makes a folder and locks it.
func newFolder(dir string) (*folder, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, diskError("make", dir, err)
	}
	for {
		path, err := os.MkdirTemp(dir, folderPrefix)
		if err != nil {
			return nil, diskError("make a folder in", dir, err)
		}
		lock, ours, err := lockFolder(path)
		if err != nil {
			return nil, errors.Join(diskError("lock", path, err), os.RemoveAll(path))
		}
		if ours {
			return &folder{path: path, lock: lock, create: createFile}, nil
		}
		// Another process took it for a leftover before it was locked; it removes it.
	}
}

func createFile(path string) (io.WriteCloser, error) {
	return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
}

// lockFolder locks a folder unless somebody else has it or it is gone.
func lockFolder(path string) (lock *os.File, ours bool, err error) {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if err == nil {
		// What was locked may have been removed between the opening and the locking.
		if _, err = os.Stat(path); err == nil {
			return f, true, nil
		}
	}
	_ = f.Close() // read only
	if errors.Is(err, unix.EWOULDBLOCK) || errors.Is(err, os.ErrNotExist) {
		err = nil
	}
	return nil, false, err
}

// removeLeftovers removes the folders whose processes are gone.
func removeLeftovers(dir string) error {
	list, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return diskError("look for leftovers in", dir, err)
	}
	for _, e := range list {
		if !e.IsDir() || !strings.HasPrefix(e.Name(), folderPrefix) {
			continue
		}
		path := filepath.Join(dir, e.Name())
		lock, ours, err := lockFolder(path)
		if errors.Is(err, os.ErrPermission) {
			continue // somebody else's, who shares the system's folder for temporary files
		}
		if err == nil && ours {
			err = errors.Join(os.RemoveAll(path), lock.Close())
		}
		if err != nil {
			return diskError("remove what a killed process left in", path, err)
		}
	}
	return nil
}

// remove removes the folder and what is in it.
func (d *folder) remove() error {
	if err := errors.Join(os.RemoveAll(d.path), d.lock.Close()); err != nil {
		return diskError("remove", d.path, err)
	}
	return nil
}

// next names a new file.
func (d *folder) next() string {
	d.files++
	return filepath.Join(d.path, fmt.Sprintf("%06d.run", d.files))
}

// diskError says what to do about a disk that fails.
func diskError(what, path string, err error) error {
	return fmt.Errorf("look for chunks that are held: %s %s: %w; "+
		"free space there, choose another folder for temporary files, or allow more memory", what, path, err)
}

package manifest

import (
	"errors"
	"os"
	"path/filepath"
	"time"

	bolt "go.etcd.io/bbolt"
)

// creating is how the folders begin in which new manifests are made.
const creating = ".creating-"

// createIfMissing makes a new file in a folder of its own and gives it its name by a link: a torn first write of bbolt's
// four initial pages would otherwise leave a file that nobody can open.
func createIfMissing(path string) error {
	if exists(path) {
		return nil
	}
	err := create(path)
	if err != nil && exists(path) {
		return nil // another process was faster, and cleared our folder away
	}
	return err
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func create(path string) (err error) {
	folder, err := os.MkdirTemp(filepath.Dir(path), creating+"*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	fresh := filepath.Join(folder, filepath.Base(path))
	db, err := bolt.Open(fresh, 0o600, &bolt.Options{Timeout: time.Second})
	if err != nil {
		return err
	}
	err = db.Update(func(tx *bolt.Tx) error {
		return errors.Join(initSchema(tx), markEarlier(tx, filepath.Dir(path)))
	})
	if err = errors.Join(err, db.Sync(), db.Close()); err != nil {
		return err
	}
	// A link, not a rename: of two processes that start at once the second must not replace the first one's open file.
	if err := os.Link(fresh, path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// clearCreating removes what killed processes left of a creation, and of the copy before a migration. It is called under the lock, when the manifest exists:
// a process that is creating one at this moment is too late, and finds that out.
func clearCreating(dir string) error {
	left, err := filepath.Glob(filepath.Join(dir, creating+"*"))
	copies, also := filepath.Glob(filepath.Join(dir, ".manifest.db.*.bak-*"))
	err = errors.Join(err, also)
	for _, path := range append(left, copies...) {
		err = errors.Join(err, os.RemoveAll(path))
	}
	return err
}

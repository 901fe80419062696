package manifest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	bolt "go.etcd.io/bbolt"
)

// copyAtOnce is copied, and synced, between two looks at whether it is still wanted. A file system that keeps its data in order has others' syncs wait for what was written and
// is not on the disk yet: with all of 1 GiB synced at the end, a writer of the manifest was seen to wait for 2.7 s.
const copyAtOnce = 16 << 20

// copyVerified makes a copy of the file as one transaction sees it, durable and verified under its name when it returns: its pages are sound, and
// every value has its checksum. The copy has mode 0600. A mark, if there is one, is put into it. Whatever was there before is replaced.
func (m *Manifest) copyVerified(ctx context.Context, path string, mark *restored) (err error) {
	if err := m.roomFor(filepath.Dir(path), 0); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	err = errors.Join(m.writeTo(ctx, f), f.Close())
	if err == nil {
		err = finishCopy(f.Name(), mark)
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return syncDir(filepath.Dir(path))
}

// writeTo copies what one transaction sees. While it reads, the pages that others give up are not used again, and a writer that needs a larger map of
// the file waits: so nothing else is done meanwhile, and the map has room (openBolt).
func (m *Manifest) writeTo(ctx context.Context, f *os.File) error {
	if err := m.unread.readAll(); err != nil { // it goes past tables
		return err
	}
	return m.View(func(tx *Tx) (err error) {
		defer guard(tx, "meta", versionKey, &err)
		if _, err = tx.b.WriteTo(&patient{ctx, f}); ctx.Err() != nil {
			err = context.Cause(ctx) // bbolt keeps only its text
		}
		return err
	})
}

// patient writes to a file until nobody wants it any more. A file is copied to it by the system, which shares what both have in common where the
// file system can.
type patient struct {
	ctx context.Context
	to  *os.File
}

func (w *patient) Write(p []byte) (int, error) {
	if err := context.Cause(w.ctx); err != nil {
		return 0, err
	}
	return w.to.Write(p)
}

// ReadFrom has io.Copy not make small writes of a large file.
func (w *patient) ReadFrom(r io.Reader) (n int64, err error) {
	for {
		if err := context.Cause(w.ctx); err != nil {
			return n, err
		}
		some, err := w.to.ReadFrom(io.LimitReader(r, copyAtOnce))
		n += some
		if err != nil || some == 0 {
			return n, err
		}
		if err := w.to.Sync(); err != nil {
			return n, err
		}
	}
}

// finishCopy puts the mark into a copy, syncs it, and reads all of it.
func finishCopy(path string, mark *restored) error {
	if mark != nil {
		if err := putMarkInto(path, *mark); err != nil {
			return err
		}
	} else if err := syncFile(path); err != nil {
		return err
	}
	return VerifyCopy(path)
}

func syncFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// putMarkInto changes a copy that nobody else has open. It is checked before bbolt sees it, as every file is.
func putMarkInto(path string, mark restored) (err error) {
	db, file, _, err := openBolt(path, Options{Timeout: time.Second})
	if err != nil {
		return err
	}
	c := &Manifest{db: db, file: file, now: func() time.Time { return time.Time{} }}
	return errors.Join(c.Update(func(tx *Tx) error { return restores.put(tx, restoreKey, mark) }), closeBolt(db))
}

// OpenCopy opens a manifest for reading alone: a backup, or one that was put aside. Nothing is made, migrated or removed, and the file must not be one that
// another process writes to: it is locked, so that none begins to. An older schema is refused with [ErrOlder], a newer one with [ErrNewer]; else errors
// are those of [OpenDir].
func OpenCopy(path string) (*Manifest, error) {
	m, err := openToRead(path)
	if err != nil {
		return nil, err
	}
	err = m.View(func(tx *Tx) (err error) {
		defer guard(tx, "meta", versionKey, &err)
		have, err := version(tx.b)
		switch {
		case err != nil:
			return err
		case have > SchemaVersion:
			return fmt.Errorf("%w: %s has schema %d, this program knows %d: %s wrote it", ErrNewer, path, have, SchemaVersion, writerOfNewer(tx))
		case have < SchemaVersion:
			return fmt.Errorf("%w: %s has schema %d, this program wants %d", ErrOlder, path, have, SchemaVersion)
		}
		return nil
	})
	if err != nil {
		return nil, errors.Join(err, m.CloseCopy())
	}
	return m, nil
}

// ErrOlder: a file that is only read has the schema of an older program.
var ErrOlder = errors.New("the manifest is of an older datagravity")

// CloseCopy is Close for what [OpenCopy] opened.
func (m *Manifest) CloseCopy() error {
	if m.poisoned.Load() != nil {
		letGo(m.file)
		return nil
	}
	return closeBolt(m.db)
}

// openToRead opens a file of any schema.
func openToRead(path string) (*Manifest, error) {
	path = filepath.Clean(path)
	db, file, _, err := openBolt(path, Options{Timeout: 2 * time.Second, readOnly: true})
	if errors.Is(err, errTimeout) {
		return nil, fmt.Errorf("%w: %s is held by %s", ErrLocked, path, describeHolder(filepath.Dir(path)))
	}
	if err != nil {
		return nil, err
	}
	m := &Manifest{dir: filepath.Dir(path), db: db, file: file, now: time.Now} //nolint:forbidigo // what is only read asks for no time
	m.recipes = newRecipeStore(m.dir)
	return m, nil
}

// VerifyCopy reads all of a copy: its pages, and every value's checksum. Errors: [ErrCorrupt], and those of the disk.
func VerifyCopy(path string) error {
	m, err := openToRead(path)
	if err != nil {
		return err
	}
	return errors.Join(m.verifyValues(), m.CloseCopy())
}

// verifyValues looks at every page, strictly, and reads every value of every bucket.
func (m *Manifest) verifyValues() error {
	return m.View(func(tx *Tx) error {
		known, _, err := checkPagesOf(m.file, uint64(tx.b.ID()))
		if err == nil && !known { // nobody writes to a copy
			err = fmt.Errorf("%w: its newest meta page went away while it was read", ErrCorrupt)
		}
		if err != nil {
			return damaged(m.db.Path(), err)
		}
		names, err := tx.bucketNames()
		for _, name := range names {
			if err == nil {
				_, err = tx.eachStored(name, func(_, _ []byte, problem error) error { return problem })
			}
		}
		return err
	})
}

// bucketNames are those of all buckets in the file, whatever its schema.
func (tx *Tx) bucketNames() (list []string, err error) {
	defer guard(tx, "", nil, &err)
	err = tx.b.ForEach(func(name []byte, _ *bolt.Bucket) error {
		list = append(list, string(name))
		return nil
	})
	return list, err
}

// eachStored calls f for every stored value of a bucket, and says what is wrong with it: its checksum, or its place in the order of the keys. It ends with the first
// error of f, and with [ErrCorrupt] where the pages cannot be followed. bytes are those of keys and values.
func (tx *Tx) eachStored(bucket string, f func(key, stored []byte, problem error) error) (bytes int64, err error) {
	var c *bolt.Cursor
	next := func() (k, v []byte, err error) {
		defer guard(tx, bucket, nil, &err)
		if c == nil {
			if err := tx.unread.read(bucket); err != nil {
				return nil, nil, err
			}
			c = tx.b.Bucket([]byte(bucket)).Cursor()
			k, v = c.First()
		} else {
			k, v = c.Next()
		}
		bytes += int64(len(k) + len(v))
		return slices.Clone(k), v, wrongValue(bucket, k, v) // what is read outside of the guard must not be the file's
	}
	last, begun := "", false
	for {
		k, v, problem := next()
		switch {
		case k == nil:
			return bytes, problem
		case problem == nil && begun && string(k) <= last:
			problem = fmt.Errorf("%w: %s/%q stands after %q", ErrCorrupt, bucket, k, last)
		}
		last, begun = string(k), true
		if err := f(k, v, problem); err != nil {
			return bytes, err
		}
	}
}

// wrongValue says what is wrong with a stored value.
func wrongValue(bucket string, key, stored []byte) error {
	if key == nil {
		return nil
	}
	if len(stored) < 4 || bigEndian32(stored) != sum(bucket, key, stored[4:]) {
		return fmt.Errorf("%w: %s/%q has a wrong checksum", ErrCorrupt, bucket, key)
	}
	return nil
}

// finds tells whether a key leads to its value.
func (tx *Tx) finds(bucket string, key []byte) (found bool) {
	var err error
	defer func() { found = found && err == nil }()
	defer guard(tx, bucket, key, &err)
	return tx.b.Bucket([]byte(bucket)).Get(key) != nil
}

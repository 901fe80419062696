package manifest

import (
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"syscall"

	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

// bbolt trusts the file that it maps into memory: on a page that is damaged it panics, and where the file ends before the
// map does the kernel raises SIGBUS. Both must reach the caller as ErrCorrupt; a daemon that dies of them starts again and
// dies again.

// faultsPanic makes memory faults of the calling goroutine panics that can be recovered, until the function it returns is
// called.
func faultsPanic() (restore func()) {
	before := debug.SetPanicOnFault(true)
	return func() { debug.SetPanicOnFault(before) }
}

// guard turns a panic inside a table into [ErrCorrupt] and makes sure that the transaction cannot be committed any more.
// It stands around the calls into bbolt alone, never around a caller's function, so that a defect of ours still ends the
// process with its own stack.
func guard(tx *Tx, bucket string, key []byte, err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("%w: %s/%q cannot be read (%v); %s", ErrCorrupt, bucket, key, p, restoreHint)
		tx.damage = *err
	}
}

// restoreHint is what to do about a damaged manifest.
const restoreHint = "restore a backup of the state directory, or move manifest.db away and let the next index and sync " +
	"build a new one (the spend is kept in the journal)"

// openBolt opens the file, and reads its skeleton before anything relies on it.
func openBolt(path string, o Options) (db *bolt.DB, file *os.File, err error) {
	defer faultsPanic()()
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %s cannot be opened (%v); %s", ErrCorrupt, path, p, restoreHint)
		}
		if err != nil && file != nil {
			letGo(file)
			db, file = nil, nil
		}
	}()
	db, err = bolt.Open(path, 0o600, &bolt.Options{
		Timeout: o.Timeout, FreelistType: bolt.FreelistMapType, MaxSize: o.maxBytes,
		OpenFile: func(name string, flag int, mode os.FileMode) (*os.File, error) {
			// Without O_CREATE: a file that vanished in this moment must not be replaced by one without a schema.
			f, err := os.OpenFile(name, flag&^os.O_CREATE, mode)
			file = f
			return f, err
		},
	})
	switch {
	case errors.Is(err, berrors.ErrTimeout):
		return nil, file, err
	case errors.Is(err, berrors.ErrInvalid), errors.Is(err, berrors.ErrChecksum), errors.Is(err, berrors.ErrVersionMismatch),
		err != nil && strings.Contains(err.Error(), "file size too small"):
		return nil, file, fmt.Errorf("%w: %s: %w; %s", ErrCorrupt, path, err, restoreHint)
	case err != nil:
		return nil, file, fmt.Errorf("open %s: %w", path, err)
	}
	if err := checkPages(file, db.Info().PageSize); err != nil {
		if errors.Is(err, ErrCorrupt) {
			err = fmt.Errorf("%s: %w; %s", path, err, restoreHint)
		}
		return nil, file, errors.Join(err, closeBolt(db))
	}
	return db, file, nil
}

// letGo gives up the lock of a file that bbolt cannot close any more. Closing it is not enough: bbolt's memory map keeps it
// open. If bbolt did close it, nothing happens.
func letGo(file *os.File) {
	_ = syscall.Flock(int(file.Fd()), syscall.LOCK_UN)
	_ = file.Close()
}

// closeBolt turns a panic while closing into an error.
func closeBolt(db *bolt.DB) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: closing the manifest: %v", ErrCorrupt, p)
		}
	}()
	return db.Close()
}

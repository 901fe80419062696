package manifest

import (
	"errors"
	"fmt"
	"math"
	"os"
	"runtime/debug"
	"syscall"
	"time"

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
		if known, ok := p.(damage); ok {
			*err = known
		} else {
			*err = fmt.Errorf("%w: %s/%q cannot be read (%v); %s", ErrCorrupt, bucket, key, p, restoreHint)
		}
		tx.damage = *err
	}
}

// restoreHint is what to do about a damaged manifest.
const restoreHint = "datagravity manifest rebuild makes another one from the newest backup and from what is left beside it and at the destinations, " +
	"and keeps the damaged file; docs/recovery.md says more"

// damaged says where the damage is and what to do about it.
func damaged(path string, err error) error {
	if errors.Is(err, ErrCorrupt) {
		err = fmt.Errorf("%s: %w; %s", path, err, restoreHint)
	}
	return err
}

// damage is what a table panics with that must not be read, for guard.
type damage struct{ error }

func (d damage) Unwrap() error { return d.error }

// errTimeout: another process has the lock.
var errTimeout = errors.New("timeout")

// openBolt locks the file and reads its skeleton before bbolt sees it.
func openBolt(path string, o Options) (db *bolt.DB, file *os.File, rest *unread, err error) {
	defer faultsPanic()()
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %s cannot be opened (%v); %s", ErrCorrupt, path, p, restoreHint)
		}
		if err != nil && file != nil {
			letGo(file)
			db, file, rest = nil, nil, nil
		}
	}()
	// Not O_CREATE: a file that vanished in this moment must not be replaced by one without a schema.
	mode := os.O_RDWR
	if o.readOnly {
		mode = os.O_RDONLY
	}
	if file, err = os.OpenFile(path, mode, 0); err != nil {
		return nil, nil, nil, err
	}
	if err := lock(file, o.Timeout); err != nil {
		return nil, file, nil, err
	}
	if rest, err = checkPages(file, o.LeavesLater); err != nil {
		return nil, file, nil, damaged(path, err)
	}
	if err := stillThere(file, path); err != nil {
		return nil, file, nil, err
	}
	db, err = bolt.Open(path, 0o600, &bolt.Options{
		Timeout: o.Timeout, FreelistType: bolt.FreelistMapType, MaxSize: o.maxBytes, ReadOnly: o.readOnly, InitialMmapSize: o.mapBytes(file),
		OpenFile: func(string, int, os.FileMode) (*os.File, error) { return file, nil },
	})
	if err != nil && ofContent(err) {
		return nil, file, nil, damaged(path, fmt.Errorf("%w: %w", ErrCorrupt, err))
	}
	if err != nil {
		return nil, file, nil, fmt.Errorf("open %s: %w", path, err)
	}
	return db, file, rest, nil
}

// ofContent tells whether bbolt does not open a file for what is in it. What the system says has its number.
func ofContent(err error) bool {
	var number syscall.Errno
	return !errors.As(err, &number) && !errors.Is(err, berrors.ErrTimeout)
}

// mapBytes has a large file be mapped with room to grow to twice its size: a larger map is not made while anybody reads, and a backup reads for as long as
// it takes to copy. What is mapped and not there takes no memory. A small one is copied before anybody waits, and would only grow in larger steps.
func (o Options) mapBytes(file *os.File) int {
	info, err := file.Stat()
	if err != nil || info.Size() < smallFile || o.maxBytes > 0 || o.readOnly || math.MaxInt == math.MaxInt32 {
		return 0
	}
	return int(2 * info.Size())
}

const smallFile = 32 << 20

// stillThere makes sure that the file that we have locked is the one that has the name: it may have been put aside while we waited.
func stillThere(file *os.File, path string) error {
	ours, err := file.Stat()
	if err != nil {
		return err
	}
	now, err := os.Stat(path)
	if err != nil || !os.SameFile(ours, now) {
		return errors.Join(errMoved, err)
	}
	return nil
}

// errMoved: the file was put aside in this moment; the one in its place is to be opened.
var errMoved = errors.New("the manifest was put aside while it was being opened; try again")

// lock takes the lock that bbolt takes (it takes it again, of the same open file, which changes nothing).
func lock(file *os.File, timeout time.Duration) error {
	const pause = 20 * time.Millisecond
	for waited := time.Duration(0); ; waited += pause {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		switch {
		case err == nil:
			return nil
		case !errors.Is(err, syscall.EWOULDBLOCK):
			return fmt.Errorf("lock %s: %w; the state directory must be on a file system that has locks", file.Name(), err)
		case waited >= timeout:
			return errTimeout
		}
		time.Sleep(pause)
	}
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

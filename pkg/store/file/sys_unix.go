//go:build linux || darwin

package file

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// openFlags keep a FIFO that somebody put under a key from holding us up.
const openFlags = os.O_RDONLY | unix.O_NONBLOCK

// tryLock takes an exclusive lock that ends with the file; held tells that somebody else has it.
func tryLock(f *os.File) (held bool, err error) {
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return true, nil
	}
	return false, os.NewSyscallError("flock", err)
}

// lacking tells that the file system does not have what was asked for at all.
func lacking(err error) bool {
	for _, e := range []error{unix.EOPNOTSUPP, unix.ENOTSUP, unix.ENOSYS, unix.ENOLCK} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// pread reads once from off; at the end of the file it returns 0 and no error. os.File.ReadAt would go on behind the end, at a place where direct reads
// are refused.
func pread(f *os.File, b []byte, off int64) (int, error) {
	for {
		n, err := unix.Pread(int(f.Fd()), b, off)
		if err != unix.EINTR {
			return n, os.NewSyscallError("pread", err)
		}
	}
}

// rmdirAt removes an empty directory and, unlike os.Root.Remove, never a file that took its place.
func rmdirAt(parent *os.File, name string) error {
	return os.NewSyscallError("rmdir", unix.Unlinkat(int(parent.Fd()), name, unix.AT_REMOVEDIR))
}

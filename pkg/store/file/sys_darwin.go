package file

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

const supported = true

// etag is inode, size, mtime and ctime in hex.
func etag(fi os.FileInfo) string {
	st := fi.Sys().(*syscall.Stat_t)
	return fmt.Sprintf("%x-%x-%x-%x", st.Ino, st.Size, uint64(st.Mtimespec.Nano()), uint64(st.Ctimespec.Nano()))
}

// fdatasync is F_FULLFSYNC, which Sync is on this system.
func fdatasync(f *os.File) error { return f.Sync() }

func reserve(f *os.File, sizeBytes int64) error { return f.Truncate(sizeBytes) }

func dropCache(*os.File, int64, int64) {}

// setDirect is F_NOCACHE.
func setDirect(f *os.File, direct bool) error {
	value := 0
	if direct {
		value = 1
	}
	_, err := unix.FcntlInt(f.Fd(), unix.F_NOCACHE, value)
	return os.NewSyscallError("fcntl", err)
}

func reflink(dst, src *os.File) error { return errors.ErrUnsupported }

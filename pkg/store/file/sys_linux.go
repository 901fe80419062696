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
	return fmt.Sprintf("%x-%x-%x-%x", st.Ino, st.Size, uint64(st.Mtim.Nano()), uint64(st.Ctim.Nano()))
}

func fdatasync(f *os.File) error {
	return os.NewSyscallError("fdatasync", unix.Fdatasync(int(f.Fd())))
}

// reserve allocates the space, so that a full disk is told before the first part and not after the last. File systems that
// cannot allocate ahead only get the size.
func reserve(f *os.File, sizeBytes int64) error {
	if sizeBytes == 0 {
		return nil
	}
	// Asked first, because ext4 would take all the space that is left, from everybody, before it says no.
	var fs unix.Statfs_t
	if err := unix.Fstatfs(int(f.Fd()), &fs); err == nil && int64(fs.Bavail) < sizeBytes/fs.Bsize {
		return fmt.Errorf("%d bytes wanted, %d are free: %w", sizeBytes, int64(fs.Bavail)*fs.Bsize, unix.ENOSPC)
	}
	err := unix.Fallocate(int(f.Fd()), 0, 0, sizeBytes)
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOSYS) {
		return f.Truncate(sizeBytes)
	}
	return os.NewSyscallError("fallocate", err)
}

// dropCache asks for the next reads of sizeBytes bytes from off, 0 for all that follow, to come from the disk. It is advice.
func dropCache(f *os.File, off, sizeBytes int64) {
	_ = unix.Fadvise(int(f.Fd()), off, sizeBytes, unix.FADV_DONTNEED)
}

// setDirect has reads of f go past the page cache, or no longer; file systems that cannot do that refuse it.
func setDirect(f *os.File, direct bool) error {
	flags, err := unix.FcntlInt(f.Fd(), unix.F_GETFL, 0)
	if err == nil {
		flags &^= unix.O_DIRECT
		if direct {
			flags |= unix.O_DIRECT
		}
		_, err = unix.FcntlInt(f.Fd(), unix.F_SETFL, flags)
	}
	return os.NewSyscallError("fcntl", err)
}

// reflink shares the blocks of src, where the file system can (XFS, btrfs, bcachefs, NFS 4.2 over them).
func reflink(dst, src *os.File) error {
	return os.NewSyscallError("ficlone", unix.IoctlFileClone(int(dst.Fd()), int(src.Fd())))
}

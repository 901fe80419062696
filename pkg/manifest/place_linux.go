package manifest

import (
	"fmt"
	"io/fs"

	"golang.org/x/sys/unix"
)

// fileID is the number of a file and, where the file system knows it, when it was made.
func fileID(path string, _ fs.FileInfo) (string, error) {
	var st unix.Statx_t
	if err := unix.Statx(unix.AT_FDCWD, path, 0, unix.STATX_INO|unix.STATX_BTIME, &st); err != nil {
		return "", err
	}
	if st.Mask&unix.STATX_BTIME == 0 {
		return fmt.Sprint(st.Ino), nil
	}
	return fmt.Sprint(st.Ino, st.Btime.Sec, st.Btime.Nsec), nil
}

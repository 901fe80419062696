//go:build linux || darwin

package manifest

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// freeBytes are those that we may still use in the file system of a folder.
func freeBytes(dir string) (n int64, known bool, err error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, false, fmt.Errorf("look for room in %s: %w", dir, err)
	}
	return int64(st.Bavail) * int64(st.Bsize), true, nil
}

package manifest

import (
	"fmt"
	"io/fs"
	"syscall"
)

// fileID is the number of a file and when it was made.
func fileID(_ string, info fs.FileInfo) (string, error) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return "", fmt.Errorf("the system says nothing about the file")
	}
	return fmt.Sprint(st.Ino, st.Birthtimespec.Sec, st.Birthtimespec.Nsec), nil
}

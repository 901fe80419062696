//go:build unix && !linux

package emulator

import "syscall"

// sysProcAttr cannot tie the server's life to ours here: after kill -9 of a test, its servers stay.
func sysProcAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}

// keepsXattrs says no, which is slower but right everywhere.
func keepsXattrs(string) bool { return false }

package emulator

import "syscall"

// sysProcAttr has the server die with us even after kill -9.
func sysProcAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// keepsXattrs tells whether files in dir can have the extended attributes in which versitygw keeps an object's metadata;
// tmpfs cannot before Linux 6.6.
func keepsXattrs(dir string) bool {
	return syscall.Setxattr(dir, "user.datagravity-probe", []byte("1"), 0) == nil
}

package engine

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// hugePageBytes is the size of a transparent huge page on amd64, and on arm64 with pages of 4 KiB.
const hugePageBytes = 2 << 20

// preferHugePages asks for huge pages under a new buffer that nobody touched yet. Else its first use is a fault every 4 KiB, each of some 10 µs
// on a virtual machine: an eighth of the CPU time of a short sync. That they are not to be had is no error.
func preferHugePages(b []byte) {
	b = b[:cap(b)]
	skip := -uintptr(unsafe.Pointer(unsafe.SliceData(b))) % hugePageBytes
	if whole := (uintptr(len(b)) - min(skip, uintptr(len(b)))) / hugePageBytes * hugePageBytes; whole > 0 {
		_ = unix.Madvise(b[skip:skip+whole], unix.MADV_HUGEPAGE)
	}
}

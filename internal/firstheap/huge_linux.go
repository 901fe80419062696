package firstheap

import (
	"syscall"
	"unsafe"
)

const (
	hugeBytes = 2 << 20
	// growBytes is the step in which the Go runtime maps memory for its heap.
	growBytes = 4 << 20
)

// hugePages has the kernel back by huge pages what the heap takes next. For that it must be mapped and not touched yet. So something is allocated that is
// larger than a step, and never touched either: it takes what is left of the step that is being used, and all but the end of the two that the heap
// grows by; what is allocated afterwards lies behind it. The first collection frees it. A kernel that knows nothing of this refuses, which does no harm.
func hugePages() {
	skipped := make([]byte, growBytes+1)
	end := uintptr(unsafe.Pointer(unsafe.SliceData(skipped))) + uintptr(len(skipped))
	from := (end + hugeBytes - 1) &^ (hugeBytes - 1)
	_, _, _ = syscall.Syscall(syscall.SYS_MADVISE, from, 2*growBytes, syscall.MADV_HUGEPAGE)
}

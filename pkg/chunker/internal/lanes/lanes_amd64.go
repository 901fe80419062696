package lanes

import (
	"unsafe"

	"golang.org/x/sys/cpu"
)

//go:generate go run -C gen . -out ../nodes_amd64.s -stubs ../nodes_amd64.go -pkg lanes

// Available tells whether this machine can run it.
var Available = cpu.X86.HasAVX2

func nodes(out *[Count]CV, in *byte, stride, blocks int, counters *[2 * Count]uint32, flags, first, last uint32) {
	nodesAVX2(out, in, stride, blocks, counters, flags, first, last)
}

var noCounters [2 * Count]uint32

// Parents gives the chaining values of eight nodes from those of their sixteen children, in order. out may be the first half of children.
func Parents(out *[Count]CV, children *[2 * Count]CV) {
	nodesAVX2(out, (*byte)(unsafe.Pointer(children)), blockBytes, 1, &noCounters, flagParent, 0, 0) // a chaining value is little-endian words, as here
}

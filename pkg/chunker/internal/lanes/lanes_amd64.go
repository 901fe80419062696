package lanes

import "golang.org/x/sys/cpu"

//go:generate go run -C gen . -out ../nodes_amd64.s -stubs ../nodes_amd64.go -pkg lanes

// Available tells whether this machine can run it.
var Available = cpu.X86.HasAVX2

func nodes(out *[Count]CV, in *byte, stride, blocks int, counters *[2 * Count]uint32, flags, first, last uint32) {
	nodesAVX2(out, in, stride, blocks, counters, flags, first, last)
}

package window

import "golang.org/x/sys/cpu"

//go:generate go run -C gen . -out ../blocks_amd64.s -stubs ../blocks_amd64.go -pkg window

// forms are those that this machine can run, the best first.
//
// AVX-512 is: over bytes that are in a cache, as they are when checksums have just been over them, it makes 23 GB/s where AVX2 makes 11
// (Zen 5). Over bytes that come from memory it makes 8, because its loads all cross cache lines, and AVX2 10.
func forms() (list []form) {
	if cpu.X86.HasAVX512F {
		list = append(list, avx512)
	}
	if cpu.X86.HasAVX2 {
		list = append(list, avx2)
	}
	return append(list, generic)
}

// blocks looks at whole blocks from position from and returns where the first one begins that may hold a candidate, or
// that is not whole any more before to. The calls are direct ones, so that data need not be on the heap.
func (f form) blocks(data *byte, from, to int, threshold uint32) int {
	if f == avx512 {
		return blocksAVX512(data, from, to, threshold)
	}
	return blocksAVX2(data, from, to, threshold)
}

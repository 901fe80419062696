package window

import "golang.org/x/sys/cpu"

//go:generate go run -C gen . -out ../blocks_amd64.s -stubs ../blocks_amd64.go -pkg window

// blocks looks at whole blocks from position from and returns where the first one begins that may hold a candidate, or
// that is not whole any more before to; nil: there is no vector form for this machine.
var blocks, kernel = choose(wanted())

// choose prefers AVX-512: over bytes that are in a cache, as they are when checksums have just been over them, it makes 12
// GB/s where AVX2 makes 8 (Zen 5). Over bytes that come from memory it makes 6, because its loads all cross cache lines.
func choose(want string) (func(data *byte, from, to int, threshold uint32) int, string) {
	switch {
	case want == generic:
	case cpu.X86.HasAVX512F && want != "avx2":
		return blocksAVX512, "avx512"
	case cpu.X86.HasAVX2:
		return blocksAVX2, "avx2"
	}
	return nil, generic
}

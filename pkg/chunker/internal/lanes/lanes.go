// Package lanes compresses eight nodes of a BLAKE3 tree at a time, one in each lane of AVX2's vectors.
//
// It is for processors with AVX2 and without AVX-512, for which the BLAKE3 libraries in Go reach half of what the processor can: one gathers the
// words of eight leaves one by one, the other has no form that is part of a larger tree. Here blocks are transposed in registers, four words at a
// time, and the compression keeps its whole state in them. What is computed is the compression function of the BLAKE3 specification, section
// 2.2, without a key.
package lanes

import "unsafe"

// Count of the nodes that are compressed together.
const Count = 8

// LeafBytes is what a leaf holds.
const LeafBytes = 1024

// CV is a chaining value.
type CV = [8]uint32

// Flags of blocks (BLAKE3 specification, table 3).
const (
	flagLeafStart = 1 << 0
	flagLeafEnd   = 1 << 1
	flagParent    = 1 << 2

	blockBytes = 64
	leafBlocks = LeafBytes / blockBytes
)

// Leaves gives the chaining values of eight full leaves that follow each other, the first of which has number first in its tree.
func Leaves(out *[Count]CV, data *[Count * LeafBytes]byte, first uint64) {
	var counters [2 * Count]uint32
	for i := range uint64(Count) {
		n := first + i
		counters[i], counters[Count+i] = uint32(n), uint32(n>>32)
	}
	nodes(out, &data[0], LeafBytes, leafBlocks, &counters, 0, flagLeafStart, flagLeafEnd)
}

var noCounters [2 * Count]uint32

// Parents gives the chaining values of eight nodes from those of their sixteen children, in order. out may be the first half of children.
func Parents(out *[Count]CV, children *[2 * Count]CV) {
	// A chaining value is little-endian words, as they are in memory wherever there is a vector form.
	nodes(out, (*byte)(unsafe.Pointer(children)), blockBytes, 1, &noCounters, flagParent, 0, 0)
}

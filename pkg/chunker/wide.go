package chunker

import (
	"lukechampine.com/blake3/guts"

	"github.com/datagravity/datagravity/pkg/chunker/internal/lanes"
	"github.com/datagravity/datagravity/pkg/chunker/internal/window"
)

// eightWide: nodes of the tree are compressed by lanes rather than guts, which is faster with AVX-512 and slower without.
var eightWide = lanes.Available && window.Kernel() == "avx2"

const (
	// wideBytes is what wideNode takes at most: so much that most levels of the tree above it have eight nodes or more, and so little that their values
	// stay on the stack.
	wideBytes  = 64 << 10
	wideLeaves = wideBytes / guts.ChunkSize
)

// wideNode is the node above at most wideBytes, whose first leaf has number leaf.
//
// Nodes of a level are joined in pairs, and one that is left over goes up as it is: what comes out is the tree whose left sides are the largest
// powers of two.
//
//go:noinline
func wideNode(data []byte, leaf uint64) guts.Node {
	if len(data) <= guts.ChunkSize {
		return guts.CompressChunk(data, &guts.IV, leaf, 0)
	}
	// What the last call of a level writes beyond its end is not looked at.
	var cvs [wideLeaves + lanes.Count]lanes.CV
	n := wideLeafCVs(&cvs, data, leaf)
	for n > 2 {
		pairs, single := n/2, cvs[n-1]
		if pairs == 1 {
			cvs[0] = guts.ChainingValue(guts.ParentNode(cvs[0], cvs[1], &guts.IV, 0))
		} else {
			for i := 0; i < pairs; i += lanes.Count {
				lanes.Parents((*[lanes.Count]lanes.CV)(cvs[i:]), (*[2 * lanes.Count]lanes.CV)(cvs[2*i:]))
			}
		}
		if n%2 == 1 {
			cvs[pairs] = single
			pairs++
		}
		n = pairs
	}
	return guts.ParentNode(cvs[0], cvs[1], &guts.IV, 0)
}

// wideLeafCVs fills in the values of the leaves, and returns how many they are.
func wideLeafCVs(cvs *[wideLeaves + lanes.Count]lanes.CV, data []byte, leaf uint64) (n int) {
	const group = lanes.Count * guts.ChunkSize
	for ; len(data) >= group; data = data[group:] {
		lanes.Leaves((*[lanes.Count]lanes.CV)(cvs[n:]), (*[group]byte)(data), leaf+uint64(n))
		n += lanes.Count
	}
	// Of less than a group the full leaves are compressed beside others of zeros.
	if full := len(data) / guts.ChunkSize; full > 1 {
		var padded [group]byte
		copy(padded[:], data[:full*guts.ChunkSize])
		lanes.Leaves((*[lanes.Count]lanes.CV)(cvs[n:]), &padded, leaf+uint64(n))
		n += full
		data = data[full*guts.ChunkSize:]
	}
	for len(data) > 0 {
		size := min(len(data), guts.ChunkSize)
		cvs[n] = guts.ChainingValue(guts.CompressChunk(data[:size], &guts.IV, leaf+uint64(n), 0))
		n++
		data = data[size:]
	}
	return n
}

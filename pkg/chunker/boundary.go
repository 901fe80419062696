package chunker

import "github.com/datagravity/datagravity/pkg/chunker/internal/window"

// boundaries is Params made ready for searching.
//
// A chunk ends at the first candidate of package window at which it has at least MinBytes. Up to the normal length, 13/16 of
// the average, candidates are as frequent as one in AvgBytes; after it three and a half times that. This is the normalisation of
// FastCDC (Xia et al., USENIX ATC 2016) in a milder form. FastCDC's 1/4 and 4 times narrow the sizes more, so that an edit of a few
// bytes hits a chunk that is a little shorter; but after bytes were inserted, removed or replaced it takes longer until the same boundaries
// are found again, because chunks of nearly equal length go on side by side like a ruler that was moved. docs/performance.md has both
// on the same edits.
type boundaries struct {
	min, normal, max int64
	early, late      uint32 // thresholds before and from the normal length
}

func newBoundaries(p Params) boundaries {
	const all = uint64(1) << 32
	share := all / uint64(p.AvgBytes)
	return boundaries{
		min: p.MinBytes,
		// With min and max at a half and twice the average, the mean over random data is then 0.98 averages.
		normal: max(p.MinBytes, p.AvgBytes/16*13),
		max:    p.MaxBytes,
		early:  uint32(all - share),
		late:   uint32(all - 7*share/2),
	}
}

// context is the end of the data that came before a buffer.
type context [window.Bytes - 1]byte

// remember keeps the last bytes seen, for windows that reach back over the seam between two buffers.
func (c *context) remember(data []byte) {
	if len(data) < len(c) {
		copy(c[:], c[len(data):])
		copy(c[len(c)-len(data):], data)
		return
	}
	copy(c[:], data[len(data)-len(c):])
}

// seek returns the first position in [lo, hi) at which a chunk that began at start may end, -1 if there is none. data begins at
// base, before holds what was in front of it. lo > base, lo-start >= min, and hi <= base+len(data)+1.
func (b *boundaries) seek(before *context, data []byte, base, start, lo, hi int64) int64 {
	turn := min(max(start+b.normal, lo), hi)
	if i := search(before, data, int(lo-base), int(turn-base), b.early); i >= 0 {
		return base + int64(i)
	}
	if i := search(before, data, int(turn-base), int(hi-base), b.late); i >= 0 {
		return base + int64(i)
	}
	return -1
}

// search returns the first candidate i in [from, to), to <= len(data)+1, or -1.
func search(before *context, data []byte, from, to int, threshold uint32) int {
	if from >= to {
		return -1
	}
	if from < window.Bytes {
		// The windows of these positions begin in the buffer before.
		var seam [2 * len(before)]byte
		copy(seam[:], before[:])
		n := copy(seam[len(before):], data)
		stop := min(to, n+1)
		if i := window.Search(seam[:len(before)+n], len(before)+from, len(before)+stop, threshold); i >= 0 {
			return i - len(before)
		}
		from = window.Bytes
	}
	return window.Search(data, from, to, threshold)
}

package chunker

import "encoding/binary"

// A position is a boundary if the 16 bytes before it say so, taken as two little-endian words, near (the last 8) and far
// (the 8 before those):
//
//  1. filter: the low half of near times filterMul plus its high half, modulo 2^32, has its top 8 bits set;
//  2. full: near*nearMul + far*farMul, modulo 2^64, is at least a threshold;
//  3. near and far differ.
//
// Why two hashes: a multiply is what a byte costs here (one a cycle on the Zen 5 measured), and the filter needs one where a
// hash of 16 bytes needs two. It decides 255 of 256 positions, and is two 32-bit vector operations for whoever writes it
// with vectors. A filter of fewer bits is slower (7 bits: -14 %, from mispredicted branches).
//
// Why 16 bytes: token files, fp16 tensors and label maps have few different 8-byte windows, so a boundary there comes
// never or all the time.
//
// Why the high side: a hash of zeros is 0, and padding must not be full of boundaries. Step 3 says the same of every run
// with a period of 1, 2, 4 or 8 bytes, whatever the constants: such a run is cut at MaxBytes, never at MinBytes.
const (
	windowBytes = 16
	filterBits  = 8

	// The constants are successive outputs of SplitMix64 with seed 0, made odd: the first two, and the upper half of the
	// first one after them for which no run of one byte value passes the filter, but some mask of bytes 0 and 1 does (with
	// 256 different words, a mask could else have no boundary at all). A test finds them again.
	nearMul   uint64 = 0xe220a8397b1dcdaf
	farMul    uint64 = 0x6e789e6aa1b965f5
	filterMul uint64 = 0x53cb9f0d

	// A 64-bit product with filterWord has in its upper half exactly step 1's sum, because the word's lower half is 1.
	filterWord      uint64 = filterMul<<32 | 1
	filterThreshold uint64 = (1<<filterBits - 1) << (64 - filterBits)
)

// boundaries is Params made ready for searching. Chunk sizes are normalised as in FastCDC (Xia et al., USENIX ATC 2016,
// level 2): boundaries are four times rarer than 1/AvgBytes up to the normal length and four times more frequent after
// it, which narrows the sizes and keeps forced cuts at MaxBytes, the only ones that do not follow content, rare.
type boundaries struct {
	min, normal, max int64
	hard, easy       uint64 // thresholds of the full hash
}

func newBoundaries(p Params) boundaries {
	// Of the positions that pass the filter, this share of all 2^64 hashes gives one boundary in AvgBytes.
	share := ^uint64(0) / uint64(p.AvgBytes) << filterBits
	return boundaries{
		min: p.MinBytes,
		// With the normal length at 13/16 of the average, and min and max at a quarter and four times of it, the mean over
		// random data is the average; at the average itself it would be 14 % more.
		normal: max(p.MinBytes, p.AvgBytes-p.AvgBytes*3/16),
		max:    p.MaxBytes,
		hard:   -(share / 4),
		easy:   -(share * 4),
	}
}

// context is the end of the data that came before a buffer.
type context [windowBytes - 1]byte

// next returns the first i in 1..len(data) such that the open chunk, of which open bytes precede data, ends before
// data[i]; -1 if it does not end within data. before are the bytes in front of data, looked at only if open is at least
// their number.
func (b *boundaries) next(before *context, data []byte, open int64) int {
	forced := b.max - open // >= 1: a chunk of max bytes was cut before
	end := min(int64(len(data)), forced-1) + 1
	from := max(1, b.min-open)
	turn := max(from, min(b.normal-open, end))
	if from < turn {
		if i := search(before, data, int(from), int(turn), b.hard); i >= 0 {
			return i
		}
	}
	if turn < end {
		if i := search(before, data, int(turn), int(end), b.easy); i >= 0 {
			return i
		}
	}
	if forced <= int64(len(data)) {
		return int(forced)
	}
	return -1
}

// search returns the first boundary i in [from, to), to <= len(data)+1, or -1.
func search(before *context, data []byte, from, to int, threshold uint64) int {
	if from < windowBytes {
		// The windows of these positions begin in the buffer before.
		var seam [2 * len(before)]byte
		copy(seam[:], before[:])
		n := copy(seam[len(before):], data)
		stop := min(to, n+1)
		if i := searchWords(seam[:], len(before)+from, len(before)+stop, threshold); i >= 0 {
			return i - len(before)
		}
		from = windowBytes
	}
	return searchWords(data, from, to, threshold)
}

// searchWords is search within one buffer: from >= windowBytes. It is the one loop that every byte passes through, and
// the place for a vector form of the same function.
func searchWords(data []byte, from, to int, threshold uint64) int {
	i := from
	for {
		for i+16 <= to {
			// One bounds check for 16 positions; the multiplies are independent of each other and overlap.
			w := (*[23]byte)(data[i-8:])
			if passes(w[0:]) {
				goto candidate
			}
			if passes(w[1:]) {
				i++
				goto candidate
			}
			if passes(w[2:]) {
				i += 2
				goto candidate
			}
			if passes(w[3:]) {
				i += 3
				goto candidate
			}
			if passes(w[4:]) {
				i += 4
				goto candidate
			}
			if passes(w[5:]) {
				i += 5
				goto candidate
			}
			if passes(w[6:]) {
				i += 6
				goto candidate
			}
			if passes(w[7:]) {
				i += 7
				goto candidate
			}
			if passes(w[8:]) {
				i += 8
				goto candidate
			}
			if passes(w[9:]) {
				i += 9
				goto candidate
			}
			if passes(w[10:]) {
				i += 10
				goto candidate
			}
			if passes(w[11:]) {
				i += 11
				goto candidate
			}
			if passes(w[12:]) {
				i += 12
				goto candidate
			}
			if passes(w[13:]) {
				i += 13
				goto candidate
			}
			if passes(w[14:]) {
				i += 14
				goto candidate
			}
			if passes(w[15:]) {
				i += 15
				goto candidate
			}
			i += 16
		}
		for ; i < to; i++ {
			if passes(data[i-8:]) {
				goto candidate
			}
		}
		return -1
	candidate:
		near, far := binary.LittleEndian.Uint64(data[i-8:]), binary.LittleEndian.Uint64(data[i-16:])
		if near*nearMul+far*farMul >= threshold && near != far {
			return i
		}
		i++
	}
}

func passes(near []byte) bool {
	return binary.LittleEndian.Uint64(near)*filterWord >= filterThreshold
}

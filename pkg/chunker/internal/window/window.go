// Package window finds the positions of a buffer at which a hash of the bytes before them is high: the candidates for
// chunk boundaries.
//
// What a position hashes to depends on 16 bytes before it and on nothing else: near, the 8 bytes just before, and far, the
// 8 bytes that stand [Lag] before those. Far is folded into near, and the two halves of that are multiplied:
//
//	folded = near XOR far << 5, in each 32-bit half on its own
//	hash   = low half * 0x7b1dcdaf + high half * 0xa1b965f5, modulo 2^32
//
// A position is a candidate at a threshold if its hash is at least that, and near and far differ.
//
// # Why this hash
//
// Everything is 32 bits wide, so that a vector unit does 8 or 16 positions at once, in eight operations, and two multiplies a position are
// what a scalar machine affords. Hashing 8 adjacent bytes only is a third cheaper and not enough: int32 tokens and texts have so few
// different windows of 8 bytes that candidates come in clumps or not at all (at an average of 1 MiB, 46 % of the chunks
// of a Zipf-distributed token file were forced ones, with this hash 8 %). Far from near is better than next to it, because in label
// maps and padding the neighbours are the same once more.
//
// # Why 48
//
// Data that repeats every 1, 2, 3, 4, 6, 8, 12, 16, 24 or 48 bytes has equal near and far everywhere and so no candidate at all,
// whatever the constants: zeros, flat pixels of 1, 3 or 4 channels, constant records. A run of it is never cut to pieces, and ends
// no other way than by its length.
//
// The multipliers are the lower halves of the first two outputs of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014) with seed 0.
package window

import (
	"encoding/binary"
	"math/bits"
)

const (
	// Lag is the distance between the two words that are hashed, in bytes.
	Lag = 48
	// Bytes before a position decide whether it is a candidate.
	Bytes = Lag + 8

	foldBits = 5
	foldMask = (1<<32 - 1<<foldBits) * (1<<32 + 1)
	lowMul   = 0x7b1dcdaf
	highMul  = 0xa1b965f5
)

// blockBytes is how many positions the vector forms look at in one turn.
const blockBytes = 64

// Search returns the first candidate in [from, to), or -1. from is at least [Bytes], to at most len(data)+1: position i
// stands before data[i].
func Search(data []byte, from, to int, threshold uint32) int {
	if from >= to {
		return -1
	}
	_ = data[:to-1]
	for {
		i := first(data, from, to, threshold)
		if i < 0 || near(data, i) != far(data, i) {
			return i
		}
		// In a repeating run: no position of it can be a candidate.
		if from = runEnd(data, i, to); from >= to {
			return -1
		}
	}
}

// first is Search without the comparison of near and far.
func first(data []byte, from, to int, threshold uint32) int {
	for kernel != generic && to-from >= blockBytes {
		from = kernel.blocks(&data[0], from, to, threshold)
		if i := firstGeneric(data, from, min(from+blockBytes, to), threshold); i >= 0 {
			return i
		}
		from += blockBytes
	}
	return firstGeneric(data, from, to, threshold)
}

// firstGeneric is first in Go alone.
func firstGeneric(data []byte, from, to int, threshold uint32) int {
	i := from
	for ; i+8 <= to; i += 8 {
		// One bounds check for eight positions, whose hashes do not wait for each other.
		w := (*[Bytes + 7]byte)(data[i-Bytes:])
		switch {
		case hash(w[0:]) >= threshold:
			return i
		case hash(w[1:]) >= threshold:
			return i + 1
		case hash(w[2:]) >= threshold:
			return i + 2
		case hash(w[3:]) >= threshold:
			return i + 3
		case hash(w[4:]) >= threshold:
			return i + 4
		case hash(w[5:]) >= threshold:
			return i + 5
		case hash(w[6:]) >= threshold:
			return i + 6
		case hash(w[7:]) >= threshold:
			return i + 7
		}
	}
	for ; i < to; i++ {
		if hash(data[i-Bytes:]) >= threshold {
			return i
		}
	}
	return -1
}

// hash is that of the position after the window's bytes.
func hash(window []byte) uint32 {
	w := (*[Bytes]byte)(window)
	x := binary.LittleEndian.Uint64(w[Lag:]) ^ binary.LittleEndian.Uint64(w[:])<<foldBits&foldMask
	return uint32(x)*lowMul + uint32(x>>32)*highMul
}

func near(data []byte, i int) uint64 { return binary.LittleEndian.Uint64(data[i-8:]) }

func far(data []byte, i int) uint64 { return binary.LittleEndian.Uint64(data[i-Bytes:]) }

// runEnd returns the first position behind i at which near and far differ, at most to. They are equal at i.
func runEnd(data []byte, i, to int) int {
	for ; i+8 < to; i += 8 {
		if d := binary.LittleEndian.Uint64(data[i:]) ^ binary.LittleEndian.Uint64(data[i-Lag:]); d != 0 {
			return i + bits.TrailingZeros64(d)/8 + 1
		}
	}
	for ; i+1 < to && data[i] == data[i-Lag]; i++ {
	}
	return min(i+1, to)
}

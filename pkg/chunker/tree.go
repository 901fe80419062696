package chunker

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/bits"

	"lukechampine.com/blake3/guts"
)

// PartCV is what one part contributes to the shard's BLAKE3: the chaining value of its subtree, or, if the part is the
// whole shard, the digest itself.
//
// BLAKE3 hashes leaves of 1024 bytes, each with its position, and joins them in a binary tree whose left side is always
// the largest full power of two. A part that starts at a multiple of a power-of-two size and is full, or is the last, is
// therefore exactly one node of that tree (BLAKE3 specification, section 2.1).
type PartCV [32]byte

// MarshalText writes 64 hex digits.
func (v PartCV) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, v[:]), nil }

// UnmarshalText reads what MarshalText writes.
func (v *PartCV) UnmarshalText(text []byte) error {
	if len(text) != hex.EncodedLen(len(v)) {
		return fmt.Errorf("chaining value of %d characters: want %d hex digits", len(text), hex.EncodedLen(len(v)))
	}
	_, err := hex.Decode(v[:], text)
	return err
}

// stripeBytes is what guts compresses at once, 16 leaves side by side. Larger pieces it would spread over goroutines, and
// be 12 % slower on one core.
const stripeBytes = guts.MaxSIMD * guts.ChunkSize

// PartDigest hashes one part, which begins at offset in the shard. Parts may be hashed in any order and at the same time.
// onlyPart says that the part is the whole shard. offset must be a multiple of 1024, or PartDigest panics.
func PartDigest(part []byte, offset int64, onlyPart bool) PartCV {
	return partDigest(part, offset, onlyPart, nil)
}

func partDigest(part []byte, offset int64, onlyPart bool, also *blockSums) PartCV {
	if offset < 0 || offset%guts.ChunkSize != 0 {
		panic(fmt.Sprintf("chunker: part at offset %d: want a multiple of %d", offset, guts.ChunkSize))
	}
	n := subtree(part, uint64(offset)/guts.ChunkSize, also)
	if onlyPart {
		n.Flags |= guts.FlagRoot
	}
	return wordsToBytes(guts.ChainingValue(n))
}

// subtree returns the node above data, whose first leaf has number leaf. also, if not nil, sees the bytes block by block,
// in order, while they are in cache.
func subtree(data []byte, leaf uint64, also *blockSums) guts.Node {
	if also != nil && len(data) <= also.blockBytes {
		also.add(data)
		also = nil
	}
	if eightWide && also == nil && len(data) <= wideBytes {
		return wideNode(data, leaf)
	}
	if len(data) == stripeBytes {
		return guts.CompressBuffer((*[stripeBytes]byte)(data), stripeBytes, &guts.IV, leaf, 0)
	}
	if len(data) < stripeBytes {
		return lastStripe(data, leaf)
	}
	left := 1 << (bits.Len(uint(len(data)-1)) - 1)
	l := guts.ChainingValue(subtree(data[:left], leaf, also))
	r := guts.ChainingValue(subtree(data[left:], leaf+uint64(left/guts.ChunkSize), also))
	return guts.ParentNode(l, r, &guts.IV, 0)
}

// lastStripe is the node above less than a stripe. It is a function of its own, and not inlined, because its 16 KiB buffer
// would otherwise be in the frame of every level of subtree's recursion.
//
//go:noinline
func lastStripe(data []byte, leaf uint64) guts.Node {
	var padded [stripeBytes]byte
	return guts.CompressBuffer(&padded, copy(padded[:], data), &guts.IV, leaf, 0)
}

// RootDigest is the shard's digest from the chaining values of all its parts, in order of their offsets. Every part but
// the last has partBytes, a power of two of at least 1024; a shard of size 0 has one empty part. It fails if the number
// of values does not follow from the sizes.
func RootDigest(cvs []PartCV, partBytes, size int64) (Digest, error) {
	n, err := partCount(partBytes, size)
	if err != nil {
		return Digest{}, err
	}
	if int64(len(cvs)) != n {
		return Digest{}, fmt.Errorf("%d part digests for a shard of %d bytes in parts of %d: want %d", len(cvs), size, partBytes, n)
	}
	if n == 1 {
		return Digest(cvs[0]), nil
	}
	root := joinParts(cvs)
	root.Flags |= guts.FlagRoot
	return Digest(wordsToBytes(guts.ChainingValue(root))), nil
}

// joinParts returns the node above two or more parts.
func joinParts(cvs []PartCV) guts.Node {
	side := func(s []PartCV) [8]uint32 {
		if len(s) == 1 {
			return bytesToWords(s[0])
		}
		return guts.ChainingValue(joinParts(s))
	}
	left := 1 << (bits.Len(uint(len(cvs)-1)) - 1)
	return guts.ParentNode(side(cvs[:left]), side(cvs[left:]), &guts.IV, 0)
}

// partCount is the number of parts of a shard.
func partCount(partBytes, size int64) (int64, error) {
	if partBytes < guts.ChunkSize || partBytes&(partBytes-1) != 0 {
		return 0, fmt.Errorf("parts of %d bytes: want a power of two of at least %d", partBytes, guts.ChunkSize)
	}
	if size < 0 {
		return 0, fmt.Errorf("shard of %d bytes", size)
	}
	if size == 0 {
		return 1, nil
	}
	return (size-1)/partBytes + 1, nil
}

func wordsToBytes(w [8]uint32) (b [32]byte) {
	for i, v := range w {
		binary.LittleEndian.PutUint32(b[4*i:], v)
	}
	return b
}

func bytesToWords(b [32]byte) (w [8]uint32) {
	for i := range w {
		w[i] = binary.LittleEndian.Uint32(b[4*i:])
	}
	return w
}

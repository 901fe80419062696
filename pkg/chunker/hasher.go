package chunker

import (
	"encoding/hex"

	"github.com/zeebo/blake3"
)

// Hasher digests bytes that come piece by piece: listings, snapshots, selections. Shards go through SumPart, whose state
// survives a restart.
type Hasher struct{ h *blake3.Hasher }

// NewHasher starts a digest.
func NewHasher() *Hasher { return &Hasher{blake3.New()} }

// Write never fails.
func (h *Hasher) Write(p []byte) (int, error) { return h.h.Write(p) }

// Digest of what was written so far.
func (h *Hasher) Digest() (d Digest) {
	h.h.Sum(d[:0])
	return d
}

// Hex is the digest's 64 hex digits without the algorithm's name, for names of files and keys.
func (d Digest) Hex() string { return hex.EncodeToString(d[:]) }

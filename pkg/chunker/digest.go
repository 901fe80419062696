package chunker

import (
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/zeebo/blake3"
)

// Digest is a 32-byte BLAKE3 hash: of a shard, a chunk or a recipe.
type Digest [32]byte

// digestPrefix leaves room for another hash function without guessing by length.
const digestPrefix = "blake3:"

// Sum digests data.
func Sum(data []byte) Digest { return blake3.Sum256(data) }

// String is "blake3:" and 64 lower-case hex digits, the form that [ParseDigest] reads.
func (d Digest) String() string { return digestPrefix + hex.EncodeToString(d[:]) }

// IsZero tells that no digest is known. No input is known to have this digest.
func (d Digest) IsZero() bool { return d == Digest{} }

// ParseDigest reads what [Digest.String] writes. Upper-case digits are refused, so that a digest has one spelling and can
// be compared and looked up as text.
func ParseDigest(s string) (Digest, error) {
	var d Digest
	digits, ok := strings.CutPrefix(s, digestPrefix)
	if !ok || len(digits) != hex.EncodedLen(len(d)) || digits != strings.ToLower(digits) {
		return Digest{}, fmt.Errorf("digest %q: want %q and %d lower-case hex digits", s, digestPrefix, hex.EncodedLen(len(d)))
	}
	if _, err := hex.Decode(d[:], []byte(digits)); err != nil {
		return Digest{}, fmt.Errorf("digest %q: %w", s, err)
	}
	return d, nil
}

// MarshalText lets JSON and configuration carry the string form; the zero Digest is empty text.
func (d Digest) MarshalText() ([]byte, error) {
	if d.IsZero() {
		return nil, nil
	}
	return []byte(d.String()), nil
}

// UnmarshalText reads the string form; empty text is the zero Digest.
func (d *Digest) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*d = Digest{}
		return nil
	}
	v, err := ParseDigest(string(text))
	if err == nil {
		*d = v
	}
	return err
}

// UnmarshalBinary reads the 32 bytes. CBOR would otherwise set an array byte by byte, which was a third of reading a snapshot.
func (d *Digest) UnmarshalBinary(b []byte) error {
	if len(b) != len(d) {
		return fmt.Errorf("digest of %d bytes, want %d", len(b), len(d))
	}
	copy(d[:], b)
	return nil
}

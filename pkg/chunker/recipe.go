package chunker

import "fmt"

// Recipe says how a shard is cut and what its bytes are. It is written once and never changed.
type Recipe struct {
	Params
	Size      int64  // bytes of the shard
	Shard     Digest // plain BLAKE3 of its bytes
	CRC64NVME uint64 // of its bytes
	CRC32C    uint32 // of its bytes
	// Extra are digests that were asked for, in ascending order of their algorithms.
	Extra []ExtraDigest
	// Chunks cover the shard from its first byte to its last without a gap; none for an empty shard.
	Chunks []Chunk
}

// Validate tells the first way in which the recipe contradicts itself, or nil. It does not look at the shard's bytes.
func (r *Recipe) Validate() error {
	if err := r.Params.Validate(); err != nil {
		return err
	}
	for i, d := range r.Extra {
		switch n := extraSize(d.Algorithm); {
		case n == 0 || n != len(d.Sum):
			return fmt.Errorf("%d bytes of %q are no digest that this version knows", len(d.Sum), d.Algorithm)
		case i > 0 && d.Algorithm <= r.Extra[i-1].Algorithm:
			return fmt.Errorf("digest %q stands after %q", d.Algorithm, r.Extra[i-1].Algorithm)
		}
	}
	var at int64
	for i, c := range r.Chunks {
		switch {
		case c.Offset != at:
			return fmt.Errorf("chunk %d begins at byte %d, the one before ends at %d", i, c.Offset, at)
		case c.Length < 1 || c.Length > r.MaxBytes:
			return fmt.Errorf("chunk %d has %d bytes, want 1 to %d", i, c.Length, r.MaxBytes)
		case c.Length < r.MinBytes && i < len(r.Chunks)-1 && r.Algorithm == AlgorithmPlain:
			return fmt.Errorf("chunk %d has %d bytes, all but the last have at least %d", i, c.Length, r.MinBytes)
		}
		at += c.Length
	}
	if at != r.Size {
		return fmt.Errorf("chunks of %d bytes together for a shard of %d bytes", at, r.Size)
	}
	return nil
}

// Digest names the recipe: the last 32 bytes of its encoding, which are the BLAKE3 of all bytes before them. Errors are
// those of [Recipe.Encode].
func (r *Recipe) Digest() (Digest, error) {
	b, err := r.Encode()
	if err != nil {
		return Digest{}, err
	}
	return Digest(b[len(b)-len(Digest{}):]), nil
}

package chunker

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"slices"
	"strings"
)

// ExtraAlgorithms are the digests of a whole shard that can be asked for beside BLAKE3, for catalogues and exports that name
// them. They are read from the first byte to the last on one core, at less than half of BLAKE3's speed.
func ExtraAlgorithms() []string { return []string{"md5", "sha256"} }

// ExtraDigest is a digest of a whole shard under another algorithm than BLAKE3.
type ExtraDigest struct {
	Algorithm string // of [ExtraAlgorithms]
	Sum       []byte
}

// String is the algorithm's name, a colon, and lower-case hex digits: the grammar of OCI digests.
func (d ExtraDigest) String() string { return d.Algorithm + ":" + hex.EncodeToString(d.Sum) }

// MarshalText lets JSON carry the string form.
func (d ExtraDigest) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// ExtraDigests are the digests of all bytes that a [State] was taken after, for its Extra and the names that the Cutter was made with.
func ExtraDigests(names []string, state []byte) ([]ExtraDigest, error) {
	e, err := newExtraHashes(names)
	if err != nil {
		return nil, err
	}
	if err := e.restore(state); err != nil {
		return nil, err
	}
	return e.digests(), nil
}

// extraSize is the length of an algorithm's digests in bytes, 0 if it is not known.
func extraSize(algorithm string) int {
	if h := newExtraHash(algorithm); h != nil {
		return h.Size()
	}
	return 0
}

func newExtraHash(algorithm string) hash.Hash {
	switch algorithm {
	case "md5":
		return md5.New()
	case "sha256":
		return sha256.New()
	}
	return nil
}

// extraHashes are hashes in progress, in ascending order of their names.
type extraHashes struct {
	names  []string
	hashes []hash.Hash
}

func newExtraHashes(names []string) (e extraHashes, err error) {
	e.names = slices.Compact(slices.Sorted(slices.Values(names)))
	for _, name := range e.names {
		h := newExtraHash(name)
		if h == nil {
			return e, fmt.Errorf("digest %q is not known (known: %s)", name, strings.Join(ExtraAlgorithms(), ", "))
		}
		e.hashes = append(e.hashes, h)
	}
	return e, nil
}

func (e *extraHashes) write(b []byte) {
	for _, h := range e.hashes {
		_, _ = h.Write(b) // a hash never fails
	}
}

func (e *extraHashes) digests() (list []ExtraDigest) {
	for i, h := range e.hashes {
		list = append(list, ExtraDigest{Algorithm: e.names[i], Sum: h.Sum(nil)})
	}
	return list
}

// state is what restore goes on from, nil if there is nothing to hash.
func (e *extraHashes) state() []byte {
	if len(e.hashes) == 0 {
		return nil
	}
	states := make(map[string][]byte, len(e.hashes))
	for i, h := range e.hashes {
		// The standard library's hashes all can, and never fail.
		states[e.names[i]], _ = h.(encoding.BinaryMarshaler).MarshalBinary()
	}
	b, _ := json.Marshal(states) // of bytes by name: never fails
	return b
}

func (e *extraHashes) restore(b []byte) error {
	if len(e.hashes) == 0 {
		return nil
	}
	var states map[string][]byte
	if err := json.Unmarshal(b, &states); err != nil {
		return fmt.Errorf("state of %s: %w", strings.Join(e.names, " and "), err)
	}
	for i, h := range e.hashes {
		if err := h.(encoding.BinaryUnmarshaler).UnmarshalBinary(states[e.names[i]]); err != nil {
			return fmt.Errorf("state of %s: %w", e.names[i], err)
		}
	}
	return nil
}

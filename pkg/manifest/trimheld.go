package manifest

import (
	"encoding/binary"
	"hash/maphash"
	"slices"
	"strings"

	"github.com/datagravity/datagravity/pkg/chunker"
)

// holdings tell which contents stores hold under which keys.
type holdings struct {
	stores []string
	// suspects may still be there, and are not found by their digests.
	suspects map[chunker.Digest][]string
	// folders of snapshots in which something lies.
	folders map[string]bool
}

// folderBytes is the length of the names that snapshots' folders have at destinations: the first digits of their ids.
const folderBytes = 16

func folderOf(id chunker.Digest) string { return id.Hex()[:folderBytes] }

// held tells whether an object is of interest to who looks for what is to go: it counts, or may.
func held(r Replica) bool { return r.Present() || r.Missing == Suspect }

func (h *holdings) read(t *trimmer) error {
	h.suspects, h.folders = map[chunker.Digest][]string{}, map[string]bool{}
	return each(t, replicas, nil, func(_ *Tx, _ []byte, r Replica) error {
		if !held(r) {
			return nil
		}
		if i, ok := slices.BinarySearch(h.stores, r.Store); !ok {
			h.stores = slices.Insert(h.stores, i, r.Store)
		}
		if r.Missing == Suspect {
			h.suspects[r.Shard] = append(h.suspects[r.Shard], r.Key)
		}
		// Whatever the prefix of a destination is, or was: a folder of a dataset that is named like a snapshot's only makes something stay.
		for part := range strings.SplitSeq(r.Key, "/") {
			if len(part) == folderBytes && isHex(part) {
				h.folders[part] = true
			}
		}
		return nil
	}, nil)
}

func isHex(s string) bool {
	return strings.Trim(s, "0123456789abcdef") == ""
}

// have tells whether some store holds a content under a key that ends with the path: it may be this path of a dataset.
func (h *holdings) have(tx *Tx, path string, d chunker.Digest) (yes bool, err error) {
	for _, key := range h.suspects[d] {
		yes = yes || strings.HasSuffix(key, path)
	}
	for _, name := range h.stores {
		if err != nil || yes {
			break
		}
		err = replicasByDigest.scan(tx, digestKey(name, d, ""), nil, func(k []byte, _ struct{}) (bool, error) {
			yes = strings.HasSuffix(string(k), path)
			return !yes, nil
		})
	}
	return yes, err
}

// namer makes short names of what a snapshot has, by a hash that nobody can choose collisions of.
type namer struct{ seed maphash.Seed }

func newNamer() namer { return namer{maphash.MakeSeed()} }

func (n namer) pair(path string, d chunker.Digest) uint64 {
	return n.of(path, d[:])
}

func (n namer) path(dataset, path string) uint64 { return n.of(dataset, []byte(path)) }

func (n namer) of(text string, more []byte) uint64 {
	var h maphash.Hash
	h.SetSeed(n.seed)
	_, _ = h.WriteString(text) // never fails
	_ = h.WriteByte(0)
	_, _ = h.Write(more)
	return h.Sum64()
}

// shortOf names a recipe. Two that share a name stay both.
func shortOf(id chunker.Digest) uint64 { return binary.BigEndian.Uint64(id[:8]) }

// hashes is a set of hashes: 8 bytes for each, while a map of them takes 40.
type hashes struct {
	list   []uint64
	sorted int // as many of them are in order, and different
}

func (s *hashes) add(h uint64) {
	if s.list = append(s.list, h); len(s.list) >= 2*s.sorted+1<<16 {
		s.sort()
	}
}

func (s *hashes) sort() {
	slices.Sort(s.list)
	s.list = slices.Compact(s.list)
	s.sorted = len(s.list)
}

func (s *hashes) has(h uint64) bool {
	if s.sorted < len(s.list) {
		s.sort()
	}
	_, ok := slices.BinarySearch(s.list, h)
	return ok
}

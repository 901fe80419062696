package manifest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"

	"github.com/datagravity/datagravity/pkg/chunker"
)

var pathLists = table[pathList]{bucket: "paths"}

// pathList is a sorted list of paths. Each is the number of bytes that it shares with the one before it, the number of bytes that follow, and those:
// what numbered shards have in common is stored once.
type pathList struct {
	Count  int    `cbor:"1,keyasint"`
	Packed []byte `cbor:"2,keyasint"`
	// Index are those of them that list shards though their names do not tell.
	Index []string `cbor:"3,keyasint,omitempty"`
}

func packPaths(sorted, index []string) pathList {
	l := pathList{Count: len(sorted), Index: index}
	before := ""
	for _, p := range sorted {
		n := 0
		for n < len(p) && n < len(before) && p[n] == before[n] {
			n++
		}
		l.Packed = binary.AppendUvarint(l.Packed, uint64(n))
		l.Packed = binary.AppendUvarint(l.Packed, uint64(len(p)-n))
		l.Packed = append(l.Packed, p[n:]...)
		before = p
	}
	return l
}

func (l pathList) unpack() ([]string, error) {
	bad := fmt.Errorf("%w: a list of paths is cut off", ErrCorrupt)
	b := l.Packed
	number := func() (int, bool) {
		v, n := binary.Uvarint(b)
		if n <= 0 || v > uint64(len(l.Packed)) {
			return 0, false
		}
		b = b[n:]
		return int(v), true
	}
	out := make([]string, 0, min(l.Count, len(b)))
	before := ""
	for len(b) > 0 {
		shared, ok := number()
		rest, also := number()
		if !ok || !also || shared > len(before) || rest > len(b) {
			return nil, bad
		}
		before = before[:shared] + string(b[:rest])
		b = b[rest:]
		out = append(out, before)
	}
	if len(out) != l.Count {
		return nil, bad
	}
	return out, nil
}

// PutPaths keeps a sorted list of paths without repetitions under its id, unless it is there. The same list is kept once, however many jobs have it.
// index are those of them that list shards though their names do not tell, sorted too.
func (tx *Tx) PutPaths(id chunker.Digest, sorted, index []string) error {
	k := []byte(id[:])
	if stored, err := pathLists.stored(tx, k); err != nil || stored != nil {
		return err
	}
	return pathLists.put(tx, k, packPaths(sorted, index))
}

// ErrNoPaths: there is no such list of paths.
var ErrNoPaths = errors.New("no list of paths")

// Paths returns a list by its id. Errors: [ErrNoPaths], [ErrCorrupt].
func (tx *Tx) Paths(id chunker.Digest) (sorted, index []string, err error) {
	l, ok, err := pathLists.get(tx, id[:])
	if err == nil && !ok {
		err = fmt.Errorf("%w %s", ErrNoPaths, id)
	}
	if err != nil {
		return nil, nil, err
	}
	sorted, err = l.unpack()
	return sorted, l.Index, err
}

// SweepPaths forgets the lists that no job and no need has any more.
func (tx *Tx) SweepPaths() error {
	used := map[chunker.Digest]bool{}
	err := tx.Jobs(func(j Job) (bool, error) { used[j.Paths] = true; return true, nil })
	if err == nil {
		err = tx.Needs(func(n Need) (bool, error) { used[n.Paths] = true; return true, nil })
	}
	if err != nil {
		return err
	}
	all, err := pathLists.keys(tx, nil)
	for _, k := range all {
		if err == nil && (len(k) != len(chunker.Digest{}) || !used[chunker.Digest(k)]) {
			err = pathLists.delete(tx, k)
		}
	}
	return err
}

// Spans are half-open ranges of numbers, ascending and apart, as pairs of varints: the gap since the end of the one before, and the length.
// Selections are mostly a few of them.
type Spans []byte

// AppendSpan adds the range from start to end. The last range ended at last, 0 for the first; start must not lie before it.
func (s Spans) AppendSpan(last, start, end uint32) Spans {
	return binary.AppendUvarint(binary.AppendUvarint(s, uint64(start-last)), uint64(end-start))
}

// Each calls f for every range. Errors: [ErrCorrupt].
func (s Spans) Each(f func(start, end uint32)) error {
	at := uint64(0)
	for len(s) > 0 {
		gap, n := binary.Uvarint(s)
		if n <= 0 {
			return fmt.Errorf("%w: ranges are cut off", ErrCorrupt)
		}
		length, m := binary.Uvarint(s[n:])
		if m <= 0 || gap > 1<<32 || length > 1<<32 || at+gap+length > 1<<32-1 {
			return fmt.Errorf("%w: ranges are cut off", ErrCorrupt)
		}
		f(uint32(at+gap), uint32(at+gap+length))
		at += gap + length
		s = s[n+m:]
	}
	return nil
}

// PathsID names a sorted list of paths: BLAKE3 of their texts, each in quotes on a line of its own, and behind an empty line of its index files.
func PathsID(sorted, index []string) chunker.Digest {
	h := chunker.NewHasher()
	line := func(p string) { _, _ = h.Write(append(strconv.AppendQuote(nil, p), '\n')) }
	for _, p := range sorted {
		line(p)
	}
	if len(index) > 0 {
		_, _ = h.Write([]byte("\n"))
	}
	for _, p := range index {
		line(p)
	}
	return h.Digest()
}

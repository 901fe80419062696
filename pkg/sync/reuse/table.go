package reuse

import (
	"math"
	"unsafe"

	"github.com/datagravity/datagravity/pkg/chunker"
)

// table is the wanted set in memory, and what was found of it. It has no pointers but to its pages, so that the garbage
// collector has nothing to look at.
type table struct {
	maxPlaces int
	entries   pages[entry]
	// slots are numbers of entries, 0 where there is none; a power of two, at most 3/4 of them taken, found by the first
	// 8 bytes of a digest and then one after the other.
	slots []uint32
	// occurrences are the numbers of the wanted chunks' entries, shard after shard.
	occurrences pages[uint32]
	shards      pages[uint32] // chunks of each
	pairs       map[pair]uint32
	nodes       pages[node]
	filter      *filter // once the first object is held
	missing     int     // entries without a place
}

// entry is one wanted digest. Entries are numbered from 1.
type entry struct {
	digest chunker.Digest
	length uint32 // bytes
	places uint32 // number of the first node of its places, 0: none
	// before is the number of an entry that is wanted right before this one, the first that was seen; 0: none. The top
	// bit tells that there are others, in pairs.
	before uint32
	// longer is the first node of those places that continue a run from before and found no room in places.
	longer uint32
}

const (
	maxEntries = math.MaxInt32
	morePairs  = 1 << 31

	entryBytes = int64(unsafe.Sizeof(entry{}))
	pairBytes  = 28 // of a map's slot and its share of free ones: 17 to 28 as measured, more free ones right after it grew
)

// pair is two entries of which the second is wanted right after the first.
type pair struct{ before, entry uint32 }

func newTable(maxPlaces int) *table {
	return &table{maxPlaces: maxPlaces, slots: make([]uint32, 16), pairs: map[pair]uint32{}}
}

// entry returns the entry of a number.
func (t *table) entry(n uint32) *entry { return t.entries.at(int(n) - 1) }

// slotsFor is how many slots so many entries need.
func slotsFor(entries int) int {
	n := 16
	for entries > n/4*3 {
		n *= 2
	}
	return n
}

// bytes in use.
func (t *table) bytes() int64 {
	n := t.entries.bytes() + int64(len(t.slots))*4 + t.occurrences.bytes() + t.shards.bytes() +
		int64(len(t.pairs))*pairBytes + t.nodes.bytes()
	if t.filter != nil {
		n += int64(len(t.filter.words)) * 8
	}
	return n
}

// fits tells whether a shard of so many chunks can be added, each of them new, with the filter that they need later.
func (t *table) fits(chunks int, limitBytes int64) bool {
	n := t.entries.n + chunks
	need := t.bytes() + int64(chunks)*(entryBytes+4) + int64(n)*filterBits/8
	if slots := slotsFor(n); slots > len(t.slots) {
		need += int64(slots) * 4 // beside the old ones
	}
	return n <= maxEntries && need <= limitBytes
}

func (t *table) want(chunks []chunker.Chunk) {
	t.shards.add(uint32(len(chunks)))
	var before uint32
	for i := range chunks {
		n := t.number(&chunks[i])
		t.occurrences.add(n)
		if before != 0 {
			t.pair(before, n)
		}
		before = n
	}
}

// number returns the number of a chunk's entry, a new one if there is none.
func (t *table) number(c *chunker.Chunk) uint32 {
	slot := t.find(c)
	if n := t.slots[slot]; n != 0 {
		return n
	}
	t.entries.add(entry{digest: c.Digest, length: uint32(c.Length)})
	t.missing++
	n := uint32(t.entries.n)
	t.slots[slot] = n
	if want := slotsFor(t.entries.n + 1); want > len(t.slots) {
		t.slots = make([]uint32, want)
		for i := range t.entries.n {
			c := t.chunk(uint32(i + 1))
			t.slots[t.find(&c)] = uint32(i + 1)
		}
	}
	return n
}

// find returns the slot of a chunk's entry, or the free one where it belongs.
func (t *table) find(c *chunker.Chunk) int {
	hi, _ := prefix(&c.Digest)
	for slot := int(hi) & (len(t.slots) - 1); ; slot = (slot + 1) & (len(t.slots) - 1) {
		n := t.slots[slot]
		if n == 0 {
			return slot
		}
		if e := t.entry(n); e.digest == c.Digest && int64(e.length) == c.Length {
			return slot
		}
	}
}

// pair notes that an entry is wanted right after another one.
func (t *table) pair(before, n uint32) {
	e := t.entry(n)
	switch {
	case e.before == 0:
		e.before = before
	case e.before&^morePairs != before:
		e.before |= morePairs
		if _, ok := t.pairs[pair{before, n}]; !ok {
			t.pairs[pair{before, n}] = 0
		}
	}
}

// seal makes the filter: no more is wanted.
func (t *table) seal() {
	t.filter = newFilter(int64(t.entries.n) * filterBits / 8)
	for i := range t.entries.n {
		t.filter.add(prefix(&t.entries.at(i).digest))
	}
}

// chunk returns the digest and the length of an entry.
func (t *table) chunk(n uint32) chunker.Chunk {
	e := t.entry(n)
	return chunker.Chunk{Digest: e.digest, Length: int64(e.length)}
}

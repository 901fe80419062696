package reuse

import (
	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/sync/parts"
)

// node is a place in a list. Nodes are numbered from 1; lists are at most MaxPlaces long and in the order of Hold.
//
// An entry has its first MaxPlaces places in one list, whether they continue a run or not; and for each entry that is wanted
// before it, the first MaxPlaces places that continue that run. An answer never needs others: those that continue come
// first, and to fill it up takes no more of the rest than the first MaxPlaces of all contain.
type node struct {
	object int32
	next   uint32
	// offset is doubled; the lowest bit tells that the place continues the run from entry.before, so that it needs no second node.
	offset uint64
}

func (n node) place() parts.Place { return parts.Place{Object: n.object, Offset: int64(n.offset >> 1)} }
func (n node) continues() bool    { return n.offset&1 != 0 }

func (t *table) node(n uint32) *node { return t.nodes.at(int(n) - 1) }

// list walks over the nodes of a list.
func (t *table) list(first uint32) func(yield func(node) bool) {
	return func(yield func(node) bool) {
		for n := first; n != 0; {
			v := *t.node(n)
			if !yield(v) {
				return
			}
			n = v.next
		}
	}
}

// hold looks for the chunks of one object. It returns how many it has looked for: fewer than all when there is no room
// for more places.
func (t *table) hold(object int32, chunks []chunker.Chunk, limitBytes int64) (looked int) {
	if t.filter == nil {
		t.seal()
	}
	var before uint32 // the entry of the chunk before, 0: it is not wanted
	for i := range chunks {
		c := &chunks[i]
		var n uint32
		if t.filter.mayHave(prefix(&c.Digest)) {
			n = t.slots[t.find(c)]
		}
		if n == 0 {
			before = 0
			continue
		}
		// A chunk adds at most two nodes, in at most one new page.
		if t.nodes.n+2 > len(t.nodes.list)*pageLen && t.bytes()+pageLen*16 > limitBytes {
			return i
		}
		if i > 0 && chunks[i-1].End() != c.Offset {
			before = 0
		}
		t.add(n, before, parts.Place{Object: object, Offset: c.Offset})
		before = n
	}
	return len(chunks)
}

// add keeps a place of an entry if it is among the best; before is the entry that is held right before it, 0: none.
func (t *table) add(n, before uint32, p parts.Place) {
	e := t.entry(n)
	if e.places == 0 {
		t.missing--
	}
	first := before != 0 && before == e.before&^morePairs
	kept := t.append(&e.places, p, first)
	switch {
	case before == 0:
	case first && !kept:
		t.append(&e.longer, p, true)
	case !first && e.before&morePairs != 0:
		head, ok := t.pairs[pair{before, n}]
		if was := head; ok && t.append(&head, p, true) && was == 0 {
			t.pairs[pair{before, n}] = head
		}
	}
}

// append adds a place to a list unless that is full or has it, and tells whether the list has it now.
func (t *table) append(head *uint32, p parts.Place, continues bool) (kept bool) {
	count := 0
	for *head != 0 {
		n := t.node(*head)
		if n.place() == p {
			return true // an object that was given twice
		}
		head, count = &n.next, count+1
	}
	if count >= t.maxPlaces {
		return false
	}
	offset := uint64(p.Offset) << 1
	if continues {
		offset |= 1
	}
	t.nodes.add(node{object: p.Object, offset: offset})
	*head = uint32(t.nodes.n)
	return true
}

// each answers from memory.
func (t *table) each(f func(int, [][]parts.Place) error, stop func() error) error {
	var a answer
	at := 0
	for shard := range t.shards.n {
		if err := stop(); err != nil {
			return err
		}
		a.reset(int(*t.shards.at(shard)))
		var before uint32
		for i := range a.places {
			n := *t.occurrences.at(at)
			a.places[i] = t.choose(n, before, &a)
			before, at = n, at+1
		}
		if err := f(shard, a.places); err != nil {
			return err
		}
	}
	return nil
}

// choose returns the places of an entry, best first, where the entry before is wanted right before it.
func (t *table) choose(n, before uint32, a *answer) []parts.Place {
	e := t.entry(n)
	a.begin()
	if before != 0 && before == e.before&^morePairs {
		for v := range t.list(e.places) {
			if v.continues() {
				a.add(v.place(), t.maxPlaces)
			}
		}
		for v := range t.list(e.longer) {
			a.add(v.place(), t.maxPlaces)
		}
	} else if before != 0 {
		for v := range t.list(t.pairs[pair{before, n}]) {
			a.add(v.place(), t.maxPlaces)
		}
	}
	for v := range t.list(e.places) {
		a.add(v.place(), t.maxPlaces)
	}
	return a.end()
}

package reuse

import (
	"slices"

	"github.com/datagravity/datagravity/pkg/sync/parts"
)

// answer is the memory of one shard's answer, used again for the next.
type answer struct {
	places [][]parts.Place
	pool   []parts.Place // what the last block has left
	blocks [][]parts.Place
	used   int // blocks
	chunk  []parts.Place
}

// blockPlaces: one allocation serves so many places.
const blockPlaces = 4096

// reset begins a shard.
func (a *answer) reset(chunks int) {
	a.places = slices.Grow(a.places[:0], chunks)[:chunks]
	clear(a.places)
	a.used, a.pool = 0, nil
}

// begin begins a chunk: at most maxMaxPlaces follow.
func (a *answer) begin() { a.chunk = a.chunk[:0] }

// add adds a place to the chunk, unless it has it or has enough.
func (a *answer) add(p parts.Place, maxPlaces int) {
	if len(a.chunk) < maxPlaces && !slices.Contains(a.chunk, p) {
		a.chunk = append(a.chunk, p)
	}
}

// end returns the places of the chunk, nil if it has none.
func (a *answer) end() []parts.Place {
	n := len(a.chunk)
	if n == 0 {
		return nil
	}
	if len(a.pool) < n {
		if a.used == len(a.blocks) {
			a.blocks = append(a.blocks, make([]parts.Place, blockPlaces))
		}
		a.pool = a.blocks[a.used]
		a.used++
	}
	copy(a.pool, a.chunk)
	out := a.pool[:n:n]
	a.pool = a.pool[n:]
	return out
}

// Package packing says which old chunks a new one is likely to have bytes in common with. It reads nothing.
package packing

import "github.com/datagravity/datagravity/pkg/chunker"

// MaxBaseBytes bounds the old bytes that one new chunk is compared with: twice what a chunk has at most by default, so that what was moved across
// the border of two of them is still found.
const MaxBaseBytes = 256 << 10

// Bases finds, for a run of chunks of a new version of a shard that the old one does not have, the old chunks that stood in their place: those
// between the last chunk before the run that both have and the first after it.
type Bases struct {
	old *chunker.Recipe
	at  map[chunker.Digest]int // where each old chunk stands last
}

// NewBases looks at an old version once.
func NewBases(old *chunker.Recipe) *Bases {
	b := &Bases{old: old, at: make(map[chunker.Digest]int, len(old.Chunks))}
	for i, c := range old.Chunks {
		b.at[c.Digest] = i
	}
	return b
}

// maxGapBytes is what may have stood in place of a run, at the most: an old stretch of many times its size is not what was changed into it.
const maxGapBytes = 8 << 20

// Of returns the numbers of old chunks, ascending and in a row, for each of count chunks of the new version from first on. Where nothing
// stood there, or far too much, there are none.
func (b *Bases) Of(fresh []chunker.Chunk, first, count int) [][]int {
	out := make([][]int, count)
	from, to := 0, len(b.old.Chunks)
	if first > 0 {
		before, known := b.at[fresh[first-1].Digest]
		if !known {
			return out
		}
		from = before + 1
	}
	if end := first + count; end < len(fresh) {
		after, known := b.at[fresh[end].Digest]
		if !known {
			return out
		}
		to = after
	}
	if from >= to {
		return out
	}
	start, end := b.old.Chunks[from].Offset, b.old.Chunks[to-1].End()
	if end-start > maxGapBytes {
		return out
	}
	runStart := fresh[first].Offset
	runBytes := fresh[first+count-1].End() - runStart
	for i := range count {
		c := fresh[first+i]
		// The place in the old stretch that is as far along as the chunk is in the run, with as much around it as may be.
		middle := start + (end-start)*(c.Offset+c.Length/2-runStart)/max(1, runBytes)
		out[i] = around(b.old.Chunks, from, to, middle)
	}
	return out
}

// around are the chunks from one place to another whose bytes are nearest to an offset, as many as [MaxBaseBytes] allows.
func around(chunks []chunker.Chunk, from, to int, middle int64) (list []int) {
	center := from
	for center+1 < to && chunks[center].End() <= middle {
		center++
	}
	low, high, bytes := center, center+1, chunks[center].Length
	if bytes > MaxBaseBytes {
		return nil
	}
	fits := func(i int) bool { return i >= from && i < to && bytes+chunks[i].Length <= MaxBaseBytes }
	for fits(low-1) || fits(high) {
		// Whichever is nearer.
		if fits(low-1) && (!fits(high) || middle-chunks[low-1].End() <= chunks[high].Offset-middle) {
			low--
			bytes += chunks[low].Length
		} else {
			bytes += chunks[high].Length
			high++
		}
	}
	for i := low; i < high; i++ {
		list = append(list, i)
	}
	return list
}

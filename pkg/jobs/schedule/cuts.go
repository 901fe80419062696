package schedule

import "math/bits"

// cuts are the shards at which a range begins or ends, one bit each, so that the stretches between them are found, and counted, without
// looking at every shard. All are added before they are ranked, and ranked before they are placed.
type cuts struct {
	words  []uint64
	before []uint32 // by word: the cuts in those before it
	count  int
}

func newCuts(shards int) *cuts { return &cuts{words: make([]uint64, shards/64+1)} }

func (c *cuts) add(shard uint32) { c.words[shard/64] |= 1 << (shard % 64) }

// rank counts.
func (c *cuts) rank() {
	c.before = make([]uint32, len(c.words))
	c.count = 0
	for i, w := range c.words {
		c.before[i] = uint32(c.count)
		c.count += bits.OnesCount64(w)
	}
}

// place is how many cuts there are before this one.
func (c *cuts) place(cut uint32) uint32 {
	return c.before[cut/64] + uint32(bits.OnesCount64(c.words[cut/64]&(1<<(cut%64)-1)))
}

// next is the first cut from a shard on; beyond all shards if there is none.
func (c *cuts) next(shard uint32) uint32 {
	word := int(shard / 64)
	if word >= len(c.words) {
		return shard
	}
	if rest := c.words[word] >> (shard % 64); rest != 0 {
		return shard + uint32(bits.TrailingZeros64(rest))
	}
	for word++; word < len(c.words); word++ {
		if c.words[word] != 0 {
			return uint32(word*64 + bits.TrailingZeros64(c.words[word]))
		}
	}
	return uint32(len(c.words) * 64)
}

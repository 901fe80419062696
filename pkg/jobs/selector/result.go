package selector

// result puts the terms' shards one after the other, each once.
type result struct {
	r     *resolver
	out   Resolved
	at    []int32 // place in the listing of each path of out
	taken bits
	index bits // of those that a term read as an index, though another may have selected them first
	sets  partSets
}

// bits is a set of places in the listing, a bit each: of a million paths 125 kB, where a map would have 50 MB.
type bits []uint64

// add tells whether the place is new.
func (b *bits) add(at int32) bool {
	word, bit := int(at/64), uint64(1)<<(at%64)
	if word >= len(*b) {
		*b = append(*b, make([]uint64, word+1-len(*b))...)
	}
	is := (*b)[word]&bit != 0
	(*b)[word] |= bit
	return !is
}

func (b bits) has(at int32) bool {
	word := int(at / 64)
	return word < len(b) && b[word]&(1<<(at%64)) != 0
}

func (u *result) add(s shard) {
	if s.index {
		u.index.add(s.at)
	}
	if !u.taken.add(s.at) {
		return
	}
	u.out.Paths = append(u.out.Paths, s.path)
	u.out.Bytes += s.bytes
	u.at = append(u.at, s.at)
	u.sets.add(s.path)
}

func (u *result) resolved() Resolved {
	for i, p := range u.out.Paths {
		if u.r.role(shard{path: p, index: u.index.has(u.at[i])}) == roleIndex {
			u.out.Index = append(u.out.Index, p)
		}
	}
	u.out.Notes = u.sets.notes()
	return u.out
}

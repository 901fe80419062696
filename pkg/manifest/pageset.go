package manifest

import "math/bits"

// pageSet has a bit for each page.
type pageSet []uint64

func (s pageSet) has(id uint64) bool { return s[id/64]&(1<<(id%64)) != 0 }

func (s pageSet) add(id uint64) { s[id/64] |= 1 << (id % 64) }

// last is the last member up to id.
func (s pageSet) last(id uint64) (member uint64, ok bool) {
	word := s[id/64] << (63 - id%64) >> (63 - id%64)
	for at := id / 64; ; at-- {
		if word != 0 {
			return at*64 + 63 - uint64(bits.LeadingZeros64(word)), true
		}
		if at == 0 {
			return 0, false
		}
		word = s[at-1]
	}
}

// take adds the members of another, and returns how many those are.
func (s pageSet) take(other pageSet) (n int) {
	for at, word := range other {
		s[at] |= word
		n += bits.OnesCount64(word)
	}
	return n
}

// without takes the members of another out.
func (s pageSet) without(other pageSet) {
	for at, word := range other {
		s[at] &^= word
	}
}

// next is the first member from id on.
func (s pageSet) next(id uint64) (member uint64, ok bool) {
	for at := id / 64; at < uint64(len(s)); at++ {
		word := s[at]
		if at == id/64 {
			word &= ^uint64(0) << (id % 64)
		}
		if word != 0 {
			return at*64 + uint64(bits.TrailingZeros64(word)), true
		}
	}
	return 0, false
}

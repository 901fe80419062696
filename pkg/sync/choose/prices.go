package choose

import (
	"math/bits"
	"slices"
)

// shadowPrices are what a share of each limit is worth: a Lagrangian relaxation of the class. With any such prices, the value of all jobs
// beyond what they would pay for their shares, plus the price of all that is left, is a value that no choice can pass; subgradient
// steps look for the prices of which that bound is least. See Fisher, The Lagrangian Relaxation Method for Solving Integer
// Programming Problems, Management Science 27 (1981).
//
// Everything is in integers: shares in units of shareUnit, values and prices in units of 1/scale.
type shadowPrices struct {
	n      int     // limits
	left   []int64 // of each
	shares []int64
	values []int64
	scale  int64
	of     []int64 // by limit: the price of a unit of share
}

// rounds of subgradient steps; after so many without a better bound the steps are halved.
const (
	priceRounds = 150
	halveAfter  = 8
)

// newShadowPrices looks for prices for jobs that use these parts, by job and limit, of what is left. A job that cannot be
// chosen has the value 0. least is a value that some choice has.
func newShadowPrices(parts, left, values []int64, least int64) (s *shadowPrices, bound int64) {
	s = &shadowPrices{n: len(left), left: left, values: values, scale: 1, of: make([]int64, len(left)), shares: make([]int64, len(parts))}
	var total int64
	for _, v := range values {
		total += v
	}
	for s.scale < 1<<40 && total < 1<<58/s.scale {
		s.scale <<= 1
	}
	for i, part := range parts {
		s.shares[i] = roundedDown(part, left[i%s.n])
	}
	bound = total
	best := slices.Clone(s.of)
	over := make([]int64, s.n)
	shift, since := 0, 0
	for range priceRounds {
		b := s.relaxed(over)
		if b < bound {
			bound, since = b, 0
			copy(best, s.of)
		} else if since++; since == halveAfter {
			shift, since = shift+1, 0
		}
		if bound <= least || !s.step(over, b-least, shift) {
			break
		}
	}
	s.of = best
	return s, bound
}

// relaxed is the bound at the prices as they are. over becomes how much more than is left those jobs use that are worth it.
func (s *shadowPrices) relaxed(over []int64) int64 {
	var sum product
	for d := range over {
		over[d] = -shareUnit
		sum.add(uint64(s.of[d]), shareUnit)
	}
	for j, v := range s.values {
		shares := s.shares[j*s.n : (j+1)*s.n]
		worth := v * s.scale
		if pays := s.pays(shares, worth); pays < worth {
			sum.add(uint64(worth-pays), 1)
			for d, share := range shares {
				over[d] += share
			}
		}
	}
	return sum.dividedUp(uint64(s.scale))
}

// weight of a job in the prices, with these demands.
func (s *shadowPrices) weight(demand []int64) (sum int64) {
	shares := make([]int64, s.n)
	for d, n := range demand {
		shares[d] = share(n, s.left[d])
	}
	return s.pays(shares, never)
}

// pays is what shares cost at the prices, or most if that is less.
func (s *shadowPrices) pays(shares []int64, most int64) (sum int64) {
	for d, share := range shares {
		if share == 0 || s.of[d] == 0 {
			continue
		}
		hi, lo := bits.Mul64(uint64(share), uint64(s.of[d]))
		if hi > 0 || lo > uint64(most-sum) {
			return most
		}
		sum += int64(lo)
	}
	return sum
}

// step moves the prices against what is over, by about what closes a gap of this value, halved shift times. It tells whether anything moved.
func (s *shadowPrices) step(over []int64, gap int64, shift int) (moved bool) {
	var norm int64 // of over in units of 1/1024 of what is left, each at most a million times that
	small := make([]int64, s.n)
	for d, o := range over {
		if o < 0 && s.of[d] == 0 {
			continue
		}
		small[d] = min(o>>10, 1<<27)
		norm += small[d] * small[d]
	}
	if norm == 0 || gap <= 0 {
		return false
	}
	for d, o := range small {
		magnitude := o
		if o < 0 {
			magnitude = -o
		}
		// gap*scale*over/|over|^2, in units of share: small is over/1024.
		hi, lo := bits.Mul64(uint64(gap)*uint64(s.scale)>>shift, uint64(magnitude))
		if hi >= uint64(norm) {
			continue
		}
		q, _ := bits.Div64(hi, lo, uint64(norm))
		delta := int64(q >> 10)
		if o < 0 {
			delta = -delta
		}
		if delta != 0 {
			s.of[d] = max(0, s.of[d]+delta)
			moved = true
		}
	}
	return moved
}

// product is a sum in 128 bits.
type product struct{ hi, lo uint64 }

func (p *product) add(a, b uint64) {
	hi, lo := bits.Mul64(a, b)
	var carry uint64
	p.lo, carry = bits.Add64(p.lo, lo, 0)
	p.hi, _ = bits.Add64(p.hi, hi, carry)
}

// dividedUp is rounded up, and stops at the largest number.
func (p product) dividedUp(by uint64) int64 {
	if p.hi >= by {
		return 1<<63 - 1
	}
	q, rest := bits.Div64(p.hi, p.lo, by)
	if rest > 0 {
		q++
	}
	if q > 1<<63-1 {
		return 1<<63 - 1
	}
	return int64(q)
}

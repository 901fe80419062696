package bill

import (
	"fmt"
	"math"
	"math/big"
	"strings"

	"github.com/datagravity/datagravity/pkg/cost"
)

// Factor is billed divided by ours, in ten-thousandths: 10123 is 1.0123.
type Factor int64

// MinFactorBytes is what must have been metered before a factor is proposed: below, the share of handshakes and of requests that
// failed is another one than in the long run.
const MinFactorBytes = 10 << 30

// String is the number with four decimals.
func (f Factor) String() string { return fmt.Sprintf("%d.%04d", f/10_000, f%10_000) }

// MarshalJSON writes a JSON number.
func (f Factor) MarshalJSON() ([]byte, error) {
	s := strings.TrimRight(f.String(), "0")
	return []byte(strings.TrimSuffix(s, ".")), nil
}

// factorOf is a/b, rounded; ok is false where that means nothing.
func factorOf(a, b int64) (f Factor, ok bool) {
	if a <= 0 || b <= 0 {
		return 0, false
	}
	v := share(a, 10_000, b)
	return Factor(v), v > 0 && v < math.MaxInt64
}

// share is total * part / whole, rounded half away from zero, exact and within an int64. whole is above 0.
func share(total, part, whole int64) int64 {
	n := new(big.Int).Mul(big.NewInt(total), big.NewInt(part))
	half := big.NewInt(whole / 2)
	if n.Sign() < 0 {
		half.Neg(half)
	}
	n.Quo(n.Add(n, half), big.NewInt(whole))
	switch {
	case n.IsInt64():
		return n.Int64()
	case n.Sign() < 0:
		return math.MinInt64
	}
	return math.MaxInt64
}

// split divides a total over weights so that the pieces add up to it: each is the difference of two rounded running sums. With no
// weight at all the first piece is the whole.
func split(total int64, weights []int64) []int64 {
	pieces := make([]int64, len(weights))
	var whole, running, given int64
	for _, w := range weights {
		whole += w
	}
	if whole == 0 {
		if len(pieces) > 0 {
			pieces[0] = total
		}
		return pieces
	}
	for i, w := range weights {
		running += w
		upTo := share(total, running, whole)
		pieces[i], given = upTo-given, upTo
	}
	return pieces
}

// usd sums amounts that may be negative, within the range.
func usd(a, b cost.NanoUSD) cost.NanoUSD {
	switch sum := a + b; {
	case a > 0 && b > 0 && sum < 0:
		return cost.MaxNanoUSD
	case a < 0 && b < 0 && sum >= 0:
		return -cost.MaxNanoUSD
	default:
		return sum
	}
}

package cost

import (
	"bytes"
	"fmt"
	"math"
	"math/bits"
	"strconv"
	"strings"

	"github.com/datagravity/datagravity/internal/saturating"
)

// NanoUSD is an amount of money in billionths of a US dollar. The finest list prices (2.7397e-5 USD for a GiB-hour) need
// nine decimals; the largest amount is $9,223,372,036.85.
type NanoUSD int64

// USD is one dollar.
const USD NanoUSD = 1_000_000_000

// MaxNanoUSD is where sums and products stop instead of wrapping around.
const MaxNanoUSD NanoUSD = math.MaxInt64

// String is for people: cents from one dollar up ("$4.93"), and below that as many decimals as two significant digits
// need ("$0.000055"). It rounds half away from zero; use [NanoUSD.Decimal] where the exact amount matters.
func (n NanoUSD) String() string {
	sign, v := n.split()
	decimals := 2
	for v != 0 && decimals < 9 && v/pow10(9-decimals) < 10 {
		decimals++
	}
	unit := pow10(9 - decimals)
	q, rest := v/unit, v%unit
	if rest >= unit-rest {
		q++
	}
	whole, fraction := q/pow10(decimals), q%pow10(decimals)
	digits := fmt.Sprintf("%0*d", decimals, fraction)
	for len(digits) > 2 && digits[len(digits)-1] == '0' {
		digits = digits[:len(digits)-1]
	}
	return fmt.Sprintf("%s$%d.%s", sign, whole, digits)
}

// Decimal is the exact amount in dollars without a currency sign and without needless zeros: "4.93", "0.000055", "12".
// [ParseUSD] reads it back unchanged.
func (n NanoUSD) Decimal() string {
	sign, v := n.split()
	s := sign + strconv.FormatUint(v/uint64(USD), 10)
	if rest := v % uint64(USD); rest != 0 {
		s += "." + strings.TrimRight(fmt.Sprintf("%09d", rest), "0")
	}
	return s
}

// MarshalJSON writes a JSON number of dollars with at most nine decimals, exact: 4.93.
func (n NanoUSD) MarshalJSON() ([]byte, error) { return []byte(n.Decimal()), nil }

// UnmarshalJSON reads a JSON number of dollars with at most nine decimals and no exponent, exactly.
func (n *NanoUSD) UnmarshalJSON(b []byte) error {
	if bytes.Equal(b, []byte("null")) {
		return nil
	}
	return n.UnmarshalText(b)
}

// MarshalText writes the decimal form, for configuration files and map keys.
func (n NanoUSD) MarshalText() ([]byte, error) { return []byte(n.Decimal()), nil }

// UnmarshalText reads what [ParseUSD] reads.
func (n *NanoUSD) UnmarshalText(b []byte) error {
	v, err := ParseUSD(string(b))
	if err == nil {
		*n = v
	}
	return err
}

// ParseUSD reads a decimal number of dollars, "12.34" or "-0.000000001", exactly: at most nine decimals, no exponent, no
// currency sign, no thousands separators.
func ParseUSD(s string) (NanoUSD, error) {
	bad := func(why string) (NanoUSD, error) {
		return 0, fmt.Errorf("amount %q: %s; write dollars as a plain decimal number, for example 12.34", s, why)
	}
	digits, negative := strings.CutPrefix(s, "-")
	whole, fraction, point := strings.Cut(digits, ".")
	if whole == "" || (point && fraction == "") || !allDigits(whole) || !allDigits(fraction) {
		return bad("not a decimal number")
	}
	if len(fraction) > 9 {
		return bad("more than 9 decimals")
	}
	sign := ""
	if negative {
		sign = "-"
	}
	v, err := strconv.ParseInt(sign+whole+fraction+strings.Repeat("0", 9-len(fraction)), 10, 64)
	if err != nil {
		return bad("its size is more than " + MaxNanoUSD.Decimal())
	}
	return NanoUSD(v), nil
}

// AddNanoUSD sums amounts that are not negative; it stays at MaxNanoUSD instead of wrapping around, so that a budget
// refuses what it cannot count.
func AddNanoUSD(amounts ...NanoUSD) NanoUSD {
	var sum NanoUSD
	for _, a := range amounts {
		sum = NanoUSD(saturating.Add(int64(sum), int64(a)))
	}
	return sum
}

func (n NanoUSD) split() (sign string, magnitude uint64) {
	if n < 0 {
		return "-", -uint64(n)
	}
	return "", uint64(n)
}

func allDigits(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

func pow10(n int) uint64 {
	p := uint64(1)
	for range n {
		p *= 10
	}
	return p
}

// product is a sum of quantity × price in 128 bits. Quantities that together stay below 2^63, at prices below 2^63, sum to
// less than 2^126, so it cannot overflow.
type product struct{ hi, lo uint64 }

func (p *product) add(quantity int64, price NanoUSD) {
	hi, lo := bits.Mul64(uint64(quantity), uint64(price))
	var carry uint64
	p.lo, carry = bits.Add64(p.lo, lo, 0)
	p.hi, _ = bits.Add64(p.hi, hi, carry)
}

// per divides by the quantity that a price is for, rounding half up: the one rounding of a price.
func (p product) per(unit int64) NanoUSD {
	u := uint64(unit)
	if p.hi >= u {
		return MaxNanoUSD
	}
	q, rest := bits.Div64(p.hi, p.lo, u)
	if q >= uint64(MaxNanoUSD) {
		return MaxNanoUSD
	}
	if rest >= u-rest {
		q++
	}
	return NanoUSD(q)
}

// perUp is per, rounded up: for a price that others are made of, which must not come out lower than it is.
func (p product) perUp(unit int64) NanoUSD {
	u := uint64(unit)
	if p.hi >= u {
		return MaxNanoUSD
	}
	q, rest := bits.Div64(p.hi, p.lo, u)
	if rest > 0 {
		q++
	}
	return NanoUSD(min(q, uint64(MaxNanoUSD)))
}

// mulDiv is a*b/c in 128 bits, rounded half up; it stays at the largest value instead of wrapping.
func mulDiv(a, b, c int64) int64 {
	var p product
	p.add(max(0, a), NanoUSD(max(0, b)))
	return int64(p.per(c))
}

package bill

import (
	"errors"
	"math"
	"math/bits"

	"github.com/datagravity/datagravity/pkg/cost"
)

// Decimal is a decimal number with 36 places after the point, exact, and so are its sums: a signed integer of 256 bits that
// counts 10^-36. One number is below 10^30, so that 10^10 of them cannot overflow a sum. The zero Decimal is 0.
//
// AWS prints 10 to 15 places of a quantity and 11 of a cost, Google up to 17 significant digits of a binary fraction that
// may be tiny. What a number has beyond the 36th place is rounded there.
type Decimal struct{ w [4]uint64 } // two's complement, lowest word first

const (
	places    = 36
	maxDigits = 30 // before the point
)

var (
	errNotANumber = errors.New("not a decimal number")
	errTooLarge   = errors.New("10^30 or more")
)

// ParseDecimal reads a number as FOCUS writes it: an optional sign, digits, optionally a point and more digits, optionally an
// exponent of ten.
func ParseDecimal(s string) (d Decimal, err error) {
	rest, negative := s, false
	if rest != "" && (rest[0] == '-' || rest[0] == '+') {
		negative, rest = rest[0] == '-', rest[1:]
	}
	exponent, mantissa, err := cutExponent(rest)
	if err != nil {
		return d, err
	}
	digits, point, started := 0, -1, false
	for i := 0; i < len(mantissa); i++ {
		c := mantissa[i]
		if c == '.' && point < 0 {
			point = digits
			continue
		}
		if c < '0' || c > '9' {
			return d, errNotANumber
		}
		digits++
		started = started || c != '0'
	}
	if digits == 0 {
		return d, errNotANumber
	}
	if point < 0 {
		point = digits
	}
	if !started {
		return d, nil
	}
	return assemble(mantissa, point+exponent, negative)
}

// cutExponent splits "1.5e-7". Exponents beyond ±10000 are as good as that.
func cutExponent(s string) (exponent int, mantissa string, err error) {
	for i := 0; i < len(s); i++ {
		if s[i] != 'e' && s[i] != 'E' {
			continue
		}
		digits, sign := s[i+1:], 1
		if digits != "" && (digits[0] == '-' || digits[0] == '+') {
			if digits[0] == '-' {
				sign = -1
			}
			digits = digits[1:]
		}
		if digits == "" {
			return 0, "", errNotANumber
		}
		for _, c := range []byte(digits) {
			if c < '0' || c > '9' {
				return 0, "", errNotANumber
			}
			exponent = min(10_000, exponent*10+int(c-'0'))
		}
		return sign * exponent, s[:i], nil
	}
	return 0, s, nil
}

// assemble makes a number of digits whose point stands after the first `point` of them (which may lie outside).
func assemble(mantissa string, point int, negative bool) (d Decimal, err error) {
	var chunk uint64 // up to 18 digits at a time
	var pending, place int
	flush := func() {
		d.multiply(pow10[pending])
		d.addSmall(chunk)
		chunk, pending = 0, 0
	}
	roundUp, started := false, false
	for i := 0; i < len(mantissa); i++ {
		c := mantissa[i]
		if c == '.' {
			continue
		}
		place++ // of this digit, from 1
		after := place - point
		started = started || c != '0'
		switch {
		case started && after <= -maxDigits:
			return Decimal{}, errTooLarge
		case after > places:
			if after == places+1 {
				roundUp = c >= '5'
			}
			continue
		case !started:
			continue
		}
		chunk = chunk*10 + uint64(c-'0')
		if pending++; pending == 18 {
			flush()
		}
	}
	flush()
	for missing := places - (place - point); missing > 0; missing -= 18 {
		if d.isZero() {
			break
		}
		d.multiply(pow10[min(18, missing)])
	}
	if roundUp {
		d.addSmall(1)
	}
	if negative {
		d = d.Neg()
	}
	return d, nil
}

var pow10 = func() (p [20]uint64) {
	p[0] = 1
	for i := 1; i < len(p); i++ {
		p[i] = p[i-1] * 10
	}
	return p
}()

func (d Decimal) isZero() bool { return d == Decimal{} }

// Negative tells whether it is below 0.
func (d Decimal) Negative() bool { return d.w[3]>>63 == 1 }

// Neg is -d.
func (d Decimal) Neg() (n Decimal) {
	carry := uint64(1)
	for i := range d.w {
		n.w[i], carry = bits.Add64(^d.w[i], 0, carry)
	}
	return n
}

// Add is d + e.
func (d Decimal) Add(e Decimal) (sum Decimal) {
	var carry uint64
	for i := range d.w {
		sum.w[i], carry = bits.Add64(d.w[i], e.w[i], carry)
	}
	return sum
}

// Times is d times a whole number that is not negative.
func (d Decimal) Times(n int64) Decimal {
	negative := d.Negative()
	if negative {
		d = d.Neg()
	}
	d.multiply(uint64(n))
	if negative {
		d = d.Neg()
	}
	return d
}

// multiply is for magnitudes.
func (d *Decimal) multiply(by uint64) {
	var carry uint64
	for i := range d.w {
		hi, lo := bits.Mul64(d.w[i], by)
		var c uint64
		d.w[i], c = bits.Add64(lo, carry, 0)
		carry = hi + c
	}
}

func (d *Decimal) addSmall(n uint64) {
	d.w[0], n = bits.Add64(d.w[0], n, 0)
	for i := 1; n > 0 && i < len(d.w); i++ {
		d.w[i], n = bits.Add64(d.w[i], n, 0)
	}
}

// divide is for magnitudes, and returns the remainder.
func (d *Decimal) divide(by uint64) (rest uint64) {
	for i := len(d.w) - 1; i >= 0; i-- {
		d.w[i], rest = bits.Div64(rest, d.w[i], by)
	}
	return rest
}

// Round is the nearest whole number, half away from zero; beyond an int64 it stays at the end of the range.
func (d Decimal) Round() int64 { return d.rounded(places) }

// NanoUSD is the amount in billionths of a dollar, rounded half away from zero.
func (d Decimal) NanoUSD() cost.NanoUSD { return cost.NanoUSD(d.rounded(places - 9)) }

// rounded drops digits.
func (d Decimal) rounded(digits int) int64 {
	negative := d.Negative()
	if negative {
		d = d.Neg()
	}
	d.divide(pow10[18])
	last := d.divide(pow10[digits-18]) // of a half only the first digit matters
	if last >= pow10[digits-18]/2 {
		d.addSmall(1)
	}
	if d.w[1]|d.w[2]|d.w[3] != 0 || d.w[0] > math.MaxInt64 {
		d.w[0] = math.MaxInt64
	}
	if negative {
		return -int64(d.w[0])
	}
	return int64(d.w[0])
}

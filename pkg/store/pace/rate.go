package pace

import (
	"fmt"
	"math"
	"math/big"
	"strconv"

	"github.com/datagravity/datagravity/internal/lazyre"
)

// Rate is a speed in bits per second, as links are sold and shown. 0 is no limit.
type Rate int64

// Unlimited is the Rate that limits nothing.
const Unlimited Rate = 0

// unlimitedWord is how a timetable writes Unlimited.
const unlimitedWord = "unlimited"

// rateUnits are decimal, as everywhere on networks; the largest comes first.
var rateUnits = []struct {
	name string
	bits int64
}{{"Tbit/s", 1e12}, {"Gbit/s", 1e9}, {"Mbit/s", 1e6}, {"Kbit/s", 1e3}, {"bit/s", 1}}

var ratePattern = lazyre.New(`^([0-9]{1,19}(?:\.[0-9]{1,18})?) ?([A-Za-z/]+)$`)

// ParseRate reads 800Mbit/s, 2.5Gbit/s: whole bits per second, more than 0. Bytes per second (MB/s) are refused, since
// nobody can tell whether one of the two was meant when a value is wrong by a factor of 8.
func ParseRate(s string) (Rate, error) {
	bad := func(why string) (Rate, error) {
		return 0, fmt.Errorf("bandwidth %q: %s; want for example 800Mbit/s or 10Gbit/s (units: bit/s, Kbit/s, Mbit/s, Gbit/s, Tbit/s)", s, why)
	}
	m := ratePattern.FindStringSubmatch(s)
	if m == nil {
		return bad("not a number with a unit")
	}
	bits := int64(0)
	for _, u := range rateUnits {
		if m[2] == u.name {
			bits = u.bits
		}
	}
	if bits == 0 {
		return bad(fmt.Sprintf("unknown unit %q", m[2]))
	}
	v, ok := new(big.Rat).SetString(m[1])
	if !ok {
		return bad("not a number with a unit")
	}
	v.Mul(v, new(big.Rat).SetInt64(bits))
	switch {
	case v.Sign() == 0:
		return bad("must be more than 0; datagravity pause lets nothing move")
	case !v.IsInt():
		return bad("not a whole number of bits per second")
	case !v.Num().IsInt64():
		return bad(fmt.Sprintf("more than %d bit/s", int64(math.MaxInt64)))
	}
	return Rate(v.Num().Int64()), nil
}

// String is a form that a timetable reads: "2Gbit/s", "1500Mbit/s", "unlimited".
func (r Rate) String() string {
	if r == Unlimited {
		return unlimitedWord
	}
	for _, u := range rateUnits {
		if int64(r)%u.bits == 0 {
			return strconv.FormatInt(int64(r)/u.bits, 10) + u.name
		}
	}
	return strconv.FormatInt(int64(r), 10) + "bit/s"
}

// slower is the lower of two rates.
func (r Rate) slower(o Rate) Rate {
	if r == Unlimited || o != Unlimited && o < r {
		return o
	}
	return r
}

package bill

import (
	"errors"
	"math"
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/datagravity/datagravity/pkg/cost"
)

func decimal(t testing.TB, s string) Decimal {
	t.Helper()
	d, err := ParseDecimal(s)
	if err != nil {
		t.Fatalf("%q: %v", s, err)
	}
	return d
}

// exact is the number as the standard library has it.
func exact(s string) *big.Rat {
	r, ok := new(big.Rat).SetString(strings.TrimPrefix(s, "+"))
	if !ok {
		panic(s)
	}
	return r
}

// value is a Decimal as a fraction.
func (d Decimal) value() *big.Rat {
	negative := d.Negative()
	if negative {
		d = d.Neg()
	}
	n := new(big.Int)
	for i := len(d.w) - 1; i >= 0; i-- {
		n.Lsh(n, 64).Or(n, new(big.Int).SetUint64(d.w[i]))
	}
	if negative {
		n.Neg(n)
	}
	return new(big.Rat).SetFrac(n, new(big.Int).Exp(big.NewInt(10), big.NewInt(places), nil))
}

func TestParseDecimal(t *testing.T) {
	for _, s := range []string{
		"0", "-0", "1", "-1", "0.00000080000", "0.000235520300000", "4.17E-8", "4.17e-08", "1e20", "-2.7755575615628914E-17", "+3.5",
		".5", "5.", "00012.50", "999999999999999999999999999999", "123456789012345678901234567890.123456789012345678901234567890123456",
		"0.000000000000000000000000000000000001", "1e-36", "0e99", "0.0e-9999999999999", "100000000000000000000e9", "1.5E+3",
	} {
		if d := decimal(t, s); d.value().Cmp(exact(s)) != 0 {
			t.Errorf("%q is %s", s, d.value().FloatString(40))
		}
	}
	for s, want := range map[string]string{
		"0.0000000000000000000000000000000000005": "1e-36", "-0.0000000000000000000000000000000000005": "-1e-36",
		"0.00000000000000000000000000000000000049": "0", "1e-40": "0", "9e-37": "1e-36", "1e-99999999999999999999": "0",
	} {
		if d := decimal(t, s); d != decimal(t, want) {
			t.Errorf("%q is %s, want %s", s, d.value().FloatString(40), want)
		}
	}
	for s, want := range map[string]error{
		"": errNotANumber, "-": errNotANumber, ".": errNotANumber, "1.2.3": errNotANumber, "1,5": errNotANumber, "NaN": errNotANumber,
		"1e": errNotANumber, "e5": errNotANumber, "1e+": errNotANumber, "0x10": errNotANumber, " 1": errNotANumber, "--1": errNotANumber, "1_000": errNotANumber,
		"1e30": errTooLarge, "1000000000000000000000000000000": errTooLarge, "1e999999999999": errTooLarge, "0.1e31": errTooLarge,
	} {
		if d, err := ParseDecimal(s); !errors.Is(err, want) {
			t.Errorf("%q: %v, %v; want %v", s, d, err, want)
		}
	}
}

func TestDecimalRounding(t *testing.T) {
	for s, want := range map[string]struct{ whole, nano int64 }{
		"0":                               {0, 0},
		"0.5":                             {1, 500_000_000},
		"-0.5":                            {-1, -500_000_000},
		"0.4999999999":                    {0, 500_000_000},
		"1.0000000005":                    {1, 1_000_000_001},
		"1.00000000049999999999999999999": {1, 1_000_000_000},
		"-1.0000000005":                   {-1, -1_000_000_001},
		"9223372036854775807":             {math.MaxInt64, math.MaxInt64},
		"9223372036854775808":             {math.MaxInt64, math.MaxInt64},
		"-99999999999999999999":           {-math.MaxInt64, -math.MaxInt64},
		"4934.30":                         {4934, 4_934_300_000_000},
	} {
		d := decimal(t, s)
		if d.Round() != want.whole || d.NanoUSD() != cost.NanoUSD(want.nano) {
			t.Errorf("%q: %d and %d, want %d and %d", s, d.Round(), d.NanoUSD(), want.whole, want.nano)
		}
	}
}

// TestDecimalIsExact compares sums and products with fractions of the standard library.
func TestDecimalIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var sum Decimal
		want := new(big.Rat)
		for range rapid.IntRange(1, 20).Draw(t, "numbers") {
			s := number36().Draw(t, "number")
			n := rapid.Int64Range(0, 1<<40).Draw(t, "times")
			d, err := ParseDecimal(s)
			if err != nil {
				t.Fatalf("%q: %v", s, err)
			}
			sum = sum.Add(d.Times(n))
			want.Add(want, new(big.Rat).Mul(exact(s), new(big.Rat).SetInt64(n)))
		}
		if sum.value().Cmp(want) != 0 {
			t.Fatalf("%s, want %s", sum.value().FloatString(40), want.FloatString(40))
		}
		if got, want := sum.Neg().Neg(), sum; got != want {
			t.Fatalf("%v negated twice is %v", want, got)
		}
	})
}

// number36 are numbers that need at most 36 places.
func number36() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		s := rapid.StringMatching(`-?[0-9]{1,18}(\.[0-9]{0,18})?`).Draw(t, "mantissa")
		if e := rapid.IntRange(-18, 10).Draw(t, "exponent"); e != 0 {
			return s + "e" + big.NewInt(int64(e)).String()
		}
		return s
	})
}

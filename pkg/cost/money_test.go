package cost

import (
	"encoding/json"
	"math"
	"math/big"
	"testing"

	"github.com/goccy/go-yaml"
	"pgregory.net/rapid"
)

func TestNanoUSDString(t *testing.T) {
	for _, c := range []struct {
		n             NanoUSD
		text, decimal string
	}{
		{0, "$0.00", "0"},
		{1, "$0.000000001", "0.000000001"},
		{55_000, "$0.000055", "0.000055"},
		{55_499, "$0.000055", "0.000055499"},
		{14_900_000, "$0.015", "0.0149"},
		{50_000_000, "$0.05", "0.05"},
		{99_900_000, "$0.10", "0.0999"},
		{500_000_000, "$0.50", "0.5"},
		{999_000_000, "$1.00", "0.999"},
		{4_934_999_999, "$4.93", "4.934999999"},
		{4_935_000_000, "$4.94", "4.935"},
		{-4_935_000_000, "-$4.94", "-4.935"},
		{12 * USD, "$12.00", "12"},
		{4_934_301_410_000, "$4934.30", "4934.30141"},
		{MaxNanoUSD, "$9223372036.85", "9223372036.854775807"},
		{math.MinInt64, "-$9223372036.85", "-9223372036.854775808"},
	} {
		if got := c.n.String(); got != c.text {
			t.Errorf("String(%d) = %s, want %s", int64(c.n), got, c.text)
		}
		if got := c.n.Decimal(); got != c.decimal {
			t.Errorf("Decimal(%d) = %s, want %s", int64(c.n), got, c.decimal)
		}
		if got, err := ParseUSD(c.decimal); err != nil || got != c.n {
			t.Errorf("ParseUSD(%s) = %d, %v, want %d", c.decimal, got, err, c.n)
		}
	}
}

func TestParseUSDRefuses(t *testing.T) {
	for in, want := range map[string]string{
		"":                     "not a decimal number",
		"-":                    "not a decimal number",
		".5":                   "not a decimal number",
		"5.":                   "not a decimal number",
		"1e3":                  "not a decimal number",
		"$5":                   "not a decimal number",
		"1,000":                "not a decimal number",
		"+1":                   "not a decimal number",
		"--1":                  "not a decimal number",
		"1.2.3":                "not a decimal number",
		" 1":                   "not a decimal number",
		"0.0000000001":         "more than 9 decimals",
		"9223372036.854775808": "its size is more than 9223372036.854775807",
		"99999999999999999999": "its size is more than 9223372036.854775807",
	} {
		_, err := ParseUSD(in)
		whole := `amount "` + in + `": ` + want + "; write dollars as a plain decimal number, for example 12.34"
		if err == nil || err.Error() != whole {
			t.Errorf("ParseUSD(%q): %v, want %s", in, err, whole)
		}
	}
}

func TestNanoUSDInFiles(t *testing.T) {
	type doc struct {
		Limit  NanoUSD
		Absent NanoUSD
	}
	got, err := json.Marshal(doc{Limit: 4_930_000_001})
	if err != nil || string(got) != `{"Limit":4.930000001,"Absent":0}` {
		t.Errorf("JSON %s, %v", got, err)
	}
	var d doc
	if err := json.Unmarshal([]byte(`{"Limit": 0.1, "Absent": null}`), &d); err != nil || d.Limit != 100_000_000 || d.Absent != 0 {
		t.Errorf("from JSON: %+v, %v", d, err)
	}
	if err := json.Unmarshal([]byte(`{"Limit": "0.1"}`), &d); err == nil {
		t.Error("a JSON string was read as an amount")
	}
	for text, want := range map[string]NanoUSD{"limit: 0.1": 100_000_000, "limit: 200": 200 * USD, `limit: "12.34"`: 12_340_000_000} {
		var y struct{ Limit NanoUSD }
		if err := yaml.Unmarshal([]byte(text), &y); err != nil || y.Limit != want {
			t.Errorf("from YAML %q: %d, %v, want %d", text, y.Limit, err, want)
		}
	}
}

// The product is compared with arithmetic that cannot overflow.
func TestProductIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		quantity := rapid.Int64Min(0).Draw(t, "quantity")
		price := rapid.Int64Min(0).Draw(t, "price")
		unit := rapid.Int64Min(1).Draw(t, "unit")
		var p product
		p.add(quantity, NanoUSD(price))
		got := p.per(unit)

		// floor((2·n + unit) / (2·unit)) is half up.
		n := new(big.Int).Mul(big.NewInt(quantity), big.NewInt(price))
		n.Lsh(n, 1).Add(n, big.NewInt(unit))
		want := n.Div(n, new(big.Int).Lsh(big.NewInt(unit), 1))
		if want.Cmp(big.NewInt(math.MaxInt64)) > 0 {
			want.SetInt64(math.MaxInt64)
		}
		if want.Cmp(big.NewInt(int64(got))) != 0 {
			t.Fatalf("%d × %d / %d = %d, want %s", quantity, price, unit, got, want)
		}
	})
}

func TestProductSaturates(t *testing.T) {
	for _, c := range []struct {
		quantity int64
		price    NanoUSD
		unit     int64
		want     NanoUSD
	}{
		{math.MaxInt64, 3, 2, MaxNanoUSD}, // between 2^63 and 2^64
		{1 << 62, 2, 1, MaxNanoUSD},       // 2^63
		{math.MaxInt64, 3, 1, MaxNanoUSD},
		{math.MaxInt64, MaxNanoUSD, 1, MaxNanoUSD},
		{math.MaxInt64, 1, 1, MaxNanoUSD},
		{math.MaxInt64 - 1, 1, 1, MaxNanoUSD - 1},
	} {
		var p product
		p.add(c.quantity, c.price)
		if got := p.per(c.unit); got != c.want {
			t.Errorf("%d × %d / %d = %d, want %d", c.quantity, c.price, c.unit, got, c.want)
		}
	}
}

func TestAddNanoUSDSaturates(t *testing.T) {
	if got := AddNanoUSD(1, 2, 3); got != 6 {
		t.Errorf("sum %d", got)
	}
	if got := AddNanoUSD(MaxNanoUSD-1, 1, 1); got != MaxNanoUSD {
		t.Errorf("sum %d, want the largest amount", got)
	}
}

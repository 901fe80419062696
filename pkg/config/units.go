package config

import (
	"fmt"
	"math"
	"math/big"
	"regexp"
	"strconv"
	"time"

	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/store/pace"
)

// units of a Size, in the order in which String prefers them among forms of equal length.
var units = []struct {
	name  string
	bytes int64
}{
	{"PiB", 1 << 50}, {"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10},
	{"PB", 1e15}, {"TB", 1e12}, {"GB", 1e9}, {"MB", 1e6}, {"KB", 1e3}, {"kB", 1e3}, {"B", 1},
}

var sizePattern = regexp.MustCompile(`^([0-9]+(?:\.[0-9]+)?) ?([A-Za-z]*)$`)

// ParseSize reads a number of bytes: 512, 64KiB, 1.5GiB, 10GB. The number must come out as whole bytes below 2^63.
func ParseSize(s string) (Size, error) {
	bad := func(why string) (Size, error) {
		return 0, fmt.Errorf("size %q: %s; write bytes as 512, 64KiB, 8MiB, 2GiB, 5TiB (binary) or 10GB (decimal)", s, why)
	}
	m := sizePattern.FindStringSubmatch(s)
	if m == nil || len(s) > 40 {
		return bad("not a number with a unit")
	}
	bytes := int64(0)
	for _, u := range units {
		if m[2] == u.name {
			bytes = u.bytes
		}
	}
	switch {
	case m[2] == "":
		bytes = 1
	case bytes == 0:
		return bad(fmt.Sprintf("unknown unit %q", m[2]))
	}
	v, ok := new(big.Rat).SetString(m[1])
	if !ok {
		return bad("not a number with a unit")
	}
	v.Mul(v, new(big.Rat).SetInt64(bytes))
	switch {
	case !v.IsInt():
		return bad("not a whole number of bytes")
	case !v.Num().IsInt64():
		return bad(fmt.Sprintf("more than %d bytes", int64(math.MaxInt64)))
	}
	return Size(v.Num().Int64()), nil
}

// String is the shortest exact form that [ParseSize] reads: "64KiB", "10GB", "1001".
func (s Size) String() string {
	best := strconv.FormatInt(int64(s), 10)
	for _, u := range units {
		if s == 0 || u.bytes == 1 || int64(s)%u.bytes != 0 {
			continue
		}
		if f := strconv.FormatInt(int64(s)/u.bytes, 10) + u.name; len(f) < len(best) || best == strconv.FormatInt(int64(s), 10) {
			best = f
		}
	}
	return best
}

// MarshalText writes the form of String.
func (s Size) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what [ParseSize] reads.
func (s *Size) UnmarshalText(b []byte) error {
	v, err := ParseSize(string(b))
	if err == nil {
		*s = v
	}
	return err
}

// String is the form that UnmarshalText reads: "10Gbit/s".
func (r BitRate) String() string { return pace.Rate(r).String() }

// MarshalText writes the form of String.
func (r BitRate) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads what [pace.ParseRate] reads.
func (r *BitRate) UnmarshalText(b []byte) error {
	v, err := pace.ParseRate(string(b))
	if err == nil {
		*r = BitRate(v)
	}
	return err
}

// String is the exact decimal form: "12.5".
func (u USD) String() string { return cost.NanoUSD(u).Decimal() }

// MarshalText writes the form of String.
func (u USD) MarshalText() ([]byte, error) { return []byte(u.String()), nil }

// UnmarshalText reads what [cost.ParseUSD] reads.
func (u *USD) UnmarshalText(b []byte) error {
	v, err := cost.ParseUSD(string(b))
	if err == nil {
		*u = USD(v)
	}
	return err
}

// String is the form that time.ParseDuration reads: "10m0s".
func (d Duration) String() string { return time.Duration(d).String() }

// MarshalText writes the form of String.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads 90s, 10m, 1h30m. A duration without a unit is refused: nobody can tell what it means.
func (d *Duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	if err != nil || v < 0 {
		return fmt.Errorf("duration %q: write it as 90s, 10m, 1h30m or 24h", b)
	}
	*d = Duration(v)
	return nil
}

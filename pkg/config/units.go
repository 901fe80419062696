package config

import (
	"fmt"
	"time"

	"github.com/datagravity/datagravity/internal/units"
	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/jobs/spec"
	"github.com/datagravity/datagravity/pkg/store/pace"
)

// ParseSize reads a number of bytes: 512, 64KiB, 1.5GiB, 10GB. The number must come out as whole bytes below 2^63.
func ParseSize(s string) (Size, error) {
	n, err := units.ParseSize(s)
	return Size(n), err
}

// String is the shortest exact form that [ParseSize] reads: "64KiB", "10GB", "1001".
func (s Size) String() string { return units.FormatSize(int64(s)) }

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

// UnmarshalText reads 90s, 10m, 1h30m, 30d. A duration without a unit is refused: nobody can tell what it means.
func (d *Duration) UnmarshalText(b []byte) error {
	v, err := spec.ParseDuration(string(b))
	if err != nil || v < 0 {
		return fmt.Errorf("duration %q: write it as 90s, 10m, 1h30m, 24h or 30d", b)
	}
	*d = Duration(v)
	return nil
}

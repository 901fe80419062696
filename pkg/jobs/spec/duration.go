package spec

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

const day = 24 * time.Hour

// MostDuration bounds need-bys and keeps: what is longer is a slip, and would leave the range of times.
const MostDuration = 3660 * day

// ParseDuration reads what [time.ParseDuration] reads, and days before it: 30d, 1d12h. A day has 24 hours.
func ParseDuration(s string) (time.Duration, error) {
	bad := fmt.Errorf("duration %.40q: write it as 90s, 10m, 1h30m, 24h or 30d", s)
	days, rest, found := strings.Cut(s, "d")
	if !found {
		d, err := time.ParseDuration(s)
		if err != nil {
			return 0, bad
		}
		return d, nil
	}
	n, err := strconv.ParseUint(days, 10, 32)
	if err != nil || n > math.MaxInt64/uint64(day) {
		return 0, bad
	}
	total := time.Duration(n) * day
	if rest == "" {
		return total, nil
	}
	d, err := time.ParseDuration(rest)
	if err != nil || d < 0 || strings.HasPrefix(rest, "+") || d > math.MaxInt64-total {
		return 0, bad
	}
	return total + d, nil
}

// FormatDuration is the shortest form that [ParseDuration] reads: 30d, 1h30m.
func FormatDuration(d time.Duration) string {
	if d >= day && d%day == 0 {
		return strconv.FormatInt(int64(d/day), 10) + "d"
	}
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// keep is the field of that name.
type keep time.Duration

// UnmarshalText reads a duration of more than 0.
func (k *keep) UnmarshalText(b []byte) error {
	d, err := ParseDuration(string(b))
	switch {
	case err != nil:
		return err
	case d <= 0 || d > MostDuration:
		return fmt.Errorf("%s: want more than 0 and at most %s, or leave it out", FormatDuration(d), FormatDuration(MostDuration))
	}
	*k = keep(d)
	return nil
}

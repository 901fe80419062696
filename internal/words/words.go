// Package words says numbers, times and jobs the way people read them, the same in every command and on every screen.
package words

import (
	"fmt"
	"strings"
	"time"
)

// Size writes bytes for people, binary, as the price book counts them.
func Size(n int64) string {
	const unit = 1024
	if n < unit {
		return fmt.Sprintf("%d B", n)
	}
	v, suffix := float64(n), ""
	for _, suffix = range []string{"KiB", "MiB", "GiB", "TiB", "PiB"} {
		v /= unit
		if v < unit-0.05 { // else it would be written as 1024.0 of it
			break
		}
	}
	return fmt.Sprintf("%.1f %s", v, suffix)
}

// Span is a duration for people: 40m, 2h10m, 45s.
func Span(d time.Duration) string {
	if d >= time.Minute {
		d = d.Round(time.Minute)
	}
	s := d.Round(time.Second).String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// Clock is a time for people; "-" where nobody knows it.
func Clock(t *time.Time) string {
	if t == nil || t.IsZero() {
		return "-"
	}
	return t.UTC().Format(time.RFC3339)
}

// Count is a number of things: 1 job, 2 jobs.
func Count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

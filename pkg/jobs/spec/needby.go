package spec

import (
	"errors"
	"fmt"
	"strings"
	"time"
	_ "time/tzdata" // a named zone means the same on a machine without a zone database, as in a bare container
)

// NeedBy is by when something must be there: a point in time, a while after the job is registered, or unknown (the zero value).
type NeedBy struct {
	at    time.Time     // not zero: this point
	after time.Duration // not zero: so long after registration
}

// By is a need-by at a point in time; the zero time is unknown.
func By(t time.Time) NeedBy {
	if t.IsZero() {
		return NeedBy{}
	}
	return NeedBy{at: t.Round(0).UTC()} // without a monotonic reading, which would make equal times differ
}

// Known tells whether anything was said.
func (n NeedBy) Known() bool { return n != NeedBy{} }

// Relative tells that the point in time follows from when the job is registered.
func (n NeedBy) Relative() bool { return n.after != 0 }

// At is the point in time, in UTC, for a job that is registered now; zero where it is unknown.
func (n NeedBy) At(now time.Time) time.Time {
	if n.Relative() {
		return now.Round(0).UTC().Add(n.after)
	}
	return n.at
}

// passed is how long ago the point was; 0 if it is not over, relative or unknown.
func (n NeedBy) passed(now time.Time) time.Duration {
	if n.at.IsZero() {
		return 0
	}
	return max(0, now.Sub(n.at))
}

// String is a form that [ParseNeedBy] reads: 2026-12-01T08:00:00Z, +4h, unknown.
func (n NeedBy) String() string {
	switch {
	case n.Relative():
		return "+" + FormatDuration(n.after)
	case n.Known():
		return n.at.Format(time.RFC3339Nano)
	}
	return "unknown"
}

// UnmarshalText reads what [ParseNeedBy] reads.
func (n *NeedBy) UnmarshalText(b []byte) error {
	v, err := ParseNeedBy(string(b))
	if err == nil {
		*n = v
	}
	return err
}

// ParseNeedBy reads
//
//	2026-12-01T08:00:00Z, 2026-12-01T08:00:00+01:00      RFC 3339
//	2026-12-01 08:00 Europe/Berlin, 2026-12-01 08:00 UTC  a wall clock's time and whose it is
//	+4h, in 4h, 4h, +2d                                   after the job is registered; more than 0, at most 3660 days
//	unknown
//
// A time without a zone is refused: the one who writes it and the daemon may be on different continents. Of a wall clock's time that
// comes twice, in the night when clocks go back, the earlier is meant: too early is never too late.
func ParseNeedBy(s string) (NeedBy, error) {
	text := strings.TrimSpace(s)
	if text == "" {
		return NeedBy{}, errors.New("is empty; write a time, or leave it out if nobody knows")
	}
	if text == "unknown" {
		return NeedBy{}, nil
	}
	if text[0] >= '0' && text[0] <= '9' && strings.Contains(text, "-") {
		return parseTime(text)
	}
	after, err := ParseDuration(strings.TrimPrefix(strings.TrimPrefix(strings.TrimPrefix(text, "in "), "+"), " "))
	switch {
	case err != nil:
		return NeedBy{}, fmt.Errorf("time %.40q: write it as 2026-12-01T08:00:00Z, 2026-12-01 08:00 Europe/Berlin, +4h or unknown", s)
	case after <= 0 || after > MostDuration:
		return NeedBy{}, fmt.Errorf("%s from now: want more than 0 and at most %s", FormatDuration(after), FormatDuration(MostDuration))
	}
	return NeedBy{after: after}, nil
}

func parseTime(text string) (NeedBy, error) {
	if t, err := time.Parse(time.RFC3339Nano, text); err == nil && t.Year() > 0 {
		return By(t), nil
	}
	if parts := strings.Fields(text); len(parts) == 3 {
		return parseWallClock(parts[0]+" "+parts[1], parts[2])
	}
	for _, layout := range []string{"2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02"} {
		if _, err := time.Parse(layout, text); err == nil {
			return NeedBy{}, fmt.Errorf("time %q has no zone; write 2026-12-01T08:00:00Z, 2026-12-01T08:00:00+01:00 or 2026-12-01 08:00 Europe/Berlin", text)
		}
	}
	return NeedBy{}, fmt.Errorf("time %.40q: write it as 2026-12-01T08:00:00Z, 2026-12-01 08:00 Europe/Berlin, +4h or unknown", text)
}

func parseWallClock(clock, zone string) (NeedBy, error) {
	in, err := time.LoadLocation(zone)
	if err != nil || zone == "Local" {
		return NeedBy{}, fmt.Errorf("unknown time zone %.40q; write it as Europe/Berlin or UTC", zone)
	}
	layout := "2006-01-02 15:04"
	if strings.Count(clock, ":") == 2 {
		layout = "2006-01-02 15:04:05"
	}
	t, err := time.ParseInLocation(layout, clock, in)
	if err != nil || t.Year() == 0 {
		return NeedBy{}, fmt.Errorf("time %.40q: write it as 2026-12-01 08:00 %s", clock, zone)
	}
	// Where clocks go forward over it, ParseInLocation moves it.
	wall, err := time.Parse(layout, clock)
	if err != nil || t.Format(layout) != wall.Format(layout) {
		return NeedBy{}, fmt.Errorf("there is no %s in %s: clocks go forward then; write a time before or after", clock, zone)
	}
	// ParseInLocation promises neither of two; what the zone said before its last change tells the earlier.
	if change, _ := t.ZoneBounds(); !change.IsZero() {
		_, after := t.Zone()
		_, before := change.Add(-1).Zone()
		if early := t.Add(time.Duration(after-before) * time.Second); early.Before(change) && early.Format(layout) == wall.Format(layout) {
			t = early
		}
	}
	return By(t), nil
}

package bill

import (
	"errors"
	"time"
)

var errNotATime = errors.New("not a date and time; want one like 2024-09-18 23:00:00 or 2024-09-18T23:00:00Z, in UTC")

// parseTime reads a point in time: a date, then optionally a T or a space and a time of day, then optionally fractions of a
// second, then optionally Z, UTC or an offset. Without one it is UTC, as FOCUS says.
func parseTime(s string) (t time.Time, err error) {
	year, rest, ok := number(s, 4, '-')
	month, rest, ok2 := number(rest, 2, '-')
	day, rest, ok3 := number(rest, 2, 0)
	if !ok || !ok2 || !ok3 {
		return t, errNotATime
	}
	var hour, minute, second, nanos int
	if rest != "" && (rest[0] == 'T' || rest[0] == ' ') {
		if hour, rest, ok = number(rest[1:], 2, ':'); !ok {
			return t, errNotATime
		}
		if minute, rest, ok = number(rest, 2, 0); !ok {
			return t, errNotATime
		}
		if rest != "" && rest[0] == ':' {
			if second, rest, ok = number(rest[1:], 2, 0); !ok {
				return t, errNotATime
			}
			if nanos, rest, ok = fraction(rest); !ok {
				return t, errNotATime
			}
		}
	}
	offset, ok := zone(rest)
	if !ok || hour > 23 || minute > 59 || second > 59 {
		return t, errNotATime
	}
	t = time.Date(year, time.Month(month), day, hour, minute, second, nanos, time.UTC)
	if t.Day() != day || int(t.Month()) != month || year < 2000 {
		return t, errNotATime
	}
	return t.Add(-offset), nil
}

// number reads exactly n digits and the character after them, 0 for none.
func number(s string, n int, after byte) (v int, rest string, ok bool) {
	if len(s) < n {
		return 0, s, false
	}
	for i := range n {
		if s[i] < '0' || s[i] > '9' {
			return 0, s, false
		}
		v = v*10 + int(s[i]-'0')
	}
	rest = s[n:]
	if after == 0 {
		return v, rest, true
	}
	if rest == "" || rest[0] != after {
		return 0, s, false
	}
	return v, rest[1:], true
}

// fraction reads ".123", or nothing.
func fraction(s string) (nanos int, rest string, ok bool) {
	if s == "" || s[0] != '.' {
		return 0, s, true
	}
	i, unit := 1, 100_000_000
	for ; i < len(s) && s[i] >= '0' && s[i] <= '9'; i++ {
		nanos += int(s[i]-'0') * unit
		unit /= 10
	}
	return nanos, s[i:], i > 1
}

// zone reads "", "Z", "UTC", " UTC", "+01:00", "+0100" or "+00".
func zone(s string) (offset time.Duration, ok bool) {
	if s != "" && s[0] == ' ' {
		s = s[1:]
	}
	switch s {
	case "", "Z", "z", "UTC":
		return 0, true
	}
	if s[0] != '+' && s[0] != '-' {
		return 0, false
	}
	hours, rest, ok := number(s[1:], 2, 0)
	minutes := 0
	if ok && rest != "" {
		if rest[0] == ':' {
			rest = rest[1:]
		}
		if minutes, rest, ok = number(rest, 2, 0); rest != "" {
			ok = false
		}
	}
	offset = time.Duration(hours)*time.Hour + time.Duration(minutes)*time.Minute
	if s[0] == '-' {
		offset = -offset
	}
	return offset, ok && hours < 24 && minutes < 60
}

package pace

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/datagravity/datagravity/internal/lazyre"
)

// LineError is a line of a timetable that cannot be read.
type LineError struct {
	Line    int // index, from 0
	Text    string
	Message string // what is wrong, and what is accepted
}

func (e *LineError) Error() string {
	return fmt.Sprintf("line %d, %q: %s", e.Line+1, e.Text, e.Message)
}

const accepted = `write [DAYS] [FROM-TO] RATE, for example "Mon-Fri 08:00-19:00 2Gbit/s", "22:00-06:00 unlimited" or "8Gbit/s"`

// ParseTimetable reads lines such as
//
//	Mon-Fri 08:00-19:00 2Gbit/s
//	Sat,Sun unlimited
//	22:00-06:00 8Gbit/s
//	500Mbit/s
//
// in the named zone of the IANA database ("Europe/Berlin"), "" for the machine's. Days are English, short or in full; a span
// of them may pass the end of the week, and a span of time midnight, which belongs to the day on which it begins. The error
// is a *[LineError], or that of a zone that does not exist.
func ParseTimetable(lines []string, zone string) (*Timetable, error) {
	t := &Timetable{zone: time.Local}
	if zone != "" {
		z, err := time.LoadLocation(zone)
		if err != nil {
			return nil, fmt.Errorf("unknown time zone %q; write one of the IANA database, for example Europe/Berlin or America/New_York, or leave it out for the machine's", zone)
		}
		t.zone = z
	}
	for i, text := range lines {
		fail := func(format string, a ...any) (*Timetable, error) {
			return nil, &LineError{Line: i, Text: text, Message: fmt.Sprintf(format, a...)}
		}
		if n := len(t.lines); n > 0 && t.lines[n-1].always && t.lines[n-1].days == everyDay {
			return fail("never holds, because line %d before it is for every time and the first that fits holds; put it before that line", i)
		}
		l, err := parseLine(text)
		if err != nil {
			return fail("%v", err)
		}
		t.lines = append(t.lines, l)
	}
	return t, nil
}

func parseLine(text string) (l line, err error) {
	words := strings.Fields(text)
	if len(words) == 0 {
		return l, fmt.Errorf("is empty; %s", accepted)
	}
	l.days, l.always = everyDay, true
	last := len(words) - 1
	if words[last] != unlimitedWord {
		if last > 0 && strings.Trim(words[last], "0123456789.") == words[last] && ratePattern.MatchString(words[last-1]+words[last]) {
			last-- // a number and its unit apart
		}
		if l.rate, err = ParseRate(strings.Join(words[last:], "")); err != nil {
			return l, fmt.Errorf("%w, or %s", err, unlimitedWord)
		}
	}
	rest := words[:last]
	if len(rest) > 0 && !strings.Contains(rest[0], ":") {
		if l.days, err = parseDays(rest[0]); err != nil {
			return l, err
		}
		rest = rest[1:]
	}
	if len(rest) > 0 {
		l.always = false
		if l.from, l.to, err = parseSpan(rest[0]); err != nil {
			return l, err
		}
		rest = rest[1:]
	}
	if len(rest) > 0 {
		return l, fmt.Errorf("%q is too much; %s", strings.Join(rest, " "), accepted)
	}
	return l, nil
}

var spanPattern = lazyre.New(`^([0-9]{1,2}):([0-9]{2})-([0-9]{1,2}):([0-9]{2})$`)

// parseSpan reads 08:00-19:00 as minutes of the day; 24:00 can end a span.
func parseSpan(s string) (from, to int, err error) {
	bad := func() (int, int, error) {
		return 0, 0, fmt.Errorf("%q is no span of time; write it as 08:00-19:00, or 22:00-06:00 over midnight", s)
	}
	m := spanPattern.FindStringSubmatch(s)
	if m == nil {
		return bad()
	}
	var n [4]int
	for i := range n {
		n[i], _ = strconv.Atoi(m[i+1]) // two digits
	}
	from, to = n[0]*60+n[1], n[2]*60+n[3]
	switch {
	case n[1] > 59 || n[3] > 59 || from >= minutesPerDay || to > minutesPerDay:
		return bad()
	case from == to:
		return 0, 0, fmt.Errorf("%q has no length; leave the times out for the whole day", s)
	}
	return from, to, nil
}

// parseDays reads Mon, Mon-Fri, Fri-Mon, Sat,Sun.
func parseDays(s string) (days, error) {
	var set days
	for _, part := range strings.Split(s, ",") {
		first, last, span := strings.Cut(part, "-")
		a, err := parseDay(first)
		if err != nil {
			return 0, fmt.Errorf("%q: %w", s, err)
		}
		b := a
		if span {
			if b, err = parseDay(last); err != nil {
				return 0, fmt.Errorf("%q: %w", s, err)
			}
		}
		for d := a; ; d = (d + 1) % 7 {
			set |= 1 << d
			if d == b {
				break
			}
		}
	}
	return set, nil
}

func parseDay(s string) (time.Weekday, error) {
	for d := time.Sunday; d <= time.Saturday; d++ {
		if name := d.String(); strings.EqualFold(s, name) || strings.EqualFold(s, name[:3]) {
			return d, nil
		}
	}
	return 0, fmt.Errorf("%q is no day (Mon, Tue, Wed, Thu, Fri, Sat, Sun); %s", s, accepted)
}

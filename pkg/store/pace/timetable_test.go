package pace_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/datagravity/datagravity/pkg/store/pace"
)

func timetable(t *testing.T, zone string, lines ...string) *pace.Timetable {
	t.Helper()
	tt, err := pace.ParseTimetable(lines, zone)
	if err != nil {
		t.Fatal(err)
	}
	return tt
}

func at(t *testing.T, zone, s string) time.Time {
	t.Helper()
	z, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	v, err := time.ParseInLocation("2006-01-02 15:04:05", s, z)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestTimetable(t *testing.T) {
	office := []string{"Mon-Fri 08:00-19:00 2Gbit/s", "Fri 22:00-06:00 unlimited", "Sat,sunday 500 Mbit/s", "8Gbit/s"}
	for _, c := range []struct {
		zone  string
		lines []string
		now   string
		rate  string
		until string // in the zone; "" for never
	}{
		{"UTC", nil, "2026-11-26 12:00:00", "unlimited", ""},
		{"UTC", []string{"8Gbit/s"}, "2026-11-26 12:00:00", "8Gbit/s", ""},
		{"UTC", office, "2026-11-26 07:59:59", "8Gbit/s", "2026-11-26 08:00:00"}, // a Thursday
		{"UTC", office, "2026-11-26 08:00:00", "2Gbit/s", "2026-11-26 19:00:00"},
		{"UTC", office, "2026-11-27 19:00:00", "8Gbit/s", "2026-11-27 22:00:00"},
		{"UTC", office, "2026-11-27 22:00:00", "unlimited", "2026-11-28 06:00:00"}, // over midnight
		{"UTC", office, "2026-11-28 06:00:00", "500Mbit/s", "2026-11-30 00:00:00"}, // two days in one
		{"UTC", office, "2026-11-30 00:00:00", "8Gbit/s", "2026-11-30 08:00:00"},
		{"UTC", []string{"22:00-06:00 1Mbit/s"}, "2026-11-26 23:59:59", "1Mbit/s", "2026-11-27 06:00:00"},
		{"UTC", []string{"22:00-24:00 1Mbit/s"}, "2026-11-26 23:59:59", "1Mbit/s", "2026-11-27 00:00:00"},
		{"UTC", []string{"Sun-Mon 12:00-13:00 1Mbit/s"}, "2026-11-23 13:00:00", "unlimited", "2026-11-29 12:00:00"},
		{"UTC", []string{"Sat-Tue 1Mbit/s"}, "2026-11-25 00:00:00", "unlimited", "2026-11-28 00:00:00"},
		// A line under another says nothing.
		{"UTC", []string{"08:00-12:00 1Mbit/s", "06:00-14:00 2Mbit/s"}, "2026-11-26 07:00:00", "2Mbit/s", "2026-11-26 08:00:00"},
		{"UTC", []string{"08:00-12:00 1Mbit/s", "10:00-14:00 1000Kbit/s"}, "2026-11-26 08:00:00", "1Mbit/s", "2026-11-26 14:00:00"},

		// Berlin puts its clock forward on 29 March at 02:00, and back on 25 October at 03:00.
		{"Europe/Berlin", []string{"02:30-04:00 1Mbit/s"}, "2026-03-29 01:00:00", "unlimited", "2026-03-29 03:00:00"},
		{"Europe/Berlin", []string{"02:00-03:00 1Mbit/s"}, "2026-03-28 03:00:00", "unlimited", "2026-03-30 02:00:00"},
		{"Europe/Berlin", []string{"22:00-06:00 1Mbit/s"}, "2026-03-28 22:00:00", "1Mbit/s", "2026-03-29 06:00:00"},
		{"America/New_York", []string{"08:00-19:00 2Gbit/s"}, "2026-11-01 00:30:00", "unlimited", "2026-11-01 08:00:00"},
	} {
		tt := timetable(t, c.zone, c.lines...)
		now := at(t, c.zone, c.now)
		rate, until := tt.At(now.UTC()) // the zone is the timetable's, not the clock's
		if rate.String() != c.rate {
			t.Errorf("%q at %s: %v, want %s", c.lines, c.now, rate, c.rate)
		}
		if have := until.In(now.Location()).Format("2006-01-02 15:04:05"); c.until == "" && !until.IsZero() || c.until != "" && have != c.until {
			t.Errorf("%q at %s until %v, want %s", c.lines, c.now, until, c.until)
		}
	}
}

// What lies in the hour that comes twice holds twice: 02:00 to 02:30 in Berlin on 25 October.
func TestTheHourThatComesTwice(t *testing.T) {
	tt := timetable(t, "Europe/Berlin", "02:00-02:30 1Mbit/s")
	now := time.Date(2026, 10, 24, 23, 0, 0, 0, time.UTC)
	var changes []string
	for range 4 {
		_, until := tt.At(now)
		rate, _ := tt.At(until)
		changes = append(changes, fmt.Sprint(until.UTC().Format("15:04 "), rate))
		now = until
	}
	const want = "00:00 1Mbit/s, 00:30 unlimited, 01:00 1Mbit/s, 01:30 unlimited"
	if have := strings.Join(changes, ", "); have != want {
		t.Errorf("%s\nwant %s", have, want)
	}
}

// Whatever the lines and the zone, the rate is one and the same until the time that At names, and another one from then on.
func TestAtNamesTheNextChange(t *testing.T) {
	zones := []string{"UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Africa/Casablanca"}
	dayNames := []string{"", "Mon ", "Mon-Fri ", "Fri-Mon ", "Sat,Sun "}
	rapid.Check(t, func(rt *rapid.T) {
		clock := rapid.Custom(func(rt *rapid.T) string {
			return fmt.Sprintf("%02d:%02d", rapid.IntRange(0, 23).Draw(rt, "h"), rapid.SampledFrom([]int{0, 15, 30, 59}).Draw(rt, "m"))
		})
		var lines []string
		for range rapid.IntRange(1, 4).Draw(rt, "lines") {
			from, to := clock.Draw(rt, "from"), clock.Draw(rt, "to")
			if from == to {
				continue
			}
			lines = append(lines, fmt.Sprintf("%s%s-%s %dMbit/s", rapid.SampledFrom(dayNames).Draw(rt, "days"), from, to, rapid.IntRange(1, 3).Draw(rt, "rate")))
		}
		tt, err := pace.ParseTimetable(lines, rapid.SampledFrom(zones).Draw(rt, "zone"))
		if err != nil {
			rt.Fatal(err)
		}
		now := time.Unix(rapid.Int64Range(1_767_225_600, 1_798_761_600).Draw(rt, "now"), 0) // 2026
		rate, until := tt.At(now)
		end := until
		if until.IsZero() {
			end = now.Add(8 * 24 * time.Hour)
		} else if next, _ := tt.At(until); next == rate || !until.After(now) {
			rt.Fatalf("%q: %v at %v and still at %v", lines, rate, now, until)
		}
		for m := now.Truncate(time.Minute).Add(time.Minute); m.Before(end); m = m.Add(7 * time.Minute) {
			if r, _ := tt.At(m); r != rate {
				rt.Fatalf("%q: %v at %v, to stay until %v, but %v at %v", lines, rate, now, until, r, m)
			}
		}
	})
}

func TestTimetableErrors(t *testing.T) {
	const form = `; write [DAYS] [FROM-TO] RATE, for example "Mon-Fri 08:00-19:00 2Gbit/s", "22:00-06:00 unlimited" or "8Gbit/s"`
	const units = `; want for example 800Mbit/s or 10Gbit/s (units: bit/s, Kbit/s, Mbit/s, Gbit/s, Tbit/s), or unlimited`
	for line, want := range map[string]string{
		"":                                  "is empty" + form,
		"08:00-19:00":                       `bandwidth "08:00-19:00": not a number with a unit` + units,
		"2GB/s":                             `bandwidth "2GB/s": unknown unit "GB/s"` + units,
		"2gbit/s":                           `bandwidth "2gbit/s": unknown unit "gbit/s"` + units,
		"0Gbit/s":                           `bandwidth "0Gbit/s": must be more than 0; datagravity pause lets nothing move` + units,
		"0.5bit/s":                          `bandwidth "0.5bit/s": not a whole number of bits per second` + units,
		"99999999Tbit/s":                    `bandwidth "99999999Tbit/s": more than 9223372036854775807 bit/s` + units,
		"Mo-Fr 08:00-19:00 2Gbit/s":         `"Mo-Fr": "Mo" is no day (Mon, Tue, Wed, Thu, Fri, Sat, Sun)` + form,
		"Mon-Fri, Sun 2Gbit/s":              `"Mon-Fri,": "" is no day (Mon, Tue, Wed, Thu, Fri, Sat, Sun)` + form,
		"8:00-24:01 2Gbit/s":                `"8:00-24:01" is no span of time; write it as 08:00-19:00, or 22:00-06:00 over midnight`,
		"08:00-19:60 2Gbit/s":               `"08:00-19:60" is no span of time; write it as 08:00-19:00, or 22:00-06:00 over midnight`,
		"Mon 8-19 2Gbit/s":                  `"8-19" is no span of time; write it as 08:00-19:00, or 22:00-06:00 over midnight`,
		"08:00-08:00 2Gbit/s":               `"08:00-08:00" has no length; leave the times out for the whole day`,
		"Mon 08:00-19:00 Tue 2Gbit/s":       `"Tue" is too much` + form,
		"5 2Gbit/s":                         `"5": "5" is no day (Mon, Tue, Wed, Thu, Fri, Sat, Sun)` + form,
		"08:00-12:00 13:00-14:00 unlimited": `"13:00-14:00" is too much` + form,
	} {
		_, err := pace.ParseTimetable([]string{"Sun 1Mbit/s", line}, "")
		var e *pace.LineError
		if !errors.As(err, &e) || e.Line != 1 || e.Text != line || e.Message != want {
			t.Errorf("%q: %v\nwant %s", line, err, want)
		}
	}
	_, err := pace.ParseTimetable([]string{"8Gbit/s", "Sun 1Mbit/s"}, "")
	if err == nil || err.Error() != `line 2, "Sun 1Mbit/s": never holds, because line 1 before it is for every time and the first that fits holds; put it before that line` {
		t.Errorf("a line that never holds: %v", err)
	}
	_, err = pace.ParseTimetable(nil, "Europe/Atlantis")
	if err == nil || !strings.Contains(err.Error(), `unknown time zone "Europe/Atlantis"; write one of the IANA database`) {
		t.Errorf("a zone that is not: %v", err)
	}
}

func TestRateForms(t *testing.T) {
	for in, want := range map[string]string{
		"800Mbit/s": "800Mbit/s", "10Gbit/s": "10Gbit/s", "2.5Gbit/s": "2500Mbit/s", "1000Mbit/s": "1Gbit/s", "1bit/s": "1bit/s", "4 Kbit/s": "4Kbit/s",
	} {
		r, err := pace.ParseRate(in)
		if err != nil || r.String() != want {
			t.Errorf("%q: %v, %v", in, r, err)
		}
	}
	rapid.Check(t, func(rt *rapid.T) {
		r := pace.Rate(rapid.Int64Min(1).Draw(rt, "rate"))
		if have, err := pace.ParseRate(r.String()); err != nil || have != r {
			rt.Fatalf("%d is written %s, read as %d, %v", r, r, have, err)
		}
	})
}

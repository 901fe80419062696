package spec

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

var now = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

func TestNeedBy(t *testing.T) {
	for text, want := range map[string]string{
		"2026-12-01T08:00:00Z":                 "2026-12-01T08:00:00Z",
		"2026-12-01T08:00:00+01:00":            "2026-12-01T07:00:00Z",
		" 2026-12-01T08:00:00.5-08:00 ":        "2026-12-01T16:00:00.5Z",
		"2026-12-01 08:00 Europe/Berlin":       "2026-12-01T07:00:00Z",
		"2026-12-01 8:00:30 UTC":               "2026-12-01T08:00:30Z",
		"2026-07-01 08:00 America/New_York":    "2026-07-01T12:00:00Z",
		"2026-10-25 02:30 Europe/Berlin":       "2026-10-25T00:30:00Z", // twice that night: the earlier
		"2026-11-01 01:30 America/New_York":    "2026-11-01T05:30:00Z",
		"2026-04-05 01:45 Australia/Lord_Howe": "2026-04-04T14:45:00Z", // half an hour
		"2026-10-25 03:00 Europe/Berlin":       "2026-10-25T02:00:00Z",
		"4h":                                   "2026-11-26T16:00:00Z",
		"+4h":                                  "2026-11-26T16:00:00Z",
		"in 4h30m":                             "2026-11-26T16:30:00Z",
		"+ 2d":                                 "2026-11-28T12:00:00Z",
		"1d12h":                                "2026-11-28T00:00:00Z",
		"unknown":                              "0001-01-01T00:00:00Z",
	} {
		n, err := ParseNeedBy(text)
		if got := n.At(now).Format(time.RFC3339Nano); err != nil || got != want {
			t.Errorf("%q: %s, %v; want %s", text, got, err, want)
		}
		if n.Known() == (text == "unknown") {
			t.Errorf("%q: known %v", text, n.Known())
		}
	}
	for text, want := range map[string]string{
		"":                               "is empty; write a time, or leave it out if nobody knows",
		"tomorrow":                       `time "tomorrow": write it as 2026-12-01T08:00:00Z, 2026-12-01 08:00 Europe/Berlin, +4h or unknown`,
		"4":                              `time "4": write it as 2026-12-01T08:00:00Z, 2026-12-01 08:00 Europe/Berlin, +4h or unknown`,
		"-4h":                            "-4h from now: want more than 0 and at most 3660d",
		"0s":                             "0s from now: want more than 0 and at most 3660d",
		"3661d":                          "3661d from now: want more than 0 and at most 3660d",
		"2026-12-01":                     `time "2026-12-01" has no zone; write 2026-12-01T08:00:00Z, 2026-12-01T08:00:00+01:00 or 2026-12-01 08:00 Europe/Berlin`,
		"2026-12-01 08:00":               `time "2026-12-01 08:00" has no zone; write 2026-12-01T08:00:00Z, 2026-12-01T08:00:00+01:00 or 2026-12-01 08:00 Europe/Berlin`,
		"2026-13-01T08:00:00Z":           `time "2026-13-01T08:00:00Z": write it as 2026-12-01T08:00:00Z, 2026-12-01 08:00 Europe/Berlin, +4h or unknown`,
		"2026-12-01 08:00 Berlin":        `unknown time zone "Berlin"; write it as Europe/Berlin or UTC`,
		"2026-12-01 08:00 Local":         `unknown time zone "Local"; write it as Europe/Berlin or UTC`,
		"2026-12-01 25:00 UTC":           `time "2026-12-01 25:00": write it as 2026-12-01 08:00 UTC`,
		"2026-03-29 02:30 Europe/Berlin": "there is no 2026-03-29 02:30 in Europe/Berlin: clocks go forward then; write a time before or after",
	} {
		if n, err := ParseNeedBy(text); err == nil || err.Error() != want {
			t.Errorf("%q: %v, %v\nwant %s", text, n, err, want)
		}
	}
}

// TestNeedByText: what String writes is read as the same.
func TestNeedByText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := By(time.Unix(rapid.Int64Range(0, 1e11).Draw(t, "seconds"), rapid.Int64Range(0, 999_999_999).Draw(t, "ns")))
		if rapid.Bool().Draw(t, "relative") {
			n = NeedBy{after: time.Duration(rapid.Int64Range(1, int64(MostDuration)).Draw(t, "after"))}
		}
		if back, err := ParseNeedBy(n.String()); err != nil || back != n {
			t.Fatalf("%s is read as %s, %v", n, back, err)
		}
	})
}

func TestNeedByOfNoTime(t *testing.T) {
	if n := By(time.Time{}); n.Known() || n.String() != "unknown" {
		t.Errorf("%s", n)
	}
}

func TestParseDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"90s": 90 * time.Second, "1h30m": 90 * time.Minute, "30d": 720 * time.Hour, "720h": 720 * time.Hour, "1d12h": 36 * time.Hour, "0d": 0,
		"106751d23h": 106751*day + 23*time.Hour,
	} {
		if got, err := ParseDuration(text); err != nil || got != want {
			t.Errorf("%q: %s, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "d", "9", "1.5d", "-1d", "1d-2h", "1d+2h", "1d1d", "106752d", "106751d24h", "99999999999d", "1w", "1d "} {
		if got, err := ParseDuration(text); err == nil {
			t.Errorf("%q is %s", text, got)
		}
	}
	for d, want := range map[time.Duration]string{
		0: "0s", 720 * time.Hour: "30d", 4 * time.Hour: "4h", 90 * time.Minute: "1h30m", 90 * time.Second: "1m30s", 10 * time.Second: "10s",
		10 * time.Minute: "10m", 25 * time.Hour: "25h", 100 * time.Millisecond: "100ms",
	} {
		if got := FormatDuration(d); got != want {
			t.Errorf("%d: %s, want %s", d, got, want)
		}
	}
}

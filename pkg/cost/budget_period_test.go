package cost

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func zoneOf(t testing.TB, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func TestPeriodWindows(t *testing.T) {
	pacific, berlin, auckland := zoneOf(t, "America/Los_Angeles"), zoneOf(t, "Europe/Berlin"), zoneOf(t, "Pacific/Auckland")
	for _, tt := range []struct {
		p                 Period
		at                string
		name, from, until string
	}{
		{Period{}, "2026-11-30T23:59:59Z", "2026-11", "2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z"},
		{Period{}, "2026-12-01T00:30:00+01:00", "2026-11", "2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z"},
		{Period{Zone: pacific}, "2026-12-01T07:59:59Z", "2026-11", "2026-11-01T07:00:00Z", "2026-12-01T08:00:00Z"}, // the clocks change within
		{Period{Zone: pacific}, "2026-12-01T08:00:00Z", "2026-12", "2026-12-01T08:00:00Z", "2027-01-01T08:00:00Z"},
		{Period{Kind: Daily}, "2026-02-28T12:00:00Z", "2026-02-28", "2026-02-28T00:00:00Z", "2026-03-01T00:00:00Z"},
		{Period{Kind: Daily, Zone: berlin}, "2026-03-29T00:30:00Z", "2026-03-29", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"}, // of 23 hours
		{Period{Kind: Daily, Zone: berlin}, "2026-10-25T22:30:00Z", "2026-10-25", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"}, // of 25 hours
		{Period{Kind: Daily, Zone: auckland}, "2026-11-26T11:00:00Z", "2026-11-27", "2026-11-26T11:00:00Z", "2026-11-27T11:00:00Z"},
		{Period{Kind: Weekly}, "2026-11-26T12:00:00Z", "2026-W48", "2026-11-23T00:00:00Z", "2026-11-30T00:00:00Z"},
		{Period{Kind: Weekly}, "2027-01-03T23:00:00Z", "2026-W53", "2026-12-28T00:00:00Z", "2027-01-04T00:00:00Z"},
		{Period{Kind: Weekly}, "2027-01-04T00:00:00Z", "2027-W01", "2027-01-04T00:00:00Z", "2027-01-11T00:00:00Z"},
		{Period{Kind: Total}, "2026-11-26T12:00:00Z", "total", "", ""},
		{Period{Kind: Rolling, Last: 720 * time.Hour}, "2026-11-26T12:34:56Z", "last 30d", "2026-10-27T12:00:00Z", ""},
		{Period{Kind: Rolling, Last: 30 * time.Hour}, "2026-11-26T12:00:00Z", "last 30h", "2026-11-25T06:00:00Z", ""},
	} {
		at, err := time.Parse(time.RFC3339, tt.at)
		if err != nil {
			t.Fatal(err)
		}
		w := tt.p.at(at)
		text := func(at time.Time) string {
			if at.IsZero() {
				return ""
			}
			return at.UTC().Format(time.RFC3339)
		}
		if w.name != tt.name || text(w.from) != tt.from || text(w.until) != tt.until {
			t.Errorf("%s in %s: %s from %s until %s, want %s from %s until %s", tt.at, tt.p, w.name, text(w.from), text(w.until), tt.name, tt.from, tt.until)
		}
	}
}

func TestParsePeriod(t *testing.T) {
	for text, want := range map[string]Period{
		"month": {}, "day": {Kind: Daily}, "week": {Kind: Weekly}, "total": {Kind: Total}, "last 1h": {Kind: Rolling, Last: time.Hour},
		"last 36h": {Kind: Rolling, Last: 36 * time.Hour}, "last 30d": {Kind: Rolling, Last: 720 * time.Hour}, "last 366d": {Kind: Rolling, Last: MaxRolling},
	} {
		if got, err := ParsePeriod(text); err != nil || got != want || got.String() != text {
			t.Errorf("%q: %+v (%s), %v", text, got, got, err)
		}
	}
	for _, text := range []string{"", "year", "Month", "last", "last ", "last 30", "last d", "last 0d", "last -1d", "last 367d", "last 8785h", "last 1w", "last 1.5d", "last 99999999999999999999d"} {
		if p, err := ParsePeriod(text); err == nil || !strings.Contains(err.Error(), "window") {
			t.Errorf("%q: %+v, %v", text, p, err)
		}
	}
}

var someZones = []string{
	"UTC", "America/Los_Angeles", "Europe/Berlin", "Pacific/Auckland", "Pacific/Kiritimati", "Etc/GMT+12", "Asia/Kathmandu", "Australia/Lord_Howe",
	"America/Havana", "Asia/Beirut", "America/St_Johns", "Africa/Casablanca", "Asia/Kolkata", "Pacific/Chatham", "America/Asuncion", "Africa/Cairo",
}

// As time goes on windows follow each other, whatever the zone does with its clocks: the name of one that was left never comes back.
// They begin at a quarter of an hour, which is how finely the ledger remembers its time. And the days that a window's name stands for
// are those whose times lie in it.
func TestWindowsNeverComeBack(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		zone := zoneOf(t, rapid.SampledFrom(someZones).Draw(rt, "zone"))
		p := Period{Kind: rapid.SampledFrom([]PeriodKind{Monthly, Daily, Weekly}).Draw(rt, "kind"), Zone: zone}
		at := time.Unix(rapid.Int64Range(1_700_000_000, 2_500_000_000).Draw(rt, "second"), 0)
		w := p.at(at)
		if at.Before(w.from) || !at.Before(w.until) {
			rt.Fatalf("%s is not within its window, %s to %s", at, w.from, w.until)
		}
		for _, edge := range []time.Time{w.from, w.until} {
			if edge.Unix()%900 != 0 {
				rt.Fatalf("%s in %s begins or ends at %s", w.name, zone, edge.UTC())
			}
		}
		if before, last, next := p.at(w.from.Add(-time.Second)), p.at(w.until.Add(-time.Second)), p.at(w.until); before.name >= w.name || last.name != w.name || next.name <= w.name {
			rt.Fatalf("%s, then %s ending with %s, then %s", before.name, w.name, last.name, next.name)
		}
		later := at.Add(time.Duration(rapid.Int64Range(0, 400*24*3600).Draw(rt, "later")) * time.Second)
		first, final, ok := daysOf(w.name)
		if day := p.day(later); !ok || (first <= day && day <= final) != (p.at(later).name == w.name) || p.at(later).name < w.name {
			rt.Fatalf("%s is in %s; the days of %s are %s to %s", day, p.at(later).name, w.name, first, final)
		}
	})
}

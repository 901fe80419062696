package cost

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Period is how long a budget's windows are and where they begin.
type Period struct {
	Kind PeriodKind
	// Last is the length of a Rolling window, in whole hours.
	Last time.Duration
	// Zone is where days begin; nil: UTC. A provider's bill has one of its own. Rolling windows have none.
	Zone *time.Location
}

// PeriodKind is a kind of window.
type PeriodKind int

// The kinds.
const (
	Monthly PeriodKind = iota
	Daily
	Weekly // from Monday, as ISO 8601 counts weeks
	Total  // one window for ever
	// Rolling is the time up to now: it slides by the hour.
	Rolling
)

// MaxRolling is the longest Rolling window: each reservation sums its days.
const MaxRolling = 366 * 24 * time.Hour

const totalWindow = "total"

// window is one window of a period.
type window struct {
	name string // "2026-11", "2026-11-26", "2026-W48", "total", "last 30d"
	// from and until are its bounds; zero: it has none. A rolling window ends now.
	from, until time.Time
}

func (p Period) zone() *time.Location {
	if p.Zone == nil || p.Kind == Rolling {
		return time.UTC
	}
	return p.Zone
}

// at is the window that is open at a time.
func (p Period) at(t time.Time) window {
	t = t.In(p.zone())
	midnight := func(year int, month time.Month, day int) time.Time {
		return time.Date(year, month, day, 0, 0, 0, 0, p.zone())
	}
	y, m, d := t.Date()
	switch p.Kind {
	case Daily:
		return window{t.Format(time.DateOnly), midnight(y, m, d), midnight(y, m, d+1)}
	case Weekly:
		year, week := t.ISOWeek()
		monday := d - (int(t.Weekday())+6)%7
		return window{fmt.Sprintf("%d-W%02d", year, week), midnight(y, m, monday), midnight(y, m, monday+7)}
	case Total:
		return window{name: totalWindow}
	case Rolling:
		return window{name: "last " + lengthName(p.Last), from: t.Add(-p.Last).Truncate(time.Hour)}
	default:
		return window{t.Format("2006-01"), midnight(y, m, 1), midnight(y, m+1, 1)}
	}
}

// Next is when the window after the one that is open at a time begins: for one that slides, when nothing of what was spent by then counts any more.
// Zero: never.
func (p Period) Next(t time.Time) time.Time {
	if p.Kind == Rolling {
		return t.Truncate(time.Hour).Add(p.Last + time.Hour)
	}
	return p.at(t).until
}

// zoneName is the zone as spending names it.
func (p Period) zoneName() string {
	if name := p.zone().String(); name != "UTC" {
		return name
	}
	return ""
}

// day is the name of the day of a time in the period's zone.
func (p Period) day(t time.Time) string { return t.In(p.zone()).Format(time.DateOnly) }

// String says the period as a configuration does: "month", "last 30d".
func (p Period) String() string {
	switch p.Kind {
	case Daily:
		return "day"
	case Weekly:
		return "week"
	case Total:
		return totalWindow
	case Rolling:
		return "last " + lengthName(p.Last)
	default:
		return "month"
	}
}

func lengthName(d time.Duration) string {
	if hours := int(d / time.Hour); hours%24 != 0 {
		return strconv.Itoa(hours) + "h"
	}
	return strconv.Itoa(int(d/time.Hour)/24) + "d"
}

// ParsePeriod reads day, week, month, total, last 30d or last 12h; the zone is the caller's to set.
func ParsePeriod(text string) (Period, error) {
	for kind := Monthly; kind < Rolling; kind++ {
		if p := (Period{Kind: kind}); p.String() == text {
			return p, nil
		}
	}
	length, rolling := strings.CutPrefix(text, "last ")
	if !rolling {
		return Period{}, fmt.Errorf("unknown window %q (known: day, week, month, total, and last 30d or last 12h for one that slides)", text)
	}
	unit := time.Hour
	number, days := strings.CutSuffix(length, "d")
	if days {
		unit = 24 * time.Hour
	} else {
		number, _ = strings.CutSuffix(length, "h")
	}
	n, err := strconv.Atoi(number)
	if err != nil || number == length || n < 1 || n > int(MaxRolling/unit) {
		return Period{}, fmt.Errorf("window %q: want a number of hours or of days, from last 1h to last %s", text, lengthName(MaxRolling))
	}
	return Period{Kind: Rolling, Last: time.Duration(n) * unit}, nil
}

// daysOf are the first day of a window that does not slide, by its name, and the last; ok is false for one that does.
func daysOf(name string) (first, last string, ok bool) {
	if name == totalWindow {
		return "0001-01-01", "9998-12-31", true
	}
	year, week, weekly := strings.Cut(name, "-W")
	switch {
	case weekly:
		y, errYear := strconv.Atoi(year)
		w, errWeek := strconv.Atoi(week)
		if errYear != nil || errWeek != nil {
			return "", "", false
		}
		// The 4th of January is always in week 1.
		fourth := time.Date(y, 1, 4, 0, 0, 0, 0, time.UTC)
		monday := fourth.AddDate(0, 0, 7*(w-1)-(int(fourth.Weekday())+6)%7)
		return monday.Format(time.DateOnly), monday.AddDate(0, 0, 6).Format(time.DateOnly), true
	case len(name) == len("2006-01"):
		month, err := time.Parse("2006-01", name)
		return name + "-01", month.AddDate(0, 1, -1).Format(time.DateOnly), err == nil
	case len(name) == len(time.DateOnly):
		return name, name, true
	}
	return "", "", false
}

// WindowOf names the calendar month of a time, in UTC: "2026-11". Ledger lines and meters are kept by it.
func WindowOf(t time.Time) string { return t.UTC().Format("2006-01") }

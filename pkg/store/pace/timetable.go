package pace

import (
	"slices"
	"time"
	_ "time/tzdata" // a named zone means the same on a machine without a zone database, as in a bare container
)

// Timetable says which [Rate] holds when. It does not change; nil limits nothing. Of lines that overlap the first holds, and
// where none does there is no limit.
//
// Times are those of the wall clock in its zone. When the clock is put forward, what lies in the hour that is left out is
// left out; when it is put back, what lies in the hour that comes twice holds twice.
type Timetable struct {
	lines []line
	zone  *time.Location
}

// line is one rule: a rate on some days from one minute of the day to another.
type line struct {
	days     days
	from, to int // minutes of the day; to <= from: until the next day. Both 0 with always
	always   bool
	rate     Rate
}

// days is a set of time.Weekday.
type days uint8

const everyDay days = 1<<7 - 1

func (d days) has(w time.Weekday) bool { return d&(1<<w) != 0 }

const minutesPerDay = 24 * 60

// holds tells whether the line is for this minute of the wall clock.
func (l line) holds(day time.Weekday, minute int) bool {
	yesterday := (day + 6) % 7
	switch {
	case l.always:
		return l.days.has(day)
	case l.from < l.to:
		return l.days.has(day) && l.from <= minute && minute < l.to
	default:
		// From Friday 22:00 until 06:00 is the night that begins on Friday.
		return l.days.has(day) && minute >= l.from || l.days.has(yesterday) && minute < l.to
	}
}

// rate at a time.
func (t *Timetable) rate(at time.Time) Rate {
	local := at.In(t.zone)
	minute := local.Hour()*60 + local.Minute()
	for _, l := range t.lines {
		if l.holds(local.Weekday(), minute) {
			return l.rate
		}
	}
	return Unlimited
}

// horizon is how far a change is looked for. What happens within a week and a day happens every week, but for the clock
// being put forward or back, which is found when it comes near.
const horizon = 8 * 24 * time.Hour

// At returns the rate at a time, and when it next becomes another one; the zero time if it does not within 8 days.
func (t *Timetable) At(now time.Time) (Rate, time.Time) {
	if t == nil {
		return Unlimited, time.Time{}
	}
	rate := t.rate(now)
	for at := t.boundary(now); at.Sub(now) < horizon; at = t.boundary(at) {
		if t.rate(at) != rate {
			return rate, at
		}
	}
	return rate, time.Time{}
}

// boundary is the next moment after now at which a line can begin or end: a time of a line, midnight, or a change of the
// zone's offset.
func (t *Timetable) boundary(now time.Time) time.Time {
	local := now.In(t.zone)
	// Seconds since midnight on the wall, as if the offset stayed: arithmetic on dates would have to guess at wall times that
	// come twice or never.
	wall := time.Duration(local.Hour())*time.Hour + time.Duration(local.Minute())*time.Minute +
		time.Duration(local.Second())*time.Second + time.Duration(local.Nanosecond())
	const day = 24 * time.Hour
	least := day - wall
	for _, l := range t.lines {
		for _, minute := range [...]int{l.from, l.to} {
			if d := (time.Duration(minute%minutesPerDay)*time.Minute - wall + day) % day; d > 0 {
				least = min(least, d)
			}
		}
	}
	next := now.Add(least)
	if _, end := local.ZoneBounds(); !end.IsZero() && end.Before(next) && end.After(now) {
		return end
	}
	return next
}

// Equal tells whether two timetables say the same at every time.
func (t *Timetable) Equal(o *Timetable) bool {
	if t == nil || o == nil {
		return t == o
	}
	return t.zone.String() == o.zone.String() && slices.Equal(t.lines, o.lines)
}

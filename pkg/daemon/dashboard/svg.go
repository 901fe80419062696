package dashboard

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// tick is a mark of an axis.
type tick struct {
	At    string // in percent
	Label string
	// End tells that the label stands left of its mark, because it would leave the picture otherwise.
	End bool
}

// span of lengths that an axis of time can be marked with.
var marks = []struct {
	d     time.Duration
	label string
}{
	{10 * time.Second, "10 s"}, {30 * time.Second, "30 s"}, {time.Minute, "1 min"}, {2 * time.Minute, "2 min"}, {5 * time.Minute, "5 min"}, {10 * time.Minute, "10 min"},
	{30 * time.Minute, "30 min"}, {time.Hour, "1 h"}, {3 * time.Hour, "3 h"}, {6 * time.Hour, "6 h"}, {12 * time.Hour, "12 h"}, {24 * time.Hour, "1 d"},
	{3 * 24 * time.Hour, "3 d"}, {7 * 24 * time.Hour, "1 wk"}, {28 * 24 * time.Hour, "4 wk"}, {91 * 24 * time.Hour, "3 mo"}, {365 * 24 * time.Hour, "1 yr"},
}

// timeline is an axis from now on. What is near takes more of it: beside a job that is needed in a month, one that is needed in an hour can still be read.
type timeline struct {
	now  time.Time
	long time.Duration
	// bend is where the axis turns from even to logarithmic.
	bend  time.Duration
	Ticks []tick
}

// lead is the share of the axis that lies before now, so that what is overdue has a place.
const lead = 0.04

func newTimeline(now time.Time, until time.Time) *timeline {
	long := max(time.Minute, until.Sub(now)*21/20)
	l := &timeline{now: now, long: long, bend: max(long/200, min(long/4, 5*time.Minute))}
	l.Ticks = []tick{{At: l.at(now), Label: "now"}}
	last := l.x(now)
	for _, m := range marks {
		if m.d > long {
			break
		}
		if x := l.x(now.Add(m.d)); x-last > 0.1 && x < 0.99 {
			l.Ticks = append(l.Ticks, tick{At: percent(x), Label: m.label, End: x > 0.96})
			last = x
		}
	}
	return l
}

func (l *timeline) x(t time.Time) float64 {
	d := t.Sub(l.now)
	if d < 0 {
		return max(0, lead*(1+d.Seconds()/l.bend.Seconds()))
	}
	return min(1, lead+(1-lead)*math.Log1p(d.Seconds()/l.bend.Seconds())/math.Log1p(l.long.Seconds()/l.bend.Seconds()))
}

func (l *timeline) at(t time.Time) string { return percent(l.x(t)) }

// bar of a timeline: from, and how wide.
type bar struct{ X, Width, Class string }

func (l *timeline) bar(from, to time.Time, class string) bar {
	a, b := l.x(from), l.x(to)
	return bar{percent(a), percent(max(0.006, b-a)), class}
}

// line of a chart, in the 1000 by 100 units of its picture.
type line struct{ Class, Path, Area string }

// points makes a path of values from 0 at the bottom to top.
func points(xs, ys []float64, width, top float64, class string) line {
	var b strings.Builder
	for i, x := range xs {
		command := 'L'
		if i == 0 {
			command = 'M'
		}
		fmt.Fprintf(&b, "%c%.1f %.1f", command, 1000*x/max(width, 1e-9), 100-100*min(1, ys[i]/max(top, 1e-9)))
	}
	p := line{Class: class, Path: b.String()}
	if n := len(xs); n > 1 {
		p.Area = fmt.Sprintf("%sL%.1f 100L%.1f 100Z", p.Path, 1000*xs[n-1]/max(width, 1e-9), 1000*xs[0]/max(width, 1e-9))
	}
	return p
}

// niceTop is the lowest round number that is not below v, by which unit its marks are round too.
func niceTop(v, unit float64) float64 {
	if v <= 0 {
		return unit
	}
	for unit*1000 < v {
		unit *= 1024
	}
	for step := unit; ; step *= 10 {
		for _, m := range []float64{1, 2, 4, 5, 8, 10} {
			if m*step >= v {
				return m * step
			}
		}
	}
}

// niceDollars is the same for amounts.
func niceDollars(v float64) float64 {
	if v <= 0 {
		return 1
	}
	step := math.Pow(10, math.Floor(math.Log10(v)))
	for _, m := range []float64{1, 2, 4, 5, 8, 10} {
		if m*step >= v*(1-1e-9) {
			return m * step
		}
	}
	return 10 * step
}

// levels marks an axis of values at quarters of its top.
func levels(top float64, text func(float64) string) (list []tick) {
	for i := 0; i <= 4; i += 2 {
		list = append(list, tick{At: percent(1 - float64(i)/4), Label: text(top * float64(i) / 4)})
	}
	return list
}

// planet is a dataset at a destination: the ring is as large as what is wanted, the disc as what is there.
type planet struct{ Ring, Disc string }

// newPlanet has areas in proportion to bytes; the smallest can still be seen.
func newPlanet(held, all, largest int64) planet {
	const radius = 15
	ring := radius * math.Sqrt(share(all, largest))
	ring = max(4, ring)
	disc := ring * math.Sqrt(share(held, all))
	if held > 0 {
		disc = max(1.2, disc)
	}
	return planet{fmt.Sprintf("%.2f", ring), fmt.Sprintf("%.2f", disc)}
}

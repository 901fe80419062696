package dashboard

import (
	"fmt"
	"html/template"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/datagravity/datagravity/pkg/cost"
)

// size writes bytes with three digits: "1.21 TiB", "512 MiB", "0 B".
func size(n int64) string {
	const names = "KMGTPE"
	if n > -1024 && n < 1024 {
		return strconv.FormatInt(n, 10) + " B"
	}
	v, i := float64(n)/1024, 0
	for math.Abs(v) >= 999.5 && i < len(names)-1 {
		v, i = v/1024, i+1
	}
	return digits(v) + " " + names[i:i+1] + "iB"
}

// digits writes three of them, and no zeros behind the point that say nothing.
func digits(v float64) string {
	decimals := 0
	switch a := math.Abs(v); {
	case a < 9.995:
		decimals = 2
	case a < 99.95:
		decimals = 1
	}
	s := strconv.FormatFloat(v, 'f', decimals, 64)
	if decimals > 0 {
		s = strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
	}
	return s
}

func rate(bytesPerSecond int64) string { return size(bytesPerSecond) + "/s" }

// count writes a number with commas: "1,048,576".
func count[N int | int64](n N) string { return commas(strconv.FormatInt(int64(n), 10)) }

func commas(s string) string {
	whole, rest, point := strings.Cut(s, ".")
	sign := ""
	if strings.HasPrefix(whole, "-") {
		sign, whole = "-", whole[1:]
	}
	var b strings.Builder
	for i, c := range []byte(whole) {
		if i > 0 && (len(whole)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteByte(c)
	}
	if point {
		return sign + b.String() + "." + rest
	}
	return sign + b.String()
}

// usd writes dollars and cents: "$1,204.60", "<$0.01", "$0.00". What is exact is in the ledger, and in forms.
func usd(n cost.NanoUSD) string {
	const cent = cost.USD / 100
	sign := ""
	if n < 0 {
		sign, n = "−", -max(n, -cost.MaxNanoUSD)
	}
	if n > 0 && n < cent/2 {
		return "<" + sign + "$0.01"
	}
	cents := int64(n / cent)
	if n%cent >= cent/2 {
		cents++
	}
	return fmt.Sprintf("%s$%s.%02d", sign, count(cents/100), cents%100)
}

// dollars of a limit that may not be there.
func dollars(n *cost.NanoUSD) string {
	if n == nil {
		return "—"
	}
	return usd(*n)
}

// plural counts a thing: "1 shard", "12 shards".
func plural[N int | int64](n N, one string) string {
	if n == 1 {
		return "1 " + one
	}
	if y, ok := strings.CutSuffix(one, "y"); ok {
		return count(n) + " " + y + "ies"
	}
	return count(n) + " " + one + "s"
}

// span writes a length of time in the two units that matter: "45 s", "12 min", "3 h 12 min", "2 d 4 h", "23 d".
func span(d time.Duration) string {
	d = d.Abs()
	const day = 24 * time.Hour
	two := func(big, small time.Duration, a, b string) string {
		d = d.Round(small)
		if rest := d % big / small; rest > 0 {
			return fmt.Sprintf("%d %s %d %s", d/big, a, rest, b)
		}
		return fmt.Sprintf("%d %s", d/big, a)
	}
	switch {
	case d < 99500*time.Millisecond:
		return fmt.Sprintf("%d s", int(d.Seconds()+0.5))
	case d < 99*time.Minute:
		return fmt.Sprintf("%d min", int(d.Minutes()+0.5))
	case d < 36*time.Hour:
		return two(time.Hour, time.Minute, "h", "min")
	case d < 10*day:
		return two(day, time.Hour, "d", "h")
	case d < 700*day:
		return fmt.Sprintf("%d d", int(d.Hours()/24+0.5))
	}
	return digits(d.Hours()/24/365.25) + " years"
}

// ago says how long something is past, or ahead: "5 min ago", "in 3 h".
func ago(t, now time.Time) string {
	switch d := now.Sub(t); {
	case d.Abs() < time.Second:
		return "now"
	case d < 0:
		return "in " + span(d)
	default:
		return span(d) + " ago"
	}
}

// clock names a time as shortly as it stays clear on that day: "14:20", "Thu 14:20", "14 Dec", "14 Dec 2027".
func clock(t, now time.Time) string {
	t, now = t.UTC(), now.UTC()
	away := t.Sub(now).Abs()
	switch {
	case t.Format(time.DateOnly) == now.Format(time.DateOnly):
		return t.Format("15:04")
	case away < 6*24*time.Hour:
		return t.Format("Mon 15:04")
	case away < 300*24*time.Hour:
		return t.Format("2 Jan")
	}
	return t.Format("2 Jan 2006")
}

// moment is a time as an element that machines and pointers can ask for the rest of it.
func moment(t *time.Time, now time.Time) template.HTML {
	if t == nil || t.IsZero() {
		return `<span class="none">—</span>`
	}
	return timeElement(*t, clock(*t, now))
}

func timeElement(t time.Time, text string) template.HTML {
	t = t.UTC()
	return template.HTML(`<time datetime="` + t.Format(time.RFC3339) + `" title="` + t.Format("Mon 2 Jan 2006 15:04:05") + ` UTC">` + template.HTMLEscapeString(text) + `</time>`)
}

// past is a time as how long ago it was.
func past(t *time.Time, now time.Time) template.HTML {
	if t == nil || t.IsZero() {
		return `<span class="none">never</span>`
	}
	return timeElement(*t, ago(*t, now))
}

const longName = 96

// clip shortens a name in its middle, where it tells least.
func clip(s string) string {
	s = visible(s)
	if len(s) <= longName {
		return s
	}
	cut := func(i int) int {
		for i > 0 && i < len(s) && !utf8.RuneStart(s[i]) {
			i--
		}
		return i
	}
	return s[:cut(longName*2/3)] + "…" + s[cut(len(s)-longName/3):]
}

// visible has a mark in the place of what would be seen as nothing, or would turn what stands beside it around.
func visible(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029' {
			return '\ufffd'
		}
		return r
	}, s)
}

// percent of a share, for SVG.
func percent(share float64) string {
	if math.IsNaN(share) {
		share = 0
	}
	return strconv.FormatFloat(100*min(1, max(0, share)), 'f', 2, 64) + "%"
}

// share of a whole, 0 where there is none; for people it is whole only when nothing is missing.
func share(part, whole int64) float64 {
	if whole <= 0 {
		return 0
	}
	return min(1, max(0, float64(part)/float64(whole)))
}

func shareText(part, whole int64) string {
	s := int(share(part, whole) * 100)
	if s == 0 && part > 0 {
		return "<1 %"
	}
	return strconv.Itoa(s) + " %"
}

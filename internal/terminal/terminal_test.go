package terminal

import (
	"math"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/vt"
	"pgregory.net/rapid"
)

// hostile is text as others may have named their objects.
func hostile() *rapid.Generator[string] {
	pieces := []string{
		"train/000.tar", "\x1b[2J", "\x1b]0;title\x07", "\x1b]52;c;cm0gLXJm\x07", "\x9b31m", "\u009b2J", "\r", "\n", "\t", "\b\b\b", "\x00", "\x7f", "\xff\xfe", "\u202e", "\u2066", "\u200b",
		"\u200d", "\ufeff", "漢字", "한글", "ｆｕｌｌ", "👩‍👩‍👧‍👦", "👍🏽", "🇩🇪", "❤️", "e\u0301\u0301\u0301\u0301", strings.Repeat("\u0300", 50), "\u115f", "\u2800", "ﷺ", "\u0e33", "\u1100\u1161\u11a8", "…", "\U0010ffff",
	}
	return rapid.Map(rapid.SliceOfN(rapid.OneOf(rapid.SampledFrom(pieces), rapid.String()), 0, 8), func(list []string) string { return strings.Join(list, "") })
}

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"train/000.tar": "train/000.tar", "a\x1b[2Jb": "a�[2Jb", "a\u009b2Jb": "a�2Jb", "a\nb\tc": "a b c", "\u202egnp.exe": "�gnp.exe", "\xff": "�",
		"e\u0301": "e\u0301", "e\u0301\u0301\u0301": "e\u0301\u0301", "\u0301x": "x", "❤️": "❤", "👍🏽": "👍", "漢字": "漢字", "a\u00a0b": "a b", "a\u115fb": "a�b",
	} {
		if got := Clean(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	if got := Clean(strings.Repeat("x", 1<<20)); len(got) > mostText+10 {
		t.Errorf("%d bytes are left of a long text", len(got))
	}
}

// Whatever a text has in it, there is nothing in it afterwards that a terminal would do, and cleaning it again changes nothing.
func TestCleanIsHarmless(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		got := Clean(hostile().Draw(t, "text"))
		if !utf8.ValidString(got) || Clean(got) != got || ansi.Strip(got) != got {
			t.Fatalf("%q", got)
		}
		for _, r := range got {
			if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Co, r) {
				t.Fatalf("%q has %U", got, r)
			}
		}
	})
}

// No text gets wider than it may, and what fits stays as it is.
func TestFit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text, width := Clean(hostile().Draw(t, "text")), rapid.IntRange(0, 40).Draw(t, "width")
		got := Fit(text, width)
		if Width(got) > width {
			t.Fatalf("%q is %d wide, and may be %d", got, Width(got), width)
		}
		if Width(text) <= width && width > 0 && got != text {
			t.Fatalf("%q fits and is %q", text, got)
		}
		for _, line := range Wrap(text, width) {
			if width > 0 && Width(line) > width {
				t.Fatalf("%q is wrapped at %d to %q", text, width, line)
			}
		}
	})
}

// Wrapped text is all there.
func TestWrap(t *testing.T) {
	text := "one two-three four averyveryverylongword five"
	got := Wrap(text, 10)
	if joined := strings.Join(got, ""); strings.ReplaceAll(joined, " ", "") != strings.ReplaceAll(text, " ", "") {
		t.Errorf("%q", got)
	}
}

// onScreen is what a terminal of this width shows of a line, without the blanks at its end, and whether it needed one row alone.
func onScreen(width int, line string) (text string, one bool) {
	e := vt.NewEmulator(width, 3)
	_, _ = e.WriteString(line)
	rows := strings.Split(e.String(), "\n")
	return strings.TrimRight(rows[0], " "), strings.TrimSpace(strings.Join(rows[1:], "")) == ""
}

// A table is never wider than it may be, whatever is in its cells, and its escapes are only ours.
func TestTable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		width := rapid.IntRange(1, 120).Draw(t, "width")
		n := rapid.IntRange(1, 6).Draw(t, "columns")
		var columns []Column
		for range n {
			columns = append(columns, Column{
				Title: rapid.SampledFrom([]string{"JOB", "DATASET", "漢字", ""}).Draw(t, "title"), Right: rapid.Bool().Draw(t, "right"),
				Least: rapid.IntRange(0, 9).Draw(t, "least"), Drop: rapid.IntRange(0, 3).Draw(t, "drop"),
			})
		}
		var rows []Row
		for range rapid.IntRange(0, 3).Draw(t, "rows") {
			r := Row{Under: rapid.SampledFrom([]Role{Plain, Chosen}).Draw(t, "under")}
			for range rapid.IntRange(0, n).Draw(t, "cells") {
				r.Cells = append(r.Cells, Cell{hostile().Draw(t, "text"), rapid.SampledFrom([]Role{Plain, Bad}).Draw(t, "role")})
			}
			rows = append(rows, r)
		}
		for _, colours := range []Colours{NoEscapes, OnDark} {
			for _, line := range Table(NewTheme(colours), width, columns, rows) {
				if w := Width(ansi.Strip(line)); w > width {
					t.Fatalf("a line of %d cells, and %d are there: %q", w, width, line)
				}
				if colours == NoEscapes && strings.ContainsRune(line, '\x1b') {
					t.Fatalf("an escape in %q", line)
				}
				if _, one := onScreen(width, line); !one {
					t.Fatalf("a terminal breaks %q", line)
				}
			}
		}
	})
}

// Where there is no room, what matters least goes first, and what is left can be read.
func TestTableGivesUpColumns(t *testing.T) {
	columns := []Column{{Title: "JOB", Least: 4}, {Title: "WHAT", Least: 6, Drop: 2}, {Title: "BYTES", Right: true, Drop: 1}, {Title: "STATE"}}
	rows := []Row{{Cells: []Cell{{"train-17", Accent}, {"c4 -> lab1 (train/*)", Plain}, {"12.0 TiB", Plain}, {"on time", Good}}}}
	for width, want := range map[int]string{
		0:  "JOB       WHAT                     BYTES  STATE|train-17  c4 -> lab1 (train/*)  12.0 TiB  on time",
		60: "JOB       WHAT                     BYTES  STATE|train-17  c4 -> lab1 (train/*)  12.0 TiB  on time",
		40: "JOB       WHAT            BYTES  STATE|train-17  c4 -> lab1…  12.0 TiB  on time",
		30: "JOB          BYTES  STATE|train-17  12.0 TiB  on time",
		25: "JOB        BYTES  STATE|train…  12.0 TiB  on time",
		20: "JOB       STATE|train-17  on time",
		14: "JOB    STATE|trai…  on time",
		5:  "JOB|tra…",
	} {
		lines := Table(NewTheme(NoEscapes), width, columns, rows)
		for i := range lines {
			lines[i] = strings.TrimRight(lines[i], " ")
		}
		if got := strings.Join(lines, "|"); got != want {
			t.Errorf("%d wide: %q, want %q", width, got, want)
		}
	}
}

func TestBar(t *testing.T) {
	for _, c := range []struct {
		width  int
		shares []float64
		want   string
	}{
		{10, []float64{0, 0}, "░░░░░░░░░░"}, {10, []float64{0.5, 0.25}, "█████▓▓▓░░"}, {10, []float64{1}, "██████████"}, {10, []float64{0.999, 0}, "█████████░"},
		{10, []float64{0.001}, "█░░░░░░░░░"}, {10, []float64{2, 5}, "██████████"}, {0, []float64{1}, ""}, {3, []float64{math.NaN()}, "░░░"}, {10, []float64{0.4, 0.001}, "████▓░░░░░"},
		{4, []float64{-1, 0.5}, "▓▓░░"}, {1, []float64{0.5}, "█"},
	} {
		if got := Bar(c.width, c.shares...); got != c.want {
			t.Errorf("%d, %v: %q, want %q", c.width, c.shares, got, c.want)
		}
	}
}

func TestSpark(t *testing.T) {
	for _, c := range []struct {
		width   int
		numbers []int64
		want    string
	}{
		{4, nil, "    "}, {4, []int64{1}, "   █"}, {4, []int64{0, 1, 4, 8}, "·▂▅█"}, {2, []int64{8, 8, 0, 0, 4, 4}, "█▅"}, {0, []int64{1}, ""}, {3, []int64{0, 0, 0}, "···"},
		{2, []int64{math.MaxInt64, math.MaxInt64, -5}, "█▅"},
	} {
		got := Spark(c.width, c.numbers)
		if got != c.want {
			t.Errorf("%d, %v: %q, want %q", c.width, c.numbers, got, c.want)
		}
		if Width(got) != c.width {
			t.Errorf("%q is %d wide", got, Width(got))
		}
	}
}

// Bars and spark lines are as wide as they are to be, whatever the numbers.
func TestBarsAreAsWideAsTheyAre(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		width := rapid.IntRange(0, 60).Draw(t, "width")
		shares := rapid.SliceOfN(rapid.Float64(), 0, 4).Draw(t, "shares")
		if got := Bar(width, shares...); Width(got) != width {
			t.Fatalf("bar of %v: %q", shares, got)
		}
		if got := Spark(width, rapid.SliceOfN(rapid.Int64(), 0, 400).Draw(t, "numbers")); Width(got) != width {
			t.Fatalf("spark line %q", got)
		}
	})
}

// NO_COLOR is obeyed whatever its value; bold and reversed are no colours. A dumb terminal gets no escapes.
func TestEnvironment(t *testing.T) {
	for _, c := range []struct {
		env  map[string]string
		want Colours
	}{
		{map[string]string{"TERM": "xterm-256color"}, OnAny}, {map[string]string{"TERM": "xterm", "NO_COLOR": "anything"}, NoColours}, {map[string]string{"TERM": "xterm", "NO_COLOR": ""}, OnAny},
		{map[string]string{"TERM": "dumb"}, NoEscapes}, {nil, NoEscapes},
	} {
		if got := Environment(func(k string) (string, bool) { v, ok := c.env[k]; return v, ok }); got != c.want {
			t.Errorf("%v: %d, want %d", c.env, got, c.want)
		}
	}
	theme := NewTheme(NoColours)
	for role := range roles {
		if s := theme.Paint(role, "x"); strings.Contains(s, "3") || strings.Contains(s, "4") {
			t.Errorf("role %d has a colour: %q", role, s)
		}
	}
}

// In a terminal that does not speak UTF-8 nothing is but ASCII, and as wide as before.
func TestASCII(t *testing.T) {
	theme := NewTheme(NoEscapes)
	theme.ASCII = true
	rapid.Check(t, func(t *rapid.T) {
		text := Clean(hostile().Draw(t, "text")) + Bar(5, 0.5, 0.2) + Spark(5, []int64{0, 3, 9})
		got := theme.Paint(Bad, text)
		for _, r := range got {
			if r > 0x7E || r < ' ' {
				t.Fatalf("%q", got)
			}
		}
	})
	for v, want := range map[string]bool{"C": false, "de_DE.ISO-8859-1": false, "en_US.UTF-8": true, "C.utf8": true, "": true} {
		if got := UTF8(func(k string) (string, bool) { return map[string]string{"LANG": v}[k], true }); got != want {
			t.Errorf("LANG=%s: %t", v, got)
		}
	}
}

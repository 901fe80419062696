package terminal

import (
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// Width is how many cells a clean text takes at most: some terminals join letters that belong together, others do not.
func Width(s string) int {
	if plain(s) {
		return len(s)
	}
	return max(ansi.StringWidth(s), ansi.StringWidthWc(s))
}

// Fit cuts a clean text to a width, and says with … that something is missing.
func Fit(s string, width int) string {
	if width <= 0 {
		return ""
	}
	if Width(s) <= width {
		return s
	}
	for w := width; w > 0; w-- {
		if out := ansi.TruncateWc(ansi.Truncate(s, w, "…"), w, "…"); Width(out) <= width {
			return out
		}
	}
	return ""
}

// Wrap breaks a clean text into lines of a width, at spaces where there are any.
func Wrap(s string, width int) []string {
	if width <= 0 || Width(s) <= width {
		return []string{s}
	}
	var lines []string
	line := ""
	flush := func() {
		if line != "" {
			lines = append(lines, line)
			line = ""
		}
	}
	for word := range strings.FieldsSeq(s) {
		if line != "" && Width(line)+1+Width(word) <= width {
			line += " " + word
			continue
		}
		flush()
		for Width(word) > width { // it fits on no line whole
			n := 0
			for i, r := range word {
				if Width(word[:i+len(string(r))]) > width {
					break
				}
				n = i + len(string(r))
			}
			if n == 0 {
				break // a letter that is wider than the line
			}
			lines, word = append(lines, word[:n]), word[n:]
		}
		line = Fit(word, width)
	}
	flush()
	return lines
}

// Line is put together from left to right and never gets wider than it may be.
type Line struct {
	theme *Theme
	// width is the most it may have; 0: any.
	width int
	used  int
	b     strings.Builder
	// under is painted under all of it.
	under Role
}

// NewLine begins a line; width 0 is any.
func NewLine(t *Theme, width int) *Line { return &Line{theme: t, width: width} }

// left is how many cells are free.
func (l *Line) left() int {
	if l.width <= 0 {
		return 1 << 30
	}
	return max(0, l.width-l.used)
}

// Add text, which is cleaned and cut to what is free.
func (l *Line) Add(role Role, text string) *Line {
	text = Fit(Clean(text), l.left())
	if text == "" {
		return l
	}
	l.used += Width(text)
	if l.under != Plain {
		role = l.under
	}
	l.b.WriteString(l.theme.Paint(role, text))
	return l
}

// To adds spaces up to a cell.
func (l *Line) To(cell int) *Line {
	if n := min(cell-l.used, l.left()); n > 0 {
		l.Add(Plain, strings.Repeat(" ", n))
	}
	return l
}

// String is the line as it is written.
func (l *Line) String() string { return l.b.String() }

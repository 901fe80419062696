package terminal

import "strings"

// Role is what a piece of text means; a [Theme] says how it looks.
type Role int

// The roles.
const (
	Plain  Role = iota
	Faint       // of less interest
	Strong      // a title
	Accent      // a name or a key
	Good
	Note // look at it some time
	Bad  // look at it now
	Chosen
	roles
)

// Theme is how roles look. The zero value has no escapes at all.
type Theme struct {
	on [roles]string
	// ASCII is for terminals whose encoding is not UTF-8.
	ASCII bool
}

const off = "\x1b[m"

// Paint a clean text.
func (t *Theme) Paint(role Role, text string) string {
	if t.ASCII {
		text = ascii(text)
	}
	if t.on[role] == "" || text == "" {
		return text
	}
	return t.on[role] + text + off
}

// Colours says how many a terminal shows.
type Colours int

// From none, not even bold, to those of a palette.
const (
	NoEscapes Colours = iota
	NoColours         // bold, faint and reversed are no colours
	OnDark
	OnLight
	OnAny // whoever set the terminal's sixteen colours made them readable
)

// NewTheme makes a theme for a terminal. Colours are never all there is: what is bad also says so.
func NewTheme(c Colours) *Theme {
	sgr := func(codes ...string) [roles]string {
		var on [roles]string
		for i, code := range codes {
			if code != "" {
				on[i] = "\x1b[" + code + "m"
			}
		}
		return on
	}
	switch c {
	case NoColours:
		return &Theme{on: sgr("", "2", "1", "1", "", "1", "1", "7")}
	case OnDark:
		return &Theme{on: sgr("", "38;5;246", "1", "38;5;80", "38;5;114", "38;5;221", "1;38;5;210", "7")}
	case OnLight:
		return &Theme{on: sgr("", "38;5;241", "1", "38;5;25", "38;5;22", "38;5;94", "1;38;5;124", "7")}
	case OnAny:
		return &Theme{on: sgr("", "2", "1", "36", "32", "33", "1;31", "7")}
	case NoEscapes:
	}
	return &Theme{}
}

// Environment says which colours a terminal is to have: NO_COLOR wants none, whatever its value; a dumb terminal and an unknown one understand no escapes.
func Environment(lookup func(string) (string, bool)) Colours {
	term, _ := lookup("TERM")
	if term == "" || term == "dumb" {
		return NoEscapes
	}
	if v, _ := lookup("NO_COLOR"); v != "" {
		return NoColours
	}
	return OnAny
}

// UTF8 tells whether a terminal's encoding is UTF-8, as the first of LC_ALL, LC_CTYPE and LANG that is set says; where none is, it is.
func UTF8(lookup func(string) (string, bool)) bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v, _ := lookup(name); v != "" {
			v = strings.ToLower(v)
			return strings.Contains(v, "utf-8") || strings.Contains(v, "utf8")
		}
	}
	return true
}

// likes are signs of ours in ASCII; each is one cell wide as before.
var likes = strings.NewReplacer("█", "#", "▓", "=", "░", ".", "▁", "_", "▂", ".", "▃", ":", "▄", "-", "▅", "=", "▆", "+", "▇", "*", "…", "~", "·", "-", "─", "-",
	"↑", "^", "↓", "v", "→", ">", "●", "*", "▸", ">")

// ascii replaces what ASCII does not have, cell by cell.
func ascii(s string) string {
	if plain(s) {
		return s
	}
	s = likes.Replace(s)
	var b strings.Builder
	for _, r := range s {
		if r < 0x7F {
			b.WriteRune(r)
			continue
		}
		b.WriteString(strings.Repeat("?", Width(string(r))))
	}
	return b.String()
}

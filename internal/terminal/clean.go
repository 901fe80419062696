package terminal

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// mostMarks are the marks that one letter may have: a tower of them has no width and no end.
	mostMarks = 2
	// mostText is the longest text that is looked at; no terminal shows a line of it whole.
	mostText = 4096
)

// Clean is a text of one line in which nothing is more than what it looks like. What others called their objects can hold anything: sequences that
// clear the screen or type commands, marks that turn the direction of what follows, letters without a width. Control characters, what is no valid UTF-8
// and what has no shape are �, line breaks and tabs a space; selectors of a variant are left out, for terminals disagree about the width they give.
func Clean(s string) string {
	if plain(s) {
		return s
	}
	var b strings.Builder
	marks := 0
	for _, r := range s { // what is no UTF-8 comes as �, byte by byte
		if b.Len() >= mostText {
			b.WriteRune('…')
			break
		}
		switch {
		case r == '\n', r == '\t', r == '\r':
			b.WriteByte(' ')
		case unicode.Is(unicode.Variation_Selector, r), isSkinTone(r):
		case unicode.IsMark(r):
			if marks++; marks <= mostMarks && b.Len() > 0 {
				b.WriteRune(r)
			}
			continue
		case unicode.IsSpace(r):
			b.WriteByte(' ')
		case !unicode.IsPrint(r), isFiller(r):
			b.WriteRune(utf8.RuneError)
		default:
			b.WriteRune(r)
		}
		marks = 0
	}
	return b.String()
}

// plain tells that a text is printable ASCII, as nearly all are.
func plain(s string) bool {
	if len(s) > mostText {
		return false
	}
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

func isSkinTone(r rune) bool { return r >= 0x1F3FB && r <= 0x1F3FF }

// isFiller tells of letters that are printed as nothing: those of Hangul that only keep a place, and the empty pattern of Braille.
func isFiller(r rune) bool {
	switch r {
	case 0x115F, 0x1160, 0x3164, 0xFFA0, 0x2800:
		return true
	}
	return false
}

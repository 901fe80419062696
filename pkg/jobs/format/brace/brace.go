// Package brace expands braces as WebDataset and Energon do: train-{000000..001023}.tar, {train,val}, {0..10..2}, nested and
// in reverse. The rules are those of Python's braceexpand, which both of them call.
//
// # Bounded
//
// A pattern of twenty characters can name 10^18 files. So [Parse] only reads the pattern, in time linear in its length;
// [Pattern.Count] and [Pattern.Bytes] then tell how much there would be, and nothing is made before [Pattern.All] is ranged over.
package brace

import (
	"errors"
	"fmt"
	"strings"

	"github.com/datagravity/datagravity/internal/lazyre"
)

// MaxDepth is how deep braces may stand in each other. People write 2; what is deeper was not written by people.
const MaxDepth = 32

// ErrSyntax: braces that do not close, that nest too deep, or numbers too large to count.
var ErrSyntax = errors.New("braces cannot be expanded")

var ranges = lazyre.New(`\{-?[0-9]+\.\.-?[0-9]+(?:\.\.-?[0-9]+)?\}`)

// HasNumbers tells whether a text has a numeric range, {A..B} or {A..B..STEP}, which no glob has.
func HasNumbers(s string) bool { return ranges.MatchString(s) }

// Pattern is a text whose braces were read.
type Pattern struct{ parts []part }

// part of a pattern: a choice of patterns, a choice along a range, or else a literal.
type part struct {
	literal string
	choices []Pattern
	run     *run
}

// Parse reads a pattern. A backslash takes the meaning of the character after it; {x} without a comma or range stands for itself.
// A } that stands before any { is refused, where Python takes it for the character: it is more often a mistake than a name.
func Parse(s string) (Pattern, error) {
	p, err := parse(s, 0)
	if err != nil {
		return Pattern{}, fmt.Errorf("%w: %w", ErrSyntax, err)
	}
	return p, nil
}

func parse(s string, depth int) (p Pattern, err error) {
	if depth > MaxDepth {
		return p, fmt.Errorf("they stand in each other more than %d deep", MaxDepth)
	}
	open, start := 0, 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '{':
			if open == 0 {
				p.add(s[start:i])
				start = i + 1
			}
			open++
		case '}':
			if open--; open < 0 {
				return p, errors.New("a } has no { before it; write \\} for the character itself")
			}
			if open == 0 {
				if err := p.addBraces(s[start:i], depth); err != nil {
					return p, err
				}
				start = i + 1
			}
		}
	}
	if open > 0 {
		return p, errors.New("a { has no } after it; write \\{ for the character itself")
	}
	p.add(s[start:])
	return p, nil
}

// add appends a text without its escapes.
func (p *Pattern) add(s string) {
	if !strings.Contains(s, `\`) {
		p.addLiteral(s)
		return
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b.WriteByte(s[i])
	}
	p.addLiteral(b.String())
}

func (p *Pattern) addLiteral(s string) {
	n := len(p.parts)
	switch {
	case s == "":
	case n > 0 && p.parts[n-1].isLiteral():
		p.parts[n-1].literal += s
	default:
		p.parts = append(p.parts, part{literal: s})
	}
}

func (p part) isLiteral() bool { return p.choices == nil && p.run == nil }

// addBraces appends what stands between a { and its }.
func (p *Pattern) addBraces(s string, depth int) error {
	if len(s) < 80 { // as long as two numbers and a step can be
		switch r, err := parseRun(s); {
		case err != nil:
			return err
		case r != nil:
			p.parts = append(p.parts, part{run: r})
			return nil
		}
	}
	if texts := split(s); len(texts) > 1 {
		choices := make([]Pattern, len(texts))
		for i, text := range texts {
			c, err := parse(text, depth+1)
			if err != nil {
				return err
			}
			choices[i] = c
		}
		p.parts = append(p.parts, part{choices: choices})
		return nil
	}
	inner, err := parse(s, depth+1)
	if err != nil {
		return err
	}
	p.addLiteral("{")
	for _, in := range inner.parts {
		if in.isLiteral() {
			p.addLiteral(in.literal)
		} else {
			p.parts = append(p.parts, in)
		}
	}
	p.addLiteral("}")
	return nil
}

// split cuts at the commas that stand in no inner braces.
func split(s string) (texts []string) {
	open, start := 0, 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '{':
			open++
		case '}':
			open--
		case ',':
			if open == 0 {
				texts = append(texts, s[start:i])
				start = i + 1
			}
		}
	}
	return append(texts, s[start:])
}

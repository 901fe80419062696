package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/agext/levenshtein"
)

// Error is one mistake in the configuration.
type Error struct {
	// Path of the file as it was given; "" if no file was found.
	Path string
	// Line and Column count from 1, Column in characters; 0 where the mistake has no place.
	Line, Column int
	// Field as "datasets.c4.store" or "budgets[0].usd"; "" where the mistake is in none.
	Field string
	// Message says what is wrong and what to write.
	Message string
}

// Error reads "file:line:column: field: message", without the parts that are not known.
func (e *Error) Error() string {
	var b strings.Builder
	switch {
	case e.Path != "" && e.Line > 0:
		fmt.Fprintf(&b, "%s:%d:%d: ", e.Path, e.Line, e.Column)
	case e.Path != "":
		b.WriteString(e.Path + ": ")
	}
	if e.Field != "" {
		b.WriteString(e.Field + ": ")
	}
	return b.String() + e.Message
}

// Errors are several mistakes, in the order of the file. errors.As finds the first as *[Error].
type Errors []*Error

// Error has one line for each mistake.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, one := range e {
		lines[i] = one.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap gives each mistake.
func (e Errors) Unwrap() []error {
	all := make([]error, len(e))
	for i, one := range e {
		all[i] = one
	}
	return all
}

// UnknownName is the error for a name that is not configured, with the nearest one that is:
//
//	unknown dataset "c5"; did you mean "c4"? (configured: c4, laion)
//
// kind is the word for what is named: "dataset", "destination", "store".
func UnknownName(kind, name string, known []string) error {
	return fmt.Errorf("unknown %s %q%s (%s)", kind, name, didYouMean(name, known), configured(known))
}

func configured(known []string) string {
	if len(known) == 0 {
		return "none is configured"
	}
	return "configured: " + strings.Join(slices.Sorted(slices.Values(known)), ", ")
}

func didYouMean(word string, known []string) string {
	if n := nearest(word, known); n != "" {
		return fmt.Sprintf("; did you mean %q?", n)
	}
	return ""
}

// nearest returns the known word that a misspelt one most likely means, "" if none is near: more than two slips, or a
// third of a long word, is another word, and so is a change of every letter.
func nearest(word string, known []string) string {
	best, distance := "", max(2, len(word)/3)+1
	for _, k := range slices.Sorted(slices.Values(known)) {
		d := levenshtein.Distance(strings.ToLower(word), strings.ToLower(k), nil)
		if d < distance && d < max(len(word), len(k)) {
			best, distance = k, d
		}
	}
	return best
}

func names[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

package yamldoc

import (
	"fmt"
	"strconv"
	"strings"
)

// Error is one mistake in a file.
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
		b.WriteString(printable(e.Field) + ": ")
	}
	return b.String() + e.Message
}

// printable keeps a quoted name with a line break from looking like another mistake.
func printable(s string) string {
	for _, r := range s {
		if !strconv.IsPrint(r) {
			q := strconv.Quote(s)
			return q[1 : len(q)-1]
		}
	}
	return s
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

// Err is the mistakes as an error: nil for none, an *[Error] for one.
func (e Errors) Err() error {
	switch len(e) {
	case 0:
		return nil
	case 1:
		return e[0]
	}
	return e
}

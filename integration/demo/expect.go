package main

import (
	"errors"
	"fmt"
	"io"
)

// errWrong: the demo came to its end, and something was not as it must be.
var errWrong = errors.New("expectations do not hold")

// expectations are what the demo claims, each checked by name.
type expectations struct {
	out   io.Writer
	held  int
	wrong []string
}

// that checks one expectation and says so, and, if it does not hold, what was found instead. The demo goes on either way, and
// fails at its end if any is wrong.
func (e *expectations) that(ok bool, found, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if ok {
		e.held++
		_, _ = fmt.Fprintf(e.out, "  ok     %s\n", text)
		return
	}
	text += ": " + found
	e.wrong = append(e.wrong, text)
	_, _ = fmt.Fprintf(e.out, "  WRONG  %s\n", text)
}

// Package jsonwalk reads JSON token by token, so that what is not wanted is never in memory.
package jsonwalk

import "encoding/json"

// Skip passes over one value, whatever its size. next gives the tokens, beginning with the value's first; its error ends it.
func Skip(next func() (json.Token, error)) error {
	for depth := 0; ; {
		t, err := next()
		if err != nil {
			return err
		}
		switch t {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth == 0 {
			return nil
		}
	}
}

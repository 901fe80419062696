package format

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/datagravity/datagravity/internal/jsonwalk"
)

// maxDepth of brackets in an index. Those that are known have 6.
const maxDepth = 64

// object reads the fields of a JSON object one after the other, so that of an index with a million shards only one is decoded at a time.
type object struct {
	dec  *json.Decoder
	seen map[string]bool
}

// openObject checks size and depth and reads the opening bracket.
func openObject(data []byte) (*object, error) {
	if len(data) > MaxBytes {
		return nil, fmt.Errorf("%w: it has more than %d bytes", ErrMalformed, MaxBytes)
	}
	if at := tooDeep(data); at >= 0 {
		return nil, fmt.Errorf("%w: at byte %d brackets stand in each other more than %d deep", ErrMalformed, at, maxDepth)
	}
	o := &object{dec: json.NewDecoder(bytes.NewReader(data)), seen: map[string]bool{}}
	tok, err := o.dec.Token()
	if err != nil {
		return nil, o.bad("", err)
	}
	if tok != json.Delim('{') {
		return nil, fmt.Errorf("%w: it is JSON, but no object {...}", ErrMalformed)
	}
	return o, nil
}

// tooDeep is where the brackets go deeper than maxDepth, or -1. It looks at bytes alone, before anything recurses over them.
func tooDeep(data []byte) int {
	depth, quoted := 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			if depth++; depth > maxDepth {
				return i
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return -1
}

// next is the name of the next field, "" after the last. A field that stands twice is refused: readers differ in which they take.
func (o *object) next() (string, error) {
	tok, err := o.dec.Token()
	if err != nil {
		return "", o.bad("", err)
	}
	name, ok := tok.(string)
	if !ok {
		if _, err := o.dec.Token(); !errors.Is(err, io.EOF) {
			return "", fmt.Errorf("%w: something follows the object, at byte %d", ErrMalformed, o.dec.InputOffset())
		}
		return "", nil
	}
	if o.seen[name] {
		return "", fmt.Errorf("%w: field %q stands twice, at byte %d", ErrMalformed, name, o.dec.InputOffset())
	}
	if len(o.seen) < 1000 { // of fields that are not ours there may be any number
		o.seen[name] = true
	}
	return name, nil
}

// value decodes a field's value.
func (o *object) value(field string, v any) error {
	if err := o.dec.Decode(v); err != nil {
		return o.bad(field, err)
	}
	return nil
}

// skip passes over a value without keeping it.
func (o *object) skip(field string) error {
	if err := jsonwalk.Skip(o.dec.Token); err != nil {
		return o.bad(field, err)
	}
	return nil
}

// list reads an array one element at a time. Each gets the element's place for its errors.
func (o *object) list(field string, each func(at string) error) error {
	tok, err := o.dec.Token()
	if err != nil {
		return o.bad(field, err)
	}
	if tok != json.Delim('[') {
		return fmt.Errorf("%w: %s is no list [...], at byte %d", ErrMalformed, field, o.dec.InputOffset())
	}
	for i := 0; o.dec.More(); i++ {
		if err := each(fmt.Sprintf("%s[%d]", field, i)); err != nil {
			return err
		}
	}
	if _, err := o.dec.Token(); err != nil {
		return o.bad(field, err)
	}
	return nil
}

// bad places an error of the decoder.
func (o *object) bad(field string, err error) error {
	offset := o.dec.InputOffset()
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		offset = syntax.Offset
	}
	why := strings.TrimPrefix(err.Error(), "json: ")
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		why = "it ends too early"
	}
	if field != "" {
		field += ", "
	}
	return fmt.Errorf("%w: %sbyte %d: %s", ErrMalformed, field, offset, why)
}

// placed adds the place in the index to an error of one of its names.
func placed(at string, err error) error { return fmt.Errorf("%s: %w", at, err) }

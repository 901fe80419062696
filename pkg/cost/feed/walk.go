package feed

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/datagravity/datagravity/internal/jsonwalk"
)

// walker reads JSON token by token, so that memory does not grow with the feed.
type walker struct {
	in *input
	d  *json.Decoder
}

func newWalker(in *input) *walker {
	d := json.NewDecoder(in.r)
	d.UseNumber()
	return &walker{in, d}
}

func (w *walker) token() (json.Token, error) {
	t, err := w.d.Token()
	w.in.bound.reset()
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return t, err
}

// object calls field for every field of the object that comes next; field reads the value. null is an object without fields.
func (w *walker) object(field func(name string) error) error {
	t, err := w.token()
	if err != nil || t == nil {
		return err
	}
	if t != json.Delim('{') {
		return fmt.Errorf("want an object, not %s", kindOf(t))
	}
	for w.d.More() {
		name, err := w.token()
		if err != nil {
			return err
		}
		if err := field(name.(string)); err != nil { // the decoder has seen to it
			return err
		}
	}
	_, err = w.token()
	return err
}

// array calls item for every item of the array that comes next. null is an empty one.
func (w *walker) array(item func(i int) error) error {
	t, err := w.token()
	if err != nil || t == nil {
		return err
	}
	if t != json.Delim('[') {
		return fmt.Errorf("want a list, not %s", kindOf(t))
	}
	for i := 0; w.d.More(); i++ {
		if err := item(i); err != nil {
			return err
		}
	}
	_, err = w.token()
	return err
}

// text reads a string or a number as text; null is "".
func (w *walker) text(to *string) error {
	t, err := w.token()
	switch v := t.(type) {
	case string:
		*to = v
	case json.Number:
		*to = v.String()
	case bool:
		*to = fmt.Sprint(v)
	case nil:
		*to = ""
	default:
		return fmt.Errorf("want one value, not %s", kindOf(t))
	}
	return err
}

// texts reads those fields of an object that are wanted, and skips the rest.
func (w *walker) texts(wanted map[string]*string) error {
	return w.object(func(name string) error { return w.one(name, wanted) })
}

// one reads a wanted field, or skips it.
func (w *walker) one(name string, wanted map[string]*string) error {
	to, ok := wanted[name]
	if !ok {
		return w.skip()
	}
	if err := w.text(to); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// skip reads over the value that comes next.
func (w *walker) skip() error {
	return jsonwalk.Skip(w.token)
}

// end wants nothing to follow.
func (w *walker) end() error {
	if _, err := w.d.Token(); err != io.EOF {
		return errors.New("something follows the end of the JSON value")
	}
	return nil
}

func kindOf(t json.Token) string {
	switch t.(type) {
	case json.Delim:
		return fmt.Sprintf("a %q", t)
	case string:
		return "a text"
	case json.Number:
		return "a number"
	case bool:
		return "a boolean"
	}
	return "nothing"
}

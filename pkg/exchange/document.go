package exchange

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/store"
)

// version of all that this package writes.
const version = 1

// maxDocumentBytes bounds what is read of an object that claims to be a sealed document.
const maxDocumentBytes = 16 << 10

// textOf is JSON in the one spelling that is read: no spaces, no escapes that are not needed, a line feed at the end.
func textOf(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return b.Bytes(), err
}

// seal writes a document. Nothing names it by its digest, so that it carries its own: check is the field of v for it, the last.
func seal(v any, check *chunker.Digest) ([]byte, error) {
	*check = chunker.Digest{}
	b, err := textOf(v)
	if err != nil {
		return nil, err
	}
	*check = chunker.Sum(b)
	if b, err = textOf(v); err == nil && len(b) > maxDocumentBytes {
		err = fmt.Errorf("a document of %d bytes, the most is %d", len(b), maxDocumentBytes)
	}
	return b, err
}

// unseal reads what seal wrote and nothing else: for every input it fails, or fills v so that it is sealed as that input.
func unseal(b []byte, kind string, v any, check *chunker.Digest) error {
	if err := checkKind(b, kind); err != nil {
		return err
	}
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("it is malformed: %w", err)
	}
	told := *check
	again, err := seal(v, check)
	switch {
	case err != nil:
		return err
	case told != *check:
		return errors.New("its checksum does not match, it is damaged")
	case !bytes.Equal(again, b):
		return errors.New("it is not written as this version writes it")
	}
	return nil
}

// checkKind looks at the version first: what a newer one means by the other fields is not known.
func checkKind(b []byte, kind string) error {
	var is struct {
		Datagravity *int    `json:"datagravity"`
		Kind        *string `json:"kind"`
	}
	var wrongType *json.UnmarshalTypeError
	if err := json.Unmarshal(b, &is); err != nil && !errors.As(err, &wrongType) {
		return fmt.Errorf("it is malformed: %w", err)
	}
	switch {
	case is.Datagravity == nil:
		return errors.New("it names no version")
	case *is.Datagravity > version:
		return fmt.Errorf("%w: %d; use a newer one, or remove the object if none wrote it", ErrVersion, *is.Datagravity)
	case *is.Datagravity != version:
		return fmt.Errorf("it has version %d, want %d", *is.Datagravity, version)
	case is.Kind == nil || *is.Kind != kind:
		return fmt.Errorf("it is no %s", kind)
	}
	return nil
}

// checkTime wants whole seconds in UTC.
func checkTime(t time.Time) error {
	if _, offset := t.Zone(); t.IsZero() || offset != 0 || t.Nanosecond() != 0 {
		return errors.New("its time is none, not UTC, or not in whole seconds")
	}
	return nil
}

// readDocument reads a small object that may be replaced at any time. found is false if there is none; what is read of one that
// is too large is nothing.
func readDocument(ctx context.Context, r Reader, key string) (b []byte, o store.Object, found bool, err error) {
	for attempt := 0; ; attempt++ {
		if o, err = r.Head(ctx, key); errors.Is(err, store.ErrNotFound) {
			return nil, o, false, nil
		} else if err != nil {
			return nil, o, false, err
		}
		if o.Size == 0 || o.Size > maxDocumentBytes {
			return nil, o, true, nil
		}
		b = make([]byte, o.Size)
		if err = r.ReadRange(ctx, o.Ref(), 0, b); err == nil || !replaced(err) || attempt == maxAttempts {
			return b, o, true, err
		}
	}
}

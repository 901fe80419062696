package exchange

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/datagravity/datagravity/pkg/store"
)

const wantHint = "the edge asks again when it has waited in vain; remove the object if it has gone"

// Ask writes a want, which must not be there yet. The same want once more is no error. Times are cut to whole seconds. Errors: the store's,
// [store.ErrConflict] if another want of that id is there, and what is wrong with the want.
func Ask(ctx context.Context, w Writer, want Want) error {
	want.Datagravity, want.Kind = version, wantKind
	want.Time, want.Expires = wholeSeconds(want.Time), wholeSeconds(want.Expires)
	b, err := want.encode()
	if err == nil {
		err = putOnce(ctx, w, want.corner().wantKey(), b, zstdType)
	}
	if errors.Is(err, store.ErrConflict) {
		err = fmt.Errorf("another one is there; choose another id: %w", err)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", want.corner(), err)
	}
	return nil
}

// Wants reads what edges want of a dataset, in byte order of the keys, without what has expired at now and what has an answer, whatever
// that says. Beside those that are good it returns [ErrBad] for each that is not, of whatever dataset it is; with any other error, the
// store's, there is no list. Each takes up to some 50 MiB, and 160 MiB more while it is read.
func Wants(ctx context.Context, l Lister, now time.Time, dataset string) ([]Want, error) {
	if err := checkName("dataset", dataset); err != nil {
		return nil, fmt.Errorf("read wants: %w", err)
	}
	var open []corner
	var wrong []error
	err := listAll(ctx, l, wantsPrefix, func(o store.Object) error {
		if c, ok := cornerOfDocument(o.Key, wantsPrefix, wantSuffix); ok {
			open = append(open, c)
		} else if strings.HasSuffix(o.Key, wantSuffix) {
			wrong = append(wrong, bad(o.Key, wantHint, "its key is not that of an edge's want"))
		}
		return nil
	})
	// The answers after the wants: an edge withdraws the want first, so that one whose answer is gone by now is gone itself.
	answered := map[corner]bool{}
	if err == nil && len(open) > 0 {
		err = listAll(ctx, l, answersPrefix, func(o store.Object) error {
			if c, ok := cornerOfDocument(o.Key, answersPrefix, answerSuffix); ok {
				answered[c] = true
			}
			return nil
		})
	}
	if err != nil {
		return nil, fmt.Errorf("read wants for dataset %q: %w", dataset, err)
	}
	var list []Want
	for _, c := range open {
		if answered[c] {
			continue
		}
		w, found, err := readWant(ctx, l, c, now)
		switch {
		case errors.Is(err, ErrBad):
			wrong = append(wrong, err)
		case replaced(err): // it does not stand still: the next look finds it
		case err != nil:
			return nil, fmt.Errorf("read wants for dataset %q: %w", dataset, err)
		case found && w.Dataset == dataset && !expired(w.Expires, now):
			list = append(list, w)
		}
	}
	return list, errors.Join(wrong...)
}

// readWant reads the want of a corner; false if there is none.
func readWant(ctx context.Context, r Reader, c corner, now time.Time) (w Want, found bool, err error) {
	key := c.wantKey()
	b, o, found, err := readUpTo(ctx, r, key, maxWantBytes)
	switch {
	case err != nil || !found:
		return w, false, err
	case b == nil:
		return w, true, bad(key, wantHint, "it has %d bytes, a want has 1 to %d", o.Size, maxWantBytes)
	}
	w, err = decodeWant(b)
	if err == nil && w.corner() != c {
		err = fmt.Errorf("it is %s", w.corner())
	}
	if err == nil {
		err = checkFuture(w.Time, now)
	}
	if err != nil {
		return Want{}, true, bad(key, wantHint, "%w", err)
	}
	return w, true, nil
}

package storetest

import (
	"context"
	"errors"
	"fmt"

	"github.com/datagravity/datagravity/pkg/store"
)

var copyCases = []Case{
	{"copy-keeps-bytes", copyKeeps},
	{"copy-pinned", copyPinned},
	{"copy-condition", copyCondition},
}

// canCopy tells whether the store copies at all; if not, that it says so.
func canCopy(ctx context.Context, e *Env) (bool, error) {
	if e.Store.Capabilities().CopyMaxBytes > 0 {
		return true, nil
	}
	b := e.data("from", 10)
	o, err := e.put(ctx, e.key("from"), b)
	if err != nil {
		return false, err
	}
	_, err = e.Store.Copy(ctx, e.key("to"), o.Ref(), absent(b))
	if err := refused("copy in a store that cannot", err, store.ErrUnsupported); err != nil {
		return false, err
	}
	e.note("the store cannot copy")
	return false, nil
}

func copyKeeps(ctx context.Context, e *Env) error {
	if ok, err := canCopy(ctx, e); !ok {
		return err
	}
	for _, n := range []int64{0, 1, 300_001} {
		b := e.data("copied", n)
		from, to := e.key(fmt.Sprint("from-", n)), e.key(fmt.Sprint("deep/er/to-", n))
		src, err := e.put(ctx, from, b)
		if err != nil {
			return err
		}
		made, err := e.Store.Copy(ctx, to, src.Ref(), absent(b))
		if err != nil {
			return fmt.Errorf("copy of %d bytes: %w", n, err)
		}
		if err := errors.Join(checkObject(made, to, b), e.holds(ctx, to, b), e.holds(ctx, from, b)); err != nil {
			return fmt.Errorf("copy of %d bytes: %w", n, err)
		}
	}
	return nil
}

func copyPinned(ctx context.Context, e *Env) error {
	if ok, err := canCopy(ctx, e); !ok {
		return err
	}
	first, second := e.data("first", 500), e.data("second", 500)
	_, err := e.Store.Copy(ctx, e.key("to"), store.Ref{Key: e.key("absent"), ETag: `"0"`}, absent(first))
	if err := refused("copy of an absent source", err, store.ErrNotFound, store.ErrChanged, store.ErrConflict); err != nil {
		return err
	}
	old, err := e.put(ctx, e.key("from"), first)
	if err != nil {
		return err
	}
	if _, err := e.Store.Put(ctx, old.Key, second, matching(old.ETag, second)); err != nil {
		return fmt.Errorf("put if-match: %w", err)
	}
	// Without checksums, so that the pin alone has to tell.
	_, err = e.Store.Copy(ctx, e.key("to"), store.Ref{Key: old.Key, ETag: old.ETag}, store.WriteOptions{Condition: store.IfAbsent()})
	if err = refused("copy of a replaced source", err, store.ErrConflict, store.ErrChanged); err == nil {
		err = e.gone(ctx, e.key("to"))
	}
	return e.unless(CopyIgnoresPin, err)
}

func copyCondition(ctx context.Context, e *Env) error {
	if ok, err := canCopy(ctx, e); !ok {
		return err
	}
	first, second, third := e.data("first", 500), e.data("second", 500), e.data("third", 500)
	src, err := e.put(ctx, e.key("from"), first)
	if err != nil {
		return err
	}
	taken, err := e.put(ctx, e.key("to"), second)
	if err != nil {
		return err
	}
	_, err = e.Store.Copy(ctx, e.key("unset"), src.Ref(), store.WriteOptions{Checksums: sums(first)})
	if err := refused("copy with the zero condition", err); err != nil {
		return err
	}
	now, err := e.Store.Put(ctx, taken.Key, third, matching(taken.ETag, third))
	if err != nil {
		return fmt.Errorf("put if-match: %w", err)
	}
	for _, c := range []store.Condition{store.IfAbsent(), store.IfMatch(taken.ETag)} {
		_, err := e.Store.Copy(ctx, taken.Key, src.Ref(), store.WriteOptions{Condition: c, Checksums: sums(first)})
		if err = refused("copy "+c.String()+" over another object", err, store.ErrConflict); err == nil {
			err = e.holds(ctx, taken.Key, third)
		}
		if err := e.unless(CopyIgnoresCondition, err); err != nil {
			return err
		}
	}
	if e.has(CopyIgnoresCondition) {
		return nil
	}
	if _, err := e.Store.Copy(ctx, taken.Key, src.Ref(), matching(now.ETag, first)); err != nil {
		return fmt.Errorf("copy if-match with the right ETag: %w", err)
	}
	return e.holds(ctx, taken.Key, first)
}

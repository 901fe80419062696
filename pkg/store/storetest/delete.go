package storetest

import (
	"context"
	"fmt"

	"github.com/datagravity/datagravity/pkg/store"
)

var deleteCases = []Case{
	{"delete", deletePlain},
	{"delete-pinned", deletePinned},
}

func deletePlain(ctx context.Context, e *Env) error {
	if err := e.Store.Delete(ctx, store.Ref{Key: e.key("never/was")}); err != nil {
		return fmt.Errorf("delete of an absent key: %w", err)
	}
	for _, name := range []string{"a", "b/c"} {
		if _, err := e.put(ctx, e.key(name), e.data(name, 10)); err != nil {
			return err
		}
		for range 2 {
			if err := e.Store.Delete(ctx, store.Ref{Key: e.key(name)}); err != nil {
				return fmt.Errorf("delete: %w", err)
			}
			if err := e.gone(ctx, e.key(name)); err != nil {
				return err
			}
		}
	}
	// The key is free again, and so is the name of its folder.
	for _, name := range []string{"a", "b"} {
		if _, err := e.put(ctx, e.key(name), e.data("again", 10)); err != nil {
			return fmt.Errorf("after delete: %w", err)
		}
	}
	return nil
}

func deletePinned(ctx context.Context, e *Env) error {
	key, first, second := e.key("pinned"), e.data("first", 100), e.data("second", 100)
	old, err := e.put(ctx, key, first)
	if err != nil {
		return err
	}
	now, err := e.Store.Put(ctx, key, second, matching(old.ETag, second))
	if err != nil {
		return fmt.Errorf("put if-match: %w", err)
	}
	err = e.Store.Delete(ctx, store.Ref{Key: key, ETag: old.ETag})
	if err = refused("delete pinned to the replaced object", err, store.ErrConflict); err == nil {
		err = e.holds(ctx, key, second)
	}
	if err := e.unless(DeleteIgnoresPin, err); err != nil || e.has(DeleteIgnoresPin) {
		return err
	}
	if err := e.Store.Delete(ctx, now.Ref()); err != nil {
		return fmt.Errorf("delete pinned to what is there: %w", err)
	}
	if err := e.gone(ctx, key); err != nil {
		return err
	}
	if err := e.Store.Delete(ctx, now.Ref()); err != nil {
		return fmt.Errorf("pinned delete of what is gone: %w", err)
	}
	return nil
}

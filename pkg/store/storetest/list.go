package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/datagravity/datagravity/pkg/store"
)

var listCases = []Case{
	{"list-empty", listEmpty},
	{"list-pages-in-order", listPages},
	{"list-prefix-is-exact", listPrefix},
	{"list-agrees-with-head", listAgrees},
}

// Byte order is not path order: "a.b" sorts before "a/b", and "aa-" before "aa/".
var listed = []string{"Z", "a.b", "a/b", "aa-c", "aa.b", "aa/1", "aa/10", "aa/2", "aa/sub/3", "aa/sub.4", "aa0", "aab/x", "b", "é"}

func putListed(ctx context.Context, e *Env) ([]string, error) {
	var keys []string
	for _, k := range listed {
		if _, err := e.put(ctx, e.key(k), e.data(k, int64(len(k)))); err != nil {
			return nil, err
		}
		keys = append(keys, e.key(k))
	}
	slices.Sort(keys)
	return keys, nil
}

func listEmpty(ctx context.Context, e *Env) error {
	objects, err := e.list(ctx, e.Prefix, 0)
	if err != nil {
		return fmt.Errorf("list of an empty prefix: %w", err)
	}
	if len(objects) > 0 {
		return fmt.Errorf("list of an empty prefix: got %d objects", len(objects))
	}
	return nil
}

func listPages(ctx context.Context, e *Env) error {
	want, err := putListed(ctx, e)
	if err != nil {
		return err
	}
	for _, limit := range []int{1, 3, len(want), 0} {
		objects, err := e.list(ctx, e.Prefix, limit)
		if err != nil {
			return err
		}
		got := keysOf(objects)
		if !slices.IsSorted(got) {
			if err := e.unless(ListUnordered, fmt.Errorf("pages of %d: %q is not in byte order", limit, got)); err != nil {
				return err
			}
			slices.Sort(got)
		}
		if !slices.Equal(got, want) {
			return fmt.Errorf("pages of %d: got %q, want %q", limit, got, want)
		}
	}
	return nil
}

func listPrefix(ctx context.Context, e *Env) error {
	all, err := putListed(ctx, e)
	if err != nil {
		return err
	}
	for _, prefix := range []string{"aa/", "aa", "aa/s", "aa/sub/", "a", "aab/", "aa/1", "nothing/", "aa/sub/3x", "A", "/", "aa//"} {
		var want []string
		for _, k := range all {
			if strings.HasPrefix(k, e.key(prefix)) {
				want = append(want, k)
			}
		}
		for _, limit := range []int{2, 0} {
			objects, err := e.list(ctx, e.key(prefix), limit)
			if err != nil {
				return err
			}
			got := keysOf(objects)
			slices.Sort(got)
			if !slices.Equal(got, want) {
				return fmt.Errorf("prefix %q, pages of %d: got %q, want %q", prefix, limit, got, want)
			}
		}
	}
	return nil
}

func listAgrees(ctx context.Context, e *Env) error {
	if _, err := putListed(ctx, e); err != nil {
		return err
	}
	objects, err := e.list(ctx, e.Prefix, 0)
	if err != nil {
		return err
	}
	for _, o := range objects {
		name := strings.TrimPrefix(o.Key, e.Prefix)
		if err := checkObject(o, e.key(name), e.data(name, int64(len(name)))); err != nil {
			return fmt.Errorf("listing: %w", err)
		}
		h, err := e.Store.Head(ctx, o.Key)
		switch {
		case err != nil:
			return fmt.Errorf("head of a listed object: %w", err)
		case h.Size != o.Size, h.ETag != o.ETag:
			return fmt.Errorf("%s: the listing says %d bytes and ETag %s, Head says %d and %s", quote(o.Key), o.Size, o.ETag, h.Size, h.ETag)
		case o.Modified.IsZero():
			return fmt.Errorf("%s: the listing gives no time of modification", quote(o.Key))
		}
	}
	if len(objects) != len(listed) {
		return errors.New("the listing is not complete")
	}
	return nil
}

func keysOf(objects []store.Object) []string {
	var keys []string
	for _, o := range objects {
		keys = append(keys, o.Key)
	}
	return keys
}

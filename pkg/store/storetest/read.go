package storetest

import (
	"bytes"
	"context"
	"fmt"

	"github.com/datagravity/datagravity/pkg/store"
)

var readCases = []Case{
	{"head-absent", headAbsent},
	{"read-ranges", readRanges},
	{"read-past-the-end", readPastEnd},
	{"read-nothing", readNothing},
	{"read-pinned", readPinned},
	{"read-absent", readAbsent},
}

func headAbsent(ctx context.Context, e *Env) error {
	_, err := e.Store.Head(ctx, e.key("absent"))
	return refused("head of an absent key", err, store.ErrNotFound)
}

func readRanges(ctx context.Context, e *Env) error {
	want := e.data("ranges", 100_003)
	o, err := e.put(ctx, e.key("ranges"), want)
	if err != nil {
		return err
	}
	size := int64(len(want))
	for _, r := range [][2]int64{{0, size}, {0, 1}, {1, 2}, {50_000, 4096}, {size - 1, 1}, {size - 100, 100}, {1, size - 1}} {
		got := make([]byte, r[1])
		if err := e.Store.ReadRange(ctx, o.Ref(), r[0], got); err != nil {
			return fmt.Errorf("%d bytes at %d: %w", r[1], r[0], err)
		}
		if part := want[r[0] : r[0]+r[1]]; !bytes.Equal(got, part) {
			return fmt.Errorf("%d bytes at %d: %s", r[1], r[0], difference(got, part))
		}
	}
	unpinned := make([]byte, 10)
	if err := e.Store.ReadRange(ctx, store.Ref{Key: o.Key}, 5, unpinned); err != nil {
		return fmt.Errorf("read without a pin: %w", err)
	}
	if !bytes.Equal(unpinned, want[5:15]) {
		return fmt.Errorf("read without a pin: %s", difference(unpinned, want[5:15]))
	}
	return nil
}

func readPastEnd(ctx context.Context, e *Env) error {
	o, err := e.put(ctx, e.key("short"), e.data("short", 100))
	if err != nil {
		return err
	}
	for _, r := range [][2]int64{{90, 11}, {0, 101}, {100, 1}, {5000, 10}} {
		err := e.Store.ReadRange(ctx, o.Ref(), r[0], make([]byte, r[1]))
		if err := refused(fmt.Sprintf("%d bytes at %d of an object of 100", r[1], r[0]), err); err != nil {
			return err
		}
	}
	return nil
}

func readNothing(ctx context.Context, e *Env) error {
	o, err := e.put(ctx, e.key("some"), e.data("some", 10))
	if err != nil {
		return err
	}
	var u store.Usage
	for _, off := range []int64{0, 5, 10} {
		if err := e.Store.ReadRange(store.WithUsage(ctx, &u), o.Ref(), off, nil); err != nil {
			return fmt.Errorf("zero bytes at %d: %w", off, err)
		}
	}
	if n := u.Requests.Load(); n != 0 {
		return fmt.Errorf("reading zero bytes three times took %d requests, want none", n)
	}
	return nil
}

func readPinned(ctx context.Context, e *Env) error {
	key := e.key("pinned")
	first, second := e.data("first", 1000), e.data("second", 1000)
	old, err := e.put(ctx, key, first)
	if err != nil {
		return err
	}
	now, err := e.Store.Put(ctx, key, second, matching(old.ETag, second))
	if err != nil {
		return fmt.Errorf("put over the object that was seen: %w", err)
	}
	if now.ETag == old.ETag {
		return fmt.Errorf("the ETag %s did not change with the bytes", now.ETag)
	}
	got := make([]byte, 100)
	err = e.Store.ReadRange(ctx, store.Ref{Key: key, ETag: old.ETag}, 0, got)
	if err := e.unless(ReadIgnoresPin, refused("read pinned to the replaced object", err, store.ErrChanged)); err != nil {
		return err
	}
	if err := e.holds(ctx, key, second); err != nil {
		return fmt.Errorf("read pinned to the new object: %w", err)
	}
	if old.Version == "" {
		return nil
	}
	// A version that the store kept may be read, but only as it was.
	if err := e.Store.ReadRange(ctx, old.Ref(), 0, got); err != nil {
		return refused("read of the older version", err, store.ErrChanged)
	}
	if !bytes.Equal(got, first[:100]) {
		return fmt.Errorf("read of the older version: %s", difference(got, first[:100]))
	}
	return nil
}

func readAbsent(ctx context.Context, e *Env) error {
	o, err := e.put(ctx, e.key("doomed"), e.data("doomed", 10))
	if err != nil {
		return err
	}
	err = e.Store.ReadRange(ctx, store.Ref{Key: e.key("never")}, 0, make([]byte, 1))
	if err := refused("read of an absent key", err, store.ErrNotFound); err != nil {
		return err
	}
	if err := e.Store.Delete(ctx, store.Ref{Key: o.Key}); err != nil {
		return fmt.Errorf("delete: %w", err)
	}
	err = e.Store.ReadRange(ctx, store.Ref{Key: o.Key, ETag: o.ETag}, 0, make([]byte, 1))
	return refused("pinned read of a deleted object", err, store.ErrNotFound, store.ErrChanged)
}

package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/datagravity/datagravity/pkg/store"
)

var putCases = []Case{
	{"put-small", putSmall},
	{"put-if-absent", putIfAbsent},
	{"put-if-match", putIfMatch},
	{"put-needs-condition", putNeedsCondition},
	{"put-always", putAlways},
	{"put-wrong-checksum", putWrongChecksum},
	{"put-race", putRace},
	{"put-properties", putProperties},
}

func putSmall(ctx context.Context, e *Env) error {
	for _, n := range []int64{0, 1, 4096} {
		name := fmt.Sprintf("bytes-%d", n)
		b := e.data(name, n)
		if _, err := e.put(ctx, e.key(name), b); err != nil {
			return fmt.Errorf("%d bytes: %w", n, err)
		}
		if err := e.holds(ctx, e.key(name), b); err != nil {
			return fmt.Errorf("%d bytes: %w", n, err)
		}
	}
	b := e.data("no sums", 100)
	if _, err := e.Store.Put(ctx, e.key("no-sums"), b, store.WriteOptions{Condition: store.IfAbsent()}); err != nil {
		return fmt.Errorf("put without known checksums: %w", err)
	}
	return e.holds(ctx, e.key("no-sums"), b)
}

func putIfAbsent(ctx context.Context, e *Env) error {
	key, first, second := e.key("once"), e.data("first", 100), e.data("second", 100)
	if _, err := e.put(ctx, key, first); err != nil {
		return err
	}
	_, err := e.Store.Put(ctx, key, second, absent(second))
	if err = refused("second put if-absent", err, store.ErrConflict); err == nil {
		err = e.holds(ctx, key, first)
	}
	return e.unless(PutIgnoresIfAbsent, err)
}

func putIfMatch(ctx context.Context, e *Env) error {
	key, first, second, third := e.key("match"), e.data("first", 100), e.data("second", 100), e.data("third", 100)
	_, err := e.Store.Put(ctx, key, first, matching(`"0"`, first))
	if err := e.unless(PutIgnoresIfMatch, refused("put if-match on an absent key", err, store.ErrConflict)); err != nil {
		return err
	}
	if e.has(PutIgnoresIfMatch) {
		if err := e.Store.Delete(ctx, store.Ref{Key: key}); err != nil {
			return fmt.Errorf("delete: %w", err)
		}
	}
	old, err := e.put(ctx, key, first)
	if err != nil {
		return err
	}
	now, err := e.Store.Put(ctx, key, second, matching(old.ETag, second))
	if err != nil {
		return fmt.Errorf("put if-match with the right ETag: %w", err)
	}
	if err := errors.Join(checkObject(now, key, second), e.holds(ctx, key, second)); err != nil {
		return err
	}
	_, err = e.Store.Put(ctx, key, third, matching(old.ETag, third))
	if err = refused("put if-match with a stale ETag", err, store.ErrConflict); err == nil {
		err = e.holds(ctx, key, second)
	}
	return e.unless(PutIgnoresIfMatch, err)
}

func putNeedsCondition(ctx context.Context, e *Env) error {
	b := e.data("zero", 10)
	_, err := e.Store.Put(ctx, e.key("zero"), b, store.WriteOptions{Checksums: sums(b)})
	if err := refused("put with the zero condition", err); err != nil {
		return err
	}
	return e.gone(ctx, e.key("zero"))
}

func putAlways(ctx context.Context, e *Env) error {
	key := e.private("always")
	for _, name := range []string{"first", "second"} {
		b := e.data(name, 50)
		if _, err := e.Store.Put(ctx, key, b, store.WriteOptions{Condition: store.Always(), Checksums: sums(b)}); err != nil {
			return fmt.Errorf("put always, %s time: %w", name, err)
		}
		if err := e.holds(ctx, key, b); err != nil {
			return err
		}
	}
	return nil
}

func putWrongChecksum(ctx context.Context, e *Env) error {
	b := e.data("damaged", 1000)
	_, err := e.Store.Put(ctx, e.key("damaged"), b, store.WriteOptions{Condition: store.IfAbsent(), Checksums: wrong(b)})
	if err = refused("put with checksums of other bytes", err, store.ErrIntegrity, store.ErrPermanent); err == nil {
		err = e.gone(ctx, e.key("damaged"))
	}
	return e.unless(PutIgnoresChecksum, err)
}

func putRace(ctx context.Context, e *Env) error {
	const writers = 16
	key := e.key("raced")
	bodies, errs := make([][]byte, writers), make([]error, writers)
	var wg sync.WaitGroup
	for i := range writers {
		bodies[i] = e.data(fmt.Sprint("writer ", i), 2000)
		wg.Go(func() { _, errs[i] = e.Store.Put(ctx, key, bodies[i], absent(bodies[i])) })
	}
	wg.Wait()
	return e.unless(PutRaces, oneWinner(ctx, e, key, bodies, errs))
}

// oneWinner wants one nil error, and the object to be that writer's.
func oneWinner(ctx context.Context, e *Env, key string, bodies [][]byte, errs []error) error {
	winner := -1
	for i, err := range errs {
		if err == nil {
			if winner >= 0 {
				return fmt.Errorf("writers %d and %d both won", winner, i)
			}
			winner = i
			continue
		}
		// A service may also ask the losers to come back later; what it may not do is let two of them win.
		if err := refused(fmt.Sprintf("writer %d", i), err, store.ErrConflict, store.ErrThrottled, store.ErrTransient); err != nil {
			return err
		}
	}
	if winner < 0 {
		return fmt.Errorf("no writer won: %w", errors.Join(errs...))
	}
	return e.holds(ctx, key, bodies[winner])
}

func putProperties(ctx context.Context, e *Env) error {
	// The header of a gzip file: whoever decodes it on the way fails on the random bytes after it, or changes them.
	b := append([]byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3}, e.data("gz", 500)...)
	o := absent(b)
	o.ContentType, o.ContentEncoding = "application/x-tar", "gzip"
	key := e.key("shard.tar")
	if _, err := e.Store.Put(ctx, key, b, o); err != nil {
		return fmt.Errorf("put with content type and encoding: %w", err)
	}
	h, err := e.Store.Head(ctx, key)
	if err != nil {
		return fmt.Errorf("head: %w", err)
	}
	if h.ContentType != o.ContentType {
		if err := e.unless(ContentTypeLost, fmt.Errorf("the content type is %q, want %q", h.ContentType, o.ContentType)); err != nil {
			return err
		}
	}
	if h.ContentEncoding != o.ContentEncoding {
		if err := e.unless(ContentEncodingLost, fmt.Errorf("the content encoding is %q, want %q", h.ContentEncoding, o.ContentEncoding)); err != nil {
			return err
		}
	}
	got := make([]byte, len(b))
	if err = checkObject(h, key, b); err == nil {
		err = e.Store.ReadRange(ctx, h.Ref(), 0, got)
	}
	if err == nil && !bytes.Equal(got, b) {
		err = fmt.Errorf("gzip-encoded object: %s", difference(got, b))
	}
	return e.unless(ContentEncodingTranscodes, err)
}

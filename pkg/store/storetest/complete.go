package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/datagravity/datagravity/pkg/store"
)

var completeCases = []Case{
	{"complete-if-absent", completeIfAbsent},
	{"complete-if-match", completeIfMatch},
	{"complete-needs-condition", completeNeedsCondition},
	{"complete-race", completeRace},
	{"complete-missing-part", completeMissing},
	{"complete-misordered-parts", completeMisordered},
	{"complete-swapped-bytes", completeSwapped},
	{"complete-wrong-checksum", completeWrongChecksum},
	{"complete-twice", completeTwice},
	{"complete-properties", completeProperties},
}

// begun is an upload with all its parts sent.
type begun struct {
	store.Upload
	body  []byte
	parts []store.Part
}

func (e *Env) begin(ctx context.Context, key, name string, parts int) (begun, error) {
	b := begun{body: e.body(name, parts)}
	var err error
	if b.Upload, err = e.create(ctx, key, int64(len(b.body))); err != nil {
		return b, err
	}
	for n := range parts {
		sent, err := e.send(ctx, b.Upload, b.body, n+1)
		if err != nil {
			return b, err
		}
		b.parts = append(b.parts, sent...)
	}
	return b, nil
}

func completeIfAbsent(ctx context.Context, e *Env) error {
	key, first := e.key("taken"), e.data("first", 100)
	b, err := e.begin(ctx, key, "late", 1)
	if err != nil {
		return err
	}
	if _, err := e.put(ctx, key, first); err != nil {
		return err
	}
	_, err = e.Store.CompleteUpload(ctx, b.Upload, b.parts, completion(b.body))
	if err = refused("complete if-absent over an object", err, store.ErrConflict); err == nil {
		err = e.holds(ctx, key, first)
	}
	return e.unless(CompleteIgnoresCondition, err)
}

func completeIfMatch(ctx context.Context, e *Env) error {
	key, first, second := e.key("replaced"), e.data("first", 100), e.data("second", 100)
	old, err := e.put(ctx, key, first)
	if err != nil {
		return err
	}
	right, err := e.begin(ctx, key, "right", 1)
	if err != nil {
		return err
	}
	o := completion(right.body)
	o.Condition = store.IfMatch(old.ETag)
	made, err := e.Store.CompleteUpload(ctx, right.Upload, right.parts, o)
	if err != nil {
		return fmt.Errorf("complete if-match with the right ETag: %w", err)
	}
	if err := errors.Join(checkObject(made, key, right.body), e.holds(ctx, key, right.body)); err != nil {
		return err
	}
	if _, err := e.Store.Put(ctx, key, second, matching(made.ETag, second)); err != nil {
		return fmt.Errorf("put if-match: %w", err)
	}
	stale, err := e.begin(ctx, key, "stale", 1)
	if err != nil {
		return err
	}
	o = completion(stale.body)
	o.Condition = store.IfMatch(made.ETag)
	_, err = e.Store.CompleteUpload(ctx, stale.Upload, stale.parts, o)
	if err = refused("complete if-match with a stale ETag", err, store.ErrConflict); err == nil {
		err = e.holds(ctx, key, second)
	}
	return e.unless(CompleteIgnoresCondition, err)
}

func completeNeedsCondition(ctx context.Context, e *Env) error {
	b, err := e.begin(ctx, e.key("unset"), "unset", 1)
	if err != nil {
		return err
	}
	o := completion(b.body)
	o.Condition = store.Condition{}
	_, err = e.Store.CompleteUpload(ctx, b.Upload, b.parts, o)
	if err := refused("complete with the zero condition", err); err != nil {
		return err
	}
	return e.gone(ctx, b.Key)
}

func completeRace(ctx context.Context, e *Env) error {
	const writers = 4
	key := e.key("raced")
	var all [writers]begun
	bodies, errs := make([][]byte, writers), make([]error, writers)
	for i := range all {
		var err error
		if all[i], err = e.begin(ctx, key, fmt.Sprint("writer ", i), 1); err != nil {
			return err
		}
		bodies[i] = all[i].body
	}
	var wg sync.WaitGroup
	for i, b := range all {
		wg.Go(func() { _, errs[i] = e.Store.CompleteUpload(ctx, b.Upload, b.parts, completion(b.body)) })
	}
	wg.Wait()
	return e.unless(CompleteRaces, oneWinner(ctx, e, key, bodies, errs))
}

func completeMissing(ctx context.Context, e *Env) error {
	body := e.body("missing", 2)
	u, err := e.create(ctx, e.key("missing"), int64(len(body)))
	if err != nil {
		return err
	}
	last, err := e.send(ctx, u, body, 2)
	if err != nil {
		return err
	}
	// Named parts that do not cover the object, no parts at all, and a part that is named but was never sent.
	never := store.Part{Number: 1, Offset: 0, Size: e.partBytes(), ETag: last[0].ETag}
	in := e.input(body, 1)
	never.CRC64NVME, never.CRC32C = store.Hex64(in.CRC64NVME), store.Hex32(in.CRC32C)
	for what, parts := range map[string][]store.Part{"the last part alone": last, "no parts": nil, "a part that was never sent": {never, last[0]}} {
		_, err := e.Store.CompleteUpload(ctx, u, parts, completion(body))
		if err = refused("complete with "+what, err); err == nil {
			err = e.gone(ctx, u.Key)
		}
		if err := e.unless(CompleteIgnoresMissing, err); err != nil {
			return err
		}
	}
	return nil
}

func completeMisordered(ctx context.Context, e *Env) error {
	b, err := e.begin(ctx, e.key("misordered"), "misordered", 3)
	if err != nil {
		return err
	}
	swapped := []store.Part{b.parts[1], b.parts[0], b.parts[2]}
	twice := []store.Part{b.parts[0], b.parts[0], b.parts[2]}
	for what, parts := range map[string][]store.Part{"parts 2 1 3": swapped, "parts 1 1 3": twice} {
		_, err := e.Store.CompleteUpload(ctx, b.Upload, slices.Clone(parts), completion(b.body))
		if err = refused("complete with "+what, err); err == nil {
			err = e.gone(ctx, b.Key)
		}
		if err := e.unless(CompleteIgnoresOrder, err); err != nil {
			return err
		}
	}
	if e.has(CompleteIgnoresOrder) {
		return nil
	}
	if _, err := e.finish(ctx, b.Upload, b.parts, b.body); err != nil {
		return fmt.Errorf("in the right order after the wrong ones were refused: %w", err)
	}
	return nil
}

// completeSwapped sends sound parts with each other's bytes: only the checksum of the whole can tell.
func completeSwapped(ctx context.Context, e *Env) error {
	if len(e.Store.Capabilities().ObjectChecksums) == 0 {
		e.note("the store keeps no checksum of a whole object, so that parts that carry each other's bytes cannot be told from right ones")
		return nil
	}
	body := e.data("swapped", 2*e.partBytes())
	u, err := e.create(ctx, e.key("swapped"), int64(len(body)))
	if err != nil {
		return err
	}
	half := e.partBytes()
	var parts []store.Part
	for i, b := range [][]byte{body[half:], body[:half]} {
		p, err := e.Store.UploadPart(ctx, u, partInput(i+1, int64(i)*half, b))
		if err != nil {
			return fmt.Errorf("part %d: %w", i+1, err)
		}
		parts = append(parts, p)
	}
	_, err = e.Store.CompleteUpload(ctx, u, parts, completion(body))
	if err = refused("complete with two parts that carry each other's bytes", err); err == nil {
		err = e.gone(ctx, u.Key)
	}
	return e.unless(CompleteIgnoresChecksum, err)
}

func completeWrongChecksum(ctx context.Context, e *Env) error {
	if len(e.Store.Capabilities().ObjectChecksums) == 0 {
		e.note("the store keeps no checksum of a whole object to compare with")
		return nil
	}
	b, err := e.begin(ctx, e.key("damaged"), "damaged", 1)
	if err != nil {
		return err
	}
	o := completion(b.body)
	o.Checksums = wrong(b.body)
	_, err = e.Store.CompleteUpload(ctx, b.Upload, b.parts, o)
	if err = refused("complete with the checksums of other bytes", err, store.ErrIntegrity, store.ErrPermanent); err == nil {
		err = e.gone(ctx, b.Key)
	}
	return e.unless(CompleteIgnoresChecksum, err)
}

func completeTwice(ctx context.Context, e *Env) error {
	b, err := e.begin(ctx, e.key("twice"), "twice", 2)
	if err != nil {
		return err
	}
	first, err := e.finish(ctx, b.Upload, b.parts, b.body)
	if err != nil {
		return err
	}
	second, err := e.Store.CompleteUpload(ctx, b.Upload, b.parts, completion(b.body))
	if err == nil && second.ETag != first.ETag {
		err = fmt.Errorf("the ETag is %s, after the first time %s", second.ETag, first.ETag)
	}
	if err == nil {
		err = checkObject(second, b.Key, b.body)
	}
	if err != nil {
		if err := e.unless(CompleteNotIdempotent, fmt.Errorf("complete for the second time: %w", err)); err != nil {
			return err
		}
	}
	if err := e.Store.AbortUpload(ctx, b.Upload); err != nil {
		return fmt.Errorf("abort after complete: %w", err)
	}
	if err := e.holds(ctx, b.Key, b.body); err != nil {
		return fmt.Errorf("after complete twice and abort: %w", err)
	}
	us, err := e.Store.ListUploads(ctx, e.Prefix)
	if err != nil {
		return fmt.Errorf("list uploads: %w", err)
	}
	if len(us) > 0 {
		return e.unless(AbortLeavesUpload, fmt.Errorf("a finished upload is listed: %+v", us))
	}
	return nil
}

func completeProperties(ctx context.Context, e *Env) error {
	body := e.body("typed", 1)
	key := e.key("typed")
	want := store.Properties{ContentType: "application/x-tar"}
	u, err := e.Store.CreateUpload(ctx, key, store.UploadOptions{Properties: want, Size: int64(len(body))})
	if err != nil {
		return fmt.Errorf("create upload: %w", err)
	}
	parts, err := e.send(ctx, u, body, 1)
	if err != nil {
		return err
	}
	if _, err := e.finish(ctx, u, parts, body); err != nil {
		return err
	}
	h, err := e.Store.Head(ctx, key)
	if err != nil {
		return fmt.Errorf("head: %w", err)
	}
	if h.ContentType != want.ContentType {
		return e.unless(ContentTypeLost, fmt.Errorf("the content type is %q, want %q", h.ContentType, want.ContentType))
	}
	return nil
}

package storetest

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"

	"github.com/minio/crc64nvme"
	"golang.org/x/sync/errgroup"

	"github.com/datagravity/datagravity/pkg/store"
)

var uploadCases = []Case{
	{"upload-out-of-order", uploadOutOfOrder},
	{"upload-replaced-part", uploadReplacedPart},
	{"upload-resumed", uploadResumed},
	{"upload-wrong-part-checksum", uploadWrongPartChecksum},
	{"upload-invisible-until-complete", uploadInvisible},
	{"upload-aborted", uploadAborted},
	{"upload-listed", uploadListed},
	{"upload-gone", uploadGone},
	{"upload-11-parts", func(ctx context.Context, e *Env) error { return uploadMany(ctx, e, 11) }},
	{"upload-101-parts", func(ctx context.Context, e *Env) error { return uploadMany(ctx, e, 101) }},
}

// partBytes is the size of every part but the last: the smallest that the store takes, and enough to be a real body.
func (e *Env) partBytes() int64 { return max(e.Store.Capabilities().Parts.MinBytes, 4096) }

// tailBytes is the size of the last part: odd, so that nothing aligns.
const tailBytes = 1003

// body of an upload of n parts.
func (e *Env) body(name string, n int) []byte {
	return e.data(name, int64(n-1)*e.partBytes()+tailBytes)
}

// input cuts part number (from 1) out of a body.
func (e *Env) input(body []byte, number int) store.PartInput {
	off := int64(number-1) * e.partBytes()
	return partInput(number, off, body[off:min(off+e.partBytes(), int64(len(body)))])
}

func partInput(number int, off int64, b []byte) store.PartInput {
	return store.PartInput{Number: number, Offset: off, Data: b, CRC64NVME: crc64nvme.Checksum(b), CRC32C: crc32.Checksum(b, castagnoli)}
}

func (e *Env) create(ctx context.Context, key string, sizeBytes int64) (store.Upload, error) {
	u, err := e.Store.CreateUpload(ctx, key, store.UploadOptions{Size: sizeBytes})
	switch {
	case err != nil:
		return u, fmt.Errorf("create upload: %w", err)
	case u.Key != key || u.ID == "" || u.Created.IsZero():
		return u, fmt.Errorf("create upload: %+v lacks key, id or time", u)
	}
	return u, nil
}

// send uploads parts of a body, in the order of the numbers.
func (e *Env) send(ctx context.Context, u store.Upload, body []byte, numbers ...int) ([]store.Part, error) {
	var parts []store.Part
	for _, n := range numbers {
		in := e.input(body, n)
		p, err := e.Store.UploadPart(ctx, u, in)
		if err == nil {
			err = checkPart(p, in)
		}
		if err != nil {
			return nil, fmt.Errorf("part %d: %w", n, err)
		}
		parts = append(parts, p)
	}
	slices.SortFunc(parts, func(a, b store.Part) int { return a.Number - b.Number })
	return parts, nil
}

func checkPart(p store.Part, in store.PartInput) error {
	switch {
	case p.Number != in.Number || p.Size != int64(len(in.Data)):
		return fmt.Errorf("the store says number %d of %d bytes, sent number %d of %d", p.Number, p.Size, in.Number, len(in.Data))
	case p.Offset != -1 && p.Offset != in.Offset:
		return fmt.Errorf("the store says offset %d, sent %d", p.Offset, in.Offset)
	case p.CRC64NVME != "" && p.CRC64NVME != store.Hex64(in.CRC64NVME), p.CRC32C != "" && p.CRC32C != store.Hex32(in.CRC32C):
		return fmt.Errorf("the store says checksums %s and %s, sent %016x and %08x", p.CRC64NVME, p.CRC32C, in.CRC64NVME, in.CRC32C)
	}
	return nil
}

func completion(body []byte) store.CompleteOptions {
	return store.CompleteOptions{Condition: store.IfAbsent(), Size: int64(len(body)), Checksums: sums(body)}
}

// finish completes an upload and compares the object with the body, checksums included.
func (e *Env) finish(ctx context.Context, u store.Upload, parts []store.Part, body []byte) (store.Object, error) {
	o, err := e.Store.CompleteUpload(ctx, u, parts, completion(body))
	if err != nil {
		return o, fmt.Errorf("complete: %w", err)
	}
	if err := checkObject(o, u.Key, body); err != nil {
		return o, fmt.Errorf("complete: %w", err)
	}
	want := sums(body)
	for _, c := range e.Store.Capabilities().ObjectChecksums {
		if c == "crc64nvme" && o.Checksums.CRC64NVME != want.CRC64NVME || c == "crc32c" && o.Checksums.CRC32C != want.CRC32C {
			if err := e.unless(ObjectChecksumsMissing, fmt.Errorf("complete: %s of the finished object is not told: %+v", c, o.Checksums)); err != nil {
				return o, err
			}
		}
	}
	return o, e.holds(ctx, u.Key, body)
}

func uploadOutOfOrder(ctx context.Context, e *Env) error {
	body := e.body("out of order", 3)
	u, err := e.create(ctx, e.key("out-of-order"), int64(len(body)))
	if err != nil {
		return err
	}
	parts, err := e.send(ctx, u, body, 3, 1, 2)
	if err != nil {
		return err
	}
	_, err = e.finish(ctx, u, parts, body)
	return err
}

func uploadReplacedPart(ctx context.Context, e *Env) error {
	body, other := e.body("final", 2), e.body("replaced", 2)
	u, err := e.create(ctx, e.key("replaced"), int64(len(body)))
	if err != nil {
		return err
	}
	if _, err := e.send(ctx, u, other, 1); err != nil {
		return err
	}
	parts, err := e.send(ctx, u, body, 2, 1)
	if err != nil {
		return fmt.Errorf("with part 1 sent again: %w", err)
	}
	_, err = e.finish(ctx, u, parts, body)
	return err
}

// uploadResumed goes on as another process would: from the serialised upload and parts alone.
func uploadResumed(ctx context.Context, e *Env) error {
	body := e.body("resumed", 2)
	begun, err := e.create(ctx, e.key("resumed"), int64(len(body)))
	if err != nil {
		return err
	}
	sent, err := e.send(ctx, begun, body, 1)
	if err != nil {
		return err
	}
	text, err := json.Marshal(begun)
	if err != nil {
		return err
	}
	var u store.Upload
	if err := json.Unmarshal(text, &u); err != nil {
		return err
	}
	held, err := e.Store.ListParts(ctx, u, sent)
	if err != nil {
		return fmt.Errorf("list parts after one: %w", err)
	}
	if len(held) != 1 {
		return fmt.Errorf("list parts after one: got %d", len(held))
	}
	if err := checkPart(held[0], e.input(body, 1)); err != nil {
		return fmt.Errorf("list parts: %w", err)
	}
	more, err := e.send(ctx, u, body, 2)
	if err != nil {
		return err
	}
	held, err = e.Store.ListParts(ctx, u, append(held, more...))
	if err != nil {
		return fmt.Errorf("list parts after two: %w", err)
	}
	if len(held) != 2 || held[0].Number != 1 || held[1].Number != 2 {
		return fmt.Errorf("list parts after two: got %+v", held)
	}
	_, err = e.finish(ctx, u, held, body)
	return err
}

func uploadWrongPartChecksum(ctx context.Context, e *Env) error {
	body := e.body("damaged", 1)
	u, err := e.create(ctx, e.key("damaged"), int64(len(body)))
	if err != nil {
		return err
	}
	in := e.input(body, 1)
	in.CRC64NVME ^= 1 << 17
	in.CRC32C ^= 1 << 17
	_, err = e.Store.UploadPart(ctx, u, in)
	return e.unless(PartIgnoresChecksum, refused("a part with checksums of other bytes", err, store.ErrIntegrity, store.ErrPermanent))
}

func uploadInvisible(ctx context.Context, e *Env) error {
	body := e.body("invisible", 1)
	u, err := e.create(ctx, e.key("invisible"), int64(len(body)))
	if err != nil {
		return err
	}
	if err := e.onlyUploads(ctx); err != nil {
		return fmt.Errorf("after create: %w", err)
	}
	parts, err := e.send(ctx, u, body, 1)
	if err != nil {
		return err
	}
	if err := e.onlyUploads(ctx); err != nil {
		return fmt.Errorf("after the last part: %w", err)
	}
	if err := e.gone(ctx, u.Key); err != nil {
		return fmt.Errorf("before complete: %w", err)
	}
	_, err = e.finish(ctx, u, parts, body)
	return err
}

// onlyUploads wants no object in this case's folder.
func (e *Env) onlyUploads(ctx context.Context) error {
	objects, err := e.list(ctx, e.Prefix, 0)
	if err != nil {
		return err
	}
	if len(objects) > 0 {
		return fmt.Errorf("an unfinished upload shows as %q", keysOf(objects))
	}
	return nil
}

func uploadAborted(ctx context.Context, e *Env) error {
	body := e.body("aborted", 1)
	u, err := e.create(ctx, e.key("aborted"), int64(len(body)))
	if err != nil {
		return err
	}
	parts, err := e.send(ctx, u, body, 1)
	if err != nil {
		return err
	}
	for range 2 {
		if err := e.Store.AbortUpload(ctx, u); err != nil {
			return fmt.Errorf("abort: %w", err)
		}
	}
	us, err := e.Store.ListUploads(ctx, e.Prefix)
	if err != nil {
		return fmt.Errorf("list uploads: %w", err)
	}
	if len(us) > 0 {
		if err := e.unless(AbortLeavesUpload, fmt.Errorf("after abort the store still lists %+v", us)); err != nil {
			return err
		}
	}
	_, err = e.Store.CompleteUpload(ctx, u, parts, completion(body))
	if err = refused("complete after abort", err); err == nil {
		err = e.gone(ctx, u.Key)
	}
	return e.unless(AbortLeavesUpload, err)
}

func uploadListed(ctx context.Context, e *Env) error {
	want := map[string]string{}
	for _, name := range []string{"a/1", "a/2", "ab/3"} {
		body := e.body(name, 1)
		u, err := e.create(ctx, e.key(name), int64(len(body)))
		if err != nil {
			return err
		}
		if _, err := e.send(ctx, u, body, 1); err != nil {
			return err
		}
		want[u.Key] = u.ID
	}
	for _, prefix := range []string{"", "a/", "ab", "c/"} {
		us, err := e.Store.ListUploads(ctx, e.key(prefix))
		if err != nil {
			return fmt.Errorf("list uploads: %w", err)
		}
		got := map[string]string{}
		for _, u := range us {
			got[u.Key] = u.ID
		}
		for key, id := range want {
			expected := strings.HasPrefix(key, e.key(prefix))
			switch found := got[key]; {
			case !expected && found != "":
				return fmt.Errorf("list uploads of %q: has %s", prefix, quote(key))
			case expected && found != id:
				if err := e.unless(ListUploadsIncomplete, fmt.Errorf("list uploads of %q: %s has id %q, want %q", prefix, quote(key), found, id)); err != nil {
					return err
				}
			}
		}
	}
	// What is listed must be enough to clean up: this is how uploads of processes that died are found.
	us, err := e.Store.ListUploads(ctx, e.Prefix)
	if err != nil {
		return fmt.Errorf("list uploads: %w", err)
	}
	for _, u := range us {
		if err := e.Store.AbortUpload(ctx, u); err != nil {
			return fmt.Errorf("abort of a listed upload: %w", err)
		}
	}
	if us, err = e.Store.ListUploads(ctx, e.Prefix); err != nil || len(us) > 0 {
		return e.unless(AbortLeavesUpload, fmt.Errorf("after aborting all that was listed: %+v, %w", us, err))
	}
	return nil
}

func uploadGone(ctx context.Context, e *Env) error {
	body := e.body("gone", 1)
	u, err := e.create(ctx, e.key("gone"), int64(len(body)))
	if err != nil {
		return err
	}
	parts, err := e.send(ctx, u, body, 1)
	if err != nil {
		return err
	}
	if err := e.Store.AbortUpload(ctx, u); err != nil {
		return fmt.Errorf("abort: %w", err)
	}
	// A store may forget an upload by forgetting its parts; what it may not do is confirm one that is gone.
	held, err := e.Store.ListParts(ctx, u, parts)
	if err == nil && len(held) == 0 {
		return nil
	}
	return e.unless(AbortLeavesUpload, refused(fmt.Sprintf("list parts (%d) of an aborted upload", len(held)), err, store.ErrNotFound))
}

// manyBytes is the most that one case may send.
const manyBytes = 64 * store.MiB

func uploadMany(ctx context.Context, e *Env, n int) error {
	if int64(n)*e.partBytes() > manyBytes {
		e.note("%d parts of at least %d bytes are more than this suite sends; the case of fewer parts stands for it", n, e.partBytes())
		return nil
	}
	body := e.body(fmt.Sprint("many ", n), n)
	u, err := e.create(ctx, e.key("many"), int64(len(body)))
	if err != nil {
		return err
	}
	parts := make([]store.Part, n)
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(8)
	// From both ends, so that numbers that sort wrongly as text (10 before 2) meet.
	for i := range n {
		number := i/2 + 1
		if i%2 == 1 {
			number = n - i/2
		}
		g.Go(func() error {
			sent, err := e.send(gctx, u, body, number)
			if err == nil {
				parts[number-1] = sent[0]
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	held, err := e.Store.ListParts(ctx, u, parts)
	if err != nil {
		return fmt.Errorf("list parts: %w", err)
	}
	if len(held) != n {
		return fmt.Errorf("list parts: got %d, want %d", len(held), n)
	}
	for i, p := range held {
		if err := checkPart(p, e.input(body, i+1)); err != nil {
			return fmt.Errorf("list parts, place %d: %w", i, err)
		}
	}
	_, err = e.finish(ctx, u, parts, body)
	return err
}

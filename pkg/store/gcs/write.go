package gcs

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"net/http"
	"strconv"
	"strings"

	"cloud.google.com/go/storage"
	"google.golang.org/api/googleapi"

	"github.com/datagravity/datagravity/pkg/store"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// defaultType is sent where the caller names no content type; the SDK would guess one from the bytes.
const defaultType = "application/octet-stream"

// Put writes by one request, which the server refuses if the bytes are not what their CRC32C says.
func (s *Store) Put(ctx context.Context, key string, data []byte, o store.WriteOptions) (store.Object, error) {
	if err := s.checkName("put", key); err != nil {
		return store.Object{}, err
	}
	if int64(len(data)) > maxObject {
		return store.Object{}, s.refuse("put", key, store.ErrPermanent, "larger than the largest object, 5 TiB")
	}
	attrs, err := s.put(ctx, "put", key, key, data, o, nil)
	if err != nil {
		return store.Object{}, err
	}
	return s.describe(attrs), nil
}

// put writes name, for an operation on key.
func (s *Store) put(ctx context.Context, op, key, name string, data []byte, o store.WriteOptions, metadata map[string]string) (*storage.ObjectAttrs, error) {
	h, err := s.destination(op, key, name, o.Condition)
	if err != nil {
		return nil, err
	}
	sum := crc32.Checksum(data, castagnoli)
	if o.Checksums.CRC32C != "" {
		if sum, err = store.ParseHex32(o.Checksums.CRC32C); err != nil {
			return nil, s.refuse(op, key, store.ErrIntegrity, err.Error())
		}
	}
	md5, err := hex.DecodeString(o.Checksums.MD5)
	if err != nil {
		return nil, s.refuse(op, key, store.ErrIntegrity, fmt.Sprintf("MD5 %q is not hex", o.Checksums.MD5))
	}

	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends the writer's goroutines if it is left unfinished
	w := h.NewWriter(ctx)
	w.ChunkSize = 0 // one request; any other size may become a resumable session of several
	w.CRC32C, w.SendCRC32C = sum, true
	if len(md5) > 0 {
		w.MD5 = md5
	}
	w.ContentType, w.ContentEncoding = typeOf(o.Properties), o.ContentEncoding
	w.StorageClass, w.KMSKeyName = o.StorageClass, o.KMSKey
	w.Metadata = metadata
	_, err = w.Write(data)
	if closed := w.Close(); closed != nil {
		err = closed // the service's answer rather than the pipe that it closed
	}
	if err != nil {
		return nil, s.fail(op, key, err)
	}
	got := w.Attrs()
	if got.Size != int64(len(data)) || got.CRC32C != sum {
		return nil, s.found(op, key, store.ErrIntegrity, fmt.Sprintf("sent %d bytes with CRC32C %s, the service stored %d with %s",
			len(data), store.Hex32(sum), got.Size, store.Hex32(got.CRC32C)))
	}
	return got, nil
}

func typeOf(p store.Properties) string {
	if p.ContentType == "" {
		return defaultType
	}
	return p.ContentType
}

// destination is the handle of name under a condition on it.
func (s *Store) destination(op, key, name string, c store.Condition) (*storage.ObjectHandle, error) {
	h := s.object(name)
	match, err := s.match(op, key, c)
	switch {
	case err != nil:
		return nil, err
	case match == nil:
		return h, nil
	case *match == 0:
		return h.If(storage.Conditions{DoesNotExist: true}), nil
	default:
		return h.If(storage.Conditions{GenerationMatch: *match}), nil
	}
}

// match is a condition as the service takes it: a generation, 0 for absence, nil for none.
func (s *Store) match(op, key string, c store.Condition) (*int64, error) {
	var generation int64
	switch {
	case c.IsUnset():
		return nil, s.refuse(op, key, store.ErrPermanent, "a write without a condition; choose IfAbsent, IfMatch or, for our own objects, Always")
	case c == store.Always():
		return nil, nil
	case !c.IsAbsent():
		var ok bool
		if generation, ok = parseGeneration(c.ETag()); !ok {
			return nil, s.refuse(op, key, store.ErrConflict, fmt.Sprintf("%q is no generation, so no object here has it", c.ETag()))
		}
	}
	return &generation, nil
}

// Copy rewrites src into key within the bucket. Size, class and encryption decide how many calls the service needs; the
// copy appears with the last one.
func (s *Store) Copy(ctx context.Context, key string, src store.Ref, o store.WriteOptions) (store.Object, error) {
	if err := errors.Join(s.checkName("copy", key), s.checkName("copy", src.Key)); err != nil {
		return store.Object{}, s.fail("copy", key, err)
	}
	dst, err := s.destination("copy", key, key, o.Condition)
	if err != nil {
		return store.Object{}, err
	}
	from, err := s.source(ctx, src)
	if err != nil {
		return store.Object{}, several(err)
	}
	want := store.Checksums{CRC32C: store.Hex32(from.CRC32C), MD5: hex.EncodeToString(from.MD5)}
	if want.Compare(o.Checksums) == store.Different {
		return store.Object{}, s.found("copy", key, store.ErrIntegrity, fmt.Sprintf("the source %q holds other bytes than the copy must have", src.Key))
	}
	got, err := s.rewrite(ctx, "copy", key, dst, from, o.Properties)
	if store.KindOf(err) == store.ErrNotFound {
		err = s.missing(ctx, "copy", src.Key, strconv.FormatInt(from.Generation, 10))
	}
	if err != nil {
		return store.Object{}, several(err)
	}
	return s.describe(got), nil
}

// source reads the pinned source of a copy. Its generation pins the copy even if the Ref did not.
func (s *Store) source(ctx context.Context, src store.Ref) (*storage.ObjectAttrs, error) {
	h, pin, err := s.pinned(ctx, "copy", src)
	if err != nil {
		return nil, err
	}
	attrs, err := h.Attrs(ctx)
	if err != nil {
		return nil, s.unpinned(ctx, "copy", src, err)
	}
	if got := strconv.FormatInt(attrs.Generation, 10); pin != "" && got != pin {
		return nil, s.found("copy", src.Key, store.ErrChanged, fmt.Sprintf("generation %s stands, not %s", got, pin))
	}
	return attrs, nil
}

// rewrite copies from's generation to dst and proves the copy by size and CRC32C; a wrong one is deleted again.
func (s *Store) rewrite(ctx context.Context, op, key string, dst *storage.ObjectHandle, from *storage.ObjectAttrs, p store.Properties) (*storage.ObjectAttrs, error) {
	c := dst.CopierFrom(s.object(from.Name).Generation(from.Generation))
	if p != (store.Properties{}) {
		// A rewrite that says anything of its destination starts it from nothing, so what is to stay is said again.
		c.ContentType, c.ContentEncoding = from.ContentType, from.ContentEncoding
		c.CacheControl, c.ContentDisposition, c.ContentLanguage = from.CacheControl, from.ContentDisposition, from.ContentLanguage
		c.Metadata = from.Metadata
		c.StorageClass, c.DestinationKMSKeyName = p.StorageClass, p.KMSKey
		if p.ContentType != "" {
			c.ContentType = p.ContentType
		}
		if p.ContentEncoding != "" {
			c.ContentEncoding = p.ContentEncoding
		}
	}
	got, err := c.Run(ctx)
	if err != nil {
		return nil, s.fail(op, key, err)
	}
	return got, s.prove(ctx, op, key, got.Generation, got.Size, got.CRC32C, from.Size, &from.CRC32C)
}

// prove compares what the service made under key with what it must be. A wrong object is ours, since the service told
// its generation, and is deleted by it.
func (s *Store) prove(ctx context.Context, op, key string, generation, size int64, sum uint32, wantSize int64, wantSum *uint32) error {
	if size == wantSize && (wantSum == nil || sum == *wantSum) {
		return nil
	}
	why := fmt.Sprintf("the service made %d bytes with CRC32C %s, expected %d bytes", size, store.Hex32(sum), wantSize)
	if wantSum != nil {
		why += " with " + store.Hex32(*wantSum)
	}
	if err := s.object(key).Generation(generation).Delete(ctx); err != nil {
		why += fmt.Sprintf("; generation %d could not be deleted: %v", generation, err)
	} else {
		why += "; it was deleted again"
	}
	return s.found(op, key, store.ErrIntegrity, why)
}

// Delete removes the live object if it is still the pinned one. In a bucket with versions it becomes a noncurrent one.
func (s *Store) Delete(ctx context.Context, ref store.Ref) error {
	if err := s.checkName("delete", ref.Key); err != nil {
		return err
	}
	h, pin := s.object(ref.Key), ref.ETag
	if pin == "" {
		pin = ref.Version
	}
	if pin != "" {
		generation, ok := parseGeneration(pin)
		if !ok {
			return s.stands(ctx, ref.Key, pin)
		}
		h = h.If(storage.Conditions{GenerationMatch: generation})
	}
	err := h.Delete(ctx)
	if err == nil {
		return nil
	}
	err = s.fail("delete", ref.Key, err)
	switch {
	case store.KindOf(err) == store.ErrNotFound && !noBucket(err):
		return nil
	case store.KindOf(err) == store.ErrConflict:
		return s.stands(ctx, ref.Key, pin)
	}
	return err
}

// stands tells whether a refused delete found another object, or none, which is no error.
func (s *Store) stands(ctx context.Context, key, pin string) error {
	o, err := s.head(ctx, "delete", key)
	switch {
	case store.KindOf(err) == store.ErrNotFound && !noBucket(err):
		return nil
	case err != nil:
		return several(err)
	}
	return s.found("delete", key, store.ErrConflict, fmt.Sprintf("generation %s stands, not %s", o.ETag, pin))
}

// noBucket tells a missing bucket from a missing object.
func noBucket(err error) bool {
	var api *googleapi.Error
	return errors.As(err, &api) && api.Code == http.StatusNotFound && strings.Contains(api.Message, "bucket does not exist")
}

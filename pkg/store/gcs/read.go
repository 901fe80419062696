package gcs

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"

	"cloud.google.com/go/storage"
	"google.golang.org/api/iterator"

	"github.com/datagravity/datagravity/pkg/store"
)

// pageMax is the most objects that the service puts into a page of a listing.
const pageMax = 1000

// listed are the fields that an Object needs; the rest of a resource is three times as much.
var listed = []string{"Name", "Size", "Generation", "Created", "CRC32C", "MD5", "ContentType", "ContentEncoding", "StorageClass", "Metadata"}

// List returns a page of at most 1,000 objects, by one request.
func (s *Store) List(ctx context.Context, o store.ListOptions) (store.Page, error) {
	found, next, err := s.page(ctx, &storage.Query{Prefix: o.Prefix}, o.Token, o.Max)
	if err != nil {
		return store.Page{}, s.fail("list", "", err)
	}
	page := store.Page{Next: next, Objects: make([]store.Object, len(found))}
	for i, attrs := range found {
		page.Objects[i] = s.describe(attrs)
	}
	return page, nil
}

// page makes one listing request (more only where the service answers with empty pages).
func (s *Store) page(ctx context.Context, q *storage.Query, token string, most int) (found []*storage.ObjectAttrs, next string, err error) {
	q.Projection = storage.ProjectionNoACL
	if err := q.SetAttrSelection(listed); err != nil {
		return nil, "", err
	}
	it := s.client.Bucket(s.bucket).Objects(ctx, q)
	it.PageInfo().Token = token
	it.PageInfo().MaxSize = min(most, pageMax)
	for first := true; first || it.PageInfo().Remaining() > 0; first = false {
		attrs, err := it.Next()
		if errors.Is(err, iterator.Done) {
			return found, "", nil
		}
		if err != nil {
			return nil, "", err
		}
		found = append(found, attrs)
	}
	return found, it.PageInfo().Token, nil
}

// Head returns the live object's properties.
func (s *Store) Head(ctx context.Context, key string) (store.Object, error) {
	return s.head(ctx, "head", key)
}

func (s *Store) head(ctx context.Context, op, key string) (store.Object, error) {
	if err := s.checkName(op, key); err != nil {
		return store.Object{}, err
	}
	attrs, err := s.object(key).Attrs(ctx)
	if err != nil {
		return store.Object{}, s.fail(op, key, err)
	}
	return s.describe(attrs), nil
}

// ReadRange reads by one request for exactly the range of exactly the generation. Past the object's end it is
// [store.ErrPermanent].
func (s *Store) ReadRange(ctx context.Context, ref store.Ref, off int64, p []byte) error {
	if len(p) == 0 {
		return nil
	}
	if err := s.checkName("read", ref.Key); err != nil {
		return err
	}
	h, pin, err := s.pinned(ctx, "read", ref)
	if err != nil {
		return err
	}
	h = h.ReadCompressed(true)
	one := &attempt{}
	r, err := h.NewRangeReader(one.under(ctx), off, int64(len(p)))
	if err != nil {
		return s.unpinned(ctx, "read", ref, err)
	}
	defer func() { _ = r.Close() }()
	if got := one.served(); pin != "" && got != "" && got != pin {
		return s.found("read", ref.Key, store.ErrChanged, fmt.Sprintf("the service answered with generation %s, not %s", got, pin))
	}
	if size := r.Attrs.Size; size >= 0 && off+int64(len(p)) > size {
		return s.found("read", ref.Key, store.ErrPermanent, fmt.Sprintf("bytes %d to %d of an object of %d", off, off+int64(len(p))-1, size))
	}
	if got := r.Remain(); got != int64(len(p)) {
		return s.found("read", ref.Key, store.ErrTransient, fmt.Sprintf("the answer has %d bytes where bytes %d to %d were asked for", got, off, off+int64(len(p))-1))
	}
	if _, err := io.ReadFull(r, p); err != nil {
		return s.fail("read", ref.Key, err)
	}
	return nil
}

// pinned is the handle that answers only for what a Ref names, and the generation that is, "" for an unpinned Ref. A version
// may be read when it is no longer the live one, so it is the generation asked for; an ETag alone is a condition on the
// live one.
func (s *Store) pinned(ctx context.Context, op string, ref store.Ref) (h *storage.ObjectHandle, pin string, err error) {
	h, pin = s.object(ref.Key), ref.ETag
	if ref.Version != "" {
		pin = ref.Version
	}
	if pin == "" {
		return h, "", nil
	}
	generation, ok := parseGeneration(pin)
	switch {
	case !ok:
		return nil, "", s.missing(ctx, op, ref.Key, pin)
	case ref.Version != "":
		return h.Generation(generation), pin, nil
	default:
		return h.If(storage.Conditions{GenerationMatch: generation}), pin, nil
	}
}

// unpinned is the error of a pinned request that the service refused.
func (s *Store) unpinned(ctx context.Context, op string, ref store.Ref, refusal error) error {
	err := s.fail(op, ref.Key, refusal)
	switch kind := store.KindOf(err); {
	case kind == store.ErrConflict:
		return s.found(op, ref.Key, store.ErrChanged, fmt.Sprintf("generation %s no longer stands", ref.ETag))
	case kind == store.ErrNotFound && ref.Version != "":
		return s.missing(ctx, op, ref.Key, ref.Version)
	}
	return err
}

// missing tells why a generation is not there: an overwritten one in a bucket without versions is as absent as an object
// that never was.
func (s *Store) missing(ctx context.Context, op, key, pin string) error {
	o, err := s.head(ctx, op, key)
	if err != nil {
		return several(err)
	}
	if o.ETag == pin {
		return s.found(op, key, store.ErrTransient, fmt.Sprintf("generation %s was not served but stands", pin))
	}
	return s.found(op, key, store.ErrChanged, fmt.Sprintf("generation %s is gone, %s stands", pin, o.ETag))
}

// parseGeneration reads an ETag of ours. No other text can match an object; 0 in particular, which the service takes for
// "absent" and the SDK for "no condition".
func parseGeneration(etag string) (int64, bool) {
	g, err := strconv.ParseInt(etag, 10, 64)
	return g, err == nil && g > 0 && strconv.FormatInt(g, 10) == etag
}

// describe is the Object of what the service tells. Its time is that of the generation: metadata changes do not move it.
func (s *Store) describe(a *storage.ObjectAttrs) store.Object {
	o := store.Object{
		Key:             a.Name,
		Size:            a.Size,
		ETag:            strconv.FormatInt(a.Generation, 10),
		Modified:        a.Created,
		Checksums:       store.Checksums{CRC32C: store.Hex32(a.CRC32C), MD5: hex.EncodeToString(a.MD5)},
		ContentType:     a.ContentType,
		ContentEncoding: a.ContentEncoding,
		StorageClass:    a.StorageClass,
	}
	if s.versions {
		o.Version = o.ETag
	}
	return o
}

package trace

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/datagravity/datagravity/pkg/store"
)

// Store is a store each call of which is a span. It is safe for concurrent use.
type Store struct{ store.Store }

var _ store.Store = (*Store)(nil)

// Wrap returns s with a span for each call that is made under a traced context. It goes around what tries again: a call is one span whatever it
// takes, and says how many attempts there were, and what became of each that failed.
func Wrap(s store.Store) store.Store { return &Store{s} }

// Unwrap returns the store inside.
func (s *Store) Unwrap() store.Store { return s.Store }

// RoundTrip is that of the store inside.
func (s *Store) RoundTrip() time.Duration { return store.RoundTrip(s.Store) }

// Time is that of the store inside.
func (s *Store) Time() (time.Time, bool) { return store.Time(s.Store) }

func traced[T any](ctx context.Context, s *Store, op, key string, bytes int64, f func(context.Context) (T, error)) (v T, err error) {
	if !switched(ctx).On() {
		return f(ctx)
	}
	ctx, span := start(ctx, "store "+op, oteltrace.WithSpanKind(oteltrace.SpanKindClient), oteltrace.WithAttributes(
		storeURL.String(s.URL()), operation.String(op), objectKey.String(key)))
	if !span.span.IsRecording() { // this trace was not chosen
		return f(ctx)
	}
	if bytes > 0 {
		span.Set(Bytes.Int64(bytes))
	}
	tries, before := 1, store.AttemptFrom(ctx)
	ctx = store.WithAttempt(ctx, func(ctx context.Context, previous error) error {
		span.span.AddEvent("attempt failed", oteltrace.WithAttributes(errorType.String(Kind(previous)), attribute.Int("attempt", tries)))
		if err := before(ctx, previous); err != nil {
			return err
		}
		tries++
		return nil
	})
	defer func() {
		span.Set(attempts.Int(tries))
		span.End(err)
	}()
	return f(ctx)
}

func traced0(ctx context.Context, s *Store, op, key string, bytes int64, f func(context.Context) error) error {
	_, err := traced(ctx, s, op, key, bytes, func(ctx context.Context) (struct{}, error) { return struct{}{}, f(ctx) })
	return err
}

// List is a span.
func (s *Store) List(ctx context.Context, o store.ListOptions) (store.Page, error) {
	return traced(ctx, s, "list", o.Prefix, 0, func(ctx context.Context) (store.Page, error) { return s.Store.List(ctx, o) })
}

// Head is a span.
func (s *Store) Head(ctx context.Context, key string) (store.Object, error) {
	return traced(ctx, s, "head", key, 0, func(ctx context.Context) (store.Object, error) { return s.Store.Head(ctx, key) })
}

// ReadRange is a span, unless nothing is to be read.
func (s *Store) ReadRange(ctx context.Context, ref store.Ref, off int64, p []byte) error {
	if len(p) == 0 {
		return s.Store.ReadRange(ctx, ref, off, p)
	}
	return traced0(ctx, s, "read", ref.Key, int64(len(p)), func(ctx context.Context) error { return s.Store.ReadRange(ctx, ref, off, p) })
}

// Put is a span.
func (s *Store) Put(ctx context.Context, key string, data []byte, o store.WriteOptions) (store.Object, error) {
	return traced(ctx, s, "put", key, int64(len(data)), func(ctx context.Context) (store.Object, error) { return s.Store.Put(ctx, key, data, o) })
}

// Copy is a span.
func (s *Store) Copy(ctx context.Context, key string, src store.Ref, o store.WriteOptions) (store.Object, error) {
	return traced(ctx, s, "copy", key, 0, func(ctx context.Context) (store.Object, error) { return s.Store.Copy(ctx, key, src, o) })
}

// Delete is a span.
func (s *Store) Delete(ctx context.Context, ref store.Ref) error {
	return traced0(ctx, s, "delete", ref.Key, 0, func(ctx context.Context) error { return s.Store.Delete(ctx, ref) })
}

// CreateUpload is a span.
func (s *Store) CreateUpload(ctx context.Context, key string, o store.UploadOptions) (store.Upload, error) {
	return traced(ctx, s, "create-upload", key, 0, func(ctx context.Context) (store.Upload, error) { return s.Store.CreateUpload(ctx, key, o) })
}

// UploadPart is a span.
func (s *Store) UploadPart(ctx context.Context, u store.Upload, p store.PartInput) (store.Part, error) {
	return traced(ctx, s, "part", u.Key, int64(len(p.Data)), func(ctx context.Context) (store.Part, error) { return s.Store.UploadPart(ctx, u, p) })
}

// CopyPart is a span.
func (s *Store) CopyPart(ctx context.Context, u store.Upload, p store.PartCopy) (store.Part, error) {
	return traced(ctx, s, "part-copy", u.Key, p.Size, func(ctx context.Context) (store.Part, error) { return s.Store.CopyPart(ctx, u, p) })
}

// ListParts is a span.
func (s *Store) ListParts(ctx context.Context, u store.Upload, recorded []store.Part) ([]store.Part, error) {
	return traced(ctx, s, "list-parts", u.Key, 0, func(ctx context.Context) ([]store.Part, error) { return s.Store.ListParts(ctx, u, recorded) })
}

// CompleteUpload is a span.
func (s *Store) CompleteUpload(ctx context.Context, u store.Upload, parts []store.Part, o store.CompleteOptions) (store.Object, error) {
	return traced(ctx, s, "complete", u.Key, o.Size, func(ctx context.Context) (store.Object, error) { return s.Store.CompleteUpload(ctx, u, parts, o) })
}

// AbortUpload is a span.
func (s *Store) AbortUpload(ctx context.Context, u store.Upload) error {
	return traced0(ctx, s, "abort", u.Key, 0, func(ctx context.Context) error { return s.Store.AbortUpload(ctx, u) })
}

// ListUploads is a span.
func (s *Store) ListUploads(ctx context.Context, prefix string) ([]store.Upload, error) {
	return traced(ctx, s, "list-uploads", prefix, 0, func(ctx context.Context) ([]store.Upload, error) { return s.Store.ListUploads(ctx, prefix) })
}

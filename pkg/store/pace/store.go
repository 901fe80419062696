package pace

import (
	"context"
	"time"

	"github.com/datagravity/datagravity/pkg/store"
)

// Store is a store whose requests pass a gate. It is safe for concurrent use.
type Store struct {
	store.Store
	gate *Gate
}

var _ store.Store = (*Store)(nil)

// Wrap returns s behind a gate. What it returns is a *Store. Each call takes one slot for as long as it lasts, completions
// and copies included; what a backend asks of its service within one call is not told apart.
func Wrap(s store.Store, g *Gate) store.Store { return &Store{Store: s, gate: g} }

// Counters of the store's gate.
func (s *Store) Counters() Counters { return s.gate.Counters() }

// RoundTrip is what [store.RoundTrip] tells.
func (s *Store) RoundTrip() time.Duration { return s.gate.Counters().RoundTrip }

// Time is that of the store inside.
func (s *Store) Time() (time.Time, bool) { return store.Time(s.Store) }

// call is what a request is called in errors.
type call struct{ op, key string }

// through makes one request in a slot. It adds [store.ErrTransient] to the ways it fails, for a context that ended first.
func through[T any](ctx context.Context, s *Store, c call, payloadBytes int64, f func() (T, error)) (v T, err error) {
	slot, err := s.gate.Admit(ctx)
	if err != nil {
		return v, &store.Error{Op: c.op, Store: s.URL(), Key: c.key, Kind: store.ErrTransient, NotSent: true, Err: err}
	}
	returned := false
	defer func() {
		if !returned { // a panic must not keep the slot from those that recover from it
			s.gate.Abandon(slot)
		}
	}()
	v, err = f()
	returned = true
	s.gate.Release(slot, payloadBytes, err)
	return v, err
}

func through0(ctx context.Context, s *Store, c call, payloadBytes int64, f func() error) error {
	_, err := through(ctx, s, c, payloadBytes, func() (struct{}, error) { return struct{}{}, f() })
	return err
}

// List takes a slot.
func (s *Store) List(ctx context.Context, o store.ListOptions) (store.Page, error) {
	return through(ctx, s, call{"list", o.Prefix}, 0, func() (store.Page, error) { return s.Store.List(ctx, o) })
}

// Head takes a slot.
func (s *Store) Head(ctx context.Context, key string) (store.Object, error) {
	return through(ctx, s, call{"head", key}, 0, func() (store.Object, error) { return s.Store.Head(ctx, key) })
}

// ReadRange takes a slot, unless nothing is to be read.
func (s *Store) ReadRange(ctx context.Context, ref store.Ref, off int64, p []byte) error {
	if len(p) == 0 {
		return s.Store.ReadRange(ctx, ref, off, p)
	}
	return through0(ctx, s, call{"read", ref.Key}, int64(len(p)), func() error { return s.Store.ReadRange(ctx, ref, off, p) })
}

// Put takes a slot.
func (s *Store) Put(ctx context.Context, key string, data []byte, o store.WriteOptions) (store.Object, error) {
	return through(ctx, s, call{"put", key}, int64(len(data)), func() (store.Object, error) { return s.Store.Put(ctx, key, data, o) })
}

// Copy takes a slot. Its bytes do not pass us and are not counted.
func (s *Store) Copy(ctx context.Context, key string, src store.Ref, o store.WriteOptions) (store.Object, error) {
	return through(ctx, s, call{"copy", key}, 0, func() (store.Object, error) { return s.Store.Copy(ctx, key, src, o) })
}

// Delete takes a slot.
func (s *Store) Delete(ctx context.Context, ref store.Ref) error {
	return through0(ctx, s, call{"delete", ref.Key}, 0, func() error { return s.Store.Delete(ctx, ref) })
}

// CreateUpload takes a slot.
func (s *Store) CreateUpload(ctx context.Context, key string, o store.UploadOptions) (store.Upload, error) {
	return through(ctx, s, call{"create-upload", key}, 0, func() (store.Upload, error) { return s.Store.CreateUpload(ctx, key, o) })
}

// UploadPart takes a slot.
func (s *Store) UploadPart(ctx context.Context, u store.Upload, p store.PartInput) (store.Part, error) {
	return through(ctx, s, call{"part", u.Key}, int64(len(p.Data)), func() (store.Part, error) { return s.Store.UploadPart(ctx, u, p) })
}

// CopyPart takes a slot. Its bytes do not pass us and are not counted.
func (s *Store) CopyPart(ctx context.Context, u store.Upload, p store.PartCopy) (store.Part, error) {
	return through(ctx, s, call{"part-copy", u.Key}, 0, func() (store.Part, error) { return s.Store.CopyPart(ctx, u, p) })
}

// ListParts takes a slot.
func (s *Store) ListParts(ctx context.Context, u store.Upload, recorded []store.Part) ([]store.Part, error) {
	return through(ctx, s, call{"list-parts", u.Key}, 0, func() ([]store.Part, error) { return s.Store.ListParts(ctx, u, recorded) })
}

// CompleteUpload takes a slot, however long the service takes to put the object together.
func (s *Store) CompleteUpload(ctx context.Context, u store.Upload, parts []store.Part, o store.CompleteOptions) (store.Object, error) {
	return through(ctx, s, call{"complete", u.Key}, 0, func() (store.Object, error) { return s.Store.CompleteUpload(ctx, u, parts, o) })
}

// AbortUpload takes a slot.
func (s *Store) AbortUpload(ctx context.Context, u store.Upload) error {
	return through0(ctx, s, call{"abort", u.Key}, 0, func() error { return s.Store.AbortUpload(ctx, u) })
}

// ListUploads takes a slot.
func (s *Store) ListUploads(ctx context.Context, prefix string) ([]store.Upload, error) {
	return through(ctx, s, call{"list-uploads", prefix}, 0, func() ([]store.Upload, error) { return s.Store.ListUploads(ctx, prefix) })
}

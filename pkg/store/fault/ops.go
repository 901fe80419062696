package fault

import (
	"bytes"
	"context"

	"github.com/datagravity/datagravity/pkg/store"
)

var _ store.Store = (*Store)(nil)

// do runs a call that returns a value under the faults every call can meet.
func do[T any](ctx context.Context, s *Store, c call, f func() (T, error)) (T, error) {
	return run(ctx, s, c, s.choose(c, Before, After, Throttle, Auth, Latency), f)
}

func run[T any](ctx context.Context, s *Store, c call, hit faults, f func() (T, error)) (T, error) {
	var none T
	if err := s.before(ctx, c, hit); err != nil {
		return none, err
	}
	v, err := f()
	if err := s.after(c, hit, err); err != nil {
		return none, err
	}
	return v, nil
}

func do0(ctx context.Context, s *Store, c call, f func() error) error {
	_, err := do(ctx, s, c, func() (struct{}, error) { return struct{}{}, f() })
	return err
}

// List can also answer with nothing.
func (s *Store) List(ctx context.Context, o store.ListOptions) (store.Page, error) {
	c := call{op: "list", key: o.Prefix, continued: o.Token != ""}
	hit := s.choose(c, Before, After, Throttle, Auth, Latency, ListEmpty)
	return run(ctx, s, c, hit, func() (store.Page, error) {
		if _, ok := hit[ListEmpty]; ok {
			return store.Page{}, nil
		}
		return s.Store.List(ctx, o)
	})
}

// Head has no faults of its own.
func (s *Store) Head(ctx context.Context, key string) (store.Object, error) {
	return do(ctx, s, call{op: "head", key: key}, func() (store.Object, error) { return s.Store.Head(ctx, key) })
}

// ReadRange can end early or come back with a wrong bit.
func (s *Store) ReadRange(ctx context.Context, ref store.Ref, off int64, p []byte) error {
	c := call{op: "read", key: ref.Key}
	hit := s.choose(c, Before, After, Throttle, Auth, Latency, ShortRead, CorruptRead)
	_, err := run(ctx, s, c, hit, func() (struct{}, error) {
		if r, ok := hit[ShortRead]; ok {
			if err := s.Store.ReadRange(ctx, ref, off, p[:min(r.Bytes, len(p))]); err != nil {
				return struct{}{}, err
			}
			return struct{}{}, s.fail(c, r.Rule, store.ErrTransient, nil)
		}
		if err := s.Store.ReadRange(ctx, ref, off, p); err != nil {
			return struct{}{}, err
		}
		if r, ok := hit[CorruptRead]; ok {
			flip(p, r.random)
		}
		return struct{}{}, nil
	})
	return err
}

// Put can send a wrong bit.
func (s *Store) Put(ctx context.Context, key string, data []byte, o store.WriteOptions) (store.Object, error) {
	c := call{op: "put", key: key}
	hit := s.choose(c, Before, After, Throttle, Auth, Latency, CorruptWrite)
	return run(ctx, s, c, hit, func() (store.Object, error) { return s.Store.Put(ctx, key, corrupt(data, hit), o) })
}

// UploadPart can send a wrong bit.
func (s *Store) UploadPart(ctx context.Context, u store.Upload, p store.PartInput) (store.Part, error) {
	c := call{op: "part", key: u.Key}
	hit := s.choose(c, Before, After, Throttle, Auth, Latency, CorruptWrite)
	p.Data = corrupt(p.Data, hit)
	return run(ctx, s, c, hit, func() (store.Part, error) { return s.Store.UploadPart(ctx, u, p) })
}

// CopyPart has no faults of its own.
func (s *Store) CopyPart(ctx context.Context, u store.Upload, p store.PartCopy) (store.Part, error) {
	return do(ctx, s, call{op: "part-copy", key: u.Key}, func() (store.Part, error) { return s.Store.CopyPart(ctx, u, p) })
}

// Copy has no faults of its own.
func (s *Store) Copy(ctx context.Context, key string, src store.Ref, o store.WriteOptions) (store.Object, error) {
	return do(ctx, s, call{op: "copy", key: key}, func() (store.Object, error) { return s.Store.Copy(ctx, key, src, o) })
}

// Delete has no faults of its own.
func (s *Store) Delete(ctx context.Context, ref store.Ref) error {
	return do0(ctx, s, call{op: "delete", key: ref.Key}, func() error { return s.Store.Delete(ctx, ref) })
}

// CreateUpload has no faults of its own.
func (s *Store) CreateUpload(ctx context.Context, key string, o store.UploadOptions) (store.Upload, error) {
	return do(ctx, s, call{op: "create-upload", key: key}, func() (store.Upload, error) { return s.Store.CreateUpload(ctx, key, o) })
}

// ListParts has no faults of its own.
func (s *Store) ListParts(ctx context.Context, u store.Upload, recorded []store.Part) ([]store.Part, error) {
	return do(ctx, s, call{op: "list-parts", key: u.Key}, func() ([]store.Part, error) { return s.Store.ListParts(ctx, u, recorded) })
}

// CompleteUpload has no faults of its own.
func (s *Store) CompleteUpload(ctx context.Context, u store.Upload, parts []store.Part, o store.CompleteOptions) (store.Object, error) {
	return do(ctx, s, call{op: "complete", key: u.Key}, func() (store.Object, error) { return s.Store.CompleteUpload(ctx, u, parts, o) })
}

// AbortUpload has no faults of its own.
func (s *Store) AbortUpload(ctx context.Context, u store.Upload) error {
	return do0(ctx, s, call{op: "abort", key: u.Key}, func() error { return s.Store.AbortUpload(ctx, u) })
}

// ListUploads has no faults of its own.
func (s *Store) ListUploads(ctx context.Context, prefix string) ([]store.Upload, error) {
	return do(ctx, s, call{op: "list-uploads", key: prefix}, func() ([]store.Upload, error) { return s.Store.ListUploads(ctx, prefix) })
}

func corrupt(data []byte, hit faults) []byte {
	r, ok := hit[CorruptWrite]
	if !ok {
		return data
	}
	data = bytes.Clone(data)
	flip(data, r.random)
	return data
}

func flip(p []byte, random uint64) {
	if len(p) > 0 {
		p[random%uint64(len(p))] ^= 1 << (random >> 61)
	}
}

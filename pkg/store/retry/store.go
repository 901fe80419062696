package retry

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/datagravity/datagravity/pkg/store"
)

// Store tries again. It is safe for concurrent use.
type Store struct {
	store.Store
	policy Policy
	count  counters
}

var _ store.Store = (*Store)(nil)

// Wrap returns s with retries. What it returns is a *Store, whose Counters tell how often.
func Wrap(s store.Store, p Policy) store.Store { return &Store{Store: s, policy: p.withDefaults()} }

// RoundTrip is that of the store inside, of one attempt.
func (s *Store) RoundTrip() time.Duration { return store.RoundTrip(s.Store) }

// Time is that of the store inside.
func (s *Store) Time() (time.Time, bool) { return store.Time(s.Store) }

// List tries again. A page that leads to itself is refused: whoever lists would go on for ever, and pay for each page.
func (s *Store) List(ctx context.Context, o store.ListOptions) (store.Page, error) {
	p, err := try(ctx, s, func() (store.Page, error) { return s.Store.List(ctx, o) })
	if err == nil && p.Next != "" && p.Next == o.Token {
		return store.Page{}, &store.Error{
			Op: "list", Store: s.URL(), Key: o.Prefix, Kind: store.ErrPermanent, Err: errors.New("the service says that the listing goes on where it just was; it would have no end"),
		}
	}
	return p, err
}

// Head tries again.
func (s *Store) Head(ctx context.Context, key string) (store.Object, error) {
	return try(ctx, s, func() (store.Object, error) { return s.Store.Head(ctx, key) })
}

// ReadRange tries the whole range again; p may hold anything after a failure.
func (s *Store) ReadRange(ctx context.Context, ref store.Ref, off int64, p []byte) error {
	return try0(ctx, s, func() error { return s.Store.ReadRange(ctx, ref, off, p) })
}

// Put tries again, and recognises its own object after a lost answer.
func (s *Store) Put(ctx context.Context, key string, data []byte, o store.WriteOptions) (store.Object, error) {
	return s.write(ctx, write{
		op: "put", key: key, condition: o.Condition,
		send:     func() (store.Object, error) { return s.Store.Put(ctx, key, data, o) },
		identity: func() (identity, error) { return identityOf(data), nil },
	})
}

// Copy tries again, and recognises its own object after a lost answer by the size and checksums of the source.
func (s *Store) Copy(ctx context.Context, key string, src store.Ref, o store.WriteOptions) (store.Object, error) {
	return s.write(ctx, write{
		op: "copy", key: key, condition: o.Condition,
		send: func() (store.Object, error) { return s.Store.Copy(ctx, key, src, o) },
		identity: func() (identity, error) {
			from, err := s.Store.Head(ctx, src.Key)
			if err != nil {
				return identity{}, fmt.Errorf("looking at the copy's source: %w", err)
			}
			if src.ETag != "" && from.ETag != src.ETag || src.Version != "" && from.Version != src.Version {
				return identity{}, fmt.Errorf("the copy's source %q is no longer %s", src.Key, src.ETag)
			}
			return identity{size: from.Size, checksums: merge(o.Checksums, from.Checksums)}, nil
		},
	})
}

// Delete tries again: removing what is absent is no error.
func (s *Store) Delete(ctx context.Context, ref store.Ref) error {
	return try0(ctx, s, func() error { return s.Store.Delete(ctx, ref) })
}

// CreateUpload tries again.
func (s *Store) CreateUpload(ctx context.Context, key string, o store.UploadOptions) (store.Upload, error) {
	return try(ctx, s, func() (store.Upload, error) { return s.Store.CreateUpload(ctx, key, o) })
}

// UploadPart tries again: the same number replaces the part.
func (s *Store) UploadPart(ctx context.Context, u store.Upload, p store.PartInput) (store.Part, error) {
	return try(ctx, s, func() (store.Part, error) { return s.Store.UploadPart(ctx, u, p) })
}

// CopyPart tries again: the same number replaces the part.
func (s *Store) CopyPart(ctx context.Context, u store.Upload, p store.PartCopy) (store.Part, error) {
	return try(ctx, s, func() (store.Part, error) { return s.Store.CopyPart(ctx, u, p) })
}

// ListParts tries again.
func (s *Store) ListParts(ctx context.Context, u store.Upload, recorded []store.Part) ([]store.Part, error) {
	return try(ctx, s, func() ([]store.Part, error) { return s.Store.ListParts(ctx, u, recorded) })
}

// CompleteUpload tries again, and recognises its own object after a lost answer.
func (s *Store) CompleteUpload(ctx context.Context, u store.Upload, parts []store.Part, o store.CompleteOptions) (store.Object, error) {
	return s.write(ctx, write{
		op: "complete", key: u.Key, condition: o.Condition,
		send:     func() (store.Object, error) { return s.Store.CompleteUpload(ctx, u, parts, o) },
		identity: func() (identity, error) { return identity{size: o.Size, checksums: o.Checksums}, nil },
		// Nobody saw how far the attempt came that made the object, nor that it was one of this upload.
		recovered: o.Left,
	})
}

// AbortUpload tries again: aborting one that is gone is no error.
func (s *Store) AbortUpload(ctx context.Context, u store.Upload) error {
	return try0(ctx, s, func() error { return s.Store.AbortUpload(ctx, u) })
}

// ListUploads tries again.
func (s *Store) ListUploads(ctx context.Context, prefix string) ([]store.Upload, error) {
	return try(ctx, s, func() ([]store.Upload, error) { return s.Store.ListUploads(ctx, prefix) })
}

// merge prefers what the caller demanded.
func merge(a, b store.Checksums) store.Checksums {
	if a.CRC64NVME == "" {
		a.CRC64NVME = b.CRC64NVME
	}
	if a.CRC32C == "" {
		a.CRC32C = b.CRC32C
	}
	if a.MD5 == "" {
		a.MD5 = b.MD5
	}
	return a
}

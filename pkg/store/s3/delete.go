package s3

import (
	"context"
	"errors"

	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/datagravity/datagravity/pkg/store"
)

// Delete removes the object, or hides it behind a delete marker in a bucket with versioning (see the package comment).
func (s *Store) Delete(ctx context.Context, ref store.Ref) error {
	if err := s.checkKey("delete", ref.Key); err != nil {
		return err
	}
	in := &awss3.DeleteObjectInput{Bucket: &s.bucket, Key: &ref.Key}
	if ref.ETag != "" {
		in.IfMatch = toETag(ref.ETag)
		if !s.amazon {
			// Servers exist that ignore the condition: this narrows the gap that they leave.
			h, err := s.head(ctx, store.Ref{Key: ref.Key})
			switch {
			case err != nil && classify("delete", err).Kind == store.ErrNotFound:
				return nil
			case err != nil:
				return s.fail("delete", ref.Key, err)
			case h.ETag != ref.ETag:
				return s.refuse("delete", ref.Key, store.ErrConflict, "it was %s and is %s now", ref.ETag, h.ETag)
			}
		}
	}
	_, err := s.client.DeleteObject(ctx, in)
	e := s.fail("delete", ref.Key, err)
	// A missing bucket is an error, a missing key is what was wanted.
	if errors.Is(e, store.ErrNotFound) && answered(e).Code != "NoSuchBucket" {
		return nil
	}
	return e
}

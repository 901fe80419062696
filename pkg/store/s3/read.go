package s3

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/datagravity/datagravity/pkg/store"
)

// Head returns the object with the full-object checksums that the service keeps, and its MD5 where the ETag is one.
func (s *Store) Head(ctx context.Context, key string) (store.Object, error) {
	if err := s.checkKey("head", key); err != nil {
		return store.Object{}, err
	}
	o, err := s.head(ctx, store.Ref{Key: key})
	return o.Object, s.fail("head", key, err)
}

// headed is an object with what the store's own steps need beside it.
type headed struct {
	store.Object
	composite string // checksum of checksums, "" where there is none
}

func (s *Store) head(ctx context.Context, ref store.Ref) (headed, error) {
	in := &awss3.HeadObjectInput{Bucket: &s.bucket, Key: &ref.Key, ChecksumMode: types.ChecksumModeEnabled, VersionId: optional(ref.Version)}
	if ref.ETag != "" {
		in.IfMatch = toETag(ref.ETag)
	}
	out, err := s.client.HeadObject(ctx, in)
	if err != nil {
		return headed{}, s.explainHead(ctx, ref, err)
	}
	o := headed{Object: store.Object{
		Key:             ref.Key,
		Size:            aws.ToInt64(out.ContentLength),
		ETag:            fromETag(out.ETag),
		Version:         fromVersion(out.VersionId),
		Modified:        aws.ToTime(out.LastModified),
		Checksums:       fullObject(out.ChecksumType, out.ChecksumCRC64NVME, out.ChecksumCRC32C),
		ContentType:     aws.ToString(out.ContentType),
		ContentEncoding: aws.ToString(out.ContentEncoding),
		StorageClass:    string(out.StorageClass),
	}}
	o.Checksums.MD5 = md5OfETag(o.ETag, out.ServerSideEncryption, out.SSECustomerAlgorithm)
	if v := aws.ToString(out.ChecksumCRC32C); strings.Contains(v, "-") {
		o.composite = v
	}
	if ref.ETag != "" && o.ETag != ref.ETag {
		return headed{}, changed(ref, o.ETag)
	}
	return o, nil
}

// explainHead finds out what a refused HEAD meant: its answer has no body, and so no code. An expired session is a plain
// 400 there, a wrong secret a plain 403. A GET of one byte is refused for the same reason, and says it.
func (s *Store) explainHead(ctx context.Context, ref store.Ref, err error) error {
	if r := answered(classify("head", err)); r.Status != http.StatusBadRequest && r.Status != http.StatusForbidden {
		return err
	}
	out, because := s.client.GetObject(ctx, &awss3.GetObjectInput{Bucket: &s.bucket, Key: &ref.Key, Range: aws.String("bytes=0-0")})
	if because == nil {
		_ = out.Body.Close()
		return err
	}
	if r := answered(classify("head", because)); r.Code == "" || r.Code == "InvalidRange" {
		return err
	}
	return because
}

// changed is the error of a pinned read for servers that ignore the condition.
func changed(ref store.Ref, etag string) error {
	return &store.Error{Kind: store.ErrChanged, Err: fmt.Errorf("it was %s and is %s now", ref.ETag, etag)}
}

// ReadRange reads straight into p. The response's own checksum is not asked for: it covers whole objects or parts, and
// the engine hashes what it reads.
func (s *Store) ReadRange(ctx context.Context, ref store.Ref, off int64, p []byte) error {
	if err := s.checkKey("read", ref.Key); err != nil {
		return err
	}
	if len(p) == 0 {
		return nil
	}
	if off < 0 {
		return s.refuse("read", ref.Key, store.ErrPermanent, "offset %d is negative", off)
	}
	return s.fail("read", ref.Key, s.readRange(ctx, ref, off, p))
}

func (s *Store) readRange(ctx context.Context, ref store.Ref, off int64, p []byte) error {
	in := &awss3.GetObjectInput{
		Bucket:    &s.bucket,
		Key:       &ref.Key,
		Range:     aws.String(fmt.Sprintf("bytes=%d-%d", off, off+int64(len(p))-1)),
		VersionId: optional(ref.Version),
	}
	if ref.ETag != "" {
		in.IfMatch = toETag(ref.ETag)
	}
	out, err := s.client.GetObject(ctx, in)
	if err != nil {
		return err
	}
	defer func() { _ = out.Body.Close() }() // what was read is checked by its length
	if etag := fromETag(out.ETag); ref.ETag != "" && etag != ref.ETag {
		return changed(ref, etag)
	}
	// A 206 names its range; a 200 is the whole object, from a server that ignores ranges or for a range that is all of it.
	start := int64(0)
	if r := aws.ToString(out.ContentRange); r != "" {
		if _, err := fmt.Sscanf(r, "bytes %d-", &start); err != nil {
			return &store.Error{Kind: store.ErrIntegrity, Err: fmt.Errorf("the answer's Content-Range %q cannot be read", r)}
		}
	}
	if got := aws.ToInt64(out.ContentLength); start != off || got != int64(len(p)) {
		return &store.Error{Kind: store.ErrPermanent, Err: fmt.Errorf(
			"asked for %d bytes from %d, the answer has %d from %d: the object is shorter, or the server ignores ranges", len(p), off, got, start)}
	}
	n, err := io.ReadFull(out.Body, p)
	if err != nil {
		return fmt.Errorf("the body ended after %d of %d bytes: %w", n, len(p), err)
	}
	return nil
}

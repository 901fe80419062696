package s3

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"golang.org/x/sync/errgroup"

	"github.com/datagravity/datagravity/pkg/store"
)

// copyParallel parts are copied at a time; the service does the work, so this only hides its latency.
const copyParallel = 8

// cleanUpTime is how long what an abandoned copy left may take to be removed, whatever became of its context.
const cleanUpTime = 30 * time.Second

// Copy copies within the bucket: up to 5 GiB by CopyObject, above that in parts. The source is pinned in every request.
//
// Servers other than AWS (versitygw 1.8.0) let CopyObject go over an object although its condition does not hold, but keep
// to that of CompleteMultipartUpload. A conditional copy there is an upload of one copied part.
func (s *Store) Copy(ctx context.Context, key string, src store.Ref, o store.WriteOptions) (store.Object, error) {
	const op = "copy"
	if err := s.checkWrite(op, key, o.Condition); err != nil {
		return store.Object{}, err
	}
	if err := s.checkKey(op, src.Key); err != nil {
		return store.Object{}, err
	}
	source, err := s.head(ctx, src)
	if err != nil {
		return store.Object{}, s.failSource(src, err)
	}
	src.ETag = source.ETag // what is copied is what was looked at
	want := source.Checksums
	if !o.Checksums.IsZero() {
		if want.Compare(o.Checksums) == store.Different {
			return store.Object{}, s.refuse(op, src.Key, store.ErrIntegrity, "the source's checksum is not the one that the copy must have")
		}
		want = o.Checksums
	}
	if !s.amazon {
		// Known before anything is copied, and all there is for an empty object, which cannot be a copied part.
		if err := s.checkCondition(ctx, key, o.Condition); err != nil {
			return store.Object{}, s.fail(op, key, err)
		}
	}
	if o.ContentType == "" {
		o.ContentType = source.ContentType
	}
	if o.ContentEncoding == "" {
		o.ContentEncoding = source.ContentEncoding
	}
	w := &written{mode: byCRC64NVME, size: source.Size, checksums: want}
	var etag string
	if source.Size <= s.copyMaxBytes && (s.amazon || !isConditional(o.Condition) || source.Size == 0) {
		etag, err = s.copyWhole(ctx, key, src, source.Object, o)
	} else {
		etag, err = s.copyParts(ctx, key, src, source.Object, o)
	}
	if err == nil {
		return s.verify(ctx, op, store.Ref{Key: key, ETag: etag}, w)
	}
	if outcomeUnknown(ctx, classify(op, err)) {
		return s.lookAgain(ctx, op, key, err, o.Condition, w.is)
	}
	return store.Object{}, s.failCopy(ctx, key, src, o.Condition, err)
}

func (s *Store) copyWhole(ctx context.Context, key string, src store.Ref, source store.Object, o store.WriteOptions) (etag string, err error) {
	in := &awss3.CopyObjectInput{
		Bucket:            &s.bucket,
		Key:               &key,
		CopySource:        aws.String(s.copySource(src)),
		CopySourceIfMatch: toETag(src.ETag),
		StorageClass:      types.StorageClass(o.StorageClass),
		MetadataDirective: types.MetadataDirectiveCopy,
	}
	if o.ContentType != source.ContentType || o.ContentEncoding != source.ContentEncoding {
		in.MetadataDirective = types.MetadataDirectiveReplace
		in.ContentType, in.ContentEncoding = optional(o.ContentType), optional(o.ContentEncoding)
	}
	if s.amazon {
		in.ChecksumAlgorithm = types.ChecksumAlgorithmCrc64nvme
	}
	in.ServerSideEncryption, in.SSEKMSKeyId = s.encryption.apply(o.Properties)
	in.IfMatch, in.IfNoneMatch = conditions(o.Condition)
	out, err := s.client.CopyObject(ctx, in)
	if err != nil {
		return "", err
	}
	if out.CopyObjectResult == nil || out.CopyObjectResult.ETag == nil {
		return "", &store.Error{Kind: store.ErrTransient, Err: fmt.Errorf("the answer names no object")}
	}
	return fromETag(out.CopyObjectResult.ETag), nil
}

// copyParts asks for a full-object checksum on AWS, and elsewhere only for a source that has one and is copied as one
// part: versitygw 1.8.0 reports the whole source's CRC64NVME for a range of it, and then refuses to complete an upload that
// has such a part.
func (s *Store) copyParts(ctx context.Context, key string, src store.Ref, source store.Object, o store.WriteOptions) (etag string, err error) {
	size := source.Size
	partBytes := max(s.copyPartBytes, (size+partsMax-1)/partsMax)
	if size <= s.copyMaxBytes {
		partBytes = size
	}
	parts := make([]store.Part, (size+partBytes-1)/partBytes)
	m := byMD5 // no algorithm
	if s.amazon || (len(parts) == 1 && source.Checksums.CRC64NVME != "") {
		m = byCRC64NVME
	}
	u, err := s.createUpload(ctx, m, key, o.Properties)
	if err != nil {
		return "", err
	}
	defer func() {
		if err != nil {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUpTime)
			defer cancel()
			_ = s.AbortUpload(ctx, u) // what is left is found by ListUploads
		}
	}()
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(copyParallel)
	for i := range parts {
		off := int64(i) * partBytes
		parts[i] = store.Part{Number: i + 1, Offset: off, Size: min(partBytes, size-off)}
		from := sourceRange{parts[i].Offset, parts[i].Size}
		if len(parts) == 1 {
			from = sourceRange{} // all of it
		}
		group.Go(func() error { return s.copyPart(groupCtx, u, src, &parts[i], from, m) })
	}
	if err := group.Wait(); err != nil {
		return "", err
	}
	return s.complete(ctx, m, u, parts, store.CompleteOptions{Condition: o.Condition, Size: size, Checksums: o.Checksums})
}

// copyPart fills in what the service tells of the part; without a range it is the whole source.
func (s *Store) copyPart(ctx context.Context, u store.Upload, src store.Ref, p *store.Part, from sourceRange, m mode) error {
	in := &awss3.UploadPartCopyInput{
		Bucket:            &s.bucket,
		Key:               &u.Key,
		UploadId:          &u.ID,
		PartNumber:        aws.Int32(int32(p.Number)),
		CopySource:        aws.String(s.copySource(src)),
		CopySourceIfMatch: toETag(src.ETag),
	}
	if from.size > 0 {
		in.CopySourceRange = aws.String(fmt.Sprintf("bytes=%d-%d", from.offset, from.offset+from.size-1))
	}
	out, err := s.client.UploadPartCopy(ctx, in)
	if err != nil {
		return err
	}
	if out.CopyPartResult == nil || out.CopyPartResult.ETag == nil {
		return &store.Error{Kind: store.ErrTransient, Err: fmt.Errorf("the answer names no part")}
	}
	p.ETag = fromETag(out.CopyPartResult.ETag)
	if m == byCRC64NVME {
		p.CRC64NVME = hexOf(out.CopyPartResult.ChecksumCRC64NVME, 8)
	}
	return nil
}

// copySource is the header's value: every byte escaped but for unreserved ones (RFC 3986) and slashes.
func (s *Store) copySource(src store.Ref) string {
	var b strings.Builder
	for _, c := range []byte(s.bucket + "/" + src.Key) {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~/", c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	if src.Version != "" {
		b.WriteString("?versionId=" + src.Version)
	}
	return b.String()
}

// checkCondition asks before a write whether its condition holds.
func (s *Store) checkCondition(ctx context.Context, key string, c store.Condition) error {
	if !isConditional(c) {
		return nil
	}
	h, err := s.head(ctx, store.Ref{Key: key})
	switch {
	case err == nil && (c.IsAbsent() || h.ETag != c.ETag()):
		return &store.Error{Kind: store.ErrConflict, Err: fmt.Errorf("the key holds %s", h.ETag)}
	case err != nil && classify("copy", err).Kind != store.ErrNotFound:
		return err
	case err != nil && c.ETag() != "":
		return &store.Error{Kind: store.ErrConflict, Err: fmt.Errorf("the key holds nothing")}
	}
	return nil
}

// failSource: a refused condition of the source is a change of it, not a conflict at the destination.
func (s *Store) failSource(src store.Ref, err error) error {
	e := classify("head", err)
	e.Op, e.Store, e.Key = "copy", s.url, src.Key
	return e
}

// failCopy tells which of the two conditions was refused, as both are answered alike, by looking at the source.
func (s *Store) failCopy(ctx context.Context, key string, src store.Ref, c store.Condition, err error) error {
	e := classify("copy", err)
	if r := answered(e); r.Status == http.StatusPreconditionFailed || r.Status == http.StatusNotFound {
		if _, err := s.head(ctx, src); err != nil {
			return s.failSource(src, err)
		}
	}
	return s.failWrite("copy", key, c, err)
}

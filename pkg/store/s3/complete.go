package s3

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/datagravity/datagravity/pkg/store"
)

// CompleteUpload makes the object and looks at it: the size and every checksum that the service keeps must be those of o,
// and where it keeps no full-object checksum, the composite one must be that of the parts.
//
// Outside AWS an object with copied parts was made without a checksum algorithm, and servers are known to tell a wrong checksum of a
// copied range. There the ETag alone decides whether the object is the parts that were named, and a checksum is passed on
// only if it is the one that the caller wants: the server was never told that one, so it has not merely repeated it.
func (s *Store) CompleteUpload(ctx context.Context, u store.Upload, parts []store.Part, o store.CompleteOptions) (store.Object, error) {
	made, err := s.completeUpload(ctx, u, parts, o)
	if s.unproven(u) && made.Checksums.Compare(o.Checksums) != store.Equal {
		made.Checksums = store.Checksums{}
	}
	return made, err
}

func (s *Store) completeUpload(ctx context.Context, u store.Upload, parts []store.Part, o store.CompleteOptions) (store.Object, error) {
	const op = "complete"
	if err := s.checkWrite(op, u.Key, o.Condition); err != nil {
		return store.Object{}, err
	}
	if err := covers(parts, o.Size); err != nil {
		return store.Object{}, s.refuse(op, u.Key, store.ErrIntegrity, "%w", err)
	}
	if len(parts) == 0 {
		// S3 completes nothing without a part; an empty one makes an empty object.
		empty, err := s.UploadPart(ctx, u, store.PartInput{Number: 1})
		if err != nil {
			return store.Object{}, err
		}
		parts = []store.Part{empty}
	}
	w := &written{mode: s.modeOf(u), size: o.Size, checksums: o.Checksums, parts: parts, byETag: s.unproven(u)}
	etag, err := s.complete(ctx, w.mode, u, parts, o)
	if err == nil {
		return s.verify(ctx, op, store.Ref{Key: u.Key, ETag: etag}, w)
	}
	e := classify(op, err)
	if gone := answered(e).Code == "NoSuchUpload" || (e.Kind == store.ErrConflict && s.isGone(ctx, u)); gone {
		return s.standing(ctx, u, err, o.Condition, w)
	}
	if outcomeUnknown(ctx, e) {
		return s.lookAgain(ctx, op, u.Key, err, o.Condition, w.is)
	}
	return store.Object{}, s.failWrite(op, u.Key, o.Condition, err)
}

func (s *Store) complete(ctx context.Context, m mode, u store.Upload, parts []store.Part, o store.CompleteOptions) (etag string, err error) {
	in := &awss3.CompleteMultipartUploadInput{
		Bucket:          &s.bucket,
		Key:             &u.Key,
		UploadId:        &u.ID,
		MpuObjectSize:   &o.Size,
		MultipartUpload: &types.CompletedMultipartUpload{Parts: make([]types.CompletedPart, len(parts))},
	}
	in.IfMatch, in.IfNoneMatch = conditions(o.Condition)
	if m == byCRC64NVME {
		in.ChecksumType = types.ChecksumTypeFullObject
		if _, err := store.ParseHex64(o.Checksums.CRC64NVME); err == nil {
			in.ChecksumCRC64NVME = base64Of(o.Checksums.CRC64NVME)
		}
	}
	for i, p := range parts {
		part := types.CompletedPart{PartNumber: aws.Int32(int32(p.Number)), ETag: toETag(p.ETag)}
		switch {
		case m == byCRC64NVME && p.CRC64NVME != "":
			part.ChecksumCRC64NVME = base64Of(p.CRC64NVME)
		case m == byCRC32C && p.CRC32C != "":
			part.ChecksumCRC32C = base64Of(p.CRC32C)
		}
		in.MultipartUpload.Parts[i] = part
	}
	out, err := s.client.CompleteMultipartUpload(ctx, in)
	if err != nil {
		return "", err
	}
	if out.ETag == nil {
		// S3 sends the headers of a 200 at once and its verdict when it is done; an answer without one is no answer.
		return "", &store.Error{Kind: store.ErrTransient, Err: errors.New("the answer names no object")}
	}
	return fromETag(out.ETag), nil
}

// covers tells whether the parts are size bytes from 0 without a gap, as far as their offsets are known.
func covers(parts []store.Part, size int64) error {
	var at int64
	for i, p := range parts {
		if i > 0 && p.Number <= parts[i-1].Number {
			return fmt.Errorf("part %d follows part %d", p.Number, parts[i-1].Number)
		}
		if p.Offset >= 0 && p.Offset != at {
			return fmt.Errorf("part %d starts at %d, the parts before it end at %d", p.Number, p.Offset, at)
		}
		at += p.Size
	}
	if at != size {
		return fmt.Errorf("the parts have %d bytes, the object %d", at, size)
	}
	return nil
}

// written is what a finished upload is recognised by.
type written struct {
	mode      mode
	size      int64
	checksums store.Checksums
	parts     []store.Part
	byETag    bool // what the service tells of the whole is no evidence against it
}

// is tells whether an object is provably the one that was written.
func (w *written) is(h headed) bool { return h.Size == w.size && w.compare(h) == store.Equal }

// compare looks at full-object checksums first; only where the service keeps none do those of the parts decide.
func (w *written) compare(h headed) store.Verdict {
	if v := h.Checksums.Compare(w.checksums); v != store.Unknown && !w.byETag {
		return v
	}
	var have, want string
	switch {
	case w.byETag:
		have, want = h.ETag, composite(byMD5, w.parts)
	case h.composite != "":
		have, want = h.composite, composite(byCRC32C, w.parts)
	case w.mode == byMD5:
		have, want = h.ETag, composite(byMD5, w.parts)
	}
	switch {
	case have == "" || want == "":
		return store.Unknown
	case have == want:
		return store.Equal
	default:
		return store.Different
	}
}

// verify looks at what was just made. The write is known to have happened, so an object of another ETag has replaced it
// since. Unknown is returned as it is: the object then has no checksums, and its caller treats it as unproven.
func (s *Store) verify(ctx context.Context, op string, ref store.Ref, w *written) (store.Object, error) {
	h, err := s.head(ctx, ref)
	switch {
	case err != nil && (classify("head", err).Kind == store.ErrChanged || classify("head", err).Kind == store.ErrNotFound):
		return store.Object{}, s.refuse(op, ref.Key, store.ErrConflict, "somebody replaced the object right after it was made")
	case err != nil:
		return store.Object{}, s.fail(op, ref.Key, err)
	case h.Size != w.size:
		return store.Object{}, s.refuse(op, ref.Key, store.ErrIntegrity, "the finished object has %d bytes in place of %d", h.Size, w.size)
	case w.compare(h) == store.Different:
		return store.Object{}, s.refuse(op, ref.Key, store.ErrIntegrity, "the finished object's checksum is not that of what was sent")
	}
	return h.Object, nil
}

// isGone tells whether the upload is no longer in progress. After a refused condition that means that an earlier attempt,
// whose answer was lost, has completed it: what stands in the way may be our own object.
func (s *Store) isGone(ctx context.Context, u store.Upload) bool {
	_, err := s.client.ListParts(ctx, &awss3.ListPartsInput{Bucket: &s.bucket, Key: &u.Key, UploadId: &u.ID, MaxParts: aws.Int32(1)})
	return err != nil && classify("list-parts", err).Kind == store.ErrNotFound
}

// standing answers for an upload that is gone: the object as described is success, another object a conflict where the
// condition forbids it, and otherwise the upload was aborted, which is what the service said.
func (s *Store) standing(ctx context.Context, u store.Upload, refused error, c store.Condition, w *written) (store.Object, error) {
	h, err := s.head(ctx, store.Ref{Key: u.Key})
	switch {
	case err == nil && w.is(h):
		return h.Object, nil
	case err == nil && (c.IsAbsent() || (c.ETag() != "" && h.ETag != c.ETag())):
		return store.Object{}, s.refuse("complete", u.Key, store.ErrConflict, "the upload is gone, and the key holds another object (%s)", h.ETag)
	case err != nil && classify("head", err).Kind != store.ErrNotFound:
		return store.Object{}, s.fail("complete", u.Key, err)
	}
	return store.Object{}, s.fail("complete", u.Key, refused)
}

package s3

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/datagravity/datagravity/pkg/store"
)

// CopyPart is UploadPartCopy with the source pinned by copy-source-if-match. On AWS the part has the CRC64NVME that the service
// computed, and the finished object a full one. Elsewhere uploads with copied parts go without a checksum algorithm:
// versitygw 1.8.0 tells the whole source's CRC64NVME for a range of it, and then refuses to complete the upload. Sent parts of
// such an upload carry a Content-MD5, and the finished object has no checksum that proves it.
func (s *Store) CopyPart(ctx context.Context, u store.Upload, p store.PartCopy) (store.Part, error) {
	const op = "part-copy"
	if err := s.checkKey(op, u.Key); err != nil {
		return store.Part{}, err
	}
	if err := s.checkKey(op, p.Source.Key); err != nil {
		return store.Part{}, err
	}
	switch {
	case p.Number < 1 || p.Number > partsMax || p.Size < 1 || p.Size > partMaxBytes:
		return store.Part{}, s.refuse(op, u.Key, store.ErrPermanent, "part %d of %d bytes: want a number of 1 to %d and 1 to %d bytes",
			p.Number, p.Size, partsMax, partMaxBytes)
	case p.Source.ETag == "":
		return store.Part{}, s.refuse(op, u.Key, store.ErrPermanent, "the source %q is not pinned", p.Source.Key)
	case !u.CopiesParts:
		return store.Part{}, s.refuse(op, u.Key, store.ErrPermanent, "the upload was not created for copied parts")
	}
	part := store.Part{Number: p.Number, Offset: p.Offset, Size: p.Size}
	err := s.copyPart(ctx, u, p.Source, &part, sourceRange{p.SourceOffset, p.Size}, s.modeOf(u))
	if err != nil && isTooSmall(err) {
		err = s.copySmall(ctx, u, p, &part)
	}
	if err == nil {
		return part, nil
	}
	e := s.fail(op, u.Key, err)
	switch r := answered(e); {
	case r.Status == http.StatusPreconditionFailed:
		return store.Part{}, s.refuse(op, u.Key, store.ErrChanged, "the source %q is no longer %s", p.Source.Key, p.Source.ETag)
	case r.Status == http.StatusNotFound && r.Code != "NoSuchUpload":
		return store.Part{}, s.refuse(op, u.Key, store.ErrNotFound, "the source %q is gone", p.Source.Key)
	}
	return store.Part{}, e
}

// isTooSmall: S3 copies ranges only of objects of more than 5 MB (API reference, UploadPartCopy, "x-amz-copy-source-range").
func isTooSmall(err error) bool {
	r := answered(classify("part-copy", err))
	return r.Code == "InvalidRequest" && strings.Contains(r.Message, "byte-range copy source")
}

// copySmall copies a source of which the service copies no range, if the range is all of it.
func (s *Store) copySmall(ctx context.Context, u store.Upload, p store.PartCopy, part *store.Part) error {
	source, err := s.head(ctx, p.Source)
	switch {
	case err != nil:
		return err
	case p.SourceOffset != 0 || p.Size != source.Size:
		return &store.Error{Kind: store.ErrUnsupported, Err: fmt.Errorf("the service copies no range of an object as small as %q (%d bytes): send the bytes",
			p.Source.Key, source.Size)}
	}
	return s.copyPart(ctx, u, p.Source, part, sourceRange{}, s.modeOf(u))
}

// unproven tells that an upload goes without a checksum algorithm because of its copied parts.
func (s *Store) unproven(u store.Upload) bool { return u.CopiesParts && !s.amazon }

// modeOf is the checksum that the parts of an upload go with.
func (s *Store) modeOf(u store.Upload) mode {
	if s.unproven(u) {
		return byMD5
	}
	return s.mode()
}

// negotiateFor is negotiate where the upload leaves a choice.
func (s *Store) negotiateFor(u store.Upload, f func(mode) error) error {
	if s.unproven(u) {
		return f(byMD5)
	}
	return s.negotiate(f)
}

// sourceRange is a range of a copy's source.
type sourceRange struct{ offset, size int64 }

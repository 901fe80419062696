package s3

import (
	"bytes"
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/datagravity/datagravity/pkg/store"
)

// CreateUpload starts a multipart upload with the checksum in use.
func (s *Store) CreateUpload(ctx context.Context, key string, o store.UploadOptions) (store.Upload, error) {
	if err := s.checkKey("create-upload", key); err != nil {
		return store.Upload{}, err
	}
	if limit := s.capabilities.Parts.MaxObjectBytes; o.Size > limit {
		return store.Upload{}, s.refuse("create-upload", key, store.ErrPermanent, "%d bytes are more than an object can have here (%d)", o.Size, limit)
	}
	var u store.Upload
	err := s.negotiateFor(store.Upload{CopiesParts: o.CopiesParts}, func(m mode) error {
		var err error
		u, err = s.createUpload(ctx, m, key, o.Properties)
		u.CopiesParts = o.CopiesParts
		return err
	})
	return u, s.fail("create-upload", key, err)
}

func (s *Store) createUpload(ctx context.Context, m mode, key string, p store.Properties) (store.Upload, error) {
	in := &awss3.CreateMultipartUploadInput{
		Bucket:          &s.bucket,
		Key:             &key,
		ContentType:     optional(p.ContentType),
		ContentEncoding: optional(p.ContentEncoding),
		StorageClass:    types.StorageClass(p.StorageClass),
	}
	in.ChecksumAlgorithm, in.ChecksumType = m.algorithm()
	in.ServerSideEncryption, in.SSEKMSKeyId = s.encryption.apply(p)
	out, err := s.client.CreateMultipartUpload(ctx, in)
	if err != nil {
		return store.Upload{}, err
	}
	u := store.Upload{Key: key, ID: aws.ToString(out.UploadId), Created: time.Now().UTC(), Properties: p}
	heard := m == byMD5 || out.ChecksumAlgorithm == in.ChecksumAlgorithm && (m != byCRC64NVME || out.ChecksumType == in.ChecksumType)
	if !heard && !s.amazon && !s.integrity.confirmed.Load() {
		if err := s.AbortUpload(ctx, u); err != nil {
			return store.Upload{}, err
		}
		return store.Upload{}, errNoEcho
	}
	return u, nil
}

// UploadPart sends one part with the checksum that its caller computed.
func (s *Store) UploadPart(ctx context.Context, u store.Upload, p store.PartInput) (store.Part, error) {
	if err := s.checkKey("part", u.Key); err != nil {
		return store.Part{}, err
	}
	if p.Number < 1 || p.Number > partsMax || int64(len(p.Data)) > partMaxBytes {
		return store.Part{}, s.refuse("part", u.Key, store.ErrPermanent, "part %d of %d bytes: want a number of 1 to %d and at most %d bytes",
			p.Number, len(p.Data), partsMax, partMaxBytes)
	}
	part := store.Part{
		Number: p.Number, Offset: p.Offset, Size: int64(len(p.Data)),
		CRC64NVME: store.Hex64(p.CRC64NVME), CRC32C: store.Hex32(p.CRC32C),
	}
	err := s.negotiateFor(u, func(m mode) error {
		sums, err := sumsOf(m, p.Data, store.Checksums{CRC64NVME: part.CRC64NVME, CRC32C: part.CRC32C})
		if err != nil {
			return err
		}
		out, err := s.client.UploadPart(ctx, &awss3.UploadPartInput{
			Bucket:            &s.bucket,
			Key:               &u.Key,
			UploadId:          &u.ID,
			PartNumber:        aws.Int32(int32(p.Number)),
			Body:              bytes.NewReader(p.Data),
			ChecksumCRC64NVME: sums.crc64nvme,
			ChecksumCRC32C:    sums.crc32c,
			ContentMD5:        sums.md5,
		}, unsigned)
		if err != nil {
			return err
		}
		part.ETag = fromETag(out.ETag)
		heard := m == byMD5 || out.ChecksumCRC64NVME != nil || out.ChecksumCRC32C != nil
		if !heard && !s.amazon && !s.integrity.confirmed.Load() {
			return errNoEcho // the next mode sends the part again, which replaces it
		}
		if v := hexOf(out.ChecksumCRC64NVME, 8); v != "" && v != part.CRC64NVME {
			return &store.Error{Kind: store.ErrIntegrity, Err: errors.New("the service's CRC64NVME of the part is not the one that was sent")}
		}
		return nil
	})
	if err != nil {
		return store.Part{}, s.fail("part", u.Key, err)
	}
	return part, nil
}

// ListParts returns the parts that the service holds. It does not tell their offsets, so those come from the recorded part
// of the same number and ETag, and are -1 without one.
func (s *Store) ListParts(ctx context.Context, u store.Upload, recorded []store.Part) ([]store.Part, error) {
	if err := s.checkKey("list-parts", u.Key); err != nil {
		return nil, err
	}
	known := make(map[int]store.Part, len(recorded))
	for _, p := range recorded {
		known[p.Number] = p
	}
	var parts []store.Part
	var marker *string
	for {
		out, err := s.client.ListParts(ctx, &awss3.ListPartsInput{Bucket: &s.bucket, Key: &u.Key, UploadId: &u.ID, PartNumberMarker: marker})
		if err != nil {
			return nil, s.fail("list-parts", u.Key, err)
		}
		for _, p := range out.Parts {
			part := store.Part{
				Number:    int(aws.ToInt32(p.PartNumber)),
				Offset:    -1,
				Size:      aws.ToInt64(p.Size),
				ETag:      fromETag(p.ETag),
				CRC64NVME: hexOf(p.ChecksumCRC64NVME, 8),
				CRC32C:    hexOf(p.ChecksumCRC32C, 4),
			}
			if r, ok := known[part.Number]; ok && r.ETag == part.ETag && r.Size == part.Size {
				part.Offset = r.Offset
			}
			parts = append(parts, part)
		}
		next := aws.ToString(out.NextPartNumberMarker)
		if !aws.ToBool(out.IsTruncated) || next == "" || next == aws.ToString(marker) {
			return parts, nil
		}
		marker = &next
	}
}

// AbortUpload frees the parts. One that is gone already is no error.
func (s *Store) AbortUpload(ctx context.Context, u store.Upload) error {
	if err := s.checkKey("abort", u.Key); err != nil {
		return err
	}
	_, err := s.client.AbortMultipartUpload(ctx, &awss3.AbortMultipartUploadInput{Bucket: &s.bucket, Key: &u.Key, UploadId: &u.ID})
	e := s.fail("abort", u.Key, err)
	if errors.Is(e, store.ErrNotFound) && answered(e).Code != "NoSuchBucket" {
		return nil
	}
	return e
}

// ListUploads returns every unfinished upload below prefix. S3 keeps nothing by which those of others could be told apart.
func (s *Store) ListUploads(ctx context.Context, prefix string) ([]store.Upload, error) {
	in := &awss3.ListMultipartUploadsInput{Bucket: &s.bucket, Prefix: optional(prefix), EncodingType: types.EncodingTypeUrl}
	var uploads []store.Upload
	for {
		out, err := s.client.ListMultipartUploads(ctx, in)
		if err != nil {
			return nil, s.fail("list-uploads", prefix, err)
		}
		for _, v := range out.Uploads {
			key, err := decode(out.EncodingType, aws.ToString(v.Key))
			if err != nil {
				return nil, s.refuse("list-uploads", prefix, store.ErrPermanent, "%w", err)
			}
			uploads = append(uploads, store.Upload{
				Key: key, ID: aws.ToString(v.UploadId), Created: aws.ToTime(v.Initiated),
				Properties: store.Properties{StorageClass: storageClass(string(v.StorageClass))},
			})
		}
		marker, err := decode(out.EncodingType, aws.ToString(out.NextKeyMarker))
		if err != nil {
			return nil, s.refuse("list-uploads", prefix, store.ErrPermanent, "%w", err)
		}
		if !aws.ToBool(out.IsTruncated) || marker == "" ||
			(marker == aws.ToString(in.KeyMarker) && aws.ToString(out.NextUploadIdMarker) == aws.ToString(in.UploadIdMarker)) {
			return uploads, nil
		}
		in.KeyMarker, in.UploadIdMarker = &marker, out.NextUploadIdMarker
	}
}

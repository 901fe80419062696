package s3

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/datagravity/datagravity/pkg/store"
)

// unsigned keeps the SDK from hashing a body with SHA-256 where there is no TLS: its CRC travels in a signed header.
var unsigned = awss3.WithAPIOptions(v4.SwapComputePayloadSHA256ForUnsignedPayloadMiddleware)

// expectBytes: above this size a conditional write asks first (Expect: 100-continue), so that a refusal neither costs
// the body nor looks like a broken connection. It is the SDK's own default.
const expectBytes = 2 * store.MiB

func conditional(o *awss3.Options) { o.ContinueHeaderThresholdBytes = expectBytes }

// Put writes a whole object of at most 5 GiB.
func (s *Store) Put(ctx context.Context, key string, data []byte, o store.WriteOptions) (store.Object, error) {
	if err := s.checkWrite("put", key, o.Condition); err != nil {
		return store.Object{}, err
	}
	if int64(len(data)) > putMaxBytes {
		return store.Object{}, s.refuse("put", key, store.ErrPermanent, "%d bytes are more than one request takes (%d): upload in parts", len(data), putMaxBytes)
	}
	var obj store.Object
	err := s.negotiate(func(m mode) error {
		var err error
		obj, err = s.put(ctx, m, key, data, o)
		return err
	})
	if err == nil {
		return obj, nil
	}
	if e := classify("put", err); outcomeUnknown(ctx, e) {
		return s.lookAgain(ctx, "put", key, err, o.Condition, func(h headed) bool {
			if h.Size != int64(len(data)) {
				return false
			}
			for _, want := range []store.Checksums{o.Checksums, checksumsOf(s.mode(), data), checksumsOf(byMD5, data)} {
				if v := h.Checksums.Compare(want); v != store.Unknown {
					return v == store.Equal
				}
			}
			return false
		})
	}
	return store.Object{}, s.failWrite("put", key, o.Condition, err)
}

// failWrite: AWS answers an If-Match on a key that holds nothing with 404 NoSuchKey.
func (s *Store) failWrite(op, key string, c store.Condition, err error) error {
	e := classify(op, err)
	if c.ETag() != "" && answered(e).Code == "NoSuchKey" {
		return s.refuse(op, key, store.ErrConflict, "the key holds nothing any more")
	}
	return s.fail(op, key, err)
}

func (s *Store) put(ctx context.Context, m mode, key string, data []byte, o store.WriteOptions) (store.Object, error) {
	sums, err := sumsOf(m, data, o.Checksums)
	if err != nil {
		return store.Object{}, &store.Error{Kind: store.ErrPermanent, Err: err}
	}
	in := &awss3.PutObjectInput{
		Bucket:            &s.bucket,
		Key:               &key,
		Body:              bytes.NewReader(data),
		ChecksumCRC64NVME: sums.crc64nvme,
		ChecksumCRC32C:    sums.crc32c,
		ContentMD5:        sums.md5,
		ContentType:       optional(o.ContentType),
		ContentEncoding:   optional(o.ContentEncoding),
		StorageClass:      types.StorageClass(o.StorageClass),
	}
	in.ServerSideEncryption, in.SSEKMSKeyId = s.encryption.apply(o.Properties)
	in.IfMatch, in.IfNoneMatch = conditions(o.Condition)
	options := []func(*awss3.Options){unsigned}
	if in.IfMatch != nil || in.IfNoneMatch != nil {
		options = append(options, conditional)
	}
	out, err := s.client.PutObject(ctx, in, options...)
	if err != nil {
		return store.Object{}, err
	}
	obj := store.Object{
		Key:             key,
		Size:            int64(len(data)),
		ETag:            fromETag(out.ETag),
		Version:         fromVersion(out.VersionId),
		ContentType:     o.ContentType,
		ContentEncoding: o.ContentEncoding,
		StorageClass:    storageClass(o.StorageClass),
		Checksums: store.Checksums{
			CRC64NVME: hexOf(out.ChecksumCRC64NVME, 8),
			CRC32C:    hexOf(out.ChecksumCRC32C, 4),
			MD5:       md5OfETag(fromETag(out.ETag), out.ServerSideEncryption, out.SSECustomerAlgorithm),
		},
	}
	if m != byMD5 && obj.Checksums.CRC64NVME == "" && obj.Checksums.CRC32C == "" && !s.amazon {
		return obj, s.unheard(obj, data)
	}
	return obj, nil
}

// unheard is for a server that stored the body and ignored its checksum: from now on it is given a Content-MD5, and this
// body is compared with the ETag. An ETag that is no MD5 leaves the object without proof, which the caller sees.
func (s *Store) unheard(obj store.Object, data []byte) error {
	if s.integrity.confirmed.Load() {
		return nil
	}
	s.confirm(byMD5)
	if sum := md5.Sum(data); obj.Checksums.MD5 != "" && obj.Checksums.MD5 != hex.EncodeToString(sum[:]) {
		return &store.Error{Kind: store.ErrIntegrity, Err: errors.New("the stored object's MD5 is not that of what was sent")}
	}
	return nil
}

// checkWrite refuses a write without a condition, and a key that the bucket cannot hold.
func (s *Store) checkWrite(op, key string, c store.Condition) error {
	if err := s.checkKey(op, key); err != nil {
		return err
	}
	if c.IsUnset() {
		return s.refuse(op, key, store.ErrPermanent, "no condition: choose IfAbsent, IfMatch or Always")
	}
	return nil
}

// checksumsOf computes what a finished write is recognised by.
func checksumsOf(m mode, data []byte) store.Checksums {
	sums, _ := sumsOf(m, data, store.Checksums{})
	return store.Checksums{CRC64NVME: hexOf(sums.crc64nvme, 8), CRC32C: hexOf(sums.crc32c, 4), MD5: hexOf(sums.md5, md5.Size)}
}

// outcomeUnknown tells whether a failed write may have happened all the same: it was sent, and nobody said no.
func outcomeUnknown(ctx context.Context, e *store.Error) bool {
	return e.Kind == store.ErrTransient && !e.NotSent && ctx.Err() == nil
}

// lookAgain settles a write whose answer was lost: the object as described is success, another one where the condition
// forbids it a conflict, anything else the transient failure that it was.
func (s *Store) lookAgain(ctx context.Context, op, key string, lost error, c store.Condition, ours func(headed) bool) (store.Object, error) {
	h, err := s.head(ctx, store.Ref{Key: key})
	switch {
	case err == nil && ours(h):
		return h.Object, nil
	case err == nil && (c.IsAbsent() || (c.ETag() != "" && h.ETag != c.ETag())):
		return store.Object{}, s.refuse(op, key, store.ErrConflict, "the answer was lost, and the key holds another object (%s)", h.ETag)
	case err != nil && c.ETag() != "" && classify(op, err).Kind == store.ErrNotFound:
		return store.Object{}, s.refuse(op, key, store.ErrConflict, "the answer was lost, and the key holds nothing any more")
	}
	return store.Object{}, s.fail(op, key, lost)
}

package azure

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
	"github.com/minio/crc64nvme"

	"github.com/datagravity/datagravity/pkg/store"
)

// putMaxBytes is what Put takes. The service allows 5,000 MiB in one Put Blob; a request that fails near its end is sent
// again whole, so larger objects go in parts.
const putMaxBytes = 64 * store.MiB

// Put sends the bytes in one Put Blob with their CRC64, which the service checks. The service takes one checksum a
// request: where the caller knows the MD5, this is sent instead, since the service then keeps it as the blob's
// Content-MD5, and the CRC64 is compared here.
func (s *Store) Put(ctx context.Context, key string, data []byte, o store.WriteOptions) (store.Object, error) {
	if err := s.checkWrite("put", key, o.Condition); err != nil {
		return store.Object{}, err
	}
	refuse := func(kind, err error) (store.Object, error) {
		return store.Object{}, &store.Error{Op: "put", Store: s.URL(), Key: key, Kind: kind, NotSent: true, Err: err}
	}
	if int64(len(data)) > putMaxBytes {
		return refuse(store.ErrPermanent, fmt.Errorf("%d bytes in one request, the most is %d: upload it in parts", len(data), putMaxBytes))
	}
	crc := crc64nvme.Checksum(data)
	if want := o.Checksums.CRC64NVME; want != "" && want != store.Hex64(crc) {
		return refuse(store.ErrIntegrity, fmt.Errorf("the bytes have CRC64 %s, not %s", store.Hex64(crc), want))
	}
	var check blob.TransferValidationType = blob.TransferValidationTypeCRC64(crc)
	if o.Checksums.MD5 != "" {
		sum, err := hex.DecodeString(o.Checksums.MD5)
		if err != nil || len(sum) != md5.Size {
			return refuse(store.ErrPermanent, fmt.Errorf("MD5 %q: want 32 hex digits", o.Checksums.MD5))
		}
		check = blob.TransferValidationTypeMD5(sum)
	}
	resp, err := s.block(key).Upload(ctx, streaming.NopCloser(bytes.NewReader(data)), &blockblob.UploadOptions{
		HTTPHeaders:             httpHeaders(o.Properties),
		Tier:                    tier(o.StorageClass),
		CPKScopeInfo:            scope(o.KMSKey),
		AccessConditions:        conditions(o.Condition),
		TransactionalValidation: check,
	})
	if o.Condition.IsAbsent() && bloberror.HasCode(err, bloberror.BlobAlreadyExists) {
		if _, _, headErr := s.head(ctx, s.blob(key), key, nil); headErr != nil && isNotFound(headErr) {
			if err := s.announce(ctx, "put", key, err); err != nil {
				return store.Object{}, err
			}
			return s.putAsBlock(ctx, key, data, crc, o)
		}
	}
	if err != nil {
		return store.Object{}, s.failed("put", key, err)
	}
	if resp.ETag == nil {
		return store.Object{}, s.failed("put", key, errNoETag)
	}
	object := store.Object{
		Key:             key,
		Size:            int64(len(data)),
		ETag:            quoted(string(*resp.ETag)),
		Version:         value(resp.VersionID),
		Modified:        value(resp.LastModified).UTC(),
		Checksums:       store.Checksums{CRC64NVME: store.Hex64(crc)},
		ContentType:     o.ContentType,
		ContentEncoding: o.ContentEncoding,
		StorageClass:    o.StorageClass,
	}
	if len(resp.ContentMD5) == md5.Size {
		object.Checksums.MD5 = hex.EncodeToString(resp.ContentMD5)
	}
	return object, nil
}

// putAsBlock writes an object where only uncommitted blocks are, in two requests. To Azurite's Put Blob such a name is
// taken, although nothing can be read under it; its Put Block List, like the service, sees that nothing is there. The
// bytes go out a second time, so that whoever pays was asked first.
func (s *Store) putAsBlock(ctx context.Context, key string, data []byte, crc uint64, o store.WriteOptions) (store.Object, error) {
	u, err := s.CreateUpload(ctx, key, store.UploadOptions{Properties: o.Properties, Size: int64(len(data))})
	if err != nil {
		return store.Object{}, err
	}
	var held []store.Part
	if len(data) > 0 {
		p, err := s.UploadPart(ctx, u, store.PartInput{Number: 1, Data: data, CRC64NVME: crc})
		if err != nil {
			return store.Object{}, err
		}
		held = append(held, p)
	}
	object, err := s.CompleteUpload(ctx, u, held, store.CompleteOptions{Condition: o.Condition, Size: int64(len(data)), Checksums: o.Checksums})
	if err != nil {
		return store.Object{}, err
	}
	object.Checksums.CRC64NVME = store.Hex64(crc)
	return object, nil
}

var errNoETag = errors.New("the answer has no ETag: a proxy may have removed it")

// checkWrite refuses a key that cannot be and a condition that was forgotten.
func (s *Store) checkWrite(op, key string, c store.Condition) error {
	if err := s.check(op, key); err != nil {
		return err
	}
	if c.IsUnset() {
		return &store.Error{Op: op, Store: s.URL(), Key: key, Kind: store.ErrPermanent, NotSent: true,
			Err: errors.New("no condition: say IfAbsent, IfMatch or Always")}
	}
	return nil
}

// conditions are a write's condition as request headers.
func conditions(c store.Condition) *blob.AccessConditions {
	switch {
	case c.IsAbsent():
		absent := azcore.ETagAny
		return &blob.AccessConditions{ModifiedAccessConditions: &blob.ModifiedAccessConditions{IfNoneMatch: &absent}}
	case c.ETag() != "":
		return ifMatch(c.ETag())
	}
	return nil
}

func ifMatch(etag string) *blob.AccessConditions {
	if etag == "" {
		return nil
	}
	e := azcore.ETag(etag)
	return &blob.AccessConditions{ModifiedAccessConditions: &blob.ModifiedAccessConditions{IfMatch: &e}}
}

func httpHeaders(p store.Properties) *blob.HTTPHeaders {
	h := &blob.HTTPHeaders{}
	if p.ContentType != "" {
		h.BlobContentType = &p.ContentType
	}
	if p.ContentEncoding != "" {
		h.BlobContentEncoding = &p.ContentEncoding
	}
	return h
}

func tier(class string) *blob.AccessTier {
	if class == "" {
		return nil
	}
	t := blob.AccessTier(class)
	return &t
}

func scope(name string) *blob.CPKScopeInfo {
	if name == "" {
		return nil
	}
	return &blob.CPKScopeInfo{EncryptionScope: &name}
}

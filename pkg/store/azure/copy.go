package azure

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"

	"github.com/datagravity/datagravity/pkg/store"
)

// Copy uses Copy Blob: inside an account every credential of this package opens the source too, and the service mostly
// copies no bytes at all. The source is pinned by its ETag, the destination by the condition; a copy that the service
// does later is waited for, and until then reading the destination is ErrTransient. Size and MD5, where there is one, are
// compared with the source's, and a copy that differs is deleted.
//
// ErrUnsupported: an encryption scope, which Copy Blob cannot set.
func (s *Store) Copy(ctx context.Context, key string, src store.Ref, o store.WriteOptions) (store.Object, error) {
	if err := s.checkWrite("copy", key, o.Condition); err != nil {
		return store.Object{}, err
	}
	if err := s.check("copy", src.Key); err != nil {
		return store.Object{}, err
	}
	refuse := func(kind, err error) (store.Object, error) {
		return store.Object{}, &store.Error{Op: "copy", Store: s.URL(), Key: key, Kind: kind, Err: err}
	}
	if o.KMSKey != "" {
		return refuse(store.ErrUnsupported, errors.New("a copy on the server cannot set an encryption scope: send the bytes instead"))
	}
	from, err := s.pinned(src)
	if err != nil {
		return store.Object{}, s.failed("copy", key, err)
	}
	pin := ifMatch(src.ETag)
	if src.Version != "" {
		pin = nil
	}
	source, _, err := s.head(ctx, from, src.Key, pin)
	if err != nil {
		e := s.failed("copy", src.Key, err)
		if e.Kind == store.ErrConflict {
			e.Kind = store.ErrChanged
		}
		return store.Object{}, e
	}
	if source.Checksums.Compare(o.Checksums) == store.Different {
		return refuse(store.ErrIntegrity, fmt.Errorf("%q has other checksums than the copy must have", src.Key))
	}
	etag := azcore.ETag(source.ETag)
	resp, err := s.blob(key).StartCopyFromURL(ctx, from.URL(), &blob.StartCopyFromURLOptions{
		Tier:                           tier(o.StorageClass),
		AccessConditions:               conditions(o.Condition),
		SourceModifiedAccessConditions: &blob.SourceModifiedAccessConditions{SourceIfMatch: &etag},
	})
	if err != nil {
		return store.Object{}, s.failed("copy", key, err)
	}
	made, p, err := s.copied(ctx, key, value(resp.CopyID))
	if err != nil {
		return store.Object{}, err
	}
	if made.Size != source.Size || made.Checksums.Compare(source.Checksums) == store.Different {
		err := fmt.Errorf("the copy has %d bytes and MD5 %q, the source %d and %q", made.Size, made.Checksums.MD5, source.Size, source.Checksums.MD5)
		if deleteErr := s.Delete(ctx, made.Ref()); deleteErr != nil {
			err = fmt.Errorf("%w; and it could not be deleted: %w", err, deleteErr)
		}
		return refuse(store.ErrIntegrity, err)
	}
	return s.withProperties(ctx, made, p, o.Properties)
}

// copied waits until the service has made the copy with this id.
func (s *Store) copied(ctx context.Context, key, id string) (store.Object, blob.GetPropertiesResponse, error) {
	refuse := func(kind, err error) error {
		return &store.Error{Op: "copy", Store: s.URL(), Key: key, Kind: kind, Err: err}
	}
	for pause := 50 * time.Millisecond; ; pause = min(2*pause, 5*time.Second) {
		object, p, err := s.head(ctx, s.blob(key), key, nil)
		if err != nil {
			if ctx.Err() != nil {
				s.abandonCopy(ctx, key, id)
			}
			return object, p, s.failed("copy", key, err)
		}
		if value(p.CopyID) != id {
			return object, p, refuse(store.ErrConflict, errors.New("somebody wrote the blob while it was copied"))
		}
		switch status := value(p.CopyStatus); status {
		case blob.CopyStatusTypeSuccess:
			return object, p, nil
		case blob.CopyStatusTypePending:
		default:
			// The service leaves an empty blob.
			err := fmt.Errorf("the service's copy ended as %s: %s", status, value(p.CopyStatusDescription))
			if deleteErr := s.Delete(ctx, object.Ref()); deleteErr != nil {
				err = fmt.Errorf("%w; and what it left could not be deleted: %w", err, deleteErr)
			}
			return object, p, refuse(store.ErrTransient, err)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			s.abandonCopy(ctx, key, id)
			return object, p, s.failed("copy", key, ctx.Err())
		}
	}
}

// abandonCopy ends a copy that nobody waits for, and removes the empty blob that this leaves.
func (s *Store) abandonCopy(ctx context.Context, key, id string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if _, err := s.blob(key).AbortCopyFromURL(ctx, id, nil); err != nil {
		return // it is done, or the next Copy finds it
	}
	if object, p, err := s.head(ctx, s.blob(key), key, nil); err == nil && value(p.CopyID) == id && object.Size == 0 {
		_ = s.Delete(ctx, object.Ref())
	}
}

// withProperties sets the content type and encoding that were asked for; Copy Blob takes over the source's.
func (s *Store) withProperties(ctx context.Context, o store.Object, p blob.GetPropertiesResponse, want store.Properties) (store.Object, error) {
	if (want.ContentType == "" || want.ContentType == o.ContentType) &&
		(want.ContentEncoding == "" || want.ContentEncoding == o.ContentEncoding) {
		return o, nil
	}
	headers := httpHeaders(want)
	// The request clears every header that it does not name.
	headers.BlobCacheControl, headers.BlobContentDisposition = p.CacheControl, p.ContentDisposition
	headers.BlobContentLanguage, headers.BlobContentMD5 = p.ContentLanguage, p.ContentMD5
	if headers.BlobContentType == nil {
		headers.BlobContentType = p.ContentType
	}
	if headers.BlobContentEncoding == nil {
		headers.BlobContentEncoding = p.ContentEncoding
	}
	resp, err := s.blob(o.Key).SetHTTPHeaders(ctx, *headers, &blob.SetHTTPHeadersOptions{AccessConditions: ifMatch(o.ETag)})
	if err != nil {
		return store.Object{}, s.failed("copy", o.Key, err)
	}
	o.ETag, o.Modified = quoted(string(value(resp.ETag))), value(resp.LastModified).UTC()
	o.ContentType, o.ContentEncoding = value(headers.BlobContentType), value(headers.BlobContentEncoding)
	return o, nil
}

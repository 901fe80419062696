package azure

import (
	"context"
	"encoding/hex"
	"errors"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"

	"github.com/datagravity/datagravity/pkg/store"
)

// Head returns a blob's properties. The MD5 is the Content-MD5 property: the service computes it for a blob that was
// written in one request, and repeats what the writer claimed for one made of blocks. A blob that a copy is still being
// made into is ErrTransient.
func (s *Store) Head(ctx context.Context, key string) (store.Object, error) {
	if err := s.check("head", key); err != nil {
		return store.Object{}, err
	}
	o, p, err := s.head(ctx, s.blob(key), key, nil)
	if err != nil {
		return store.Object{}, s.failed("head", key, err)
	}
	if p.CopyStatus != nil && *p.CopyStatus == blob.CopyStatusTypePending {
		return store.Object{}, &store.Error{Op: "head", Store: s.URL(), Key: key, Kind: store.ErrTransient,
			Err: errors.New("the service is still copying into it")}
	}
	return o, nil
}

func (s *Store) head(ctx context.Context, c *blob.Client, key string, pin *blob.AccessConditions) (store.Object, blob.GetPropertiesResponse, error) {
	p, err := c.GetProperties(ctx, &blob.GetPropertiesOptions{AccessConditions: pin})
	if err != nil {
		return store.Object{}, p, err
	}
	object := store.Object{
		Key:             key,
		Size:            value(p.ContentLength),
		ETag:            quoted(string(value(p.ETag))),
		Version:         value(p.VersionID),
		Modified:        value(p.LastModified).UTC(),
		ContentType:     value(p.ContentType),
		ContentEncoding: value(p.ContentEncoding),
		StorageClass:    value(p.AccessTier),
	}
	if len(p.ContentMD5) == 16 {
		object.Checksums.MD5 = hex.EncodeToString(p.ContentMD5)
	}
	return object, p, nil
}

// Delete removes the current blob if it has ref's ETag; versions and snapshots stay, and a blob that has snapshots is
// refused with ErrPermanent, because Azure would have to delete them too.
func (s *Store) Delete(ctx context.Context, ref store.Ref) error {
	if err := s.check("delete", ref.Key); err != nil {
		return err
	}
	_, err := s.blob(ref.Key).Delete(ctx, &blob.DeleteOptions{AccessConditions: ifMatch(ref.ETag)})
	switch {
	case err == nil, bloberror.HasCode(err, bloberror.BlobNotFound):
		return nil
	}
	e := s.failed("delete", ref.Key, err)
	if e.Kind == store.ErrConflict {
		// Of a blob that is gone a server may say that the condition fails, too.
		if _, _, err := s.head(ctx, s.blob(ref.Key), ref.Key, nil); err != nil && isNotFound(err) {
			return nil
		}
	}
	return e
}

// value is what p points to, or nothing.
func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

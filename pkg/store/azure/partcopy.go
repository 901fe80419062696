package azure

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/sas"
	"github.com/zeebo/blake3"

	"github.com/datagravity/datagravity/pkg/store"
)

// CopyPart is Put Block From URL with the source pinned by x-ms-source-if-match. The part has the CRC64 that the service computed
// over the block, where it tells it; the parts' CRC64s together then prove the blob, because CompleteUpload makes sure that
// it is exactly these blocks.
//
// The service reads the source by its URL, as anybody would: with a SAS made from the account's key, the token of the credential, or
// the SAS that there is.
func (s *Store) CopyPart(ctx context.Context, u store.Upload, p store.PartCopy) (store.Part, error) {
	const op = "part-copy"
	if err := s.checkUpload(op, u); err != nil {
		return store.Part{}, err
	}
	if err := s.check(op, p.Source.Key); err != nil {
		return store.Part{}, err
	}
	refuse := func(kind, err error) (store.Part, error) {
		return store.Part{}, &store.Error{Op: op, Store: s.URL(), Key: u.Key, Kind: kind, Err: err}
	}
	switch {
	case p.Number < 1 || p.Number > parts.MaxParts || p.Size < parts.MinBytes || p.Size > parts.MaxBytes:
		return refuse(store.ErrPermanent, fmt.Errorf("part %d of %d bytes: want a number of 1 to %d and %d to %d bytes",
			p.Number, p.Size, parts.MaxParts, parts.MinBytes, parts.MaxBytes))
	case p.Offset < 0 || p.Offset > parts.MaxObjectBytes-p.Size || p.SourceOffset < 0:
		return refuse(store.ErrPermanent, fmt.Errorf("part %d at %d from %d: the most is %d bytes in all", p.Number, p.Offset, p.SourceOffset, parts.MaxObjectBytes))
	case p.Source.ETag == "":
		return refuse(store.ErrPermanent, fmt.Errorf("the source %q is not pinned", p.Source.Key))
	case !u.CopiesParts:
		return refuse(store.ErrPermanent, errors.New("the upload was not created for copied parts"))
	}
	source, authorization, err := s.readable(ctx, p.Source)
	if err != nil {
		return store.Part{}, s.failed(op, u.Key, err)
	}
	etag := azcore.ETag(p.Source.ETag)
	id := blockID{nonce: u.ID, number: p.Number, offset: p.Offset, crc64: nameOf(p), copied: true}
	var resp blockblob.StageBlockFromURLResponse
	err = s.staged(ctx, op, u.Key, func() (err error) {
		resp, err = s.block(u.Key).StageBlockFromURL(ctx, id.String(), source, &blockblob.StageBlockFromURLOptions{
			CopySourceAuthorization:        authorization,
			CPKScopeInfo:                   scope(u.KMSKey),
			Range:                          blob.HTTPRange{Offset: p.SourceOffset, Count: p.Size},
			SourceModifiedAccessConditions: &blob.SourceModifiedAccessConditions{SourceIfMatch: &etag},
		})
		return err
	})
	if err == nil {
		part := id.part(p.Size)
		if c := resp.ContentCRC64; len(c) == 8 {
			part.CRC64NVME = store.Hex64(binary.LittleEndian.Uint64(c))
		}
		return part, nil
	}
	e := s.failed(op, u.Key, err)
	switch statusOf(err) {
	case http.StatusPreconditionFailed:
		e.Kind, e.Err = store.ErrChanged, fmt.Errorf("the source %q is no longer %s: %w", p.Source.Key, p.Source.ETag, e.Err)
	case http.StatusNotFound:
		e.Kind, e.Err = store.ErrNotFound, fmt.Errorf("the source %q is gone: %w", p.Source.Key, e.Err)
	case http.StatusRequestedRangeNotSatisfiable:
		e.Kind, e.Err = store.ErrPermanent, fmt.Errorf("the range is not within the source %q: %w", p.Source.Key, e.Err)
	}
	return store.Part{}, e
}

// nameOf names a copy in 64 bits.
func nameOf(p store.PartCopy) uint64 {
	sum := blake3.Sum256(fmt.Appendf(nil, "%q %q %q %d %d", p.Source.Key, p.Source.ETag, p.Source.Version, p.SourceOffset, p.Size))
	return binary.BigEndian.Uint64(sum[:8])
}

// readableFor is how long a SAS for the source of a copy holds. The service checks it when the request begins.
const readableFor = time.Hour

// readable is a URL of the source by which the service can read it, and the authorization to do so where it is not in the URL.
func (s *Store) readable(ctx context.Context, ref store.Ref) (url string, authorization *string, err error) {
	source, err := s.pinned(ref)
	if err != nil {
		return "", nil, err
	}
	switch {
	case s.cred.key != "":
		// Neither a start, which a clock that is slow would miss, nor any right but to read.
		url, err = source.GetSASURL(sas.BlobPermissions{Read: true}, time.Now().Add(readableFor), nil)
		return url, nil, err
	case s.cred.token != nil:
		token, err := s.cred.token.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{"https://storage.azure.com/.default"}})
		if err != nil {
			return "", nil, err
		}
		bearer := "Bearer " + token.Token
		return source.URL(), &bearer, nil
	}
	return source.URL(), nil, nil
}

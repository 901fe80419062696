package azure

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"

	"github.com/datagravity/datagravity/pkg/store"
)

// CompleteUpload commits the blocks that the parts name and reads the committed list back: it must hold exactly these
// IDs and sizes, so that a block which another writer duplicated or slipped in is ErrIntegrity; a blob of ours that fails
// this is deleted again. If the caller gave the object's CRC64, it is compared with that of the parts before the commit.
//
// The returned object has no checksums: the service keeps none over blocks. The MD5 that the caller gave is stored as
// the Content-MD5 property for other tools, and is no proof.
//
// An upload that was completed before, unknown to the caller, is recognised by its blocks and returned again.
// ErrNotFound: blocks are gone, a week after they were staged or because somebody wrote the name; start again.
func (s *Store) CompleteUpload(ctx context.Context, u store.Upload, held []store.Part, o store.CompleteOptions) (store.Object, error) {
	if err := s.checkUpload("complete", u); err != nil {
		return store.Object{}, err
	}
	if err := s.checkWrite("complete", u.Key, o.Condition); err != nil {
		return store.Object{}, err
	}
	refuse := func(kind, err error) (store.Object, error) {
		return store.Object{}, &store.Error{Op: "complete", Store: s.URL(), Key: u.Key, Kind: kind, Err: err}
	}
	want, err := blockList(u, held, o)
	if err != nil {
		return refuse(store.ErrIntegrity, err)
	}
	headers := httpHeaders(u.Properties)
	if o.Checksums.MD5 != "" {
		if headers.BlobContentMD5, err = hex.DecodeString(o.Checksums.MD5); err != nil || len(headers.BlobContentMD5) != 16 {
			return refuse(store.ErrPermanent, fmt.Errorf("MD5 %q: want 32 hex digits", o.Checksums.MD5))
		}
	}
	ids := make([]string, len(want))
	for i, b := range want {
		ids[i] = b.name
	}
	resp, err := s.block(u.Key).CommitBlockList(ctx, ids, &blockblob.CommitBlockListOptions{
		HTTPHeaders:      headers,
		Tier:             tier(u.StorageClass),
		CPKScopeInfo:     scope(u.KMSKey),
		AccessConditions: conditions(o.Condition),
	})
	if err != nil {
		return s.alreadyCompleted(ctx, u, want, o, err)
	}
	if resp.ETag == nil {
		return store.Object{}, s.failed("complete", u.Key, errNoETag)
	}
	return s.proven(ctx, u.Key, quoted(string(*resp.ETag)), want, o.Size)
}

// blockList is the list to commit: the parts in order, covering the object without a gap.
func blockList(u store.Upload, held []store.Part, o store.CompleteOptions) ([]blockEntry, error) {
	if len(held) > parts.MaxParts {
		return nil, fmt.Errorf("%d parts, the most is %d: choose larger parts", len(held), parts.MaxParts)
	}
	list := make([]blockEntry, len(held))
	var end int64
	var crc uint64
	known := true
	for i, p := range held {
		id, ok := parseBlockID(p.ETag)
		switch {
		case !ok || id.nonce != u.ID:
			return nil, fmt.Errorf("part %d is not of this upload", p.Number)
		case id.number != p.Number || i > 0 && p.Number <= held[i-1].Number:
			return nil, fmt.Errorf("part %d is out of order", p.Number)
		case id.offset != end:
			return nil, fmt.Errorf("part %d starts at %d, the parts before it end at %d", p.Number, id.offset, end)
		}
		list[i] = blockEntry{name: p.ETag, sizeBytes: p.Size}
		if id.copied {
			var err error
			if id.crc64, err = store.ParseHex64(p.CRC64NVME); err != nil {
				known = false // the service did not tell
			}
		}
		crc = combineCRC64(crc, id.crc64, p.Size)
		end += p.Size
	}
	if end != o.Size {
		return nil, fmt.Errorf("the parts have %d bytes, the object %d", end, o.Size)
	}
	if w := o.Checksums.CRC64NVME; known && w != "" && w != store.Hex64(crc) {
		return nil, fmt.Errorf("the parts have CRC64 %s, the object %s", store.Hex64(crc), w)
	}
	return list, nil
}

// alreadyCompleted looks, after a refused commit, whether the blob is the one that this upload makes.
func (s *Store) alreadyCompleted(ctx context.Context, u store.Upload, want []blockEntry, o store.CompleteOptions, cause error) (store.Object, error) {
	e := s.failed("complete", u.Key, cause)
	gone := bloberror.HasCode(cause, bloberror.InvalidBlockList)
	if gone {
		e.Kind = store.ErrNotFound
		e.Err = fmt.Errorf("blocks of the upload are gone, start it again: %w", e.Err)
	}
	if !gone && e.Kind != store.ErrConflict {
		return store.Object{}, e
	}
	list, err := s.blocks(ctx, u.Key, blockblob.BlockListTypeCommitted)
	if err != nil {
		return store.Object{}, s.failed("complete", u.Key, err)
	}
	// An empty list says nothing about who wrote the blob.
	if len(want) == 0 || differs(list, want, o.Size) != nil {
		return store.Object{}, e
	}
	return s.proven(ctx, u.Key, list.etag, want, o.Size)
}

// proven reads the committed list and the properties of the blob with this ETag, and tells the object.
func (s *Store) proven(ctx context.Context, key, etag string, want []blockEntry, sizeBytes int64) (store.Object, error) {
	refuse := func(kind, err error) (store.Object, error) {
		return store.Object{}, &store.Error{Op: "complete", Store: s.URL(), Key: key, Kind: kind, Err: err}
	}
	list, err := s.blocks(ctx, key, blockblob.BlockListTypeCommitted)
	if err != nil {
		return store.Object{}, s.failed("complete", key, err)
	}
	if list.etag != etag {
		return refuse(store.ErrConflict, errors.New("somebody wrote the blob right after it was completed"))
	}
	object, _, err := s.head(ctx, s.blob(key), key, nil)
	if err != nil {
		return store.Object{}, s.failed("complete", key, err)
	}
	if object.ETag != etag {
		return refuse(store.ErrConflict, errors.New("somebody wrote the blob right after it was completed"))
	}
	err = differs(list, want, sizeBytes)
	if err == nil && object.Size != sizeBytes {
		err = fmt.Errorf("it has %d bytes, not %d", object.Size, sizeBytes)
	}
	if err != nil {
		if deleteErr := s.Delete(ctx, object.Ref()); deleteErr != nil {
			err = fmt.Errorf("%w; and it could not be deleted: %w", err, deleteErr)
		}
		return refuse(store.ErrIntegrity, err)
	}
	object.Checksums = store.Checksums{}
	return object, nil
}

// differs says how a committed list is not the one that was meant.
func differs(list blockLists, want []blockEntry, sizeBytes int64) error {
	if len(list.committed) != len(want) {
		return fmt.Errorf("%d blocks are committed, not %d", len(list.committed), len(want))
	}
	for i, b := range list.committed {
		if b != want[i] {
			return fmt.Errorf("committed block %d is %s with %d bytes, not %s with %d", i+1, b.name, b.sizeBytes, want[i].name, want[i].sizeBytes)
		}
	}
	if list.sizeBytes != sizeBytes {
		return fmt.Errorf("the blob has %d bytes, not %d", list.sizeBytes, sizeBytes)
	}
	return nil
}

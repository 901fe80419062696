package azure

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"

	"github.com/datagravity/datagravity/pkg/store"
)

// parts are the limits of block blobs, from
// https://learn.microsoft.com/rest/api/storageservices/understanding-block-blobs--append-blobs--and-page-blobs.
// An emulator does not enforce the number of blocks, so it is enforced here too.
var parts = store.PartLimits{
	MinBytes:       1,
	MaxBytes:       4000 * store.MiB,
	MaxParts:       50_000,
	MaxObjectBytes: 50_000 * 4000 * store.MiB,
}

// CreateUpload chooses the upload's nonce. It looks first whether another tool left uncommitted blocks under the name
// whose IDs have another length, because the service would refuse every part only after its bytes were sent and paid
// for: such blocks are removed where no blob stands under the name, and are ErrPermanent with a hint where one does.
func (s *Store) CreateUpload(ctx context.Context, key string, o store.UploadOptions) (store.Upload, error) {
	if err := s.check("create-upload", key); err != nil {
		return store.Upload{}, err
	}
	if o.Size > parts.MaxObjectBytes {
		return store.Upload{}, &store.Error{Op: "create-upload", Store: s.URL(), Key: key, Kind: store.ErrPermanent, NotSent: true,
			Err: fmt.Errorf("%d bytes, the most is %d", o.Size, parts.MaxObjectBytes)}
	}
	if err := s.clearForeign(ctx, "create-upload", key); err != nil {
		return store.Upload{}, err
	}
	nonce := newNonce(time.Now())
	at, _ := created(nonce)
	return store.Upload{Key: key, ID: nonce, Created: at, CopiesParts: o.CopiesParts, Properties: o.Properties}, nil
}

// UploadPart stages a block with its CRC64, which the service checks. The same part with the same bytes replaces itself;
// with other bytes it is another block, and CompleteUpload takes the one that its Part names.
func (s *Store) UploadPart(ctx context.Context, u store.Upload, p store.PartInput) (store.Part, error) {
	if err := s.checkUpload("part", u); err != nil {
		return store.Part{}, err
	}
	refuse := func(err error) (store.Part, error) {
		return store.Part{}, &store.Error{Op: "part", Store: s.URL(), Key: u.Key, Kind: store.ErrPermanent, NotSent: true, Err: err}
	}
	size := int64(len(p.Data))
	switch {
	case p.Number < 1 || p.Number > parts.MaxParts:
		return refuse(fmt.Errorf("part %d: numbers go from 1 to %d, choose larger parts", p.Number, parts.MaxParts))
	case size < parts.MinBytes || size > parts.MaxBytes:
		return refuse(fmt.Errorf("part %d has %d bytes: want %d to %d", p.Number, size, parts.MinBytes, parts.MaxBytes))
	case p.Offset < 0 || p.Offset > parts.MaxObjectBytes-size:
		return refuse(fmt.Errorf("part %d at %d: the most is %d bytes in all", p.Number, p.Offset, parts.MaxObjectBytes))
	}
	id := blockID{nonce: u.ID, number: p.Number, offset: p.Offset, crc64: p.CRC64NVME}
	err := s.staged(ctx, "part", u.Key, func() error {
		_, err := s.block(u.Key).StageBlock(ctx, id.String(), streaming.NopCloser(bytes.NewReader(p.Data)),
			&blockblob.StageBlockOptions{
				CPKScopeInfo:            scope(u.KMSKey),
				TransactionalValidation: blob.TransferValidationTypeCRC64(p.CRC64NVME),
			})
		return err
	})
	if err != nil {
		return store.Part{}, s.failed("part", u.Key, err)
	}
	return id.part(size), nil
}

// staged stages a block, and once more after it has removed what another tool left under the name since our upload began. The
// bytes go out a second time then, so that whoever pays is asked first.
func (s *Store) staged(ctx context.Context, op, key string, stage func() error) error {
	err := stage()
	if !bloberror.HasCode(err, bloberror.InvalidBlobOrBlock, bloberror.InvalidBlockID) {
		return err
	}
	if clearErr := s.clearForeign(ctx, op, key); clearErr != nil {
		return clearErr
	}
	if err := s.announce(ctx, op, key, err); err != nil {
		return err
	}
	return stage()
}

// ListParts returns the upload's uncommitted blocks. Where a number was sent twice with different bytes, the recorded
// part says which counts; without a record neither does, and the part is to be sent again.
func (s *Store) ListParts(ctx context.Context, u store.Upload, recorded []store.Part) ([]store.Part, error) {
	if err := s.checkUpload("list-parts", u); err != nil {
		return nil, err
	}
	list, err := s.blocks(ctx, u.Key, blockblob.BlockListTypeUncommitted)
	if err != nil {
		return nil, s.failed("list-parts", u.Key, err)
	}
	believed := map[string]store.Part{}
	for _, p := range recorded {
		believed[p.ETag] = p
	}
	byNumber := map[int][]store.Part{}
	for _, b := range list.uncommitted {
		if id, ok := parseBlockID(b.name); ok && id.nonce == u.ID {
			p := id.part(b.sizeBytes)
			if id.copied {
				p.CRC64NVME = believed[p.ETag].CRC64NVME // as the service told when it copied
			}
			byNumber[id.number] = append(byNumber[id.number], p)
		}
	}
	held := make([]store.Part, 0, len(byNumber))
	for _, same := range byNumber {
		if len(same) > 1 {
			same = slices.DeleteFunc(same, func(p store.Part) bool { return believed[p.ETag].ETag == "" })
		}
		if len(same) == 1 {
			held = append(held, same[0])
		}
	}
	slices.SortFunc(held, func(a, b store.Part) int { return cmp.Compare(a.Number, b.Number) })
	return held, nil
}

// checkUpload refuses an upload that is not one of this package.
func (s *Store) checkUpload(op string, u store.Upload) error {
	if err := s.check(op, u.Key); err != nil {
		return err
	}
	if _, ok := created(u.ID); !ok {
		return &store.Error{Op: op, Store: s.URL(), Key: u.Key, Kind: store.ErrNotFound, NotSent: true,
			Err: errors.New("the upload's id is not one of an Azure container")}
	}
	return nil
}

// blockEntry is a block as a block list names it.
type blockEntry struct {
	name      string // base64
	sizeBytes int64
}

// blockLists are a blob's blocks; etag is "" where only uncommitted blocks are.
type blockLists struct {
	committed, uncommitted []blockEntry
	etag                   string
	sizeBytes              int64
}

// blocks asks for block lists; a name without blob and blocks has empty ones.
func (s *Store) blocks(ctx context.Context, key string, which blockblob.BlockListType) (blockLists, error) {
	resp, err := s.block(key).GetBlockList(ctx, which, nil)
	if bloberror.HasCode(err, bloberror.BlobNotFound) {
		return blockLists{}, nil
	}
	if err != nil {
		return blockLists{}, err
	}
	entries := func(blocks []*blockblob.Block) []blockEntry {
		out := make([]blockEntry, len(blocks))
		for i, b := range blocks {
			out[i] = blockEntry{name: value(b.Name), sizeBytes: value(b.Size)}
		}
		return out
	}
	return blockLists{
		committed:   entries(resp.CommittedBlocks),
		uncommitted: entries(resp.UncommittedBlocks),
		etag:        quoted(string(value(resp.ETag))),
		sizeBytes:   value(resp.BlobContentLength),
	}, nil
}

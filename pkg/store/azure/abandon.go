package azure

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"

	"github.com/datagravity/datagravity/pkg/store"
)

// abortedType marks the empty blob that takes an upload's blocks away, with the upload's id behind it, so that one which
// a crash left behind is known for what it is.
const abortedType = "application/vnd.datagravity.aborted; upload="

// AbortUpload removes the upload's blocks where that harms nobody: no blob stands under the name, and all its
// uncommitted blocks are this upload's. Otherwise they stay, cost storage, and vanish with the next commit under the
// name or a week after the last of them.
func (s *Store) AbortUpload(ctx context.Context, u store.Upload) error {
	if err := s.checkUpload("abort", u); err != nil {
		if errors.Is(err, store.ErrNotFound) {
			return nil // never an upload of this container
		}
		return err
	}
	object, p, err := s.head(ctx, s.blob(u.Key), u.Key, nil)
	switch {
	case err == nil && object.Size == 0 && value(p.ContentType) == abortedType+u.ID:
		return s.Delete(ctx, store.Ref{Key: u.Key, ETag: object.ETag}) // an earlier abort died half-way
	case err == nil:
		return nil
	case !isNotFound(err):
		return s.failed("abort", u.Key, err)
	}
	list, err := s.blocks(ctx, u.Key, blockblob.BlockListTypeUncommitted)
	if err != nil {
		return s.failed("abort", u.Key, err)
	}
	for _, b := range list.uncommitted {
		if id, ok := parseBlockID(b.name); !ok || id.nonce != u.ID {
			return nil
		}
	}
	if len(list.uncommitted) == 0 {
		return nil
	}
	return s.dropBlocks(ctx, "abort", u.Key, u.ID)
}

// dropBlocks removes every uncommitted block under a name that holds no blob.
func (s *Store) dropBlocks(ctx context.Context, op, key, id string) error {
	contentType := abortedType + id
	resp, err := s.block(key).CommitBlockList(ctx, nil, &blockblob.CommitBlockListOptions{
		HTTPHeaders:      &blob.HTTPHeaders{BlobContentType: &contentType},
		AccessConditions: conditions(store.IfAbsent()),
	})
	if err != nil {
		e := s.failed(op, key, err)
		if e.Kind == store.ErrConflict {
			return nil // a blob was written meanwhile, and its commit dropped the blocks
		}
		return e
	}
	if resp.ETag == nil {
		return s.failed(op, key, errNoETag)
	}
	return s.Delete(ctx, store.Ref{Key: key, ETag: quoted(string(*resp.ETag))})
}

// clearForeign removes uncommitted blocks whose IDs have another length than ours, if no blob stands under the name.
func (s *Store) clearForeign(ctx context.Context, op, key string) error {
	if n, err := s.foreign(ctx, key); err != nil || n == 0 {
		return s.failedOrNil(op, key, err)
	}
	// One at a time and looked at again: whoever was refused before another caller cleared must not clear what was
	// staged since.
	s.clearing.Lock()
	defer s.clearing.Unlock()
	n, err := s.foreign(ctx, key)
	if err != nil || n == 0 {
		return s.failedOrNil(op, key, err)
	}
	if _, _, err := s.head(ctx, s.blob(key), key, nil); err == nil {
		return &store.Error{Op: op, Store: s.URL(), Key: key, Kind: store.ErrPermanent,
			Err: fmt.Errorf("another tool left %d uncommitted blocks under this name, with IDs of another length, and a blob stands there: "+
				"let that tool finish, or delete the blob, or wait a week for the blocks to expire", n)}
	} else if !isNotFound(err) {
		return s.failed(op, key, err)
	}
	return s.dropBlocks(ctx, op, key, newNonce(time.Now()))
}

// foreign counts the uncommitted blocks whose IDs have another length than ours.
func (s *Store) foreign(ctx context.Context, key string) (int, error) {
	list, err := s.blocks(ctx, key, blockblob.BlockListTypeUncommitted)
	n := 0
	for _, b := range list.uncommitted {
		if len(b.name) != blockIDLen {
			n++
		}
	}
	return n, err
}

// ListUploads finds our uploads to names that hold no blob or an empty one, by listing every name under prefix and asking
// for the blocks of the empty ones; it also finds what an interrupted AbortUpload left. Properties are not known. An
// upload over a blob with bytes is not listed: see the package comment.
func (s *Store) ListUploads(ctx context.Context, prefix string) ([]store.Upload, error) {
	var uploads []store.Upload
	for marker := ""; ; {
		page, err := s.list(ctx, prefix, marker, 0, container.ListBlobsInclude{UncommittedBlobs: true})
		if err != nil {
			return nil, s.failed("list-uploads", "", err)
		}
		for _, o := range page.objects {
			if o.Size != 0 {
				continue
			}
			ids := []string{}
			if id, ok := strings.CutPrefix(o.ContentType, abortedType); ok {
				ids = append(ids, id)
			}
			list, err := s.blocks(ctx, o.Key, blockblob.BlockListTypeUncommitted)
			if err != nil {
				return nil, s.failed("list-uploads", o.Key, err)
			}
			for _, b := range list.uncommitted {
				if id, ok := parseBlockID(b.name); ok {
					ids = append(ids, id.nonce)
				}
			}
			seen := map[string]bool{}
			for _, id := range ids {
				if at, ok := created(id); ok && !seen[id] {
					seen[id] = true
					uploads = append(uploads, store.Upload{Key: o.Key, ID: id, Created: at})
				}
			}
		}
		if marker = page.next; marker == "" {
			return uploads, nil
		}
	}
}

// isNotFound: there is no such blob. A HEAD has no body, so that the code may be missing.
func isNotFound(err error) bool {
	return bloberror.HasCode(err, bloberror.BlobNotFound) || statusOf(err) == 404 && !bloberror.HasCode(err, bloberror.ContainerNotFound)
}

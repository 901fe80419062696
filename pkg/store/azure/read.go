package azure

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"

	"github.com/datagravity/datagravity/pkg/store"
)

// ReadRange reads straight from the connection into p. A version id pins by itself: versions never change. Bytes behind
// the blob's end are ErrPermanent; an archived blob is too, with a hint.
func (s *Store) ReadRange(ctx context.Context, ref store.Ref, off int64, p []byte) error {
	if err := s.check("read", ref.Key); err != nil {
		return err
	}
	if len(p) == 0 {
		return nil
	}
	refuse := func(kind, err error) error {
		return &store.Error{Op: "read", Store: s.URL(), Key: ref.Key, Kind: kind, Err: err}
	}
	if off < 0 {
		return refuse(store.ErrPermanent, fmt.Errorf("offset %d is negative", off))
	}
	client, err := s.pinned(ref)
	if err != nil {
		return s.failed("read", ref.Key, err)
	}
	options := blob.DownloadStreamOptions{Range: blob.HTTPRange{Offset: off, Count: int64(len(p))}}
	if ref.Version == "" {
		options.AccessConditions = ifMatch(ref.ETag)
	}
	resp, err := client.DownloadStream(ctx, &options)
	if err != nil {
		return s.failed("read", ref.Key, err)
	}
	defer func() { _ = resp.Body.Close() }() // what was read is what counts
	if first, total, ok := contentRange(value(resp.ContentRange)); !ok || first != off {
		return refuse(store.ErrTransient, fmt.Errorf("asked for bytes from %d, the answer is %q", off, value(resp.ContentRange)))
	} else if total < off+int64(len(p)) {
		return refuse(store.ErrPermanent, fmt.Errorf("bytes %d to %d asked for, it has %d", off, off+int64(len(p)), total))
	}
	if n, err := io.ReadFull(resp.Body, p); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return refuse(store.ErrTransient, fmt.Errorf("the body ended after %d of %d bytes: %w", n, len(p), withoutURL(err)))
	}
	return nil
}

// contentRange reads "bytes FIRST-LAST/TOTAL".
func contentRange(s string) (first, total int64, ok bool) {
	span, all, ok := strings.Cut(strings.TrimPrefix(s, "bytes "), "/")
	if !ok {
		return 0, 0, false
	}
	from, _, ok := strings.Cut(span, "-")
	if !ok {
		return 0, 0, false
	}
	first, err1 := strconv.ParseInt(from, 10, 64)
	total, err2 := strconv.ParseInt(all, 10, 64)
	return first, total, err1 == nil && err2 == nil
}

package azure

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"

	"github.com/datagravity/datagravity/pkg/store"
)

// maxPage is the most entries of a List Blobs answer.
const maxPage = 5000

// List makes one request. Only committed, current blobs are listed: no snapshots, no older versions, no deleted blobs, no
// directories of a hierarchical namespace. A page may be empty and still have a Next.
//
// Azure promises lexicographic order and does not say of what; a page is put in byte order, and a page that begins
// before the end of the one before, which only names that mix characters beyond U+FFFF with U+E000 to U+FFFF could
// cause, is refused with ErrUnsupported rather than handed on out of order.
func (s *Store) List(ctx context.Context, o store.ListOptions) (store.Page, error) {
	marker, last, _ := strings.Cut(o.Token, "\n")
	l, err := s.list(ctx, o.Prefix, marker, o.Max, container.ListBlobsInclude{})
	if err != nil {
		return store.Page{}, s.failed("list", "", err)
	}
	// The interface wants versions only where a read needs them, and a listing of current blobs does not tell them.
	page := store.Page{Objects: l.objects}
	byKey := func(a, b store.Object) int { return strings.Compare(a.Key, b.Key) }
	if !slices.IsSortedFunc(page.Objects, byKey) {
		slices.SortFunc(page.Objects, byKey)
	}
	if n := len(page.Objects); n > 0 {
		if first := page.Objects[0].Key; last != "" && first <= last {
			return store.Page{}, &store.Error{Op: "list", Store: s.URL(), Key: first, Kind: store.ErrUnsupported,
				Err: fmt.Errorf("the service lists it after %q, against byte order: list a narrower prefix", last)}
		}
		last = page.Objects[n-1].Key
	}
	if l.next != "" {
		page.Next = l.next + "\n" + last
	}
	return page, nil
}

// list asks for one page of a listing.
func (s *Store) list(ctx context.Context, prefix, marker string, most int, include container.ListBlobsInclude) (*listing, error) {
	if most <= 0 || most > maxPage {
		most = maxPage
	}
	n := int32(most)
	options := container.ListBlobsFlatOptions{MaxResults: &n, Include: include}
	if prefix != "" {
		options.Prefix = &prefix
	}
	if marker != "" {
		options.Marker = &marker
	}
	l := &listing{}
	_, err := s.container.NewListBlobsFlatPager(&options).NextPage(withListing(ctx, l))
	return l, err
}

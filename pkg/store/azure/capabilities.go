package azure

import (
	"context"
	"fmt"
	"sync"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/service"

	"github.com/datagravity/datagravity/pkg/store"
)

// facts are what the account tells of itself, as far as the credential may ask.
type facts struct {
	hierarchical   bool
	versions       bool
	softDeleteDays int32
	immutable      bool
	legalHold      bool
}

// probe asks four small questions at once. An answer that is refused leaves its fact at nothing: a credential that reads
// and writes blobs often may not read the account's settings.
func probe(ctx context.Context, cc *container.Client, sc *service.Client) facts {
	var f facts
	var account, current, versioned, deleting facts
	var wg sync.WaitGroup
	wg.Go(func() {
		if r, err := cc.GetAccountInfo(ctx, nil); err == nil {
			account.hierarchical = value(r.IsHierarchicalNamespaceEnabled)
		}
	})
	wg.Go(func() {
		if r, err := cc.GetProperties(ctx, nil); err == nil {
			current.immutable, current.legalHold = value(r.HasImmutabilityPolicy), value(r.HasLegalHold)
			current.versions = value(r.IsImmutableStorageWithVersioningEnabled)
		}
	})
	wg.Go(func() {
		// The data plane does not tell whether versions are kept, but a blob of such an account has one.
		n, l := int32(1), &listing{}
		pager := cc.NewListBlobsFlatPager(&container.ListBlobsFlatOptions{MaxResults: &n, Include: container.ListBlobsInclude{Versions: true}})
		if _, err := pager.NextPage(withListing(ctx, l)); err == nil {
			versioned.versions = len(l.objects) > 0 && l.objects[0].Version != ""
		}
	})
	wg.Go(func() {
		if r, err := sc.GetProperties(ctx, nil); err == nil && r.DeleteRetentionPolicy != nil && value(r.DeleteRetentionPolicy.Enabled) {
			deleting.softDeleteDays = max(1, value(r.DeleteRetentionPolicy.Days))
		}
	})
	wg.Wait()
	f.hierarchical = account.hierarchical
	f.immutable, f.legalHold = current.immutable, current.legalHold
	f.versions = current.versions || versioned.versions
	f.softDeleteDays = deleting.softDeleteDays
	return f
}

// names are the rules of
// https://learn.microsoft.com/rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata: what the
// service refuses, and what it or clients on the way would turn into another name.
func names(hierarchical bool) store.NameRules {
	return store.NameRules{
		MaxChars:      1024,
		MaxSegments:   254,
		DotSegments:   true,
		TrailingSlash: true,
		TrailingDot:   true,
		Backslash:     true, // becomes a slash
		CRLF:          true,
		Control:       true,
		InvalidUTF8:   true,
		// Directories are real there.
		FileOrFolder:  hierarchical,
		EmptySegments: hierarchical,
	}
}

func capabilities(f facts) store.Capabilities {
	c := store.Capabilities{
		Provider:          "azure",
		RequestPrices:     "azure",
		Names:             names(f.hierarchical),
		Parts:             parts,
		PutMaxBytes:       putMaxBytes,
		CopyMaxBytes:      parts.MaxObjectBytes,
		ServerChecks:      []string{"crc64nvme", "md5"},
		Proof:             "the service checked every block's CRC64 as it arrived, each block's ID holds that CRC64, and the committed block list was read back and holds exactly these blocks and sizes",
		CopiesParts:       true,
		PartsProveObject:  true,
		ListsParts:        true,
		Versions:          f.versions,
		PreservesEncoding: true,
	}
	if f.softDeleteDays > 0 {
		c.Warnings = append(c.Warnings, fmt.Sprintf("soft delete keeps every deleted or overwritten blob for %d days and bills it, temporary objects included", f.softDeleteDays))
	}
	if f.versions {
		c.Warnings = append(c.Warnings, "versioning keeps every overwritten or deleted blob and bills it until a lifecycle rule removes it, temporary objects included")
	}
	if f.immutable {
		c.Warnings = append(c.Warnings, "an immutability policy keeps blobs from being replaced or deleted, temporary objects included")
	}
	if f.legalHold {
		c.Warnings = append(c.Warnings, "a legal hold keeps blobs from being replaced or deleted, temporary objects included")
	}
	if f.hierarchical {
		c.Warnings = append(c.Warnings, "the account has a hierarchical namespace: a key cannot be a file and a folder, and empty folders stay behind")
	}
	return c
}

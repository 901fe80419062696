package dataset

import (
	"crypto/sha256"
	"fmt"
	"io"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
	"github.com/google/go-cmp/cmp"

	"github.com/datagravity/datagravity/internal/emulator"
)

// What Azurite holds after WriteAzure, and after UpdateAzure, is the version written: these objects, no others, byte for
// byte, made of blocks and without a Content-MD5.
func TestAzure(t *testing.T) {
	a, err := emulator.StartAzurite(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := a.Stop(); err != nil {
			t.Error(err)
		}
	}()
	const prefix = "photos/train/"
	d := Make(Options{Seed: 3, Shards: 4, ShardBytes: 200 << 10, LargeBytes: []int64{9 << 20}})
	if err := d.WriteAzure(t.Context(), a, "lake", prefix); err != nil {
		t.Fatal(err)
	}
	compare(t, a, prefix, d)

	next, changes, err := d.Mutate(1)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time there is nothing left to delete
		if err := next.UpdateAzure(t.Context(), a, "lake", prefix, changes); err != nil {
			t.Fatal(err)
		}
		compare(t, a, prefix, next)
	}
}

func compare(t *testing.T, a *emulator.Azurite, prefix string, want *Dataset) {
	t.Helper()
	w, err := newAzureWriter(t.Context(), a, "lake", "")
	if err != nil {
		t.Fatal(err)
	}
	wanted := map[string]string{}
	for p, sum := range sums(want) {
		wanted[prefix+p] = sum
	}
	got := map[string]string{}
	for pager := w.client.NewListBlobsFlatPager(nil); pager.More(); {
		page, err := pager.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, item := range page.Segment.BlobItems {
			r, err := w.client.NewBlobClient(*item.Name).DownloadStream(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			// Of the listing: on a GET of at most 4 MiB Azurite computes a Content-MD5 that it does not store.
			if item.Properties.ContentMD5 != nil {
				t.Errorf("%s has a stored Content-MD5", *item.Name)
			}
			h := sha256.New()
			n, err := io.Copy(h, r.Body)
			if err != nil {
				t.Fatal(err)
			}
			if err := r.Body.Close(); err != nil {
				t.Error(err)
			}
			got[*item.Name] = fmt.Sprintf("%x", h.Sum(nil))
			wantBlocks(t, w, *item.Name, int((n+blockBytes-1)/blockBytes))
		}
	}
	if diff := cmp.Diff(wanted, got); diff != "" {
		t.Errorf("in the container:\n%s", diff)
	}
}

func wantBlocks(t *testing.T, w *azureWriter, name string, want int) {
	t.Helper()
	l, err := w.client.NewBlockBlobClient(name).GetBlockList(t.Context(), blockblob.BlockListTypeAll, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(l.CommittedBlocks) != want || len(l.UncommittedBlocks) != 0 {
		t.Errorf("%s: %d blocks and %d uncommitted, want %d", name, len(l.CommittedBlocks), len(l.UncommittedBlocks), want)
	}
}

package main

import (
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/azure"
	"github.com/datagravity/datagravity/pkg/store/s3"
	dgsync "github.com/datagravity/datagravity/pkg/sync"
	"github.com/datagravity/datagravity/pkg/sync/engine"
	"github.com/datagravity/datagravity/pkg/sync/index"
	"github.com/datagravity/datagravity/pkg/sync/plan"
)

// listed opens a container that a lister answers for.
func listed(t *testing.T, l *lister) store.Store {
	t.Helper()
	h, err := serve(l)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.close(); err != nil {
			t.Error(err)
		}
	})
	u, err := url.Parse("azblob://listed?protocol=http&localemu=true&domain=" + url.QueryEscape(h.addr))
	if err != nil {
		t.Fatal(err)
	}
	s, err := azure.Open(t.Context(), u, azure.Options{Account: "devstoreaccount1", AccountKey: "a2V5"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// destination opens a bucket that an emptyBucket answers for.
func destination(t *testing.T, e *emptyBucket) store.Store {
	t.Helper()
	t.Setenv("AWS_ACCESS_KEY_ID", "testkey")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "testsecret123")
	h, err := serve(e)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.close(); err != nil {
			t.Error(err)
		}
	})
	u, err := url.Parse("s3://bucket?region=us-east-1&use_path_style=true&endpoint=" + url.QueryEscape("http://"+h.addr))
	if err != nil {
		t.Fatal(err)
	}
	s, err := s3.Open(t.Context(), u, s3.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// Every blob is listed once, in order, in pages as large as the service's.
func TestLister(t *testing.T) {
	const blobs = 2*azurePage + 7
	l := newLister(blobs)
	s := listed(t, l)
	opened := l.pages.Load()
	got, err := index.List(t.Context(), s, index.Dataset{Name: datasetName, Prefix: datasetName + "/"}, time.Now(), nil)
	if err != nil {
		t.Fatal(err)
	}
	entries, err := got.Entries()
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != blobs || l.pages.Load()-opened != 3 {
		t.Fatalf("%d blobs in %d pages, want %d in 3", len(entries), l.pages.Load()-opened, blobs)
	}
	for i, e := range entries {
		if datasetName+"/"+e.Path != listedKey(i) || e.Size != listedBytes || e.ETag == "" || i > 0 && e.ETag == entries[i-1].ETag {
			t.Fatalf("blob %d: %+v", i, e)
		}
	}
	if err := s.ReadRange(t.Context(), store.Ref{Key: listedKey(0)}, 0, make([]byte, 1)); err == nil {
		t.Error("a blob that is nowhere was read")
	}
}

// To the sync that follows, what finished writes is what a sync left: nothing is read, nothing is moved, and nothing is asked of
// the destination. Without the need, the sync would write its receipt, and that is seen.
func TestFinished(t *testing.T) {
	const shards = 1234
	for _, needed := range []bool{true, false} {
		source, bucket := listed(t, newLister(shards)), &emptyBucket{}
		dest := destination(t, bucket)
		dir := t.TempDir()
		if err := finished(t.Context(), dir, source); err != nil {
			t.Fatal(err)
		}
		m, err := manifest.OpenDir(dir, manifest.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if !needed {
			if err := m.Update(func(tx *manifest.Tx) error { return tx.DeleteNeed(needID(datasetName, "site")) }); err != nil {
				t.Fatal(err)
			}
		}
		ledger, err := cost.OpenLedger(m, cost.LedgerOptions{Book: cost.Default()})
		if err != nil {
			t.Fatal(err)
		}
		azureEast, awsEast := store.Location{Provider: "azure", Region: "eastus"}, store.Location{Provider: "aws", Region: "us-east-1"}
		log := slog.New(slog.DiscardHandler)
		s := &dgsync.Syncer{Manifest: m, Ledger: ledger, Engine: engine.New(m, ledger, engine.Options{Log: log}), Agent: azureEast, Log: log}
		rep, err := s.Sync(t.Context(), dgsync.Request{
			Source: dgsync.Source{
				Dataset: index.Dataset{
					Name: datasetName, Store: "lake", Prefix: datasetName + "/", Format: "auto",
					Params: chunker.ParamsFor(chunker.AlgorithmTar, defaultChunkBytes),
				},
				Store: source, Location: azureEast,
			},
			Destination: dgsync.Destination{
				Destination: plan.Destination{Name: "site", Store: "site", Prefix: datasetName + "/", Location: awsEast}, Store: dest,
			},
		})
		if needed && (err != nil || !rep.Ready || rep.Ways[plan.Have].Shards != shards || rep.Learned+int(rep.MovedBytes) != 0) {
			t.Errorf("%+v, %v", rep.Summary, err)
		}
		if others := bucket.others.Load(); needed != (others == 0) {
			t.Errorf("need known %t: %d requests about objects", needed, others)
		}
		if bucket.opening.Load() == 0 {
			t.Error("opening the bucket was not counted")
		}
		err = m.View(func(tx *manifest.Tx) error {
			n := 0
			return tx.Facts(datasetName, func(f manifest.Fact) (bool, error) {
				if n++; n > 3 {
					return false, nil
				}
				if ok, err := tx.HasRecipe(f.Recipe); err != nil || !ok {
					t.Errorf("recipe of %s: %t, %v", f.Path, ok, err)
				}
				return true, nil
			})
		})
		if err != nil {
			t.Error(err)
		}
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestEmptyBucketRefusesTheRest(t *testing.T) {
	e := &emptyBucket{}
	h, err := serve(e)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/bucket?list-type=2&prefix=data%2F", "/bucket/data/x"} {
		resp, err := http.Get("http://" + h.addr + path)
		if err != nil {
			t.Fatal(err)
		}
		said, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != http.StatusForbidden || !strings.Contains(string(said), "AccessDenied") {
			t.Errorf("%s: %s %s %v", path, resp.Status, said, err)
		}
		_ = resp.Body.Close()
	}
	if e.others.Load() != 2 || e.opening.Load() != 0 {
		t.Errorf("%d and %d", e.others.Load(), e.opening.Load())
	}
	if err := h.close(); err != nil {
		t.Error(err)
	}
}

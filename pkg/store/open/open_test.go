package open_test

import (
	"crypto/rand"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/meter"
	"github.com/datagravity/datagravity/pkg/store/open"
	"github.com/datagravity/datagravity/pkg/store/retry"
)

func TestOpenFile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a b#c")
	raw := (&url.URL{Scheme: "file", Path: dir}).String()
	if _, err := open.Open(t.Context(), raw, open.Options{}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a missing directory: %v", err)
	}
	s, err := open.Open(t.Context(), raw+"?create_dir=true", open.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.Put(t.Context(), "k", []byte("x"), store.WriteOptions{Condition: store.IfAbsent()}); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(filepath.Join(dir, "k")); err != nil || string(got) != "x" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestOpenMemoryIsSharedByName(t *testing.T) {
	one, two := "mem://"+strings.ToLower(rand.Text()), "mem://"+strings.ToLower(rand.Text())
	get := func(raw string) store.Store {
		t.Helper()
		s, err := open.Open(t.Context(), raw, open.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	a := get(one + "?location=azure:eastus&min_part_bytes=3")
	if c := a.Capabilities(); c.Provider != "azure" || c.Region != "eastus" || c.RequestPrices != "azure" || c.Parts.MinBytes != 3 {
		t.Errorf("%+v", c)
	}
	if _, err := a.Put(t.Context(), "k", []byte("x"), store.WriteOptions{Condition: store.IfAbsent()}); err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := get(one).Head(t.Context(), "k"); err != nil {
		t.Errorf("the second opening: %v", err)
	}
	if _, err := get(two).Head(t.Context(), "k"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("another name: %v", err)
	}
	if _, err := open.Open(t.Context(), one+"?location=aws:us-east-1", open.Options{}); !errors.Is(err, store.ErrPermanent) {
		t.Errorf("other parameters: %v", err)
	}
	if _, ok := a.(interface{ Counters() retry.Counters }); !ok {
		t.Errorf("%T tells nothing of its retries", a)
	}
}

func TestLoopbackNeedsConsent(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "test")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "test")
	var reached atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		reached.Add(1)
		w.WriteHeader(http.StatusForbidden)
	}))
	defer server.Close()
	port := server.URL[strings.LastIndex(server.URL, ":")+1:]
	for _, host := range []string{"127.0.0.1", "localhost", "[::1]", "0.0.0.0", "[::ffff:127.0.0.1]"} {
		raw := "s3://training?region=us-east-1&use_path_style=true&endpoint=http://" + host + ":" + port
		for _, client := range []*http.Client{nil, meter.NewClient(meter.Options{})} {
			_, err := open.Open(t.Context(), raw, open.Options{HTTPClient: client})
			if store.KindOf(err) != store.ErrPermanent || !strings.Contains(err.Error(), "loopback") {
				t.Errorf("%s: %v", host, err)
			}
		}
	}
	// The emulator's address can also come from the environment, which only the dialler sees.
	t.Setenv("STORAGE_EMULATOR_HOST", "127.0.0.1:"+port)
	if _, err := open.Open(t.Context(), "gs://training", open.Options{Retry: retry.Policy{FirstWait: time.Millisecond}}); err == nil || !strings.Contains(err.Error(), "loopback") {
		t.Errorf("emulator of the environment: %v", err)
	}
	if n := reached.Load(); n != 0 {
		t.Errorf("reached %d times without consent", n)
	}
	client := meter.NewClient(meter.Options{})
	_, err := open.Open(t.Context(), "gs://training", open.Options{HTTPClient: client, AllowLoopback: true})
	if reached.Load() == 0 || meter.Totals(client).Requests == 0 {
		t.Errorf("with consent: reached %d times, metered %+v, %v", reached.Load(), meter.Totals(client), err)
	}
}

// Opening is tried again like any operation.
func TestOpenIsRetried(t *testing.T) {
	var calls atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if calls.Add(1) <= 2 {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Write([]byte(`{"kind":"storage#bucket","name":"training","location":"US-CENTRAL1","storageClass":"STANDARD"}`))
	}))
	defer server.Close()
	s, err := open.Open(t.Context(), "gs://training?endpoint="+server.URL,
		open.Options{AllowLoopback: true, Retry: retry.Policy{FirstWait: time.Millisecond}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if calls.Load() < 3 {
		t.Errorf("%d requests", calls.Load())
	}
	if r := s.Capabilities().Region; r != "us-central1" {
		t.Errorf("region %q", r)
	}
}

func TestNoNilStoreInAnInterface(t *testing.T) {
	t.Setenv("AZURE_STORAGE_ACCOUNT", "")
	s, err := open.Open(t.Context(), "azblob://shards", open.Options{})
	if err == nil || s != nil {
		t.Errorf("%T, %v", s, err)
	}
	var e *store.Error
	if !errors.As(err, &e) || e.Op != "open" {
		t.Errorf("%v is no error of a store", err)
	}
}

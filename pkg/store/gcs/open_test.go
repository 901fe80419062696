package gcs_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
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
	"github.com/datagravity/datagravity/pkg/store/gcs"
	"github.com/datagravity/datagravity/pkg/store/gcs/gcstest"
)

// counting counts the requests that pass it.
type counting struct {
	http.RoundTripper
	requests atomic.Int32
}

func (c *counting) RoundTrip(r *http.Request) (*http.Response, error) {
	c.requests.Add(1)
	return c.RoundTripper.RoundTrip(r)
}

func TestOpenRefusesURLs(t *testing.T) {
	for address, why := range map[string]string{
		"s3://bucket":                              "want gs://BUCKET",
		"gs://":                                    "want gs://BUCKET",
		"gs:///bucket":                             "want gs://BUCKET",
		"gs://bucket/prefix":                       "the prefix in the dataset",
		"gs://user:secret@bucket":                  "credentials do not belong",
		"gs://bucket?region=us":                    `unknown parameter "region"`,
		"gs://bucket?endpoint=127.0.0.1:1":         "want http://127.0.0.1:PORT or https://HOST",
		"gs://bucket?endpoint=ftp://h":             "want http://127.0.0.1:PORT or https://HOST",
		"gs://bucket?endpoint=http://example.com":  "use https",
		"gs://bucket?endpoint=http://10.0.0.1:443": "use https",
	} {
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		_, err = gcs.Open(t.Context(), u, gcs.Options{})
		kindOf(t, err, store.ErrPermanent)
		if !strings.Contains(err.Error(), why) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", address, err)
		}
	}
}

// TestEmulatorFromEnvironment: the variable is honoured, and the given client still carries every request.
func TestEmulatorFromEnvironment(t *testing.T) {
	server := gcstest.NewServer(gcstest.Options{})
	defer server.Close()
	for _, value := range []string{server.Endpoint(), strings.TrimPrefix(server.Endpoint(), "http://")} {
		t.Setenv("STORAGE_EMULATOR_HOST", value)
		count := &counting{RoundTripper: http.DefaultTransport}
		s := openWith(t, "gs://bucket", &http.Client{Transport: count})
		o, err := s.Put(t.Context(), "k", []byte("data"), store.WriteOptions{Condition: store.Always()})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.ReadRange(t.Context(), o.Ref(), 0, make([]byte, 4)); err != nil {
			t.Fatal(err)
		}
		if got := count.requests.Load(); got != 3 || s.URL() != "gs://bucket" {
			t.Errorf("%s: %d of 3 requests passed the given client", s.URL(), got)
		}
	}
}

func TestNoSuchBucket(t *testing.T) {
	server := gcstest.NewServer(gcstest.Options{})
	defer server.Close()
	u, err := url.Parse("gs://other?endpoint=" + server.Endpoint())
	if err != nil {
		t.Fatal(err)
	}
	_, err = gcs.Open(t.Context(), u, gcs.Options{})
	kindOf(t, err, store.ErrNotFound)
}

// TestSettingsForbidden: object roles do not include reading the bucket's settings.
func TestSettingsForbidden(t *testing.T) {
	_, s := serve(t, gcstest.Options{Wrap: between(func(w http.ResponseWriter, r *http.Request, _ http.Handler) bool {
		if r.URL.Path != "/storage/v1/b/bucket" {
			return false
		}
		http.Error(w, `{"error":{"code":403,"errors":[{"reason":"forbidden"}]}}`, http.StatusForbidden)
		return true
	})})
	c := s.Capabilities()
	if c.Region != "" || len(c.Warnings) != 1 || !strings.Contains(c.Warnings[0], "storage.buckets.get") {
		t.Errorf("%+v", c)
	}
}

func TestCapabilities(t *testing.T) {
	_, s := serve(t, gcstest.Options{
		Location: "EUROPE-WEST4", StorageClass: "COLDLINE", Versioning: true, SoftDelete: 7 * 24 * time.Hour, Retention: time.Hour,
	})
	c := s.Capabilities()
	if c.Provider != "gcp" || c.Region != "europe-west4" || !c.Versions || !c.PreservesEncoding || c.Parts.MaxParts != 10_000 {
		t.Errorf("%+v", c)
	}
	all := strings.Join(c.Warnings, "\n")
	for _, want := range []string{"7 days", "versioning", "1h0m0s", "COLDLINE"} {
		if !strings.Contains(all, want) {
			t.Errorf("no warning of %q in\n%s", want, all)
		}
	}
	if _, s := serve(t, gcstest.Options{}); len(s.Capabilities().Warnings) != 0 {
		t.Errorf("a plain bucket warns: %q", s.Capabilities().Warnings)
	}
}

func TestNames(t *testing.T) {
	_, s := serve(t, gcstest.Options{})
	for _, key := range []string{"", ".", "..", "a\nb", "a\rb", "\xff", ".well-known/acme-challenge/x", strings.Repeat("x", 1025)} {
		_, err := s.Put(t.Context(), key, nil, store.WriteOptions{Condition: store.Always()})
		kindOf(t, err, store.ErrName)
		if _, err := s.Head(t.Context(), key); store.KindOf(err) != store.ErrName {
			t.Errorf("head %q: %v", key, err)
		}
	}
}

// TestCredentials signs in as a service account would: the token's request and all others pass the given client, and the
// emulator's are sent without.
func TestCredentials(t *testing.T) {
	var authorized, plain atomic.Int32
	tokens := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || !strings.Contains(string(body), "assertion=") {
			t.Errorf("token request %q, %v", body, err)
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"access_token":"opensesame","token_type":"Bearer","expires_in":3600}`)
	}))
	defer tokens.Close()
	server := gcstest.NewServer(gcstest.Options{TLS: true, Wrap: between(func(_ http.ResponseWriter, r *http.Request, _ http.Handler) bool {
		if r.Header.Get("Authorization") == "Bearer opensesame" {
			authorized.Add(1)
		} else {
			plain.Add(1)
		}
		return false
	})})
	defer server.Close()
	serviceAccount(t, tokens.URL)

	count := &counting{RoundTripper: server.Client().Transport} // test servers share a certificate
	s := openWith(t, server.StoreURL(), &http.Client{Transport: count})
	if _, err := s.Put(t.Context(), "k", []byte("data"), store.WriteOptions{Condition: store.IfAbsent()}); err != nil {
		t.Fatal(err)
	}
	if a, p, c := authorized.Load(), plain.Load(), count.requests.Load(); a != 2 || p != 0 || c != 3 {
		t.Errorf("%d requests with the token and %d without; %d of 3 passed the given client", a, p, c)
	}
}

// serviceAccount makes a key file the default credentials.
func serviceAccount(t *testing.T, tokenURL string) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(map[string]string{
		"type": "service_account", "client_email": "test@example.com", "token_uri": tokenURL,
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
	})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "key.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", file)
}

func TestNoCredentials(t *testing.T) {
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", filepath.Join(t.TempDir(), "missing.json"))
	u, err := url.Parse("gs://bucket")
	if err != nil {
		t.Fatal(err)
	}
	_, err = gcs.Open(t.Context(), u, gcs.Options{})
	kindOf(t, err, store.ErrAuth)
	var e *store.Error
	if errors.As(err, &e); !e.NotSent || !strings.Contains(err.Error(), "gcloud auth application-default login") {
		t.Error(err)
	}
}

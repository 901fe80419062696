package gcs_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/gcs/gcstest"
)

// between lets a test answer in the server's place: spoil returns true if it has.
func between(spoil func(w http.ResponseWriter, r *http.Request, next http.Handler) bool) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !spoil(w, r, next) {
				next.ServeHTTP(w, r)
			}
		})
	}
}

// cut answers with half of what the server would, then breaks the connection.
func cut(w http.ResponseWriter, r *http.Request, next http.Handler) {
	rec := httptest.NewRecorder()
	next.ServeHTTP(rec, r)
	for k, v := range rec.Header() {
		w.Header()[k] = v
	}
	w.WriteHeader(rec.Code)
	_, _ = w.Write(rec.Body.Bytes()[:rec.Body.Len()/2])
	panic(http.ErrAbortHandler)
}

// lose lets the server do its work and breaks the connection instead of answering.
func lose(r *http.Request, next http.Handler) {
	next.ServeHTTP(httptest.NewRecorder(), r)
	panic(http.ErrAbortHandler)
}

func kindOf(t *testing.T, err, want error) {
	t.Helper()
	if store.KindOf(err) != want {
		t.Fatalf("got %v, want %v", err, want)
	}
}

// TestBrokenBodyIsOneRequest: the SDK's reader would go on by itself with a second request.
func TestBrokenBodyIsOneRequest(t *testing.T) {
	var reads, broken atomic.Int32
	_, s := serve(t, gcstest.Options{Wrap: between(func(w http.ResponseWriter, r *http.Request, next http.Handler) bool {
		if !strings.HasPrefix(r.URL.Path, "/bucket/") {
			return false
		}
		if reads.Add(1); broken.Load() > 0 {
			cut(w, r, next)
		}
		return false
	})})
	data := bytes.Repeat([]byte("shard"), 100_000)
	o, err := s.Put(t.Context(), "k", data, store.WriteOptions{Condition: store.IfAbsent()})
	if err != nil {
		t.Fatal(err)
	}
	broken.Store(1)
	got := make([]byte, len(data))
	kindOf(t, s.ReadRange(t.Context(), o.Ref(), 0, got), store.ErrTransient)
	if n := reads.Load(); n != 1 {
		t.Errorf("one broken read made %d requests", n)
	}
	broken.Store(0)
	if err := s.ReadRange(t.Context(), o.Ref(), 0, got); err != nil || !bytes.Equal(got, data) {
		t.Errorf("the next read: %v", err)
	}
}

// TestEveryCallIsTriedOnce: the service asks to slow down, and each method says so after one request.
func TestEveryCallIsTriedOnce(t *testing.T) {
	var requests, busy atomic.Int32
	_, s := serve(t, gcstest.Options{Wrap: between(func(w http.ResponseWriter, r *http.Request, _ http.Handler) bool {
		if busy.Load() == 0 {
			return false
		}
		requests.Add(1)
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Retry-After", "7")
		http.Error(w, `{"error":{"code":503,"message":"busy"}}`, http.StatusServiceUnavailable)
		return true
	})})
	ctx, always := t.Context(), store.WriteOptions{Condition: store.Always()}
	o, err := s.Put(ctx, "k", []byte("data"), always)
	if err != nil {
		t.Fatal(err)
	}
	u, err := s.CreateUpload(ctx, "u", store.UploadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	part, err := s.UploadPart(ctx, u, input(1, 0, []byte("data")))
	if err != nil {
		t.Fatal(err)
	}
	busy.Store(1)
	for name, call := range map[string]func() error{
		"list": func() error { _, err := s.List(ctx, store.ListOptions{}); return err },
		"head": func() error { _, err := s.Head(ctx, "k"); return err },
		"read": func() error { return s.ReadRange(ctx, o.Ref(), 0, make([]byte, 4)) },
		"put":  func() error { _, err := s.Put(ctx, "k", []byte("x"), always); return err },
		"put if absent": func() error {
			_, err := s.Put(ctx, "k", []byte("x"), store.WriteOptions{Condition: store.IfAbsent()})
			return err
		},
		"copy":          func() error { _, err := s.Copy(ctx, "c", o.Ref(), always); return err },
		"delete":        func() error { return s.Delete(ctx, o.Ref()) },
		"create upload": func() error { _, err := s.CreateUpload(ctx, "u", store.UploadOptions{}); return err },
		"part":          func() error { _, err := s.UploadPart(ctx, u, input(1, 0, []byte("data"))); return err },
		"list parts":    func() error { _, err := s.ListParts(ctx, u, nil); return err },
		"complete": func() error {
			_, err := s.CompleteUpload(ctx, u, []store.Part{part}, store.CompleteOptions{Condition: store.IfAbsent(), Size: 4})
			return err
		},
		"abort":        func() error { return s.AbortUpload(ctx, u) },
		"list uploads": func() error { _, err := s.ListUploads(ctx, ""); return err },
	} {
		t.Run(name, func(t *testing.T) {
			requests.Store(0)
			err := call()
			kindOf(t, err, store.ErrThrottled)
			var e *store.Error
			if errors.As(err, &e); e.RetryAfter != 7*time.Second || e.NotSent {
				t.Errorf("retry after %v, not sent %v", e.RetryAfter, e.NotSent)
			}
			if n := requests.Load(); n != 1 {
				t.Errorf("%d requests", n)
			}
		})
	}
}

// TestLostAnswers: what was done although no answer came is found by the next try.
func TestLostAnswers(t *testing.T) {
	for _, class := range []string{"STANDARD", "NEARLINE"} {
		t.Run(class, func(t *testing.T) {
			var losing atomic.Bool
			server, s := serve(t, gcstest.Options{StorageClass: class, Wrap: between(func(_ http.ResponseWriter, r *http.Request, next http.Handler) bool {
				final := strings.HasSuffix(r.URL.Path, "/o/k/compose") || strings.HasSuffix(r.URL.Path, "/o/k")
				if r.Method == http.MethodPost && final && losing.Swap(false) {
					lose(r, next)
				}
				return false
			})})
			u, parts, body := begin(t, s, "k", store.Properties{}, 40, 10)
			losing.Store(true)
			o := store.CompleteOptions{Condition: store.IfAbsent(), Size: int64(len(body))}
			_, err := s.CompleteUpload(t.Context(), u, parts, o)
			kindOf(t, err, store.ErrTransient)
			made, err := s.CompleteUpload(t.Context(), u, parts, o)
			if err != nil || made.Size != o.Size || made.StorageClass != class {
				t.Fatalf("the second try: %+v, %v", made, err)
			}
			only(t, server, "k")
		})
	}
}

// TestLeftovers: an object stands although what it was made of could not be removed, and whoever made it is told.
func TestLeftovers(t *testing.T) {
	var broken atomic.Bool
	server, s := serve(t, gcstest.Options{Wrap: between(func(_ http.ResponseWriter, r *http.Request, _ http.Handler) bool {
		if r.Method == http.MethodDelete && broken.Load() {
			panic(http.ErrAbortHandler)
		}
		return false
	})})
	for _, broke := range []bool{true, false} {
		u, parts, body := begin(t, s, "k", store.Properties{}, 3, 10)
		broken.Store(broke)
		left := false
		o := store.CompleteOptions{Condition: store.Always(), Size: int64(len(body)), Left: func() { left = true }}
		if _, err := s.CompleteUpload(t.Context(), u, parts, o); err != nil || left != broke {
			t.Errorf("deletes broken %v: told %v, %v", broke, left, err)
		}
		broken.Store(false)
		if broke {
			if err := s.AbortUpload(t.Context(), u); err != nil {
				t.Error(err)
			}
		}
		only(t, server, "k")
	}
}

// TestWrongObjectIsDeleted: a server that does not check what it is told makes another object than the one asked for.
func TestWrongObjectIsDeleted(t *testing.T) {
	_, s := serve(t, gcstest.Options{Wrap: between(func(_ http.ResponseWriter, r *http.Request, _ http.Handler) bool {
		if !strings.HasSuffix(r.URL.Path, "/compose") {
			return false
		}
		var req map[string]any
		if err := json.NewDecoder(r.Body).Decode(&req); err != nil {
			panic(err)
		}
		delete(req["destination"].(map[string]any), "crc32c")
		body, _ := json.Marshal(req)
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		return false
	})})
	u, parts, body := begin(t, s, "k", store.Properties{}, 3, 10)
	for i := range parts {
		parts[i].CRC32C = "" // as of a service that does not tell, so that only the whole is known
	}
	_, err := s.CompleteUpload(t.Context(), u, parts, store.CompleteOptions{
		Condition: store.IfAbsent(), Size: int64(len(body)), Checksums: store.Checksums{CRC32C: "00000001"},
	})
	kindOf(t, err, store.ErrIntegrity)
	if !strings.Contains(err.Error(), "deleted again") {
		t.Error(err)
	}
	if _, err := s.Head(t.Context(), "k"); store.KindOf(err) != store.ErrNotFound {
		t.Errorf("the wrong object stands: %v", err)
	}
	if held, err := s.ListParts(t.Context(), u, nil); err != nil || len(held) != 3 {
		t.Errorf("the parts are to stay for another try: %d, %v", len(held), err)
	}
}

// TestServedGeneration: the answer's own generation is believed, not the request.
func TestServedGeneration(t *testing.T) {
	_, s := serve(t, gcstest.Options{Wrap: between(func(_ http.ResponseWriter, r *http.Request, _ http.Handler) bool {
		r.Header.Del("X-Goog-If-Generation-Match") // as an emulator that ignores preconditions
		return false
	})})
	o, err := s.Put(t.Context(), "k", []byte("first"), store.WriteOptions{Condition: store.IfAbsent()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Put(t.Context(), "k", []byte("again"), store.WriteOptions{Condition: store.IfMatch(o.ETag)}); err != nil {
		t.Fatal(err)
	}
	kindOf(t, s.ReadRange(t.Context(), o.Ref(), 0, make([]byte, 5)), store.ErrChanged)
}

// TestUnreachable: a refused connection is provably nothing sent, except for calls of several requests.
func TestUnreachable(t *testing.T) {
	server := gcstest.NewServer(gcstest.Options{})
	client := &http.Client{Transport: &http.Transport{}}
	s := openWith(t, server.StoreURL(), client)
	u, parts, body := begin(t, s, "k", store.Properties{}, 1, 10)
	server.Close()
	client.CloseIdleConnections() // or a write to one of them fails, which proves nothing
	for name, c := range map[string]struct {
		err     error
		notSent bool
	}{
		"put": {func() error {
			_, err := s.Put(t.Context(), "k", nil, store.WriteOptions{Condition: store.IfAbsent()})
			return err
		}(), true},
		"read": {s.ReadRange(t.Context(), store.Ref{Key: "k"}, 0, make([]byte, 1)), true},
		"complete": {func() error {
			_, err := s.CompleteUpload(t.Context(), u, parts, store.CompleteOptions{Condition: store.IfAbsent(), Size: int64(len(body))})
			return err
		}(), false},
	} {
		var e *store.Error
		if !errors.As(c.err, &e) || e.Kind != store.ErrTransient || e.NotSent != c.notSent {
			t.Errorf("%s: %v, not sent %v", name, c.err, e != nil && e.NotSent)
		}
	}
}

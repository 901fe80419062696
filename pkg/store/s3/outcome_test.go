package s3

import (
	"bytes"
	"errors"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/datagravity/datagravity/pkg/store"
)

// lost serves the request as usual and then breaks the connection in place of the answer.
func lost(d *double, w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	on := d.on
	d.on = nil
	d.mu.Unlock()
	d.ServeHTTP(discard{http.Header{}}, r)
	d.mu.Lock()
	d.on = on
	d.mu.Unlock()
	panic(http.ErrAbortHandler)
}

type discard struct{ h http.Header }

func (d discard) Header() http.Header         { return d.h }
func (d discard) Write(b []byte) (int, error) { return len(b), nil }
func (d discard) WriteHeader(int)             {}

func whole(t *testing.T) (d *double, s *Store, complete func(store.Condition) (store.Object, error)) {
	t.Helper()
	d = newDouble(t, &double{knows: []string{"crc64nvme"}})
	s = d.open(t)
	u, parts, all := upload(t, s, "big")
	return d, s, func(c store.Condition) (store.Object, error) {
		return s.CompleteUpload(t.Context(), u, parts, store.CompleteOptions{Condition: c, Size: int64(len(all)), Checksums: sumsOfAll(all)})
	}
}

func (d *double) answer(op string, f func(w http.ResponseWriter, r *http.Request)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.on = func(got string, w http.ResponseWriter, r *http.Request) bool {
		if got == op {
			f(w, r)
		}
		return got == op
	}
}

func TestCompleteAnswerLost(t *testing.T) {
	d, _, complete := whole(t)
	d.answer("CompleteMultipartUpload", func(w http.ResponseWriter, r *http.Request) { lost(d, w, r) })
	o, err := complete(store.IfAbsent())
	if err != nil || o.Size != int64(len(first)+len(second)) {
		t.Fatalf("completed, but the answer was lost: %+v, %v", o, err)
	}
	// A process that died before it heard the answer comes again: the upload is gone, and the object stands.
	d.on = nil
	if _, err := complete(store.IfAbsent()); err != nil {
		t.Fatalf("completed once more: %v", err)
	}
}

func TestCompleteNotDone(t *testing.T) {
	d, _, complete := whole(t)
	d.answer("CompleteMultipartUpload", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	if _, err := complete(store.IfAbsent()); !errors.Is(err, store.ErrTransient) {
		t.Fatalf("the connection broke before the server did anything: got %v, want %v", err, store.ErrTransient)
	}
	d.on = nil
	if _, err := complete(store.IfAbsent()); err != nil {
		t.Fatalf("tried again: %v", err)
	}
}

// TestCompleteErrorInOK: S3 sends the headers of a 200 before it knows how it ends.
func TestCompleteErrorInOK(t *testing.T) {
	for _, body := range []string{
		`<?xml version="1.0" encoding="UTF-8"?>` + "\n   " + `<Error><Code>InternalError</Code><Message>We encountered an internal error.</Message></Error>`,
		``,
	} {
		d, _, complete := whole(t)
		d.answer("CompleteMultipartUpload", func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte(body)) })
		if _, err := complete(store.IfAbsent()); !errors.Is(err, store.ErrTransient) {
			t.Errorf("200 with the body %q: got %v, want %v", body, err, store.ErrTransient)
		}
	}
}

func TestCopyErrorInOK(t *testing.T) {
	d := newDouble(t, &double{knows: []string{"crc64nvme"}})
	s, _ := openAmazon(t, d, "s3://bkt")
	o := mustPut(t, s, "src", first)
	d.answer("CopyObject", func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte(`<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>`))
	})
	if _, err := s.Copy(t.Context(), "dst", o.Ref(), store.WriteOptions{Condition: store.IfAbsent()}); !errors.Is(err, store.ErrThrottled) {
		t.Errorf("got %v, want %v", err, store.ErrThrottled)
	}
}

func mustPut(t *testing.T, s *Store, key string, b []byte) store.Object {
	t.Helper()
	o, err := s.Put(t.Context(), key, b, store.WriteOptions{Condition: store.IfAbsent()})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// TestCompleteConflict: the upload is still in progress, so what stands in the way is somebody else's, however equal.
func TestCompleteConflict(t *testing.T) {
	d, s, complete := whole(t)
	other, parts, all := upload(t, s, "big")
	if _, err := s.CompleteUpload(t.Context(), other, parts, store.CompleteOptions{Condition: store.IfAbsent(), Size: int64(len(all)), Checksums: sumsOfAll(all)}); err != nil {
		t.Fatal(err)
	}
	if _, err := complete(store.IfAbsent()); !errors.Is(err, store.ErrConflict) {
		t.Fatalf("got %v, want %v", err, store.ErrConflict)
	}
	if d.count("ListParts") != 1 {
		t.Errorf("looked %d times whether the upload is gone, want once", d.count("ListParts"))
	}
}

func TestCompleteGone(t *testing.T) {
	d, s, complete := whole(t)
	d.mu.Lock()
	clear(d.uploads)
	d.mu.Unlock()
	if _, err := complete(store.IfAbsent()); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("an aborted upload: got %v, want %v", err, store.ErrNotFound)
	}
	mustPut(t, s, "big", bytes.ToUpper(append(slices.Clone(first), second...))) // of the same size
	if _, err := complete(store.IfAbsent()); !errors.Is(err, store.ErrConflict) {
		t.Errorf("an aborted upload and another object: got %v, want %v", err, store.ErrConflict)
	}
}

// TestCompositeIsNoFullObject: 8 bytes of base64 before "-N" are a checksum of checksums.
func TestCompositeIsNoFullObject(t *testing.T) {
	d := newDouble(t, &double{knows: []string{"crc64nvme"}})
	s := d.open(t)
	d.objects["composite"] = &doubled{data: first, etag: "0123456789abcdef0123456789abcdef-2", header: http.Header{}, composite: "AAAAAA==-2"}
	d.answer("HeadObject", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"0123456789abcdef0123456789abcdef-2"`)
		w.Header().Set("X-Amz-Checksum-Crc32c", "AAAAAA==-2")
		w.Header().Set("X-Amz-Checksum-Crc64nvme", sumOf("crc64nvme", first)) // of what, the type says
		w.Header().Set("X-Amz-Checksum-Type", "COMPOSITE")
	})
	o, err := s.Head(t.Context(), "composite")
	if err != nil {
		t.Fatal(err)
	}
	if !o.Checksums.IsZero() {
		t.Errorf("checksums %+v, want none", o.Checksums)
	}
}

func TestPutAnswerLost(t *testing.T) {
	d := newDouble(t, &double{knows: []string{"crc64nvme"}})
	s := d.open(t)
	d.answer("PutObject", func(w http.ResponseWriter, r *http.Request) { lost(d, w, r) })
	o, err := s.Put(t.Context(), "a", first, store.WriteOptions{Condition: store.IfAbsent()})
	if err != nil || o.ETag != md5Hex(first) {
		t.Fatalf("written, but the answer was lost: %+v, %v", o, err)
	}
	// An early 412 on a large body may close the connection: it is told apart from a failure by looking.
	d.answer("PutObject", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	if _, err := s.Put(t.Context(), "a", second, store.WriteOptions{Condition: store.IfAbsent()}); !errors.Is(err, store.ErrConflict) {
		t.Errorf("another object stands there: got %v, want %v", err, store.ErrConflict)
	}
	if _, err := s.Put(t.Context(), "a", second, store.WriteOptions{Condition: store.IfMatch(o.ETag)}); !errors.Is(err, store.ErrTransient) {
		t.Errorf("nothing changed: got %v, want %v", err, store.ErrTransient)
	}
	if _, err := s.Put(t.Context(), "a", second, store.WriteOptions{Condition: store.IfMatch("stale")}); !errors.Is(err, store.ErrConflict) {
		t.Errorf("the key holds something else: got %v, want %v", err, store.ErrConflict)
	}
	if _, err := s.Put(t.Context(), "b", second, store.WriteOptions{Condition: store.IfMatch("stale")}); !errors.Is(err, store.ErrConflict) {
		t.Errorf("the key holds nothing: got %v, want %v", err, store.ErrConflict)
	}
}

func TestSlowDown(t *testing.T) {
	d := newDouble(t, &double{knows: []string{"crc64nvme"}})
	s := d.open(t)
	d.answer("PutObject", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Retry-After", "7")
		refuse(w, 503, "SlowDown", "Please reduce your request rate.")
	})
	_, err := s.Put(t.Context(), "a", first, store.WriteOptions{Condition: store.IfAbsent()})
	var e *store.Error
	if !errors.As(err, &e) || e.Kind != store.ErrThrottled || e.RetryAfter != 7*time.Second || e.NotSent {
		t.Fatalf("got %#v", err)
	}
	if n := d.count("PutObject"); n != 1 {
		t.Errorf("%d requests, want one: retrying is not the store's", n)
	}
}

package gcstest_test

import (
	"bytes"
	"errors"
	"net/http"
	"strings"
	"testing"

	"cloud.google.com/go/storage"
	"google.golang.org/api/googleapi"
	"google.golang.org/api/option"

	"github.com/datagravity/datagravity/pkg/store/gcs/gcstest"
)

func bucket(t *testing.T, o gcstest.Options) (*gcstest.Server, *storage.BucketHandle) {
	t.Helper()
	s := gcstest.NewServer(o)
	t.Cleanup(s.Close)
	c, err := storage.NewClient(t.Context(), option.WithEndpoint(s.Endpoint()+"/storage/v1/"), option.WithoutAuthentication())
	if err != nil {
		t.Fatal(err)
	}
	c.SetRetry(storage.WithPolicy(storage.RetryNever))
	return s, c.Bucket("bucket")
}

func put(t *testing.T, o *storage.ObjectHandle, chunk int, data []byte, change func(*storage.Writer)) (*storage.ObjectAttrs, error) {
	t.Helper()
	w := o.NewWriter(t.Context())
	w.ChunkSize = chunk
	if change != nil {
		change(w)
	}
	_, err := w.Write(data)
	if closed := w.Close(); closed != nil {
		err = closed
	}
	if err != nil {
		return nil, err
	}
	return w.Attrs(), nil
}

func code(err error) int {
	var e *googleapi.Error
	if errors.As(err, &e) {
		return e.Code
	}
	return 0
}

// TestUploadsCheckWhatTheyAreTold: every kind of upload refuses other bytes than promised, and a precondition that does not
// hold.
func TestUploadsCheckWhatTheyAreTold(t *testing.T) {
	data := bytes.Repeat([]byte("x"), 600<<10)
	for kind, chunk := range map[string]int{"multipart": 0, "resumable": 256 << 10} {
		s, b := bucket(t, gcstest.Options{})
		_, err := put(t, b.Object("k"), chunk, data, func(w *storage.Writer) { w.CRC32C, w.SendCRC32C = 1, true })
		if code(err) != 400 || !strings.Contains(err.Error(), "CRC32C") {
			t.Errorf("%s with a bad CRC32C: %v", kind, err)
		}
		if _, err := put(t, b.Object("k"), chunk, data, func(w *storage.Writer) { w.MD5 = make([]byte, 16) }); code(err) != 400 {
			t.Errorf("%s with a bad MD5: %v", kind, err)
		}
		if len(s.Objects()) > 0 {
			t.Fatalf("%s: a refused upload left an object", kind)
		}
		if a, err := put(t, b.Object("k"), chunk, data, nil); err != nil || a.Size != int64(len(data)) {
			t.Fatalf("%s: %v", kind, err)
		}
		if _, err := put(t, b.Object("k").If(storage.Conditions{DoesNotExist: true}), chunk, data, nil); code(err) != 412 {
			t.Errorf("%s over an object if absent: %v", kind, err)
		}
	}
	s, _ := bucket(t, gcstest.Options{})
	for sum, want := range map[string]int{"AAAAAA==": 400, "": 200} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.Endpoint()+"/upload/storage/v1/b/bucket/o?uploadType=media&name=k", strings.NewReader("data"))
		if err != nil {
			t.Fatal(err)
		}
		if sum != "" {
			req.Header.Set("X-Goog-Hash", "crc32c="+sum)
		}
		resp, err := s.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if err := resp.Body.Close(); err != nil || resp.StatusCode != want {
			t.Errorf("media with CRC32C %q: %s", sum, resp.Status)
		}
	}
}

// TestPreconditions tries a stale generation on every method that takes one.
func TestPreconditions(t *testing.T) {
	_, b := bucket(t, gcstest.Options{})
	ctx, k := t.Context(), b.Object("k")
	old, err := put(t, k, 0, []byte("first"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := put(t, k, 0, []byte("second"), nil); err != nil {
		t.Fatal(err)
	}
	stale := storage.Conditions{GenerationMatch: old.Generation}
	for name, c := range map[string]struct {
		call func() error
		want int
	}{
		"attrs":              {func() error { _, err := k.If(stale).Attrs(ctx); return err }, 412},
		"read":               {func() error { _, err := k.If(stale).NewReader(ctx); return err }, 412},
		"attrs, not":         {func() error { _, err := k.If(storage.Conditions{MetagenerationNotMatch: 1}).Attrs(ctx); return err }, 304},
		"delete":             {func() error { return k.If(stale).Delete(ctx) }, 412},
		"delete generation":  {func() error { return k.Generation(old.Generation).Delete(ctx) }, 404},
		"compose to":         {func() error { _, err := k.If(stale).ComposerFrom(k).Run(ctx); return err }, 412},
		"compose from":       {func() error { _, err := b.Object("c").ComposerFrom(k.If(stale)).Run(ctx); return err }, 412},
		"compose generation": {func() error { _, err := b.Object("c").ComposerFrom(k.Generation(old.Generation)).Run(ctx); return err }, 404},
		"copy to":            {func() error { _, err := k.If(stale).CopierFrom(k).Run(ctx); return err }, 412},
		"copy from":          {func() error { _, err := b.Object("c").CopierFrom(k.If(stale)).Run(ctx); return err }, 412},
		"copy generation":    {func() error { _, err := b.Object("c").CopierFrom(k.Generation(old.Generation)).Run(ctx); return err }, 404},
	} {
		err := c.call()
		got := code(err)
		if errors.Is(err, storage.ErrObjectNotExist) {
			got = 404
		}
		if got != c.want {
			t.Errorf("%s: got %d (%v), want %d", name, got, err, c.want)
		}
	}
	if a, err := k.Attrs(ctx); err != nil || a.Size != 6 {
		t.Errorf("a refused request changed the object: %v, %v", a, err)
	}
}

func TestCompose(t *testing.T) {
	s, b := bucket(t, gcstest.Options{})
	ctx, k := t.Context(), b.Object("k")
	if _, err := put(t, k, 0, []byte("ab"), nil); err != nil {
		t.Fatal(err)
	}
	if _, err := put(t, b.Object("cold"), 0, []byte("cd"), func(w *storage.Writer) { w.StorageClass = "COLDLINE" }); err != nil {
		t.Fatal(err)
	}
	from := func(n int) []*storage.ObjectHandle {
		var src []*storage.ObjectHandle
		for range n {
			src = append(src, k)
		}
		return src
	}
	if _, err := b.Object("c").ComposerFrom(from(33)...).Run(ctx); code(err) != 400 {
		t.Errorf("33 sources: %v", err)
	}
	if _, err := b.Object("c").ComposerFrom(k, b.Object("cold")).Run(ctx); code(err) != 400 {
		t.Errorf("two classes: %v", err)
	}
	c := b.Object("c").ComposerFrom(from(2)...)
	c.SendCRC32C = true // and a CRC32C of 0
	if _, err := c.Run(ctx); code(err) != 400 {
		t.Errorf("a bad CRC32C: %v", err)
	}
	if n := len(s.Objects()); n != 2 {
		t.Errorf("refused composes left %d objects", n)
	}
	a, err := b.Object("c").ComposerFrom(from(32)...).Run(ctx)
	if err != nil || a.Size != 64 || len(a.MD5) != 0 || a.ComponentCount != 32 {
		t.Errorf("32 sources: %+v, %v", a, err)
	}
}

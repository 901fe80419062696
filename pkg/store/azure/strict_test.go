package azure_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/minio/crc64nvme"

	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/azure"
)

// These tests hold the store against what no emulator does: a service that counts blocks, mixes up a commit, answers late
// or is changed by somebody else between two requests.

// uploaded stages parts of 4, 4 and 2 bytes at the double.
func uploaded(t *testing.T, d *double, s *azure.Store) (store.Upload, []store.Part, store.CompleteOptions) {
	t.Helper()
	d.on("blocklist", refuse(404, "BlobNotFound", ""))
	d.on("block", status(201))
	u, err := s.CreateUpload(t.Context(), "k", store.UploadOptions{Size: 10})
	if err != nil {
		t.Fatal(err)
	}
	body := []byte("0123456789")
	var held []store.Part
	for i, off := range []int64{0, 4, 8} {
		data := body[off:min(off+4, 10)]
		p, err := s.UploadPart(t.Context(), u, store.PartInput{Number: i + 1, Offset: off, Data: data, CRC64NVME: crc64nvme.Checksum(data)})
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, p)
	}
	return u, held, store.CompleteOptions{Condition: store.IfAbsent(), Size: 10,
		Checksums: store.Checksums{CRC64NVME: store.Hex64(crc64nvme.Checksum(body))}}
}

// committed answers a block list.
func committed(etag string, size int64, held ...store.Part) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("ETag", etag)
		w.Header().Set("x-ms-blob-content-length", fmt.Sprint(size))
		fmt.Fprint(w, `<?xml version="1.0" encoding="utf-8"?><BlockList><CommittedBlocks>`)
		for _, p := range held {
			fmt.Fprintf(w, `<Block><Name>%s</Name><Size>%d</Size></Block>`, p.ETag, p.Size)
		}
		fmt.Fprint(w, `</CommittedBlocks></BlockList>`)
	}
}

func TestCommittedListIsCompared(t *testing.T) {
	for _, c := range []struct {
		name    string
		list    func([]store.Part) []store.Part
		size    int64
		etag    string
		kind    error
		deleted bool
	}{
		{name: "as meant", list: func(p []store.Part) []store.Part { return p }, size: 10},
		{name: "a block twice", list: func(p []store.Part) []store.Part { return []store.Part{p[0], p[1], p[1], p[2]} }, size: 14, kind: store.ErrIntegrity, deleted: true},
		{name: "a block lost", list: func(p []store.Part) []store.Part { return p[:2] }, size: 8, kind: store.ErrIntegrity, deleted: true},
		{name: "two swapped", list: func(p []store.Part) []store.Part { return []store.Part{p[1], p[0], p[2]} }, size: 10, kind: store.ErrIntegrity, deleted: true},
		{name: "another size", list: func(p []store.Part) []store.Part { q := slices.Clone(p); q[2].Size = 3; return q }, size: 11, kind: store.ErrIntegrity, deleted: true},
		{name: "a foreign block", list: func(p []store.Part) []store.Part { q := slices.Clone(p); q[1].ETag = "Zm9yZWlnbg=="; return q }, size: 10, kind: store.ErrIntegrity, deleted: true},
		{name: "written since", list: func(p []store.Part) []store.Part { return p[:1] }, size: 4, etag: `"0xOTHER"`, kind: store.ErrConflict},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, s := newDouble(t)
			u, held, o := uploaded(t, d, s)
			etag := c.etag
			if etag == "" {
				etag = `"0xNEW"`
			}
			d.on("commit", func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("If-None-Match") != "*" {
					t.Errorf("the commit has no condition: %v", r.Header)
				}
				status(201, "ETag", `"0xNEW"`)(w, r)
			})
			d.on("blocklist", committed(etag, c.size, c.list(held)...))
			d.on("head", properties(etag, c.size))
			d.on("delete", func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("If-Match") != `"0xNEW"` {
					t.Errorf("the delete has no condition: %v", r.Header)
				}
				w.WriteHeader(202)
			})
			object, err := s.CompleteUpload(t.Context(), u, held, o)
			if store.KindOf(err) != c.kind {
				t.Fatalf("got %v, want %v", err, c.kind)
			}
			if err == nil && (object.Size != 10 || object.ETag != `"0xNEW"` || !object.Checksums.IsZero()) {
				t.Errorf("got %+v", object)
			}
			if got := slices.Contains(d.requests(), "delete"); got != c.deleted {
				t.Errorf("deleted: %v, want %v", got, c.deleted)
			}
		})
	}
}

func TestCommitIsNotSentForWrongParts(t *testing.T) {
	d, s := newDouble(t)
	u, held, o := uploaded(t, d, s)
	before := len(d.requests())
	wrong := o
	wrong.Checksums.CRC64NVME = store.Hex64(1)
	if _, err := s.CompleteUpload(t.Context(), u, held, wrong); store.KindOf(err) != store.ErrIntegrity {
		t.Errorf("with the CRC64 of other bytes: %v", err)
	}
	if _, err := s.CompleteUpload(t.Context(), u, held[:2], o); store.KindOf(err) != store.ErrIntegrity {
		t.Errorf("without the last part: %v", err)
	}
	if _, err := s.CompleteUpload(t.Context(), u, held, store.CompleteOptions{Size: 10}); store.KindOf(err) != store.ErrPermanent {
		t.Errorf("without a condition: %v", err)
	}
	if got := d.requests()[before:]; len(got) != 0 {
		t.Errorf("requests were made: %v", got)
	}
}

func TestCommitOfUnknownOutcome(t *testing.T) {
	d, s := newDouble(t)
	u, held, o := uploaded(t, d, s)
	d.on("commit", refuse(500, "OperationTimedOut", "")) // and yet it was done
	if _, err := s.CompleteUpload(t.Context(), u, held, o); store.KindOf(err) != store.ErrTransient {
		t.Fatalf("got %v", err)
	}
	d.on("blocklist", committed(`"0xNEW"`, 10, held...))
	d.on("head", properties(`"0xNEW"`, 10))
	for _, code := range []string{"BlobAlreadyExists", "ConditionNotMet", "InvalidBlockList"} {
		d.on("commit", refuse(map[string]int{"BlobAlreadyExists": 409, "ConditionNotMet": 412, "InvalidBlockList": 400}[code], code, ""))
		if object, err := s.CompleteUpload(t.Context(), u, held, o); err != nil || object.ETag != `"0xNEW"` {
			t.Errorf("%s: got %+v, %v", code, object, err)
		}
	}
	d.on("blocklist", committed(`"0xOTHER"`, 4, held[0]))
	for code, kind := range map[string]error{"BlobAlreadyExists": store.ErrConflict, "InvalidBlockList": store.ErrNotFound} {
		d.on("commit", refuse(map[string]int{"BlobAlreadyExists": 409, "InvalidBlockList": 400}[code], code, ""))
		if _, err := s.CompleteUpload(t.Context(), u, held, o); store.KindOf(err) != kind {
			t.Errorf("%s over another blob: %v", code, err)
		}
	}
}

func TestBlockLimitIsRefusedBeforeBytesAreSent(t *testing.T) {
	d, s := newDouble(t)
	u, _, _ := uploaded(t, d, s)
	before := len(d.requests())
	limits := s.Capabilities().Parts
	for name, p := range map[string]store.PartInput{
		"block 50,001": {Number: 50_001, Data: []byte("x")},
		"block 0":      {Number: 0, Data: []byte("x")},
		"empty block":  {Number: 1},
		"beyond":       {Number: 1, Offset: limits.MaxObjectBytes, Data: []byte("x")},
		"negative":     {Number: 1, Offset: -1, Data: []byte("x")},
	} {
		var e *store.Error
		if _, err := s.UploadPart(t.Context(), u, p); !errors.As(err, &e) || e.Kind != store.ErrPermanent || !e.NotSent {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := s.CreateUpload(t.Context(), "k", store.UploadOptions{Size: limits.MaxObjectBytes + 1}); store.KindOf(err) != store.ErrPermanent {
		t.Errorf("too large an object: %v", err)
	}
	if got := d.requests()[before:]; len(got) != 0 {
		t.Errorf("requests were made: %v", got)
	}
	if limits.MaxParts != 50_000 || limits.MaxBytes != 4000<<20 || limits.MaxObjectBytes != 209_715_200_000_000 {
		t.Errorf("limits are %+v", limits)
	}
}

func TestListOrderAcrossPages(t *testing.T) {
	d, s := newDouble(t)
	d.on("list", listing("marker", "b", "a", "c"))
	page, err := s.List(t.Context(), store.ListOptions{})
	if err != nil || len(page.Objects) != 3 || page.Objects[0].Key != "a" || page.Next == "" {
		t.Fatalf("got %+v, %v", page, err)
	}
	d.on("list", func(w http.ResponseWriter, r *http.Request) {
		if got := r.URL.Query().Get("marker"); got != "marker" {
			t.Errorf("the marker is %q", got)
		}
		listing("", "d")(w, r)
	})
	if page, err = s.List(t.Context(), store.ListOptions{Token: page.Next}); err != nil || page.Next != "" {
		t.Fatalf("got %+v, %v", page, err)
	}
	d.on("list", listing("", "bb"))
	if _, err := s.List(t.Context(), store.ListOptions{Token: "marker\nc"}); store.KindOf(err) != store.ErrUnsupported {
		t.Errorf("a page that goes back: %v", err)
	}
}

func TestCopyThatTakesTime(t *testing.T) {
	type step = http.HandlerFunc
	pending := properties(`"0xP"`, 10, "x-ms-copy-id", "copy-1", "x-ms-copy-status", "pending")
	for _, c := range []struct {
		name  string
		steps []step // answers to HEAD after the source's
		kind  error
		last  string
	}{
		{"done later", []step{pending, pending, properties(`"0xC"`, 10, "x-ms-copy-id", "copy-1", "x-ms-copy-status", "success")}, nil, "head"},
		{"failed", []step{pending, properties(`"0xC"`, 0, "x-ms-copy-id", "copy-1", "x-ms-copy-status", "failed", "x-ms-copy-status-description", "500 InternalError")}, store.ErrTransient, "delete"},
		{"written by somebody else", []step{pending, properties(`"0xO"`, 10)}, store.ErrConflict, "head"},
		{"too short", []step{properties(`"0xC"`, 9, "x-ms-copy-id", "copy-1", "x-ms-copy-status", "success")}, store.ErrIntegrity, "delete"},
		{"other bytes", []step{properties(`"0xC"`, 10, "Content-MD5", "1B2M2Y8AsgTpgAmY7PhCfg==", "x-ms-copy-id", "copy-1", "x-ms-copy-status", "success")}, store.ErrIntegrity, "delete"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, s := newDouble(t)
			steps := append([]step{properties(`"0xS"`, 10, "Content-MD5", "XrY7u+Ae7tCTyyK7j1rNww==")}, c.steps...)
			d.on("head", func(w http.ResponseWriter, r *http.Request) {
				steps[0](w, r)
				steps = steps[min(1, len(steps)-1):]
			})
			d.on("copy-from", func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("x-ms-source-if-match") != `"0xS"` || r.Header.Get("If-None-Match") != "*" {
					t.Errorf("conditions are missing: %v", r.Header)
				}
				status(202, "ETag", `"0xP"`, "x-ms-copy-id", "copy-1", "x-ms-copy-status", "pending")(w, r)
			})
			d.on("delete", status(202))
			object, err := s.Copy(t.Context(), "to", store.Ref{Key: "from", ETag: `"0xS"`}, store.WriteOptions{Condition: store.IfAbsent()})
			if store.KindOf(err) != c.kind || err == nil && object.ETag != `"0xC"` {
				t.Errorf("got %+v, %v; want %v", object, err, c.kind)
			}
			if got := d.requests(); got[len(got)-1] != c.last {
				t.Errorf("the last request is not %s: %v", c.last, got)
			}
			noSecret(t, err)
		})
	}
}

func TestCopyIsAbandonedWithItsContext(t *testing.T) {
	d, s := newDouble(t)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	aborted := make(chan string, 1)
	d.on("head", properties(`"0xS"`, 0, "x-ms-copy-id", "copy-1", "x-ms-copy-status", "pending"))
	d.on("copy-from", status(202, "ETag", `"0xP"`, "x-ms-copy-id", "copy-1", "x-ms-copy-status", "pending"))
	d.on("copy", func(w http.ResponseWriter, r *http.Request) {
		aborted <- r.URL.Query().Get("copyid")
		w.WriteHeader(204)
	})
	d.on("delete", status(202))
	_, err := s.Copy(ctx, "to", store.Ref{Key: "from"}, store.WriteOptions{Condition: store.IfAbsent()})
	if store.KindOf(err) != store.ErrTransient || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	if id := <-aborted; id != "copy-1" {
		t.Errorf("copy %q was aborted", id)
	}
	if got := d.requests(); got[len(got)-1] != "delete" {
		t.Errorf("what the abort left is still there: %v", got)
	}
}

func TestPendingCopyIsNoObject(t *testing.T) {
	d, s := newDouble(t)
	d.on("head", properties(`"0x1"`, 10, "x-ms-copy-id", "c", "x-ms-copy-status", "pending"))
	if _, err := s.Head(t.Context(), "k"); store.KindOf(err) != store.ErrTransient {
		t.Errorf("got %v", err)
	}
}

func TestVersionPinsAlone(t *testing.T) {
	d, s := newDouble(t)
	const version = "2026-11-25T12:34:56.7890123Z"
	d.on("get", func(w http.ResponseWriter, r *http.Request) {
		if got := r.URL.Query().Get("versionid"); got != version || r.Header.Get("If-Match") != "" || r.URL.Query().Get("sig") != canary {
			t.Errorf("asked for %q with %q", r.URL.RawQuery, r.Header.Get("If-Match"))
		}
		if want := "/account/container/a//b c%?é"; r.URL.Path != want {
			t.Errorf("the path is %q, want %q", r.URL.Path, want)
		}
		status(206, "Content-Range", "bytes 0-0/1", "Content-Length", "1")(w, r)
		fmt.Fprint(w, "x")
	})
	if err := s.ReadRange(t.Context(), store.Ref{Key: "a//b c%?é", ETag: `"0x1"`, Version: version}, 0, make([]byte, 1)); err != nil {
		t.Error(err)
	}
}

func TestAccountFacts(t *testing.T) {
	d, s := newDouble(t)
	if c := s.Capabilities(); c.Versions || len(c.Warnings) != 0 || c.Names.FileOrFolder {
		t.Errorf("an account that answers nothing: %+v", c)
	}
	d.on("account", status(200, "x-ms-is-hns-enabled", "true"))
	d.on("container", status(200, "x-ms-has-immutability-policy", "true", "x-ms-has-legal-hold", "true"))
	d.on("service", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `<StorageServiceProperties><DeleteRetentionPolicy><Enabled>true</Enabled><Days>7</Days></DeleteRetentionPolicy></StorageServiceProperties>`)
	})
	d.on("list", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, `<EnumerationResults><Blobs><Blob><Name>a</Name>`)
		if strings.Contains(r.URL.Query().Get("include"), "versions") {
			fmt.Fprint(w, `<VersionId>2026-11-25T12:34:56.7890123Z</VersionId>`)
		}
		fmt.Fprint(w, `</Blob></Blobs></EnumerationResults>`)
	})
	c := reopen(t, d).Capabilities()
	if !c.Versions || !c.Names.FileOrFolder || len(c.Warnings) != 5 || !strings.Contains(c.Warnings[0], "7 days") {
		t.Errorf("got %+v", c)
	}
	if strings.Contains(s.URL(), canary) {
		t.Errorf("the URL shows the secret: %s", s.URL())
	}
}

func TestCopiedBlock(t *testing.T) {
	for _, c := range []struct {
		name   string
		answer http.HandlerFunc
		kind   error
		crc    string
	}{
		// The value is little-endian on the wire: 0xae8b14860a799888 of "123456789".
		{"with its checksum", status(201, "x-ms-content-crc64", "iJh5CoYUi64="), nil, "ae8b14860a799888"},
		{"without one", status(201), nil, ""},
		{"of a replaced source", refuse(412, "SourceConditionNotMet", "?sig="+canary), store.ErrChanged, ""},
		{"of an absent source", refuse(404, "CannotVerifyCopySource", "sig="+canary), store.ErrNotFound, ""},
		{"past the end", refuse(416, "InvalidRange", "sig="+canary), store.ErrPermanent, ""},
		{"that may not be read", refuse(403, "CannotVerifyCopySource", "sig="+canary), store.ErrPermission, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, s := newDouble(t)
			d.on("blocklist", refuse(404, "BlobNotFound", ""))
			u, err := s.CreateUpload(t.Context(), "k", store.UploadOptions{Size: 9, CopiesParts: true})
			if err != nil {
				t.Fatal(err)
			}
			d.on("block", func(w http.ResponseWriter, r *http.Request) {
				h := r.Header
				if h.Get("x-ms-source-if-match") != `"0xS"` || h.Get("x-ms-source-range") != "bytes=3-11" || h.Get("x-ms-copy-source-authorization") != "" ||
					!strings.HasSuffix(strings.Split(h.Get("x-ms-copy-source"), "?")[0], "/container/from") {
					t.Errorf("asked with %v", h)
				}
				c.answer(w, r)
			})
			p, err := s.CopyPart(t.Context(), u, store.PartCopy{Number: 1, Size: 9, Source: store.Ref{Key: "from", ETag: `"0xS"`}, SourceOffset: 3})
			if store.KindOf(err) != c.kind || p.CRC64NVME != c.crc {
				t.Errorf("got %+v, %v; want %v", p, err, c.kind)
			}
			if err == nil {
				return
			}
			noSecret(t, err)
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("the error has more than one line: %v", err)
			}
		})
	}
}

package s3

import (
	"bytes"
	"encoding/xml"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/datagravity/datagravity/pkg/store"
)

// copies answers UploadPartCopy with what the source's range holds, whatever range was asked for; kept is what it keeps.
func (d *double) copies(t *testing.T, data, kept []byte, refusesRanges bool) {
	d.answer("UploadPart", func(w http.ResponseWriter, r *http.Request) {
		d.mu.Lock()
		defer d.mu.Unlock()
		if r.Header.Get("X-Amz-Copy-Source-If-Match") == "" {
			t.Error("the source is not pinned")
		}
		if refusesRanges && r.Header.Get("X-Amz-Copy-Source-Range") != "" {
			refuse(w, 400, "InvalidRequest", "The specified copy source is not supported as a byte-range copy source")
			return
		}
		d.uploads[r.URL.Query().Get("uploadId")].parts[1] = kept
		if err := xml.NewEncoder(w).Encode(struct {
			XMLName           xml.Name `xml:"CopyPartResult"`
			ETag              string
			ChecksumCRC64NVME string
		}{ETag: `"` + md5Hex(data) + `"`, ChecksumCRC64NVME: sumOf("crc64nvme", data)}); err != nil {
			t.Error(err)
		}
	})
}

// TestCopiedPartOnAmazon: the service's own checksum of the part is passed on.
func TestCopiedPartOnAmazon(t *testing.T) {
	d := newDouble(t, &double{knows: []string{"crc64nvme"}})
	s, _ := openAmazon(t, d, "s3://bkt")
	src := mustPut(t, s, "src", first)
	for _, c := range []struct {
		name          string
		offset, size  int64
		refusesRanges bool
		kind          error
	}{
		{"a range", 6, 12, false, nil},
		{"the whole of a small source", 0, src.Size, true, nil},
		{"a range of a small source", 6, 12, true, store.ErrUnsupported},
	} {
		t.Run(c.name, func(t *testing.T) {
			u, err := s.CreateUpload(t.Context(), "dst", store.UploadOptions{CopiesParts: true})
			if err != nil {
				t.Fatal(err)
			}
			data := first[c.offset : c.offset+c.size]
			d.copies(t, data, data, c.refusesRanges)
			p, err := s.CopyPart(t.Context(), u, store.PartCopy{Number: 1, Size: c.size, Source: src.Ref(), SourceOffset: c.offset})
			if !errors.Is(err, c.kind) {
				t.Fatalf("got %v, want %v", err, c.kind)
			}
			if want := sumsOfAll(data).CRC64NVME; err == nil && p.CRC64NVME != want {
				t.Errorf("the part's checksum is %q, the service said %s", p.CRC64NVME, want)
			}
		})
	}
}

// TestAssembledElsewhere: what another server tells of an object with copied parts is passed on only if it is right, and is no
// reason to refuse an object whose ETag says that it is made of the right parts.
func TestAssembledElsewhere(t *testing.T) {
	want := sumsOfAll(first)
	other := bytes.ToUpper(first)
	for _, c := range []struct {
		name  string
		kept  []byte
		head  http.Header
		kind  error
		knows store.Checksums
	}{
		{"nothing", first, http.Header{}, nil, store.Checksums{}},
		{"the right checksum", first, http.Header{"X-Amz-Checksum-Crc64nvme": {sumOf("crc64nvme", first)}}, nil, store.Checksums{CRC64NVME: want.CRC64NVME}},
		{"that of other bytes", first, http.Header{"X-Amz-Checksum-Crc64nvme": {sumOf("crc64nvme", other)}}, nil, store.Checksums{}},
		{"the ETag of other parts", other, http.Header{}, store.ErrIntegrity, store.Checksums{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newDouble(t, &double{knows: []string{"crc64nvme"}})
			s := d.open(t)
			src := mustPut(t, s, "src", first)
			u, err := s.CreateUpload(t.Context(), "dst", store.UploadOptions{CopiesParts: true})
			if err != nil {
				t.Fatal(err)
			}
			d.copies(t, first, c.kept, false)
			p, err := s.CopyPart(t.Context(), u, store.PartCopy{Number: 1, Size: src.Size, Source: src.Ref()})
			if err != nil || p.CRC64NVME != "" {
				t.Fatalf("a copied part says %q, %v; no checksum of a range is believed here", p.CRC64NVME, err)
			}
			d.answer("HeadObject", func(w http.ResponseWriter, r *http.Request) {
				d.mu.Lock()
				defer d.mu.Unlock()
				o := d.objects["dst"]
				o.header = c.head
				d.get(w, r, "dst")
			})
			o, err := s.CompleteUpload(t.Context(), u, []store.Part{p},
				store.CompleteOptions{Condition: store.IfAbsent(), Size: src.Size, Checksums: want})
			if !errors.Is(err, c.kind) || o.Checksums != c.knows {
				t.Errorf("got %+v, %v; want %+v, %v", o.Checksums, err, c.knows, c.kind)
			}
		})
	}
}

// TestSentPartBesideCopiedOnes has a checksum that an upload without an algorithm takes; the double refuses any other.
func TestSentPartBesideCopiedOnes(t *testing.T) {
	d := newDouble(t, &double{knows: []string{"crc64nvme"}})
	s := d.open(t)
	mustPut(t, s, "k", first) // settles the mode
	u, err := s.CreateUpload(t.Context(), "dst", store.UploadOptions{CopiesParts: true})
	if err != nil {
		t.Fatal(err)
	}
	var sent http.Header
	d.on = func(op string, _ http.ResponseWriter, r *http.Request) bool {
		if op == "UploadPart" {
			sent = r.Header.Clone()
		}
		return false
	}
	p, err := s.UploadPart(t.Context(), u, partOf(1, 0, first))
	if err != nil {
		t.Fatal(err)
	}
	if sent.Get("Content-Md5") == "" || sent.Get("X-Amz-Checksum-Crc64nvme") != "" {
		t.Errorf("the part went with %v", sent)
	}
	if d.uploads[u.ID].algorithm != "" {
		t.Errorf("the upload was made with %q", d.uploads[u.ID].algorithm)
	}
	if _, err := s.CompleteUpload(t.Context(), u, []store.Part{p}, store.CompleteOptions{Condition: store.IfAbsent(), Size: p.Size}); err != nil {
		t.Error(err)
	}
	if c := s.Capabilities(); strings.Join(c.ServerChecks, "") != "crc64nvme" {
		t.Errorf("other uploads now go with %v", c.ServerChecks)
	}
}

// TestServerSumsWhatItAssembled keeps what versitygw 1.8.0 tells of an object with copied parts: a checksum that it was never sent.
// When this fails, such objects are read back to be proven, and docs/providers.md is out of date.
func TestServerSumsWhatItAssembled(t *testing.T) {
	s := openServer(t)
	data := bytes.Repeat([]byte("0123456789abcdef"), 6<<20/16)
	src := mustPut(t, s, "src", data)
	u, err := s.CreateUpload(t.Context(), "dst", store.UploadOptions{CopiesParts: true})
	if err != nil {
		t.Fatal(err)
	}
	body := append(bytes.Clone(data[7:7+5*store.MiB]), first...)
	copied, err := s.CopyPart(t.Context(), u, store.PartCopy{Number: 1, Size: 5 * store.MiB, Source: src.Ref(), SourceOffset: 7})
	if err != nil {
		t.Fatal(err)
	}
	sent, err := s.UploadPart(t.Context(), u, partOf(2, 5*store.MiB, first))
	if err != nil {
		t.Fatal(err)
	}
	o, err := s.CompleteUpload(t.Context(), u, []store.Part{copied, sent},
		store.CompleteOptions{Condition: store.IfAbsent(), Size: int64(len(body)), Checksums: sumsOfAll(body)})
	if err != nil || o.Checksums.CRC64NVME != sumsOfAll(body).CRC64NVME {
		t.Errorf("got %+v, %v", o, err)
	}
}

package s3

import (
	"errors"
	"net/http"
	"testing"

	"github.com/datagravity/datagravity/pkg/store"
)

func TestListDecodes(t *testing.T) {
	d := newDouble(t, &double{})
	s := d.open(t)
	encoding := "<EncodingType>url</EncodingType>"
	d.answer("ListObjectsV2", func(w http.ResponseWriter, r *http.Request) {
		if q := r.URL.Query(); q.Get("encoding-type") != "url" || q.Get("prefix") != "a b+c/" || q.Get("continuation-token") != "t=1+" ||
			q.Get("max-keys") != "1000" || q.Has("fetch-owner") {
			t.Errorf("asked with %v", q)
		}
		_, _ = w.Write([]byte(`<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>t=2</NextContinuationToken>` + encoding +
			`<Contents><Key>a+b%2Bc/%01%25+%E2%98%83</Key><Size>3</Size><ETag>&quot;e&quot;</ETag><StorageClass>STANDARD</StorageClass></Contents></ListBucketResult>`))
	})
	o := store.ListOptions{Prefix: "a b+c/", Token: "t=1+", Max: 5000}
	p, err := s.List(t.Context(), o)
	if err != nil || len(p.Objects) != 1 || p.Next != "t=2" {
		t.Fatalf("%+v, %v", p, err)
	}
	if got := p.Objects[0]; got.Key != "a b+c/\x01% ☃" || got.ETag != "e" || got.Size != 3 || got.StorageClass != "" || !got.Checksums.IsZero() {
		t.Errorf("got %+v", got)
	}
	// A server that does not say it encoded did not.
	encoding = ""
	if p, err = s.List(t.Context(), o); err != nil || p.Objects[0].Key != "a+b%2Bc/%01%25+%E2%98%83" {
		t.Errorf("without encoding: %+v, %v", p, err)
	}
}

func TestListWithoutToken(t *testing.T) {
	d := newDouble(t, &double{})
	s := d.open(t)
	d.answer("ListObjectsV2", func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte(`<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>`))
	})
	if p, err := s.List(t.Context(), store.ListOptions{}); !errors.Is(err, store.ErrPermanent) {
		t.Errorf("a listing that breaks off: got %+v, %v", p, err)
	}
}

func TestListUploadsPages(t *testing.T) {
	d := newDouble(t, &double{})
	s := d.open(t)
	d.on = func(op string, w http.ResponseWriter, r *http.Request) bool {
		q := r.URL.Query()
		if !q.Has("uploads") {
			return false
		}
		more, key := "true", "p/one+1"
		if q.Get("key-marker") == "p/one 1" && q.Get("upload-id-marker") == "i1" {
			more, key = "false", "p/two"
		}
		_, _ = w.Write([]byte(`<ListMultipartUploadsResult><EncodingType>url</EncodingType><IsTruncated>` + more + `</IsTruncated>` +
			`<NextKeyMarker>` + key + `</NextKeyMarker><NextUploadIdMarker>i1</NextUploadIdMarker>` +
			`<Upload><Key>` + key + `</Key><UploadId>i1</UploadId><Initiated>2026-11-25T12:00:00Z</Initiated></Upload></ListMultipartUploadsResult>`))
		return true
	}
	us, err := s.ListUploads(t.Context(), "p/")
	if err != nil || len(us) != 2 || us[0].Key != "p/one 1" || us[1].Key != "p/two" || us[0].ID != "i1" || us[0].Created.Hour() != 12 {
		t.Errorf("%+v, %v", us, err)
	}
}

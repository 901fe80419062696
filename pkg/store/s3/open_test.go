package s3

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/datagravity/datagravity/pkg/store"
)

func TestOpenURL(t *testing.T) {
	for raw, want := range map[string]string{
		"s3://bkt/prefix":                               "prefix to the dataset",
		"s3://key:topsecret@bkt":                        "credentials do not belong",
		"s3://bkt?endpoint=https://k:topsecret@h.lab":   "credentials do not belong",
		"s3://bkt?endpoint=h.lab:9000":                  "want http://HOST",
		"s3://bkt--use1-az4--x-s3":                      "directory buckets",
		"s3://bkt?use_path_style=topsecret":             "want true or false",
		"s3://bkt?regoin=topsecret":                     "regoin",
		"s3://?region=us-east-1":                        "want s3://BUCKET",
		"s3://bkt?secret_access_key=topsecret&region=x": "secret_access_key",
	} {
		u, err := url.Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		_, err = Open(t.Context(), u, Options{})
		if store.KindOf(err) != store.ErrPermanent || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want it to say %q", raw, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "topsecret") {
			t.Errorf("%v repeats a secret", err)
		}
	}
}

func TestIsAmazon(t *testing.T) {
	for endpoint, want := range map[string]bool{
		"":                                   true,
		"https://s3.eu-west-1.amazonaws.com": true,
		"https://bucket.vpce-1a2b3c4d-5e6f.s3.us-east-1.vpce.amazonaws.com": true,
		"https://s3.cn-north-1.amazonaws.com.cn":                            true,
		"https://amazonaws.com.example.org":                                 false,
		"https://notamazonaws.com":                                          false,
		"http://127.0.0.1:9000":                                             false,
	} {
		if got, err := isAmazon(endpoint); got != want || err != nil {
			t.Errorf("%q: got %v, %v", endpoint, got, err)
		}
	}
}

// amazon sends what is meant for AWS to the double, and keeps the hosts that were meant.
type amazon struct {
	d     *double
	hosts []string
}

func (a *amazon) RoundTrip(r *http.Request) (*http.Response, error) {
	a.hosts = append(a.hosts, r.URL.Host)
	r = r.Clone(r.Context())
	if bucket, _, ok := strings.Cut(r.URL.Host, ".s3."); ok { // the double knows path style alone
		r.URL.Path, r.URL.RawPath = "/"+bucket+r.URL.Path, ""
	}
	r.URL.Scheme, r.URL.Host = "http", strings.TrimPrefix(a.d.URL, "http://")
	return http.DefaultTransport.RoundTrip(r)
}

func openAmazon(t *testing.T, d *double, raw string) (*Store, *amazon) {
	t.Helper()
	t.Setenv("AWS_REGION", "")
	t.Setenv("AWS_DEFAULT_REGION", "")
	t.Setenv("AWS_CONFIG_FILE", t.TempDir()+"/none")
	a := &amazon{d: d}
	return open(t, raw, Options{HTTPClient: &http.Client{Transport: a}}), a
}

func TestRegionIsDiscovered(t *testing.T) {
	for _, raw := range []string{"s3://bkt", "s3://bkt?region=ap-south-1"} {
		d := newDouble(t, &double{knows: []string{"crc64nvme"}})
		d.answer("HeadBucket", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Amz-Bucket-Region", "eu-west-2")
			w.WriteHeader(301)
		})
		s, a := openAmazon(t, d, raw)
		if c := s.Capabilities(); c.Region != "eu-west-2" || c.Provider != "aws" || c.RequestPrices != "aws" || c.Parts.MaxObjectBytes != 50_000*store.GiB {
			t.Errorf("%s: capabilities %+v", raw, c)
		}
		if last := a.hosts[len(a.hosts)-1]; last != "bkt.s3.eu-west-2.amazonaws.com" {
			t.Errorf("%s: the last request went to %s", raw, last)
		}
		if s.URL() != "s3://bkt" {
			t.Errorf("URL %s", s.URL())
		}
	}
}

func TestNoFallbackOnAmazon(t *testing.T) {
	d := newDouble(t, &double{knows: []string{"crc32c"}})
	s, _ := openAmazon(t, d, "s3://bkt")
	if _, err := s.Put(t.Context(), "k", first, store.WriteOptions{Condition: store.IfAbsent()}); !errors.Is(err, store.ErrPermanent) {
		t.Errorf("AWS that refuses a checksum: got %v, want %v", err, store.ErrPermanent)
	}
	if n := d.count("PutObject"); n != 1 {
		t.Errorf("%d requests, want one", n)
	}
}

func TestOpenWarnings(t *testing.T) {
	d := newDouble(t, &double{})
	d.on = func(op string, w http.ResponseWriter, r *http.Request) bool {
		switch op {
		case "ListObjectsV2":
			refuse(w, 403, "AccessDenied", "Access Denied")
		case "GetBucketVersioning":
			_, _ = w.Write([]byte(`<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>`))
		case "GetObjectLockConfiguration":
			_, _ = w.Write([]byte(`<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention><Mode>COMPLIANCE</Mode><Days>30</Days></DefaultRetention></Rule></ObjectLockConfiguration>`))
		default:
			return false
		}
		return true
	}
	w := strings.Join(d.open(t).Capabilities().Warnings, "\n")
	for _, want := range []string{"s3:ListBucket", "suspended", "default retention"} {
		if !strings.Contains(w, want) {
			t.Errorf("the warnings do not say %q:\n%s", want, w)
		}
	}
}

func TestOpenRefused(t *testing.T) {
	for code, want := range map[string]error{"NoSuchBucket": store.ErrNotFound, "SignatureDoesNotMatch": store.ErrAuth, "SlowDown": store.ErrThrottled} {
		d := newDouble(t, &double{})
		d.answer("ListObjectsV2", func(w http.ResponseWriter, r *http.Request) {
			refuse(w, map[string]int{"NoSuchBucket": 404, "SlowDown": 503}[code]+map[string]int{"SignatureDoesNotMatch": 403}[code], code, "no")
		})
		u, _ := url.Parse("s3://bkt?region=us-east-1&use_path_style=true&endpoint=" + d.URL)
		if _, err := Open(t.Context(), u, Options{}); !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", code, err, want)
		}
	}
}

// TestRedirectIsNotFollowed: the signature is for one host.
func TestRedirectIsNotFollowed(t *testing.T) {
	elsewhere := newDouble(t, &double{knows: []string{"crc64nvme"}})
	d := newDouble(t, &double{knows: []string{"crc64nvme"}})
	s := d.open(t)
	d.answer("GetObject", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, elsewhere.URL+r.URL.Path, http.StatusTemporaryRedirect)
	})
	if err := s.ReadRange(t.Context(), store.Ref{Key: "k"}, 0, make([]byte, 1)); !errors.Is(err, store.ErrPermanent) {
		t.Errorf("got %v, want %v", err, store.ErrPermanent)
	}
	if len(elsewhere.requests) != 0 {
		t.Error("the redirect was followed")
	}
}

package feed

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestAzureOverHTTP(t *testing.T) {
	var busy atomic.Bool
	busy.Store(true)
	var s *httptest.Server
	s = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case busy.CompareAndSwap(true, false):
			w.Header().Set("Retry-After", "0")
			w.WriteHeader(http.StatusTooManyRequests)
		case r.URL.Query().Get("$skip") == "":
			fmt.Fprint(w, strings.Replace(sample(t, "azure-1.json"), "NEXT", s.URL+"/api/retail/prices?$skip=1000", 1))
		default:
			fmt.Fprint(w, sample(t, "azure-2.json"))
		}
	}))
	defer s.Close()
	got := mustImport(t, "azure", options(), s.URL+"/api/retail/prices")
	want := mustImport(t, "azure", options(), firstPage(t), "testdata/azure-2.json")
	if diff := cmp.Diff(want.Overlay, got.Overlay); diff != "" {
		t.Errorf("-files +URL:\n%s", diff)
	}
	if busy.Load() {
		t.Error("the server was never asked twice")
	}
}

// A server says when it wants to be asked again, in seconds or by its clock; what asks for long is told at once.
func TestServerThatIsBusy(t *testing.T) {
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	for name, tt := range map[string]struct{ after, want string }{
		"until a moment ago": {now.Add(-time.Second).Format(http.TimeFormat), ""},
		"for an hour":        {"3600", "429 Too Many Requests, and asks to be left alone for 1h0m0s"},
		"for a day":          {now.Add(24 * time.Hour).Format(http.TimeFormat), "and asks to be left alone for 24h0m0s"},
	} {
		t.Run(name, func(t *testing.T) {
			var asked atomic.Int64
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if asked.Add(1) == 1 {
					w.Header().Set("Date", now.Format(http.TimeFormat))
					w.Header().Set("Retry-After", tt.after)
					w.WriteHeader(http.StatusTooManyRequests)
					return
				}
				http.ServeFile(w, r, "testdata/aws.csv")
			}))
			defer s.Close()
			_, err := Import(context.Background(), "aws", []string{s.URL + "/aws.csv"}, options())
			if tt.want == "" {
				if err != nil || asked.Load() < 2 {
					t.Errorf("asked %d times: %v", asked.Load(), err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) || asked.Load() != 1 {
				t.Errorf("asked %d times: %v", asked.Load(), err)
			}
		})
	}
}

func TestGCPOverHTTP(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		page := map[string]string{"": "gcp-1.json", "page two": "gcp-2.json"}[r.URL.Query().Get("pageToken")]
		if r.URL.Query().Get("key") != "sesame" || page == "" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		fmt.Fprint(w, sample(t, page))
	}))
	defer s.Close()
	got := mustImport(t, "gcp", options(), s.URL+"/v1/services/95FF-2EF5-5EA1/skus?key=sesame")
	want := mustImport(t, "gcp", options(), "testdata/gcp-1.json", "testdata/gcp-2.json")
	if diff := cmp.Diff(want.Overlay, got.Overlay); diff != "" {
		t.Errorf("-files +URL:\n%s", diff)
	}
	_, err := Import(context.Background(), "gcp", []string{s.URL + "/v1/skus?key=wrong"}, options())
	if err == nil || !strings.Contains(err.Error(), "the server answers 403 Forbidden") || strings.Contains(err.Error(), "wrong") {
		t.Errorf("%v", err)
	}
}

func TestAWSOverHTTP(t *testing.T) {
	s := httptest.NewServer(http.FileServer(http.Dir("testdata")))
	defer s.Close()
	got := mustImport(t, "aws", options(), s.URL+"/aws.csv")
	if diff := cmp.Diff(mustImport(t, "aws", options(), "testdata/aws.csv").Overlay, got.Overlay); diff != "" {
		t.Errorf("-file +URL:\n%s", diff)
	}
}

func TestURLsThatMisbehave(t *testing.T) {
	var s *httptest.Server
	s = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		page := func(next string) { fmt.Fprintf(w, `{"Items": [], "NextPageLink": %q}`, next) }
		switch r.URL.Path {
		case "/loop":
			page(s.URL + "/loop")
		case "/away":
			page("http://127.0.0.2:9/other")
		case "/gcploop":
			fmt.Fprint(w, `{"skus": [], "nextPageToken": "again"}`)
		case "/half":
			w.Header().Set("Content-Length", "1000")
			fmt.Fprint(w, `{"Items": [`)
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	defer s.Close()
	for _, c := range []struct{ kind, url, want string }{
		{"azure", s.URL + "/loop", "/loop: pages without an end: a NextPageLink leads back, or there are more than 5000"},
		{"azure", s.URL + "/away?secret=1", "/away: NextPageLink leads to another host"},
		{"gcp", s.URL + "/gcploop", "/gcploop: pages without an end: a nextPageToken comes again"},
		{"azure", s.URL + "/half", "cut off (unexpected EOF); get the whole of it"},
		{"aws", s.URL + "/none", "the server answers 404 Not Found"},
		{"aws", "http://prices.example/x?key=secret", "http://prices.example/x: want https: anybody on the way could change what is read over http"},
	} {
		_, err := Import(context.Background(), c.kind, []string{c.url}, options())
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: got  %v\nwant %s", c.url, err, c.want)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Import(ctx, "aws", []string{s.URL + "/loop"}, options()); err == nil {
		t.Error("an interrupt was not heard")
	}
}

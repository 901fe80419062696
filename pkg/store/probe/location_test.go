package probe_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/datagravity/datagravity/pkg/store/probe"
)

// cloud imitates one machine: the address is the same for every cloud's metadata, and answers its own paths alone.
func cloud(t *testing.T, h http.HandlerFunc) probe.Metadata {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return probe.Metadata{Azure: s.URL, AWS: s.URL, GCP: s.URL}
}

func azureVM(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if r.Header.Get("Metadata") != "true" || r.URL.Path != "/metadata/instance/compute/location" || q.Get("api-version") == "" || q.Get("format") != "text" {
		http.Error(w, "bad request", http.StatusBadRequest)
		return
	}
	w.Write([]byte("eastus"))
}

func awsVM(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Method == "PUT" && r.URL.Path == "/latest/api/token" && r.Header.Get("X-aws-ec2-metadata-token-ttl-seconds") != "":
		w.Write([]byte("the-token"))
	case r.Header.Get("X-aws-ec2-metadata-token") != "the-token":
		http.Error(w, "unauthorized", http.StatusUnauthorized)
	case r.Method == "GET" && r.URL.Path == "/latest/meta-data/placement/region":
		w.Write([]byte("us-gov-west-1"))
	default:
		http.NotFound(w, r)
	}
}

func gcpVM(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Metadata-Flavor", "Google")
	if r.Header.Get("Metadata-Flavor") != "Google" || r.URL.Path != "/computeMetadata/v1/instance/zone" {
		http.Error(w, "forbidden", http.StatusForbidden)
		return
	}
	w.Write([]byte("projects/123456/zones/europe-west4-b\n"))
}

func TestLocationOnEachCloud(t *testing.T) {
	for _, c := range []struct {
		vm        http.HandlerFunc
		want, how string
	}{
		{azureVM, "azure:eastus", "Azure"},
		{awsVM, "aws:us-gov-west-1", "AWS"},
		{gcpVM, "gcp:europe-west4", "Google"},
	} {
		at, how, err := cloud(t, c.vm).InstanceLocation(t.Context(), 5*time.Second)
		if err != nil || at.String() != c.want || !strings.Contains(how, c.how) {
			t.Errorf("%s: %q by %q, %v", c.want, at, how, err)
		}
	}
}

func TestLocationNowhere(t *testing.T) {
	for name, vm := range map[string]http.HandlerFunc{
		"not found": http.NotFound,
		// A captive portal or a catch-all web server says yes to everything.
		"portal": func(w http.ResponseWriter, r *http.Request) { w.Write([]byte("<html>Please log in</html>")) },
		"empty":  func(http.ResponseWriter, *http.Request) {},
	} {
		at, how, err := cloud(t, vm).InstanceLocation(t.Context(), 5*time.Second)
		if err == nil || !at.IsZero() || how != "" {
			t.Errorf("%s: %q by %q", name, at, how)
			continue
		}
		for _, want := range []string{"onprem:", "IMDSv2", "Azure", "Google"} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %q does not mention %s", name, err, want)
			}
		}
	}
}

// One cloud's answer is taken while the others' services hang.
func TestLocationDoesNotWaitForTheOthers(t *testing.T) {
	hang := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	defer hang.Close()
	m := cloud(t, gcpVM)
	m.Azure, m.AWS = hang.URL, hang.URL
	start := time.Now()
	at, _, err := m.InstanceLocation(t.Context(), time.Minute)
	if err != nil || at.String() != "gcp:europe-west4" || time.Since(start) > 20*time.Second {
		t.Errorf("%q, %v after %v", at, err, time.Since(start))
	}
	m.GCP = hang.URL
	start = time.Now()
	if _, _, err := m.InstanceLocation(t.Context(), 100*time.Millisecond); err == nil || time.Since(start) > 20*time.Second {
		t.Errorf("%v after %v", err, time.Since(start))
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := m.InstanceLocation(ctx, time.Minute); err == nil {
		t.Error("an ended context found a location")
	}
}

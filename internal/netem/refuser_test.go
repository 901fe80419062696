package netem

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestRefuser(t *testing.T) {
	var passed int
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		passed++
		_, _ = io.Copy(io.Discard, r.Body)
	}))
	defer server.Close()
	r, err := StartRefuser(strings.TrimPrefix(server.URL, "http://"), RefuserOptions{Seed: 1, Share: 0.3, During: time.Hour, Part: UploadedPart})
	if err != nil {
		t.Fatal(err)
	}
	const asked = 400
	refused, waits := 0, 0
	send := func(method, path string) {
		q, err := http.NewRequest(method, r.Through(server.URL)+path, bytes.NewReader(make([]byte, 100)))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(q)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		if resp.StatusCode == http.StatusServiceUnavailable {
			refused++
			if resp.Header.Get("Retry-After") == "1" {
				waits++
			}
		}
	}
	for i := range asked {
		send(http.MethodPut, []string{"/b/data/x?partNumber=1&uploadId=u", "/b/data/x?partNumber=2&uploadId=u", "/b/data/y", "/b/.datagravity/ready/r"}[i%4])
	}
	if refused < asked/5 || refused > asked*2/5 || waits < refused/4 || waits > refused*3/4 || passed != asked-refused {
		t.Errorf("of %d requests %d were refused, %d of them with a time to wait, and %d arrived", asked, refused, waits, passed)
	}
	if c := r.Counts(); c.Requests != asked || c.Refused != int64(refused) || c.Attempts != asked*3/4 || c.Parts != 3 {
		t.Errorf("%+v", c)
	}
	// After its time it refuses nothing.
	r.mu.Lock()
	r.until = time.Now().Add(-time.Second)
	r.mu.Unlock()
	before := refused
	for range 50 {
		send(http.MethodGet, "/b/data/y")
	}
	if refused != before {
		t.Errorf("%d were refused afterwards", refused-before)
	}
	http.DefaultClient.CloseIdleConnections()
	if err := r.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

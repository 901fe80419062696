package daemon

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func unixClient(path string) *http.Client {
	return &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return connect(ctx, path) }, DisableKeepAlives: true,
	}}
}

func got(t *testing.T, path, url string) (int, []byte) {
	t.Helper()
	resp, err := unixClient(path).Get("http://pprof" + url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, b
}

// Profiles are for their user alone, on a socket of their own; the API is not there, and they are not at the API.
func TestProfiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pprof.sock")
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	s := ServeProfiles(l, nil)
	if info, err := os.Lstat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	for url, want := range map[string]string{"/debug/pprof/": "heap", "/debug/pprof/goroutine?debug=1": "goroutine profile", "/debug/pprof/cmdline": os.Args[0]} {
		if code, b := got(t, path, url); code != http.StatusOK || !strings.Contains(string(b), want) {
			t.Errorf("%s: %d %.200s", url, code, b)
		}
	}
	if code, b := got(t, path, "/debug/pprof/heap"); code != http.StatusOK || !bytes.HasPrefix(b, []byte{0x1f, 0x8b}) {
		t.Errorf("heap: %d, %d bytes", code, len(b))
	}
	if code, _ := got(t, path, "/v1/health"); code != http.StatusNotFound {
		t.Errorf("the API answers at the socket of profiles: %d", code)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket stays: %v", err)
	}
	api, _ := serve(t, Options{})
	if code, _ := got(t, api, "/debug/pprof/heap"); code != http.StatusNotFound {
		t.Errorf("profiles at the API: %d", code)
	}
}

func TestProfilesRefuseStrangers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pprof.sock")
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	s := serveProfiles(l, http.NotFoundHandler(), Options{peer: func(net.Conn) error { return admit(4711, 1000) }})
	if code, b := got(t, path, "/debug/pprof/heap"); code != http.StatusForbidden || bytes.HasPrefix(b, []byte{0x1f}) {
		t.Errorf("%d %s", code, b)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

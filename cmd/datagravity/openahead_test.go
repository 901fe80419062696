package main

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// twoServers are an Azure and an S3 that refuse everything, once they may answer.
type twoServers struct {
	asked  [2]atomic.Int64 // requests so far
	config string
}

const (
	atSource = iota
	atDestination
)

func startTwoServers(t *testing.T, answer func(s *twoServers, server int)) *twoServers {
	t.Helper()
	s := &twoServers{}
	var addrs [2]string
	for i := range addrs {
		h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			s.asked[i].Add(1)
			answer(s, i)
			w.WriteHeader(http.StatusForbidden)
		}))
		t.Cleanup(h.Close)
		addrs[i] = h.Listener.Addr().String()
	}
	s.config = configFile(t, fmt.Sprintf(`agent: {location: "azure:eastus", state: %q, allow_insecure: true}
stores:
  lake: {location: "azure:eastus", url: "azblob://lake?protocol=http&localemu=true&storage_account=devstoreaccount1&domain=%s"}
  site: {location: "aws:us-east-1", url: "s3://site?region=us-east-1&endpoint=http://%s&use_path_style=true"}
datasets:
  c4: {store: lake, prefix: c4}
destinations:
  s3: {store: site}
`, filepath.Join(t.TempDir(), "state"), strings.ReplaceAll(addrs[atSource], ":", "%3A"), addrs[atDestination]))
	for k, v := range map[string]string{
		"AZURE_STORAGE_ACCOUNT": "devstoreaccount1", "AZURE_STORAGE_KEY": "bm8ga2V5",
		"AWS_ACCESS_KEY_ID": "nobody", "AWS_SECRET_ACCESS_KEY": "nothing", "AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
	} {
		t.Setenv(k, v)
	}
	return s
}

func configFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "datagravity.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// syncWith runs a sync in this process.
func syncWith(t *testing.T, config string, args ...string) (code int, said string) {
	t.Helper()
	var out bytes.Buffer
	code = run(t.Context(), append([]string{"--config", config, "sync"}, args...), streams{in: strings.NewReader(""), out: &out, err: &out})
	return code, out.String()
}

// Each server answers once the other one was asked: who opens them one after the other never gets an answer.
func TestSourceAndDestinationOpenTogether(t *testing.T) {
	var alone atomic.Int64
	s := startTwoServers(t, func(s *twoServers, server int) {
		for end := time.Now().Add(20 * time.Second); s.asked[1-server].Load() == 0; {
			if time.Now().After(end) {
				alone.Add(1)
				return
			}
			time.Sleep(time.Millisecond)
		}
	})
	code, said := syncWith(t, s.config, "c4", "--to", "s3")
	if code != 77 || !strings.Contains(said, "lake") {
		t.Errorf("exit code %d, want 77 and the source's refusal:\n%s", code, said)
	}
	if n := alone.Load(); n > 0 {
		t.Errorf("%d requests were made while nobody asked the other server", n)
	}
}

// What is wrong with the command line is told before anybody is asked anything, and nothing comes of it.
func TestNobodyIsAskedForAMistake(t *testing.T) {
	s := startTwoServers(t, func(*twoServers, int) {})
	for _, args := range [][]string{{"typo", "--to", "s3"}, {"c4@nosuch", "--to", "s3"}, {"c4", "--to", "typo"}, {"c4", "--to", "s3", "--team", "typo"}} {
		if code, said := syncWith(t, s.config, args...); code != 2 {
			t.Errorf("%q: exit code %d, want 2:\n%s", args, code, said)
		}
	}
	for i := range s.asked {
		if n := s.asked[i].Load(); n > 0 {
			t.Errorf("server %d was asked %d times", i, n)
		}
	}
}

// A folder that would be created is not, unless the source can be read.
func TestFolderIsNotOpenedAhead(t *testing.T) {
	dir := t.TempDir()
	config := configFile(t, fmt.Sprintf(`agent: {location: "onprem:lab", state: %q}
stores:
  gone: {location: "onprem:lab", url: "file://%s"}
  lab: {location: "onprem:lab", url: "file://%s?create_dir=true"}
datasets:
  c4: {store: gone, prefix: c4}
destinations:
  lab: {store: lab}
`, filepath.Join(dir, "state"), filepath.Join(dir, "gone"), filepath.Join(dir, "lab")))
	if code, said := syncWith(t, config, "c4", "--to", "lab"); code == 0 {
		t.Errorf("a source that is not there was synced:\n%s", said)
	}
	if _, err := os.Stat(filepath.Join(dir, "lab")); !os.IsNotExist(err) {
		t.Errorf("the destination's folder: %v, want none", err)
	}
}

package emulator

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strconv"
)

// GCS is a running Google Cloud Storage server: fake-gcs-server. Its objects live in its memory and are gone with it;
// its folder backend escapes the bucket on "../" and merges "a//b" with "a/b".
type GCS struct {
	*process
	Endpoint string // http://127.0.0.1:PORT
}

// StartGCS starts a server whose log goes to dir, which is made if it is missing.
func StartGCS(ctx context.Context, dir string) (*GCS, error) {
	return StartGCSBehind(ctx, dir, func(addr string) (string, error) { return addr, nil })
}

// StartGCSBehind starts a server that clients reach through a proxy. front is called with the host:port at which the server
// will listen, again with another one if that is taken, and returns the proxy's: the server names itself so in its answers.
// Otherwise resumable uploads, which go to the address in the answer, would go past the proxy. Endpoint and StoreURL are
// still the server's own.
func StartGCSBehind(ctx context.Context, dir string, front func(addr string) (string, error)) (*GCS, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	program, err := Program(ctx, ToolGCS)
	if err != nil {
		return nil, err
	}
	p, err := start(ctx, "fake-gcs-server", dir, func(port int) *exec.Cmd {
		host, err := front(fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			return &exec.Cmd{Err: err}
		}
		// -host defaults to all interfaces. -public-host without the port makes the Go client's reads answer 404.
		return exec.Command(program, "-scheme", "http", "-host", "127.0.0.1", "-port", strconv.Itoa(port),
			"-backend", "memory", "-external-url", "http://"+host, "-public-host", host, "-log-level", "warn")
	})
	if err != nil {
		return nil, err
	}
	return &GCS{process: p, Endpoint: "http://" + p.Addr()}, nil
}

// StoreURL is the URL that pkg/store/open takes for a bucket.
func (g *GCS) StoreURL(bucket string) string {
	return "gs://" + bucket + "?endpoint=" + url.QueryEscape(g.Endpoint)
}

// Env is empty: the server asks for no credentials.
func (g *GCS) Env() []string { return nil }

// CreateBucket makes a bucket; one that exists is no error.
func (g *GCS) CreateBucket(ctx context.Context, name string) error {
	body, err := json.Marshal(map[string]string{"name": name})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, g.Endpoint+"/storage/v1/b?project=test", bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	said, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusConflict {
		return fmt.Errorf("create bucket %s: %s: %s", name, resp.Status, tail(said))
	}
	return nil
}

package emulator_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/datagravity/datagravity/internal/emulator"
	"github.com/datagravity/datagravity/internal/netem"
)

// With this set, the test binary starts a server, prints its pid and port, and waits to be killed.
const helperEnv = "EMULATOR_TEST_HELPER_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(helperEnv); dir != "" {
		s, err := emulator.StartS3(context.Background(), dir)
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println(s.PID(), s.Endpoint)
		select {}
	}
	os.Exit(m.Run())
}

func TestAzurite(t *testing.T) {
	a, err := emulator.StartAzurite(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	stopAtEnd(t, a, a.Endpoint)
	createTwice(t, a)
	env := setenv(t, a.Env())

	u, err := url.Parse(a.StoreURL("bucket-a"))
	if err != nil {
		t.Fatal(err)
	}
	if u.Scheme != "azblob" || u.Host != "bucket-a" || u.Query().Get("localemu") != "true" {
		t.Errorf("store URL %s", u)
	}
	service := u.Query().Get("protocol") + "://" + u.Query().Get("domain") + "/" + env["AZURE_STORAGE_ACCOUNT"]
	cred, err := azblob.NewSharedKeyCredential(env["AZURE_STORAGE_ACCOUNT"], env["AZURE_STORAGE_KEY"])
	if err != nil {
		t.Fatal(err)
	}
	client, err := azblob.NewClientWithSharedKeyCredential(service, cred, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.UploadBuffer(t.Context(), u.Host, "k", []byte("bytes"), nil); err != nil {
		t.Fatal(err)
	}
	got, err := client.DownloadStream(t.Context(), u.Host, "k", nil)
	if err != nil {
		t.Fatal(err)
	}
	wantBody(t, got.Body, "bytes")
}

func TestS3(t *testing.T) {
	s, err := emulator.StartS3(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	stopAtEnd(t, s, s.Endpoint)
	createTwice(t, s)
	setenv(t, s.Env())

	u, err := url.Parse(s.StoreURL("bucket-a"))
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := config.LoadDefaultConfig(t.Context(), config.WithRegion(u.Query().Get("region")))
	if err != nil {
		t.Fatal(err)
	}
	client := s3.NewFromConfig(cfg, func(o *s3.Options) {
		o.BaseEndpoint = aws.String(u.Query().Get("endpoint"))
		o.UsePathStyle = u.Query().Get("use_path_style") == "true"
	})
	put := &s3.PutObjectInput{Bucket: &u.Host, Key: aws.String("k"), Body: strings.NewReader("bytes")}
	if _, err := client.PutObject(t.Context(), put); err != nil {
		t.Fatal(err)
	}
	got, err := client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &u.Host, Key: aws.String("k")})
	if err != nil {
		t.Fatal(err)
	}
	wantBody(t, got.Body, "bytes")
}

func TestGCS(t *testing.T) {
	g, err := emulator.StartGCS(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	stopAtEnd(t, g, g.Endpoint)
	createTwice(t, g)
	if len(g.Env()) != 0 {
		t.Errorf("credentials for a server that wants none: %v", g.Env())
	}
	u, err := url.Parse(g.StoreURL("bucket-a"))
	if err != nil {
		t.Fatal(err)
	}
	endpoint := u.Query().Get("endpoint")
	resp, err := http.Post(endpoint+"/upload/storage/v1/b/"+u.Host+"/o?uploadType=media&name=k", "text/plain", strings.NewReader("bytes"))
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("upload: %s", resp.Status)
	}
	_ = resp.Body.Close()
	// The XML read that the Go client uses by default, which needs the public host right.
	got, err := http.Get(endpoint + "/" + u.Host + "/k")
	if err != nil {
		t.Fatal(err)
	}
	wantBody(t, got.Body, "bytes")
}

// A resumable upload goes where the server's answer says: to the proxy.
func TestGCSBehind(t *testing.T) {
	var meter *netem.Meter
	g, err := emulator.StartGCSBehind(t.Context(), t.TempDir(), func(addr string) (_ string, err error) {
		if meter != nil {
			_ = meter.Close()
		}
		if meter, err = netem.StartMeter(addr); err != nil {
			return "", err
		}
		return meter.Addr, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	stopAtEnd(t, g, g.Endpoint)
	t.Cleanup(func() { _ = meter.Close() })
	createTwice(t, g)
	front := meter.Through(g.Endpoint)
	resp, err := http.Post(front+"/upload/storage/v1/b/bucket-a/o?uploadType=resumable&name=k", "application/json", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if at := resp.Header.Get("Location"); !strings.HasPrefix(at, front+"/") {
		t.Errorf("the upload goes to %q, not through %s", at, front)
	}
	got, err := http.Get(front + "/storage/v1/b/bucket-a")
	if err != nil {
		t.Fatal(err)
	}
	_ = got.Body.Close()
	if got.StatusCode != http.StatusOK {
		t.Errorf("the bucket through the proxy: %s", got.Status)
	}
}

// What the proxy cannot do is the start's error.
func TestGCSBehindNothing(t *testing.T) {
	_, err := emulator.StartGCSBehind(t.Context(), t.TempDir(), func(string) (string, error) { return "", io.ErrNoProgress })
	if !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("start behind a proxy that cannot be: %v", err)
	}
}

func TestStartCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := emulator.StartS3(ctx, t.TempDir()); err == nil || !strings.Contains(err.Error(), "context canceled") {
		t.Errorf("cancelled start: %v", err)
	}
}

// kill -9 of the parent leaves no server behind.
func TestDiesWithParent(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), helperEnv+"="+t.TempDir())
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	pid, endpoint, _ := strings.Cut(strings.TrimSpace(line), " ")
	server, err := strconv.Atoi(pid)
	if err != nil {
		t.Fatalf("helper said %q", line)
	}
	if err := syscall.Kill(server, 0); err != nil {
		t.Fatalf("server %d is not there: %v", server, err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed
	wantRefused(t, endpoint)
}

type server interface {
	PID() int
	Stop() error
	CreateBucket(context.Context, string) error
}

func stopAtEnd(t *testing.T, s server, endpoint string) {
	t.Helper()
	if err := syscall.Kill(s.PID(), 0); err != nil {
		t.Errorf("pid %d: %v", s.PID(), err)
	}
	t.Cleanup(func() {
		for range 2 {
			if err := s.Stop(); err != nil {
				t.Errorf("stop: %v", err)
			}
		}
		wantRefused(t, endpoint)
	})
}

func createTwice(t *testing.T, s server) {
	t.Helper()
	for range 2 {
		if err := s.CreateBucket(t.Context(), "bucket-a"); err != nil {
			t.Fatal(err)
		}
	}
}

func wantRefused(t *testing.T, endpoint string) {
	t.Helper()
	u, err := url.Parse(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		c, err := net.Dial("tcp", u.Host)
		if err != nil {
			return
		}
		_ = c.Close()
		if time.Now().After(deadline) {
			t.Fatalf("%s still answers", endpoint)
		}
	}
}

func setenv(t *testing.T, env []string) map[string]string {
	t.Helper()
	m := map[string]string{}
	for _, kv := range env {
		k, v, _ := strings.Cut(kv, "=")
		t.Setenv(k, v)
		m[k] = v
	}
	return m
}

func wantBody(t *testing.T, body io.ReadCloser, want string) {
	t.Helper()
	got, err := io.ReadAll(body)
	if err != nil || string(got) != want {
		t.Errorf("read %q, %v; want %q", got, err, want)
	}
	_ = body.Close()
}

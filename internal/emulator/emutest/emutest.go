// Package emutest gives tests real servers. Each server is started when the first test of a package asks for it, is
// shared by all tests of that package, and is stopped by [Main]; tests stay apart by having a bucket each.
//
//	func TestMain(m *testing.M) { emutest.Main(m) }
//
//	func TestX(t *testing.T) {
//		url := emutest.Bucket(t, emutest.S3(t))
package emutest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/datagravity/datagravity/internal/emulator"
)

// Server is what the three servers have in common.
type Server interface {
	StoreURL(bucket string) string
	CreateBucket(ctx context.Context, name string) error
	Env() []string
	PID() int
	Stop() error
}

var (
	_ Server = (*emulator.Azurite)(nil)
	_ Server = (*emulator.S3)(nil)
	_ Server = (*emulator.GCS)(nil)
)

var (
	mu      sync.Mutex
	root    string // of the servers' data; "" outside Main
	running []Server

	azurite = sync.OnceValues(func() (*emulator.Azurite, error) { return start("azurite", emulator.StartAzurite) })
	s3      = sync.OnceValues(func() (*emulator.S3, error) { return start("s3", emulator.StartS3) })
	gcs     = sync.OnceValues(func() (*emulator.GCS, error) { return start("gcs", emulator.StartGCS) })
)

// Main runs a package's tests, stops the servers that they started, removes their data, and exits.
func Main(m *testing.M) {
	dir, err := os.MkdirTemp("", "datagravity-emulator-")
	if err != nil {
		fmt.Fprintln(os.Stderr, "emutest:", err)
		os.Exit(1)
	}
	mu.Lock()
	root = dir
	mu.Unlock()

	code := m.Run()

	mu.Lock()
	defer mu.Unlock()
	for _, s := range running {
		if err := s.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, "emutest: stop:", err)
			code = max(code, 1)
		}
	}
	if err := os.RemoveAll(dir); err != nil {
		fmt.Fprintln(os.Stderr, "emutest:", err)
		code = max(code, 1)
	}
	os.Exit(code)
}

// Azurite returns the package's Azure Blob server; its credentials are in the environment.
func Azurite(t testing.TB) *emulator.Azurite { return must(t, azurite) }

// S3 returns the package's S3 server; its credentials are in the environment.
func S3(t testing.TB) *emulator.S3 { return must(t, s3) }

// GCS returns the package's Google Cloud Storage server.
func GCS(t testing.TB) *emulator.GCS { return must(t, gcs) }

// GCSBehind returns a Google Cloud Storage server of the package that names itself by the address that front gives, as [emulator.StartGCSBehind] has it.
// It is another one at each call.
func GCSBehind(t testing.TB, front func(addr string) (string, error)) *emulator.GCS {
	t.Helper()
	mu.Lock()
	name := fmt.Sprintf("gcs-behind-%d", len(running))
	mu.Unlock()
	return must(t, func() (*emulator.GCS, error) {
		return start(name, func(ctx context.Context, dir string) (*emulator.GCS, error) {
			return emulator.StartGCSBehind(ctx, dir, front)
		})
	})
}

// requireSlurm makes a machine without Slurm a failure; .ci/run sets it, since there it was installed.
const requireSlurm = "DATAGRAVITY_REQUIRE_SLURM"

// Slurm starts a cluster that ends with the test. Where none can run, the test is skipped, unless requireSlurm is set.
func Slurm(t testing.TB, o emulator.SlurmOptions) *emulator.Slurm {
	t.Helper()
	// Not t.TempDir: a test's name in it would make the path too long for a socket.
	dir, err := os.MkdirTemp("", "datagravity-slurm-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	s, err := emulator.StartSlurm(context.Background(), dir, o)
	if errors.Is(err, emulator.ErrNoSlurm) && os.Getenv(requireSlurm) == "" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(s.Logs())
		}
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// TempDir makes a folder that all tests of the package may use, and that [Main] removes.
func TempDir() (string, error) {
	mu.Lock()
	defer mu.Unlock()
	return os.MkdirTemp(root, "shared-")
}

// Bucket makes an empty bucket with a name that nobody else has and returns its store URL.
func Bucket(t testing.TB, s Server) string {
	t.Helper()
	id := make([]byte, 8)
	_, _ = rand.Read(id) // never fails
	name := "test-" + hex.EncodeToString(id)
	if err := s.CreateBucket(t.Context(), name); err != nil {
		t.Fatalf("create bucket %s: %v", name, err)
	}
	return s.StoreURL(name)
}

func must[S any](t testing.TB, get func() (S, error)) S {
	t.Helper()
	s, err := get()
	if err != nil {
		t.Fatalf("%v\nThe servers' programs are built by `make tools`.", err)
	}
	return s
}

// start is not bound to the context of the test that happens to come first: the server outlives it.
func start[S Server](name string, run func(context.Context, string) (S, error)) (S, error) {
	mu.Lock()
	defer mu.Unlock()
	var none S
	if root == "" {
		return none, errors.New("emutest: the package needs `func TestMain(m *testing.M) { emutest.Main(m) }`")
	}
	s, err := run(context.Background(), filepath.Join(root, name))
	if err != nil {
		return none, err
	}
	running = append(running, s)
	for _, kv := range s.Env() {
		k, v, _ := strings.Cut(kv, "=")
		if err := os.Setenv(k, v); err != nil {
			return none, err
		}
	}
	return s, nil
}

package manifest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/datagravity/datagravity/pkg/chunker"
)

var noon = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

func open(t testing.TB, dir string, o Options) *Manifest {
	t.Helper()
	if o.Now == nil {
		o.Now = func() time.Time { return noon }
	}
	m, err := OpenDir(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	return m
}

func closeIt(t rapid.TB, m *Manifest) {
	t.Helper()
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
}

func update(t rapid.TB, m *Manifest, f func(*Tx) error) {
	t.Helper()
	if err := m.Update(f); err != nil {
		t.Fatal(err)
	}
}

func view(t rapid.TB, m *Manifest, f func(*Tx) error) {
	t.Helper()
	if err := m.View(f); err != nil {
		t.Fatal(err)
	}
}

func digest(s string) chunker.Digest { return chunker.Sum([]byte(s)) }

func wantError(t rapid.TB, err, want error, texts ...string) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("error %v, want %v", err, want)
	}
	for _, s := range texts {
		if !strings.Contains(err.Error(), s) {
			t.Errorf("error %q does not say %q", err, s)
		}
	}
}

// TestMain lets the test program play another process: with HOLD_MANIFEST it opens that directory, says how that went, and
// holds it until its input ends.
//
// With EXAMINE_MANIFESTS it opens directories that its input names, see examiner.
//
// With BACK_UP_MANIFEST it backs that directory up again and again, and with REBUILD_MANIFEST it makes its manifest anew again and again, until it is killed.
func TestMain(m *testing.M) {
	examineAll(os.Getenv("EXAMINE_MANIFESTS"))
	backUpForEver(os.Getenv("BACK_UP_MANIFEST"))
	rebuildForEver(os.Getenv("REBUILD_MANIFEST"))
	dir := os.Getenv("HOLD_MANIFEST")
	if dir == "" {
		os.Exit(m.Run())
	}
	held, err := OpenDir(dir, Options{Timeout: 200 * time.Millisecond, Holder: "sync c4 --to lab"})
	if err != nil {
		fmt.Println("refused:", err)
		os.Exit(0)
	}
	fmt.Println("held")
	_, _ = os.Stdin.Read(make([]byte, 1))
	if err := held.Close(); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	os.Exit(0)
}

// process starts another process on a state directory.
func process(t testing.TB, dir string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "HOLD_MANIFEST="+dir)
	return cmd
}

func copyFile(t testing.TB, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func glob(t rapid.TB, parts ...string) []string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(parts...))
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// memoryDir is a directory in memory where the system has one: tests that make thousands of transactions and test no
// crash need not wait for a disk.
func memoryDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "manifest-test-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

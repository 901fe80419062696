package emulator

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func TestCacheDir(t *testing.T) {
	t.Setenv("DATAGRAVITY_CACHE", "")
	wd, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	got, err := CacheDir()
	if want := filepath.Join(wd, "..", "..", ".cache"); err != nil || got != want {
		t.Errorf("in the module: %q, %v; want %q", got, err, want)
	}
	t.Setenv("DATAGRAVITY_CACHE", "/somewhere/else")
	if got, err := CacheDir(); err != nil || got != "/somewhere/else" {
		t.Errorf("told by the environment: %q, %v", got, err)
	}
}

func TestParseTool(t *testing.T) {
	for _, want := range []Tool{ToolAzurite, ToolS3, ToolGCS, ToolRclone, ToolLint, ToolPackage, ToolSBOM, ToolVulncheck, ToolKubernetes, ToolKueue} {
		if got, err := ParseTool(string(want)); err != nil || got != want {
			t.Errorf("%s: %v, %v", want, got, err)
		}
	}
	if _, err := ParseTool("minio"); err == nil || !strings.Contains(err.Error(), "axe, azurite, cyclonedx-gomod, gcs") {
		t.Errorf("an unknown name: %v", err)
	}
}

// A program of another version or of another origin is not taken for the pinned one.
func TestCheckRefuses(t *testing.T) {
	cache := t.TempDir()
	if err := kinds[ToolS3].check(cache); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("absent: %v", err)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(cache, "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(exe, kinds[ToolS3].path(cache)); err != nil {
		t.Fatal(err)
	}
	if err := kinds[ToolS3].check(cache); err == nil || !strings.Contains(err.Error(), "want github.com/versity/versitygw v1.8.0") {
		t.Errorf("another program: %v", err)
	}

	npm := filepath.Join(kinds[ToolAzurite].place(cache), "node_modules")
	for _, dir := range []string{".bin", "azurite"} {
		if err := os.MkdirAll(filepath.Join(npm, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(npm, ".bin", "azurite-blob"), "#!/bin/sh\n")
	write(t, filepath.Join(npm, "azurite", "package.json"), `{"version":"3.36.0"}`)
	if err := kinds[ToolAzurite].check(cache); err == nil || !strings.Contains(err.Error(), "is version 3.36.0, want 3.37.0") {
		t.Errorf("another version: %v", err)
	}
}

// Many at once build once, and the others find what that one made. The go command is a stand-in that hands out the
// program from the real cache.
func TestEnsureBuildsOnce(t *testing.T) {
	if err := Ensure(context.Background(), ToolS3); err != nil {
		t.Fatal(err)
	}
	real, err := ToolS3.Path()
	if err != nil {
		t.Fatal(err)
	}
	bin, cache := t.TempDir(), t.TempDir()
	calls := filepath.Join(bin, "calls")
	write(t, filepath.Join(bin, "go"), "#!/bin/sh\necho \"$@\" >>"+calls+"\nln -s "+real+" $GOBIN/versitygw\n")
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	t.Setenv("DATAGRAVITY_CACHE", cache)

	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if err := Ensure(context.Background(), ToolS3); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	got, err := os.ReadFile(calls)
	if want := "install -trimpath github.com/versity/versitygw/cmd/versitygw@v1.8.0\n"; err != nil || string(got) != want {
		t.Errorf("go was called with %q, %v; want once %q", got, err, want)
	}
	left, err := filepath.Glob(filepath.Join(cache, "build-*"))
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// A build that fails shows what the builder said and leaves nothing in the cache.
func TestEnsureFails(t *testing.T) {
	bin, cache := t.TempDir(), t.TempDir()
	write(t, filepath.Join(bin, "npm"), "#!/bin/sh\necho no network today >&2\nexit 1\n")
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	t.Setenv("DATAGRAVITY_CACHE", cache)
	err := Ensure(context.Background(), ToolAzurite)
	if err == nil || !strings.Contains(err.Error(), "no network today") || !strings.Contains(err.Error(), "npm in the PATH") {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(kinds[ToolAzurite].place(cache)); !os.IsNotExist(err) {
		t.Errorf("a half-made folder: %v", err)
	}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o755); err != nil {
		t.Fatal(err)
	}
}

package config

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/datagravity/datagravity/internal/yamldoc"
)

var update = flag.Bool("update", false, "write the golden files")

// TestBadFiles: the golden text beside each file is the whole of what its user sees.
func TestBadFiles(t *testing.T) {
	t.Setenv("HOME", "/home/user")
	t.Chdir("testdata/bad")
	files, err := filepath.Glob("*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files to test: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(file, ".yaml"), func(t *testing.T) {
			c, err := Load(file)
			if err == nil || c != nil {
				t.Fatalf("loaded %+v", c)
			}
			var first *Error
			if !errors.As(err, &first) || first.Path != file {
				t.Errorf("errors.As finds %+v in %#v", first, err)
			}
			if strings.Contains(err.Error(), "c2VjcmV0LXZhbHVl") || strings.Contains(err.Error(), "EXAMPLE") || strings.Contains(err.Error(), "pass") {
				t.Error("the message repeats a secret")
			}
			golden := strings.TrimSuffix(file, ".yaml") + ".golden"
			have := err.Error() + "\n"
			if *update {
				if err := os.WriteFile(golden, []byte(have), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), have); diff != "" {
				t.Errorf("-want +have; go test ./pkg/config -update accepts it:\n%s", diff)
			}
		})
	}
}

func TestLoadWithoutFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "none.yaml")
	_, err := Load(path)
	var e *Error
	if !errors.As(err, &e) || e.Message != "no such file; datagravity init "+path+" writes a commented one to start from" {
		t.Errorf("error %v", err)
	}
	_, err = Load(t.TempDir())
	if !errors.As(err, &e) || !strings.Contains(err.Error(), "is a directory") {
		t.Errorf("error of a directory: %v", err)
	}
}

func TestLoadBounds(t *testing.T) {
	path := filepath.Join(t.TempDir(), "big.yaml")
	if err := os.WriteFile(path, []byte(strings.Repeat("#", yamldoc.MaxBytes+1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(path); err == nil || !strings.Contains(err.Error(), "larger than 256KiB") {
		t.Errorf("error %v", err)
	}
}

func TestNotText(t *testing.T) {
	if _, err := parse("x.yaml", "/", []byte("agent: \xff")); err == nil || err.Error() != "x.yaml: is not UTF-8 text; save it as UTF-8" {
		t.Errorf("error %v", err)
	}
}

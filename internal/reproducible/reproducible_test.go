package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// module is one that prints where it was built.
func module(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":          "module example.com/m\n\ngo 1.26\n",
		"cmd/main.go":     "package main\n\nimport \"example.com/m/place\"\n\nfunc main() { println(place.Of()) }\n",
		"place/place.go":  "package place\n\nimport \"runtime\"\n\n// Of a line.\nfunc Of() string { _, file, _, _ := runtime.Caller(0); return file }\n",
		"build/ignored.x": "no source",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestTwoBuilds(t *testing.T) {
	for name, c := range map[string]struct{ flags, want string }{
		"paths left out": {"-trimpath", ""},
		"paths left in":  {"", "the two builds differ"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("GOFLAGS", c.flags)
			var out bytes.Buffer
			err := (&comparison{dir: module(t), pkg: "./cmd", out: &out}).run()
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("error %v, want %q\n%s", err, c.want, out.String())
			}
		})
	}
}

// Ours are compiled anew in the second build: their results are not in its cache.
func TestSecondCacheLacksOurs(t *testing.T) {
	t.Setenv("GOFLAGS", "-trimpath")
	c := &comparison{dir: module(t), pkg: "./cmd"}
	if err := c.build(c.dir, filepath.Join(t.TempDir(), "x"), nil); err != nil {
		t.Fatal(err)
	}
	ours, err := c.compiled()
	if err != nil || len(ours) != 2 {
		t.Fatalf("compiled: %v, %v", ours, err)
	}
	first, err := goEnv(c.dir, "GOCACHE")
	if err != nil {
		t.Fatal(err)
	}
	second, err := c.secondCache()
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(second)
	for path := range ours {
		rel, err := filepath.Rel(first, path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(filepath.Join(second, rel)); !os.IsNotExist(err) {
			t.Errorf("%s is in the second cache: %v", rel, err)
		}
	}
	entries, err := os.ReadDir(second)
	if err != nil || len(entries) < 200 {
		t.Errorf("the second cache has %d folders: %v", len(entries), err)
	}
}

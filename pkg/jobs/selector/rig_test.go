package selector

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// memory is a dataset of sizes, and of bytes where somebody reads them.
type memory struct {
	paths  []string // in byte order
	sizes  map[string]int64
	bytes  map[string][]byte
	roots  []string
	format string
	read   int64 // bytes that were read
}

func newMemory(files map[string]int64) *memory {
	m := &memory{sizes: map[string]int64{}, bytes: map[string][]byte{}, format: "auto"}
	for p, n := range files {
		m.sizes[p] = n
	}
	m.sort()
	return m
}

func (m *memory) sort() {
	m.paths = m.paths[:0]
	for p := range m.sizes {
		m.paths = append(m.paths, p)
	}
	slices.Sort(m.paths)
}

// put adds a file with its bytes.
func (m *memory) put(path string, content []byte) *memory {
	m.sizes[path], m.bytes[path] = int64(len(content)), content
	m.sort()
	return m
}

// fixture adds a file of the readers' fixtures.
func (m *memory) fixture(t testing.TB, path, name string) *memory {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "format", "testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return m.put(path, b)
}

func (m *memory) Shards(yield func(string, int64) bool) error {
	for _, p := range m.paths {
		if !yield(p, m.sizes[p]) {
			return nil
		}
	}
	return nil
}

func (m *memory) Read(_ context.Context, path string, off, most int64) ([]byte, error) {
	b, ok := m.bytes[path]
	if !ok {
		return nil, fmt.Errorf("%s: %w", path, fs.ErrNotExist)
	}
	b = b[min(off, int64(len(b))):]
	b = b[:min(most, int64(len(b)))]
	m.read += int64(len(b))
	return b, nil
}

func (m *memory) Roots() []string { return m.roots }
func (m *memory) Format() string  { return m.format }
func (m *memory) Marker() string  { return "" }

func parse(t testing.TB, terms ...string) Selection {
	t.Helper()
	s, err := Parse(terms, options)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// options has variables and a file of URLs.
var options = Options{
	Env: func(name string) (string, bool) {
		v, ok := map[string]string{
			"WDS_ROOT": "s3://bucket/c4", "WDS_SPLIT": "${INNER}", "WDS_INNER": "train", "WDS_LOOP": "${LOOP}", "WDS_TWO": "a::b",
			"WDS_BOMB": "${BOMB}${BOMB}", "WDS_HALF": ":", "WDS_BRACES": "{0..1}",
		}[name]
		return v, ok
	},
	ReadFile: func(name string, most int64) ([]byte, error) {
		text, ok := map[string]string{
			"list.txt":  "# ours\n\ns3://bucket/c4/b.tar\r\n  a,1.tar  \nx\\y.tar\n",
			"empty.txt": "# nothing\n", "pipe.txt": "a.tar\npipe:aws s3 cp s3://bucket/c4/b.tar -\n", "up.txt": "../x.tar",
		}[name]
		if name == "large.txt" {
			return make([]byte, most), nil
		}
		if !ok {
			return nil, fs.ErrNotExist
		}
		return []byte(text), nil
	},
}

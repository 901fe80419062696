package file

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/datagravity/datagravity/pkg/store"
)

// FuzzKey has objects be named as anybody may name them: each is a file in the store's directory, listed under its own name, or is refused; nothing outside comes, goes or changes.
func FuzzKey(f *testing.F) {
	for _, key := range hostile {
		f.Add(key)
	}
	f.Add("a/b.tar")
	root := f.TempDir()
	if err := os.WriteFile(filepath.Join(root, "x"), []byte("not ours"), 0o600); err != nil {
		f.Fatal(err)
	}
	dir := filepath.Join(root, "store")
	if err := os.Mkdir(dir, 0o700); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, key string) {
		s, err := Open(dir, Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		before := surroundings(t, root)
		if _, err := s.Put(t.Context(), key, []byte("ours"), store.WriteOptions{Condition: store.Always()}); err == nil {
			page, err := s.List(t.Context(), store.ListOptions{})
			if err != nil || len(page.Objects) != 1 || page.Objects[0].Key != key {
				t.Errorf("%.80q is listed as %+v, %v", key, page.Objects, err)
			}
		}
		tryKey(t, s, key)
		if page, err := s.List(t.Context(), store.ListOptions{}); err != nil || len(page.Objects) != 0 {
			t.Errorf("%.80q is left: %+v, %v", key, page.Objects, err)
		}
		after := surroundings(t, root)
		for path, text := range before {
			if have, there := after[path]; !there || have != text {
				t.Errorf("%.80q: %s is %q", key, strings.TrimPrefix(path, root), have)
			}
		}
		if len(after) != len(before) {
			t.Errorf("%.80q: something outside of the store came", key)
		}
	})
}

package file

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/datagravity/datagravity/pkg/store"
)

// hostile are keys as somebody names objects who wants a file elsewhere.
var hostile = []string{
	"../x", "a/../../x", "..", ".", "/etc/passwd", "//etc/passwd", "a//b", "a/./b", "./x", "a/..", "/", "", "a\x00b", "\x00", `..\..\x`, `\x`, `C:\x`, `a\..\b`,
	strings.Repeat("a", 4096), strings.Repeat("a/", 2048) + "b", strings.Repeat("../", 1365) + "x", "a/" + strings.Repeat("ü", 2048), "%2e%2e/x", "..%2fx", "\xff\xfe", "a\n../b",
}

// surroundings are all files that are not the store's, with what is in them.
func surroundings(t *testing.T, root string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path == filepath.Join(root, "store") {
			return fs.SkipDir
		}
		if !d.IsDir() {
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			out[path] = string(b)
		} else {
			out[path] = ""
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// tryKey writes, reads, copies, uploads and removes under a key, and has nothing outside of the store be another than before.
func tryKey(t *testing.T, s *Store, key string) {
	ctx := t.Context()
	body := []byte("ours")
	_, put := s.Put(ctx, key, body, store.WriteOptions{Condition: store.Always()})
	got := make([]byte, len(body))
	read := s.ReadRange(ctx, store.Ref{Key: key}, 0, got)
	if put == nil && (read != nil || !bytes.Equal(got, body)) {
		t.Errorf("%.40q was written and is %q, %v", key, got, read)
	}
	if put != nil && read == nil {
		t.Errorf("%.40q cannot be written (%v) and can be read: %q", key, put, got)
	}
	if _, err := s.Head(ctx, key); (err == nil) != (put == nil) {
		t.Errorf("%.40q: written %v, seen %v", key, put, err)
	}
	if u, err := s.CreateUpload(ctx, key, store.UploadOptions{}); err == nil {
		if err := s.AbortUpload(ctx, u); err != nil {
			t.Errorf("%.40q: abort: %v", key, err)
		}
	}
	if err := s.Delete(ctx, store.Ref{Key: key}); put == nil && err != nil {
		t.Errorf("%.40q: delete: %v", key, err)
	}
}

// No key leads out of a store's directory, whatever is done with it: it is a file in there, or refused.
func TestHostileKeys(t *testing.T) {
	root := t.TempDir()
	for name, text := range map[string]string{"x": "not ours", "secret": "not ours", "other/x": "not ours"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(root, name)), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	dir := filepath.Join(root, "store")
	if err := os.Mkdir(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	s, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	before := surroundings(t, root)
	check := func(key string) {
		t.Helper()
		tryKey(t, s, key)
		after := surroundings(t, root)
		if len(after) != len(before) {
			t.Fatalf("%.40q: something outside of the store came or went: %v", key, after)
		}
		for path, text := range before {
			if after[path] != text {
				t.Fatalf("%.40q: %s is %q now", key, path, after[path])
			}
		}
	}
	for _, key := range hostile {
		check(key)
	}
	if _, err := s.Put(t.Context(), "a/x", []byte("ours"), store.WriteOptions{Condition: store.Always()}); err != nil { // else all of the above was refused for another reason
		t.Fatal(err)
	}
	for _, key := range []string{"../x", "/etc/passwd", "a/../../x", "a\x00b", strings.Repeat("a", 4096)} {
		if _, err := s.Put(t.Context(), key, nil, store.WriteOptions{Condition: store.Always()}); err == nil || errors.Is(err, store.ErrTransient) {
			t.Errorf("%.40q: %v: it must be refused, and not be tried again", key, err)
		}
	}
	segment := rapid.SampledFrom([]string{"..", ".", "", "a", "x", "secret", "other", `\`, "..\\", "\x00", " ", "~", "$HOME", ".datagravity"})
	rapid.Check(t, func(r *rapid.T) {
		check(strings.Join(rapid.SliceOfN(segment, 1, 6).Draw(r, "segments"), "/"))
	})
}

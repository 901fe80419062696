package file

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/datagravity/datagravity/pkg/store"
)

func TestPrefixIsNoFolder(t *testing.T) {
	s, _ := open(t)
	for _, k := range []string{"aa/x", "aab/file", "aa.b", "ab"} {
		put(t, s, k, k)
	}
	for prefix, want := range map[string][]string{
		"aa/": {"aa/x"}, "aa": {"aa.b", "aa/x", "aab/file"}, "aab": {"aab/file"}, "": {"aa.b", "aa/x", "aab/file", "ab"},
		"../": nil, "./": nil, "/": nil, "aa//": nil, "aa/./": nil, "ab/": nil, "ab/c/d/": nil,
	} {
		if got := keys(t, s, prefix, "", 0); !slices.Equal(got, want) {
			t.Errorf("prefix %q: got %q, want %q", prefix, got, want)
		}
	}
}

func TestPrivateIsListedOnRequest(t *testing.T) {
	s, _ := open(t)
	put(t, s, "z", "")
	put(t, s, ".datagravity/receipts/r", "")
	put(t, s, ".data/file", "")
	sent(t, s, "upload")
	for prefix, want := range map[string][]string{
		"": {".data/file", "z"}, ".data": {".data/file"}, ".datagravity": nil,
		store.Private: {".datagravity/receipts/r"}, store.Private + "re": {".datagravity/receipts/r"},
		uploadsPrefix: nil, uploadsDir: nil, uploadsPrefix + "x/": nil,
	} {
		if got := keys(t, s, prefix, "", 0); !slices.Equal(got, want) {
			t.Errorf("prefix %q: got %q, want %q", prefix, got, want)
		}
	}
	_, err := s.Put(t.Context(), uploadsPrefix+"mine", nil, store.WriteOptions{Condition: store.IfAbsent()})
	if !errors.Is(err, store.ErrName) {
		t.Errorf("put among the uploads: %v", err)
	}
}

// A page reads no directory behind its last key: one that cannot be listed does not fail it.
func TestListingIsLazy(t *testing.T) {
	s, dir := open(t)
	put(t, s, "a/1", "")
	put(t, s, "b/2", "")
	put(t, s, "c/3", "")
	if err := os.Symlink("nowhere", filepath.Join(dir, "c/0")); err != nil {
		t.Fatal(err)
	}
	p, err := s.List(t.Context(), store.ListOptions{Max: 2})
	if err != nil || len(p.Objects) != 2 || p.Next != "b/2" {
		t.Fatalf("first page: %+v, %v", p, err)
	}
	if _, err := s.List(t.Context(), store.ListOptions{Max: 2, Token: p.Next}); !errors.Is(err, store.ErrUnsupported) {
		t.Errorf("second page: %v", err)
	}
}

// A file that goes away between two pages is left out, and the rest is complete.
func TestListingWhileFilesGo(t *testing.T) {
	s, _ := open(t)
	for _, k := range []string{"d/1", "d/2", "d/3", "e/4", "f"} {
		put(t, s, k, k)
	}
	p, err := s.List(t.Context(), store.ListOptions{Max: 1})
	if err != nil || p.Next != "d/1" {
		t.Fatalf("%+v, %v", p, err)
	}
	for _, k := range []string{"d/1", "d/2", "e/4"} {
		if err := s.Delete(t.Context(), store.Ref{Key: k}); err != nil {
			t.Fatal(err)
		}
	}
	if got := keys(t, s, "", p.Next, 1); !slices.Equal(got, []string{"d/3", "f"}) {
		t.Errorf("rest: %q", got)
	}
}

// Any tree, prefix, page size and point of continuation gives what sorting all keys gives, by the walk that was parked and
// by a new one.
func TestListingEqualsSortedKeys(t *testing.T) {
	segment := rapid.StringMatching(`[ab.0-]{1,2}`).Filter(func(s string) bool { return s != "." && s != ".." })
	key := rapid.Custom(func(t *rapid.T) string { return strings.Join(rapid.SliceOfN(segment, 1, 4).Draw(t, "segments"), "/") })
	base := t.TempDir()
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp(base, "")
		if err != nil {
			rt.Fatal(err)
		}
		var all []string
		for _, k := range rapid.SliceOfN(key, 0, 25).Draw(rt, "keys") {
			path := filepath.Join(dir, k)
			if os.MkdirAll(filepath.Dir(path), 0o777) != nil {
				continue // one of its folders is a file
			}
			if fi, err := os.Stat(path); err == nil && (fi.IsDir() || slices.Contains(all, k)) {
				continue
			}
			if err := os.WriteFile(path, nil, 0o666); err != nil {
				rt.Fatal(err)
			}
			all = append(all, k)
		}
		slices.Sort(all)
		prefix := rapid.OneOf(rapid.Just(""), key, rapid.Map(key, func(k string) string { return k + "/" })).Draw(rt, "prefix")
		token := rapid.OneOf(rapid.Just(""), key).Draw(rt, "token")
		var want []string
		for _, k := range all {
			if strings.HasPrefix(k, prefix) && k > token {
				want = append(want, k)
			}
		}
		s, err := Open(dir, Options{})
		if err != nil {
			rt.Fatal(err)
		}
		defer s.Close()
		limit := rapid.IntRange(0, 4).Draw(rt, "limit")
		if got := keys(rt, s, prefix, token, limit); !slices.Equal(got, want) {
			rt.Fatalf("got %q, want %q", got, want)
		}
		forgetful := pages(rt, s, prefix, token, limit, s.walks.clear)
		if !slices.Equal(forgetful, want) {
			rt.Fatalf("without parked walks: got %q, want %q", forgetful, want)
		}
	})
}

type tester interface {
	Helper()
	Fatal(...any)
}

func keys(t tester, s *Store, prefix, token string, limit int) []string {
	t.Helper()
	return pages(t, s, prefix, token, limit, func() {})
}

func pages(t tester, s *Store, prefix, token string, limit int, between func()) []string {
	t.Helper()
	var got []string
	for {
		p, err := s.List(context.Background(), store.ListOptions{Prefix: prefix, Token: token, Max: limit})
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range p.Objects {
			got = append(got, o.Key)
		}
		if token = p.Next; token == "" {
			return got
		}
		between()
	}
}

package file

import (
	"io/fs"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"github.com/datagravity/datagravity/pkg/store/storetest"
)

func TestConformance(t *testing.T) {
	for name, prefix := range map[string]string{"plain": "", "no-hard-links": "data/set/"} {
		t.Run(name, func(t *testing.T) {
			s, dir := open(t)
			if name == "no-hard-links" {
				s.link = func(string, string) error { return syscall.EPERM }
			}
			storetest.Run(t, s, storetest.Options{Prefix: prefix, Quirks: []storetest.Quirk{storetest.ContentTypeLost, storetest.ContentEncodingLost}})
			// Nothing may be left but the folder and the lock of ours.
			wantNames(t, dir, ".datagravity", ".datagravity/uploads", ".datagravity/uploads/lock")
			if got := len(s.Capabilities().Warnings) > 0; got != (name == "no-hard-links") {
				t.Errorf("warnings: %q", s.Capabilities().Warnings)
			}
		})
	}
}

func open(t *testing.T) (*Store, string) {
	t.Helper()
	dir := t.TempDir()
	return reopen(t, dir), dir
}

// reopen is a second agent, or the first after a crash.
func reopen(t *testing.T, dir string) *Store {
	t.Helper()
	s, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// wantNames compares all paths below dir.
func wantNames(t *testing.T, dir string, want ...string) {
	t.Helper()
	var got []string
	err := filepath.WalkDir(dir, func(p string, _ fs.DirEntry, err error) error {
		if rel, _ := filepath.Rel(dir, p); rel != "." {
			got = append(got, rel)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("paths: got %q, want %q", got, want)
	}
}

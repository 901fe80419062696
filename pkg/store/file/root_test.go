package file

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/datagravity/datagravity/pkg/store"
)

func put(t *testing.T, s *Store, key, body string) store.Object {
	t.Helper()
	o, err := s.Put(t.Context(), key, []byte(body), store.WriteOptions{Condition: store.IfAbsent()})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestMissingDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "mnt", "data")
	if _, err := Open(dir, Options{}); !errors.Is(err, store.ErrNotFound) || !strings.Contains(err.Error(), "mount it") {
		t.Errorf("open: %v", err)
	}
	s, err := Open(dir, Options{Create: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	was := put(t, s, "a/b", "x")
	// What an unmount looks like from outside: the path is there and empty, but it is another directory. And what a
	// removed mount point looks like: no path at all.
	if err := os.Rename(dir, dir+".away"); err != nil {
		t.Fatal(err)
	}
	for _, step := range []string{"no directory", "another directory"} {
		if step == "another directory" {
			if err := os.Mkdir(dir, 0o777); err != nil {
				t.Fatal(err)
			}
		}
		gone := func(op string, err error) {
			if store.KindOf(err) != store.ErrPermanent || errors.Is(err, store.ErrNotFound) || !strings.Contains(err.Error(), "mount it again") {
				t.Errorf("%s: %s: %v; want that no object is called gone for it", step, op, err)
			}
		}
		_, err := s.List(t.Context(), store.ListOptions{})
		gone("list", err)
		o, err := s.Head(t.Context(), "a/b")
		gone("head", err)
		gone("read", s.ReadRange(t.Context(), store.Ref{Key: "a/b", ETag: was.ETag}, 0, make([]byte, 1)))
		gone("delete", s.Delete(t.Context(), store.Ref{Key: "a/b", ETag: was.ETag}))
		_, err = s.Put(t.Context(), "c", nil, store.WriteOptions{Condition: store.IfAbsent()})
		gone("put", err)
		if o.Size != 0 {
			t.Errorf("%s: %+v", step, o)
		}
	}
}

func TestSymlinks(t *testing.T) {
	s, dir := open(t)
	outside := t.TempDir()
	if err := os.WriteFile(filepath.Join(outside, "secret"), []byte("secret"), 0o666); err != nil {
		t.Fatal(err)
	}
	put(t, s, "real/file", "inside")
	link := func(target, name string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	link("../real/file", "good/file")
	link(outside, "out")
	link(filepath.Join(outside, "secret"), "bad/file")
	link("../../../../../../../../../../.."+outside+"/secret", "bad2/file")
	link("nothing", "dangling/file")
	link("../real", "dirs/dir")

	got := make([]byte, 6)
	if err := s.ReadRange(t.Context(), store.Ref{Key: "good/file"}, 0, got); err != nil || string(got) != "inside" {
		t.Errorf("link within the store: %q, %v", got, err)
	}
	if p, err := s.List(t.Context(), store.ListOptions{Prefix: "good/"}); err != nil || len(p.Objects) != 1 || p.Objects[0].Size != 6 {
		t.Errorf("listing of a link within the store: %+v, %v", p, err)
	}
	for _, key := range []string{"out/secret", "bad/file", "bad2/file"} {
		if err := s.ReadRange(t.Context(), store.Ref{Key: key}, 0, make([]byte, 6)); !errors.Is(err, store.ErrPermission) {
			t.Errorf("read %s: %v", key, err)
		}
		if _, err := s.Head(t.Context(), key); !errors.Is(err, store.ErrPermission) {
			t.Errorf("head %s: %v", key, err)
		}
	}
	for _, key := range []string{"out/new", "out/deep/new"} {
		if _, err := s.Put(t.Context(), key, nil, store.WriteOptions{Condition: store.IfAbsent()}); !errors.Is(err, store.ErrPermission) {
			t.Errorf("put %s: %v", key, err)
		}
	}
	if err := s.Delete(t.Context(), store.Ref{Key: "out/secret"}); !errors.Is(err, store.ErrPermission) {
		t.Errorf("delete: %v", err)
	}
	wantNames(t, outside, "secret")
	for prefix, kind := range map[string]error{"bad/": store.ErrPermission, "bad2/": store.ErrPermission, "out": store.ErrPermission, "dangling/": store.ErrUnsupported, "dirs/": store.ErrUnsupported} {
		if p, err := s.List(t.Context(), store.ListOptions{Prefix: prefix}); !errors.Is(err, kind) {
			t.Errorf("list %s: %+v, %v, want %v: a shard must not be missed in silence", prefix, p, err, kind)
		}
	}
	// Removing the link is not removing what it leads to.
	if err := s.Delete(t.Context(), store.Ref{Key: "good/file"}); err != nil {
		t.Error(err)
	}
	if err := s.Delete(t.Context(), store.Ref{Key: "dirs/dir/file"}); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(filepath.Join(dir, "dirs/dir")); err != nil {
		t.Errorf("a link to a directory was removed with the last file behind it: %v", err)
	}
}

func TestSpecialFiles(t *testing.T) {
	s, dir := open(t)
	put(t, s, "d/file", "x")
	if err := syscall.Mkfifo(filepath.Join(dir, "d/fifo"), 0o666); err != nil {
		t.Fatal(err)
	}
	if p, err := s.List(t.Context(), store.ListOptions{}); err != nil || len(p.Objects) != 1 {
		t.Errorf("list: %+v, %v", p, err)
	}
	for _, key := range []string{"d/fifo", "d"} {
		if _, err := s.Head(t.Context(), key); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("head %s: %v", key, err)
		}
		if err := s.ReadRange(t.Context(), store.Ref{Key: key}, 0, make([]byte, 1)); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("read %s: %v", key, err)
		}
	}
	if err := s.Delete(t.Context(), store.Ref{Key: "d"}); err != nil {
		t.Errorf("delete of a folder, which is no object: %v", err)
	}
	wantNames(t, dir, ".datagravity", ".datagravity/uploads", "d", "d/file", "d/fifo")
}

// A program that overwrites in place and sets the time back changes the ctime all the same.
func TestOverwrittenInPlace(t *testing.T) {
	s, dir := open(t)
	o := put(t, s, "k", "first")
	time.Sleep(20 * time.Millisecond) // more than a tick of coarse file times
	path := filepath.Join(dir, "k")
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("other"); err != nil {
		t.Fatal(err)
	}
	f.Close()
	if err := os.Chtimes(path, o.Modified, o.Modified); err != nil {
		t.Fatal(err)
	}
	if err := s.ReadRange(t.Context(), o.Ref(), 0, make([]byte, 5)); !errors.Is(err, store.ErrChanged) {
		t.Errorf("read: %v", err)
	}
	if err := s.Delete(t.Context(), o.Ref()); !errors.Is(err, store.ErrConflict) {
		t.Errorf("delete: %v", err)
	}
}

// Two agents on one directory replace the same object again and again: each version has one successor.
func TestTwoWriters(t *testing.T) {
	_, dir := open(t)
	agents := []*Store{reopen(t, dir), reopen(t, dir)}
	now := put(t, agents[0], "k", "0")
	for round := range 10 {
		var wg sync.WaitGroup
		var mu sync.Mutex
		var winners []store.Object
		for i := range 8 {
			body := bytes.Repeat([]byte{byte('a' + i)}, 100+round)
			wg.Go(func() {
				o, err := agents[i%2].Put(t.Context(), "k", body, store.WriteOptions{Condition: store.IfMatch(now.ETag)})
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					winners = append(winners, o)
				} else if !errors.Is(err, store.ErrConflict) {
					t.Errorf("loser: %v", err)
				}
			})
		}
		wg.Wait()
		if len(winners) != 1 {
			t.Fatalf("round %d: %d writers replaced the same object", round, len(winners))
		}
		there, err := agents[1].Head(t.Context(), "k")
		if err != nil || there.ETag != winners[0].ETag {
			t.Fatalf("round %d: %+v stands, %+v won, %v", round, there, winners[0], err)
		}
		now = there
	}
	wantNames(t, dir, ".datagravity", ".datagravity/uploads", ".datagravity/uploads/lock", "k")
}

// Writers make the folders that deleters find empty.
func TestFoldersComeAndGo(t *testing.T) {
	_, dir := open(t)
	var wg sync.WaitGroup
	for i := range 4 {
		s := reopen(t, dir)
		wg.Go(func() {
			for n := range 30 {
				key := fmt.Sprintf("a/b/c/%d-%d", i, n)
				o, err := s.Put(t.Context(), key, nil, store.WriteOptions{Condition: store.IfAbsent()})
				if err == nil {
					err = s.Delete(t.Context(), o.Ref())
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	wantNames(t, dir, ".datagravity", ".datagravity/uploads", ".datagravity/uploads/lock")
}

func TestFullDisk(t *testing.T) {
	s, dir := open(t)
	_, err := s.CreateUpload(t.Context(), "huge", store.UploadOptions{Size: maxFileBytes})
	if !errors.Is(err, store.ErrPermanent) || !strings.Contains(err.Error(), "free") {
		t.Errorf("an upload of 16 TiB: %v", err)
	}
	wantNames(t, dir, ".datagravity", ".datagravity/uploads")
	for _, e := range []error{syscall.ENOSPC, syscall.EDQUOT} {
		s.link = func(string, string) error { return &os.LinkError{Op: "linkat", Err: e} }
		_, err := s.Put(t.Context(), "a/k", []byte("x"), store.WriteOptions{Condition: store.IfAbsent()})
		if !errors.Is(err, store.ErrPermanent) || !strings.Contains(err.Error(), "free space") {
			t.Errorf("put: %v", err)
		}
		wantNames(t, dir, ".datagravity", ".datagravity/uploads")
	}
}

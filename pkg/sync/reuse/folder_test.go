package reuse

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/datagravity/datagravity/pkg/sync/parts"
)

// TestMain lets the test program play a process that is killed: with SPILL_TO it spills to that folder, says so, and waits.
func TestMain(m *testing.M) {
	dir := os.Getenv("SPILL_TO")
	if dir == "" {
		os.Exit(m.Run())
	}
	f, err := New(Options{Dir: dir})
	if err == nil {
		err = errors.Join(f.spill(), f.Want(cut(1, 2, 3)))
	}
	fmt.Println("spilled", err)
	_, _ = os.Stdin.Read(make([]byte, 1))
}

func TestLeftoversOfAKilledProcessAreRemoved(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "SPILL_TO="+dir)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "spilled <nil>\n" {
		t.Fatalf("%q, %v", line, err)
	}
	for _, name := range []string{"notes.txt", "folder", folderPrefix + "file"} {
		path := filepath.Join(dir, name)
		if name == "folder" {
			err = os.Mkdir(path, 0o700)
		} else {
			err = os.WriteFile(path, nil, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	count := func() int {
		list, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	newFinder(t, Options{Dir: dir})
	if n := count(); n != 4 {
		t.Errorf("%d names while the process lives, want its folder and three that are not ours", n)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed
	newFinder(t, Options{Dir: dir})
	if n := count(); n != 3 {
		t.Errorf("%d names after it was killed, want three that are not ours", n)
	}
}

func TestDirIsMade(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	f := newFinder(t, Options{Dir: dir})
	if exists(dir) {
		t.Error("made though nothing is spilled")
	}
	if err := f.spill(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	wantEmpty(t, dir)
}

func TestDirIsAFile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "file")
	f := newFinder(t, Options{Dir: dir})
	if err := os.WriteFile(dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	f.limits.tableBytes = 0
	_, err := New(Options{Dir: dir})
	for _, err := range []error{err, f.Want(cut(1)), f.Want(nil)} {
		if !errors.Is(err, syscall.ENOTDIR) || !strings.Contains(err.Error(), dir) {
			t.Errorf("error %v", err)
		}
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}

// memoryDir is a folder in memory where the system has one: tests that make thousands of files need not wait for a disk.
func memoryDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "reuse-test-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// fullDisk has room for so many bytes.
type fullDisk struct{ room, written int64 }

type fullFile struct {
	io.WriteCloser
	disk *fullDisk
}

func (f fullFile) Write(b []byte) (int, error) {
	n := min(int64(len(b)), f.disk.room-f.disk.written)
	f.disk.written += n
	if n < int64(len(b)) {
		return int(n), syscall.ENOSPC
	}
	return f.WriteCloser.Write(b)
}

// spilledSearch has several runs of each kind, with little memory.
func spilledSearch() search {
	s := search{max: 4}
	for i := range 20 {
		n := make([]int, 100)
		for j := range n {
			n[j] = 100 + (i*61+j)%700
		}
		s.wanted = append(s.wanted, cut(n...))
		s.held = append(s.held, object{int32(i), cut(n[10:90]...)})
	}
	return s
}

// attempt asks all questions until one fails.
func (s search) attempt(f *Finder) error {
	for _, shard := range s.wanted {
		if err := f.Want(shard); err != nil {
			return err
		}
	}
	for _, o := range s.held {
		if _, err := f.Hold(o.name, o.chunks); err != nil {
			return err
		}
	}
	return f.Each(func(int, [][]parts.Place) error { return nil })
}

func (l limits) small() limits {
	l.buffer, l.fanIn, l.mergeBytes = 150, 3, 4<<10
	return l
}

func TestDiskFull(t *testing.T) {
	s := spilledSearch()
	dir := memoryDir(t)
	attempt := func(room int64) (written int64, err error) {
		f := newFinder(t, Options{Dir: dir})
		f.limits = f.limits.small()
		if err := f.spill(); err != nil {
			t.Fatal(err)
		}
		disk := &fullDisk{room: room}
		f.disk.folder.create = func(path string) (io.WriteCloser, error) {
			w, err := createFile(path)
			return fullFile{w, disk}, err
		}
		err = s.attempt(f)
		if err != nil && !errors.Is(f.Want(nil), err) {
			t.Error("what is incomplete goes on")
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
		wantEmpty(t, dir)
		return disk.written, err
	}
	all, err := attempt(1 << 40)
	if err != nil {
		t.Fatal(err)
	}
	for room := int64(0); room < all; room += all/97 + 1 {
		_, err := attempt(room)
		if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), "free space") {
			t.Fatalf("with room for %d of %d bytes: %v", room, all, err)
		}
	}
}

// Whoever cleans a folder for temporary files under us makes the search fail, not answer wrongly.
func TestRunsThatAreGone(t *testing.T) {
	for name, damage := range map[string]func(string) error{
		"removed":   os.Remove,
		"cut short": func(path string) error { return os.Truncate(path, 77) },
	} {
		t.Run(name, func(t *testing.T) {
			s := spilledSearch()
			dir := t.TempDir()
			for _, after := range []int{2, 7, 12} { // files of each kind among those
				f := newFinder(t, Options{Dir: dir})
				f.limits = f.limits.small()
				f.limits.fanIn = 64
				if err := f.spill(); err != nil {
					t.Fatal(err)
				}
				f.disk.folder.create = func(path string) (io.WriteCloser, error) {
					if f.disk.folder.files == after+1 {
						if err := damage(filepath.Join(f.disk.folder.path, fmt.Sprintf("%06d.run", after))); err != nil {
							t.Fatal(err)
						}
					}
					return createFile(path)
				}
				if err := s.attempt(f); err == nil || !strings.Contains(err.Error(), dir) {
					t.Errorf("file %d: %v", after, err)
				}
				if err := f.Close(); err != nil {
					t.Error(err)
				}
				wantEmpty(t, dir)
			}
		})
	}
}

// Wherever it is stopped, it ends with the error of Stop, and nothing is left.
func TestStop(t *testing.T) {
	s := spilledSearch()
	for _, spilled := range []bool{false, true} {
		dir := memoryDir(t)
		stopped := errors.New("stopped")
		attempt := func(after int) (calls int, err error) {
			f := newFinder(t, Options{Dir: dir, Stop: func() error {
				if calls++; calls > after {
					return stopped
				}
				return nil
			}})
			f.limits = f.limits.small()
			if spilled {
				if err := f.spill(); err != nil {
					t.Fatal(err)
				}
			}
			err = s.attempt(f)
			if err := f.Close(); err != nil {
				t.Error(err)
			}
			wantEmpty(t, dir)
			return calls, err
		}
		all, err := attempt(1 << 30)
		if err != nil || all < 60 {
			t.Fatalf("asked %d times, %v", all, err)
		}
		for n := range all {
			if calls, err := attempt(n); !errors.Is(err, stopped) || calls != n+1 {
				t.Fatalf("stopped after %d of %d: asked %d times, %v", n, all, calls, err)
			}
		}
	}
}

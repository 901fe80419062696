package daemon

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The socket is its user's alone; its folder too, where it was made for it.
func TestListenPermissions(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state", "api.sock")
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]os.FileMode{path: os.ModeSocket | 0o600, filepath.Dir(path): os.ModeDir | 0o700} {
		info, err := os.Stat(name)
		if err != nil || info.Mode() != want {
			t.Errorf("%s: %v, %v, want %v", name, info.Mode(), err, want)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(left) != 0 {
		t.Errorf("after closing the folder has %v, %v", left, err)
	}
}

// abandoned makes a socket that nobody answers any more, as a killed process leaves it.
func abandoned(t *testing.T, path string) {
	t.Helper()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestListenReplacesWhatNobodyAnswers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "api.sock")
	abandoned(t, path)
	abandoned(t, path+making)
	if _, err := Dial(context.Background(), path, "v1"); !errors.Is(err, ErrNobody) {
		t.Errorf("dialling a socket that nobody answers: %v", err)
	}
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	// While it is answered, nobody takes it over.
	if _, err := Listen(path); !errors.Is(err, ErrAnswered) {
		t.Errorf("a second listener: %v", err)
	}
	// Closing leaves what another process put in its place.
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	abandoned(t, path)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(path); err != nil {
		t.Errorf("another process's socket was removed: %v", err)
	}
}

func TestListenRefuses(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	open := filepath.Join(dir, "open")
	if err := os.Mkdir(open, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(open, 0o770); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		file:                            "is no socket; move it away",
		filepath.Join(open, "api.sock"): "chmod go-w",
		filepath.Join(dir, strings.Repeat("x", 120), "api.sock"): "set agent.state to a shorter one",
	} {
		_, err := Listen(path)
		if !errors.Is(err, ErrPath) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
	if b, err := os.ReadFile(file); err != nil || string(b) != "mine" {
		t.Errorf("the file that was in the way: %q, %v", b, err)
	}
	if _, err := Dial(context.Background(), filepath.Join(dir, strings.Repeat("x", 120)), "v1"); !errors.Is(err, ErrPath) {
		t.Errorf("dialling a path that is too long: %v", err)
	}
	if _, err := Dial(context.Background(), filepath.Join(dir, "none.sock"), "v1"); !errors.Is(err, ErrNobody) {
		t.Errorf("dialling where there is nothing: %v", err)
	}
}

// The longest path that is allowed works, name of its making included.
func TestLongestPath(t *testing.T) {
	dir, err := os.MkdirTemp("/tmp", "dg")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := dir + "/"
	for CheckPath(path+"x") == nil {
		path += "x"
	}
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	c, err := connect(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestAdmit(t *testing.T) {
	for _, c := range []struct {
		peer, own uint32
		in        bool
	}{{1000, 1000, true}, {0, 1000, true}, {0, 0, true}, {1001, 1000, false}, {1000, 0, false}, {65534, 1000, false}} {
		err := admit(c.peer, c.own)
		if (err == nil) != c.in || err != nil && !errors.Is(err, errStranger) {
			t.Errorf("uid %d asks uid %d: %v", c.peer, c.own, err)
		}
	}
	// Who is asked about a connection of another kind, or none, says no.
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	if err := checkPeer(a); !errors.Is(err, errStranger) {
		t.Errorf("a pipe is admitted: %v", err)
	}
	if err := stranger(context.Background()); !errors.Is(err, errStranger) {
		t.Errorf("a connection that nobody checked is admitted: %v", err)
	}
}

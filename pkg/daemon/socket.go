package daemon

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

var (
	// ErrPath: there can be no socket at this path.
	ErrPath = errors.New("the socket cannot be there")
	// ErrAnswered: somebody else answers at this path.
	ErrAnswered = errors.New("another process answers at this socket")
)

// making is behind the name of a socket while it is made.
const making = "~"

// CheckPath wants a path that fits into a socket's address. The limit is the system's, 107 bytes on Linux and 103 on macOS; a longer one would
// fail with no more than "invalid argument". Errors: [ErrPath].
func CheckPath(path string) error {
	most := len(syscall.RawSockaddrUnix{}.Path) - 1 - len(making)
	if len(path) > most {
		return fmt.Errorf("%w: %s has %d bytes, and a socket's path at most %d; set agent.state to a shorter one", ErrPath, path, len(path), most)
	}
	return nil
}

// Listen makes the socket, and its folder if it does not exist. The caller holds the manifest's lock: that makes it safe to replace a socket that
// nobody answers. Closing the listener removes it. Errors: [ErrPath], [ErrAnswered], or what the file system says.
func Listen(path string) (net.Listener, error) {
	if err := CheckPath(path); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("folder of the socket: %w", err)
	}
	if err := checkFolder(filepath.Dir(path)); err != nil {
		return nil, err
	}
	if err := checkStale(path); err != nil {
		return nil, err
	}
	// The socket is made under another name and gets its mode there. A umask would do the same, but it is of the whole process: a folder that another
	// goroutine makes meanwhile would be one that nobody can enter.
	made := path + making
	if err := os.Remove(made); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("remove what an earlier process left: %w", err)
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: made, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("listen at %s: %w", path, err)
	}
	l.SetUnlinkOnClose(false) // it would remove the name that it was made under
	s := &socket{UnixListener: l, path: path}
	if err := s.publish(made); err != nil {
		return nil, errors.Join(fmt.Errorf("listen at %s: %w", path, err), l.Close(), os.Remove(made))
	}
	return s, nil
}

// checkFolder wants a folder in which only its owner can put another socket in the place of ours.
func checkFolder(dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("folder of the socket: %w", err)
	}
	if info.Mode().Perm()&0o022 != 0 {
		return fmt.Errorf("%w: others may write to %s, and could put a socket of their own there; chmod go-w it, or set agent.state to another folder", ErrPath, dir)
	}
	return nil
}

// checkStale wants nothing at the path, or a socket that nobody answers.
func checkStale(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look at the socket: %w", err)
	}
	if info.Mode().Type() != fs.ModeSocket {
		return fmt.Errorf("%w: %s is no socket; move it away", ErrPath, path)
	}
	c, err := connect(context.Background(), path)
	if err != nil {
		return nil //nolint:nilerr // nobody answers: it is what a killed process left
	}
	_ = c.Close()
	return fmt.Errorf("%w: %s, though this one holds the manifest; each state directory needs a socket of its own", ErrAnswered, path)
}

// dialTimeout is for a kernel that queues the connection; a holder that is busy accepts it later.
const dialTimeout = time.Second

func connect(ctx context.Context, path string) (net.Conn, error) {
	d := net.Dialer{Timeout: dialTimeout}
	return d.DialContext(ctx, "unix", path)
}

// socket is a listener that removes its own name, and no other's.
type socket struct {
	*net.UnixListener
	path  string
	info  fs.FileInfo
	close sync.Once
	err   error
}

// publish gives the socket its mode, then its name.
func (s *socket) publish(made string) (err error) {
	if err := os.Chmod(made, 0o600); err != nil {
		return err
	}
	if s.info, err = os.Lstat(made); err != nil {
		return err
	}
	return os.Rename(made, s.path)
}

// Close removes the socket, unless another one is in its place, and stops listening.
func (s *socket) Close() error {
	s.close.Do(func() {
		var gone error
		if info, err := os.Lstat(s.path); err == nil && os.SameFile(info, s.info) {
			gone = os.Remove(s.path)
		}
		s.err = errors.Join(gone, s.UnixListener.Close())
	})
	return s.err
}

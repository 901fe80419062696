//go:build unix

package daemon

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// asOther is set in a process that asks as another user: the socket's path.
const asOther = "DATAGRAVITY_TEST_SOCKET_OF_ANOTHER"

// TestMain asks at a socket, where it was told to, and is the tests otherwise.
func TestMain(m *testing.M) {
	path := os.Getenv(asOther)
	if path == "" {
		os.Exit(m.Run())
	}
	c, err := net.Dial("unix", path)
	if err != nil {
		fmt.Println("dial:", err)
		os.Exit(0)
	}
	_, _ = fmt.Fprint(c, "DELETE /v1/jobs/a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	b := make([]byte, 4096)
	n, _ := c.Read(b)
	fmt.Println(string(b[:n]))
	os.Exit(0)
}

// Another user of the machine is kept away twice: by the modes of the socket and its folder, and, where somebody has changed those, by what the kernel
// says of who is at the other end.
func TestAnotherUserAtTheSocket(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED, NOT PASSED: only root can ask as another user; run this test as root")
	}
	const other = 65534
	k := &keeper{}
	dir, err := os.MkdirTemp("/tmp", "dg")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	path := filepath.Join(dir, "run", "api.sock")
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	s := Serve(l, Options{Jobs: k, ExitCode: exitCode})
	t.Cleanup(func() { _ = s.Close() })
	// The test's own program, where the other user can run it.
	program := filepath.Join(dir, "asks")
	b, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(program, b, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	ask := func() string {
		c := exec.Command(program)
		c.Env = []string{asOther + "=" + path}
		c.Dir = "/"
		c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: other, Gid: other}}
		out, err := c.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return string(out)
	}
	if got := ask(); !strings.Contains(got, "dial:") || !strings.Contains(got, "permission denied") {
		t.Errorf("in a folder of mode 0700: %s", got)
	}
	if err := os.Chmod(filepath.Dir(path), 0o711); err != nil {
		t.Fatal(err)
	}
	if got := ask(); !strings.Contains(got, "dial:") || !strings.Contains(got, "permission denied") {
		t.Errorf("a socket of mode 0600: %s", got)
	}
	if err := os.Chmod(path, 0o666); err != nil {
		t.Fatal(err)
	}
	if got := ask(); !strings.HasPrefix(got, "HTTP/1.1 403 ") || !strings.Contains(got, fmt.Sprintf("you are uid %d", other)) {
		t.Errorf("a socket that anybody may open: %s", got)
	}
	if k.count() != 0 {
		t.Errorf("something was done: %v", k.asked)
	}
}

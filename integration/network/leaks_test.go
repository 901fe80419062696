package network

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime/pprof"
	"strings"
	"testing"
	"time"
)

// label stands on all goroutines that a trial begins for the program, and on those that they begin.
const label = "trial"

// goroutines that have a label's value, as a profile shows them.
func goroutines(value string) (list []string) {
	var b bytes.Buffer
	_ = pprof.Lookup("goroutine").WriteTo(&b, 1) // into memory
	for _, g := range strings.Split(b.String(), "\n\n") {
		if strings.Contains(g, fmt.Sprintf("%q:%q", label, value)) {
			list = append(list, g)
		}
	}
	return list
}

// files that this process has open below a folder.
func files(t *testing.T, dir string) (list []string) {
	t.Helper()
	fds, err := filepath.Glob("/proc/self/fd/*")
	if err != nil || len(fds) == 0 {
		t.Skip("open files cannot be counted here")
	}
	for _, fd := range fds {
		if at, err := os.Readlink(fd); err == nil && strings.HasPrefix(at, dir) {
			list = append(list, at)
		}
	}
	return list
}

// sockets that are connected to an address of this machine, as the kernel lists them.
func sockets(t *testing.T, addr string) (list []string) {
	t.Helper()
	var host [4]byte
	var port int
	if _, err := fmt.Sscanf(addr, "%d.%d.%d.%d:%d", &host[0], &host[1], &host[2], &host[3], &port); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile("/proc/self/net/tcp")
	if err != nil {
		t.Skip("open sockets cannot be counted here:", err)
	}
	const established, closeWait = "01", "08"
	remote := fmt.Sprintf("%02X%02X%02X%02X:%04X", host[3], host[2], host[1], host[0], port)
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) > 3 && f[2] == remote && (f[3] == established || f[3] == closeWait) {
			list = append(list, strings.Join(f[1:4], " "))
		}
	}
	return list
}

// gone waits until nothing is left: what was closed may take a moment to end. What is left then is left for good.
func gone(t *testing.T, what string, left func() []string) {
	t.Helper()
	var list []string
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if list = left(); len(list) == 0 {
			return
		}
	}
	t.Errorf("%d %s are left:\n%s", len(list), what, strings.Join(list, "\n"))
}

package emulator

import (
	"os/exec"
	"strings"
	"testing"
)

// A server that ends before it answers tells why, from its own log, and is not tried again.
func TestStartShowsLog(t *testing.T) {
	calls := 0
	_, err := start(t.Context(), "boom", t.TempDir(), func(int) *exec.Cmd {
		calls++
		return exec.Command("sh", "-c", "echo out of luck >&2; exit 3")
	})
	if err == nil || !strings.Contains(err.Error(), "out of luck") || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("got %v", err)
	}
	if calls != 1 {
		t.Errorf("tried %d times", calls)
	}
}

// Losing the race for a port is not a failure of the server: another port is tried.
func TestStartTriesOtherPorts(t *testing.T) {
	ports := map[int]bool{}
	_, err := start(t.Context(), "busy", t.TempDir(), func(port int) *exec.Cmd {
		ports[port] = true
		return exec.Command("sh", "-c", "echo listen tcp: bind: address already in use; exit 1")
	})
	if err == nil || len(ports) != portAttempts {
		t.Errorf("tried %d ports, %v; want %d", len(ports), err, portAttempts)
	}
}

func TestTail(t *testing.T) {
	long := strings.Repeat("an early line\n", 1000) + "the last line\n"
	got := tail([]byte(long))
	if len(got) > 2000 || !strings.HasPrefix(got, "an early line\n") || !strings.HasSuffix(got, "the last line") {
		t.Errorf("%d bytes: %.40q", len(got), got)
	}
	if got := tail(nil); got != "(empty)" {
		t.Errorf("of nothing: %q", got)
	}
}

//go:build unix

package spec

import (
	"syscall"
	"testing"
)

// TestPipeInFolder: a pipe that nobody writes would hold up the scan for ever.
func TestPipeInFolder(t *testing.T) {
	w := watch(t)
	if err := syscall.Mkfifo(w.path("pipe.yaml"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.write("x.yaml", spec("x", "c4"))
	w.want("+x\npipe.yaml: is no regular file; job specs are")
}

//go:build !unix

package notify

import "os/exec"

// inGroup: there are no process groups here; the program alone is killed.
func inGroup(*exec.Cmd) {}

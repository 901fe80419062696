//go:build unix

package notify

import (
	"os/exec"
	"syscall"
)

// inGroup has a program be the first of a process group, all of which is killed when its time is over.
func inGroup(p *exec.Cmd) {
	p.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p.Cancel = func() error { return syscall.Kill(-p.Process.Pid, syscall.SIGKILL) }
}

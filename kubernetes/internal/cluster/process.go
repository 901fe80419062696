package cluster

import (
	"bytes"
	"fmt"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// process is a program that a test starts, and may kill and start again. It does not outlive the test's own.
type process struct {
	log lockedBuffer
	cmd *exec.Cmd
	end chan error // has a value once it ended
}

// start it, and wait until it answers, up to so long.
func (p *process) start(cmd *exec.Cmd, within time.Duration, answers func() bool) error {
	cmd.Stdout, cmd.Stderr = &p.log, &p.log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return err
	}
	end := make(chan error, 1)
	go func() { end <- cmd.Wait() }()
	p.cmd, p.end = cmd, end
	for deadline := time.Now().Add(within); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		select {
		case err := <-end:
			end <- err
			return fmt.Errorf("%s ended: %w\n%s", cmd.Path, err, p.said())
		default:
		}
		if answers() {
			return nil
		}
	}
	return fmt.Errorf("%s does not answer within %s:\n%s", cmd.Path, within, p.said())
}

// Kill ends it as kill -9 does.
func (p *process) Kill() {
	_ = p.cmd.Process.Kill() // it may have ended
	err := <-p.end
	p.end <- err
}

// Ended tells that it does not run any more.
func (p *process) Ended() bool {
	select {
	case err := <-p.end:
		p.end <- err
		return true
	default:
		return false
	}
}

// Exit is the code that it ended with, -1 if a signal ended it or it runs.
func (p *process) Exit() int {
	if !p.Ended() {
		return -1
	}
	return p.cmd.ProcessState.ExitCode()
}

// said is the end of its log.
func (p *process) said() string {
	text := p.log.String()
	return text[max(0, len(text)-4000):]
}

// lockedBuffer is a buffer that a process writes to.
type lockedBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// daemonWait is how long the daemon may take to answer on its socket, and to end.
const daemonWait = 30 * time.Second

// daemon is the binary in the background.
type daemon struct {
	cmd   *exec.Cmd
	said  bytes.Buffer // its log; read it once it has ended
	ended chan struct{}
}

// background starts the daemon and waits until it answers.
func (d *demo) background(ctx context.Context) (*daemon, error) {
	d.say("$ %s daemon &", d.program())
	head := strings.Fields(d.program())
	p := &daemon{cmd: exec.Command(head[0], append(head[1:], "daemon")...), ended: make(chan struct{})}
	p.cmd.Dir, p.cmd.Env, p.cmd.Stderr = d.root, append(os.Environ(), d.env...), &p.said
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = p.cmd.Wait() // its exit code is looked at in end
		close(p.ended)
	}()
	for deadline := time.After(daemonWait); ; {
		if _, err := os.Stat(filepath.Join(d.state(), "api.sock")); err == nil {
			return p, nil
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), p.kill())
		case <-p.ended:
			return nil, fmt.Errorf("the daemon ended before it answered:\n%s", p.said.String())
		case <-deadline:
			return nil, errors.Join(fmt.Errorf("the daemon does not answer after %s", daemonWait), p.kill())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// end asks the daemon to end, as a service manager does, and returns its exit code.
func (p *daemon) end() (code int, err error) {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return 0, err
	}
	select {
	case <-p.ended:
		return p.cmd.ProcessState.ExitCode(), nil
	case <-time.After(daemonWait):
		return 0, errors.Join(fmt.Errorf("the daemon did not end %s after SIGTERM", daemonWait), p.kill())
	}
}

// kill ends a daemon that nobody waits for any more; one that has ended is no error.
func (p *daemon) kill() error {
	err := p.cmd.Process.Kill()
	<-p.ended
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}

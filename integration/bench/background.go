package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/datagravity/datagravity/internal/emulator"
)

// newJobsBed has the program and an S3 server. The source is made up by a lister, and nothing is read from it.
func newJobsBed(ctx context.Context, out io.Writer, o options) (b *bed, err error) {
	if b, err = emptyBed(out, o); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, b.close())
		}
	}()
	if err := emulator.Ensure(ctx, emulator.ToolS3); err != nil {
		return nil, err
	}
	if err := b.build(ctx); err != nil {
		return nil, err
	}
	if b.s3, err = emulator.StartS3(ctx, filepath.Join(b.dir, "servers")); err != nil {
		return nil, err
	}
	b.env = append((&emulator.Azurite{}).Env(), b.s3.Env()...) // the lister checks none, but a client wants some
	return b, nil
}

// daemonStarts is how long a daemon may take to answer; it opens the manifest and checks it before.
const daemonStarts = time.Minute

// background is the agent's daemon.
type background struct{ *child }

// daemon starts it and waits until it answers.
func (a *agent) daemon(ctx context.Context) (background, error) {
	p, err := a.command("daemon").start(ctx)
	if err != nil {
		return background{}, err
	}
	for deadline := time.After(daemonStarts); ; {
		if _, err := os.Stat(filepath.Join(a.dir, "state", "api.sock")); err == nil {
			return background{p}, nil
		}
		select {
		case <-p.done:
			_, err := p.wait()
			return background{}, errors.Join(errors.New("the daemon ended before it answered"), err)
		case <-deadline:
			return background{}, errors.Join(fmt.Errorf("the daemon does not answer after %s", daemonStarts), p.kill())
		case <-time.After(sampleEvery):
		}
	}
}

// end stops the daemon as a service manager does, and wants its exit code to be 0.
func (d background) end() (usage, error) {
	if err := d.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return usage{}, err
	}
	return d.wait()
}

// ending is end where what uses the daemon returns, with err what it has so far.
func (d background) ending(b *bed, err *error) {
	u, failed := d.end()
	b.say("  the daemon: %s", u)
	*err = errors.Join(*err, failed)
}

// milliseconds is a run's wall time.
func milliseconds(u usage) float64 { return u.wall.Seconds() * 1000 }

// cpuMilliseconds is a run's CPU time.
func cpuMilliseconds(u usage) float64 { return u.cpu.Seconds() * 1000 }

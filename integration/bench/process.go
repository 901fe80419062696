package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// sampleEvery is how often a child's memory is looked at.
const sampleEvery = 20 * time.Millisecond

// command is a program to run and measure.
type command struct {
	path string
	args []string
	env  []string // added to ours
	core *int     // that it has alone; nil: all
}

func (c command) String() string { return c.path + " " + strings.Join(c.args, " ") }

// usage is what one run took.
type usage struct {
	wall, cpu     time.Duration // cpu is user and system together
	peakAnonBytes int64
	stdout        []byte
}

// child is a running command.
type child struct {
	command
	cmd           *exec.Cmd
	started       time.Time
	out, said     bytes.Buffer
	done          chan struct{} // closed when it has ended
	ended         time.Time
	err           error // how, as exec has it
	peakAnonBytes atomic.Int64
}

// peak is the most memory seen so far, in bytes.
func (p *child) peak() int64 { return p.peakAnonBytes.Load() }

// start starts the command. Ending ctx kills it.
func (c command) start(ctx context.Context) (*child, error) {
	p := &child{command: c, done: make(chan struct{})}
	p.cmd = exec.CommandContext(ctx, c.path, c.args...)
	p.cmd.Env = append(os.Environ(), c.env...)
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.said
	p.started = time.Now()
	begin := p.cmd.Start
	if c.core != nil {
		begin = func() error { return onCore(*c.core, p.cmd.Start) }
	}
	if err := begin(); err != nil {
		return nil, err
	}
	go p.watch()
	return p, nil
}

// run starts the command and waits for it.
func (c command) run(ctx context.Context) (usage, error) {
	p, err := c.start(ctx)
	if err != nil {
		return usage{}, err
	}
	return p.wait()
}

// watch samples the child's memory until it ends.
func (p *child) watch() {
	ended := make(chan error, 1)
	go func() { ended <- p.cmd.Wait() }()
	tick := time.NewTicker(sampleEvery)
	defer tick.Stop()
	for {
		p.peakAnonBytes.Store(max(p.peak(), rssAnonBytes(p.cmd.Process.Pid)))
		select {
		case p.err = <-ended:
			p.ended = time.Now()
			close(p.done)
			return
		case <-tick.C:
		}
	}
}

// wait returns what the run took. An exit code other than 0 is an error with the end of what the program said.
func (p *child) wait() (usage, error) {
	<-p.done
	u := usage{wall: p.ended.Sub(p.started), peakAnonBytes: p.peak(), stdout: p.out.Bytes()}
	u.cpu = p.cmd.ProcessState.UserTime() + p.cmd.ProcessState.SystemTime()
	if p.err != nil {
		return u, fmt.Errorf("%s: %w\n%s", p.command, p.err, lastLines(p.out.String()+p.said.String()))
	}
	if u.peakAnonBytes == 0 {
		return u, fmt.Errorf("%s: its memory could not be read from /proc/%d/status; the benchmarks need Linux", p.command, p.cmd.Process.Pid)
	}
	return u, nil
}

// kill ends the child as kill -9 does. A child that ended by itself before is an error.
func (p *child) kill() error {
	_ = p.cmd.Process.Kill() // of one that has ended: seen below
	_, err := p.wait()
	var exit *exec.ExitError
	if errors.As(err, &exit) && !exit.Exited() {
		return nil
	}
	return errors.Join(fmt.Errorf("%s ended before it was killed", p.command), err)
}

// rssAnonBytes is 0 for a process that is gone.
func rssAnonBytes(pid int) int64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(status), "\nRssAnon:")
	value, _, _ := strings.Cut(rest, "kB")
	kib, err := strconv.ParseInt(strings.TrimSpace(value), 10, 64)
	if err != nil {
		return 0
	}
	return kib << 10
}

// lastLines is the end of a program's output that fits an error message.
func lastLines(s string) string {
	const most = 2000
	s = strings.TrimSpace(s)
	if len(s) > most {
		s = "…" + s[len(s)-most:]
	}
	return s
}

package slurm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"time"
	"unicode/utf8"
)

// What can go wrong with Slurm itself. Each is wrapped with what to do.
var (
	// ErrNotInstalled: the command is not there, or may not be run.
	ErrNotInstalled = errors.New("slurm's commands cannot be run")
	// ErrNoController: slurmctld does not answer, or nobody knows where it is. It may come back.
	ErrNoController = errors.New("slurm's controller cannot be reached")
	// ErrAnswer: the command ran, and what it printed is not what this package reads.
	ErrAnswer = errors.New("slurm's answer cannot be read")
	// ErrGone: the job has ended, or never was. To release one that runs is no error.
	ErrGone = errors.New("the job is no longer there")
	// ErrRefused: Slurm did not do it, mostly because the job is another user's.
	ErrRefused = errors.New("slurm refused")
)

const (
	// defaultTimeout is long for one command: a controller under load answers a large queue in seconds.
	defaultTimeout = 30 * time.Second
	// maxErrorBytes is how much of what a command complained about is repeated.
	maxErrorBytes = 500
	// mostJobs that [Client.Jobs] keeps. Slurm's own limit for the queue, MaxJobCount, is 10,000 by default.
	mostJobs = 200_000
)

// Client runs Slurm's commands. Its zero value runs those in the PATH for the cluster of this machine.
type Client struct {
	Squeue, Scontrol string        // programs; "": squeue and scontrol in the PATH
	Env              []string      // NAME=VALUE beside the environment, SLURM_CONF=… for example
	Timeout          time.Duration // of one command; 0: 30 s
}

// Jobs are all jobs of the queue that this user may see. Some versions list those that ended in the last minutes too: see [Job.Ended].
// Errors: those of [Client.Each], and [ErrAnswer] for more than 200,000 jobs.
func (c *Client) Jobs(ctx context.Context) (list []Job, err error) {
	err = c.Each(ctx, func(j Job) error {
		if len(list) == mostJobs {
			return fmt.Errorf("%w: the queue has more than %d jobs", ErrAnswer, mostJobs)
		}
		list = append(list, j)
		return nil
	})
	return list, err
}

// Each calls f for every job of the queue while the answer is read, so that a queue of any size takes the memory of one job. What f
// returns ends it and is the error. Errors: [ErrNotInstalled], [ErrNoController], [ErrAnswer], the context's.
//
// It runs plain `squeue --json`, for the newest shape that this squeue has. Asking for a certain one (--json=v0.0.43) would be
// refused by every version that has it not yet or no longer, and 22.05 takes no version at all.
func (c *Client) Each(ctx context.Context, f func(Job) error) error {
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	cmd := c.command(ctx, c.Squeue, "squeue", "--json")
	var complaint head
	cmd.Stderr = &complaint
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return c.notStarted(cmd, err)
	}
	var stopped error
	read := decodeJobs(stdout, func(j Job) error {
		stopped = f(j)
		return stopped
	})
	if read != nil && !errors.Is(read, io.ErrUnexpectedEOF) {
		_ = cmd.Process.Kill() // it may write for ever; when it has closed its output, it ends by itself and says why
	} else if read == nil {
		_, read = io.Copy(io.Discard, stdout)
	}
	ended := cmd.Wait()
	switch {
	case stopped != nil:
		return stopped
	case ctx.Err() != nil:
		return c.timedOut(ctx, cmd)
	case unreachable(complaint.String()):
		return c.failed(cmd, complaint.String(), ended)
	case read != nil && !errors.Is(read, io.ErrUnexpectedEOF):
		return fmt.Errorf("%w: %s: %w: run it by hand and look whether it prints JSON with a list of jobs", ErrAnswer, by(cmd), read)
	case ended != nil:
		return c.failed(cmd, complaint.String(), ended)
	case read != nil:
		return fmt.Errorf("%w: %s printed half an answer: run it by hand; Slurm needs its JSON plugin (serializer/json) for it", ErrAnswer, by(cmd))
	}
	return nil
}

// run runs a command whose output matters only when it fails.
func (c *Client) run(ctx context.Context, program, name string, args ...string) error {
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	cmd := c.command(ctx, program, name, args...)
	var said head
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		return c.notStarted(cmd, err)
	}
	err := cmd.Wait()
	if ctx.Err() != nil {
		return c.timedOut(ctx, cmd)
	}
	if err != nil {
		return c.failed(cmd, said.String(), err)
	}
	return nil
}

func (c *Client) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	timeout := c.Timeout
	if timeout <= 0 {
		timeout = defaultTimeout
	}
	return context.WithTimeoutCause(ctx, timeout, fmt.Errorf("no answer in %s", timeout))
}

func (c *Client) command(ctx context.Context, program, name string, args ...string) *exec.Cmd {
	if program == "" {
		program = name
	}
	cmd := exec.CommandContext(ctx, program, args...)
	// A filter or a format that the user set for their own squeue would hide jobs.
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "SQUEUE_") && !strings.HasPrefix(kv, "SLURM_JSON=") && !strings.HasPrefix(kv, "SCONTROL_") {
			cmd.Env = append(cmd.Env, kv)
		}
	}
	cmd.Env = append(cmd.Env, c.Env...)
	cmd.WaitDelay = time.Second // for a grandchild that keeps the output open
	return cmd
}

// by is the command line, to run by hand.
func by(cmd *exec.Cmd) string { return "`" + oneLine(strings.Join(cmd.Args, " "), maxErrorBytes) + "`" }

func (c *Client) notStarted(cmd *exec.Cmd, err error) error {
	if errors.Is(err, exec.ErrNotFound) || errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%w: %w: install Slurm's client commands on this machine (slurm-client on Debian), or say where they are", ErrNotInstalled, err)
	}
	return fmt.Errorf("%s: %w", by(cmd), err)
}

func (c *Client) timedOut(ctx context.Context, cmd *exec.Cmd) error {
	err := context.Cause(ctx)
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err // the caller's
	}
	return fmt.Errorf("%w: %s: %w: see `scontrol ping`", ErrNoController, by(cmd), err)
}

// Slurm's commands end with 1 for everything; what happened is in the words, which have not changed in ten years.
func unreachable(said string) bool {
	for _, s := range []string{
		"Unable to contact slurm controller", "Could not establish a configuration source", "Unable to establish configuration source",
		"Connection refused", "Munge", "Protocol authentication error",
	} {
		if strings.Contains(said, s) {
			return true
		}
	}
	return false
}

func gone(said string) bool {
	for _, s := range []string{"Invalid job id specified", "already completing or completed", "already finished"} {
		if strings.Contains(said, s) {
			return true
		}
	}
	return false
}

func (c *Client) failed(cmd *exec.Cmd, said string, err error) error {
	said = oneLine(said, maxErrorBytes)
	if said == "" {
		said = fmt.Sprint(err)
	}
	switch {
	case unreachable(said):
		return fmt.Errorf("%w: %s: %s: see `scontrol ping`, and that SLURM_CONF and munge are those of the cluster", ErrNoController, by(cmd), said)
	case gone(said):
		return fmt.Errorf("%w: %s: %s", ErrGone, by(cmd), said)
	}
	return fmt.Errorf("%w: %s: %s: run it by hand as this user; other users' jobs need a Slurm operator", ErrRefused, by(cmd), said)
}

// head keeps the beginning of what is written to it.
type head struct{ b []byte }

func (h *head) Write(p []byte) (int, error) {
	const most = 4 << 10
	h.b = append(h.b, p[:min(len(p), most-len(h.b))]...)
	return len(p), nil
}

func (h *head) String() string { return string(h.b) }

// oneLine makes printable text without line breaks and spaces around it, of at most so many bytes.
func oneLine(s string, most int) string { return cut(strings.TrimSpace(printable(s)), most) }

// printable turns line breaks and tabs into spaces and leaves out other control characters.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\r' || r == '\t':
			return ' '
		case r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0:
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
}

// cut shortens text to a number of bytes without cutting a character in two.
func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	most = max(most, 0)
	for most > 0 && !utf8.RuneStart(s[most]) {
		most--
	}
	return s[:most]
}

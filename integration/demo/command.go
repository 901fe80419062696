package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// interruptWait is how long a command that was interrupted may take to put its affairs in order.
const interruptWait = 20 * time.Second

// command is one run of the binary.
type command struct {
	out  []byte
	code int
}

// show runs the binary and prints its output. A code other than want is an error.
func (d *demo) show(ctx context.Context, want int, args string) error {
	d.say("$ %s %s", d.program(), args)
	c, err := d.run(ctx, args)
	d.quote(c.out)
	if err == nil && c.code != want {
		err = fmt.Errorf("%s %s exited with %d, want %d", d.program(), args, c.code, want)
	}
	return err
}

// quote shows what a command printed.
func (d *demo) quote(text []byte) {
	for line := range bytes.Lines(text) {
		d.say("  %s", bytes.TrimRight(line, " \n"))
	}
}

// ask runs the binary with --json and reads its document into v. A command that exits with another code than the wanted
// ones may still have printed a document; it is read as far as it goes.
func (d *demo) ask(ctx context.Context, args string, v any) (code int, err error) {
	args += " --json"
	d.say("$ %s %s", d.program(), args)
	c, err := d.run(ctx, args)
	if err != nil {
		return c.code, err
	}
	if len(bytes.TrimSpace(c.out)) == 0 {
		return c.code, nil // an error before there was anything to tell
	}
	if err := json.Unmarshal(c.out, v); err != nil {
		return c.code, fmt.Errorf("%s %s did not print a JSON document: %w", d.program(), args, err)
	}
	return c.code, nil
}

// read is ask of a command that must succeed.
func (d *demo) read(ctx context.Context, args string, v any) error {
	code, err := d.ask(ctx, args, v)
	if err == nil && code != exitDone {
		err = fmt.Errorf("%s exited with %d", args, code)
	}
	return err
}

// run executes the binary as a shell in the module's root would, and keeps what it printed in the logs folder. What it says
// on standard error is shown: it is meant for people.
func (d *demo) run(ctx context.Context, args string) (command, error) {
	words := words(args)
	d.commands++
	log := filepath.Join(d.root, work, "logs", fmt.Sprintf("%02d-%s", d.commands, strings.Join(words[:min(2, len(words))], "-")))
	head := strings.Fields(d.program())
	cmd := exec.CommandContext(ctx, head[0], append(head[1:], words...)...)
	cmd.Dir = d.root
	cmd.Env = append(os.Environ(), d.env...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGINT) }
	cmd.WaitDelay = interruptWait
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	err := cmd.Run()
	d.quote(said.Bytes())
	err = errors.Join(unlessExit(ctx, err),
		os.WriteFile(log+".out", out.Bytes(), 0o644), os.WriteFile(log+".err", said.Bytes(), 0o644))
	return command{out: out.Bytes(), code: cmd.ProcessState.ExitCode()}, err
}

// words splits a command line at its spaces, but for those in single quotes, which are taken off.
func words(line string) (list []string) {
	for i, part := range strings.Split(line, "'") {
		if i%2 == 0 {
			list = append(list, strings.Fields(part)...)
		} else {
			list = append(list, part)
		}
	}
	return list
}

// unlessExit takes an exit code for an answer, unless the demo was interrupted or the program died otherwise.
func unlessExit(ctx context.Context, err error) error {
	var exit *exec.ExitError
	if ctx.Err() == nil && errors.As(err, &exit) && exit.Exited() {
		return nil
	}
	return err
}

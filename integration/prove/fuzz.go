package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"time"
)

var (
	executed = regexp.MustCompile(`(?m)^fuzz: elapsed: .*, execs: (\d+) `)
	crasher  = regexp.MustCompile(`(?m)^\s*Failing input written to (\S+)`)
	// timeOver is what Go's coordinator of fuzzing says, now and then on a busy machine, of a target whose time is over and that found nothing: it looks
	// whether its workers' context ended in the moment before it does (https://go.dev/issue/75804).
	timeOver = regexp.MustCompile(`(?m)^--- FAIL: \S+ \([0-9.]+s\)\n    context deadline exceeded\nFAIL\n`)
)

// fuzz runs a native fuzz target for a time. It has no seeds: what it learned is in Go's cache, and what it failed with in testdata.
func (p *prover) fuzz(ctx context.Context, t Test, d time.Duration) (b Batch, err error) {
	b = Batch{Test: t, Began: time.Now().UTC().Truncate(time.Second)}
	// Making an input of some KiB small would take the whole time, see the Makefile's fuzz.
	cmd := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-fuzz", "^"+t.Name+"$", "-fuzztime", d.Round(time.Second).String(), //nolint:gosec // a test of this module
		"-fuzzminimizetime", "20x", t.Package)
	cmd.Dir = p.root
	log, ended := b.command(cmd)
	if ctx.Err() != nil {
		return b, ctx.Err()
	}
	input, err := b.fuzzed(log, ended)
	if err != nil || input == "" {
		return b, err
	}
	fmt.Fprintln(p.out, tail(log))
	b.Runs = max(b.Runs, 1)
	b.Failures = []Failure{{
		Input:  input,
		Replay: fmt.Sprintf("go test -count 1 -run '%s' %s", one(t, input), t.Package),
	}}
	return b, nil
}

// fuzzed reads from the output of a target how much it tried, and what it failed with; "" if with nothing. An end that nothing explains is an error.
func (b *Batch) fuzzed(log string, ended error) (input string, err error) {
	if all := executed.FindAllStringSubmatch(log, -1); all != nil {
		if b.Runs, err = strconv.Atoi(all[len(all)-1][1]); err != nil {
			return "", err
		}
	}
	if m := crasher.FindStringSubmatch(log); m != nil {
		return m[1], nil
	}
	switch {
	case ended != nil && !timeOver.MatchString(log):
		return "", fmt.Errorf("%s in %s: %w\n%s", b.Name, b.Package, ended, tail(log))
	case b.Runs == 0:
		return "", fmt.Errorf("%s in %s tried nothing:\n%s", b.Name, b.Package, tail(log))
	}
	return "", nil
}

// passes tells whether a target passes with the input of a file that it once failed with.
func (p *prover) passes(ctx context.Context, t Test, input string) bool {
	if _, err := os.Stat(filepath.Join(p.root, filepath.FromSlash(t.Package), input)); err != nil {
		return false
	}
	cmd := exec.CommandContext(ctx, "go", "test", "-count", "1", "-run", one(t, input), t.Package) //nolint:gosec // a test of this module
	cmd.Dir = p.root
	return cmd.Run() == nil
}

func one(t Test, input string) string { return "^" + t.Name + "$/^" + filepath.Base(input) + "$" }

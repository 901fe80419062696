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
	if all := executed.FindAllStringSubmatch(log, -1); all != nil {
		b.Runs, err = strconv.Atoi(all[len(all)-1][1])
		if err != nil {
			return b, err
		}
	}
	if ended == nil {
		if b.Runs == 0 {
			return b, fmt.Errorf("%s in %s tried nothing:\n%s", t.Name, t.Package, tail(log))
		}
		return b, nil
	}
	m := crasher.FindStringSubmatch(log)
	if m == nil {
		return b, fmt.Errorf("%s in %s: %w\n%s", t.Name, t.Package, ended, tail(log))
	}
	fmt.Fprintln(p.out, tail(log))
	b.Runs = max(b.Runs, 1)
	b.Failures = []Failure{{
		Input:  m[1],
		Replay: fmt.Sprintf("go test -count 1 -run '%s' %s", one(t, m[1]), t.Package),
	}}
	return b, nil
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

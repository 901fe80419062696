package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/datagravity/datagravity/internal/proof"
)

// grace is how long a trial may go on after its batch should have ended: the longest trials take minutes on a busy machine.
const grace = 20 * time.Minute

// prover runs batches of tests, which it builds once, so that all of a session try the same code whatever is edited meanwhile.
type prover struct {
	root string
	// dir is for what is built and written meanwhile.
	dir   string
	built map[string]string // test program by package
	out   io.Writer         // of a batch that fails
	// outputs keeps all that batches printed which failed.
	outputs string
}

func (p *prover) build(ctx context.Context, pkg string) (string, error) {
	if bin := p.built[pkg]; bin != "" {
		return bin, nil
	}
	bin := filepath.Join(p.dir, strings.ReplaceAll(strings.TrimPrefix(pkg, "./"), "/", "-")+".test")
	cmd := exec.CommandContext(ctx, "go", "test", "-c", "-o", bin, pkg) //nolint:gosec // a package of this module
	cmd.Dir = p.root
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the tests of %s: %w\n%s", pkg, err, out)
	}
	p.built[pkg] = bin
	return bin, nil
}

// asked is what a batch is to do.
type asked struct {
	from  uint64
	runs  int
	until time.Time
	env   []string
	// takes is how long a trial that was begun before goes on, where that is known to be long.
	takes time.Duration
}

// limit is when a batch is taken for stuck.
func (a asked) limit() time.Duration { return time.Until(a.until) + a.takes + grace }

// run tries seeds. An error means that nothing is known about them; a trial that failed, or took its process with it, is a failure in the batch.
func (p *prover) run(ctx context.Context, t Test, a asked) (b Batch, err error) {
	bin, err := p.build(ctx, t.Package)
	if err != nil {
		return b, err
	}
	results := filepath.Join(p.dir, "results")
	if err := os.RemoveAll(results); err != nil {
		return b, err
	}
	b = Batch{Test: t, Began: time.Now().UTC().Truncate(time.Second), From: a.from}
	cmd := exec.CommandContext(ctx, bin, "-test.run", "^"+t.Name+"$", "-test.v", "-test.count", "1", //nolint:gosec // built above
		"-test.timeout", a.limit().String())
	cmd.Dir = filepath.Join(p.root, filepath.FromSlash(t.Package))
	cmd.Env = slices.Concat(os.Environ(), a.env, []string{
		fmt.Sprintf("%s=%d", proof.FromEnv, a.from), fmt.Sprintf("%s=%d", proof.RunsEnv, a.runs),
		fmt.Sprintf("%s=%d", proof.UntilEnv, a.until.Unix()), proof.ResultsEnv + "=" + results,
	})
	log, ended := b.command(cmd)
	if ctx.Err() != nil {
		return b, ctx.Err()
	}
	r, err := read(results, t.Kind)
	if err != nil {
		return b, err
	}
	if r == nil {
		// The process died. What it printed says which trials it was in.
		var in []uint64
		if r, in = died(log, t.Name, a.from); r == nil {
			return b, errors.Join(fmt.Errorf("%s in %s tried nothing:\n%s", t.Name, t.Package, tail(log)), ended)
		}
		if in, err = p.guilty(ctx, t, a, in); err != nil {
			return b, err
		}
		r.Failures = append(r.Failures, in...)
		slices.Sort(r.Failures)
	}
	b.Runs, b.Skipped = r.Runs, r.Skipped
	for _, seed := range r.Failures {
		b.Failures = append(b.Failures, Failure{Seed: seed, Replay: t.replay(seed)})
	}
	if ended != nil && len(b.Failures) == 0 {
		return b, fmt.Errorf("%s in %s failed although no trial did: %w\n%s", t.Name, t.Package, ended, tail(log))
	}
	if len(b.Failures) > 0 {
		fmt.Fprintln(p.out, tail(log))
		return b, p.keep(fmt.Sprintf("%s-%d.txt", t.Name, a.from), log)
	}
	return b, nil
}

// keep writes down what a batch printed: of a failure that its seed alone does not bring back, that is all there is.
func (p *prover) keep(name, log string) error {
	if err := os.MkdirAll(p.outputs, 0o750); err != nil {
		return err
	}
	path := filepath.Join(p.outputs, name)
	fmt.Fprintln(p.out, "all that it printed is in "+path)
	return os.WriteFile(path, []byte(log), 0o600)
}

// command runs for a batch, as the head of a group that is ended with it: the real programs and servers that it started.
func (b *Batch) command(cmd *exec.Cmd) (log string, ended error) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 10 * time.Second
	start := time.Now()
	out, ended := cmd.CombinedOutput()
	b.Seconds = time.Since(start).Seconds()
	return string(out), ended
}

// read sums up the results of a kind, nil if there are none.
func read(path, kind string) (sum *proof.Result, err error) {
	b, err := os.ReadFile(path) //nolint:gosec // written for us
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for line := range bytes.Lines(b) {
		var r proof.Result
		if err := json.Unmarshal(line, &r); err != nil {
			return nil, err
		}
		if r.Kind != kind {
			continue
		}
		if sum != nil {
			return nil, fmt.Errorf("two results for %s: one test may call proof.Run once for a kind", kind)
		}
		sum = &r
	}
	return sum, nil
}

// guilty are those of some trials that a process died in which fail alone. Where none does, one of them did it, and nobody knows which: all are.
func (p *prover) guilty(ctx context.Context, t Test, a asked, in []uint64) (out []uint64, err error) {
	if len(in) == 1 {
		return in, nil
	}
	for _, seed := range in {
		alone, err := p.run(ctx, t, asked{seed, 1, time.Now().Add(slice), a.env, a.takes})
		if err != nil {
			return nil, err
		}
		if len(alone.Failures) > 0 {
			out = append(out, seed)
		}
	}
	if len(out) == 0 {
		return in, nil
	}
	return out, nil
}

// died tells from the output of a test that did not come to its end which seeds it tried, which of them failed, and in which it was then. Not all of those
// need be to blame.
func died(log, name string, from uint64) (r *proof.Result, in []uint64) {
	r = &proof.Result{From: from}
	running := regexp.MustCompile(`^=== RUN   ` + name + `/(\d+)$`)
	// The verdicts of trials are printed when all are over; proof.Run says at once which failed.
	ended := regexp.MustCompile(`ended: ` + proof.FromEnv + `=(\d+)$`)
	failed := regexp.MustCompile(`again: ` + proof.FromEnv + `=(\d+) .*\^` + name + `\$`)
	skipped := regexp.MustCompile(`skipped: ` + proof.FromEnv + `=\d+$`)
	seed := func(m []string) uint64 {
		n, _ := strconv.ParseUint(m[1], 10, 64) // digits
		return n
	}
	for s := bufio.NewScanner(strings.NewReader(log)); s.Scan(); {
		if m := running.FindStringSubmatch(s.Text()); m != nil {
			in = append(in, seed(m))
			r.Runs++
		}
		if m := ended.FindStringSubmatch(s.Text()); m != nil {
			in = slices.DeleteFunc(in, func(n uint64) bool { return n == seed(m) })
		}
		if skipped.MatchString(s.Text()) {
			r.Runs--
			r.Skipped++
		}
		if m := failed.FindStringSubmatch(s.Text()); m != nil {
			r.Failures = append(r.Failures, seed(m))
		}
	}
	if r.Runs == 0 {
		return nil, nil
	}
	return r, in
}

// tail of an output: enough to see what happened, without the passing trials before it.
func tail(s string) string {
	const lines = 60
	all := strings.Split(strings.TrimSpace(s), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

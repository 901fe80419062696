package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/creack/pty"
)

const (
	// statusMilliseconds is what an answer to who looks once may take beside a daemon, and lookedPercent what a daemon that does nothing may take of a core while
	// somebody looks for longer.
	statusMilliseconds = 100
	lookedPercent      = 1
	// lookings are how often somebody looks once, and lookedFor how long for longer.
	lookings  = 20
	lookedFor = 30 * time.Second
	// clockTick is the unit of the CPU times in /proc.
	clockTick = 10 * time.Millisecond
)

// looked has people look at a daemon that has nothing to do and a manifest of a million shards, all of which are at a destination: once by status,
// and for a while by top on a terminal. Nobody to compare with.
func looked(ctx context.Context, b *bed) (rows []row, err error) {
	shards := int(b.scaled(millionKeys))
	source, bucket := newLister(shards), &emptyBucket{}
	a, end, err := b.holdingAll(ctx, source, bucket, shards)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, end()) }()
	l := looking{agent: a, shards: shards}
	if err := l.alone(ctx); err != nil {
		return nil, err
	}
	d, err := a.daemon(ctx)
	if err != nil {
		return nil, err
	}
	defer d.ending(b, &err)
	asked := source.pages.Load() + bucket.opening.Load() + bucket.others.Load()
	if err := l.beside(ctx, d); err != nil {
		return nil, err
	}
	asked = source.pages.Load() + bucket.opening.Load() + bucket.others.Load() - asked
	return append(l.rows, alone(l.name("all of it beside the daemon: requests to stores"), "requests", float64(asked), 0)), nil
}

// looking collects what it takes to look.
type looking struct {
	*agent
	shards int
	rows   []row
}

func (l *looking) name(what string) string {
	return fmt.Sprintf("a manifest of %d shards, %s", l.shards, what)
}

// status looks once.
func (l *looking) status(ctx context.Context, flags ...string) (ms float64, held int, err error) {
	u, err := l.command(append([]string{"status"}, flags...)...).run(ctx)
	if err != nil {
		return 0, 0, err
	}
	var o struct {
		Datasets []struct {
			Shards int `json:"shards"`
		} `json:"datasets"`
		Holdings struct {
			List []struct {
				Held int `json:"held_shards"`
			} `json:"list"`
		} `json:"holdings"`
	}
	if err := json.Unmarshal(u.stdout, &o); err != nil || len(o.Datasets) != 1 || o.Datasets[0].Shards != l.shards {
		return 0, 0, errors.Join(fmt.Errorf("status printed %s, want one dataset of %d shards", lastLines(string(u.stdout)), l.shards), err)
	}
	for _, h := range o.Holdings.List {
		held += h.Held
	}
	l.bed.say("  status %s: %s, %d held", strings.Join(flags, " "), u, held)
	return milliseconds(u), held, nil
}

// alone looks where no process holds the manifest.
func (l *looking) alone(ctx context.Context) error {
	var took []float64
	for range lookings / 2 {
		ms, held, err := l.status(ctx)
		if err != nil {
			return err
		}
		if held != 0 && l.shards > 100_000 {
			return fmt.Errorf("status alone counted %d shards", held)
		}
		took = append(took, ms)
	}
	ms, held, err := l.status(ctx, "--holdings")
	if err == nil && held != l.shards {
		err = fmt.Errorf("status --holdings counted %d shards, want %d", held, l.shards)
	}
	l.rows = append(l.rows, noted(l.name(fmt.Sprintf("status without a daemon, median of %d", len(took))), "ms", median(took)), noted(l.name("status --holdings without a daemon"), "ms", ms))
	return err
}

// beside looks at the daemon.
func (l *looking) beside(ctx context.Context, d background) error {
	first, _, err := l.status(ctx)
	if err != nil {
		return err
	}
	if _, held, err := l.status(ctx, "--holdings"); err != nil || held != l.shards {
		return errors.Join(fmt.Errorf("status --holdings beside the daemon counted %d shards, want %d", held, l.shards), err)
	}
	var took []float64
	for range lookings {
		ms, held, err := l.status(ctx)
		if err == nil && held != l.shards {
			err = fmt.Errorf("status has %d shards, want %d", held, l.shards)
		}
		if err != nil {
			return err
		}
		took = append(took, ms)
	}
	unseen, err := l.idle(ctx, d)
	if err != nil {
		return err
	}
	seen, top, err := l.top(ctx, d.cmd.Process.Pid)
	if err != nil {
		return err
	}
	l.bed.say("  the daemon alone %.2f %%, beside top %.2f %%; top itself %.2f %%", unseen, seen, top)
	l.rows = append(l.rows,
		alone(l.name("the first status beside a daemon, which counts them meanwhile"), "ms", first, statusMilliseconds+50), // see observe.patience
		alone(l.name(fmt.Sprintf("status beside a daemon, median of %d", len(took))), "ms", median(took), statusMilliseconds),
		noted(l.name("status beside a daemon, worst"), "ms", slices.Max(took)),
		noted(l.name("a daemon that is idle: CPU"), "% of a core", unseen),
		alone(l.name("a daemon that is idle while top looks at it: CPU"), "% of a core", seen, lookedPercent),
		noted(l.name("top itself: CPU"), "% of a core", top),
	)
	return nil
}

// idle waits until the daemon has made the first backup of its manifest, and does nothing; the result is what it still takes then.
func (l *looking) idle(ctx context.Context, d background) (share float64, err error) {
	for range 10 {
		if share, err = cpuShare(ctx, d.cmd.Process.Pid, lookedFor); err != nil || share < lookedPercent {
			return share, err
		}
		l.bed.say("  the daemon is not idle yet: %.2f %%", share)
	}
	return share, errors.New("the daemon does not become idle")
}

// top is open on a terminal for a while; the results are shares of a core, of the daemon and of top.
func (l *looking) top(ctx context.Context, daemon int) (seen, own float64, err error) {
	c := exec.CommandContext(ctx, l.bed.ours, "--config", l.configPath, "top")
	c.Env = append(append(os.Environ(), l.bed.env...), "TERM=xterm-256color", "LANG=C.UTF-8", "TMUX=")
	screen, err := pty.StartWithSize(c, &pty.Winsize{Rows: 40, Cols: 120})
	if err != nil {
		return 0, 0, err
	}
	drawn := make(chan string, 1)
	go func() {
		var all strings.Builder
		_, _ = io.Copy(&all, screen) // ends with the program
		drawn <- all.String()
	}()
	select { // until it has drawn
	case <-time.After(2 * time.Second):
	case <-ctx.Done():
	}
	before, err := cpuOf(c.Process.Pid)
	if err == nil {
		seen, err = cpuShare(ctx, daemon, lookedFor)
	}
	after, gone := cpuOf(c.Process.Pid)
	_, quit := io.WriteString(screen, "q")
	err = errors.Join(err, gone, quit, c.Wait(), screen.Close())
	if text := <-drawn; err == nil && !strings.Contains(text, "daemon, process "+strconv.Itoa(daemon)) {
		err = fmt.Errorf("top drew no daemon: %q", lastLines(text))
	}
	return seen, 100 * (after - before).Seconds() / lookedFor.Seconds(), err
}

// cpuShare is what a process takes of a core in a while, in percent.
func cpuShare(ctx context.Context, pid int, d time.Duration) (float64, error) {
	before, err := cpuOf(pid)
	if err != nil {
		return 0, err
	}
	select {
	case <-time.After(d):
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	after, err := cpuOf(pid)
	return 100 * (after - before).Seconds() / d.Seconds(), err
}

// cpuOf is the CPU time that a process has taken so far, user and system.
func cpuOf(pid int) (time.Duration, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(b), ") ") // the name before may have blanks in it
	fields := strings.Fields(rest)
	const user, system = 11, 12 // of what follows the name: proc_pid_stat(5)
	if len(fields) <= system {
		return 0, fmt.Errorf("/proc/%d/stat: %q", pid, b)
	}
	var ticks int64
	for _, i := range []int{user, system} {
		n, err := strconv.ParseInt(fields[i], 10, 64)
		if err != nil {
			return 0, fmt.Errorf("/proc/%d/stat: %w", pid, err)
		}
		ticks += n
	}
	return time.Duration(ticks) * clockTick, nil
}

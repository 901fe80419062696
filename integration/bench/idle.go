package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

const (
	// idleFor is how long an idle daemon is watched.
	idleFor = time.Minute
	// settles is how long a daemon that has begun is left alone before: it looks at its jobs, and gives memory back.
	settles = 20 * time.Second
	// The promises of an idle daemon that knows a million shards.
	idleMiB       = 150
	idlePercent   = 1
	readySeconds  = 2
	idleRequests  = 0
	readyDeadline = 2 * time.Minute
)

// idle starts a daemon on the manifest of a million shards, all of which are there, and watches it do nothing: no job waits, and nothing is on a schedule.
// Nobody to compare with.
func idle(ctx context.Context, b *bed) (rows []row, err error) {
	shards := int(b.scaled(millionKeys))
	bucket := &emptyBucket{}
	list := newLister(shards)
	a, end, err := b.holdingAll(ctx, list, bucket, shards)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, end()) }()
	if err := a.unscheduled(); err != nil {
		return nil, err
	}
	took, d, err := a.startOften(ctx)
	if err != nil {
		return nil, err
	}
	watched, err := b.watchIdle(ctx, d, func() int64 { return list.pages.Load() + bucket.opening.Load() + bucket.others.Load() })
	if _, endErr := d.end(); err != nil || endErr != nil {
		return nil, errors.Join(err, endErr)
	}
	name := fmt.Sprintf("idle daemon with %d shards: ", shards)
	rows = append(rows,
		alone(fmt.Sprintf("%sstart to READY, median of %d", name, len(took)), "s", median(took), readySeconds),
		alone(name+"RssAnon after a minute", "MiB", watched.mib, idleMiB),
		noted(name+"peak RssAnon, start included", "MiB", float64(d.peak())/(1<<20)),
		alone(name+"CPU over a minute", "% of a core", watched.percent, idlePercent),
		alone(name+"requests over a minute", "requests", watched.requests, idleRequests),
	)
	return rows, a.remove()
}

// startOften starts the daemon for a warm-up and as often as there are runs. It returns in how many seconds each was ready, and the last one, which runs.
func (a *agent) startOften(ctx context.Context) (took []float64, d background, err error) {
	for run := range a.bed.runs + 1 {
		if run > 0 {
			if _, err := d.end(); err != nil {
				return nil, d, err
			}
		}
		var ready time.Duration
		if d, ready, err = a.readyDaemon(ctx); err != nil {
			return nil, d, err
		}
		a.bed.say("  start %d: ready after %s", run, ready)
		if run > 0 { // the first is a warm-up
			took = append(took, ready.Seconds())
		}
	}
	return took, d, nil
}

// unscheduled takes everything that is done on a schedule out of the agent's configuration.
func (a *agent) unscheduled() error {
	text, err := os.ReadFile(a.configPath)
	if err != nil {
		return err
	}
	with := strings.Replace(string(text), "agent:\n", "daemon: {verify: {every: 0s}, gc: {every: 0s}}\nagent:\n  backup: {every: 0s}\n", 1)
	return os.WriteFile(a.configPath, []byte(with), 0o644)
}

// readyDaemon starts the daemon and waits until it tells its service manager that it is ready.
func (a *agent) readyDaemon(ctx context.Context) (d background, took time.Duration, err error) {
	path := filepath.Join(a.bed.dir, "n")
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		return d, 0, err
	}
	defer func() { err = errors.Join(err, l.Close(), os.Remove(path)) }()
	c := a.command("daemon")
	c.env = append(append([]string(nil), c.env...), "NOTIFY_SOCKET="+path)
	p, err := c.start(ctx)
	if err != nil {
		return d, 0, err
	}
	if err := l.SetReadDeadline(p.started.Add(readyDeadline)); err != nil {
		return d, 0, err
	}
	text := make([]byte, 4<<10)
	for {
		n, err := l.Read(text)
		if err != nil {
			return d, 0, errors.Join(fmt.Errorf("the daemon is not ready after %s: %w", readyDeadline, err), p.kill())
		}
		if strings.HasPrefix(string(text[:n]), "READY=1") {
			return background{p}, time.Since(p.started), nil
		}
	}
}

// idleness is what a daemon took while it did nothing.
type idleness struct{ mib, percent, requests float64 }

// watchIdle watches a daemon for a minute.
func (b *bed) watchIdle(ctx context.Context, d background, requests func() int64) (w idleness, err error) {
	pause := func(t time.Duration) {
		select {
		case <-ctx.Done():
		case <-time.After(t):
		}
	}
	pause(settles)
	pid := d.cmd.Process.Pid
	before, asked := processTime(pid), requests()
	pause(idleFor)
	after := processTime(pid)
	if before == 0 || after == 0 || ctx.Err() != nil {
		return w, errors.Join(errors.New("the daemon's CPU time could not be read from /proc"), context.Cause(ctx))
	}
	w = idleness{float64(rssAnonBytes(pid)) / (1 << 20), 100 * (after - before).Seconds() / idleFor.Seconds(), float64(requests() - asked)}
	b.say("  a minute: %.1f MiB, %.2f %% of a core, %g requests", w.mib, w.percent, w.requests)
	return w, nil
}

// processTime of a process, user and system, from /proc/PID/stat; 0 for one that is gone. Linux counts 100 ticks a second there on every machine.
func processTime(pid int) time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.ParseInt(fields[11], 10, 64)
	system, _ := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * 10 * time.Millisecond
}

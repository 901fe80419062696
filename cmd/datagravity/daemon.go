package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/datagravity/datagravity/internal/firstheap"
	"github.com/datagravity/datagravity/pkg/daemon"
	"github.com/datagravity/datagravity/pkg/sync/engine"
)

func newDaemon(g *globals) *cobra.Command {
	return &cobra.Command{
		Use: "daemon", Short: "Hold the manifest, bring jobs their shards, and answer on a socket", Args: cobra.NoArgs,
		Long: `Looks at the declared jobs, brings what is next of them, verifies destinations and removes leftovers on a schedule (daemon in the
configuration), and sleeps until there is something to do. Meanwhile it answers what only reads, and all about jobs, on a socket in the
state directory, which is its user's alone.

SIGTERM and Ctrl-C end it: nothing new is begun, parts in flight are finished within daemon.drain, finished parts are recorded, and the exit
code is 0. A second one gives up what is in flight. SIGHUP has it read the whole configuration again: one with a mistake is refused as a
whole, and the one before stays; otherwise parts in flight are finished, and all of it holds. Where only links changed, nothing is
disturbed. Under systemd it tells when it is ready and what it does (Type=notify or notify-reload), and feeds the watchdog while its work
goes on, or there is none.

A second daemon on the same state directory is refused with exit code 75, and told who holds it.`,
		RunE: func(c *cobra.Command, _ []string) error { return runDaemon(c.Context(), g) },
	}
}

// gcPercent of a daemon, unless GOGC says otherwise. Most of what it remembers are lists without pointers, which cost the collector nothing to
// look at, and doubling them before it looks would only take memory: touching that for the first time is half of a plan's time.
const gcPercent = 40

func runDaemon(ctx context.Context, g *globals) (err error) {
	firstheap.SetGCPercent(gcPercent)
	a, err := g.begin(engine.Options{})
	if err != nil {
		return err
	}
	defer func() {
		// What is stuck would keep Close waiting. The end of the process lets go of the lock, and the next one goes on from what is recorded.
		if !errors.Is(err, daemon.ErrStuck) {
			closing(a, &err)
		}
	}()
	if a.server == nil {
		return a.unserved
	}
	s, err := newService(a)
	if err != nil {
		return err
	}
	return s.run(ctx)
}

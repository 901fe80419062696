package main

import (
	"context"
	"errors"
	"sync"
	"time"

	sd "github.com/coreos/go-systemd/v22/daemon"
	"github.com/spf13/cobra"

	"github.com/datagravity/datagravity/internal/firstheap"
	"github.com/datagravity/datagravity/pkg/config"
	"github.com/datagravity/datagravity/pkg/daemon"
	"github.com/datagravity/datagravity/pkg/sync/engine"
)

func newDaemon(g *globals) *cobra.Command {
	return &cobra.Command{
		Use: "daemon", Short: "Hold the manifest, bring jobs their shards, and answer on a socket", Args: cobra.NoArgs,
		Long: `Looks at the declared jobs, brings what is next of them, and sleeps until there is something to do. Meanwhile it answers what only reads, and
all about jobs, on a socket in the state directory, which is its user's alone.

SIGTERM and Ctrl-C end it: parts in flight are given up, finished ones are recorded, and the exit code is 0. SIGHUP has it read the
configuration's links again, and look at the jobs at once. Under systemd it tells when it is ready and what it does (Type=notify).`,
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
	defer context.AfterFunc(ctx, func() { a.tell(sd.SdNotifyStopping) })()
	a.tell(sd.SdNotifyReady)
	if step := nextStep(a.cfg); step != "" {
		a.log.Warn(step)
		a.tell("STATUS=" + step)
	}
	var serving sync.WaitGroup
	defer func() {
		if !errors.Is(err, daemon.ErrStuck) {
			serving.Wait() // it ends with ctx
		}
	}()
	serving.Go(func() { a.keepBackedUp(ctx) })
	if a.cfg.Agent.Role == config.Origin {
		v, _ := buildVersion()
		serving.Go(func() { a.sync.Serve(ctx, a.sources, v) })
	}
	l := &daemon.Loop{Passer: a.keeper, Wake: a.reloaded, Now: time.Now, Log: a.log, Status: func(text string) { a.tell("STATUS=" + text) }}
	return l.Run(ctx)
}

// tell has the service manager know something, if one started this process.
func (a *app) tell(state string) {
	if _, err := sd.SdNotify(false, state); err != nil {
		a.log.Warn("the service manager could not be told", "state", state, "error", err)
	}
}

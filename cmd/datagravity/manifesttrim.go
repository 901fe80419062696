package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/datagravity/datagravity/pkg/config"
	"github.com/datagravity/datagravity/pkg/daemon"
	"github.com/datagravity/datagravity/pkg/jobs/spec"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/sync/engine"
)

func newManifestTrim(g *globals) *cobra.Command {
	var olderThan string
	var yes bool
	c := &cobra.Command{
		Use: "trim", Short: "Forget what nothing has needed for long: old snapshots, their recipes, and the ledger's detail", Args: cobra.NoArgs,
		Long: `Lists what a manifest can do without, and forgets it with --yes: snapshots that no dataset has as its latest, that no need, pin or job names, and that are
not wanted for an object that a destination holds; what was learned of paths, and recipes, that nothing refers to then. What is needed is neither touched nor
read again, and at destinations nothing changes. What was spent stays in the ledger; what each shard cost is told for agent.history.shard_costs, and what each job
did for agent.history.job_costs. By team, dataset, link, day and price the sums stay.

It goes when it was not needed for agent.history.keep, as far as this command or the daemon looked; --older-than says otherwise. The daemon does it on a
schedule. While it runs this command only lists.`,
		RunE: func(c *cobra.Command, _ []string) error {
			o := manifest.TrimOptions{DryRun: !yes, Keep: -1}
			if olderThan != "" {
				keep, err := spec.ParseDuration(olderThan)
				if err != nil || keep < 0 {
					return usageError{fmt.Errorf("--older-than %q: want a length of time, for example 90d", olderThan)}
				}
				o.Keep = keep
			}
			return runTrim(c.Context(), g, o)
		},
	}
	c.Flags().StringVar(&olderThan, "older-than", "", "only what was not needed for this `long` (default: agent.history.keep)")
	c.Flags().BoolVar(&yes, "yes", false, "forget it; without it trim only lists")
	return asks(c)
}

func runTrim(ctx context.Context, g *globals, o manifest.TrimOptions) (err error) {
	if g.held != nil && !o.DryRun {
		return fmt.Errorf("%w, and who holds it forgets nothing for others; a daemon does it as agent.history says, and at once after POST /v1/timers/history/run", manifest.ErrLocked)
	}
	a, err := g.begin(engine.Options{})
	if err != nil {
		return err
	}
	defer closing(a, &err)
	settings := trimOptions(a.cfg.Agent.History)
	if settings == (manifest.TrimOptions{Keep: manifest.Forever}) && o.Keep < 0 {
		return usageError{errors.New("everything of agent.history is 0, so that everything stays; --older-than says what may go all the same")}
	}
	if o.Keep < 0 {
		o.Keep = settings.Keep
	}
	o.ShardCosts, o.JobCosts = settings.ShardCosts, settings.JobCosts
	out, err := a.m.Trim(ctx, o)
	if err != nil {
		return ended(ctx, err)
	}
	if g.json {
		return g.printJSON(out)
	}
	t := newTable(g.out)
	t.row("SNAPSHOT", "DATASET", "TAKEN", "SHARDS", "NOT NEEDED SINCE")
	for _, s := range out.Snapshots {
		t.row(s.ID.Hex()[:12], s.Dataset, s.Taken.Time().Format(time.RFC3339), fmt.Sprint(s.Shards), s.Unneeded.Time().Format(time.RFC3339))
	}
	if err := t.flush(); err != nil {
		return err
	}
	what := "forgotten: "
	if o.DryRun {
		what = "would be forgotten: "
	}
	_, err = fmt.Fprintln(g.out, what+trimmed(out))
	if err == nil && o.DryRun {
		_, err = fmt.Fprintln(g.out, "nothing was forgotten; --yes forgets it")
	}
	return err
}

// trimmed says it in a line.
func trimmed(t manifest.Trimmed) string {
	list := []string{
		fmt.Sprintf("%d snapshots, what was learned of %d paths, that %d objects were deleted", len(t.Snapshots), t.Facts, t.Replicas),
		fmt.Sprintf("%d recipes (%s)", t.Recipes, size(t.RecipeBytes)),
	}
	if t.Packs > 0 {
		list = append(list, fmt.Sprintf("%d packs are smaller by %s", t.Packs, size(t.PackBytes)))
	}
	if t.Lines > 0 {
		list = append(list, fmt.Sprintf("%d lines of the ledger are added up", t.Lines))
	}
	if t.Later {
		list = append(list, "more recipes the next time, because some were about to be named again")
	}
	return strings.Join(list, "; ")
}

// trimOptions are what a configuration says of the manifest's history.
func trimOptions(h config.History) manifest.TrimOptions {
	o := manifest.TrimOptions{Keep: time.Duration(h.Keep), ShardCosts: time.Duration(h.ShardCosts), JobCosts: time.Duration(h.JobCosts)}
	if o.Keep == 0 {
		o.Keep = manifest.Forever
	}
	return o
}

// trimming forgets, on a schedule, what nothing needs any more.
func (a *app) trimming(ctx context.Context, _ string, _ func(string) error) (daemon.Result, error) {
	out, err := a.m.Trim(ctx, trimOptions(a.cfg.Agent.History))
	for _, s := range out.Snapshots {
		a.log.Info("forgot a snapshot that nothing needs", "snapshot", s.ID, "dataset", s.Dataset, "unneeded", s.Unneeded.Time())
	}
	return daemon.Result{Text: "forgot " + trimmed(out)}, err
}

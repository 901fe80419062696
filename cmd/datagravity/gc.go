package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/datagravity/datagravity/pkg/store"
	dgsync "github.com/datagravity/datagravity/pkg/sync"
	"github.com/datagravity/datagravity/pkg/sync/engine"
)

func newGC(g *globals) *cobra.Command {
	var olderThan time.Duration
	var yes bool
	c := &cobra.Command{
		Use: "gc", Short: "Remove unfinished uploads that nothing works on any more, and expired pins",
		Long: `Looks for unfinished uploads, and for temporary objects, in the store of every destination. Those that this manifest began
and that were not worked on for --older-than are removed with --yes, and only listed without it. Those of others are reported
and left alone. Shards are never touched. Pins that expired are forgotten with --yes, and only listed without it.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return runGC(c.Context(), g, olderThan, !yes) },
	}
	lengthVar(c.Flags(), &olderThan, "older-than", 24*time.Hour, "only what was not worked on for this long")
	waitsForLease(c, g)
	c.Flags().BoolVar(&yes, "yes", false, "remove; without it gc only lists")
	return c
}

func runGC(ctx context.Context, g *globals, olderThan time.Duration, dryRun bool) (err error) {
	a, err := g.begin(engine.Options{})
	if err != nil {
		return err
	}
	defer closing(a, &err)
	stores := map[string]store.Store{}
	for _, d := range a.cfg.Destinations {
		if stores[d.Store], err = a.store(ctx, d.Store); err != nil {
			return err
		}
	}
	found, err := a.sync.Collect(ctx, stores, olderThan, dryRun)
	if err != nil {
		return freed(ended(ctx, err))
	}
	if g.json {
		if found == nil {
			found = []dgsync.Leftover{}
		}
		return g.printJSON(found)
	}
	if len(found) == 0 {
		_, err := fmt.Fprintln(g.out, "nothing is left over")
		return err
	}
	t := newTable(g.out)
	t.row("STORE", "KEY", "STARTED", "", "")
	for _, l := range found {
		state := "would be removed"
		switch {
		case l.Removed:
			state = "removed"
		case !l.Ours:
			state = "left alone"
		}
		t.row(l.Store, l.Key, l.Created.UTC().Format(time.RFC3339), state, l.Why)
	}
	if err := t.flush(); err != nil {
		return err
	}
	if dryRun {
		_, err = fmt.Fprintln(g.out, "nothing was removed; --yes removes")
	}
	return err
}

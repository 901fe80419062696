package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/datagravity/datagravity/pkg/operate"
	"github.com/datagravity/datagravity/pkg/sync/engine"
	"github.com/datagravity/datagravity/pkg/sync/plan"
)

func newPrune(g *globals) *cobra.Command {
	var to string
	var yes bool
	c := &cobra.Command{
		Use: "prune DATASET --to DEST", Short: "Find what no snapshot that is needed names any more at a destination, and remove it",
		Long: `Lists the objects that datagravity wrote for the dataset and that neither the latest snapshot names, nor the one that was last made
ready there, nor a live pin. Without --yes that is all. With it they are deleted, each only if it still is what was written.

An object stays if its content is proven nowhere else: neither at the source nor in another store (it is the last copy). Objects that
were there already and were adopted are not looked at.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return runPrune(c.Context(), g, args[0], to, !yes) },
	}
	c.Flags().StringVar(&to, "to", "", "destination, by its name in the configuration")
	waitsForLease(c, g)
	c.Flags().BoolVar(&yes, "yes", false, "remove; without it prune only lists")
	return c
}

func runPrune(ctx context.Context, g *globals, dataset, to string, dryRun bool) (err error) {
	a, err := g.begin(engine.Options{})
	if err != nil {
		return err
	}
	defer closing(a, &err)
	q, err := a.request(ctx, dataset, to, nil, "", chargeFlags{})
	if err != nil {
		return err
	}
	list, failed := a.sync.Prune(ctx, q, dryRun)
	failed = freed(ended(ctx, failed))
	if failed != nil && list == nil {
		return failed
	}
	if g.json {
		return sayingToo(g, g.printJSON(operate.RemovalsOf(list)), failed)
	}
	if err := printRemovals(g, list, true); err != nil {
		return err
	}
	if dryRun && len(list) > 0 {
		_, err = fmt.Fprintln(g.out, "nothing was removed; --yes removes")
	}
	if failed != nil {
		return failed
	}
	return err
}

// printRemovals prints a line for each way, and one for each object if every is set or it stays.
func printRemovals(g *globals, list []plan.Removal, every bool) error {
	if len(list) == 0 {
		return nil
	}
	t := newTable(g.out)
	t.row("WAY", "OBJECTS", "BYTES", "")
	for _, w := range []plan.Way{plan.Evict, plan.Delete} {
		var going, kept plan.Count
		for _, r := range list {
			switch {
			case r.Way != w:
			case r.Kept != "":
				kept.Shards, kept.Bytes = kept.Shards+1, kept.Bytes+r.Size
			default:
				going.Shards, going.Bytes = going.Shards+1, going.Bytes+r.Size
			}
		}
		if going.Shards > 0 {
			t.row(w, going.Shards, size(going.Bytes), removalMeaning[w])
		}
		if kept.Shards > 0 {
			t.row("kept", kept.Shards, size(kept.Bytes), "see below")
		}
	}
	if err := t.flush(); err != nil {
		return err
	}
	for _, r := range list {
		switch {
		case r.Kept != "":
			_, _ = fmt.Fprintf(g.out, "kept %s (%s): %s\n", r.Key, size(r.Size), r.Kept)
		case every:
			_, _ = fmt.Fprintf(g.out, "%s %s (%s): %s\n", r.Way, r.Key, size(r.Size), r.Reason)
		}
	}
	return nil
}

var removalMeaning = map[plan.Way]string{
	plan.Evict:  "to make room; what was used longest ago goes first",
	plan.Delete: "no longer needed there",
}

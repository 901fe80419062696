package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/datagravity/datagravity/pkg/jobs"
	dgsync "github.com/datagravity/datagravity/pkg/sync"
	"github.com/datagravity/datagravity/pkg/sync/engine"
)

func newReady(g *globals) *cobra.Command {
	var sel selectionFlags
	var from string
	var maxAge time.Duration
	c := &cobra.Command{
		Use: "ready DATASET[@SNAPSHOT] --to DEST | --from DEST", Short: "0 if everything is there and proven, 75 if not yet",
		Long: `With --to, answers from the manifest; objects that were not seen for --max-age are listed at the destination first.
With --from, answers from the receipt at the destination alone: for compute nodes that can read nothing else.

Exits 0 when every selected shard is there and proven, 75 otherwise, with what is missing. It fails closed: what is not
known is not ready.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if (from == "") == (sel.to == "") {
				return usageError{fmt.Errorf("ready takes either --to DEST (asks the manifest) or --from DEST (asks the receipt)")}
			}
			if from != "" {
				return runReadyFrom(c.Context(), g, args[0], from, sel)
			}
			return runReady(c.Context(), g, args[0], sel, maxAge)
		},
	}
	sel.add(c)
	c.Flags().StringVar(&from, "from", "", "destination whose receipt answers, without the manifest")
	c.Flags().DurationVar(&maxAge, "max-age", 10*time.Minute, "list the destination if objects were not seen for this long")
	return c
}

func runReady(ctx context.Context, g *globals, dataset string, sel selectionFlags, maxAge time.Duration) (err error) {
	a, err := g.begin(engine.Options{})
	if err != nil {
		return err
	}
	defer closing(a, &err)
	q, err := a.request(ctx, dataset, sel.to, sel.shards, sel.snapshot, chargeFlags{})
	if err != nil {
		return err
	}
	r, err := a.sync.Ready(ctx, q, max(maxAge, time.Nanosecond))
	if err != nil {
		return ended(ctx, err)
	}
	return g.answer(r)
}

func runReadyFrom(ctx context.Context, g *globals, arg, from string, sel selectionFlags) (err error) {
	a, err := g.load()
	if err != nil {
		return err
	}
	defer closing(a, &err)
	dataset, snapshot := splitSnapshot(arg)
	if sel.snapshot != "" {
		snapshot = sel.snapshot
	}
	if snapshot == "latest" {
		snapshot = ""
	}
	if err := a.checkDataset(dataset); err != nil {
		return err
	}
	d, err := a.destination(ctx, from, dataset)
	if err != nil {
		return err
	}
	selection, err := jobs.NewSelection(sel.shards)
	if err != nil {
		return usageError{err}
	}
	r, err := dgsync.ReadyFromReceipt(ctx, d, dataset, snapshot, selection)
	if err != nil {
		return ended(ctx, err)
	}
	return g.answer(r)
}

// answer prints a readiness and turns it into the exit code.
func (g *globals) answer(r dgsync.Readiness) error {
	var verdict error
	if !r.Ready {
		verdict = fmt.Errorf("%w: %s at %s", dgsync.ErrNotReady, r.Dataset, r.Destination)
	}
	if g.json {
		return saying(g.printJSON(r), verdict)
	}
	if r.Ready {
		_, err := fmt.Fprintf(g.out, "ready: %s@%s at %s, under %q, %d shards, %s (%s of %s)\n", r.Dataset, r.Snapshot.Hex()[:12], r.Destination,
			r.Prefix, r.Shards, size(r.Bytes), r.From, r.Time.Format(time.RFC3339))
		return err
	}
	const most = 10
	for i, m := range r.Missing {
		if i == most {
			_, _ = fmt.Fprintf(g.out, "and %d more\n", len(r.Missing)-most)
			break
		}
		_, _ = fmt.Fprintf(g.out, "missing: %s (%s): %s\n", m.Path, size(m.Bytes), m.Reason)
	}
	if r.Reason != "" {
		_, _ = fmt.Fprintln(g.out, r.Reason)
	}
	if r.From == "receipt" {
		_, _ = fmt.Fprintf(g.out, "no receipt at %s covers it\n", r.Destination)
	}
	_, err := fmt.Fprintf(g.out, "not ready: %s at %s: %d of %d shards missing\n", r.Dataset, r.Destination, len(r.Missing), r.Shards)
	return saying(err, verdict)
}

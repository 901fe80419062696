package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/operate"
	dgsync "github.com/datagravity/datagravity/pkg/sync"
	"github.com/datagravity/datagravity/pkg/sync/engine"
	"github.com/datagravity/datagravity/pkg/sync/plan"
)

type syncFlags struct {
	planFlags
	wishFlags
	partial        bool
	allowDeletions bool
}

// apply has a request carried out as the flags say.
func (o syncFlags) apply(q *dgsync.Request) {
	q.Check, q.Adopt, q.Partial, q.AllowDeletions = o.check, o.adopt, o.partial, o.allowDeletions
	if o.wish != (dgsync.Wish{}) {
		q.Wish = o.wish
	}
}

func newSync(g *globals) *cobra.Command {
	var sel selectionFlags
	var o syncFlags
	c := &cobra.Command{
		Use: "sync DATASET[@SNAPSHOT] --to DEST, sync --all", Short: "Bring what is missing to a destination, under the budget, every byte proven",
		Long: `Lists the source, plans as "plan" does, and carries the plan out: shards and parts in parallel, memory bounded, each part
checked on the way and each object compared at the end. Index files travel after their shards. The last write is a receipt at
the destination. Killed at any moment, the next run goes on from the finished parts.

--to A,B brings it to several destinations at the same time: what more than one of them needs is read once.

What is asked for stays an open need until all of it is there (datagravity need list). --all chooses from all open needs which of them
run now under all budgets together, as plan --all says, and carries them out in that order.

An object that datagravity did not write is never overwritten in silence: one of equal size and full checksum is adopted
without moving a byte, any other is refused by name unless --adopt says what to do.`,
		Args: oneUnless(&o.all),
		RunE: func(c *cobra.Command, args []string) error {
			if err := errors.Join(sel.check(o.all), o.parse()); err != nil {
				return err
			}
			if o.all {
				if o.wish != (dgsync.Wish{}) || o.charge != (chargeFlags{}) {
					return usageError{errors.New("--all: each need has its own --need-by, --priority, --value, --job and --team; datagravity need add changes them")}
				}
				return runSyncAll(c.Context(), g, o)
			}
			return runSync(c.Context(), g, args[0], sel, o)
		},
	}
	sel.add(c)
	o.wishFlags.add(c)
	c.Flags().BoolVar(&o.all, "all", false, "every open need that fits the budgets instead of a dataset")
	o.charge.add(c)
	c.Flags().BoolVar(&o.check, "check", false, "look at the destination even for what the manifest knows")
	c.Flags().StringVar((*string)(&o.adopt), "adopt", "", "objects that datagravity did not write: read (compare their bytes) or overwrite")
	c.Flags().BoolVar(&o.partial, "partial", false, "if the plan does not fit the budget, run what fits, in order")
	waitsForLease(c, g)
	c.Flags().BoolVar(&o.allowDeletions, "allow-deletions", false, "delete more than the destination's deletion_limit, this once")
	return c
}

// syncJSON is what sync prints with --json.
type syncJSON struct {
	Dataset      string                  `json:"dataset"`
	Destination  string                  `json:"destination"`
	Snapshot     string                  `json:"snapshot,omitempty"`
	Ready        bool                    `json:"ready"`
	Ways         map[plan.Way]plan.Count `json:"ways"`
	Shards       int                     `json:"shards"`
	NeededBytes  int64                   `json:"needed_bytes"`
	PlannedBytes int64                   `json:"planned_bytes"`
	MovedBytes   int64                   `json:"moved_bytes"`
	ResumedBytes int64                   `json:"resumed_bytes"`
	IndexedBytes int64                   `json:"indexed_bytes"`
	NotMoved     int64                   `json:"not_moved_bytes"`
	ReusedBytes  int64                   `json:"reused_bytes"`
	WireRead     int64                   `json:"wire_read_bytes"`
	WireSent     int64                   `json:"wire_sent_bytes"`
	PlannedUSD   cost.NanoUSD            `json:"planned_usd"`
	SettledUSD   cost.NanoUSD            `json:"settled_usd"`
	Seconds      float64                 `json:"seconds"`
	Deferred     int                     `json:"deferred"`
	Failures     []failureJSON           `json:"failures"`
	// Prefix is where in the store the shards are, once they are ready.
	Prefix string `json:"prefix,omitempty"`
	// Removals made room, or were deleted at the source; those that stayed say why.
	Removals []operate.Removal `json:"removals,omitempty"`
}

type failureJSON struct {
	Path  string `json:"path"`
	Error string `json:"error"`
}

func failures(s engine.Summary) []failureJSON {
	out := []failureJSON{}
	for _, f := range s.Failures {
		out = append(out, failureJSON{f.Path, f.Err.Error()})
	}
	return out
}

// saying reports that the outcome was printed already; what is left of err is its exit code.
func saying(printing, err error) error {
	if printing != nil {
		return errors.Join(printing, err)
	}
	if err == nil {
		return nil
	}
	return &saidError{err}
}

func runSync(ctx context.Context, g *globals, dataset string, sel selectionFlags, o syncFlags) (err error) {
	if err := o.validate(); err != nil {
		return err
	}
	if strings.Contains(sel.to, ",") {
		return runSyncs(ctx, g, dataset, sel, o)
	}
	show, err := newProgress(g, dataset+" to "+sel.to)
	if err != nil {
		return err
	}
	a, err := g.begin(engine.Options{Observe: show.event})
	if err != nil {
		return err
	}
	defer closing(a, &err)
	q, err := a.requestUnopened(ctx, dataset, sel.to, sel.shards, sel.snapshot, o.charge)
	if err != nil {
		return err
	}
	o.apply(&q)
	rep, err := a.sync.Sync(ctx, q)
	show.end()
	err = a.told(ended(ctx, err))
	if g.json && rep.Plan != nil {
		return sayingToo(g, g.printJSON(syncDocument(q, rep)), err)
	}
	if rep.Plan != nil {
		if err := printReport(g, q, rep); err != nil {
			return err
		}
	}
	return err
}

// sayingToo prints the error on standard error beside the JSON document.
func sayingToo(g *globals, printing, err error) error {
	if err != nil {
		_, _ = fmt.Fprintf(g.err, "datagravity: %v\n", err)
	}
	return saying(printing, err)
}

func syncDocument(q dgsync.Request, rep dgsync.Report) syncJSON {
	out := syncJSON{
		Dataset: q.Source.Name, Destination: q.Destination.Name, Ready: rep.Ready, Ways: rep.Ways, MovedBytes: rep.MovedBytes,
		ResumedBytes: rep.ResumedBytes, ReusedBytes: rep.ReusedBytes, IndexedBytes: rep.LearnedBytes, WireRead: rep.ReadBytes, WireSent: rep.SentBytes,
		PlannedUSD: rep.Plan.Estimate.USD, SettledUSD: rep.USD, Seconds: rep.Took.Seconds(), Deferred: len(rep.Deferred),
		Failures: failures(rep.Summary), PlannedBytes: rep.Plan.Estimate.CrossingBytes, Removals: operate.RemovalsOf(rep.Removed),
	}
	if rep.Ready {
		out.Prefix = rep.At.Key(plan.Folder(rep.Snapshot.ID), "")
	}
	if !rep.Snapshot.ID.IsZero() {
		out.Snapshot = rep.Snapshot.ID.String()
	}
	for _, c := range rep.Plan.Estimate.Ways {
		out.NeededBytes += c.Bytes
	}
	for w, c := range rep.Ways {
		out.Shards += c.Shards
		if w != plan.Full && w != plan.Assemble && w != plan.Pull {
			out.NotMoved += c.Bytes
		}
	}
	return out
}

func printReport(g *globals, q dgsync.Request, rep dgsync.Report) error {
	for _, f := range rep.Failures {
		_, _ = fmt.Fprintf(g.err, "failed: %s: %v\n", f.Path, f.Err)
	}
	if err := printRemovals(g, rep.Removed, false); err != nil {
		return err
	}
	if len(rep.Ways) == 0 {
		return nil
	}
	t := newTable(g.out)
	t.row("WAY", "SHARDS", "BYTES", "")
	for _, w := range plan.Ways {
		if c, ok := rep.Ways[w]; ok && c.Shards > 0 {
			t.row(w, c.Shards, size(c.Bytes), wayMeaning[w])
		}
	}
	if err := t.flush(); err != nil {
		return err
	}
	if rep.ReusedBytes > 0 {
		_, _ = fmt.Fprintf(g.out, "\n%s were copied at the destination, from what it held", size(rep.ReusedBytes))
	}
	_, err := fmt.Fprintf(g.out, "\nmoved %s (%s resumed from before) in %s; on the wire %s read, %s sent\ncost  %s, planned %s\n",
		size(rep.MovedBytes), size(rep.ResumedBytes), seconds(rep.Took), size(rep.ReadBytes), size(rep.SentBytes), rep.USD, rep.Plan.Estimate.USD)
	if err == nil && rep.Ready {
		beside := ""
		if rep.At.Beside {
			beside = ", under " + rep.At.Key(plan.Folder(rep.Snapshot.ID), "")
		}
		_, err = fmt.Fprintf(g.out, "ready %s@%s at %s%s\n", q.Source.Name, rep.Snapshot.ID.Hex()[:12], q.Destination.Name, beside)
	}
	return err
}

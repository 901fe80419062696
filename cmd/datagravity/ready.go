package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/datagravity/datagravity/pkg/config"
	"github.com/datagravity/datagravity/pkg/dispatch"
	"github.com/datagravity/datagravity/pkg/jobs"
	"github.com/datagravity/datagravity/pkg/operate"
	dgsync "github.com/datagravity/datagravity/pkg/sync"
)

func newReady(g *globals) *cobra.Command {
	var sel selectionFlags
	var p jobPlace
	c := &cobra.Command{
		Use: "ready DATASET[@SNAPSHOT] --to DEST | --from DEST, ready --job ID", Short: "0 if everything is there and proven, 75 if not yet",
		Long: `With --to, answers from the manifest; objects that were not seen for --max-age are listed at the destination first.
With --from, answers from the receipt at the destination alone: for compute nodes that can read nothing else.
With --job, or without a DATASET, answers for a job: at all of its destinations, at one (--to), or by its receipt at one (--from).

Exits 0 when every selected shard is there and proven, 75 otherwise, with what is missing. It fails closed: what is not
known is not ready. For a job that time alone does not make ready it exits with 3 (a budget holds it), 5 (the source no longer has it), or
the code of what else is in the way.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) (err error) {
			if p.to = sel.to; !c.Flags().Changed("max-age") {
				p.maxAge = asConfigured
			}
			if len(args) == 0 {
				return runReadyJob(c.Context(), g, p, sel)
			}
			switch {
			case p.id != "" || p.check:
				return usageError{errors.New("--job and --check are for a job; take either a DATASET or --job ID")}
			case (p.from == "") == (sel.to == ""):
				return usageError{errNoPlace}
			case p.from != "":
				return runReadyFrom(c.Context(), g, args[0], p.from, sel)
			}
			return runReady(c.Context(), g, args[0], sel, p.maxAge)
		},
	}
	sel.add(c)
	c.Flags().StringVar(&p.id, "job", "", "`id` of a job (default: that of the Slurm job that this runs in, else DATAGRAVITY_JOB)")
	c.Flags().StringVar(&p.from, "from", "", "destination whose receipt answers, without the manifest")
	lengthVar(c.Flags(), &p.maxAge, "max-age", time.Duration(config.DefaultMaxAge),
		"list the destination if objects were not seen for this long; without it, jobs.max_age of the configuration")
	c.Flags().BoolVar(&p.check, "check", false, "with --job and --from: also list the destination, and compare names and sizes with the receipt's list")
	return c
}

// asConfigured stands for the age that the configuration says, which is read later than the flags.
const asConfigured time.Duration = -1

var errNoPlace = errors.New("a DATASET takes either --to DEST (asks the manifest) or --from DEST (asks the receipt)")

// runReadyJob answers for a job.
func runReadyJob(ctx context.Context, g *globals, p jobPlace, sel selectionFlags) (err error) {
	if p.id, err = jobID(p.id, os.LookupEnv); err != nil {
		return err
	}
	if err := errors.Join(p.validate(), jobOnly(sel)); err != nil {
		return err
	}
	r, err := p.ask(ctx, g, func(dispatch.Jobs) {})
	if err != nil {
		return err
	}
	return g.answerJob(r)
}

func runReady(ctx context.Context, g *globals, dataset string, sel selectionFlags, maxAge time.Duration) error {
	q := operate.ReadyRequest{Destination: sel.to, Shards: sel.shards, MaxAge: maxAge}
	if q.Dataset, q.Snapshot = splitSnapshot(dataset); sel.snapshot != "" {
		q.Snapshot = sel.snapshot
	}
	return withReading(ctx, g, func(by operate.Operator) error {
		r, err := by.ReadyAt(ctx, q)
		if err != nil {
			return ended(ctx, err)
		}
		return g.answer(r)
	})
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

// printMissing names the first of what is missing.
func (g *globals) printMissing(list []dgsync.MissingShard) {
	const most = 10
	for i, m := range list {
		if i == most {
			_, _ = fmt.Fprintf(g.out, "and %d more\n", len(list)-most)
			break
		}
		_, _ = fmt.Fprintf(g.out, "missing: %s (%s): %s\n", m.Path, size(m.Bytes), m.Reason)
	}
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
	g.printMissing(r.Missing)
	if r.Reason != "" {
		_, _ = fmt.Fprintln(g.out, r.Reason)
	}
	if r.From == "receipt" {
		_, _ = fmt.Fprintf(g.out, "no receipt at %s covers it\n", r.Destination)
	}
	counts := ""
	if r.Shards > 0 { // a receipt that is not there counts nothing
		counts = fmt.Sprintf(": %d of %d shards missing", len(r.Missing), r.Shards)
	}
	_, err := fmt.Fprintf(g.out, "not ready: %s at %s%s\n", r.Dataset, r.Destination, counts)
	return saying(err, verdict)
}

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/dispatch"
	dgsync "github.com/datagravity/datagravity/pkg/sync"
)

// waitFlags say how long to wait, and how often to ask.
type waitFlags struct {
	timeout, poll  time.Duration
	giveUpWhenHeld bool
}

func (o *waitFlags) add(c *cobra.Command) {
	lengthVar(c.Flags(), &o.timeout, "timeout", 0, "give up after this long, for example 2h (default: never)")
	lengthVar(c.Flags(), &o.poll, "poll", 5*time.Second, "how long to wait between two looks")
	c.Flags().BoolVar(&o.giveUpWhenHeld, "give-up-when-held", false, "end at once when a budget holds the job, instead of waiting for its next window or an approval")
}

func (o waitFlags) validate() error {
	if o.timeout < 0 || o.poll <= 0 {
		return usageError{errors.New("--timeout and --poll: want times that are not negative, and --poll more than 0")}
	}
	return nil
}

// outcome of one look.
type outcome struct {
	waitJSON
	verdict error // nil: ready
	final   bool  // waiting does not help
	// print is what ready would print, and returns the verdict.
	print func() error
}

// question asks once.
type question func(context.Context) (outcome, error)

func newWait(g *globals) *cobra.Command {
	var o waitFlags
	var p jobPlace
	var sel selectionFlags
	c := &cobra.Command{
		Use: "wait [DATASET[@SNAPSHOT]] [--job ID] [--to DEST | --from DEST]", Short: "Wait until a job, or a dataset at a destination, is ready",
		Long: `Asks as ready does, every --poll, and exits with 0 once the answer is ready. With a DATASET it waits for that at a destination, else for a job.

It ends at once when waiting cannot help: the source no longer has what is needed (5), the selection is impossible, a right is missing (77). A
job that a budget holds goes on waiting, for the budget's next window or an approval, unless --give-up-when-held is given. When the time is up, it
exits with 3 if a budget held it, and with 75 otherwise.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) (err error) {
			if err := o.validate(); err != nil {
				return err
			}
			p.to = sel.to
			var ask question
			if len(args) == 1 {
				if ask, err = datasetQuestion(g, c, args[0], p, sel); err != nil {
					return err
				}
			} else {
				if err := jobOnly(sel); err != nil {
					return err
				}
				if p.id, err = jobID(p.id, os.LookupEnv); err != nil {
					return err
				}
				if err := p.validate(); err != nil {
					return err
				}
				ask = p.question(g)
			}
			view, err := newWaitView(g)
			if err != nil {
				return err
			}
			last, err := o.until(c.Context(), ask, view)
			if err != nil {
				return err
			}
			return last.print()
		},
	}
	sel.add(c)
	c.Flags().StringVar(&p.id, "job", "", "`id` of the job (default: that of the Slurm job that this runs in, else DATAGRAVITY_JOB)")
	c.Flags().StringVar(&p.from, "from", "", "destination whose receipt answers, without the process that keeps the jobs")
	lengthVar(c.Flags(), &p.maxAge, "max-age", asConfigured, "list the destination if objects were not seen for this long")
	o.add(c)
	return c
}

// jobOnly refuses flags that choose from a dataset: a job has its own selection.
func jobOnly(sel selectionFlags) error {
	if len(sel.shards) > 0 || sel.snapshot != "" {
		return usageError{errors.New("--shards and --snapshot go with a DATASET; a job has its own")}
	}
	return nil
}

// until asks until the answer is ready, waiting does not help, or the time is up. What it could not find out meanwhile is asked again.
func (o waitFlags) until(ctx context.Context, ask question, view waitView) (last outcome, err error) {
	limited, cancel := ctx, context.CancelFunc(func() {})
	if o.timeout > 0 {
		limited, cancel = context.WithTimeout(ctx, o.timeout)
	}
	defer cancel()
	defer view.end()
	started := time.Now()
	var failed error
	asked := false
	for {
		is, err := ask(limited)
		switch over := limited.Err() != nil; {
		case err == nil && (is.verdict == nil || is.final || o.giveUpWhenHeld && errors.Is(is.verdict, cost.ErrBudget)):
			return is, nil
		case err != nil && !over && !mayPass(err):
			return is, err
		case err == nil:
			is.Waited = int64(time.Since(started).Seconds())
			last, asked, failed = is, true, nil
			view.show(is.waitJSON)
		case !over:
			failed = err
			view.show(waitJSON{Event: "wait", Job: is.Job, Why: err.Error(), Waited: int64(time.Since(started).Seconds())})
		}
		next := time.NewTimer(o.poll)
		select {
		case <-next.C:
			continue
		case <-limited.Done():
			next.Stop()
		}
		switch {
		case ctx.Err() != nil:
			return last, ended(ctx, ctx.Err())
		case asked:
			return last, nil
		case failed != nil:
			return last, fmt.Errorf("%w after %s: %w", dgsync.ErrNotReady, o.timeout, failed)
		}
		return last, fmt.Errorf("%w: nobody answered within %s", dgsync.ErrNotReady, o.timeout)
	}
}

// mayPass tells whether another try may find out what this one could not: the manifest is in use, a store or the daemon does not answer.
func mayPass(err error) bool {
	code := exitCode(context.Background(), err)
	return code == exitNotYet || code == exitFailed
}

// question asks about a job.
func (p jobPlace) question(g *globals) question {
	here, said := false, false
	// Who has to open the manifest for it shows that no other process holds it, and so that none brings anything. The dispatcher tells of changes; a
	// client of the process that has it cannot.
	opened := func(all dispatch.Jobs) { _, here = all.(interface{ Changed() <-chan struct{} }) }
	return func(ctx context.Context) (outcome, error) {
		r, err := p.ask(ctx, g, opened)
		if here && err == nil && !r.Ready && !said {
			said = true
			_, _ = fmt.Fprintln(g.err, "no process works on jobs here; datagravity daemon does, or once: datagravity sync --all")
		}
		is := outcome{verdict: jobVerdict(r), final: r.State == dispatch.Blocked || r.Kind == "access", print: func() error { return g.answerJob(r) }}
		is.waitJSON = waitJSON{Event: "wait", Job: p.id, State: r.State, Why: r.Why, ETA: r.ETA}
		for _, at := range r.Places {
			is.count(at)
		}
		return is, err
	}
}

func (w *waitJSON) count(r dgsync.Readiness) {
	for _, m := range r.Missing {
		w.MissingShards++
		w.MissingBytes += m.Bytes
	}
}

// datasetQuestion asks as `ready DATASET` does, by its very command line, so that the answer comes from whoever holds the manifest.
func datasetQuestion(g *globals, c *cobra.Command, dataset string, p jobPlace, sel selectionFlags) (question, error) {
	if p.id != "" {
		return nil, usageError{errors.New("take either a DATASET or --job ID")}
	}
	if (p.from == "") == (sel.to == "") {
		return nil, usageError{errNoPlace}
	}
	args := []string{"ready", dataset, "--json", "--progress", "none", "--log-level", g.logLevel, "--log-format", g.logFormat}
	if g.config != "" {
		args = append(args, "--config", g.config)
	}
	for _, f := range []struct{ name, value string }{{"--to", sel.to}, {"--from", p.from}, {"--snapshot", sel.snapshot}} {
		if f.value != "" {
			args = append(args, f.name, f.value)
		}
	}
	for _, s := range sel.shards {
		args = append(args, "--shards", s)
	}
	if c.Flags().Changed("max-age") {
		args = append(args, "--max-age", p.maxAge.String())
	}
	return func(ctx context.Context) (is outcome, err error) {
		var out, errs bytes.Buffer
		code := run(ctx, args, streams{in: strings.NewReader(""), out: &out, err: &errs})
		var r dgsync.Readiness
		if out.Len() == 0 || json.Unmarshal(out.Bytes(), &r) != nil {
			text := strings.TrimPrefix(strings.TrimSpace(errs.String()), "datagravity: ")
			return is, &codedError{code, errors.New(text)}
		}
		is.print = func() error { return g.answer(r) }
		is.waitJSON = waitJSON{Event: "wait", Dataset: r.Dataset, Destination: r.Destination, Why: r.Reason}
		is.count(r)
		if !r.Ready {
			is.verdict = fmt.Errorf("%w: %s at %s", dgsync.ErrNotReady, r.Dataset, r.Destination)
		}
		return is, nil
	}, nil
}

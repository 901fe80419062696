package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/datagravity/datagravity/pkg/operate"
	"github.com/datagravity/datagravity/pkg/store/pace"
	"github.com/datagravity/datagravity/pkg/sync/engine"
	"github.com/datagravity/datagravity/pkg/sync/plan"
)

// selectionFlags are shared by plan, sync and ready.
type selectionFlags struct {
	to       string
	shards   []string
	snapshot string
}

func (f *selectionFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.to, "to", "", "destination, by its name in the configuration")
	c.Flags().StringArrayVar(&f.shards, "shards", nil, "only shards whose path matches this `glob` (**, *, ?, {a,b}); may be repeated")
	c.Flags().StringVar(&f.snapshot, "snapshot", "", "a snapshot by its first hex digits (default: what the source lists now)")
}

// oneUnless wants a dataset, or none where every open need is meant.
func oneUnless(all *bool) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if *all && len(args) > 0 {
			return fmt.Errorf("--all is for every open need: take no DATASET with it")
		}
		if *all {
			return nil
		}
		return cobra.ExactArgs(1)(c, args)
	}
}

// check wants nothing to be selected where every open need is meant.
func (f *selectionFlags) check(all bool) error {
	if all && (f.to != "" || len(f.shards) > 0 || f.snapshot != "") {
		return usageError{errors.New("--all is for every open need: take no --to, --shards or --snapshot with it")}
	}
	return nil
}

// destinations are the names in --to, with commas between them.
func (f *selectionFlags) destinations() ([]string, error) {
	names := strings.Split(f.to, ",")
	seen := map[string]bool{}
	for _, name := range names {
		if len(names) > 1 && name == "" || seen[name] {
			return nil, usageError{fmt.Errorf("--to %q: want different destinations with one comma between them", f.to)}
		}
		seen[name] = true
	}
	return names, nil
}

func newPlan(g *globals) *cobra.Command {
	var sel selectionFlags
	var o planFlags
	c := &cobra.Command{
		Use: "plan DATASET[@SNAPSHOT] --to DEST, plan --all", Short: "Say what would move, how, and for how much; nothing moves",
		Long: `For each shard: whether the destination has it, can copy it from another of its keys, or needs its bytes; the bytes
that cross, their price from the price book (with month-to-date where it is configured, else at the dearest paid tier),
the requests, and how long it takes at a given bandwidth. Shards that were never read are counted in full: an upper bound.

--to A,B plans for several destinations, and --all for every need that was asked for and is not all there (datagravity need list): which of
them run now under all budgets together, in which order, and what holds the others.`,
		Args: oneUnless(&o.all),
		RunE: func(c *cobra.Command, args []string) error {
			if err := sel.check(o.all); err != nil {
				return err
			}
			if o.all || strings.Contains(sel.to, ",") {
				if o.keep != 0 {
					return usageError{errors.New("--keep: the storage is priced for one destination; take one --to with it")}
				}
				if o.all && o.charge != (chargeFlags{}) {
					return usageError{errors.New("--all: each need has its own --job and --team; datagravity need add changes them")}
				}
				return runPlans(c.Context(), g, args, sel, o)
			}
			return runPlan(c.Context(), g, args[0], sel, o)
		},
	}
	sel.add(c)
	o.charge.add(c)
	c.Flags().StringVar(&o.bandwidth, "bandwidth", "10Gbit/s", "bandwidth of the link, for the time: 800Mbit/s, 10Gbit/s")
	lengthVar(c.Flags(), &o.keep, "keep", 0, "for how long the replicas are wanted, for the price of their storage: 30d")
	c.Flags().BoolVar(&o.list, "list", false, "list every shard")
	c.Flags().BoolVar(&o.all, "all", false, "every open need instead of a dataset")
	c.Flags().BoolVar(&o.check, "check", false, "look at the destination even for what the manifest knows")
	c.Flags().StringVar((*string)(&o.adopt), "adopt", "", "objects that datagravity did not write: read (compare their bytes) or overwrite")
	return c
}

type planFlags struct {
	bandwidth string
	keep      time.Duration
	list      bool
	check     bool
	all       bool
	adopt     plan.AdoptMode
	charge    chargeFlags
}

func (o planFlags) validate() error {
	switch o.adopt {
	case plan.AdoptProven, plan.AdoptRead, plan.AdoptOverwrite:
		return nil
	}
	return usageError{fmt.Errorf("--adopt %q: want read or overwrite", o.adopt)}
}

// beginPlan takes the manifest for a command that plans, at the bandwidth that its flags say.
func (g *globals) beginPlan(o planFlags) (*app, error) {
	bandwidth, err := pace.ParseRate(o.bandwidth)
	if err != nil {
		return nil, usageError{err}
	}
	if err := o.validate(); err != nil {
		return nil, err
	}
	a, err := g.begin(engine.Options{})
	if err == nil {
		a.sync.BitsPerSecond = float64(bandwidth)
	}
	return a, err
}

func runPlan(ctx context.Context, g *globals, dataset string, sel selectionFlags, o planFlags) (err error) {
	a, err := g.beginPlan(o)
	if err != nil {
		return err
	}
	defer closing(a, &err)
	q, err := a.request(ctx, dataset, sel.to, sel.shards, sel.snapshot, o.charge)
	if err != nil {
		return err
	}
	q.Check, q.Adopt, q.Compare = o.check, o.adopt, true
	p, err := a.sync.Plan(ctx, q)
	if err == nil {
		err = p.Weigh(a.ledger, a.m, a.sync.Engine.PartBytes(), o.keep)
	}
	if err != nil {
		return ended(ctx, err)
	}
	fits, room := a.told(p.Fits(a.ledger)), errors.Join(p.Readable(a.ledger.Book()), p.FitsRoom())
	if g.json {
		return saying(g.printJSON(operate.PlanOf(p, fits, room, true)), errors.Join(fits, room))
	}
	if err := errors.Join(printPlan(g, p, o), printRoutes(g, p), printPacks(g, p), printRoom(g, p, o.list)); err != nil {
		return err
	}
	return errors.Join(fits, room)
}

func printPlan(g *globals, p *plan.Plan, o planFlags) error {
	e := p.Estimate
	t := newTable(g.out)
	t.row("WAY", "SHARDS", "BYTES", "")
	for _, w := range plan.Ways {
		if c, ok := e.Ways[w]; ok {
			t.row(w, c.Shards, size(c.Bytes), wayMeaning[w])
		}
	}
	if err := t.flush(); err != nil {
		return err
	}
	bound := ""
	if e.UpperBound {
		bound = " (an upper bound: some shards were never read)"
	}
	_, _ = fmt.Fprintf(g.out, "\n%s -> agent at %s -> %s\n", p.Route.Source, p.Route.Agent, p.Route.Destination)
	_, _ = fmt.Fprintf(g.out, "crosses  %s%s\n", size(e.CrossingBytes), bound)
	if e.ReusedBytes > 0 {
		_, _ = fmt.Fprintf(g.out, "reused   %s of assembled shards are copied at the destination\n", size(e.ReusedBytes))
	}
	if n, bytes := readFirst(p); n > 0 {
		_, _ = fmt.Fprintf(g.out, "         %d shards of it, %s, are read at the source first: the destination may hold them under another name\n", n, size(bytes))
	}
	_, _ = fmt.Fprintf(g.out, "price    %s, at least %s, at most %s with headers, TLS and retries\n", e.USD, e.LowUSD, e.HighUSD)
	_, _ = fmt.Fprintf(g.out, "takes    %s at %s, %d paid requests\n", seconds(e.Duration()), o.bandwidth, e.Requests)
	for _, l := range e.Lines {
		if l.TotalNanoUSD != 0 {
			_, _ = fmt.Fprintf(g.out, "  %s\n", l.Explanation)
		}
	}
	for i, it := range p.Items {
		if o.list || it.Way == plan.Refused || it.Way == plan.Missing || it.Way == plan.Blocked {
			if _, err := fmt.Fprintf(g.out, "%s%-8s %s  %s\n", map[bool]string{true: "\n"}[i == 0], it.Way, it.Path, it.Reason); err != nil {
				return err
			}
		}
	}
	return nil
}

// readFirst counts the shards whose digest decides whether they cross at all.
func readFirst(p *plan.Plan) (n int, bytes int64) {
	for _, it := range p.Items {
		if it.LearnFirst {
			n++
			bytes += it.Size
		}
	}
	return n, bytes
}

var wayMeaning = map[plan.Way]string{
	plan.Have:     "at the destination and proven",
	plan.Adopt:    "there already, not written by datagravity; equal size and checksum",
	plan.Read:     "there already; its bytes will be read back and compared",
	plan.Copy:     "copied by the destination itself; nothing crosses",
	plan.Assemble: "put together at the destination from what it holds; the rest crosses",
	plan.Pull:     "put together here from what the destination holds, and sent; the rest crosses",
	plan.Full:     "from the source",
	plan.Refused:  "an object that datagravity did not write stands in the way",
	plan.Missing:  "the source no longer has it",
	plan.Blocked:  "a live pin needs what stands there; it is not replaced",
}

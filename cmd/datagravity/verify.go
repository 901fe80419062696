package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/datagravity/datagravity/internal/words"
	"github.com/datagravity/datagravity/pkg/store"
	dgsync "github.com/datagravity/datagravity/pkg/sync"
	"github.com/datagravity/datagravity/pkg/sync/engine"
)

func newVerify(g *globals) *cobra.Command {
	var to, sample string
	var read bool
	var charge chargeFlags
	c := &cobra.Command{
		Use: "verify DATASET --to DEST", Short: "Compare what the manifest claims with the objects at a destination",
		Long: `Lists the destination and compares existence, size and ETag; with --read also every byte, with --sample a share of the
bytes: those that were proven longest ago, so that repeated samples reach everything. What is read is priced and under the
budget. What is wrong is recorded, so that the next sync, or repair, mends it. Exits 4 if anything is wrong.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			share, err := shareOf(read, sample)
			if err != nil {
				return usageError{err}
			}
			return runVerify(c.Context(), g, args[0], to, share, charge)
		},
	}
	charge.add(c)
	c.Flags().StringVar(&to, "to", "", "destination, by its name in the configuration")
	c.Flags().BoolVar(&read, "read", false, "read every byte back")
	c.Flags().StringVar(&sample, "sample", "", "read this `share` of the bytes back, for example 5%")
	return c
}

// shareOf is the part of the bytes to read, 0 to 1.
func shareOf(read bool, sample string) (float64, error) {
	switch {
	case read && sample != "":
		return 0, errors.New("--read reads everything; take it or --sample")
	case read:
		return 1, nil
	case sample == "":
		return 0, nil
	}
	number, percent := strings.CutSuffix(sample, "%")
	v, err := strconv.ParseFloat(number, 64)
	if err != nil || !percent || !(v > 0 && v <= 100) {
		return 0, fmt.Errorf("--sample %q: want more than 0%% and at most 100%%, for example 5%%", sample)
	}
	return v / 100, nil
}

func runVerify(ctx context.Context, g *globals, dataset, to string, share float64, charge chargeFlags) (err error) {
	show, err := newProgress(g, "verify "+dataset+" at "+to)
	if err != nil {
		return err
	}
	a, err := g.begin(engine.Options{Observe: show.event})
	if err != nil {
		return err
	}
	defer closing(a, &err)
	q, err := a.request(ctx, dataset, to, nil, "", charge)
	if err != nil {
		return err
	}
	v, err := a.sync.Verify(ctx, q.Source, q.Destination, share)
	show.end()
	if err != nil {
		return a.told(ended(ctx, err))
	}
	return g.verdict(v, dataset, to)
}

func (g *globals) verdict(v dgsync.Verification, dataset, to string) error {
	var wrong error
	if len(v.Wrong) > 0 {
		wrong = fmt.Errorf("%w: %d of %d objects; datagravity repair %s --to %s mends them", store.ErrIntegrity, len(v.Wrong), v.Checked, dataset, to)
	}
	if g.json {
		return saying(g.printJSON(v), wrong)
	}
	for _, w := range v.Wrong {
		_, _ = fmt.Fprintf(g.out, "wrong: %s: %s\n", w.Path, w.Reason)
	}
	_, err := fmt.Fprintf(g.out, "checked %s at %s, read %d of them back (%s), %d wrong\n", words.Count(v.Checked, "object"), to, v.Read, size(v.Bytes), len(v.Wrong))
	if err != nil {
		return err
	}
	return wrong
}

func newRepair(g *globals) *cobra.Command {
	var sel selectionFlags
	var read bool
	var sample string
	c := &cobra.Command{
		Use: "repair DATASET --to DEST", Short: "Verify a destination and bring back what is missing, changed or damaged",
		Long: `Runs verify and then sync. An object that was changed behind datagravity's back is replaced only if it still is what
datagravity wrote, damaged or cut short: what is left of it is read and compared. One that somebody else wrote over it needs
--adopt=overwrite.`,
		Args: cobra.ExactArgs(1),
	}
	sel.add(c)
	var o syncFlags
	o.charge.add(c)
	c.Flags().BoolVar(&read, "read", false, "read every byte back to find damage that size and ETag do not show")
	c.Flags().StringVar(&sample, "sample", "", "read this `share` of the bytes back, for example 5%")
	c.Flags().StringVar((*string)(&o.adopt), "adopt", "", "objects that datagravity did not write: read (compare their bytes) or overwrite")
	waitsForLease(c, g)
	c.RunE = func(c *cobra.Command, args []string) error {
		name, _ := splitSnapshot(args[0])
		share, err := shareOf(read, sample)
		if err != nil {
			return usageError{err}
		}
		err = runVerify(c.Context(), g.quiet(), name, sel.to, share, o.charge)
		if err != nil && exitCode(c.Context(), err) != exitIntegrity {
			return err
		}
		return runSync(c.Context(), g, args[0], sel, o)
	}
	return c
}

// quiet is the same command without its standard output, for a step whose result another one reports.
func (g *globals) quiet() *globals {
	q := *g
	q.out = g.err
	q.json = false
	return &q
}

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/datagravity/datagravity/pkg/operate"
)

type pinFlags struct {
	to, owner string
	length    time.Duration
	until     string
}

func newPin(g *globals) *cobra.Command {
	var o pinFlags
	c := &cobra.Command{
		Use: "pin DATASET[@SNAPSHOT] --to DEST --owner NAME", Short: "Keep a snapshot at a destination as it is, while a job reads it",
		Long: `Until the pin ends, what the snapshot names is neither replaced nor removed at the destination, whatever changes at the source. Without
a snapshot it is the dataset's latest. The same owner again renews the pin, or moves it to another snapshot.

The pin need not wait for the data: sync DATASET@SNAPSHOT brings it. Without --for and --until a pin lasts until unpin.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return runPin(c.Context(), g, args[0], o) },
	}
	c.Flags().StringVar(&o.to, "to", "", "destination, by its name in the configuration")
	c.Flags().StringVar(&o.owner, "owner", "", "who needs it: a job's name or id")
	lengthVar(c.Flags(), &o.length, "for", 0, "how long, for example 24h")
	c.Flags().StringVar(&o.until, "until", "", "until when, for example 2026-12-01T08:00:00Z")
	return c
}

// expires is when a pin ends; zero: never.
func (o pinFlags) expires(now time.Time) (at time.Time, err error) {
	switch {
	case o.length != 0 && o.until != "":
		return at, errors.New("take either --for or --until")
	case o.length > 0:
		return now.Add(o.length), nil
	case o.until == "":
		return at, nil
	}
	if at, err = time.Parse(time.RFC3339, o.until); err != nil {
		return at, fmt.Errorf("--until %q: want a date and a time with its zone, for example 2026-12-01T08:00:00Z", o.until)
	}
	if !at.After(now) {
		return at, fmt.Errorf("--until %s is over already; it is %s", o.until, now.UTC().Format(time.RFC3339))
	}
	return at, nil
}

func runPin(ctx context.Context, g *globals, arg string, o pinFlags) error {
	q := operate.PinRequest{Owner: o.owner, Destination: o.to}
	q.Dataset, q.Snapshot = splitSnapshot(arg)
	at, err := o.expires(time.Now())
	if err != nil {
		return usageError{err}
	}
	if !at.IsZero() {
		q.Expires = &at
	}
	return withOperator(ctx, g, func(by operate.Operator) error {
		p, err := by.Pin(ctx, q)
		if err != nil {
			return err
		}
		if g.json {
			return g.printJSON(p)
		}
		_, err = fmt.Fprintf(g.out, "pinned %s@%s at %s for %s, %s\n", p.Dataset, p.Snapshot.Hex()[:12], p.Destination, p.Owner, ending(p))
		return err
	})
}

// ending says how long a pin lasts.
func ending(p operate.Pin) string {
	if p.Expires == 0 {
		return "until it is taken back"
	}
	return "until " + p.Expires.Time().Format(time.RFC3339)
}

func newUnpin(g *globals) *cobra.Command {
	var o pinFlags
	c := &cobra.Command{
		Use: "unpin --owner NAME --to DEST [DATASET]", Short: "Take a pin back, or all that an owner has at a destination",
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			q := operate.PinName{Owner: o.owner, Destination: o.to}
			if len(args) == 1 {
				q.Dataset = args[0]
			}
			if o.owner == "" || o.to == "" {
				return usageError{errors.New("--owner NAME and --to DEST are needed; datagravity pins lists them")}
			}
			return withOperator(c.Context(), g, func(by operate.Operator) error {
				gone, err := by.Unpin(c.Context(), q)
				if err != nil {
					return err
				}
				if g.json || len(gone) == 0 {
					return g.printPins(gone, fmt.Sprintf("%s has no such pin at %s", o.owner, o.to))
				}
				for _, p := range gone {
					_, err = fmt.Fprintf(g.out, "unpinned %s@%s at %s for %s\n", p.Dataset, p.Snapshot.Hex()[:12], p.Destination, p.Owner)
				}
				return err
			})
		},
	}
	c.Flags().StringVar(&o.to, "to", "", "destination of the pin")
	c.Flags().StringVar(&o.owner, "owner", "", "who has it")
	return c
}

func newPins(g *globals) *cobra.Command {
	return &cobra.Command{
		Use: "pins", Short: "List who needs which snapshot where, and until when", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return withReading(c.Context(), g, func(by operate.Operator) error {
				list, err := by.Pins(c.Context())
				if err != nil {
					return err
				}
				return g.printPins(list, "nothing is pinned")
			})
		},
	}
}

func (g *globals) printPins(list []operate.Pin, none string) error {
	if g.json {
		return g.printJSON(append([]operate.Pin{}, list...))
	}
	if len(list) == 0 {
		_, err := fmt.Fprintln(g.out, none)
		return err
	}
	t := newTable(g.out)
	t.row("OWNER", "DESTINATION", "DATASET", "SNAPSHOT", "")
	for _, p := range list {
		state := ending(p)
		if !p.Live {
			state = "expired at " + p.Expires.Time().Format(time.RFC3339)
		}
		t.row(p.Owner, p.Destination, p.Dataset, p.Snapshot.Hex()[:12], state)
	}
	return t.flush()
}

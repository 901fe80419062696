package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/manifest"
	dgsync "github.com/datagravity/datagravity/pkg/sync"
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
		RunE: func(_ *cobra.Command, args []string) error {
			return withManifest(g, func(a *app) error { return runPin(a, args[0], o) })
		},
	}
	c.Flags().StringVar(&o.to, "to", "", "destination, by its name in the configuration")
	c.Flags().StringVar(&o.owner, "owner", "", "who needs it: a job's name or id")
	c.Flags().DurationVar(&o.length, "for", 0, "how long, for example 24h")
	c.Flags().StringVar(&o.until, "until", "", "until when, for example 2026-12-01T08:00:00Z")
	return c
}

// expires is when a pin ends; zero: never.
func (o pinFlags) expires(now time.Time) (at time.Time, err error) {
	switch {
	case o.length != 0 && o.until != "":
		return at, errors.New("take either --for or --until")
	case o.length < 0:
		return at, fmt.Errorf("--for %s: want a time from now on, for example 24h", o.length)
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

func runPin(a *app, arg string, o pinFlags) error {
	dataset, prefix := splitSnapshot(arg)
	if err := a.checkDataset(dataset); err != nil {
		return err
	}
	if strings.HasPrefix(o.owner, dgsync.JobOwner("")) {
		return usageError{fmt.Errorf("--owner %q: the pins of jobs are made and taken back with them; use another name", o.owner)}
	}
	c := dgsync.Claim{Owner: o.owner, Dataset: dataset}
	var err error
	if c.Destination, err = a.claimed(o.to, dataset); err != nil {
		return err
	}
	if c.Expires, err = o.expires(a.m.Now()); err != nil {
		return usageError{err}
	}
	if prefix != "" && prefix != "latest" {
		err := a.m.View(func(tx *manifest.Tx) error {
			h, err := tx.FindSnapshot(dataset, prefix)
			c.Snapshot = h.ID
			return err
		})
		if err != nil {
			return usageError{err}
		}
	}
	p, err := a.sync.Pin(c)
	if errors.Is(err, dgsync.ErrOwner) {
		return usageError{fmt.Errorf("--owner: %w", err)}
	}
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(pinDocument(p, a.m.Now()))
	}
	_, err = fmt.Fprintf(a.out, "pinned %s@%s at %s for %s, %s\n", p.Dataset, p.Snapshot.Hex()[:12], p.Destination, p.Owner, ending(p))
	return err
}

// ending says how long a pin lasts.
func ending(p manifest.Pin) string {
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
		RunE: func(_ *cobra.Command, args []string) error {
			return withManifest(g, func(a *app) error {
				dataset := ""
				if len(args) == 1 {
					dataset = args[0]
				}
				if o.owner == "" || o.to == "" {
					return usageError{errors.New("--owner NAME and --to DEST are needed; datagravity pins lists them")}
				}
				// What the configuration no longer has can still be pinned, and is no mistake here.
				gone, err := a.sync.Unpin(o.to, o.owner, dataset)
				if err != nil {
					return err
				}
				if g.json || len(gone) == 0 {
					return g.printPins(gone, a.m.Now(), fmt.Sprintf("%s has no such pin at %s", o.owner, o.to))
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
		RunE: func(*cobra.Command, []string) error {
			return withManifest(g, func(a *app) error {
				list, err := a.sync.Pins()
				if err != nil {
					return err
				}
				return g.printPins(list, a.m.Now(), "nothing is pinned")
			})
		},
	}
}

// pinJSON is a pin as pin, pins and unpin print it with --json.
type pinJSON struct {
	Owner       string          `json:"owner"`
	Dataset     string          `json:"dataset"`
	Snapshot    chunker.Digest  `json:"snapshot"`
	Destination string          `json:"destination"`
	Created     manifest.Millis `json:"created"`
	Expires     manifest.Millis `json:"expires"` // null: never
	Live        bool            `json:"live"`
}

func pinDocument(p manifest.Pin, now time.Time) pinJSON {
	return pinJSON{p.Owner, p.Dataset, p.Snapshot, p.Destination, p.Created, p.Expires, p.Live(manifest.At(now))}
}

func (g *globals) printPins(list []manifest.Pin, now time.Time, none string) error {
	if g.json {
		rows := make([]pinJSON, len(list))
		for i, p := range list {
			rows[i] = pinDocument(p, now)
		}
		return g.printJSON(rows)
	}
	if len(list) == 0 {
		_, err := fmt.Fprintln(g.out, none)
		return err
	}
	t := newTable(g.out)
	t.row("OWNER", "DESTINATION", "DATASET", "SNAPSHOT", "")
	for _, p := range list {
		state := ending(p)
		if !p.Live(manifest.At(now)) {
			state = "expired at " + p.Expires.Time().Format(time.RFC3339)
		}
		t.row(p.Owner, p.Destination, p.Dataset, p.Snapshot.Hex()[:12], state)
	}
	return t.flush()
}

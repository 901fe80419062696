package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/operate"
	dgsync "github.com/datagravity/datagravity/pkg/sync"
	"github.com/datagravity/datagravity/pkg/sync/choose"
)

// wishFlags say how soon and how much something is wanted.
type wishFlags struct {
	needBy string
	wish   dgsync.Wish
}

func (f *wishFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.needBy, "need-by", "", "when all of it should be there, for example 2026-12-01T08:00:00Z")
	c.Flags().IntVar(&f.wish.Priority, "priority", 0, "among what must begin on the same day, higher first")
	c.Flags().Int64Var(&f.wish.Value, "value", 0, "what having all of it is worth beside others (default 1)")
}

func (f *wishFlags) parse() (err error) {
	if f.needBy != "" {
		if f.wish.NeedBy, err = time.Parse(time.RFC3339, f.needBy); err != nil {
			return usageError{fmt.Errorf("--need-by %q: want a date and a time with its zone, for example 2026-12-01T08:00:00Z", f.needBy)}
		}
	}
	if f.wish.Value < 0 || f.wish.Value > choose.MostValue {
		return usageError{fmt.Errorf("--value %d: want 1 to %d", f.wish.Value, int64(choose.MostValue))}
	}
	return nil
}

func newNeed(g *globals) *cobra.Command {
	c := &cobra.Command{
		Use: "need", Short: "What is wanted where and by when, and is not all there: add, list, remove",
		Long: `A need is a selection of a dataset at a destination. It is open from when it was asked for, by need add or by sync, until all of it is
there. plan --all and sync --all choose from the open needs.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newNeedAdd(g), newNeedList(g), newNeedRemove(g))
	return c
}

func newNeedAdd(g *globals) *cobra.Command {
	var sel selectionFlags
	var wish wishFlags
	var charge chargeFlags
	c := &cobra.Command{
		Use: "add DATASET[@SNAPSHOT] --to DEST", Short: "Ask for a dataset at a destination, or at several; nothing moves",
		Long: `Records what is wanted and moves nothing; sync --all does, when it is its turn. What is asked for again has the new --need-by, --priority
and --value, if any is given.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := wish.parse(); err != nil {
				return err
			}
			names, err := sel.destinations()
			if err != nil {
				return err
			}
			dataset, snapshot := splitSnapshot(args[0])
			if sel.snapshot != "" {
				snapshot = sel.snapshot
			}
			q := operate.NeedRequest{
				Dataset: dataset, Snapshot: snapshot, Shards: sel.shards, Destinations: names, Priority: wish.wish.Priority, Value: wish.wish.Value, Job: charge.job, Team: charge.team,
			}
			if !wish.wish.NeedBy.IsZero() {
				q.NeedBy = &wish.wish.NeedBy
			}
			return withOperator(c.Context(), g, func(o operate.Operator) error {
				asked, err := o.AskNeeds(c.Context(), q)
				if err != nil {
					return err
				}
				return g.printNeeds(asked)
			})
		},
	}
	sel.add(c)
	wish.add(c)
	charge.add(c)
	return c
}

func newNeedRemove(g *globals) *cobra.Command {
	var sel selectionFlags
	c := &cobra.Command{
		Use: "remove DATASET --to DEST", Short: "Take a need back; what is there of it stays",
		Long: `Takes a need back, also one whose dataset or destination the configuration no longer has. What is there of it stays.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			names, err := sel.destinations()
			if err != nil {
				return err
			}
			dataset, _ := splitSnapshot(args[0])
			return withOperator(c.Context(), g, func(o operate.Operator) error {
				open, err := o.DropNeeds(c.Context(), operate.NeedName{Dataset: dataset, Shards: sel.shards, Destinations: names})
				if err != nil {
					return err
				}
				return g.printNeeds(open)
			})
		},
	}
	c.Flags().StringVar(&sel.to, "to", "", "destination, by the name that it was asked for with; several with commas between them")
	c.Flags().StringArrayVar(&sel.shards, "shards", nil, "the `glob` that it was asked for with; may be repeated")
	return c
}

func newNeedList(g *globals) *cobra.Command {
	return asks(&cobra.Command{
		Use: "list", Short: "List the open needs", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return withReading(c.Context(), g, func(o operate.Operator) error {
				list, err := o.Needs(c.Context())
				if err != nil {
					return err
				}
				return g.printNeeds(list)
			})
		},
	})
}

// requests for one dataset at several destinations.
func (a *app) requests(ctx context.Context, dataset string, names []string, sel selectionFlags, charge chargeFlags) (list []dgsync.Request, err error) {
	for _, name := range names {
		q, err := a.request(ctx, dataset, name, sel.shards, sel.snapshot, charge)
		if err != nil {
			return nil, err
		}
		list = append(list, q)
	}
	return list, nil
}

// openRequests are those of all open needs. What cannot be asked for, a [goneError] or a [blockedJob] each, is in errs; unresolved jobs have no
// needs yet.
func (a *app) openRequests(ctx context.Context) (list []dgsync.Request, errs []error, unresolved int, err error) {
	needs, err := a.sync.OpenNeeds()
	if err != nil {
		return nil, nil, 0, err
	}
	for _, n := range needs {
		snapshot := ""
		if !n.Open.Snapshot.IsZero() {
			snapshot = n.Open.Snapshot.Hex()
		}
		q, err := a.request(ctx, n.Dataset, n.Destination, n.Globs, snapshot, chargeFlags{n.Open.Job, n.Open.Team})
		if err != nil {
			errs = append(errs, &goneError{n, err})
			continue
		}
		q.Job = n.Job
		err = a.m.View(func(tx *manifest.Tx) (err error) {
			q.Selection, err = dgsync.Selected(tx, n)
			return err
		})
		if err != nil {
			return nil, nil, 0, err
		}
		q.Wish = wishOf(*n.Open)
		list = append(list, q)
	}
	blocked, unresolved, err := a.jobsAside(ctx, list)
	return list, append(errs, blocked...), unresolved, err
}

// goneError is why an open need cannot be asked for. It is no mistake on the command line, even where the configuration no longer has what
// the need names.
type goneError struct {
	need manifest.Need
	why  error
}

// unconfigured tells that the configuration no longer has what the need names.
func (e *goneError) unconfigured() bool {
	var usage usageError
	return errors.As(e.why, &usage)
}

func (e *goneError) Error() string {
	text := fmt.Sprintf("%s: %v", needName(e.need.Dataset, e.need.Destination, e.need.Globs, e.need.Job), e.why)
	if !e.unconfigured() {
		return text
	}
	if e.need.Job != "" {
		return text + fmt.Sprintf("; datagravity jobs remove %s takes it back", e.need.Job)
	}
	text += fmt.Sprintf("; datagravity need remove %s --to %s", e.need.Dataset, e.need.Destination)
	for _, glob := range e.need.Globs {
		text += fmt.Sprintf(" --shards '%s'", glob)
	}
	return text + " takes it back"
}

// Unwrap gives the cause, unless it is one that names the command line.
func (e *goneError) Unwrap() error {
	if e.unconfigured() {
		return nil
	}
	return e.why
}

func wishOf(o manifest.OpenNeed) dgsync.Wish {
	w := dgsync.Wish{Priority: o.Priority, Value: o.Value}
	if o.NeedBy != 0 {
		w.NeedBy = o.NeedBy.Time()
	}
	return w
}

// requestName is a request's need as people read it.
func requestName(q dgsync.Request) string {
	return needName(q.Source.Name, q.Destination.Name, q.Selection.Globs, q.Job)
}

// needName is a need as people read it.
func needName(dataset, destination string, globs []string, job string) string {
	name := dataset + " -> " + destination
	if job != "" {
		return name + " for job " + job
	}
	if len(globs) > 0 {
		name += " (" + strings.Join(globs, " ") + ")"
	}
	return name
}

func (g *globals) printNeeds(list []operate.Need) error {
	if g.json {
		return g.printJSON(append([]operate.Need{}, list...))
	}
	if len(list) == 0 {
		_, err := fmt.Fprintln(g.out, "no open need; datagravity jobs list shows how jobs stand")
		return err
	}
	t := newTable(g.out)
	t.row("NEED", "NEED BY", "PRIORITY", "VALUE", "ASKED")
	for _, n := range list {
		by := "-"
		if n.NeedBy != 0 {
			by = n.NeedBy.Time().Format(time.RFC3339)
		}
		t.row(needName(n.Dataset, n.Destination, n.Shards, n.Job), by, n.Priority, n.Value, n.Asked.Time().Format(time.RFC3339))
	}
	return t.flush()
}

package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/datagravity/datagravity/pkg/config"
	"github.com/datagravity/datagravity/pkg/dispatch"
	"github.com/datagravity/datagravity/pkg/jobs/spec"
)

// openJobs is who answers about jobs: the process that holds the manifest, or the manifest, which is held until it is closed. Tests put another
// in its place. It is set here, because whoever holds the manifest runs commands for others, and those ask about jobs.
var openJobs func(*globals, context.Context) (dispatch.Jobs, func() error, error)

func init() { openJobs = (*globals).jobs }

// withJobs asks about jobs.
func withJobs(ctx context.Context, g *globals, f func(dispatch.Jobs) error) (err error) {
	j, end, err := openJobs(g, ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, end()) }()
	return ended(ctx, f(j))
}

func newJobs(g *globals) *cobra.Command {
	c := &cobra.Command{
		Use: "jobs", Short: "What upcoming jobs need: add, apply, check, list, show, remove",
		Long: `A job is a selection of a dataset that must be at one or more destinations by a time. What is declared here is brought by the daemon, or by
sync --all, sooner needed first; ready, wait, exec and resolve answer for it by its id.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newJobsAdd(g), newJobsApply(g), newJobsCheck(g), newJobsList(g), newJobsShow(g), newJobsRemove(g))
	return c
}

// specFields are the flags that say what a job needs, and the fields of a job spec that they stand for.
var specFields = map[string]string{
	"dataset": "dataset", "to": "to", "shards": "shards", "need-by": "need_by", "priority": "priority", "value": "value", "team": "team", "keep": "keep",
	"on-source-change": "on_source_change",
}

// addSpecFlags gives a command those flags; what they may hold is the job spec's to say.
func addSpecFlags(c *cobra.Command) {
	f := c.Flags()
	f.String("to", "", "destination, by its name in the configuration; several with commas between them")
	f.StringArray("shards", nil, "a `term` of the selection: a glob, wds:…, range:0-511, mds:DIR, …; may be repeated (default: all shards)")
	f.String("need-by", "", "when all of it should be there: 2026-12-01T08:00:00Z, or +4h from now")
	f.Int("priority", 0, "where not all can be on time, higher first")
	f.Int64("value", 0, "what having all of it is worth beside others (default 1)")
	f.String("team", "", "team that it is charged to (default: the dataset's)")
	f.String("keep", "", "how long it stays after it was needed: 720h, 30d")
	f.String("on-source-change", "", "fail, or repin: take the latest snapshot when the source no longer has what the job's names (default fail)")
}

// specOf makes a job of the flags that were given.
func specOf(c *cobra.Command, id, dataset string) (spec.Job, error) {
	fields := map[string][]string{"id": {id}}
	if dataset != "" {
		fields["dataset"] = []string{dataset}
	}
	c.Flags().Visit(func(f *pflag.Flag) {
		name, ok := specFields[f.Name]
		if !ok {
			return
		}
		switch v := f.Value.(type) {
		case pflag.SliceValue:
			fields[name] = v.GetSlice()
		default:
			fields[name] = []string{v.String()}
		}
	})
	if to, ok := fields["to"]; ok {
		fields["to"] = strings.Split(to[0], ",")
	}
	j, err := checkedSpec(fields)
	return j, byFlags(c, err)
}

// byFlags names the flags in place of the fields that mistakes are in, since no file was written.
func byFlags(c *cobra.Command, err error) error {
	mistakes := config.Errors{}
	var one *config.Error
	switch {
	case errors.As(err, &mistakes):
	case errors.As(err, &one):
		mistakes = config.Errors{one}
	}
	for _, m := range mistakes {
		for flag, name := range specFields {
			if rest, ok := strings.CutPrefix(m.Field, name); ok && (rest == "" || rest[0] == '[') && c.Flags().Lookup(flag) != nil {
				m.Field = "--" + flag // one of a list is named by its value
				break
			}
		}
	}
	return err
}

// checkedSpec makes a job of fields from a command line; what is wrong with them is wrong with it.
func checkedSpec(fields map[string][]string) (spec.Job, error) {
	j, err := spec.FromFields(fields)
	if err == nil {
		j.Shards, err = standAlone(j.Shards, "")
	}
	if err != nil {
		return j, usageError{err}
	}
	return j, nil
}

// register takes one job in and prints how it stands.
func register(ctx context.Context, g *globals, j spec.Job) error {
	return withJobs(ctx, g, func(all dispatch.Jobs) error {
		list, err := all.Add(ctx, "", []spec.Job{j})
		if err != nil {
			return err
		}
		return g.printRegistered(list)
	})
}

func newJobsAdd(g *globals) *cobra.Command {
	c := &cobra.Command{
		Use: "add ID --dataset DATASET[@SNAPSHOT] --to DEST", Short: "Declare a job, or change it; nothing moves before it is its turn",
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			j, err := specOf(c, args[0], "")
			if err != nil {
				return err
			}
			return register(c.Context(), g, j)
		},
	}
	c.Flags().String("dataset", "", "dataset, by its name in the configuration; with @ and the first digits of a snapshot that one")
	addSpecFlags(c)
	return c
}

func newJobsList(g *globals) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List all jobs, in the order in which they are worked on", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return withJobs(c.Context(), g, func(all dispatch.Jobs) error {
				list, err := all.List(c.Context())
				if err != nil {
					return err
				}
				return g.printJobs(list)
			})
		},
	}
}

func newJobsShow(g *globals) *cobra.Command {
	var shards bool
	c := &cobra.Command{
		Use: "show ID", Short: "How a job stands: in words, at each destination, and with --shards each of its shards", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return withJobs(c.Context(), g, func(all dispatch.Jobs) error {
				d, err := all.Show(c.Context(), args[0], shards)
				if err != nil {
					return err
				}
				return g.printJob(d, shards)
			})
		},
	}
	c.Flags().BoolVar(&shards, "shards", false, "every shard at every destination, and why it is not there")
	return c
}

func newJobsRemove(g *globals) *cobra.Command {
	return &cobra.Command{
		Use: "remove ID...", Short: "Take jobs back, with their pins and receipts; what is there of them stays", Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return withJobs(c.Context(), g, func(all dispatch.Jobs) error {
				if err := all.Remove(c.Context(), args); err != nil {
					return err
				}
				removed := slices.Sorted(slices.Values(args))
				if g.json {
					return g.printJSON(map[string][]string{"removed": removed})
				}
				_, err := fmt.Fprintf(g.out, "removed %s\n", list(removed))
				return err
			})
		},
	}
}

package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/datagravity/datagravity/pkg/dispatch"
)

func newPlace(g *globals) *cobra.Command {
	return &cobra.Command{
		Use: "place JOB", Short: "Rank the destinations for a job: what is missing there, what it costs, when it could be ready",
		Long: `For every destination that could hold the job: what of its shards is missing there, what bringing them costs at most, and when it could be
ready behind what is planned already; the best one first. Nothing is changed: name the destination in the job to have it brought there.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return withJobs(c.Context(), g, func(all dispatch.Jobs) error {
				list, err := all.Place(c.Context(), args[0])
				if err != nil {
					return err
				}
				return g.printPlacements(list)
			})
		},
	}
}

func (g *globals) printPlacements(list []dispatch.Placement) error {
	if g.json {
		return g.printJSON(append([]dispatch.Placement{}, list...))
	}
	if len(list) == 0 {
		_, err := fmt.Fprintln(g.out, "no destination can hold it")
		return err
	}
	t := newTable(g.out)
	t.row("DESTINATION", "MISSING", "BYTES", "AT MOST", "ETA", "")
	for _, p := range list {
		var words []string
		if p.Wanted {
			words = append(words, "wanted")
		}
		if p.ETA != nil && !p.OnTime {
			words = append(words, "late")
		}
		if p.Why != "" {
			words = append(words, p.Why)
		}
		t.row(p.Destination, p.MissingShards, size(p.MissingBytes), p.USD, clock(p.ETA), strings.Join(words, "; "))
	}
	return t.flush()
}

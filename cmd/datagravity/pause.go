package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/operate"
)

func newPause(g *globals) *cobra.Command {
	return pauseCommand(g, "pause", "Stop new reservations on a link, or on all", true,
		`Running syncs stop within a second: parts in flight end, nothing new is reserved or moved. It works while a sync holds the
manifest, and it survives restarts. A link is SOURCE->DESTINATION, or just one of the two names.`)
}

func newResume(g *globals) *cobra.Command {
	return pauseCommand(g, "resume", "Let a paused link go on; without --link all of them", false, "")
}

func pauseCommand(g *globals, name, short string, pause bool, long string) *cobra.Command {
	link := "*"
	c := &cobra.Command{
		Use: name, Short: short, Long: long, Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) (err error) {
			list, err := setPause(c.Context(), g, link, pause)
			if err != nil {
				return err
			}
			if g.json {
				return g.printJSON(list)
			}
			if len(list) == 0 {
				_, err = fmt.Fprintln(g.out, "nothing is paused")
				return err
			}
			for _, p := range list {
				if _, err := fmt.Fprintf(g.out, "paused: %s since %s\n", p.Link, p.Since.Format(time.RFC3339)); err != nil {
					return err
				}
			}
			return nil
		},
	}
	c.Flags().StringVar(&link, "link", "*", "SOURCE->DESTINATION, or one of the names; * is every link")
	return c
}

// setPause pauses or resumes a link. What is paused is in a file of its own, so that nobody need hold the manifest; a daemon that does is asked, since it knows
// its links, and tells those who look.
func setPause(ctx context.Context, g *globals, link string, pause bool) (list []cost.Pause, err error) {
	c, err := g.remote(ctx)
	if err != nil {
		return nil, err
	}
	if c != nil {
		return c.SetPause(ctx, link, pause)
	}
	a, err := g.load()
	if err != nil {
		return nil, err
	}
	defer closing(a, &err)
	if c, err := a.dial(ctx); err == nil && c.Health().State == a.cfg.Agent.State && c.Health().Role == "daemon" {
		return c.SetPause(ctx, link, pause)
	}
	if pause { // nothing may have run here yet
		if err := os.MkdirAll(a.cfg.Agent.State, 0o700); err != nil {
			return nil, err
		}
	}
	return operate.SetPause(a.cfg.Agent.State, a.pausable(), link, pause, time.Now())
}

package main

import (
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/datagravity/datagravity/pkg/cost"
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
		RunE: func(*cobra.Command, []string) (err error) {
			a, err := g.load()
			if err != nil {
				return err
			}
			defer closing(a, &err)
			if pause {
				if err := a.checkLink(link); err != nil {
					return err
				}
				// Nothing may have run here yet.
				if err := os.MkdirAll(a.cfg.Agent.State, 0o700); err != nil {
					return err
				}
			}
			if err := cost.SetPause(a.cfg.Agent.State, link, pause, time.Now()); err != nil {
				return err
			}
			list, err := cost.Pauses(a.cfg.Agent.State)
			if err != nil {
				return err
			}
			if g.json {
				if list == nil {
					list = []cost.Pause{}
				}
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

// checkLink refuses a link that no transfer can have: a pause that stops nothing is worse than none.
func (a *app) checkLink(link string) error {
	known := []string{}
	for _, d := range a.cfg.Datasets {
		known = append(known, d.Store)
		for name := range a.cfg.Destinations {
			known = append(known, name, cost.Link{Source: d.Store, Dest: name}.Name())
		}
	}
	for _, k := range known {
		if link == "*" || k == link {
			return nil
		}
	}
	return usageError{fmt.Errorf("no link %q; a link is SOURCE->DESTINATION of configured names", link)}
}

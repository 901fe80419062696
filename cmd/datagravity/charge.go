package main

import (
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/datagravity/datagravity/pkg/config"
	"github.com/datagravity/datagravity/pkg/jobs"
	"github.com/datagravity/datagravity/pkg/sync/plan"
)

// chargeFlags say who a command's transfers are for: budgets and the ledger count by it.
type chargeFlags struct{ job, team string }

func (f *chargeFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.job, "job", "", "`id` of the job that it is for: budgets and the ledger count by it")
	c.Flags().StringVar(&f.team, "team", "", "team that it is charged to (default: the dataset's)")
}

// payer is who a dataset's transfers are charged to. A team that nobody configured is refused: its budgets would not count it.
func (a *app) payer(dataset string, f chargeFlags) (p plan.Payer, err error) {
	p = plan.Payer{Job: f.job, Team: f.team}
	if err := checkJob(p.Job); err != nil {
		return p, err
	}
	if known := a.cfg.TeamNames(); p.Team != "" && !slices.Contains(known, p.Team) {
		return p, usageError{fmt.Errorf("--team: %w; the configuration's teams, or a dataset's team, name them", config.UnknownName("team", p.Team, known))}
	}
	if p.Team == "" {
		p.Team = a.cfg.Datasets[dataset].Team
	}
	return p, nil
}

// checkJob wants a job's name, or none.
func checkJob(id string) error {
	if id != "" && !jobs.ValidName(id) {
		return usageError{fmt.Errorf("--job %q: use up to 128 letters, digits and ._:@/-, a letter or digit first", id)}
	}
	return nil
}

// told has the ledger record what was refused for a budget, so that somebody can be told, and returns the error as it was.
func (a *app) told(err error) error {
	if a.ledger == nil || err == nil {
		return err
	}
	err = freed(err)
	if failed := a.ledger.Tell(err); failed != nil {
		return errors.Join(err, failed)
	}
	return err
}

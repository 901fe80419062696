package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/datagravity/datagravity/pkg/config"
	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/observe"
)

func newBudget(g *globals) *cobra.Command {
	list := func(c *cobra.Command, _ []string) error {
		if g.isRemote() {
			return remoteBudgets(c.Context(), g)
		}
		return withManifest(g, func(a *app) error {
			list, err := a.ledger.Reports()
			if err != nil {
				return err
			}
			return g.printBudgets(list)
		})
	}
	c := &cobra.Command{
		Use: "budget", Short: "Show what each budget has spent, reserved and left in its window", Args: cobra.NoArgs, RunE: list,
		Long: `Without a subcommand it lists the budgets.

Before a byte crosses a priced or budgeted link, what it can cost is reserved in every budget that counts it. What does not fit is not
sent. approve lets more be spent, once and for a time; reset says that somebody has looked at the bill after the account was lost.`,
	}
	c.AddCommand(
		asks(&cobra.Command{Use: "list", Short: "The same as budget alone", Args: cobra.NoArgs, RunE: list}),
		asks(&cobra.Command{
			Use: "show NAME", Short: "A budget day by day, its forecast, approvals and alerts", Args: cobra.ExactArgs(1),
			RunE: func(c *cobra.Command, args []string) error {
				if g.isRemote() {
					return remoteBudget(c.Context(), g, args[0])
				}
				return withManifest(g, func(a *app) error { return showBudget(a, args[0]) })
			},
		}),
		newApprove(g), asks(newApprovals(g)), newRevoke(g), newReset(g), asks(newGrants(g)),
	)
	return asks(c)
}

func (g *globals) printBudgets(list []cost.BudgetReport) error {
	rows := make([]observe.Budget, 0, len(list))
	for _, r := range list {
		rows = append(rows, observe.BudgetOf(r))
	}
	return g.printBudgetRows(rows)
}

func (g *globals) printBudgetRows(rows []observe.Budget) error {
	if g.json {
		return g.printJSON(rows)
	}
	if len(rows) == 0 {
		_, err := fmt.Fprintln(g.out, "no budget is configured: nothing bounds what is spent; budgets in the configuration do")
		return err
	}
	t := newTable(g.out)
	t.row("BUDGET", "WINDOW", "LIMIT", "SPENT", "RESERVED", "LEFT", "ON THE WIRE", "BYTES LEFT")
	doubt := false
	for _, r := range rows {
		spent := r.SpentUSD.String()
		if r.Doubt != "" {
			spent, doubt = "unknown", true
		}
		t.row(r.Name, r.Window, orNone(r.LimitUSD), spent, r.ReservedUSD, orNone(r.LeftUSD), size(r.SpentBytes), bytesLeft(r))
	}
	if err := t.flush(); err != nil || !doubt {
		return err
	}
	_, err := fmt.Fprintln(g.out, "\nunknown: the account was lost, so that all of the window counts as spent. Look at the bill, then: datagravity budget reset --reason TEXT")
	return err
}

func orNone(n *cost.NanoUSD) string {
	if n == nil {
		return "-"
	}
	return n.String()
}

func bytesOrNone(n *int64) string {
	if n == nil {
		return "-"
	}
	return size(*n)
}

// bytesLeft are those of a limit in bytes, with the limit, which has no column of its own.
func bytesLeft(r observe.Budget) string {
	if r.LeftBytes == nil || r.LimitBytes == nil {
		return bytesOrNone(r.LeftBytes)
	}
	return size(*r.LeftBytes) + " of " + size(*r.LimitBytes)
}

func showBudget(a *app, name string) error {
	r, err := a.ledger.Report(name)
	if errors.Is(err, cost.ErrNoBudget) {
		return usageError{config.UnknownName("budget", name, a.budgetNames())}
	}
	if err != nil {
		return err
	}
	return printBudget(a.globals, observe.BudgetDetailOf(r, a.m.Now()))
}

// remoteBudgets and remoteBudget ask the daemon elsewhere.
func remoteBudgets(ctx context.Context, g *globals) error {
	c, err := g.remote(ctx)
	if err != nil {
		return err
	}
	rows, err := c.Budgets(ctx)
	if err != nil {
		return err
	}
	return g.printBudgetRows(rows)
}

func remoteBudget(ctx context.Context, g *globals, name string) error {
	c, err := g.remote(ctx)
	if err != nil {
		return err
	}
	out, err := c.Budget(ctx, name)
	if err != nil {
		return err
	}
	return printBudget(g, out)
}

func printBudget(a *globals, out observe.BudgetDetail) error {
	if a.json {
		return a.printJSON(out)
	}
	if err := a.printBudgetRows([]observe.Budget{out.Budget}); err != nil {
		return err
	}
	_, _ = fmt.Fprintf(a.out, "\n%s\n", describeBudget(out.Budget))
	for _, one := range out.Approvals {
		_, _ = fmt.Fprintf(a.out, "approved: %s\n", approvalText(one))
	}
	for _, one := range out.Alerts {
		if one.Kind == manifest.AlertAsk {
			_, _ = fmt.Fprintf(a.out, "asks: %s%s needs %s and %s more, since %s\n", one.Dataset, jobOf(one.Job), one.MoreUSD, size(one.MoreBytes), one.At.Time().Format(time.RFC3339))
			continue
		}
		_, _ = fmt.Fprintf(a.out, "reached %s at %s\n", one.Reached, one.At.Time().Format(time.RFC3339))
	}
	if len(out.Burndown) > 0 {
		_, _ = fmt.Fprintln(a.out)
		t := newTable(a.out)
		t.row("DAY", "SPENT", "LEFT", "ON THE WIRE", "BYTES LEFT")
		for _, d := range out.Burndown {
			t.row(d.Day, d.USD, orNone(d.LeftUSD), size(d.Bytes), bytesOrNone(d.LeftBytes))
		}
		if err := t.flush(); err != nil {
			return err
		}
		_, _ = fmt.Fprintln(a.out)
	}
	if out.ForecastUSD != nil && out.ForecastByte != nil {
		_, _ = fmt.Fprintf(a.out, "at %s and %s a day the window will have %s and %s\n", out.PerDayUSD, size(out.PerDayBytes), *out.ForecastUSD, size(*out.ForecastByte))
	}
	if out.ExhaustedAt != nil {
		_, _ = fmt.Fprintf(a.out, "nothing is left from %s on, at that pace\n", out.ExhaustedAt.Format(time.RFC3339))
	}
	return nil
}

// describeBudget says in words what a budget counts, and when.
func describeBudget(b observe.Budget) string {
	counts := ""
	for _, one := range [][2]string{{"from", b.From}, {"to", b.To}, {"dataset", b.Dataset}, {"team", b.Team}, {"job", b.Job}} {
		if one[1] != "" {
			counts += " " + one[0] + " " + one[1]
		}
	}
	if counts == "" {
		counts = " everything"
	}
	until := ""
	if b.WindowUntil != nil {
		until = ", until " + b.WindowUntil.Format(time.RFC3339)
	}
	return fmt.Sprintf("counts%s by %s (%s)%s; at the limit: %s", counts, b.Period, b.Zone, until, b.AtLimit)
}

func jobOf(job string) string {
	if job == "" {
		return ""
	}
	return " for job " + job
}

func (a *app) budgetNames() (names []string) {
	for _, b := range a.cfg.Budgets {
		names = append(names, b.Name)
	}
	return names
}

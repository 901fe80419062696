package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/datagravity/datagravity/pkg/config"
	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/manifest"
)

func newBudget(g *globals) *cobra.Command {
	list := func(*cobra.Command, []string) error {
		return withManifest(g, func(a *app) error {
			uses, err := a.ledger.Uses()
			if err != nil {
				return err
			}
			return g.printUses(uses)
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
			RunE: func(_ *cobra.Command, args []string) error {
				return withManifest(g, func(a *app) error { return showBudget(a, args[0]) })
			},
		}),
		newApprove(g), asks(newApprovals(g)), newRevoke(g), newReset(g), asks(newGrants(g)),
	)
	return asks(c)
}

// budgetJSON is one row of budget --json. Limits and what is left are null where there is no limit of that kind.
type budgetJSON struct {
	Name    string `json:"name"`
	From    string `json:"from,omitempty"`
	To      string `json:"to,omitempty"`
	Dataset string `json:"dataset,omitempty"`
	Team    string `json:"team,omitempty"`
	Job     string `json:"job,omitempty"`
	Period  string `json:"period"`
	Zone    string `json:"zone"`
	AtLimit string `json:"at_limit"`
	Window  string `json:"window"`
	// Bounds of the window, null where it has none.
	WindowFrom    *time.Time    `json:"window_from"`
	WindowUntil   *time.Time    `json:"window_until"`
	LimitUSD      *cost.NanoUSD `json:"limit_usd"`
	ExtraUSD      cost.NanoUSD  `json:"extra_usd"`
	SpentUSD      cost.NanoUSD  `json:"spent_usd"`
	ReservedUSD   cost.NanoUSD  `json:"reserved_usd"`
	LeftUSD       *cost.NanoUSD `json:"left_usd"`
	LimitBytes    *int64        `json:"limit_bytes"`
	ExtraBytes    int64         `json:"extra_bytes"`
	SpentBytes    int64         `json:"spent_bytes"`
	ReservedBytes int64         `json:"reserved_bytes"`
	LeftBytes     *int64        `json:"left_bytes"`
	Doubt         string        `json:"doubt,omitempty"`
}

func budgetDocument(u cost.Use) budgetJSON {
	b := u.Budget
	r := budgetJSON{
		Name: b.Name, From: b.From, To: b.To, Dataset: b.Dataset, Team: b.Team, Job: b.Job, Period: b.Period.String(), Zone: "UTC", AtLimit: "hold",
		Window: u.Window, WindowFrom: timeOrNull(u.From), WindowUntil: timeOrNull(u.Until), ExtraUSD: u.ExtraNanoUSD, SpentUSD: u.Settled, ReservedUSD: u.Reserved,
		ExtraBytes: u.ExtraBytes, SpentBytes: u.SettledBytes, ReservedBytes: u.ReservedBytes, Doubt: u.Doubt,
	}
	if b.Period.Zone != nil {
		r.Zone = b.Period.Zone.String()
	}
	if b.Ask {
		r.AtLimit = "ask"
	}
	usd, bytes := u.Left()
	if b.LimitNanoUSD > 0 {
		r.LimitUSD, r.LeftUSD = &b.LimitNanoUSD, &usd
	}
	if b.LimitBytes > 0 {
		r.LimitBytes, r.LeftBytes = &b.LimitBytes, &bytes
	}
	return r
}

func timeOrNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

func (g *globals) printUses(uses []cost.Use) error {
	rows := make([]budgetJSON, 0, len(uses))
	for _, u := range uses {
		rows = append(rows, budgetDocument(u))
	}
	if g.json {
		return g.printJSON(rows)
	}
	t := newTable(g.out)
	t.row("BUDGET", "WINDOW", "LIMIT", "SPENT", "RESERVED", "LEFT", "ON THE WIRE", "LEFT")
	doubt := false
	for _, r := range rows {
		spent := r.SpentUSD.String()
		if r.Doubt != "" {
			spent, doubt = "unknown", true
		}
		t.row(r.Name, r.Window, orNone(r.LimitUSD), spent, r.ReservedUSD, orNone(r.LeftUSD), size(r.SpentBytes), bytesOrNone(r.LeftBytes))
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

// showJSON is what budget show prints with --json.
type showJSON struct {
	budgetJSON
	// Burndown has the days on which anything was spent, and what was left of the limit at their end.
	Burndown     []dayJSON      `json:"burndown"`
	PerDayUSD    cost.NanoUSD   `json:"usd_per_day"`
	PerDayBytes  int64          `json:"bytes_per_day"`
	ForecastUSD  *cost.NanoUSD  `json:"forecast_usd"`
	ForecastByte *int64         `json:"forecast_bytes"`
	ExhaustedAt  *time.Time     `json:"exhausted_at"`
	Approvals    []approvalJSON `json:"approvals"`
	Alerts       []alertJSON    `json:"alerts"`
}

type dayJSON struct {
	Day       string        `json:"day"`
	USD       cost.NanoUSD  `json:"usd"`
	Bytes     int64         `json:"bytes"`
	LeftUSD   *cost.NanoUSD `json:"left_usd"`
	LeftBytes *int64        `json:"left_bytes"`
}

// alertJSON is an alert with its money in dollars.
type alertJSON struct {
	manifest.Alert
	Reached string       `json:"reached,omitempty"`
	UsedUSD cost.NanoUSD `json:"used_usd"`
	MoreUSD cost.NanoUSD `json:"more_usd,omitempty"`
}

func showBudget(a *app, name string) error {
	r, err := a.ledger.Report(name)
	if errors.Is(err, cost.ErrNoBudget) {
		return usageError{config.UnknownName("budget", name, a.budgetNames())}
	}
	if err != nil {
		return err
	}
	out := showJSON{
		budgetJSON: budgetDocument(r.Use), Burndown: burndown(r), PerDayUSD: r.PaceNanoUSD, PerDayBytes: r.PaceBytes,
		ExhaustedAt: timeOrNull(r.Exhausted), Approvals: approvalDocuments(r.Approvals, a.m.Now()), Alerts: []alertJSON{},
	}
	if r.Forecast != nil {
		out.ForecastUSD, out.ForecastByte = &r.Forecast.NanoUSD, &r.Forecast.Bytes
	}
	for _, one := range r.Alerts {
		doc := alertJSON{Alert: one, UsedUSD: cost.NanoUSD(one.UsedNanoUSD), MoreUSD: cost.NanoUSD(one.MoreNanoUSD)}
		if one.Kind == manifest.AlertThreshold {
			doc.Reached = cost.ShareText(one.Share)
		}
		out.Alerts = append(out.Alerts, doc)
	}
	if a.json {
		return a.printJSON(out)
	}
	return printBudget(a, r, out)
}

// burndown says what was left at the end of each day. Of a window that slides or never began only the days are known.
func burndown(r cost.BudgetReport) []dayJSON {
	out := []dayJSON{}
	usd, bytes := cost.AddNanoUSD(r.Budget.LimitNanoUSD, r.ExtraNanoUSD), r.Budget.LimitBytes+r.ExtraBytes
	whole := !r.From.IsZero() && !r.Until.IsZero()
	for _, d := range r.Days {
		row := dayJSON{Day: d.Day, USD: d.NanoUSD, Bytes: d.Bytes}
		usd, bytes = max(0, usd-d.NanoUSD), max(0, bytes-d.Bytes)
		if left := usd; whole && r.Budget.LimitNanoUSD > 0 {
			row.LeftUSD = &left
		}
		if left := bytes; whole && r.Budget.LimitBytes > 0 {
			row.LeftBytes = &left
		}
		out = append(out, row)
	}
	return out
}

func printBudget(a *app, r cost.BudgetReport, out showJSON) error {
	if err := a.printUses([]cost.Use{r.Use}); err != nil {
		return err
	}
	_, _ = fmt.Fprintf(a.out, "\n%s\n", describeBudget(out.budgetJSON))
	for _, one := range out.Approvals {
		_, _ = fmt.Fprintf(a.out, "approved: %s\n", one)
	}
	for _, one := range r.Alerts {
		if one.Kind == manifest.AlertAsk {
			_, _ = fmt.Fprintf(a.out, "asks: %s%s needs %s and %s more, since %s\n", one.Dataset, jobOf(one.Job), cost.NanoUSD(one.MoreNanoUSD), size(one.MoreBytes), one.At.Time().Format(time.RFC3339))
			continue
		}
		_, _ = fmt.Fprintf(a.out, "reached %s at %s\n", cost.ShareText(one.Share), one.At.Time().Format(time.RFC3339))
	}
	if len(out.Burndown) > 0 {
		_, _ = fmt.Fprintln(a.out)
		t := newTable(a.out)
		t.row("DAY", "SPENT", "LEFT", "ON THE WIRE", "LEFT")
		for _, d := range out.Burndown {
			t.row(d.Day, d.USD, orNone(d.LeftUSD), size(d.Bytes), bytesOrNone(d.LeftBytes))
		}
		if err := t.flush(); err != nil {
			return err
		}
		_, _ = fmt.Fprintln(a.out)
	}
	if r.Forecast != nil {
		_, _ = fmt.Fprintf(a.out, "at %s and %s a day the window will have %s and %s\n", r.PaceNanoUSD, size(r.PaceBytes), r.Forecast.NanoUSD, size(r.Forecast.Bytes))
	}
	if !r.Exhausted.IsZero() {
		_, _ = fmt.Fprintf(a.out, "nothing is left from %s on, at that pace\n", r.Exhausted.UTC().Format(time.RFC3339))
	}
	return nil
}

// describeBudget says in words what a budget counts, and when.
func describeBudget(b budgetJSON) string {
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

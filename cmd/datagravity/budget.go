package main

import (
	"github.com/spf13/cobra"

	"github.com/datagravity/datagravity/pkg/cost"
)

func newBudget(g *globals) *cobra.Command {
	return &cobra.Command{
		Use: "budget", Short: "Show what each budget has spent, reserved and left in its window", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return withManifest(g, func(a *app) error {
				uses, err := a.ledger.Uses()
				if err != nil {
					return err
				}
				return g.printUses(uses)
			})
		},
	}
}

// budgetJSON is one row of budget --json. Limits and what is left are null where there is no limit of that kind.
type budgetJSON struct {
	Name          string        `json:"name"`
	From          string        `json:"from,omitempty"`
	To            string        `json:"to,omitempty"`
	Window        string        `json:"window"`
	LimitUSD      *cost.NanoUSD `json:"limit_usd"`
	SpentUSD      cost.NanoUSD  `json:"spent_usd"`
	ReservedUSD   cost.NanoUSD  `json:"reserved_usd"`
	LeftUSD       *cost.NanoUSD `json:"left_usd"`
	LimitBytes    *int64        `json:"limit_bytes"`
	SpentBytes    int64         `json:"spent_bytes"`
	ReservedBytes int64         `json:"reserved_bytes"`
	LeftBytes     *int64        `json:"left_bytes"`
}

func (g *globals) printUses(uses []cost.Use) error {
	rows := make([]budgetJSON, 0, len(uses))
	for _, u := range uses {
		r := budgetJSON{
			Name: u.Budget.Name, From: u.Budget.From, To: u.Budget.To, Window: u.Window, SpentUSD: u.Settled, ReservedUSD: u.Reserved,
			SpentBytes: u.SettledBytes, ReservedBytes: u.ReservedBytes,
		}
		usd, bytes := u.Left()
		if usd >= 0 {
			limit := u.Budget.LimitNanoUSD
			r.LimitUSD, r.LeftUSD = &limit, &usd
		}
		if bytes >= 0 {
			limit := u.Budget.LimitBytes
			r.LimitBytes, r.LeftBytes = &limit, &bytes
		}
		rows = append(rows, r)
	}
	if g.json {
		return g.printJSON(rows)
	}
	t := newTable(g.out)
	t.row("BUDGET", "WINDOW", "LIMIT", "SPENT", "RESERVED", "LEFT", "ON THE WIRE", "LEFT")
	for _, r := range rows {
		t.row(r.Name, r.Window, orNone(r.LimitUSD), r.SpentUSD, r.ReservedUSD, orNone(r.LeftUSD), size(r.SpentBytes), bytesOrNone(r.LeftBytes))
	}
	return t.flush()
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

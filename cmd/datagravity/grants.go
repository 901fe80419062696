package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/datagravity/datagravity/pkg/operate"
)

func newGrants(g *globals) *cobra.Command {
	return &cobra.Command{
		Use: "grants", Short: "What agents elsewhere may read on this one's budgets, or this one on another's", Args: cobra.NoArgs,
		Long: `An edge reads of a source's store what the agent beside it, whose budgets they are, has granted it. Beside a source this lists what was granted
to whom, until a day after it was settled; at an edge, what it asked for and holds.

What is granted is set aside in every budget that counts it until the edge has said what it used. A grant that is over and was not settled counts
as spent, whole, until that is said: an edge that died says it when it runs again. After 45 days it is spent for good.`,
		RunE: func(c *cobra.Command, _ []string) error {
			return withReading(c.Context(), g, func(by operate.Operator) error {
				rows, err := by.Grants(c.Context())
				if err != nil {
					return err
				}
				return listGrants(g, rows)
			})
		},
	}
}

func listGrants(g *globals, rows []operate.Grant) error {
	if g.json {
		return g.printJSON(rows)
	}
	if len(rows) == 0 {
		_, err := fmt.Fprintln(g.out, "nothing is granted")
		return err
	}
	t := newTable(g.out)
	t.row("GRANT", "EDGE", "DATASET", "LINK", "BYTES", "USD", "USED", "STATE", "UNTIL")
	for _, r := range rows {
		link, until := r.From, "-"
		if r.To != "" {
			link += "->" + r.To
		}
		if r.Expires != nil {
			until = r.Expires.Format(time.RFC3339)
		}
		t.row(r.ID[:min(len(r.ID), 8)], r.Edge, r.Dataset, link, size(r.Bytes), r.USD, size(r.UsedBytes), r.State, until)
	}
	return t.flush()
}

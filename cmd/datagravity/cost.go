package main

import "github.com/spf13/cobra"

func newCost(g *globals) *cobra.Command {
	c := &cobra.Command{
		Use: "cost", Short: "The ledger, and the prices it uses", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(asks(newLedger(g)), newPrices(g), newImport(g), newReconcile(g))
	return c
}

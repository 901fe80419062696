package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/store"
)

func newCost(g *globals) *cobra.Command {
	c := &cobra.Command{
		Use: "cost", Short: "The ledger, and the prices it uses", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newLedger(g), newPrices(g))
	return c
}

func newPrices(g *globals) *cobra.Command {
	var from, to string
	c := &cobra.Command{
		Use: "prices --from LOCATION --to LOCATION", Short: "Explain what a byte costs between two locations", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return runPrices(g, from, to) },
	}
	c.Flags().StringVar(&from, "from", "", "provider:region, for example azure:eastus")
	c.Flags().StringVar(&to, "to", "", "provider:region, for example aws:us-east-1 or onprem:lab1")
	return c
}

func runPrices(g *globals, from, to string) (err error) {
	var at [2]store.Location
	for i, s := range []string{from, to} {
		if at[i], err = store.ParseLocation(s); err != nil {
			return usageError{err}
		}
	}
	book, routes := cost.Default(), cost.RouteOptions{}
	// Without a configuration the built-in book answers; a wrong one is an error.
	if a, err := g.load(); err == nil {
		defer closing(a, &err)
		if book, routes, err = a.cfg.PriceBook(); err != nil {
			return err
		}
	} else if g.config != "" {
		return err
	}
	rate, err := book.Transfer(at[0], at[1], routes)
	if err != nil {
		return err
	}
	if g.json {
		return g.printJSON(struct {
			From        string    `json:"from"`
			To          string    `json:"to"`
			Rate        cost.Rate `json:"rate"`
			BookVersion string    `json:"book_version"`
		}{from, to, rate, book.Version})
	}
	_, err = fmt.Fprintf(g.out, "%s\nentry %s, class %s, pool %s, as of %s, verified: %v, book %s\n",
		rate.Explanation, rate.ID, rate.Class, rate.Pool, rate.AsOf, rate.Verified, book.Version)
	return err
}

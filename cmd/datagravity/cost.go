package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/cost/bill"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/store"
)

func newCost(g *globals) *cobra.Command {
	c := &cobra.Command{
		Use: "cost", Short: "The ledger, and the prices it uses", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newLedger(g), newPrices(g), newReconcile(g))
	return c
}

func newLedger(g *globals) *cobra.Command {
	var by string
	c := &cobra.Command{
		Use: "ledger", Short: "What crossed, what it cost and how sure that is, by dataset, link, month, state or shard", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return withManifest(g, func(a *app) error { return runLedger(a, by) })
		},
	}
	c.Flags().StringVar(&by, "by", "link", "dataset, link, month, state, activity or shard")
	return c
}

// ledgerJSON is one row of cost ledger --json.
type ledgerJSON struct {
	Key      string       `json:"key"`
	Bytes    int64        `json:"bytes"`
	Requests int64        `json:"requests"`
	USD      cost.NanoUSD `json:"usd"`
	// Whole counts reservations that were charged in full because nobody knows what moved.
	Whole int64 `json:"charged_whole"`
	fromBills
}

var ledgerKeys = map[string]func(manifest.LineKey) string{
	"state":    nil, // by the line's state
	"dataset":  func(k manifest.LineKey) string { return k.Dataset },
	"link":     func(k manifest.LineKey) string { return k.From + " -> " + k.To },
	"month":    func(k manifest.LineKey) string { return k.Month },
	"activity": func(k manifest.LineKey) string { return k.Activity },
	"shard":    func(k manifest.LineKey) string { return k.Dataset + "/" + k.Path },
}

func runLedger(a *app, by string) error {
	key, ok := ledgerKeys[by]
	if !ok {
		return usageError{fmt.Errorf("--by %q: want one of %s", by, list(keys(ledgerKeys)))}
	}
	sums := map[string]ledgerJSON{}
	err := a.m.View(func(tx *manifest.Tx) error {
		states, err := bill.ReadStates(tx)
		if err != nil {
			return err
		}
		addAdjustments(sums, states, by)
		return tx.Lines(func(l manifest.Line) (bool, error) {
			state := states.Of(l)
			k := state
			if key != nil {
				k = key(l.LineKey)
			}
			s := sums[k]
			s.Key = k
			s.add(state, cost.NanoUSD(l.NanoUSD))
			s.Bytes += l.Bytes
			s.Requests += l.Requests
			s.USD += cost.NanoUSD(l.NanoUSD)
			s.Whole += l.Unknown
			sums[k] = s
			return true, nil
		})
	})
	if err != nil {
		return err
	}
	rows := make([]ledgerJSON, 0, len(sums))
	for _, k := range keys(sums) {
		rows = append(rows, sums[k])
	}
	if a.json {
		return a.printJSON(rows)
	}
	t := newTable(a.out)
	t.row(strings.ToUpper(by), "ON THE WIRE", "REQUESTS", "USD", "CORRECTIONS", "CREDITS", "NET USD", "STATE")
	for _, r := range rows {
		t.row(r.Key, size(r.Bytes), r.Requests, r.USD, r.Corrections, r.Credits, r.Net, r.State)
	}
	return t.flush()
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

package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/cost/bill"
	"github.com/datagravity/datagravity/pkg/manifest"
)

func newCost(g *globals) *cobra.Command {
	c := &cobra.Command{
		Use: "cost", Short: "The ledger, and the prices it uses", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newLedger(g), newPrices(g), newImport(g), newReconcile(g))
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

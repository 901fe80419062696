package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/datagravity/datagravity/pkg/cost"
)

// money is in billionths of a US dollar.
type money = cost.NanoUSD

// row is what happened at one destination in one round: an element of build/demo.json.
type row struct {
	Destination string `json:"destination"`
	Round       int    `json:"round"`
	// Needed is the dataset's size: what a job needs to be there.
	Needed int64 `json:"needed_bytes"`
	// Missing is the part of it that no object at the destination had.
	Missing int64 `json:"missing_bytes"`
	// Crossed is what was sent over the link, with everything around it.
	Crossed int64 `json:"crossed_bytes"`
	Planned money `json:"usd_planned"`
	Settled money `json:"usd_settled"`
	Objects int   `json:"objects"`
	// Verified: every object was the source's byte for byte, read without datagravity.
	Verified bool `json:"verified"`
	// Ready: ready --to and ready --from both answered 0 for the new snapshot.
	Ready bool `json:"ready"`

	title string
}

// row is the row of a destination in a round, which sync has made.
func (d *demo) row(dest *destination, round int) *row {
	for i := range d.rows {
		if r := &d.rows[i]; r.Destination == dest.name && r.Round == round {
			return r
		}
	}
	panic(fmt.Sprintf("no row of %s in round %d", dest.name, round))
}

// ledgerRow is what the demo reads of cost ledger --json.
type ledgerRow struct {
	Key   string `json:"key"`
	USD   money  `json:"usd"`
	Bytes int64  `json:"bytes"`
}

// budgetRow is what the demo reads of budget --json.
type budgetRow struct {
	Name     string `json:"name"`
	Spent    money  `json:"spent_usd"`
	Reserved money  `json:"reserved_usd"`
	Bytes    int64  `json:"spent_bytes"`
}

// account compares the ledger and the budgets with each other and with what the syncs said.
func (d *demo) account(ctx context.Context) error {
	d.title("The account")
	for _, args := range []string{"cost ledger --by link", "cost ledger --by activity", "budget"} {
		if err := d.show(ctx, exitDone, args); err != nil {
			return err
		}
	}
	var links, activities []ledgerRow
	var budgets []budgetRow
	for _, q := range []struct {
		args string
		rows any
	}{{"cost ledger --by link", &links}, {"cost ledger --by activity", &activities}, {"budget", &budgets}} {
		if err := d.read(ctx, q.args, q.rows); err != nil {
			return err
		}
	}
	var settled money
	for _, dest := range d.dests {
		settled += dest.spent
		d.checkLink(dest, find(links, "azure:eastus -> "+dest.location), budgets)
	}
	var entered money
	for _, l := range links {
		entered += l.USD
	}
	listed := find(activities, "list").USD
	d.checks.that(entered == settled+listed, "it has "+entered.Decimal(),
		"the ledger adds up: $%s settled by the syncs and $%s for listing the source", settled.Decimal(), listed.Decimal())
	return nil
}

func find(rows []ledgerRow, key string) ledgerRow {
	for _, r := range rows {
		if r.Key == key {
			return r
		}
	}
	return ledgerRow{}
}

// checkLink compares what the ledger, the budget and the syncs know of a link.
func (d *demo) checkLink(dest *destination, l ledgerRow, budgets []budgetRow) {
	// Beside the link's own bytes, sync counts what it sent to the source and what it looked at.
	d.checks.that(l.Bytes >= dest.payload && l.Bytes <= dest.wire, fmt.Sprintf("%d, of %d shard bytes and %d sent in all", l.Bytes, dest.payload, dest.wire),
		"%s: the ledger has every byte that crossed", dest.title)
	for _, b := range budgets {
		if b.Name != budgetName(dest) {
			continue
		}
		d.checks.that(b.Spent == l.USD && b.Bytes == l.Bytes && b.Spent > 0 && b.Spent <= limitUSD*cost.USD && b.Reserved == 0,
			fmt.Sprintf("ledger $%s and %d bytes, budget %+v", l.USD.Decimal(), l.Bytes, b),
			"%s: the budget of its link shows what the ledger does, of $%d, and nothing is reserved", dest.title, limitUSD)
		return
	}
	d.checks.that(false, "none", "%s: its link has a budget", dest.title)
}

// conclude prints the closing table, writes the results and says whether all expectations held.
func (d *demo) conclude() error {
	d.title("Every byte below went between emulators, and to a directory, on this machine")
	t := tabwriter.NewWriter(d.out, 2, 4, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintln(t, "destination\tround\tneeded\tcrossed\tsaved\tplanned\tsettled\tobjects\tverified\tready\t")
	for _, r := range d.rows {
		_, _ = fmt.Fprintf(t, "%s\t%d\t%s\t%s\t%s\t%s\t%s\t%d\t%s\t%s\t\n", r.title, r.Round, size(r.Needed), size(r.Crossed),
			size(max(0, r.Needed-r.Crossed)), r.Planned, r.Settled, r.Objects, yes(r.Verified), yes(r.Ready))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	b, err := json.MarshalIndent(d.rows, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(d.root, results), append(b, '\n'), 0o644); err != nil {
		return err
	}
	d.say("\nneeded: the dataset as a job needs it there; crossed: sent over the link, headers included; saved: what a plain copy")
	d.say("would have sent on top. The rows are in %s. The demo took %s.", results, time.Since(d.started).Round(time.Second))
	d.invite()
	if n := len(d.checks.wrong); n > 0 {
		d.say("\n%d of %d expectations are WRONG:", n, n+d.checks.held)
		for _, text := range d.checks.wrong {
			d.say("  %s", text)
		}
		return fmt.Errorf("%w: %d of them; the commands' output is in %s/logs", errWrong, n, work)
	}
	d.say("\nAll %d expectations held.", d.checks.held)
	return nil
}

// invite says how to go on with what stays.
func (d *demo) invite() {
	d.say("\n%s keeps the configuration, the state and the logs. These need no server:", work)
	for _, args := range []string{
		"snapshot list", "snapshot diff " + datasetName + " " + d.firstSnapshot, "cost ledger --by shard", "ready " + datasetName + " --from lab",
	} {
		d.say("$ %s %s", d.program(), args)
	}
	d.say("For the others keep the emulators running: go run ./integration/demo -hold")
}

func yes(ok bool) string {
	if ok {
		return "yes"
	}
	return "NO"
}

// size writes bytes for people.
func size(n int64) string {
	v, unit := float64(n), "B"
	for _, larger := range []string{"KiB", "MiB", "GiB"} {
		if v < 1024 {
			break
		}
		v, unit = v/1024, larger
	}
	if unit == "B" {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %s", v, unit)
}

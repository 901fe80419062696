package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/datagravity/datagravity/pkg/cost/bill"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/sync/engine"
)

const reconcileLong = `Reads a provider's costs in FOCUS 1.0 to 1.2 (CSV, gzipped or not; - is standard input) and puts them beside the ledger, by month and
meter: what was billed, what was metered here, the difference in bytes and USD, and what nobody explains. Nothing is booked without
--book. With it, corrections and credits of closed months become ledger lines of their own, and the state of the lines goes on from
metered to billed and invoiced; the same bill books nothing twice, and a restated one the difference.

Give all files of a month at once: what a closed month's bill lacks counts as not billed.

Rows that name a store of the configuration, or a --resource (the machine that the agent runs on, for one), are compared alone
where they have at least what was metered. Otherwise the whole meter is, other people's use included.`

type reconcileFlags struct {
	files, resources []string
	book, csv        bool
}

func newReconcile(g *globals) *cobra.Command {
	var f reconcileFlags
	c := &cobra.Command{
		Use: "reconcile --focus FILE [FILE...]", Short: "Compare the ledger with a provider's bill, and book what differs", Long: reconcileLong,
		Args: cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			f.files = append(f.files, args...)
			return runReconcile(c.Context(), g, f)
		},
	}
	c.Flags().StringArrayVar(&f.files, "focus", nil, "FOCUS `file`; further ones follow, or more of this flag")
	c.Flags().StringArrayVar(&f.resources, "resource", nil, "`name` of a resource that sends our bytes, beside the stores of the configuration")
	c.Flags().BoolVar(&f.book, "book", false, "book the corrections and credits; without it they are only shown")
	c.Flags().BoolVar(&f.csv, "csv", false, "print the comparisons as CSV")
	return c
}

func runReconcile(ctx context.Context, g *globals, f reconcileFlags) (err error) {
	switch {
	case len(f.files) == 0:
		return usageError{errors.New("--focus FILE is missing: name the export of a bill, or - for standard input")}
	case f.csv && g.json:
		return usageError{errors.New("--csv and --json at once: choose one")}
	}
	a, err := g.load()
	if err != nil {
		return err
	}
	defer closing(a, &err)
	// The bill is read before the manifest is taken, so that a large one keeps no sync waiting.
	tally := bill.NewTally(append(f.resources, a.resources()...))
	if err := readBills(ctx, g, tally, f.files); err != nil {
		return ended(ctx, err)
	}
	if err := a.take(engine.Options{}); err != nil {
		return err
	}
	var report *bill.Report
	err = a.m.View(func(tx *manifest.Tx) error {
		ours, err := bill.ReadMetered(tx)
		if err != nil {
			return err
		}
		report = bill.Compare(tally, ours, a.m.Now())
		return report.Propose(tx)
	})
	if err != nil {
		return err
	}
	if f.book {
		if err := report.Book(a.m); err != nil {
			return err
		}
	}
	switch {
	case g.json:
		return g.printJSON(report)
	case f.csv:
		return printComparisonsCSV(g.out, report)
	}
	return printReconciliation(g, report)
}

// readBills reads the files one after the other.
func readBills(ctx context.Context, g *globals, tally *bill.Tally, files []string) error {
	seen := map[string]bool{}
	for _, name := range files {
		if seen[name] {
			return usageError{fmt.Errorf("%s is named twice: its charges would count twice", name)}
		}
		seen[name] = true
	}
	for _, name := range files {
		if err := readBill(ctx, g, tally, name); err != nil {
			return err
		}
	}
	return nil
}

func readBill(ctx context.Context, g *globals, tally *bill.Tally, name string) (err error) {
	in := io.NopCloser(g.in)
	if name == "-" {
		name = "standard input"
	} else if in, _, err = openFile(name); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	r := interruptible(ctx, in)
	err = tally.Read(name, r)
	return errors.Join(err, r.Close(), in.Close())
}

// resources are the names by which bills know the configured stores: buckets and storage accounts.
func (a *app) resources() (names []string) {
	for _, name := range keys(a.cfg.Stores) {
		u, err := url.Parse(a.cfg.Stores[name].URL)
		if err != nil {
			continue // the configuration was checked; only an unusual path of a directory gets here
		}
		switch u.Scheme {
		case "azblob":
			names = append(names, u.Query().Get("storage_account"))
		case "s3", "gs":
			names = append(names, u.Host)
		}
	}
	return names
}

func printReconciliation(g *globals, r *bill.Report) error {
	_, _ = fmt.Fprintf(g.out, "%s: %d rows, %d of them on transfer meters; billed %s, %s tax in it, which is left out\n\n",
		strings.Join(r.Files, ", "), r.Rows, r.TransferRows, r.BilledUSD, r.TaxUSD)
	t := newTable(g.out)
	t.row("MONTH", "METER", "STATE", "BASIS", "OURS", "BILLED", "DIFFERENCE", "OURS USD", "BILLED USD", "DIFFERENCE", "FACTOR", "USD FACTOR")
	for _, c := range r.Comparisons {
		t.row(c.Month, c.Name, c.State, c.Basis, size(c.OursBytes), size(c.BilledBytes), signedSize(c.DifferenceBytes), c.OursUSD, c.BilledUSD,
			c.DifferenceUSD, factorOrNone(c.BytesFactor), factorOrNone(c.USDFactor))
	}
	if err := t.flush(); err != nil {
		return err
	}
	printWhy(g.out, r)
	return printBookings(g, r)
}

// printWhy says what the table cannot.
func printWhy(out io.Writer, r *bill.Report) {
	for _, c := range r.Comparisons {
		if c.UnexplainedTheirsBytes > 0 {
			fmt.Fprintf(out, "%s %s: %s on the bill are not ours\n", c.Month, c.Name, size(c.UnexplainedTheirsBytes))
		}
		if c.UnexplainedOursBytes > 0 {
			fmt.Fprintf(out, "%s %s: %s of ours are not on the bill\n", c.Month, c.Name, size(c.UnexplainedOursBytes))
		}
		for _, why := range c.Why {
			fmt.Fprintf(out, "%s %s: %s\n", c.Month, c.Name, why)
		}
		if c.NoFactor != "" {
			fmt.Fprintf(out, "%s %s: no factor for the bytes, %s\n", c.Month, c.Name, c.NoFactor)
		}
	}
	if r.UnmatchedCreditsUSD != 0 {
		fmt.Fprintf(out, "credits of %s name no SKU of a transfer and are not booked\n", r.UnmatchedCreditsUSD)
	}
	if r.UnknownRows > 0 {
		fmt.Fprintf(out, "%d rows of bytes (%s) do not say what they count, or count something else than transfers\n", r.UnknownRows, r.UnknownUSD)
	}
}

func printBookings(g *globals, r *bill.Report) error {
	if len(r.Bookings) == 0 {
		_, err := fmt.Fprintln(g.out, "\nnothing to book")
		return err
	}
	_, _ = fmt.Fprintln(g.out)
	t := newTable(g.out)
	t.row("MONTH", "FROM", "TO", "SOURCE", "DESTINATION", "KIND", "STATE", "BYTES", "USD", "")
	for _, b := range r.Bookings {
		t.row(b.Month, b.From, b.To, b.Source, b.Dest, b.Kind, b.State, signedSize(b.Bytes), b.USD, b.Reason)
	}
	if err := t.flush(); err != nil {
		return err
	}
	said := "nothing was booked; --book books these lines"
	if r.Booked {
		said = "booked"
	}
	_, err := fmt.Fprintln(g.out, said)
	return err
}

func factorOrNone(f *bill.Factor) string {
	if f == nil {
		return "-"
	}
	return f.String()
}

// signedSize is size for a difference.
func signedSize(n int64) string {
	if n < 0 {
		return "-" + size(-n)
	}
	return size(n)
}

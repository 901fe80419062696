package main

import (
	"encoding/csv"
	"io"
	"strconv"

	"github.com/datagravity/datagravity/pkg/cost/bill"
)

// printComparisonsCSV writes the comparisons with the names that --json has for them.
func printComparisonsCSV(out io.Writer, r *bill.Report) error {
	w := csv.NewWriter(out)
	_ = w.Write([]string{
		"month", "name", "state", "basis", "ours_bytes", "billed_bytes", "difference_bytes", "ours_usd", "billed_usd", "difference_usd", "credits_usd",
		"unexplained_theirs_bytes", "unexplained_ours_bytes", "bytes_factor", "usd_factor",
	})
	number := func(n int64) string { return strconv.FormatInt(n, 10) }
	factor := func(f *bill.Factor) string {
		if f == nil {
			return ""
		}
		return f.String()
	}
	for _, c := range r.Comparisons {
		_ = w.Write([]string{
			c.Month, c.Name, c.State, string(c.Basis), number(c.OursBytes), number(c.BilledBytes), number(c.DifferenceBytes), c.OursUSD.Decimal(),
			c.BilledUSD.Decimal(), c.DifferenceUSD.Decimal(), c.CreditsUSD.Decimal(), number(c.UnexplainedTheirsBytes), number(c.UnexplainedOursBytes),
			factor(c.BytesFactor), factor(c.USDFactor),
		})
	}
	w.Flush()
	return w.Error()
}

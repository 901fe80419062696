package main

import (
	"context"
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

const billPath = work + "/bill.csv"

// reconciled is what the demo reads of cost reconcile --json.
type reconciled struct {
	Comparisons []struct {
		Name   string `json:"name"`
		Ours   int64  `json:"ours_bytes"`
		Billed int64  `json:"billed_bytes"`
		Theirs int64  `json:"meter_bytes"`
	} `json:"comparisons"`
	Booked bool `json:"booked"`
}

// bill shows how the ledger is put beside what a provider billed. No cloud billed anything here: the demo writes an export as Azure
// would, with the bytes that it counted itself, what somebody else in the account used, and tax.
func (d *demo) bill(ctx context.Context, now time.Time) error {
	d.title("Against the bill, which the demo wrote itself: nobody was billed")
	var ours int64
	for _, dest := range d.dests {
		ours += dest.wire
	}
	const others = 7 << 30
	if err := d.writeBill(now, ours, others); err != nil {
		return err
	}
	args := "cost reconcile --resource devstoreaccount1 --focus " + billPath
	if err := d.show(ctx, exitDone, args); err != nil {
		return err
	}
	var said reconciled
	if err := d.read(ctx, args, &said); err != nil {
		return err
	}
	for _, c := range said.Comparisons {
		if c.Name != "azure:eastus internet" {
			continue
		}
		d.checks.that(c.Billed == ours && c.Theirs == ours+others && c.Ours > 0 && c.Ours <= ours && !said.Booked,
			fmt.Sprintf("%+v, of %d and %d", c, ours, others), "the bill's rows of our storage are told apart from other people's, to the byte")
		return nil
	}
	d.checks.that(false, fmt.Sprintf("%+v", said.Comparisons), "the bill and the ledger meet on one meter")
	return nil
}

// writeBill writes a month that is not over yet, in FOCUS 1.2. Azure's GB have 2^30 bytes.
func (d *demo) writeBill(now time.Time, ours, others int64) error {
	month := time.Date(now.UTC().Year(), now.UTC().Month(), 1, 0, 0, 0, 0, time.UTC)
	day := now.UTC().Truncate(24 * time.Hour)
	row := func(category, text string, bytes int64, usd, resource, sku string) []string {
		quantity, unit := "NULL", "NULL"
		if bytes > 0 {
			quantity, unit = strconv.FormatFloat(float64(bytes)/(1<<30), 'f', 15, 64), "GB"
		}
		return []string{
			usd, "USD", month.AddDate(0, 1, 0).Format(time.RFC3339), month.Format(time.RFC3339), category, text,
			day.AddDate(0, 0, 1).Format(time.RFC3339), day.Format(time.RFC3339), quantity, unit, "Microsoft", "eastus", resource, sku, sku,
		}
	}
	const egress, sku = "Rtn Preference: MGN - Standard Data Transfer Out", "1010107"
	usd := func(bytes int64) string { return strconv.FormatFloat(float64(bytes)/(1<<30)*0.087, 'f', 9, 64) }
	f, err := os.Create(filepath.Join(d.root, billPath))
	if err != nil {
		return err
	}
	w := csv.NewWriter(f)
	err = w.WriteAll([][]string{
		{
			"BilledCost", "BillingCurrency", "BillingPeriodEnd", "BillingPeriodStart", "ChargeCategory", "ChargeDescription", "ChargePeriodEnd", "ChargePeriodStart",
			"ConsumedQuantity", "ConsumedUnit", "ProviderName", "RegionId", "ResourceId", "SkuId", "SkuPriceId",
		},
		row("Usage", egress, ours, usd(ours), "/subscriptions/demo/resourcegroups/ml/providers/microsoft.storage/storageaccounts/devstoreaccount1", sku),
		row("Usage", egress, others, usd(others), "/subscriptions/demo/resourcegroups/web/providers/microsoft.network/publicipaddresses/shop", sku),
		row("Tax", "VAT", 0, "0.12", "NULL", "NULL"),
	})
	if closing := f.Close(); err == nil {
		err = closing
	}
	return err
}

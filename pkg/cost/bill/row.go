package bill

import (
	"strings"
	"time"
)

// Row is one charge, as far as it is compared. Empty texts stand for null.
type Row struct {
	Number      int64  // within its file, from 1
	Provider    string // aws, azure, gcp, oracle, or the provider's name in lower case
	Category    string // Usage, Purchase, Tax, Credit, Adjustment
	Class       string // "" or Correction: of a period that is invoiced
	Description string
	Region      string // lower case
	Resource    string // id, or else name
	Service     string
	Sku         string
	SkuPrice    string
	UsageType   string // AWS
	MeterID     string // the provider's own id of the meter
	MeterText   string // what the provider calls the meter, its group first
	Invoice     string
	Unit        string
	Start, End  time.Time // of the charge, UTC
	PeriodStart time.Time // of the bill
	PeriodEnd   time.Time
	Cost        Decimal // billed, USD
	Quantity    Decimal // consumed, in Unit
}

// The categories of charges that are told apart.
const (
	CategoryTax    = "Tax"
	CategoryCredit = "Credit"
)

var categories = map[string]bool{"Usage": true, "Purchase": true, CategoryTax: true, CategoryCredit: true, "Adjustment": true}

// providers by the names that exports have, in lower case.
var providers = map[string]string{
	"aws": "aws", "amazon": "aws", "amazon web services": "aws", "amazon web services, inc.": "aws",
	"microsoft": "azure", "azure": "azure", "microsoft azure": "azure",
	"google": "gcp", "gcp": "gcp", "google cloud": "gcp", "google cloud platform": "gcp",
	"oracle": "oracle", "oci": "oracle", "oracle cloud": "oracle",
}

// names are kept in memory for each combination that a bill has.
var names = []column{colProvider, colRegion, colSku, colSkuPrice, colInvoice, colMeterID}

const maxName = 256

// parse reads one row. The fields are those of the header.
func (r *Reader) parse(fields []string) (row Row, err error) {
	text := func(c column) string {
		i := r.header[c]
		if i < 0 || isNull(fields[i]) {
			return ""
		}
		return fields[i]
	}
	row = Row{
		Number: r.row, Provider: providerOf(text(colProvider)), Category: text(colCategory), Class: text(colClass),
		Description: text(colDescription), Region: strings.ToLower(text(colRegion)), Resource: text(colResource), Service: text(colService),
		Sku: text(colSku), SkuPrice: text(colSkuPrice), UsageType: text(colUsageType), MeterID: text(colMeterID),
		Invoice: text(colInvoice),
	}
	if row.Resource == "" {
		row.Resource = text(colResourceName)
	}
	// SkuMeter is the meter in words or the usage type, by provider.
	switch meter := text(colSkuMeter); {
	case row.Provider == "aws" && row.UsageType == "":
		row.UsageType = meter
	default:
		row.MeterText = joined(text(colMeterGroup), text(colMeterName), meter)
	}
	for _, c := range names {
		if n := len(text(c)); n > maxName {
			return row, r.at(c, "it has %d bytes: names and ids have at most %d, so that this is no such export, or damaged", n, maxName)
		}
	}
	if row.Provider == "" {
		return row, r.at(colProvider, "it is empty: nothing tells whose bill this is")
	}
	if !categories[row.Category] {
		return row, r.at(colCategory, "%q is none of Usage, Purchase, Tax, Credit and Adjustment", row.Category)
	}
	if currency := text(colCurrency); currency != "USD" {
		return row, r.at(colCurrency, "the bill is in %q, and the ledger in USD: amounts in another currency are not converted; "+
			"export the costs in USD", currency)
	}
	for i, v := range [...]struct {
		c    column
		into *time.Time
	}{{colChargeStart, &row.Start}, {colChargeEnd, &row.End}, {colPeriodStart, &row.PeriodStart}, {colPeriodEnd, &row.PeriodEnd}} {
		if *v.into, err = r.time(i, text(v.c)); err != nil {
			return row, r.at(v.c, "%q is %w", text(v.c), err)
		}
	}
	if row.End.Before(row.Start) {
		return row, r.at(colChargeEnd, "%q is before the start of the charge, %q", text(colChargeEnd), text(colChargeStart))
	}
	if row.Cost, err = ParseDecimal(text(colBilledCost)); err != nil {
		return row, r.at(colBilledCost, "%q is %w; every charge has a billed cost", text(colBilledCost), err)
	}
	quantity, unit := colQuantity, colUnit
	if text(quantity) == "" && row.Category != CategoryCredit {
		quantity, unit = colPricingQuantity, colPricingUnit // a correction may have nothing consumed
	}
	row.Unit = text(unit)
	if q := text(quantity); q != "" {
		if row.Quantity, err = ParseDecimal(q); err != nil {
			return row, r.at(quantity, "%q is %w", q, err)
		}
	}
	return row, nil
}

// time parses with a memory of one text a column: exports have long runs of the same.
func (r *Reader) time(i int, s string) (time.Time, error) {
	if r.times[i].text == s && s != "" {
		return r.times[i].at, nil
	}
	t, err := parseTime(s)
	if err == nil {
		r.times[i].text, r.times[i].at = s, t
	}
	return t, err
}

// isNull tells what exports write for null.
func isNull(s string) bool { return s == "" || s == "NULL" || s == "null" || s == "Null" }

func providerOf(name string) string {
	name = strings.ToLower(strings.TrimSpace(name))
	if p, ok := providers[name]; ok {
		return p
	}
	return name
}

func joined(parts ...string) string {
	kept := parts[:0]
	for _, p := range parts {
		if p != "" {
			kept = append(kept, p)
		}
	}
	return strings.Join(kept, " - ")
}

// Bytes of a transfer row, exact; ok is false if its unit is none of volume.
func (row Row) Bytes() (d Decimal, ok bool) {
	if row.Quantity.isZero() {
		return d, true
	}
	per, ok := unitBytes(row.Provider, row.Unit)
	if !ok {
		return d, false
	}
	return row.Quantity.Times(per), true
}

// Month of the charge, in UTC: "2026-11".
func (row Row) Month() string { return row.Start.Format("2006-01") }

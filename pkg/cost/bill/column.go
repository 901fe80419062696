package bill

import (
	"fmt"
	"slices"
	"strings"
)

// column is one that we read.
type column int

// The columns that we read.
const (
	colBilledCost column = iota
	colCurrency
	colPeriodStart
	colPeriodEnd
	colCategory
	colClass
	colDescription
	colChargeStart
	colChargeEnd
	colQuantity
	colUnit
	colPricingQuantity
	colPricingUnit
	colProvider
	colRegion
	colResource
	colResourceName
	colService
	colSku
	colSkuPrice
	colSkuMeter
	colInvoice
	colUsageType
	colMeterID
	colMeterName
	colMeterGroup
	columns // how many there are
)

// columnNames are what a column may be called, the first name by the standard. Those with an x_ are what providers add:
// x_UsageType is in the exports of AWS, x_SkuMeter... in those of Microsoft, x_InvoiceId in both before FOCUS had InvoiceId.
var columnNames = [columns][]string{
	colBilledCost:      {"BilledCost"},
	colCurrency:        {"BillingCurrency"},
	colPeriodStart:     {"BillingPeriodStart"},
	colPeriodEnd:       {"BillingPeriodEnd"},
	colCategory:        {"ChargeCategory"},
	colClass:           {"ChargeClass"},
	colDescription:     {"ChargeDescription"},
	colChargeStart:     {"ChargePeriodStart"},
	colChargeEnd:       {"ChargePeriodEnd"},
	colQuantity:        {"ConsumedQuantity"},
	colUnit:            {"ConsumedUnit"},
	colPricingQuantity: {"PricingQuantity"},
	colPricingUnit:     {"PricingUnit"},
	colProvider:        {"ProviderName", "ServiceProviderName"},
	colRegion:          {"RegionId"},
	colResource:        {"ResourceId"},
	colResourceName:    {"ResourceName"},
	colService:         {"ServiceName"},
	colSku:             {"SkuId"},
	colSkuPrice:        {"SkuPriceId"},
	colSkuMeter:        {"SkuMeter"},
	colInvoice:         {"InvoiceId", "x_InvoiceId"},
	colUsageType:       {"x_UsageType"},
	colMeterID:         {"x_SkuMeterId"},
	colMeterName:       {"x_SkuMeterName", "x_SkuDescription"},
	colMeterGroup:      {"x_SkuMeterSubcategory", "x_SkuMeterSubCategory"},
}

// required are in every version of FOCUS, and without any of them nothing can be compared.
var required = []column{
	colBilledCost, colCurrency, colPeriodStart, colPeriodEnd, colCategory, colDescription, colChargeStart, colChargeEnd, colQuantity,
	colUnit, colProvider, colRegion, colSku, colSkuPrice,
}

func (c column) String() string { return columnNames[c][0] }

// header says where each column stands, -1 for one that is not there.
type header [columns]int

// readHeader finds the columns by name, in any order; others are passed over.
func readHeader(names []string) (h header, err error) {
	at := map[string]int{}
	for i, name := range names {
		if i == 0 {
			name = strings.TrimPrefix(name, "\ufeff")
		}
		name = strings.ToLower(strings.TrimSpace(name))
		if _, twice := at[name]; !twice {
			at[name] = i
			continue
		}
		at[name] = -2 - i
	}
	var missing []string
	for c := range h {
		h[c] = -1
		for _, name := range columnNames[c] {
			i, ok := at[strings.ToLower(name)]
			if ok && i < 0 {
				return h, fmt.Errorf("column %s is there twice: nothing tells which is meant; leave one out of the export", name)
			}
			if ok {
				h[c] = i
				break
			}
		}
		if h[c] < 0 && slices.Contains(required, column(c)) {
			missing = append(missing, column(c).String())
		}
	}
	if len(missing) > 0 {
		return h, fmt.Errorf("the first line has no column %s: this is no export of costs in FOCUS 1.0 to 1.2; export the whole "+
			"FOCUS table as CSV, with its header", strings.Join(missing, ", "))
	}
	return h, nil
}

package bill

import (
	"time"

	"github.com/datagravity/datagravity/pkg/cost"
)

// Basis says which rows of a bill were compared with ours.
type Basis string

// The bases.
const (
	// BasisResource: the rows that name a resource of ours.
	BasisResource Basis = "resource"
	// BasisMeter: all rows of the meter, also other people's.
	BasisMeter Basis = "meter"
	// BasisNone: the bill has nothing of the meter in that month.
	BasisNone Basis = "none"
)

// Report is a bill beside the ledger. Amounts are before tax.
type Report struct {
	Files []string `json:"files"`
	Rows  int64    `json:"rows"`
	// TransferRows are those of the meters that are compared.
	TransferRows int64          `json:"transfer_rows"`
	RowsByKind   map[Kind]int64 `json:"rows_by_kind"`
	// BilledUSD is the whole bill with tax, TaxUSD the tax in it, which is compared with nothing.
	BilledUSD cost.NanoUSD `json:"billed_usd"`
	TaxUSD    cost.NanoUSD `json:"tax_usd"`
	// UnmatchedCreditsUSD are credits that name no SKU of a transfer.
	UnmatchedCreditsUSD cost.NanoUSD `json:"unmatched_credits_usd"`
	// UnknownRows count bytes of which nothing tells what they are.
	UnknownRows int64        `json:"unknown_rows"`
	UnknownUSD  cost.NanoUSD `json:"unknown_usd"`
	// Comparisons, by month and meter.
	Comparisons []Comparison `json:"comparisons"`
	// Bookings are what Book adds, or added.
	Bookings []Booking `json:"bookings"`
	Booked   bool      `json:"booked"`
}

// Comparison is one meter in one month.
type Comparison struct {
	Month string `json:"month"`
	Name  string `json:"name"` // the meter's
	Meter
	State string `json:"state"` // of our lines: metered, billed, invoiced
	// Closed: the month is over for so long that an export can have it whole, and the bill reaches its end.
	Closed bool  `json:"closed"`
	Basis  Basis `json:"basis"`

	OursBytes    int64        `json:"ours_bytes"`
	OursUSD      cost.NanoUSD `json:"ours_usd"`
	ChargedWhole int64        `json:"charged_whole,omitempty"`

	// Billed is what Basis has, and Meter and Resource are the whole of the meter and those rows that name a resource of ours.
	BilledBytes   int64        `json:"billed_bytes"`
	BilledUSD     cost.NanoUSD `json:"billed_usd"`
	CreditsUSD    cost.NanoUSD `json:"credits_usd"`
	MeterBytes    int64        `json:"meter_bytes"`
	MeterUSD      cost.NanoUSD `json:"meter_usd"`
	ResourceBytes int64        `json:"resource_bytes"`
	Corrections   int64        `json:"correction_rows,omitempty"`
	Invoice       string       `json:"invoice,omitempty"`
	BilledUntil   *time.Time   `json:"billed_until"` // null without rows

	// Difference is billed less ours.
	DifferenceBytes int64        `json:"difference_bytes"`
	DifferenceUSD   cost.NanoUSD `json:"difference_usd"`
	// OursOfBill is the part of what was billed that is taken for ours.
	OursOfBillBytes      int64        `json:"ours_of_bill_bytes"`
	OursOfBillUSD        cost.NanoUSD `json:"ours_of_bill_usd"`
	OursOfBillCreditsUSD cost.NanoUSD `json:"ours_of_bill_credits_usd"`
	// Unexplained on either side: billed and not ours, ours and not billed.
	UnexplainedTheirsBytes int64    `json:"unexplained_theirs_bytes"`
	UnexplainedOursBytes   int64    `json:"unexplained_ours_bytes"`
	Why                    []string `json:"why,omitempty"`

	// Factors are proposed: null where there is too little to tell.
	BytesFactor *Factor `json:"bytes_factor"`
	USDFactor   *Factor `json:"usd_factor"`
	NoFactor    string  `json:"no_factor,omitempty"`

	Links []LinkUse `json:"links"`
	Skus  []SkuUse  `json:"skus"`
}

// SkuUse is what a bill has for one SKU of a meter.
type SkuUse struct {
	Sku        string       `json:"sku"`
	SkuPrice   string       `json:"sku_price"`
	Ours       bool         `json:"ours"` // the rows name a resource of ours
	Rows       int64        `json:"rows"`
	Bytes      int64        `json:"bytes"`
	USD        cost.NanoUSD `json:"usd"`
	CreditsUSD cost.NanoUSD `json:"credits_usd"`
}

// Package bill reads what the providers billed and compares it with what the ledger metered.
//
// # From a file to a report
//
//	FOCUS CSV -> Reader -> Row -> Tally   what was billed, by month, meter and SKU
//	manifest.Line           -> Metered    what we counted, by month, meter and link
//	Tally, Metered          -> Report     the two side by side: what agrees, what nobody explains, a factor
//	Report                  -> Book       corrections and credits as lines of their own
//
// # What is promised
//
// A bill is taken whole or not at all: a column that is missing, a row that is cut short, a number, a date or a unit that
// cannot be read, or another currency is an error that names the file, the row and the column, before anything is booked.
// Quantities and amounts are decimals, exact to 36 places, and rounded once, in the sums. Memory depends on how many meters
// and SKUs a bill has, not on its rows.
//
// BilledCost is compared, never EffectiveCost: it is what the invoice comes to, where EffectiveCost is 0 on most rows that
// a commitment or a credit covers. Tax is left out, as in the prices. No price is ever read from a description.
//
// # What a row is about
//
// [Classify] tells by the usage type, the meter, the SKU and, where an export has none of these, the wording of the
// description what a row counts; see rules.go. ServiceName does not tell: on the rows of a provider's egress meter it names
// whoever used it. Rows of the transfer meters are compared; what else a bill has is summed and left alone.
//
// # Others use the same meters
//
// A meter counts everybody in the account, and the ledger one program. Where rows name the resource they are for, those of
// our stores are compared alone, if they cover what we metered. Otherwise the whole meter is, and what it has beyond ours
// is other people's use: our bytes then cost the meter's mean price. What we metered and the bill does not have is late (exports
// lag one to three days and are restated until they are invoiced) or was never billed.
//
// # Compatibility
//
// FOCUS 1.0, 1.1 and 1.2, of AWS, Microsoft and Google, with any further columns in any order. Columns that 1.1 and 1.2 added
// (SkuMeter, InvoiceId) and those of a provider's own (x_UsageType, x_SkuMeterId and others) are used where they are there.
package bill

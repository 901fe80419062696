package bill

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/manifest"
)

const (
	// TolerancePerCent is how far the bytes of two sides may be apart and still be the same traffic. We count what crosses the
	// sockets, TLS included, and providers what they sent; both count retries. TLS and headers are 0.2 % of a part and more
	// of a small object.
	TolerancePerCent = 5
	// SettledAfter is how long after a month's end its export is taken to be whole. Exports lag one to three days, and
	// Google's backfill takes up to five.
	SettledAfter = 5 * 24 * time.Hour
	// pacific is how far into a UTC month Google still counts the month before: its months are those of US Pacific time.
	pacific = 8 * time.Hour
)

// Compare puts a bill, read to its end, beside the ledger. Every meter and month that either side has is in the report; months that the bill
// has no row of are left out, unless ours are of the bill's provider and between the months that it has.
func Compare(t *Tally, ours Metered, now time.Time) *Report {
	t.settleCredits()
	r := &Report{
		Files: t.Files, Rows: t.Rows, TransferRows: t.Transfers, RowsByKind: t.ByKind, BilledUSD: t.Total.NanoUSD(), TaxUSD: t.Tax.NanoUSD(),
		UnmatchedCreditsUSD: t.UnmatchedCredit.NanoUSD(), UnknownRows: t.Unknown, UnknownUSD: t.UnknownCost.NanoUSD(),
		Comparisons: []Comparison{}, Bookings: []Booking{},
	}
	theirs := t.byMeter()
	for _, at := range bothKeys(theirs, ours) {
		_, billed := theirs[at]
		coverage, covered := t.Coverage[ProviderMonth{at.Meter.Provider, at.Month}]
		if billed || covered {
			r.Comparisons = append(r.Comparisons, compareOne(at, theirs[at], ours[at], coverage, now))
		}
	}
	return r
}

// side is what a bill has for one meter and month: the rows that name a resource of ours, and all.
type side struct {
	ours, all sum
	skus      []SkuUse
}

func (t *Tally) byMeter() map[MonthMeter]*side {
	out := map[MonthMeter]*side{}
	for _, c := range t.sorted() {
		at, s := MonthMeter{c.month, c.meter}, t.cells[c]
		b := out[at]
		if b == nil {
			b = new(side)
			out[at] = b
		}
		b.all.merge(s)
		if c.owned {
			b.ours.merge(s)
		}
		b.skus = append(b.skus, SkuUse{
			Sku: c.sku, SkuPrice: c.price, Ours: c.owned, Rows: s.rows, Bytes: s.bytes.Round(), USD: s.cost.NanoUSD(), CreditsUSD: s.credit.NanoUSD(),
		})
	}
	return out
}

func (s *sum) merge(o *sum) {
	s.rows, s.invoiced, s.corrections = s.rows+o.rows, s.invoiced+o.invoiced, s.corrections+o.corrections
	s.bytes, s.cost, s.credit = s.bytes.Add(o.bytes), s.cost.Add(o.cost), s.credit.Add(o.credit)
	s.severalInvoices = s.severalInvoices || o.severalInvoices || s.invoice != "" && o.invoice != "" && s.invoice != o.invoice
	s.invoice = or(s.invoice, o.invoice)
	if o.until.After(s.until) {
		s.until = o.until
	}
}

func bothKeys(theirs map[MonthMeter]*side, ours Metered) (list []MonthMeter) {
	for at := range theirs {
		list = append(list, at)
	}
	for at := range ours {
		if _, ok := theirs[at]; !ok {
			list = append(list, at)
		}
	}
	slices.SortFunc(list, func(a, b MonthMeter) int {
		return cmp.Or(cmp.Compare(a.Month, b.Month), cmp.Compare(a.Meter.String(), b.Meter.String()))
	})
	return list
}

func compareOne(at MonthMeter, theirs *side, links []LinkUse, coverage Coverage, now time.Time) Comparison {
	c := Comparison{
		Month: at.Month, Name: at.Meter.String(), Meter: at.Meter, Closed: closed(at.Month, now) && coverage.whole(at.Month), Links: links, Skus: []SkuUse{},
		State: manifest.StateMetered, Basis: BasisNone,
	}
	if c.Links == nil {
		c.Links = []LinkUse{}
	}
	for _, l := range links {
		c.OursBytes += l.Bytes
		c.OursUSD = cost.AddNanoUSD(c.OursUSD, l.NanoUSD)
		c.ChargedWhole += l.Whole
	}
	if theirs != nil {
		c.take(theirs, closed(at.Month, now))
	}
	c.DifferenceBytes, c.DifferenceUSD = c.BilledBytes-c.OursBytes, usd(c.BilledUSD, -c.OursUSD)
	c.attribute()
	c.explain(coverage, closed(at.Month, now))
	c.propose()
	return c
}

// take chooses the rows that are compared with ours, and sums them.
func (c *Comparison) take(theirs *side, over bool) {
	c.Skus = theirs.skus
	c.MeterBytes, c.MeterUSD, c.ResourceBytes = theirs.all.bytes.Round(), theirs.all.cost.NanoUSD(), theirs.ours.bytes.Round()
	s := &theirs.all
	c.Basis = BasisMeter
	// Rows of our resources are the better basis if they have what we metered. If not, our bytes left from elsewhere: from the
	// machine that the agent runs on, for one, whose name nobody told us.
	if theirs.ours.rows > 0 && (c.OursBytes == 0 || compareBytes(c.ResourceBytes, c.OursBytes) >= 0) {
		s, c.Basis = &theirs.ours, BasisResource
	}
	c.BilledBytes, c.BilledUSD, c.CreditsUSD, c.Corrections = s.bytes.Round(), s.cost.NanoUSD(), s.credit.NanoUSD(), s.corrections
	end := s.until
	if !end.IsZero() {
		c.BilledUntil = &end
	}
	c.State = manifest.StateBilled
	if over && s.rows > 0 && s.invoiced == s.rows {
		// An invoice is whole, also where nothing was used in the month's last days.
		c.Closed = true
		c.State, c.Invoice = manifest.StateInvoiced, s.invoice
		if s.severalInvoices {
			c.Invoice = "several"
		}
	}
}

// closed tells whether a month is over for so long that its export can be whole.
func closed(month string, now time.Time) bool {
	start, err := time.Parse("2006-01", month)
	return err == nil && !now.Before(start.AddDate(0, 1, 0).Add(SettledAfter))
}

// whole tells whether a bill reaches the month's end. One that was exported in the middle of it looks, later, like a month with
// less traffic.
func (c Coverage) whole(month string) bool {
	start, err := time.Parse("2006-01", month)
	return err == nil && (c.Coarse || !c.Until.Before(start.AddDate(0, 1, -1)))
}

// compareBytes is 0 within the tolerance, -1 if a is less than b by more than that, 1 if more.
func compareBytes(a, b int64) int {
	room := share(b, TolerancePerCent, 100)
	switch {
	case a < b-room:
		return -1
	case a > b+room:
		return 1
	}
	return 0
}

// attribute says how much of what was billed is ours.
func (c *Comparison) attribute() {
	if c.OursBytes == 0 || c.BilledBytes <= 0 {
		c.UnexplainedTheirsBytes, c.UnexplainedOursBytes = max(0, c.BilledBytes), c.OursBytes
		return
	}
	if compareBytes(c.BilledBytes, c.OursBytes) <= 0 {
		c.OursOfBillBytes, c.OursOfBillUSD, c.OursOfBillCreditsUSD = c.BilledBytes, c.BilledUSD, c.CreditsUSD
		if compareBytes(c.BilledBytes, c.OursBytes) < 0 {
			c.UnexplainedOursBytes = c.OursBytes - c.BilledBytes
		}
		return
	}
	// Others use it too. Our bytes cost its mean price.
	c.OursOfBillBytes = c.OursBytes
	c.OursOfBillUSD = cost.NanoUSD(share(int64(c.BilledUSD), c.OursBytes, c.BilledBytes))
	c.OursOfBillCreditsUSD = cost.NanoUSD(share(int64(c.CreditsUSD), c.OursBytes, c.BilledBytes))
	c.UnexplainedTheirsBytes = c.BilledBytes - c.OursBytes
}

// explain says in words what may be behind what is unexplained.
func (c *Comparison) explain(coverage Coverage, over bool) {
	until := coverage.Until
	say := func(format string, args ...any) { c.Why = append(c.Why, fmt.Sprintf(format, args...)) }
	if c.UnexplainedTheirsBytes > 0 {
		switch {
		case c.OursBytes == 0:
			say("nothing of this was metered here: other people's use of the meter")
		case c.Basis == BasisResource:
			say("others read from the same stores, or past datagravity; our bytes are taken at the mean price")
		default:
			say("other people's use of the same meter; our bytes are taken at its mean price")
		}
	}
	if c.UnexplainedOursBytes > 0 {
		last := manifest.Millis(0)
		for _, l := range c.Links {
			last = max(last, l.Last)
		}
		switch {
		case over && !c.Closed: // said below
		case !c.Closed:
			say("late: exports lag one to three days and are restated until the month is invoiced")
		case c.Basis == BasisNone:
			say("the bill has no row of this meter: it may be another account's, or the export leaves it out")
		default:
			say("the bill of the month has less: wire overhead and attempts that were charged whole, or files of the export that are missing here")
		}
		if !over && !until.IsZero() && last.Time().After(until) {
			say("the bill ends at %s, our last bytes are of %s", until.UTC().Format(time.RFC3339), last.Time().Format(time.RFC3339))
		}
	}
	if over && !c.Closed {
		say("the bill ends before the month does (%s): it is an older export, or one of a part; nothing is booked by it", until.UTC().Format(time.RFC3339))
	}
	if c.ChargedWhole > 0 {
		say("reservations of ours that were charged whole: %d; ours is an upper bound", c.ChargedWhole)
	}
	if c.Corrections > 0 {
		say("rows that correct periods invoiced before: %d", c.Corrections)
	}
	if c.Provider == "gcp" && c.edge() {
		say("Google's months are US Pacific: what moved in the first hours of a month (UTC) may be on the bill of the month before")
	}
}

// edge tells whether something of ours moved in the hours that belong to the month before in US Pacific time.
func (c *Comparison) edge() bool {
	start, err := time.Parse("2006-01", c.Month)
	if err != nil {
		return false
	}
	for _, l := range c.Links {
		if l.First.Time().Before(start.Add(pacific)) || l.Last.Time().After(start.AddDate(0, 1, 0)) {
			return true
		}
	}
	return false
}

// propose gives the factors, or says why not.
func (c *Comparison) propose() {
	switch {
	case c.OursBytes == 0 || c.Basis == BasisNone:
		return
	case !c.Closed:
		c.NoFactor = "the month's bill is not whole yet"
		return
	case c.OursBytes < MinFactorBytes:
		c.NoFactor = fmt.Sprintf("less than %d GiB metered", MinFactorBytes>>30)
		return
	}
	if f, ok := factorOf(int64(c.OursOfBillUSD), int64(c.OursUSD)); ok {
		c.USDFactor = &f
	}
	if c.UnexplainedTheirsBytes > 0 {
		c.NoFactor = "others use the meter too: nothing tells how many of the bytes are ours"
		return
	}
	if f, ok := factorOf(c.BilledBytes, c.OursBytes); ok {
		c.BytesFactor = &f
	}
}

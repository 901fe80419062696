package plan

import (
	"fmt"
	"time"

	"github.com/datagravity/datagravity/pkg/cost"
)

// Count is how many shards go one way, and their bytes.
type Count struct {
	Shards int   `json:"shards"`
	Bytes  int64 `json:"bytes"`
}

// Estimate is what a plan costs.
type Estimate struct {
	Ways map[Way]Count `json:"ways"`
	// CrossingBytes leave the source for the destination: the shards of way full, and what assembled ones miss.
	CrossingBytes int64 `json:"crossing_bytes"`
	// ReusedBytes are copied at the destination inside assembled shards, or read back from it for pulled ones.
	ReusedBytes int64 `json:"reused_bytes,omitempty"`
	// PaidBytes cross a link with a price or between locations, counted once for each such hop.
	PaidBytes int64       `json:"paid_bytes"`
	Lines     []cost.Line `json:"lines"`
	// USD is the price of all that is planned, each byte in the band that its meter will have reached; where a meter's count is not
	// known, at the dearest band.
	USD cost.NanoUSD `json:"usd"`
	// LowUSD and HighUSD are bounds. The low one leaves out what may turn out to be held, and takes the cheapest bands of meters that
	// are not known; the high one adds headers, TLS and retries, as they are reserved.
	LowUSD  cost.NanoUSD `json:"low_usd"`
	HighUSD cost.NanoUSD `json:"high_usd"`
	// UpperUSD and UpperBytes are the part of the high bound that is reserved: what must fit the budgets.
	UpperUSD   cost.NanoUSD `json:"upper_usd"`
	UpperBytes int64        `json:"upper_bytes"`
	Requests   int64        `json:"requests"`
	// ExpectedCreditUSD is what programmes are expected to pay back later. It is in no other sum.
	ExpectedCreditUSD cost.NanoUSD `json:"expected_credit_usd,omitempty"`
	// Fixed are the private links that the bytes go over, with what they cost beside the bytes. It is in no sum.
	Fixed []cost.Fixed `json:"fixed,omitempty"`
	// Seconds at the given bandwidth.
	Seconds float64 `json:"seconds"`
	// UpperBound: some digests are not known, so that less may cross.
	UpperBound bool `json:"upper_bound"`
	// NeedsRehydration: the source's archived blobs must be rehydrated first.
	NeedsRehydration bool `json:"needs_rehydration,omitempty"`

	rates    []cost.Rate // of the lines
	reserved reserved
}

// MonthToDate tells what a pool's meter has counted this month, nil if unknown.
type MonthToDate func(pool string) (*int64, error)

// price of items over a route. partBytes is the size of a part, bitsPerSecond the bandwidth for the time (0: none).
func (r Route) price(b *cost.Book, items []Item, partBytes int64, bitsPerSecond float64, mtd MonthToDate) (Estimate, error) {
	planned := r.traffic(items, partBytes, false)
	e := planned.estimate
	usual, high := newMeters(mtd), newMeters(mtd)
	for _, h := range planned.hops {
		if err := e.add(b, h, usual, high); err != nil {
			return e, err
		}
	}
	for _, u := range e.reserved {
		e.UpperUSD, e.UpperBytes = cost.AddNanoUSD(e.UpperUSD, u.usd), e.UpperBytes+u.bytes
	}
	low, certain := newMeters(mtd), planned.hops
	if planned.unsure {
		certain = r.traffic(items, partBytes, true).hops
	}
	for _, h := range certain {
		at, err := low.count(h.rate.Pool, h.Bytes)
		if err != nil {
			return e, err
		}
		l := b.PriceHopAt(h.Hop, h.rate, at)
		e.LowUSD = cost.AddNanoUSD(e.LowUSD, h.rate.Cheapest(h.Bytes, at), l.RequestsNanoUSD, l.RetrievalNanoUSD)
	}
	e.Fixed = cost.FixedCosts(e.rates...)
	if bitsPerSecond > 0 {
		e.Seconds = float64(e.CrossingBytes) * 8 / bitsPerSecond
	}
	return e, nil
}

// add prices a hop.
func (e *Estimate) add(b *cost.Book, h *traffic, usual, high *meters) error {
	at, err := usual.count(h.rate.Pool, h.Bytes)
	if err != nil {
		return err
	}
	line := b.PriceHopAt(h.Hop, h.rate, at)
	e.Lines, e.rates = append(e.Lines, line), append(e.rates, h.rate)
	e.USD = cost.AddNanoUSD(e.USD, line.TotalNanoUSD)
	e.ExpectedCreditUSD = cost.AddNanoUSD(e.ExpectedCreditUSD, line.ExpectedCreditNanoUSD)
	e.Requests += h.requests()
	e.NeedsRehydration = e.NeedsRehydration || line.NeedsRehydration
	if !h.inPlace() {
		e.PaidBytes += h.Bytes
	}
	if at, err = high.count(h.rate.Pool, h.upper().Bytes); err != nil {
		return err
	}
	e.HighUSD = cost.AddNanoUSD(e.HighUSD, e.reserved.add(b, h, at))
	return nil
}

// meters are where the pools stand while a plan is priced: several hops may count on the same one, each going on from where the
// one before it ended.
type meters struct {
	mtd     MonthToDate
	counted map[string]int64
}

func newMeters(mtd MonthToDate) *meters { return &meters{mtd, map[string]int64{}} }

// count returns where a pool stands, nil if that is not known, and adds bytes to it.
func (m *meters) count(pool string, bytes int64) (at *int64, err error) {
	at, err = m.mtd(pool)
	if at != nil {
		stands := *at + m.counted[pool]
		at = &stands
	}
	m.counted[pool] += bytes
	return at, err
}

// Duration is Seconds as a duration.
func (e Estimate) Duration() time.Duration { return time.Duration(e.Seconds * float64(time.Second)) }

// String is one line for people.
func (e Estimate) String() string {
	return fmt.Sprintf("%d bytes cross, %s", e.CrossingBytes, e.USD)
}

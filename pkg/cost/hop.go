package cost

import (
	"fmt"
	"strings"

	"github.com/datagravity/datagravity/pkg/store"
)

// Hop is bytes and requests between a source and a destination.
type Hop struct {
	From, To store.Location
	// Bytes that leave From on the wire: payload with what headers, TLS and retries add.
	Bytes int64
	// SourceRequests and DestinationRequests count the requests against each side by class. They are priced under the
	// names in SourcePrices and DestinationPrices, each the store's Capabilities().RequestPrices; "" is free.
	SourceRequests, DestinationRequests map[Op]int64
	SourcePrices, DestinationPrices     string
	// StorageClass of the objects that are read, in the provider's words; "" for the default class. Reading RetrievalBytes
	// of them costs retrieval under SourcePrices.
	StorageClass   string
	RetrievalBytes int64
	// DestinationClass is the storage class that is written, "" for the default class.
	DestinationClass string
}

// Line is one priced hop of a plan or an entry of an account.
type Line struct {
	RateID           string  `json:"rate_id"`
	BookVersion      string  `json:"book_version"`
	Class            Class   `json:"class"`
	Pool             string  `json:"pool,omitempty"` // whose month-to-date decided the tier
	Bytes            int64   `json:"bytes"`
	TransferNanoUSD  NanoUSD `json:"transfer_usd"`
	RequestsNanoUSD  NanoUSD `json:"requests_usd"`
	RetrievalNanoUSD NanoUSD `json:"retrieval_usd"`
	TotalNanoUSD     NanoUSD `json:"total_usd"`
	Verified         bool    `json:"verified"` // every price that is not zero is verified
	NeedsRehydration bool    `json:"needs_rehydration,omitempty"`
	UpperBound       bool    `json:"upper_bound,omitempty"` // month-to-date is not known, and it matters
	TransferRateAsOf string  `json:"as_of,omitempty"`
	// AgentNanoUSD is the part of TransferNanoUSD that the agent's network charges.
	AgentNanoUSD NanoUSD `json:"agent_usd,omitempty"`
	// ExpectedCreditNanoUSD is what programmes are expected to pay back later; TotalNanoUSD is gross.
	ExpectedCreditNanoUSD NanoUSD `json:"expected_credit_usd,omitempty"`
	// FixedNanoUSDPerHour is what the link costs beside its bytes, in no sum here: several lines may go over one link. See
	// [FixedCosts].
	FixedNanoUSDPerHour NanoUSD `json:"fixed_usd_per_hour,omitempty"`
	Explanation         string  `json:"explanation"`
}

// PriceHop prices a hop when its rate's pool has counted *monthToDate bytes this month, nil if that is not known (the
// price is then an upper bound). Errors are those of [Book.Transfer].
func (b *Book) PriceHop(h Hop, monthToDate *int64, o RouteOptions) (Line, error) {
	r, err := b.Transfer(h.From, h.To, o)
	if err != nil {
		return Line{}, err
	}
	return b.PriceHopAt(h, r, monthToDate), nil
}

// HopPrice is the total of [Book.PriceHopAt] alone, without the words: for prices of many hops.
func (b *Book) HopPrice(h Hop, r Rate, monthToDate *int64) NanoUSD {
	return b.line(h, r, monthToDate).TotalNanoUSD
}

// PriceHopAt is PriceHop at a rate that the caller has from [Book.Transfer]: once for a route, not for each shard, or
// adjusted with [Rate.WithAllowanceUsedElsewhere].
func (b *Book) PriceHopAt(h Hop, r Rate, monthToDate *int64) Line {
	l := b.line(h, r, monthToDate)
	l.Explanation = l.explain(h, r)
	return l
}

// line is a priced hop without its explanation.
func (b *Book) line(h Hop, r Rate, monthToDate *int64) Line {
	l := Line{
		RateID: r.ID, BookVersion: b.Version, Class: r.Class, Pool: r.Pool, Bytes: max(0, h.Bytes),
		TransferNanoUSD: r.Price(h.Bytes, monthToDate), TransferRateAsOf: r.AsOf,
	}
	l.Verified = r.Verified || r.IsFree()
	l.AgentNanoUSD = r.agentPrice(l.Bytes)
	l.ExpectedCreditNanoUSD = r.ExpectedCredit(h.Bytes, monthToDate)
	l.FixedNanoUSDPerHour = FixedPerHour(r)
	l.UpperBound = monthToDate == nil && (len(r.Tiers) > 1 || r.AllowanceBytes > 0)
	for _, side := range [...]struct {
		provider, class string
		counts          map[Op]int64
	}{{h.SourcePrices, h.StorageClass, h.SourceRequests}, {h.DestinationPrices, h.DestinationClass, h.DestinationRequests}} {
		for _, op := range Ops {
			price, verified := b.requestsFor(side.provider, side.class, op, side.counts[op])
			l.RequestsNanoUSD = AddNanoUSD(l.RequestsNanoUSD, price)
			l.Verified = l.Verified && verified
		}
	}
	var verified bool
	l.RetrievalNanoUSD, l.NeedsRehydration, verified = b.retrievalFor(h.SourcePrices, h.StorageClass, h.RetrievalBytes)
	l.Verified = l.Verified && verified
	l.TotalNanoUSD = AddNanoUSD(l.TransferNanoUSD, l.RequestsNanoUSD, l.RetrievalNanoUSD)
	return l
}

func (l Line) explain(h Hop, r Rate) string {
	var s strings.Builder
	s.WriteString(r.Explanation)
	if l.UpperBound {
		fmt.Fprintf(&s, " What %s has counted this month is not known, so every byte is priced at the dearest tier: an upper bound.", l.Pool)
	}
	if l.RequestsNanoUSD > 0 {
		fmt.Fprintf(&s, " Requests add %s.", l.RequestsNanoUSD)
	}
	if l.RetrievalNanoUSD > 0 {
		fmt.Fprintf(&s, " Reading storage class %s adds %s.", h.StorageClass, l.RetrievalNanoUSD)
	}
	if l.NeedsRehydration {
		fmt.Fprintf(&s, " Objects in %s must be rehydrated (restored) before they can be read.", h.StorageClass)
	}
	return s.String()
}

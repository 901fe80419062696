package plan

import (
	"time"

	"github.com/datagravity/datagravity/pkg/cost"
)

// Keeping is what the replicas cost that a plan makes, once they are there. It is in no sum of an [Estimate].
type Keeping struct {
	// Bytes of new replicas, and of what replaces an object as far as it is larger.
	Bytes int64 `json:"bytes"`
	// Known is false if the price book has no price for the destination's storage class: the sums are then 0.
	Known    bool `json:"known"`
	Verified bool `json:"verified"`
	// MonthUSD is the storage of 730 hours at the dearest band.
	MonthUSD cost.NanoUSD `json:"month_usd"`
	// Seconds that the replicas are to be kept, as the request says, and their price; at least the time that the storage class charges
	// for in any case.
	Seconds float64      `json:"seconds,omitempty"`
	USD     cost.NanoUSD `json:"usd,omitempty"`
	// MinimumSeconds that the storage class charges for at least.
	MinimumSeconds float64 `json:"minimum_seconds,omitempty"`
	// EarlyDeletionUSD is what replacing objects costs at most that have not been there for the minimum time.
	EarlyDeletionUSD cost.NanoUSD `json:"early_deletion_usd,omitempty"`
}

const month = 730 * time.Hour

// keeping prices the storage of what a plan makes, kept for a time (0: nobody said).
func (r Route) keeping(b *cost.Book, items []Item, keep time.Duration) (k Keeping) {
	var replaced int64
	for _, it := range items {
		switch {
		case it.Way != Full && it.Way != Assemble && it.Way != Pull && it.Way != Copy:
		case it.Replaces:
			replaced += it.ReplacedBytes
			k.Bytes += max(0, it.Size-it.ReplacedBytes)
		default:
			k.Bytes += it.Size
		}
	}
	provider, class := r.Destination.Provider, r.DestinationClass
	least, sure := b.MinimumStorage(provider, class)
	k.MonthUSD, k.Verified, k.Known = b.Storage(provider, class, k.Bytes, nil, month)
	k.Verified = k.Verified && sure
	k.MinimumSeconds = least.Seconds()
	k.EarlyDeletionUSD, _, _ = b.EarlyDeletion(provider, class, replaced, 0)
	if keep > 0 {
		keep = max(keep, least)
		k.Seconds = keep.Seconds()
		k.USD, _, _ = b.Storage(provider, class, k.Bytes, nil, keep)
	}
	return k
}

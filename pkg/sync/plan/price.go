package plan

import (
	"errors"
	"fmt"
	"time"

	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/store"
)

// Route is where the bytes go: from the source to the agent, and from the agent to the destination.
type Route struct {
	Source, Agent, Destination store.Location
	// Request prices of the two stores, as their capabilities name them.
	SourcePrices, DestinationPrices string
	DestinationClass                string
	// CopiesReadBack: the destination vouches for no checksum of a copy, so that its bytes are read to prove it.
	CopiesReadBack bool
	Link           cost.Link
	// Rates of the hops: In source to agent, Out agent to destination, Back destination to agent (reading back).
	In, Out, Back cost.Rate
}

// NewRoute finds the rates of the three hops.
func NewRoute(b *cost.Book, link cost.Link, agent store.Location, o cost.RouteOptions) (r Route, err error) {
	r = Route{Source: link.SourceLocation, Agent: agent, Destination: link.DestLocation, Link: link}
	if r.In, err = b.Transfer(r.Source, agent, o); err != nil {
		return r, err
	}
	if link.Dest == "" {
		return r, nil
	}
	if r.Out, err = b.Transfer(agent, r.Destination, o); err != nil {
		return r, err
	}
	r.Back, err = b.Transfer(r.Destination, agent, o)
	return r, err
}

// Count is how many shards go one way, and their bytes.
type Count struct {
	Shards int   `json:"shards"`
	Bytes  int64 `json:"bytes"`
}

// Estimate is what a plan costs.
type Estimate struct {
	Ways map[Way]Count `json:"ways"`
	// CrossingBytes leave the source for the destination: the shards of way full.
	CrossingBytes int64 `json:"crossing_bytes"`
	// PaidBytes cross a link with a price or between locations, counted once for each such hop.
	PaidBytes int64        `json:"paid_bytes"`
	Lines     []cost.Line  `json:"lines"`
	USD       cost.NanoUSD `json:"usd"`
	// UpperUSD and UpperBytes include the margin for headers, TLS and retries that is reserved: what must fit the budgets.
	UpperUSD   cost.NanoUSD `json:"upper_usd"`
	UpperBytes int64        `json:"upper_bytes"`
	Requests   int64        `json:"requests"`
	// Seconds at the given bandwidth.
	Seconds float64 `json:"seconds"`
	// UpperBound: some digests are not known, so that less may cross.
	UpperBound bool `json:"upper_bound"`
	// NeedsRehydration: the source's archived blobs must be rehydrated first.
	NeedsRehydration bool `json:"needs_rehydration,omitempty"`
}

// MonthToDate tells what a pool's meter has counted this month, nil if unknown.
type MonthToDate func(pool string) (*int64, error)

// price of items over a route. partBytes is the size of a part, bitsPerSecond the bandwidth for the time (0: none).
func (r Route) price(b *cost.Book, items []Item, partBytes int64, bitsPerSecond float64, mtd MonthToDate) (Estimate, error) {
	e := Estimate{Ways: map[Way]Count{}}
	in := cost.Hop{From: r.Source, To: r.Agent, SourcePrices: r.SourcePrices, SourceRequests: map[cost.Op]int64{}}
	out := cost.Hop{
		From: r.Agent, To: r.Destination, DestinationPrices: r.DestinationPrices, DestinationClass: r.DestinationClass,
		DestinationRequests: map[cost.Op]int64{},
	}
	back := cost.Hop{From: r.Destination, To: r.Agent, SourcePrices: r.DestinationPrices, SourceRequests: map[cost.Op]int64{}}
	for _, it := range items {
		c := e.Ways[it.Way]
		c.Shards++
		c.Bytes += it.Size
		e.Ways[it.Way] = c
		parts := max(1, (it.Size+partBytes-1)/partBytes)
		if it.LearnFirst {
			in.Bytes += it.Size
			in.SourceRequests[cost.OpRead] += parts
			e.UpperBound = true
		}
		switch it.Way {
		case Full:
			e.UpperBound = e.UpperBound || !it.Known
			e.CrossingBytes += it.Size
			in.Bytes += it.Size
			in.SourceRequests[cost.OpRead] += parts
			in.RetrievalBytes += it.retrieval()
			in.StorageClass = it.class(in.StorageClass)
			out.Bytes += it.Size
			out.DestinationRequests[cost.OpWrite] += writes(parts)
		case Read:
			back.Bytes += it.Size
			back.SourceRequests[cost.OpRead] += parts
		case Copy:
			out.DestinationRequests[cost.OpWrite]++
			if r.CopiesReadBack {
				back.Bytes += it.Size
				back.SourceRequests[cost.OpRead] += parts
			}
		}
	}
	if err := e.add(b, in, r.In, mtd); err != nil {
		return e, err
	}
	if r.Link.Dest != "" { // reading for the index alone has no other hop
		if err := errors.Join(e.add(b, out, r.Out, mtd), e.add(b, back, r.Back, mtd)); err != nil {
			return e, err
		}
	}
	if bitsPerSecond > 0 {
		e.Seconds = float64(e.CrossingBytes) * 8 / bitsPerSecond
	}
	return e, nil
}

// writes of a shard in so many parts: one put, or the start, the parts and the completion.
func writes(parts int64) int64 {
	if parts == 1 {
		return 1
	}
	return parts + 2
}

// retrieval bytes of a source object: those of a class other than the default pay for being read.
func (it Item) retrieval() int64 {
	if it.StorageClass == "" {
		return 0
	}
	return it.Size
}

func (it Item) class(before string) string {
	if it.StorageClass != "" {
		return it.StorageClass
	}
	return before
}

func (e *Estimate) add(b *cost.Book, h cost.Hop, rate cost.Rate, mtd MonthToDate) error {
	var requests int64
	for _, n := range h.SourceRequests {
		requests += n
	}
	for _, n := range h.DestinationRequests {
		requests += n
	}
	if h.Bytes == 0 && requests == 0 {
		return nil
	}
	used, err := mtd(rate.Pool)
	if err != nil {
		return err
	}
	line := b.PriceHopAt(h, rate, used)
	e.Lines = append(e.Lines, line)
	e.USD = cost.AddNanoUSD(e.USD, line.TotalNanoUSD)
	e.Requests += requests
	e.NeedsRehydration = e.NeedsRehydration || line.NeedsRehydration
	if h.From == h.To {
		return nil
	}
	upper := h
	upper.Bytes = h.Bytes + h.Bytes*cost.MarginPerMille/1000 + requests*cost.MarginPerRequest
	e.PaidBytes += h.Bytes
	e.UpperBytes += upper.Bytes
	e.UpperUSD = cost.AddNanoUSD(e.UpperUSD, b.PriceHopAt(upper, rate, used).TotalNanoUSD)
	return nil
}

// Duration is Seconds as a duration.
func (e Estimate) Duration() time.Duration { return time.Duration(e.Seconds * float64(time.Second)) }

// String is one line for people.
func (e Estimate) String() string {
	return fmt.Sprintf("%d bytes cross, %s", e.CrossingBytes, e.USD)
}

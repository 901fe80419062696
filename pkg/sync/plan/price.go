package plan

import (
	"errors"
	"fmt"
	"time"

	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/sync/parts"
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
	// Trust says which prices budgets may rest on.
	Trust cost.Trust
}

// NewRoute finds the rates of the three hops.
func NewRoute(b *cost.Book, link cost.Link, agent store.Location, o cost.RouteOptions) (r Route, err error) {
	r = Route{Source: link.SourceLocation, Agent: agent, Destination: link.DestLocation, Link: link, Trust: o.Trust}
	if r.In, err = b.Transfer(r.Source, agent, o.FromStore(link.Source)); err != nil {
		return r, err
	}
	if link.Dest == "" {
		return r, nil
	}
	if r.Out, err = b.Transfer(agent, r.Destination, o); err != nil {
		return r, err
	}
	r.Back, err = b.Transfer(r.Destination, agent, o.FromDestination(link.Dest))
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
	// CrossingBytes leave the source for the destination: the shards of way full, and what assembled ones miss.
	CrossingBytes int64 `json:"crossing_bytes"`
	// ReusedBytes are copied at the destination, inside assembled shards.
	ReusedBytes int64 `json:"reused_bytes,omitempty"`
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

	rates []cost.Rate // of the lines
}

// MonthToDate tells what a pool's meter has counted this month, nil if unknown.
type MonthToDate func(pool string) (*int64, error)

// price of items over a route. partBytes is the size of a part, bitsPerSecond the bandwidth for the time (0: none).
func (r Route) price(b *cost.Book, items []Item, partBytes int64, bitsPerSecond float64, mtd MonthToDate) (Estimate, error) {
	e := Estimate{Ways: map[Way]Count{}}
	source := &reading{cost.Hop{From: r.Source, To: r.Agent, SourcePrices: r.SourcePrices, SourceRequests: map[cost.Op]int64{}}, r.In}
	origins := []*reading{source}
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
		count := max(1, (it.Size+partBytes-1)/partBytes)
		in := source
		if it.Origin != nil {
			in, origins = readingFrom(origins, it.Origin.Place, r.Agent)
		}
		if it.LearnFirst {
			in.Bytes += it.Size
			in.SourceRequests[cost.OpRead] += count
			e.UpperBound = true
		}
		switch it.Way {
		case Full:
			e.UpperBound = e.UpperBound || !it.Known
			e.CrossingBytes += it.Size
			in.Bytes += it.Size
			in.SourceRequests[cost.OpRead] += count
			in.retrieve(it, it.Size)
			out.Bytes += it.Size
			out.DestinationRequests[cost.OpWrite] += writes(count)
		case Assemble:
			a := it.Assembly
			e.CrossingBytes += a.SentBytes
			e.ReusedBytes += a.CopiedBytes
			in.Bytes += a.SentBytes
			in.SourceRequests[cost.OpRead] += int64(a.Sent)
			in.retrieve(it, a.SentBytes)
			out.Bytes += a.SentBytes
			out.DestinationRequests[cost.OpWrite] += int64(a.Sent+a.Copied) + 2 + gluedRequests*int64(a.Glued)
			if a.ReadBack {
				back.Bytes += it.Size
				back.SourceRequests[cost.OpRead] += count
			}
		case Read:
			back.Bytes += it.Size
			back.SourceRequests[cost.OpRead] += count
		case Copy:
			out.DestinationRequests[cost.OpWrite]++
			if r.CopiesReadBack {
				back.Bytes += it.Size
				back.SourceRequests[cost.OpRead] += count
			}
		}
	}
	for _, in := range origins {
		if err := e.add(b, in.Hop, in.rate, mtd); err != nil {
			return e, err
		}
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

// reading is what is read from one place.
type reading struct {
	cost.Hop
	rate cost.Rate
}

// readingFrom finds the entry of a place, or makes one; the first is the source's.
func readingFrom(list []*reading, o Origin, agent store.Location) (*reading, []*reading) {
	for _, r := range list[1:] {
		if r.From == o.Location && r.rate.ID == o.In.ID {
			return r, list
		}
	}
	r := &reading{cost.Hop{From: o.Location, To: agent, SourcePrices: o.Prices, SourceRequests: map[cost.Op]int64{}}, o.In}
	return r, append(list, r)
}

// writes of a shard in so many parts: one put, or the start, the parts and the completion.
func writes(count int64) int64 {
	if count == 1 {
		return 1
	}
	return count + 2
}

// retrieve counts bytes of a source object whose class, other than the default, pays for being read.
func (r *reading) retrieve(it Item, n int64) {
	if it.StorageClass != "" && it.Origin == nil {
		r.RetrievalBytes += n
		r.StorageClass = it.StorageClass
	}
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
	e.Lines, e.rates = append(e.Lines, line), append(e.rates, rate)
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

// gluedRequests of a temporary object, beside those of its pieces: start and completion of its upload, and the copy of it. Its removal is free.
const gluedRequests = 3

// What waiting is worth where nothing has a price: bytes still take time, and a request as much as some of them.
const (
	leastNanoUSDPerByte    = 1e6 / float64(store.GiB) // a tenth of a cent per GiB, about a hundredth of internet egress
	leastNanoUSDPerRequest = float64(64*store.KiB) * leastNanoUSDPerByte
)

// NanoUSDPerGiB is what 2^30 bytes from the source to the destination cost at the dearest.
func (r Route) NanoUSDPerGiB() cost.NanoUSD {
	return cost.AddNanoUSD(r.In.Price(store.GiB, nil), r.Out.Price(store.GiB, nil))
}

// PartPrices weighs the ways to make a part of a shard over this route, and a byte that is read back, in nano-USD.
func (r Route) PartPrices(b *cost.Book) (p parts.Prices, readByte float64) {
	perByte := func(rates ...cost.Rate) float64 {
		sum := leastNanoUSDPerByte
		for _, rate := range rates {
			sum += nanoUSDPerByte(rate)
		}
		return sum
	}
	request := func(prices string, op cost.Op) float64 {
		return leastNanoUSDPerRequest + float64(b.Requests(prices, op, 1000))/1000
	}
	write := request(r.DestinationPrices, cost.OpWrite)
	p = parts.Prices{
		Byte: perByte(r.In, r.Out), Send: write + request(r.SourcePrices, cost.OpRead), Copy: write, Glue: gluedRequests * write,
	}
	return p, perByte(r.Back)
}

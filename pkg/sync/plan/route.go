package plan

import (
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

	options cost.RouteOptions
}

// NewRoute finds the rates of the three hops.
func NewRoute(b *cost.Book, link cost.Link, agent store.Location, o cost.RouteOptions) (r Route, err error) {
	r = Route{Source: link.SourceLocation, Agent: agent, Destination: link.DestLocation, Link: link, Trust: o.Trust, options: o}
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

// At is the route with its agent elsewhere. What the network there charges is not known.
func (r Route) At(b *cost.Book, agent store.Location) (Route, error) {
	o := r.options
	o.Agent, o.AgentCharges = agent, nil
	at, err := NewRoute(b, r.Link, agent, o)
	at.SourcePrices, at.DestinationPrices, at.DestinationClass, at.CopiesReadBack = r.SourcePrices, r.DestinationPrices, r.DestinationClass, r.CopiesReadBack
	return at, err
}

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

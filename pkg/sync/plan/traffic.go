package plan

import "github.com/datagravity/datagravity/pkg/cost"

// traffic is what goes over one hop at one rate: all that is read of one storage class at one place, all that is written, or all
// that is read back.
type traffic struct {
	cost.Hop
	rate cost.Rate
	link cost.Link // as budgets name it: a replica elsewhere is read over a link of its own
}

// upper is the hop with the margin for headers, TLS and retries that is reserved for it.
func (h *traffic) upper() cost.Hop {
	u := h.Hop
	u.Bytes = cost.WithMargin(h.Bytes, h.requests())
	return u
}

// inPlace tells that the hop does not leave a place, where nothing is charged for its bytes.
func (h *traffic) inPlace() bool { return h.From == h.To && h.rate.IsFree() }

func (h *traffic) requests() (n int64) {
	for _, of := range []map[cost.Op]int64{h.SourceRequests, h.DestinationRequests} {
		for _, count := range of {
			n += count
		}
	}
	return n
}

// read counts n bytes in so many requests, which cost retrieval where their class has any.
func (h *traffic) read(n, requests int64) {
	h.Bytes += n
	h.SourceRequests[cost.OpRead] += requests
	if h.StorageClass != "" {
		h.RetrievalBytes += n
	}
}

// planned is the traffic of a plan, and what of its estimate has no price.
type planned struct {
	hops     []*traffic
	estimate Estimate
	unsure   bool // some of it may turn out to be held
}

// traffic of items over the route. least leaves out the crossing of what may turn out to be held.
func (r Route) traffic(items []Item, partBytes int64, least bool) planned {
	p := planned{estimate: Estimate{Ways: map[Way]Count{}}}
	e := &p.estimate
	t := travels{Route: r}
	out := &traffic{cost.Hop{
		From: r.Agent, To: r.Destination, DestinationPrices: r.DestinationPrices, DestinationClass: r.DestinationClass,
		DestinationRequests: map[cost.Op]int64{},
	}, r.Out, r.Link}
	back := &traffic{cost.Hop{
		From: r.Destination, To: r.Agent, SourcePrices: r.DestinationPrices, StorageClass: r.DestinationClass, SourceRequests: map[cost.Op]int64{},
	}, r.Back, r.Link}
	for _, it := range items {
		c := e.Ways[it.Way]
		c.Shards++
		c.Bytes += it.Size
		e.Ways[it.Way] = c
		count := max(1, (it.Size+partBytes-1)/partBytes)
		if it.LearnFirst {
			t.from(it).read(it.Size, count)
			e.UpperBound, p.unsure = true, true
			if least {
				continue
			}
		}
		switch it.Way {
		case Full:
			e.UpperBound = e.UpperBound || !it.Known
			e.CrossingBytes += it.Size
			t.from(it).read(it.Size, count)
			out.Bytes += it.Size
			out.DestinationRequests[cost.OpWrite] += writes(count)
		case Assemble:
			a := it.Assembly
			e.CrossingBytes += a.SentBytes
			e.ReusedBytes += a.CopiedBytes
			t.from(it).read(a.SentBytes, int64(a.Sent))
			out.Bytes += a.SentBytes
			out.DestinationRequests[cost.OpWrite] += int64(a.Sent+a.Copied) + 2 + gluedRequests*int64(a.Glued)
			if a.ReadBack {
				back.read(it.Size, count)
			}
		case Pull:
			l := it.Pulled
			e.CrossingBytes += l.FetchedBytes
			e.ReusedBytes += l.HeldBytes
			t.from(it).read(l.FetchedBytes, int64(l.Fetches))
			back.read(l.HeldBytes, int64(l.Reads))
			out.Bytes += it.Size
			out.DestinationRequests[cost.OpWrite] += count + 2 // always an upload in parts
		case Read:
			back.read(it.Size, count)
		case Copy:
			out.DestinationRequests[cost.OpWrite]++
			if r.CopiesReadBack {
				back.read(it.Size, count)
			}
		}
	}
	hops := t.reads
	if r.Link.Dest != "" { // reading for the index alone has no other hop
		hops = append(hops, out, back)
	}
	for _, h := range hops {
		if h.Bytes > 0 || h.requests() > 0 {
			p.hops = append(p.hops, h)
		}
	}
	return p
}

// travels are the hops to the agent.
type travels struct {
	Route
	reads []*traffic
}

// from is the hop of what is read for an item: of its storage class at the source, or where its replica is.
func (t *travels) from(it Item) *traffic {
	place, class := t.Link.Source, it.StorageClass
	if it.Origin != nil {
		place, class = it.Origin.Place.Store, ""
	}
	for _, r := range t.reads {
		if r.link.Source == place && r.StorageClass == class {
			return r
		}
	}
	h := &traffic{cost.Hop{From: t.Source, To: t.Agent, SourcePrices: t.SourcePrices, StorageClass: class, SourceRequests: map[cost.Op]int64{}}, t.In, t.Link}
	if o := it.Origin; o != nil {
		h.From, h.SourcePrices, h.rate = o.Place.Location, o.Place.Prices, o.Place.In
		h.link.Source, h.link.SourceLocation = o.Place.Store, o.Place.Location
	}
	t.reads = append(t.reads, h)
	return h
}

// writes of a shard in so many parts: one put, or the start, the parts and the completion.
func writes(count int64) int64 {
	if count == 1 {
		return 1
	}
	return count + 2
}

// gluedRequests of a temporary object, beside those of its pieces: start and completion of its upload, and the copy of it. Its removal is free.
const gluedRequests = 3

// FromSource is what a plan reads of the source at most, in bytes on the wire and requests, as it is reserved.
func (p *Plan) FromSource(partBytes int64) (bytes, requests int64) {
	for _, h := range p.Route.traffic(p.Items, partBytes, false).hops {
		if h.From == p.Route.Source && h.link.Source == p.Route.Link.Source {
			bytes, requests = bytes+h.upper().Bytes, requests+h.requests()
		}
	}
	return bytes, requests
}

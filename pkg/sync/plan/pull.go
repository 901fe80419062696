package plan

import (
	"fmt"

	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/sync/parts"
)

// Pulled is how a shard is put together in the agent: from ranges of what the destination holds, which are read back, and from what it lacks, which
// is read from the source. It is then sent whole. That pays where the agent is beside the destination: only what is missing crosses, exactly,
// whatever the destination's own requests can put together.
type Pulled struct {
	// Pieces of the shard, in order and without a gap.
	Pieces []PullPiece
	// From are the objects at the destination that ranges are read from, pinned.
	From []manifest.Replica
	PullTotals
}

// PullPiece is a run of whole chunks.
type PullPiece struct {
	Chunks int   `json:"chunks"`
	Size   int64 `json:"size"` // bytes
	// From is the place in [Pulled.From] of the object that it is read from, plus one; 0: it is read from the source.
	From   int   `json:"from,omitempty"`
	Offset int64 `json:"offset,omitempty"` // in that object
}

// PullTotals are the sums of the pieces.
type PullTotals struct {
	Fetches, Reads          int   // ranges of the source and of the destination's objects
	FetchedBytes, HeldBytes int64 // in them
}

func (t *PullTotals) add(p PullPiece) {
	if p.From == 0 {
		t.Fetches, t.FetchedBytes = t.Fetches+1, t.FetchedBytes+p.Size
		return
	}
	t.Reads, t.HeldBytes = t.Reads+1, t.HeldBytes+p.Size
}

// PullPrices weigh what a pull does, in nano-USD: a byte and a request at the source, at the destination where they are read back, and where
// they are sent.
type PullPrices struct {
	Fetch, FetchRequest float64
	Read, ReadRequest   float64
	Send, SendRequest   float64
}

// PullPrices of a route.
func (r Route) PullPrices(b *cost.Book) PullPrices {
	request := func(prices string, op cost.Op) float64 {
		return leastNanoUSDPerRequest + float64(b.Requests(prices, op, 1000))/1000
	}
	return PullPrices{
		Fetch: leastNanoUSDPerByte + nanoUSDPerByte(r.In), FetchRequest: request(r.SourcePrices, cost.OpRead),
		Read: leastNanoUSDPerByte + nanoUSDPerByte(r.Back), ReadRequest: request(r.DestinationPrices, cost.OpRead),
		Send: nanoUSDPerByte(r.Out), SendRequest: request(r.DestinationPrices, cost.OpWrite),
	}
}

// MayPay tells whether reading back is worth anything: not where that costs as much as reading the source.
func (p PullPrices) MayPay() bool { return p.Read < p.Fetch }

// price of a pull of a shard of so many bytes, sent in so many parts.
func (p PullPrices) price(t PullTotals, size, sends int64) float64 {
	return p.Fetch*float64(t.FetchedBytes) + p.FetchRequest*float64(t.Fetches) + p.Read*float64(t.HeldBytes) + p.ReadRequest*float64(t.Reads) +
		p.Send*float64(size) + p.SendRequest*float64(sends)
}

// pullSaves is what a pull must save of the price of the next best way: it has the agent read and hash all of the shard.
const pullSaves = 0.05

// run is a stretch of chunks that is read from one place.
type run struct {
	first, chunks int
	size          int64
	held          bool
	from          parts.Place
}

// pullRuns divides a shard into what is missing and what is held, and takes what is held from as few ranges as it can: a chunk goes on
// where the one before it ended, if it can.
func pullRuns(chunks []parts.Chunk) (list []run) {
	for i, c := range chunks {
		next := run{first: i, chunks: 1, size: c.Length}
		if n := len(list); n > 0 {
			last := &list[n-1]
			if joins := len(c.Places) == 0 && !last.held || last.held && holds(c.Places, parts.Place{Object: last.from.Object, Offset: last.from.Offset + last.size}); joins {
				last.chunks, last.size = last.chunks+1, last.size+c.Length
				continue
			}
		}
		if len(c.Places) > 0 {
			next.held, next.from = true, c.Places[0]
		}
		list = append(list, next)
	}
	return list
}

func holds(list []parts.Place, p parts.Place) bool {
	for _, one := range list {
		if one == p {
			return true
		}
	}
	return false
}

// bridge reads from the source what is held between two missing stretches, where a request costs more than those bytes do: one request
// to the source serves them all. Each gap is decided by itself, which is best because missing stretches never touch.
func (p PullPrices) bridge(list []run) []run {
	var out []run
	for i := 0; i < len(list); {
		if !list[i].held || len(out) == 0 || out[len(out)-1].held {
			out = append(out, list[i])
			i++
			continue
		}
		end, size, chunks := i, int64(0), 0
		for end < len(list) && list[end].held {
			size, chunks = size+list[end].size, chunks+list[end].chunks
			end++
		}
		bytes := float64(size)
		if end == len(list) || p.Fetch*bytes >= p.Read*bytes+p.ReadRequest*float64(end-i)+p.FetchRequest {
			out = append(out, list[i:end]...)
			i = end
			continue
		}
		last := &out[len(out)-1]
		last.size, last.chunks = last.size+size+list[end].size, last.chunks+chunks+list[end].chunks
		i = end + 1
	}
	return out
}

// beside notes what an agent beside the destination would read of the source, for a shard of which that holds something.
func (p PullPrices) beside(it *Item, chunks []parts.Chunk) {
	var t PullTotals
	for _, r := range p.bridge(pullRuns(chunks)) {
		piece := PullPiece{Size: r.size}
		if r.held {
			piece.From = 1
		}
		t.add(piece)
	}
	if t.Reads > 0 {
		it.Beside = &t
	}
}

// pull makes an item a pull if that is cheaper than a price.
func (b *builder) pull(it *Item, chunks []parts.Chunk, held holders, than float64) error {
	p := b.Reuse.Pull
	list := p.bridge(pullRuns(chunks))
	pull := &Pulled{Pieces: make([]PullPiece, 0, len(list))}
	var froms []*parts.Place
	for i := range list {
		r := &list[i]
		piece := PullPiece{Chunks: r.chunks, Size: r.size}
		if r.held {
			piece.From, piece.Offset = 1, r.from.Offset // numbered below
			froms = append(froms, &r.from)
		}
		pull.Pieces = append(pull.Pieces, piece)
		pull.add(piece)
	}
	sends := (it.Size+b.Reuse.PartBytes-1)/b.Reuse.PartBytes + 2 // with the upload's begin and end
	if pull.Reads == 0 || p.price(pull.PullTotals, it.Size, sends) >= than*(1-pullSaves) {
		return nil
	}
	var err error
	if pull.From, err = b.pinned(froms, held); err != nil || pull.From == nil {
		return err
	}
	for i, n := 0, 0; i < len(pull.Pieces); i++ {
		if pull.Pieces[i].From != 0 {
			pull.Pieces[i].From = 1 + int(froms[n].Object)
			n++
		}
	}
	it.Way, it.Pulled, it.Assembly = Pull, pull, nil
	it.Reason = fmt.Sprintf("%d of %d bytes are held, in %s, and are read there", pull.HeldBytes, it.Size, quoteFirst(pull.From))
	return nil
}

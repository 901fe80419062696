package cost

import (
	"slices"
	"time"

	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/store"
)

// The margin reserved above the bytes of a range, for HTTP headers, TLS records and a TLS handshake. TLS adds 22 bytes to
// a record of up to 16 KiB (0.14 %); a handshake with a certificate chain takes 5-8 KiB; headers of the three services
// stay below 2 KiB. Metered requests must stay within it: Settle reports more as [ErrOverrun].
const (
	MarginPerMille   = 10
	MarginPerRequest = 32 << 10
)

// WithMargin is what so many requests for so many bytes together may put on the wire.
func WithMargin(bytes, requests int64) int64 {
	return bytes + bytes*MarginPerMille/1000 + requests*MarginPerRequest
}

// Crossing is what one step will put on the wire between two locations, and the paid requests it makes.
type Crossing struct {
	Link     Link
	From, To store.Location // of this hop: source to agent, or agent to destination
	Dataset  string
	Path     string
	Need     string
	Activity string // transfer, index, verify, adopt, list
	// Job and Team that it is for, "" if nobody said.
	Job, Team string
	// Bytes on the wire at most, with margin.
	Bytes int64
	// Requests at the provider they are billed by.
	Requests      map[Op]int64
	RequestPrices string
	// StorageClass whose request prices hold, in the provider's words; "" is the default class.
	StorageClass string
	// Retrieval price of the range, for cool storage classes.
	Retrieval NanoUSD
	Rate      Rate
	// Credit is how much may be owed in all (bytes, and requests) where nothing is granted: what must be read to find out whether there is
	// anything to ask for. 0: nothing.
	Credit int64
}

// Moved is what one crossing of a ticket really put on the wire.
type Moved struct {
	Bytes    int64
	Requests map[Op]int64
}

// Free tells that no reservation is needed: its bytes cost nothing and no budget counts them or their retrieval. What requests cost inside
// one place is booked afterwards.
func (l *Ledger) Free(c Crossing) bool {
	if l.NeedsGrant(c) {
		return false
	}
	if c.inPlace() {
		return c.Retrieval <= 0 || !l.counted(c) // requests alone are settled afterwards; bytes do not leave the place
	}
	// A whole GiB, because a few bytes cost less than half a nano-dollar.
	if c.Rate.Price(max(c.Bytes, GiB), nil) != 0 {
		return false
	}
	return !l.counted(c)
}

// counted tells whether any budget counts a crossing.
func (l *Ledger) counted(c Crossing) bool {
	return slices.ContainsFunc(l.budgets, func(b Budget) bool { return b.Counts(c.Subject()) })
}

// inPlace tells that the bytes do not leave a place, and cost nothing: budgets do not count them, though what reading them out of a cool
// class costs.
func (c Crossing) inPlace() bool { return c.From == c.To && c.Rate.IsFree() }

// counts so many bytes of the crossing against budgets.
func (c Crossing) counts(bytes int64) int64 {
	if c.inPlace() {
		return 0
	}
	return bytes
}

func (c Crossing) requestCount() (n int64) {
	for _, v := range c.Requests {
		n += max(0, v)
	}
	return n
}

func (l *Ledger) requestPrice(c Crossing) (sum NanoUSD) {
	for op, n := range c.Requests {
		sum = AddNanoUSD(sum, l.book.RequestsIn(c.RequestPrices, c.StorageClass, op, n))
	}
	return sum
}

// besides is what a crossing costs beside its bytes: requests and retrieval.
func (l *Ledger) besides(c Crossing) NanoUSD {
	return AddNanoUSD(l.requestPrice(c), max(0, c.Retrieval))
}

// priced is a price, and the part of it that is not for the bytes at the provider's rate.
type priced struct{ all, other NanoUSD }

// dearest is what to reserve for a crossing when its meter stands at `at` (nil: unknown): the dearest price that it can
// have whenever it is settled. Other transfers may move the meter by any amount before, out of a free first band for
// instance, so that the bound is over all the bands from here on.
func (l *Ledger) dearest(c Crossing, at *int64) priced {
	besides := l.besides(c)
	return priced{AddNanoUSD(c.Rate.Dearest(c.Bytes, at, int64(MaxNanoUSD)), besides), AddNanoUSD(besides, c.Rate.agentPrice(c.Bytes))}
}

// price is what a crossing costs that moved so much.
func (l *Ledger) price(c Crossing, bytes int64, at *int64) priced {
	besides := l.besides(c)
	return priced{AddNanoUSD(c.Rate.Price(bytes, at), besides), AddNanoUSD(besides, c.Rate.agentPrice(bytes))}
}

// Subject is what budgets select the crossing by.
func (c Crossing) Subject() Subject {
	return Subject{Link: c.Link, Dataset: c.Dataset, Team: c.Team, Job: c.Job}
}

func (c Crossing) line(at time.Time) manifest.LineKey {
	return manifest.LineKey{
		Month: WindowOf(at), Day: Period{}.day(at), Dataset: c.Dataset, Path: c.Path, From: c.From.String(), To: c.To.String(),
		Source: c.Link.Source, Dest: c.Link.Dest, Need: c.Need, Activity: c.Activity, Job: c.Job, Team: c.Team,
	}
}

package cost

import (
	"testing"

	"github.com/datagravity/datagravity/pkg/manifest"
)

// What reading a cool class costs inside one place is under the budgets, and its bytes are not.
func TestRetrievalInsideOnePlaceIsReserved(t *testing.T) {
	r := newLedgerRig(t, Budget{Name: "b", LimitNanoUSD: 100, LimitBytes: 10})
	c := over(toS3, 1000)
	c.To, c.Rate, c.Retrieval = c.From, freeRate(SamePlace, ""), 60
	if r.l.Free(c) || !newLedgerRig(t).l.Free(c) {
		t.Error("free under a budget, or not free without one")
	}
	ticket := r.reserve(t, c)
	r.want(t, "b", 0, 60)
	r.refused(t, c)
	r.settle(t, ticket, 900)
	r.want(t, "b", 60, 0)
	if u := r.use(t, "b"); u.SettledBytes != 0 || u.ReservedBytes != 0 {
		t.Errorf("bytes inside one place count: %+v", u)
	}
	if sum, n := r.lines(t); n != 1 || sum.Bytes != 900 || sum.NanoUSD != 60 {
		t.Errorf("%d lines, %+v", n, sum)
	}
	r.crash(t, lose)
	r.want(t, "b", 60, 0)
	r.refused(t, c)
}

// A line tells what of its price is not for the bytes: a bill has requests, retrieval and what the agent's network charges on other meters.
// Requests have the prices of the storage class.
func TestLinesTellWhatIsNotForTheBytes(t *testing.T) {
	r := newLedgerRig(t)
	c := over(toS3, 1000)
	c.RequestPrices, c.StorageClass, c.Requests, c.Retrieval = "azure", "Cold", map[Op]int64{OpRead: 2}, 7
	c.Rate.AgentNanoUSDPerUnit = NanoUSD(c.Rate.UnitBytes) // one for each byte
	requests := r.l.Book().RequestsIn("azure", "Cold", OpRead, 2)
	if cheap := r.l.Book().Requests("azure", OpRead, 2); requests <= cheap {
		t.Fatalf("a cold read costs %d, a hot one %d", requests, cheap)
	}
	for name, end := range map[string]func(*Ticket) error{
		"settled": func(ticket *Ticket) error {
			return ticket.Settle([]Moved{{Bytes: 400, Requests: map[Op]int64{OpRead: 2}}})
		},
		"charged whole": (*Ticket).ChargeWhole,
	} {
		r := newLedgerRig(t)
		ticket := r.reserve(t, c)
		if err := end(ticket); err != nil {
			t.Fatal(err)
		}
		want := map[string]int64{"settled": 400, "charged whole": 1000}[name] + int64(requests) + 7
		for range 2 {
			var got manifest.Line
			err := r.m.View(func(tx *manifest.Tx) error {
				return tx.Lines(func(l manifest.Line) (bool, error) { got = l; return true, nil })
			})
			if err != nil || got.OtherNanoUSD != want || got.NanoUSD != int64(ticket.SettledNanoUSD()) {
				t.Errorf("%s: %d of %d, want %d; %v", name, got.OtherNanoUSD, got.NanoUSD, want, err)
			}
			r.crash(t, lose) // the journal has it, too
		}
	}
}

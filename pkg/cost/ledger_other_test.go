package cost

import (
	"testing"

	"github.com/datagravity/datagravity/pkg/manifest"
)

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

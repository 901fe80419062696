package cost

import (
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/datagravity/datagravity/pkg/manifest"
)

// modelAccount is the model: sums for each budget and month. At a nano-dollar a byte money and bytes are one number.
type modelAccount map[string]map[string]*modelWindow

// modelWindow has what is settled and reserved, and what was really spent: after a loss more may count as settled.
type modelWindow struct{ settled, reserved, spent int64 }

func (m modelAccount) at(budget, month string) *modelWindow {
	if m[budget] == nil {
		m[budget] = map[string]*modelWindow{}
	}
	if m[budget][month] == nil {
		m[budget][month] = new(modelWindow)
	}
	return m[budget][month]
}

type modelTicket struct {
	ticket *Ticket
	link   Link
	month  string
	bytes  int64
}

// settle turns a reservation into what was charged.
func (m modelAccount) settle(budgets []Budget, t modelTicket, charged int64) {
	for _, b := range budgets {
		if b.Covers(t.link) {
			w := m.at(b.Name, t.month)
			w.settled, w.reserved, w.spent = w.settled+charged, w.reserved-t.bytes, w.spent+charged
		}
	}
}

// Every order of reserving, settling, breaking off, dying, losing the manifest, putting an old one back and clocks that
// jump, over budgets that overlap: the account is what the model says, no limit is ever passed, nothing is lost.
func TestLedgerModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		limit := rapid.SampledFrom([]int64{0, 50, 100, 200, 1000})
		r := newLedgerRig(t,
			Budget{Name: "all", LimitNanoUSD: NanoUSD(limit.Draw(rt, "all usd")), LimitBytes: limit.Draw(rt, "all bytes")},
			Budget{Name: "azure", From: "azure", LimitNanoUSD: NanoUSD(limit.Draw(rt, "azure usd"))},
			Budget{Name: "azure to lab", From: "azure:eastus", To: "lab", LimitBytes: limit.Draw(rt, "lab bytes")},
			Budget{Name: "gcp", From: "gcp", LimitNanoUSD: 1},
		)
		model := modelAccount{}
		var open []modelTicket
		month, saved := "", false
		take := func(rt *rapid.T) (modelTicket, bool) {
			if len(open) == 0 {
				return modelTicket{}, false
			}
			i := rapid.IntRange(0, len(open)-1).Draw(rt, "ticket")
			t := open[i]
			open = append(open[:i:i], open[i+1:]...)
			return t, true
		}
		dies := func() { // whatever stands is settled whole
			for _, t := range open {
				model.settle(r.budgets, t, t.bytes)
			}
			open = nil
		}
		failing := errors.New("the disk is full")
		rt.Repeat(map[string]func(*rapid.T){
			"reserve": func(rt *rapid.T) {
				link := rapid.SampledFrom([]Link{toS3, toLab}).Draw(rt, "link")
				n := rapid.Int64Range(1, 60).Draw(rt, "bytes")
				fits := true
				now := max(month, WindowOf(r.now))
				for _, b := range r.budgets {
					w := model.at(b.Name, now)
					if after := w.settled + w.reserved + n; b.Covers(link) {
						fits = fits && (b.LimitNanoUSD == 0 || after <= int64(b.LimitNanoUSD)) && (b.LimitBytes == 0 || after <= b.LimitBytes)
					}
				}
				ticket, err := r.l.Reserve([]Crossing{over(link, n)}, nil)
				if fits != (err == nil) || err != nil && !errors.Is(err, ErrBudget) {
					rt.Fatalf("%d bytes fit: %v, and the answer is %v", n, fits, err)
				}
				if fits {
					month = now
					for _, b := range r.budgets {
						if b.Covers(link) {
							model.at(b.Name, now).reserved += n
						}
					}
					open = append(open, modelTicket{ticket, link, now, n})
				}
			},
			"settle": func(rt *rapid.T) {
				if t, ok := take(rt); ok {
					n := rapid.Int64Range(0, t.bytes).Draw(rt, "moved")
					r.settle(rt, t.ticket, n)
					r.settle(rt, t.ticket, n) // again: nothing
					model.settle(r.budgets, t, n)
				}
			},
			"settle in a transaction that fails": func(rt *rapid.T) {
				if len(open) > 0 {
					err := r.m.Batch(func(tx *manifest.Tx) error {
						_, err := open[0].ticket.SettleIn(tx, []Moved{{Bytes: open[0].bytes}})
						return errors.Join(err, failing)
					})
					if !errors.Is(err, failing) {
						rt.Fatal(err)
					}
				}
			},
			"settle and die before the journal has it": func(rt *rapid.T) {
				if t, ok := take(rt); ok {
					n := rapid.Int64Range(0, t.bytes).Draw(rt, "moved")
					if err := r.m.Update(func(tx *manifest.Tx) error { _, err := t.ticket.SettleIn(tx, []Moved{{Bytes: n}}); return err }); err != nil {
						rt.Fatal(err)
					}
					model.settle(r.budgets, t, n)
					dies()
					r.crash(rt)
				}
			},
			"charge whole": func(rt *rapid.T) {
				if t, ok := take(rt); ok {
					if err := t.ticket.ChargeWhole(); err != nil {
						rt.Fatal(err)
					}
					model.settle(r.budgets, t, t.bytes)
				}
			},
			"release": func(rt *rapid.T) {
				if t, ok := take(rt); ok {
					if err := t.ticket.Release(); err != nil {
						rt.Fatal(err)
					}
					model.settle(r.budgets, t, 0)
				}
			},
			"die": func(rt *rapid.T) { dies(); r.crash(rt) },
			"lose the manifest": func(rt *rapid.T) {
				dies()
				r.crash(rt, lose)
				notLess(rt, r, model)
			},
			"save": func(rt *rapid.T) { r.save(rt, "saved"); saved = true },
			"put the saved manifest back": func(rt *rapid.T) {
				if saved {
					dies()
					r.crash(rt, restore("saved"))
					notLess(rt, r, model)
				}
			},
			"clock": func(rt *rapid.T) {
				r.now = r.now.AddDate(0, rapid.IntRange(-2, 1).Draw(rt, "months"), 0)
			},
			"": func(rt *rapid.T) {
				for _, u := range mustUses(rt, r) {
					w := model.at(u.Budget.Name, u.Window)
					if int64(u.Settled) != w.settled || int64(u.Reserved) != w.reserved || u.SettledBytes != w.settled || u.ReservedBytes != w.reserved {
						rt.Fatalf("%s in %s: %d+%d nano-dollars, %d+%d bytes; want %d+%d", u.Budget.Name, u.Window, u.Settled, u.Reserved, u.SettledBytes, u.ReservedBytes, w.settled, w.reserved)
					}
					if u.Window < month {
						rt.Fatalf("window %s is open after %s", u.Window, month)
					}
					// On paper a loss can pass a limit, by what nobody knows was given back; what was spent cannot.
					total := NanoUSD(w.spent) + u.Reserved
					if b := u.Budget; b.LimitNanoUSD > 0 && total > b.LimitNanoUSD || b.LimitBytes > 0 && int64(total) > b.LimitBytes {
						rt.Fatalf("budget %s: %d of %d", b.Name, total, b.LimitNanoUSD)
					}
				}
			},
		})
		if err := r.m.Close(); err != nil {
			rt.Fatal(err)
		}
	})
}

func mustUses(t rapid.TB, r *ledgerRig) []Use {
	t.Helper()
	uses, err := r.l.Uses()
	if err != nil {
		t.Fatal(err)
	}
	return uses
}

// notLess checks that after a loss no window has less than was spent, and takes over what it has more: the money of a step
// whose end the journal did not see.
func notLess(t *rapid.T, r *ledgerRig, model modelAccount) {
	err := r.m.View(func(tx *manifest.Tx) error {
		for budget, months := range model {
			for month, w := range months {
				got, _, err := tx.Window(manifest.WindowID(budget, month))
				if err != nil {
					return err
				}
				if got.SettledNanoUSD < w.spent || got.ReservedNanoUSD != 0 || w.reserved != 0 {
					t.Fatalf("%s in %s: %d settled after the loss, %d were spent", budget, month, got.SettledNanoUSD, w.spent)
				}
				w.settled = got.SettledNanoUSD
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Prices with bands: whatever the order of settling, no reservation is too small, and what was charged covers the ladder's
// price of all bytes together.
func TestLedgerCoversTheLadder(t *testing.T) {
	rates := []Rate{
		rateOf(t, "azure:eastus", "onprem:lab1", RouteOptions{}),                                                       // 100 GiB free, then falling
		rateOf(t, "aws:us-east-1", "onprem:lab1", RouteOptions{}),                                                      // 100 GiB free over all regions
		rateOf(t, "gcp:us-central1", "onprem:lab1", RouteOptions{SiteContinents: map[string]string{"lab1": "europe"}}), // 100 GiB free
	}
	rapid.Check(t, func(rt *rapid.T) {
		rate := rapid.SampledFrom(rates).Draw(rt, "rate")
		base := rapid.SampledFrom([]int64{0, 50 * GiB, 99 * GiB, 10_300 * GiB, 160_000 * GiB}).Draw(rt, "others")
		r := newLedgerRig(t, Budget{Name: "all", LimitNanoUSD: 1000 * USD})
		if err := r.m.Close(); err != nil {
			rt.Fatal(err)
		}
		r.known = map[string]int64{rate.Pool: base}
		r.open(rt)
		var tickets []*Ticket
		var bytes []int64
		var total, count int64
		var charged NanoUSD
		for range rapid.IntRange(1, 12).Draw(rt, "steps") {
			if len(tickets) == 0 || rapid.Bool().Draw(rt, "reserve") {
				n := rapid.Int64Range(0, 60*GiB).Draw(rt, "bytes")
				c := over(toLab, n)
				c.Rate = rate
				tickets, bytes = append(tickets, r.reserve(rt, c)), append(bytes, n)
				continue
			}
			i := rapid.IntRange(0, len(tickets)-1).Draw(rt, "ticket")
			n := rapid.Int64Range(0, bytes[i]).Draw(rt, "moved")
			r.settle(rt, tickets[i], n) // ErrOverrun would fail here
			charged += tickets[i].SettledNanoUSD()
			total, count = total+n, count+1
			tickets, bytes = append(tickets[:i], tickets[i+1:]...), append(bytes[:i], bytes[i+1:]...)
		}
		others := base
		if bill := rate.Price(total, &others); charged+NanoUSD(count) < bill {
			rt.Errorf("%d bytes after %d of others were charged %s, the bill says %s", total, base, charged.Decimal(), bill.Decimal())
		}
		if err := r.m.Close(); err != nil {
			rt.Fatal(err)
		}
	})
}

func TestLedgerClockOutlivesProcesses(t *testing.T) {
	r := newLedgerRig(t, Budget{Name: "b", LimitNanoUSD: 100})
	r.settle(t, r.reserve(t, over(toS3, 90)), 90)
	r.now = r.now.AddDate(0, -1, 0)
	for range 2 {
		_, err := r.l.Reserve([]Crossing{over(toS3, 20)}, nil)
		if !errors.Is(err, ErrBudget) {
			t.Fatalf("a clock that jumped back a month: %v", err)
		}
		r.crash(t)
	}
	r.now = time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	r.settle(t, r.reserve(t, over(toS3, 100)), 100)
	r.now = time.Date(2026, 11, 30, 23, 59, 59, 0, time.UTC)
	_, err := r.l.Reserve([]Crossing{over(toS3, 1)}, nil)
	wantText(t, err, ErrBudget, "the clock says 2026-11 and was ahead once, so that the window of 2026-12 stays open")
	r.crash(t, lose)
	if _, err = r.l.Reserve([]Crossing{over(toS3, 1)}, nil); !errors.Is(err, ErrBudget) {
		t.Errorf("the window came back with the loss of the manifest: %v", err)
	}
}

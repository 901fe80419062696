package cost

import (
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// spendEvent is a reservation in the model: when it was made, and what of it counts by now.
type spendEvent struct {
	at     time.Time
	bytes  int64
	ticket *Ticket // nil once settled
}

// windowsModel is every reservation ever made, and the time that the ledger is in.
type windowsModel struct {
	events []spendEvent
	passed time.Time // to the quarter of an hour
}

func (m *windowsModel) now(clock time.Time) time.Time {
	if clock.Before(m.passed) {
		return m.passed
	}
	return clock
}

// used is what counts in the window of a period that is open at a time, by its definition. What is still reserved counts in a window
// that slides however long it has been.
func (m *windowsModel) used(p Period, now time.Time) (sum int64) {
	w := p.at(now)
	for _, e := range m.events {
		if p.Kind == Rolling && (e.ticket != nil || !e.at.Before(w.from)) || p.Kind != Rolling && p.at(e.at).name == w.name {
			sum += e.bytes
		}
	}
	return sum
}

// Every order of reserving, settling, dying, losing the manifest, clocks that go on and jump back, over windows of every kind that are
// changed for others on the way: what the ledger counts is what lies in the window, never less; and no window is ever passed.
func TestLedgerWindowsModel(t *testing.T) {
	pacific, berlin := zoneOf(t, "America/Los_Angeles"), zoneOf(t, "Europe/Berlin")
	rapid.Check(t, func(rt *rapid.T) {
		const limit = 200
		budget := func(name string, p Period) Budget { return Budget{Name: name, LimitBytes: limit, Period: p} }
		fixed := []Period{{Kind: Daily, Zone: pacific}, {Kind: Weekly, Zone: pacific}, {Kind: Monthly, Zone: pacific}, {Kind: Total, Zone: pacific}}
		rolling := []Period{{Kind: Rolling, Last: 24 * time.Hour}, {Kind: Rolling, Last: 5 * time.Hour}, {Kind: Rolling, Last: 30 * 24 * time.Hour}}
		r := newLedgerRig(t,
			budget("day", fixed[0]), budget("week", Period{Kind: Weekly, Zone: berlin}), budget("month", Period{}), budget("total", Period{Kind: Total}),
			budget("slides", rolling[0]), budget("slides long", rolling[2]), budget("changes", fixed[2]))
		r.budgets[3].LimitBytes = 5000
		model := windowsModel{}
		slid := false // "changes" had a window that slides
		check := func(rt *rapid.T) {
			now := model.now(r.now)
			for _, u := range mustUses(rt, r) {
				got, want := u.SettledBytes+u.ReservedBytes, model.used(u.Budget.Period, now)
				exact := u.Budget.Name != "changes" || !slid // days of two zones are counted where any of them may lie
				if got < want || exact && got != want {
					rt.Fatalf("%s in %s: %d counted, %d are in it", u.Budget.Name, u.Window, got, want)
				}
				if want > u.Budget.LimitBytes && u.Budget.Name != "changes" {
					rt.Fatalf("%s in %s: %d of %d", u.Budget.Name, u.Window, want, u.Budget.LimitBytes)
				}
			}
		}
		reopen := func(between ...func(*ledgerRig)) {
			for i := range model.events {
				model.events[i].ticket = nil // it counts whole
			}
			r.crash(rt, between...)
		}
		rt.Repeat(map[string]func(*rapid.T){
			"reserve": func(rt *rapid.T) {
				n := rapid.Int64Range(1, 60).Draw(rt, "bytes")
				now := model.now(r.now)
				free := true // of doubt that it must fit
				for _, b := range r.budgets {
					free = free && model.used(b.Period, now)+n <= b.LimitBytes
				}
				ticket, err := r.l.Reserve([]Crossing{over(toS3, n)}, nil)
				if err != nil && !errors.Is(err, ErrBudget) {
					rt.Fatal(err)
				}
				var over *OverBudget
				if err != nil && (!errors.As(err, &over) || free && over.Use.Budget.Name != "changes") {
					rt.Fatalf("%d fits, and the answer is %v", n, err)
				}
				if err == nil {
					if !free {
						rt.Fatalf("%d does not fit, and was reserved", n)
					}
					model.events = append(model.events, spendEvent{now, n, ticket})
					if step := now.Truncate(15 * time.Minute); step.After(model.passed) {
						model.passed = step
					}
				}
			},
			"settle": func(rt *rapid.T) {
				for i := range model.events {
					if e := &model.events[i]; e.ticket != nil && rapid.Bool().Draw(rt, "this one") {
						n := rapid.Int64Range(0, e.bytes).Draw(rt, "moved")
						r.settle(rt, e.ticket, n)
						e.bytes, e.ticket = n, nil
					}
				}
			},
			"time goes on": func(rt *rapid.T) {
				r.now = r.now.Add(time.Duration(rapid.IntRange(0, 40*60).Draw(rt, "minutes")) * time.Minute)
			},
			"much time": func(rt *rapid.T) { r.now = r.now.AddDate(0, 0, rapid.IntRange(1, 20).Draw(rt, "days")) },
			"the clock jumps back": func(rt *rapid.T) {
				r.now = r.now.Add(-time.Duration(rapid.IntRange(1, 60*24*60).Draw(rt, "minutes")) * time.Minute)
			},
			"die":               func(*rapid.T) { reopen() },
			"lose the manifest": func(*rapid.T) { reopen(lose) },
			"another window": func(rt *rapid.T) {
				p := rapid.SampledFrom(append(fixed[:len(fixed):len(fixed)], rolling...)).Draw(rt, "period")
				slid = slid || p.Kind == Rolling
				reopen(func(r *ledgerRig) { r.budgets[6].Period = p })
			},
			"": check,
		})
		if err := r.m.Close(); err != nil {
			rt.Fatal(err)
		}
	})
}

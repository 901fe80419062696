package cost

import (
	"fmt"
	"log/slog"
	"strings"

	"github.com/datagravity/datagravity/pkg/manifest"
)

// Ledger reserves before bytes move and settles after. It is safe for concurrent use; the limits hold whatever the number
// of goroutines, because each reservation reads and writes the budgets in one transaction.
type Ledger struct {
	m       *manifest.Manifest
	book    *Book
	budgets []Budget
	// monthToDate holds, by pool, the bytes that others used of a meter in the month `opened`; a pool that is not in it is
	// unknown and priced at its dearest paid tier.
	monthToDate map[string]int64
	opened      string
	// allowances holds, by pool, what the pool shares with others.
	allowances map[string]int64
	log        *slog.Logger
	pauses     pauseCache
}

// LedgerOptions of OpenLedger.
type LedgerOptions struct {
	Book    *Book
	Budgets []Budget
	// MonthToDate are the bytes of each pool that others used this month. It holds until the month ends; after that the
	// pools are unknown until the ledger is opened again.
	MonthToDate map[string]int64
	Log         *slog.Logger // nil: no log
}

// OpenLedger takes over a manifest's account: what the journal has and the manifest does not (because it was made anew, or
// is a backup) is counted as spent, and reservations that a dead process left are settled whole. It must be called once
// for a manifest, before anything is reserved.
func OpenLedger(m *manifest.Manifest, o LedgerOptions) (*Ledger, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	names := map[string]bool{}
	for _, b := range o.Budgets {
		if names[b.Name] || strings.Contains(b.Name, "\x00") {
			return nil, fmt.Errorf("budget %q: want a name that no other budget has; budgets of one name would share their account", b.Name)
		}
		names[b.Name] = true
	}
	l := &Ledger{
		m: m, book: o.Book, budgets: o.Budgets, monthToDate: o.MonthToDate, opened: WindowOf(m.Now()),
		allowances: sharedAllowances(o.Book), log: o.Log,
	}
	if err := l.replay(); err != nil {
		return nil, err
	}
	return l, l.recover()
}

// sharedAllowances finds the pools that share a free amount with others.
func sharedAllowances(b *Book) map[string]int64 {
	out := map[string]int64{}
	for _, t := range b.transfers {
		if t.allowance == 0 {
			continue
		}
		for place := range b.regions {
			if place.Provider == t.Provider {
				out[strings.ReplaceAll(t.Pool, "{from}", place.Region)] = t.allowance
			}
		}
	}
	return out
}

// Book is the price book in use.
func (l *Ledger) Book() *Book { return l.book }

// MonthToDate is where a pool's meter stands for pricing, in bytes, nil if unknown: what the operator said others used,
// and what we settled ourselves.
//
// An allowance that the pool shares with others (100 GiB a month over all regions of AWS) counts as used up, because
// nobody told us what the others took of it: the position is never inside it. Beyond it the position is the true one if
// all of the allowance went to this pool, so that, with prices that fall, every byte is priced at or above the bill.
func (l *Ledger) MonthToDate(tx *manifest.Tx, pool, month string) (*int64, error) {
	base, known := l.monthToDate[pool]
	if !known || month != l.opened {
		return nil, nil
	}
	meter, err := tx.Meter(manifest.MeterID(pool, month))
	if err != nil {
		return nil, err
	}
	total := max(l.allowances[pool], addSaturating(max(0, base), meter.SettledBytes))
	return &total, nil
}

// position is MonthToDate for a rate, whatever book it is from.
func (l *Ledger) position(tx *manifest.Tx, r Rate, month string) (*int64, error) {
	at, err := l.MonthToDate(tx, r.Pool, month)
	if err == nil && at != nil {
		*at = max(*at, r.AllowanceBytes)
	}
	return at, err
}

// uses returns the standing of every budget that covers a link (nil: of all), in the window that is open now. A clock that
// jumped back does not reopen an older window.
func (l *Ledger) uses(tx *manifest.Tx, link *Link) ([]Use, error) {
	clock := WindowOf(l.m.Now())
	window, err := tx.LedgerMonth(clock)
	if err != nil {
		return nil, err
	}
	var out []Use
	for _, b := range l.budgets {
		if link != nil && !b.Covers(*link) {
			continue
		}
		w, err := tx.Window(manifest.WindowID(b.Name, window))
		if err != nil {
			return nil, err
		}
		out = append(out, Use{
			Budget: b, Window: window, Clock: clock, Settled: NanoUSD(w.SettledNanoUSD), Reserved: NanoUSD(w.ReservedNanoUSD),
			SettledBytes: w.SettledBytes, ReservedBytes: w.ReservedBytes,
		})
	}
	return out, nil
}

// Uses returns how every budget stands now.
func (l *Ledger) Uses() (out []Use, err error) {
	err = l.m.View(func(tx *manifest.Tx) error {
		out, err = l.uses(tx, nil)
		return err
	})
	return out, err
}

// Check tells whether an amount over a link would fit all its budgets now, or which one it passes.
func (l *Ledger) Check(link Link, amount NanoUSD, bytes int64) error {
	return l.m.View(func(tx *manifest.Tx) error {
		uses, err := l.uses(tx, &link)
		if err != nil {
			return err
		}
		for _, u := range uses {
			if err := u.fits(amount, bytes); err != nil {
				return err
			}
		}
		return nil
	})
}

// Note books a crossing that was Free inside a transaction of the caller's, after it happened, and returns its price: its
// requests may cost something, and reports show its bytes. Free bytes do not count against budgets.
func (l *Ledger) Note(tx *manifest.Tx, c Crossing, m Moved) (NanoUSD, error) {
	month, err := tx.LedgerMonth(WindowOf(l.m.Now()))
	if err != nil {
		return 0, err
	}
	c.Requests = m.Requests
	price := AddNanoUSD(l.requestPrice(c), c.Retrieval)
	return price, bookLine(tx, manifest.Open{
		At: manifest.At(l.m.Now()), Bytes: max(0, m.Bytes), NanoUSD: int64(price), Requests: c.requestCount(),
		Line: c.line(month), RateID: c.Rate.ID, Book: l.book.Version,
	}, manifest.At(l.m.Now()), false)
}

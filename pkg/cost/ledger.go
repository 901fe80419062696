package cost

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/datagravity/datagravity/internal/saturating"
	"github.com/datagravity/datagravity/pkg/manifest"
)

// Ledger reserves before bytes move and settles after. It is safe for concurrent use; the limits hold whatever the number
// of goroutines, because each reservation reads and writes the budgets in one transaction.
type Ledger struct {
	m       *manifest.Manifest
	book    *Book
	budgets []Budget
	byName  map[string]Budget
	// monthToDate holds, by pool, the bytes that others used of a meter in the month `opened`; a pool that is not in it is
	// unknown and priced at its dearest paid tier.
	monthToDate map[string]int64
	opened      string
	// allowances holds, by pool, what the pool shares with others.
	allowances map[string]int64
	log        *slog.Logger
	pauses     pauseCache
	doubts     openDoubts
	told       told
	// granted are the stores whose budgets another agent keeps.
	granted map[string]bool
	holding holding
	// step is told what was just made durable, or is about to be; tests end the process there.
	step func(string)
}

func (l *Ledger) reached(step string) {
	if l.step != nil {
		l.step(step)
	}
}

// LedgerOptions of OpenLedger.
type LedgerOptions struct {
	Book    *Book
	Budgets []Budget
	// MonthToDate are the bytes of each pool that others used this month. It holds until the month ends; after that the
	// pools are unknown until the ledger is opened again.
	MonthToDate map[string]int64
	// Granted are the stores of which only what another agent granted may be read: the budgets for it are that one's.
	Granted map[string]bool
	Log     *slog.Logger // nil: no log
}

// OpenLedger takes over a manifest's account: what the journal has and the manifest does not (because it was made anew, or
// is a backup) is counted as spent, and reservations that a dead process left are settled whole. Where the journal is known to have
// lost some of it, every window that is open counts as spent until [Ledger.Reset]. It must be called once for a manifest, before
// anything is reserved.
func OpenLedger(m *manifest.Manifest, o LedgerOptions) (*Ledger, error) {
	l, err := newLedger(m, o)
	if err != nil {
		return nil, err
	}
	if err := l.replay(); err != nil {
		return nil, err
	}
	if err := l.recover(); err != nil {
		return nil, err
	}
	return l, errors.Join(l.catchUp(), l.dropHours(), l.loadDoubts())
}

// Reopen returns a ledger on the same account with other options. Nothing that stands is settled: the reservations of this process, which l may go on to
// settle, count in both. Nothing new should be reserved through l.
func (l *Ledger) Reopen(o LedgerOptions) (*Ledger, error) {
	next, err := newLedger(l.m, o)
	if err != nil {
		return nil, err
	}
	return next, errors.Join(next.catchUp(), next.loadDoubts())
}

func newLedger(m *manifest.Manifest, o LedgerOptions) (*Ledger, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	names := map[string]Budget{}
	for _, b := range o.Budgets {
		if _, twice := names[b.Name]; twice || strings.Contains(b.Name, "\x00") {
			return nil, fmt.Errorf("budget %q: want a name that no other budget has; budgets of one name would share their account", b.Name)
		}
		names[b.Name] = b
	}
	return &Ledger{
		m: m, book: o.Book, budgets: o.Budgets, byName: names, monthToDate: o.MonthToDate, opened: WindowOf(m.Now()),
		allowances: sharedAllowances(o.Book), log: o.Log, granted: o.Granted,
	}, nil
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
	total := max(l.allowances[pool], saturating.Add(max(0, base), meter.SettledBytes))
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

// Note books a crossing that was Free inside a transaction of the caller's, after it happened, and returns its price: its
// requests may cost something, and reports show its bytes. Free bytes do not count against budgets.
func (l *Ledger) Note(tx *manifest.Tx, c Crossing, m Moved) (NanoUSD, error) {
	now, err := tx.PassTime(manifest.At(l.m.Now()))
	if err != nil {
		return 0, err
	}
	c.Requests = m.Requests
	price := l.besides(c)
	return price, bookLine(tx, manifest.Open{
		At: now, Bytes: max(0, m.Bytes), NanoUSD: int64(price), Requests: c.requestCount(), Line: c.line(now.Time()), RateID: c.Rate.ID, Book: l.book.Version,
		OtherNanoUSD: int64(price),
	}, now, false)
}

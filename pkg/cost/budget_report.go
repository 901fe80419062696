package cost

import (
	"errors"
	"fmt"
	"time"

	"github.com/datagravity/datagravity/internal/saturating"
	"github.com/datagravity/datagravity/pkg/manifest"
)

// ErrNoBudget: no budget has this name.
var ErrNoBudget = errors.New("no such budget")

// BudgetReport is how a budget came to stand where it does, and where it goes from here.
type BudgetReport struct {
	Use
	// Days of the window in which anything was spent, in order; of one without a beginning, those of the last 31 days.
	Days []DaySpent
	// Pace is what is spent in a day on average, since the window began or the first of its days.
	PaceNanoUSD NanoUSD
	PaceBytes   int64
	// Forecast is what will be spent by the window's end at this pace; without an end, or within the first hour, there is none.
	Forecast *DaySpent
	// Exhausted is when nothing is left at this pace; zero: not within the window, or not within ten years.
	Exhausted time.Time
	Approvals []manifest.Approval // that count now
	Alerts    []manifest.Alert    // of this window
}

// DaySpent is what was spent in a day.
type DaySpent struct {
	Day     string // 2026-11-26, in the budget's zone
	NanoUSD NanoUSD
	Bytes   int64
}

// Report tells how a budget stands. Error: [ErrNoBudget].
func (l *Ledger) Report(name string) (r BudgetReport, err error) {
	if _, ok := l.byName[name]; !ok {
		return r, fmt.Errorf("%w: %q", ErrNoBudget, name)
	}
	list, err := l.reports(func(b Budget) bool { return b.Name == name })
	if err != nil {
		return r, err
	}
	return list[0], nil
}

// Reports tells how each budget stands, in the order of the configuration.
func (l *Ledger) Reports() ([]BudgetReport, error) {
	return l.reports(func(Budget) bool { return true })
}

// reports tells of the budgets that are wanted, all as of one moment.
func (l *Ledger) reports(wanted func(Budget) bool) (list []BudgetReport, err error) {
	err = l.m.View(func(tx *manifest.Tx) error {
		at, err := tx.LedgerTime(manifest.At(l.m.Now()))
		if err != nil {
			return err
		}
		uses, err := l.uses(tx)
		if err != nil {
			return err
		}
		live, err := liveApprovals(tx, at)
		if err != nil {
			return err
		}
		for _, u := range uses {
			if !wanted(u.Budget) {
				continue
			}
			r := BudgetReport{Use: u}
			if err := r.read(tx, at, live); err != nil {
				return err
			}
			list = append(list, r)
		}
		return nil
	})
	return list, err
}

// read what is recorded of a budget, and forecast from it.
func (r *BudgetReport) read(tx *manifest.Tx, at manifest.Millis, live []*approval) error {
	name := r.Budget.Name
	for _, a := range live {
		if a.Budget == name || a.Job != "" {
			r.Approvals = append(r.Approvals, a.Approval)
		}
	}
	err := tx.Alerts(name, func(a manifest.Alert) (bool, error) {
		if a.Window == r.alertWindow(at) {
			r.Alerts = append(r.Alerts, a)
		}
		return true, nil
	})
	if err == nil {
		err = r.readDays(tx, at.Time())
	}
	if err == nil {
		r.forecast(at.Time())
	}
	return err
}

// daysShown of a window without a beginning.
const daysShown = 31 * 24 * time.Hour

func (r *BudgetReport) readDays(tx *manifest.Tx, now time.Time) error {
	from := r.From
	if from.IsZero() {
		from = now.Add(-daysShown)
	}
	return tx.Spending(r.Budget.Name, manifest.Day, r.Budget.Period.day(from), func(day string, s manifest.Spent) (bool, error) {
		r.Days = append(r.Days, DaySpent{day, NanoUSD(s.NanoUSD), s.Bytes})
		return true, nil
	})
}

// forecastHorizon bounds how far ahead anything is said to be exhausted.
const forecastHorizon = 10 * 365 * 24 * time.Hour

// forecast goes on as it went since the window began, days on which nothing was spent included.
func (r *BudgetReport) forecast(now time.Time) {
	from := r.From
	if (from.IsZero() || r.Budget.Period.Kind == Rolling) && len(r.Days) > 0 {
		// Since it was first spent from, if that is later.
		if first, err := time.ParseInLocation(time.DateOnly, r.Days[0].Day, r.Budget.Period.zone()); err == nil && first.After(from) {
			from = first
		}
	}
	elapsed := int64(now.Sub(from) / time.Second)
	if from.IsZero() || elapsed < int64(time.Hour/time.Second) {
		return
	}
	spentUSD, spentBytes := r.Settled, r.SettledBytes
	if r.From.IsZero() {
		spentUSD, spentBytes = 0, 0 // of the days shown alone
		for _, d := range r.Days {
			spentUSD, spentBytes = AddNanoUSD(spentUSD, d.NanoUSD), saturating.Add(spentBytes, d.Bytes)
		}
	}
	over := func(amount int64, seconds int64) int64 { return mulDiv(amount, seconds, elapsed) }
	const day = int64(24 * time.Hour / time.Second)
	r.PaceNanoUSD, r.PaceBytes = NanoUSD(over(int64(spentUSD), day)), over(spentBytes, day)
	usdLeft, bytesLeft := r.Left()
	lasts := time.Duration(1<<63 - 1)
	for _, left := range [...]struct{ left, spent int64 }{{int64(usdLeft), int64(spentUSD)}, {bytesLeft, spentBytes}} {
		if left.left >= 0 && left.spent > 0 {
			seconds := mulDiv(left.left, elapsed, left.spent)
			lasts = min(lasts, time.Duration(min(seconds, int64(forecastHorizon/time.Second)))*time.Second)
		}
	}
	end := r.Until
	if r.Budget.Period.Kind == Rolling {
		// At an even pace it holds what is spent in its length.
		r.Forecast = &DaySpent{NanoUSD: NanoUSD(over(int64(spentUSD), int64(r.Budget.Period.Last/time.Second))), Bytes: over(spentBytes, int64(r.Budget.Period.Last/time.Second))}
		end = from.Add(r.Budget.Period.Last)
	} else if !end.IsZero() {
		rest := max(0, int64(end.Sub(now)/time.Second))
		r.Forecast = &DaySpent{
			Day: r.Budget.Period.day(end.Add(-time.Second)), NanoUSD: AddNanoUSD(r.Settled, NanoUSD(over(int64(spentUSD), rest))), Bytes: saturating.Add(r.SettledBytes, over(spentBytes, rest)),
		}
	}
	if lasts < forecastHorizon && (end.IsZero() || now.Add(lasts).Before(end)) {
		r.Exhausted = now.Add(lasts).Truncate(time.Second)
	}
}

package cost

import (
	"errors"
	"time"

	"github.com/datagravity/datagravity/internal/saturating"
	"github.com/datagravity/datagravity/pkg/manifest"
)

// standing is a budget's use, with the record that holds what of it is reserved and, unless its window slides, settled.
type standing struct {
	Use
	id     string
	record manifest.Window
}

// standing is how a budget stands in the window that is open at a time of the ledger.
func (l *Ledger) standing(tx *manifest.Tx, b Budget, now manifest.Millis) (s standing, err error) {
	w := b.Period.at(now.Time())
	s = standing{
		id:  manifest.WindowID(b.Name, w.name),
		Use: Use{Budget: b, Window: w.name, Clock: b.Period.at(l.m.Now()).name, From: w.from, Until: w.until, Doubt: l.doubts.about(b.Name, w.from)},
	}
	if s.record, err = windowOf(tx, s.id, b.Period.zoneName()); err != nil {
		return s, err
	}
	s.Settled, s.SettledBytes = NanoUSD(s.record.SettledNanoUSD), s.record.SettledBytes
	s.Reserved, s.ReservedBytes = NanoUSD(s.record.ReservedNanoUSD), s.record.ReservedBytes
	if b.Period.Kind == Rolling {
		spent, err := spentSince(tx, b.Name, w.from)
		if err != nil {
			return s, err
		}
		s.Settled, s.SettledBytes = NanoUSD(spent.NanoUSD), spent.Bytes
	}
	return s, nil
}

// reserve adds a reservation to the standing and its record.
func (s *standing) reserve(usd NanoUSD, bytes int64) {
	s.record.ReservedNanoUSD += int64(usd)
	s.record.ReservedBytes += bytes
	s.Reserved += usd
	s.ReservedBytes += bytes
}

// windowOf returns the record of a window. One that was not counted yet begins with what its days have: they have something where the
// budget had another kind of window before, which must not make its money anew.
func windowOf(tx *manifest.Tx, id, zone string) (manifest.Window, error) {
	w, ok, err := tx.Window(id)
	if err != nil || ok {
		return w, err
	}
	spent, err := spentIn(tx, id, zone)
	w.SettledNanoUSD, w.SettledBytes = spent.NanoUSD, spent.Bytes
	return w, err
}

// spentIn sums the days of a window that does not slide. A day that was counted in another zone counts if any of it may lie in it.
func spentIn(tx *manifest.Tx, id, zone string) (sum manifest.Spent, err error) {
	budget, name := splitWindow(id)
	first, last, ok := daysOf(name)
	if !ok {
		return sum, nil
	}
	end := nextDay(last, 1)
	err = tx.Spending(budget, manifest.Day, nextDay(first, -1), func(day string, s manifest.Spent) (bool, error) {
		if first <= day && day <= last || day <= end && s.Zone != zone {
			sum.NanoUSD, sum.Bytes = saturating.Add(sum.NanoUSD, s.NanoUSD), saturating.Add(sum.Bytes, s.Bytes)
		}
		return day <= end, nil
	})
	return sum, err
}

// catchUp raises windows that are open to what their days have: a budget may have had windows of another kind in between.
func (l *Ledger) catchUp() error {
	all := func(tx *manifest.Tx, write bool) (behind bool, err error) {
		// The one that the clock says may not be the one that will be used: the clock may be ahead, and be set right.
		for _, clock := range []manifest.Millis{0, manifest.At(l.m.Now())} {
			now, err := tx.LedgerTime(clock)
			if err != nil {
				return behind, err
			}
			for _, b := range l.budgets {
				raised, err := raise(tx, b, now.Time(), write)
				if behind = behind || raised; err != nil {
					return behind, err
				}
			}
		}
		return behind, nil
	}
	behind := false
	err := l.m.View(func(tx *manifest.Tx) (err error) {
		behind, err = all(tx, false)
		return err
	})
	if err != nil || !behind {
		return err
	}
	return l.m.Update(func(tx *manifest.Tx) error {
		_, err := all(tx, true)
		return err
	})
}

// raise makes a budget's window have what its days have; it tells whether it had less.
func raise(tx *manifest.Tx, b Budget, now time.Time, write bool) (behind bool, err error) {
	id := manifest.WindowID(b.Name, b.Period.at(now).name)
	w, ok, err := tx.Window(id)
	if err != nil || !ok {
		return false, err
	}
	spent, err := spentIn(tx, id, b.Period.zoneName())
	if err != nil || spent.NanoUSD <= w.SettledNanoUSD && spent.Bytes <= w.SettledBytes {
		return false, err
	}
	w.SettledNanoUSD, w.SettledBytes = max(w.SettledNanoUSD, spent.NanoUSD), max(w.SettledBytes, spent.Bytes)
	if write {
		err = tx.PutWindow(id, w)
	}
	return true, err
}

// nextDay is the day so many days after one; what is no day stays as it is.
func nextDay(day string, n int) string {
	at, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return day
	}
	return at.AddDate(0, 0, n).Format(time.DateOnly)
}

// hourName is how an hour is called in the spending of a budget.
const hourName = "2006-01-02T15"

// westernmost is how much later than in UTC a day ends somewhere.
const westernmost = 12 * time.Hour

// spentSince sums what a budget spent from an hour on: its days, without the hours of the first ones that lie before. Whatever zone the
// days were counted in, and whether or not their hours are known, it is never less than what was spent.
func spentSince(tx *manifest.Tx, budget string, from time.Time) (sum manifest.Spent, err error) {
	first := from.Add(-westernmost).UTC().Format(time.DateOnly)
	err = tx.Spending(budget, manifest.Day, first, func(_ string, s manifest.Spent) (bool, error) {
		sum.NanoUSD, sum.Bytes = saturating.Add(sum.NanoUSD, s.NanoUSD), saturating.Add(sum.Bytes, s.Bytes)
		return true, nil
	})
	if err != nil {
		return sum, err
	}
	until := from.UTC().Format(hourName)
	err = tx.Spending(budget, manifest.Hour, first+"T00", func(hour string, s manifest.Spent) (bool, error) {
		if hour >= until {
			return false, nil
		}
		sum.NanoUSD, sum.Bytes = sum.NanoUSD-s.NanoUSD, sum.Bytes-s.Bytes
		return true, nil
	})
	return manifest.Spent{NanoUSD: max(0, sum.NanoUSD), Bytes: max(0, sum.Bytes)}, err
}

// spend adds what was settled to the day that it was reserved on, and to the hour where the budget's window slides.
func (l *Ledger) spend(tx *manifest.Tx, budget string, at time.Time, d manifest.Spent) error {
	if d.NanoUSD == 0 && d.Bytes == 0 {
		return nil
	}
	p := l.byName[budget].Period
	d.Zone = p.zoneName()
	if err := addSpent(tx, budget, manifest.Day, p.day(at), d); err != nil || p.Kind != Rolling {
		return err
	}
	return addSpent(tx, budget, manifest.Hour, at.UTC().Format(hourName), d)
}

func addSpent(tx *manifest.Tx, budget string, kind manifest.SpanKind, span string, d manifest.Spent) error {
	s, err := tx.Spent(budget, kind, span)
	if err != nil {
		return err
	}
	if s == (manifest.Spent{}) {
		s.Zone = d.Zone
	} else if s.Zone != d.Zone {
		s.Zone = manifest.ManyZones
	}
	s.NanoUSD, s.Bytes = saturating.Add(s.NanoUSD, d.NanoUSD), saturating.Add(s.Bytes, d.Bytes)
	return tx.PutSpent(budget, kind, span, s)
}

// dropHours forgets hours that lie before every window that slides.
func (l *Ledger) dropHours() error {
	drop := map[string]string{}
	err := l.m.View(func(tx *manifest.Tx) error {
		now, err := tx.LedgerTime(0) // that it was in, not what a clock says that may be ahead
		if err != nil {
			return err
		}
		for _, b := range l.budgets {
			// Whole days, and one more than a sum begins with: of the hours of a day all must be known, or none.
			before := now.Time().Add(-b.Period.Last - 48*time.Hour).Format(time.DateOnly)
			err := tx.Spending(b.Name, manifest.Hour, "", func(hour string, _ manifest.Spent) (bool, error) {
				if hour < before {
					drop[b.Name] = before
				}
				return false, nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil || len(drop) == 0 {
		return err
	}
	return l.m.Update(func(tx *manifest.Tx) error {
		for budget, before := range drop {
			if err := tx.DropSpans(budget, manifest.Hour, before); err != nil {
				return err
			}
		}
		return nil
	})
}

// Uses returns how every budget stands now.
func (l *Ledger) Uses() (out []Use, err error) {
	err = l.m.View(func(tx *manifest.Tx) error {
		out, err = l.uses(tx)
		return err
	})
	return out, err
}

func (l *Ledger) uses(tx *manifest.Tx) ([]Use, error) {
	now, err := tx.LedgerTime(manifest.At(l.m.Now()))
	if err != nil {
		return nil, err
	}
	given, err := liveApprovals(tx, now)
	if err != nil {
		return nil, err
	}
	var out []Use
	for _, b := range l.budgets {
		s, err := l.standing(tx, b, now)
		if err != nil {
			return nil, err
		}
		for _, a := range given {
			usd, bytes := a.to(&s)
			s.ExtraNanoUSD, s.ExtraBytes = AddNanoUSD(s.ExtraNanoUSD, usd), saturating.Add(s.ExtraBytes, bytes)
			if a.Budget == b.Name {
				usd, bytes = a.left(b.Name)
				s.ApprovedNanoUSD, s.ApprovedBytes = AddNanoUSD(s.ApprovedNanoUSD, usd), saturating.Add(s.ApprovedBytes, bytes)
			}
			if a.Job != "" {
				one := JobApproved{Job: a.Job, GivenNanoUSD: usd, GivenBytes: bytes}
				one.NanoUSD, one.Bytes = a.left(b.Name)
				s.ApprovedForJobs = append(s.ApprovedForJobs, one)
			}
		}
		out = append(out, s.Use)
	}
	return out, nil
}

// Demand is an amount that is wanted for a subject.
type Demand struct {
	Subject Subject
	NanoUSD NanoUSD
	Bytes   int64
}

// Check tells whether amounts would all fit the budgets that count them now, or which budget they pass: one that counts several of them,
// all together.
func (l *Ledger) Check(demands ...Demand) error {
	return l.m.View(func(tx *manifest.Tx) error {
		now, err := tx.LedgerTime(manifest.At(l.m.Now()))
		if err != nil {
			return err
		}
		a := l.admission(tx)
		a.now = now
		for _, d := range demands {
			_, refused, err := a.fit(d.Subject, d.NanoUSD, d.Bytes)
			if err = errors.Join(refused, err); err != nil {
				return err
			}
			for _, s := range a.subjects[d.Subject] {
				s.reserve(d.NanoUSD, d.Bytes) // in memory alone
			}
		}
		return nil
	})
}

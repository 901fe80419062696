package cost

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"

	"github.com/datagravity/datagravity/internal/saturating"
	"github.com/datagravity/datagravity/pkg/manifest"
)

// told remembers, by what it was refused for, the most that was missing in this process, so that a thousand refusals are not as many
// transactions.
type told struct {
	mu   sync.Mutex
	most map[string]missing
}

type missing struct {
	usd   NanoUSD
	bytes int64
}

// alert records the thresholds that the standing newly reaches. A window that slides tells again, at most once a day, after it was below.
func (s *standing) alert(tx *manifest.Tx, now manifest.Millis, reached *[]manifest.Alert) error {
	if len(s.Budget.Thresholds) == 0 {
		return nil
	}
	share := s.Share()
	if s.Budget.Period.Kind == Rolling {
		s.record.Alerted = min(s.record.Alerted, share)
	}
	for _, threshold := range s.Budget.Thresholds {
		if threshold <= s.record.Alerted || threshold > share {
			continue
		}
		s.record.Alerted = threshold
		a := s.thresholdAlert(threshold, now)
		fresh, err := tx.PutAlert(a)
		if err != nil {
			return err
		}
		if fresh {
			*reached = append(*reached, a)
		}
	}
	return nil
}

func (u Use) thresholdAlert(threshold int64, now manifest.Millis) manifest.Alert {
	return manifest.Alert{
		Budget: u.Budget.Name, Window: u.alertWindow(now), Kind: manifest.AlertThreshold, Share: threshold, At: now,
		UsedNanoUSD: int64(AddNanoUSD(u.Settled, u.Reserved)), UsedBytes: saturating.Add(u.SettledBytes, u.ReservedBytes),
	}
}

// alertWindow is what an alert is told once for.
func (u Use) alertWindow(now manifest.Millis) string {
	if u.Budget.Period.Kind == Rolling {
		return u.Window + " to " + u.Budget.Period.day(now.Time())
	}
	return u.Window
}

// Tell records that something was refused for a budget, once a window: the limit as reached, where that is one of its thresholds, and
// what waits for an approval, where the budget asks. Other errors are none of its business.
func (l *Ledger) Tell(refusal error) error {
	var over *OverBudget
	if !errors.As(refusal, &over) || over.Use.Doubt != "" {
		return nil
	}
	full := slices.Contains(over.Use.Budget.Thresholds, wholeShare)
	if !full && !over.Use.Budget.Ask {
		return nil
	}
	b := over.Use.Budget
	key := fmt.Sprintf("%q %q %q %q", b.Name, over.Use.Window, over.Subject.Job, over.Subject.Dataset)
	l.told.mu.Lock()
	defer l.told.mu.Unlock()
	most, known := l.told.most[key]
	if known && over.MoreNanoUSD <= most.usd && over.MoreBytes <= most.bytes {
		return nil
	}
	var fresh []manifest.Alert
	err := l.m.Update(func(tx *manifest.Tx) error {
		fresh = nil
		now, err := tx.LedgerTime(manifest.At(l.m.Now()))
		if err != nil {
			return err
		}
		put := func(a manifest.Alert) error {
			isNew, err := tx.PutAlert(a)
			if isNew {
				fresh = append(fresh, a)
			}
			return err
		}
		if full {
			if err := put(over.Use.thresholdAlert(wholeShare, now)); err != nil {
				return err
			}
		}
		if !b.Ask {
			return nil
		}
		a := over.Use.thresholdAlert(0, now)
		a.Kind, a.Job, a.Dataset = manifest.AlertAsk, over.Subject.Job, over.Subject.Dataset
		a.MoreNanoUSD, a.MoreBytes = int64(over.MoreNanoUSD), over.MoreBytes
		return put(a)
	})
	if err != nil {
		return err
	}
	if l.told.most == nil {
		l.told.most = map[string]missing{}
	}
	l.told.most[key] = missing{max(most.usd, over.MoreNanoUSD), max(most.bytes, over.MoreBytes)}
	l.logAlerts(fresh)
	return nil
}

func (l *Ledger) logAlerts(list []manifest.Alert) {
	for _, a := range list {
		args := []any{"budget", a.Budget, "window", a.Window, "spent_and_reserved_usd", NanoUSD(a.UsedNanoUSD).String(), "spent_and_reserved_bytes", a.UsedBytes}
		if a.Kind == manifest.AlertAsk {
			l.log.Warn("a budget asks for an approval", append(args, "job", a.Job, "dataset", a.Dataset, "more_usd", NanoUSD(a.MoreNanoUSD).String(), "more_bytes", a.MoreBytes)...)
			continue
		}
		l.log.Warn("a budget has reached "+ShareText(a.Share)+" of its limit", args...)
	}
}

// ShareText writes hundredths of a percent: 8050 is "80.5%".
func ShareText(share int64) string {
	return strconv.FormatFloat(float64(share)/100, 'f', -1, 64) + "%"
}

// Alerts are those of a budget, of all with "", the oldest first.
func (l *Ledger) Alerts(budget string) (list []manifest.Alert, err error) {
	err = l.m.View(func(tx *manifest.Tx) error {
		return tx.Alerts(budget, func(a manifest.Alert) (bool, error) { list = append(list, a); return true, nil })
	})
	sortByTime(list, func(a manifest.Alert) manifest.Millis { return a.At })
	return list, err
}

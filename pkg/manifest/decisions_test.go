package manifest

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAlerts(t *testing.T) {
	m := open(t, t.TempDir(), Options{})
	half := Alert{Budget: "b", Window: "2026-11", Kind: AlertThreshold, Share: 5000, At: 7}
	most := Alert{Budget: "b", Window: "2026-11", Kind: AlertThreshold, Share: 10000, At: 8}
	ask := Alert{Budget: "b", Window: "2026-11", Kind: AlertAsk, Job: "j", MoreNanoUSD: 5, At: 9}
	other := Alert{Budget: "b2", Window: "2026-11", Kind: AlertThreshold, Share: 5000, At: 10}
	put := func(a Alert, want bool) {
		t.Helper()
		update(t, m, func(tx *Tx) error {
			fresh, err := tx.PutAlert(a)
			if fresh != want {
				t.Errorf("%+v is fresh: %v", a, fresh)
			}
			return err
		})
	}
	for _, a := range []Alert{most, half, ask, other} {
		put(a, true)
		put(a, false)
	}
	more := ask
	more.MoreNanoUSD, more.At = 6, 11
	put(more, true) // asks for more
	put(ask, false)
	update(t, m, func(tx *Tx) error { return tx.DeliverAlert(half, 12) })
	half.Delivered = 12
	for budget, want := range map[string][]Alert{"b": {more, half, most}, "": {more, half, most, other}, "c": nil} {
		var got []Alert
		view(t, m, func(tx *Tx) error {
			return tx.Alerts(budget, func(a Alert) (bool, error) { got = append(got, a); return true, nil })
		})
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q: %s", budget, diff)
		}
	}
}

func TestSpending(t *testing.T) {
	m := open(t, t.TempDir(), Options{})
	update(t, m, func(tx *Tx) error {
		var errs []error
		for i, day := range []string{"2026-11-25", "2026-11-26", "2026-11-27"} {
			errs = append(errs, tx.PutSpent("b", Day, day, Spent{NanoUSD: int64(i)}), tx.PutSpent("b", Hour, day+"T10", Spent{Bytes: int64(i)}),
				tx.PutSpent("b2", Day, day, Spent{NanoUSD: 100}))
		}
		return errors.Join(errs...)
	})
	spans := func(kind SpanKind, from string) (list []string) {
		view(t, m, func(tx *Tx) error {
			return tx.Spending("b", kind, from, func(span string, _ Spent) (bool, error) { list = append(list, span); return true, nil })
		})
		return list
	}
	if diff := cmp.Diff([]string{"2026-11-26", "2026-11-27"}, spans(Day, "2026-11-26")); diff != "" {
		t.Error(diff)
	}
	update(t, m, func(tx *Tx) error { return tx.DropSpans("b", Hour, "2026-11-27") })
	if diff := cmp.Diff([]string{"2026-11-27T10"}, spans(Hour, "")); diff != "" {
		t.Error(diff)
	}
	if got := spans(Day, ""); len(got) != 3 {
		t.Errorf("days are gone with the hours: %v", got)
	}
	view(t, m, func(tx *Tx) error {
		s, err := tx.Spent("b2", Day, "2026-11-27")
		if s.NanoUSD != 100 {
			t.Errorf("%+v", s)
		}
		return err
	})
	closeIt(t, m) // the account has them all, and notices one that is gone
	m = open(t, m.Dir(), Options{})
	update(t, m, func(tx *Tx) error {
		return tx.b.Bucket([]byte(spending.bucket)).Delete(key("b2", "day", "2026-11-27"))
	})
	_, err := m.checkAccount()
	wantError(t, err, ErrCorrupt, "spending, decisions, pins, billed lines and grants")
}

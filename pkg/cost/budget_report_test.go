package cost

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func (r *ledgerRig) report(t *testing.T, name string) BudgetReport {
	t.Helper()
	rep, err := r.l.Report(name)
	if err != nil {
		t.Fatal(err)
	}
	return rep
}

// spendOn spends on a day of November at noon, Berlin time.
func (r *ledgerRig) spendOn(t *testing.T, day int, bytes int64) {
	t.Helper()
	r.now = time.Date(2026, 11, day, 11, 0, 0, 0, time.UTC)
	r.settle(t, r.reserve(t, over(toS3, bytes)), bytes)
}

func TestReport(t *testing.T) {
	berlin := zoneOf(t, "Europe/Berlin")
	r := newLedgerRig(t,
		Budget{Name: "month", LimitNanoUSD: 1000, Period: Period{Zone: berlin}}, Budget{Name: "total", LimitBytes: 1000, Period: Period{Kind: Total}},
		Budget{Name: "slides", LimitNanoUSD: 1000, Period: Period{Kind: Rolling, Last: 20 * 24 * time.Hour}}, Budget{Name: "unused", LimitNanoUSD: 1000})
	r.now = time.Date(2026, 10, 30, 12, 0, 0, 0, time.UTC)
	r.settle(t, r.reserve(t, over(toS3, 400)), 400)
	r.spendOn(t, 3, 100)
	r.spendOn(t, 3, 50)
	r.now = time.Date(2026, 11, 5, 23, 30, 0, 0, time.UTC) // the 6th in Berlin
	r.settle(t, r.reserve(t, over(toS3, 150)), 150)
	standing := r.reserve(t, over(toS3, 7))
	r.now = time.Date(2026, 11, 10, 23, 0, 0, 0, time.UTC) // ten days into the month

	m := r.report(t, "month")
	if m.Settled != 300 || m.Reserved != 7 || m.PaceNanoUSD != 30 || m.Forecast == nil || m.Forecast.NanoUSD != 900 || m.Forecast.Day != "2026-11-30" || !m.Exhausted.IsZero() {
		t.Errorf("%+v", m)
	}
	if diff := cmp.Diff([]DaySpent{{"2026-11-03", 150, 150}, {"2026-11-06", 150, 150}}, m.Days); diff != "" {
		t.Error(diff)
	}
	// 700 since the midnight before it was first spent from, 287 hours ago.
	total := r.report(t, "total")
	if total.SettledBytes != 700 || total.Forecast != nil || len(total.Days) != 3 || total.PaceBytes != 59 {
		t.Errorf("%+v", total)
	}
	if left := total.Exhausted.Sub(r.now).Round(time.Hour); left != 120*time.Hour { // 293 bytes at 58.5 a day
		t.Errorf("exhausted in %s", left)
	}
	slides := r.report(t, "slides")
	if slides.Settled != 700 || slides.Forecast == nil || slides.Forecast.NanoUSD < 1100 || slides.Forecast.NanoUSD > 1200 || slides.Exhausted.IsZero() {
		t.Errorf("%+v", slides)
	}
	if u := r.report(t, "unused"); u.Settled != 300 || u.Forecast == nil {
		t.Errorf("%+v", u)
	}
	r.settle(t, standing, 7)
	r.now = time.Date(2026, 12, 1, 0, 10, 0, 0, time.UTC)
	if early := r.report(t, "unused"); early.Forecast != nil || early.PaceNanoUSD != 0 || len(early.Days) != 0 {
		t.Errorf("ten minutes into a month: %+v", early)
	}
	if _, err := r.l.Report("other"); !errors.Is(err, ErrNoBudget) {
		t.Error(err)
	}
}

func TestReportSaysWhenNothingIsLeft(t *testing.T) {
	r := newLedgerRig(t, Budget{Name: "b", LimitNanoUSD: 100, Thresholds: []int64{5000}})
	r.now = time.Date(2026, 11, 10, 0, 0, 0, 0, time.UTC)
	r.settle(t, r.reserve(t, over(toS3, 60)), 60)
	r.now = time.Date(2026, 11, 11, 0, 0, 0, 0, time.UTC)
	m := r.report(t, "b") // 6 a day, 40 left
	if want := time.Date(2026, 11, 17, 16, 0, 0, 0, time.UTC); !m.Exhausted.Equal(want) || m.Forecast.NanoUSD != 180 {
		t.Errorf("exhausted at %s with a forecast of %d, want %s and 180", m.Exhausted, m.Forecast.NanoUSD, want)
	}
	id := approve(t, r, NewApproval{Budget: "b", ExtraNanoUSD: 5, Expires: r.now.AddDate(0, 0, 1)})
	if m = r.report(t, "b"); len(m.Approvals) != 1 || m.Approvals[0].ID != id || len(m.Alerts) != 1 || m.Alerts[0].Share != 5000 {
		t.Errorf("%+v", m)
	}
	r.now = r.now.AddDate(0, 1, 0)
	if m = r.report(t, "b"); len(m.Approvals) != 0 || len(m.Alerts) != 0 {
		t.Errorf("%+v", m)
	}
}

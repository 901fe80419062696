package cost

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/datagravity/datagravity/pkg/manifest"
)

// logged collects the messages of a ledger.
func (r *ledgerRig) logged(t *testing.T) func() []string {
	t.Helper()
	var b bytes.Buffer
	r.l.log = slog.New(slog.NewJSONHandler(&b, nil))
	return func() (list []string) {
		for line := range strings.Lines(b.String()) {
			var m struct{ Msg, Window string }
			if err := json.Unmarshal([]byte(line), &m); err != nil {
				t.Fatal(err)
			}
			list = append(list, m.Window+": "+m.Msg)
		}
		b.Reset()
		return list
	}
}

func wantLines(t *testing.T, got []string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +have:\n%s", diff)
	}
}

// Each threshold is told once a window, by whatever it is reached; the last one also when something is refused.
func TestThresholds(t *testing.T) {
	r := newLedgerRig(t, Budget{Name: "b", LimitNanoUSD: 100, Period: Period{Kind: Daily}, Thresholds: []int64{2550, 5000, 8000, 10000}})
	logged := r.logged(t)
	r.settle(t, r.reserve(t, over(toS3, 25)), 20)
	wantLines(t, logged())
	r.settle(t, r.reserve(t, over(toS3, 60)), 30) // reserved counts: 80
	wantLines(t, logged(), "2026-11-25: a budget has reached 25.5% of its limit", "2026-11-25: a budget has reached 50% of its limit", "2026-11-25: a budget has reached 80% of its limit")
	r.settle(t, r.reserve(t, over(toS3, 40)), 30)
	wantLines(t, logged())
	r.refused(t, over(toS3, 21))
	wantLines(t, logged(), "2026-11-25: a budget has reached 100% of its limit")
	r.refused(t, over(toS3, 21))
	r.refused(t, over(toS3, 22))
	r.crash(t)
	logged = r.logged(t)
	r.refused(t, over(toS3, 21))
	r.settle(t, r.reserve(t, over(toS3, 20)), 20)
	wantLines(t, logged())
	list, err := r.l.Alerts("b")
	if err != nil || len(list) != 4 || list[0].Share != 2550 || list[0].UsedNanoUSD != 80 || list[3].UsedNanoUSD != 80 {
		t.Errorf("%+v, %v", list, err)
	}
	r.now = r.now.Add(24 * time.Hour)
	r.reserve(t, over(toS3, 100))
	if got := logged(); len(got) != 4 {
		t.Errorf("a new day begins with %q", got)
	}
}

func TestThresholdOfBytes(t *testing.T) {
	r := newLedgerRig(t, Budget{Name: "b", LimitNanoUSD: 1000, LimitBytes: 100, Thresholds: []int64{5000}})
	logged := r.logged(t)
	r.reserve(t, over(toS3, 49))
	wantLines(t, logged())
	r.reserve(t, over(toS3, 1))
	wantLines(t, logged(), "2026-11: a budget has reached 50% of its limit")
}

// What slides is told again after it was below, at most once a day.
func TestThresholdOfWhatSlides(t *testing.T) {
	r := newLedgerRig(t, Budget{Name: "b", LimitNanoUSD: 100, Period: Period{Kind: Rolling, Last: 2 * time.Hour}, Thresholds: []int64{5000}})
	logged := r.logged(t)
	again := func() { r.settle(t, r.reserve(t, over(toS3, 60)), 60) }
	again()
	wantLines(t, logged(), "last 2h to 2026-11-25: a budget has reached 50% of its limit")
	r.now = r.now.Add(4 * time.Hour)
	r.settle(t, r.reserve(t, over(toS3, 1)), 1)
	again()
	wantLines(t, logged())
	r.now = r.now.Add(24 * time.Hour)
	r.settle(t, r.reserve(t, over(toS3, 1)), 1)
	again()
	wantLines(t, logged(), "last 2h to 2026-11-26: a budget has reached 50% of its limit")
}

func TestAsking(t *testing.T) {
	r := newLedgerRig(t, Budget{Name: "b", LimitNanoUSD: 100 * USD, LimitBytes: int64(100 * USD), Ask: true})
	logged := r.logged(t)
	big := int64(101*USD) + 1
	err := r.l.Check(Demand{Subject{Link: toS3, Dataset: "c4"}, NanoUSD(big), big})
	wantText(t, err, ErrBudget, "it asks for an approval: datagravity budget approve --budget b --extra 1.01 --extra-bytes 1000000001 --reason TEXT --expires 24h")
	wantLines(t, logged()) // looking tells nobody
	for range 3 {
		if err := r.l.Tell(err); err != nil {
			t.Fatal(err)
		}
	}
	wantLines(t, logged(), "2026-11: a budget asks for an approval")
	r.refused(t, over(toS3, big)) // the same
	wantLines(t, logged())
	c := forJob("night", big+5)
	wantText(t, r.refused(t, c), ErrBudget, "--job night --extra 1.01 --extra-bytes 1000000006")
	wantLines(t, logged(), "2026-11: a budget asks for an approval")
	c.Bytes += 5 // more is another question
	r.refused(t, c)
	wantLines(t, logged(), "2026-11: a budget asks for an approval")
	list, err := r.l.Alerts("")
	if err != nil || len(list) != 2 {
		t.Fatalf("%+v, %v", list, err)
	}
	for _, a := range list {
		if a.Kind != manifest.AlertAsk || a.Dataset != "c4" || a.Job == "night" && a.MoreBytes != int64(USD)+11 {
			t.Errorf("%+v", a)
		}
	}
	if err := errors.Join(r.l.Tell(nil), r.l.Tell(errors.New("something else"))); err != nil {
		t.Error(err)
	}
	wantLines(t, logged())
}

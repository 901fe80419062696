package bill

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/manifest"
)

// rig is a state directory with a ledger.
type rig struct {
	dir string
	now time.Time
	m   *manifest.Manifest
}

func newRig(t testing.TB) *rig {
	r := &rig{dir: t.TempDir(), now: later}
	r.open(t)
	t.Cleanup(func() { _ = r.m.Close() })
	return r
}

func (r *rig) open(t rapid.TB) {
	t.Helper()
	var err error
	if r.m, err = manifest.OpenDir(r.dir, manifest.Options{Now: func() time.Time { return r.now }}); err != nil {
		t.Fatal(err)
	}
	if _, err = cost.OpenLedger(r.m, cost.LedgerOptions{Book: cost.Default()}); err != nil {
		t.Fatal(err)
	}
}

// lose opens the directory again without its manifest.
func (r *rig) lose(t rapid.TB) {
	t.Helper()
	if err := r.m.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(r.dir, "manifest.db")); err != nil {
		t.Fatal(err)
	}
	r.open(t)
}

// meter puts ledger lines of September 2026 in.
func (r *rig) meter(t rapid.TB, uses ...LinkUse) {
	t.Helper()
	err := r.m.Update(func(tx *manifest.Tx) error {
		for _, u := range uses {
			err := tx.PutLine(manifest.Line{
				LineKey: manifest.LineKey{
					Month: "2026-09", Dataset: "c4", Path: "a.tar", From: u.From, To: u.To, Source: u.Source, Dest: u.Dest, Activity: "transfer",
				},
				First: u.First, Last: u.Last, Bytes: u.Bytes, NanoUSD: int64(u.NanoUSD), Unknown: u.Whole,
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// book compares a bill and books it.
func (r *rig) book(t rapid.TB, charges ...charge) *Report {
	t.Helper()
	tally := NewTally([]string{"exampleaccount"})
	if err := tally.Read("bill.csv", strings.NewReader(csvOf(charges...))); err != nil {
		t.Fatal(err)
	}
	var ours Metered
	err := r.m.View(func(tx *manifest.Tx) (err error) {
		ours, err = ReadMetered(tx)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	report := Compare(tally, ours, r.now)
	if err := report.Book(r.m); err != nil {
		t.Fatal(err)
	}
	return report
}

type booked struct {
	usd   cost.NanoUSD
	bytes int64
	state string
}

// adjustments are what bills added, by kind and destination.
func (r *rig) adjustments(t rapid.TB) map[string]booked {
	t.Helper()
	out := map[string]booked{}
	err := r.m.View(func(tx *manifest.Tx) error {
		s, err := ReadStates(tx)
		s.Adjustments(func(a Adjustment) { out[a.Kind+" "+a.Dest] = booked{a.USD, a.Bytes, a.State} })
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func (r *rig) state(t testing.TB) (state string, line manifest.Line) {
	t.Helper()
	err := r.m.View(func(tx *manifest.Tx) error {
		s, err := ReadStates(tx)
		if err != nil {
			return err
		}
		return tx.Lines(func(l manifest.Line) (bool, error) {
			line, state = l, s.Of(l)
			return false, nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return state, line
}

// TestBook follows a month from its first export to its invoice.
func TestBook(t *testing.T) {
	r := newRig(t)
	ours := use(toAWS, 100, 870)
	ours.Whole = 1
	r.meter(t, ours)
	if s, _ := r.state(t); s != manifest.StateEstimated {
		t.Fatalf("before any bill it is %s", s)
	}
	ours.Whole = 0
	r.meter(t, ours)
	s, metered := r.state(t)
	if s != manifest.StateMetered {
		t.Fatalf("before any bill it is %s", s)
	}

	step := func(name, state string, lines int, usd string, bytes int64, charges ...charge) {
		t.Helper()
		report := r.book(t, charges...)
		if len(report.Bookings) != lines || !report.Booked {
			t.Errorf("%s: booked %+v", name, report.Bookings)
		}
		got := r.adjustments(t)["correction aws"]
		if want := (booked{dollars(usd), bytes, state}); got != want {
			t.Errorf("%s: stands at %+v, want %+v", name, got, want)
		}
		s, line := r.state(t)
		if s != state || line != metered {
			t.Errorf("%s: the line is %s and %+v", name, s, line)
		}
		if again := r.book(t, charges...); len(again.Bookings) != 0 {
			t.Errorf("%s, once more: booked %+v", name, again.Bookings)
		}
	}
	r.now = month("2026-09").AddDate(0, 0, 20)
	step("in the month", manifest.StateBilled, 1, "0", 0, billed("60", "5.22", nil))
	step("later in the month", manifest.StateBilled, 0, "0", 0, billed("80", "6.96", nil))
	r.now = later
	step("an export from the middle of the month", manifest.StateBilled, 0, "0", 0,
		billed("60", "5.22", charge{"ChargePeriodStart": "2026-09-17", "ChargePeriodEnd": "2026-09-18"}))
	step("closed", manifest.StateBilled, 1, "0.174", 2*gib, billed("102", "8.874", nil))
	step("restated", manifest.StateBilled, 1, "0.087", gib, billed("101", "8.787", nil))
	step("invoiced", manifest.StateInvoiced, 1, "0.087", gib, billed("101", "8.787", charge{"InvoiceId": "E1"}))
	step("an old export of it", manifest.StateInvoiced, 0, "0.087", gib, billed("60", "5.22", nil))

	// What is gone with the manifest comes back from the journal, and the bill is known then too.
	before := r.adjustments(t)
	for range 2 {
		r.lose(t)
		r.meter(t, ours)
		if got := r.adjustments(t); !maps.Equal(got, before) {
			t.Errorf("after the loss %+v, before %+v", got, before)
		}
		step("after a loss", manifest.StateInvoiced, 0, "0.087", gib, billed("101", "8.787", charge{"InvoiceId": "E1"}))
	}
	step("booked by the new one", manifest.StateInvoiced, 1, "0", gib, billed("101", "8.7", charge{"InvoiceId": "E1"}))
	before = r.adjustments(t)
	r.lose(t)
	if got := r.adjustments(t); !maps.Equal(got, before) {
		t.Errorf("after the third loss %+v, before %+v", got, before)
	}
}

func TestBookCredits(t *testing.T) {
	r := newRig(t)
	r.meter(t, use(toAWS, 100, 870), use(Link{From: "azure:eastus", To: "onprem:lab1", Source: "training", Dest: "lab"}, 50, 435))
	credit := billed("", "-3", charge{"ChargeCategory": "Credit", "ConsumedUnit": "", "ResourceId": account})
	usage := billed("150", "13.05", charge{"ResourceId": account})
	r.book(t, usage, credit)
	want := map[string]booked{
		"credit aws": {dollars("-2"), 0, "billed"}, "credit lab": {dollars("-1"), 0, "billed"}, "correction aws": {0, 0, "billed"}, "correction lab": {0, 0, "billed"},
	}
	if got := r.adjustments(t); !maps.Equal(got, want) {
		t.Errorf("%+v", got)
	}
	// Taken back again.
	r.book(t, usage)
	if got := r.adjustments(t)["credit aws"]; got.usd != 0 {
		t.Errorf("%+v", got)
	}
}

// TestNothingIsBooked where the bill says nothing about a link, or may be of others alone.
func TestNothingIsBooked(t *testing.T) {
	for name, charges := range map[string][]charge{
		"no rows":        {},
		"another region": {billed("100", "8.7", charge{"RegionId": "westus"})},
		"another month":  {egress("2026-08", nil)},
		"taken back":     {billed("100", "8.7", nil), billed("-100", "-8.7", nil)},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.meter(t, use(toAWS, 100, 870))
			if got := r.book(t, charges...).Bookings; len(got) != 0 {
				t.Errorf("%+v", got)
			}
		})
	}
}

// TestMeteredAndBookedIsTheBill: whatever bills of a closed month are booked one after the other, what was metered and what was booked
// come to what the last one has for us, link by link and to the nano-dollar; what was metered stays as it is.
func TestMeteredAndBookedIsTheBill(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp("", "bill-test-")
		if err != nil {
			t.Fatal(err)
		}
		r := &rig{dir: dir, now: later}
		r.open(t)
		defer func() { _, _ = r.m.Close(), os.RemoveAll(dir) }()
		var uses []LinkUse
		for _, dest := range []string{"aws", "lab", "gcp"}[:rapid.IntRange(1, 3).Draw(t, "links")] {
			u := use(Link{From: "azure:eastus", To: "aws:us-east-1", Source: "training", Dest: dest}, 0, 0)
			u.Bytes, u.NanoUSD = rapid.Int64Range(1, 1<<45).Draw(t, "bytes"), cost.NanoUSD(rapid.Int64Range(0, 1<<42).Draw(t, "usd"))
			uses = append(uses, u)
		}
		r.meter(t, uses...)
		for range rapid.IntRange(1, 5).Draw(t, "bills") {
			quantity := rapid.StringMatching(`[0-9]{1,5}\.[0-9]{1,12}`).Draw(t, "quantity")
			amount := rapid.StringMatching(`[0-9]{1,4}\.[0-9]{1,12}`).Draw(t, "amount")
			c := r.book(t, billed(quantity, amount, nil)).Comparisons[0]
			if c.OursOfBillBytes == 0 {
				continue // nothing billed: the account stays as it was
			}
			var bytes int64
			var sum cost.NanoUSD
			adjusted := r.adjustments(t)
			for _, u := range uses {
				a := adjusted["correction "+u.Dest]
				bytes, sum = bytes+u.Bytes+a.bytes, sum+u.NanoUSD+a.usd
			}
			if bytes != c.OursOfBillBytes || sum != c.OursOfBillUSD {
				t.Fatalf("metered and booked are %d bytes and %d, the bill has %d and %d for us", bytes, sum, c.OursOfBillBytes, c.OursOfBillUSD)
			}
			if rapid.Bool().Draw(t, "lost") {
				r.lose(t)
				r.meter(t, uses...)
				if !maps.Equal(r.adjustments(t), adjusted) {
					t.Fatal("a lost manifest forgot what was booked")
				}
			}
		}
	})
}

func TestLessSure(t *testing.T) {
	order := []string{manifest.StateEstimated, manifest.StateMetered, manifest.StateBilled, manifest.StateInvoiced}
	for i, a := range order {
		for j, b := range order {
			if got := LessSure(a, b); got != order[min(i, j)] {
				t.Errorf("of %s and %s: %s", a, b, got)
			}
		}
		if LessSure(a, "") != a || LessSure("", a) != a {
			t.Errorf("%s beside none", a)
		}
	}
	if !slices.IsSortedFunc(order, func(a, b string) int { return StateOrder(a) - StateOrder(b) }) {
		t.Error("out of order")
	}
}

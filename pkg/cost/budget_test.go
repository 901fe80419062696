package cost

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/datagravity/datagravity/pkg/store"
)

func TestBudgetCovers(t *testing.T) {
	reading := Link{Source: "training", SourceLocation: eastus}
	for _, tt := range []struct {
		from, to string
		want     [3]bool // toS3, toLab, reading
	}{
		{"", "", [3]bool{true, true, true}},
		{"training", "", [3]bool{true, true, true}},
		{"azure", "", [3]bool{true, true, true}},
		{"azure:eastus", "lab", [3]bool{false, true, false}},
		{"azure:westus", "", [3]bool{}},
		{"", "aws", [3]bool{true, false, false}},
		{"", "aws:us-east-1", [3]bool{true, false, false}},
		{"", "s3-east", [3]bool{true, false, false}},
		{"train", "", [3]bool{}}, // a name, not the beginning of one
		{"lab", "", [3]bool{}},   // a destination is no source
	} {
		b := Budget{From: tt.from, To: tt.to}
		if got := [3]bool{b.Covers(toS3), b.Covers(toLab), b.Covers(reading)}; got != tt.want {
			t.Errorf("from %q to %q covers %v, want %v", tt.from, tt.to, got, tt.want)
		}
	}
	// A link without a known location is selected by nothing but its name and "".
	nowhere := Link{Source: "x", SourceLocation: store.Location{}}
	if (Budget{From: "azure"}).Covers(nowhere) || !(Budget{From: "x"}).Covers(nowhere) {
		t.Error("a link without a location")
	}
}

func TestBudgetCounts(t *testing.T) {
	s := Subject{Link: toS3, Dataset: "c4", Team: "language", Job: "night-7"}
	for _, tt := range []struct {
		budget Budget
		want   bool
	}{
		{Budget{}, true}, {Budget{From: "azure", To: "s3-east", Dataset: "c4", Team: "language", Job: "night-7"}, true}, {Budget{To: "lab", Dataset: "c4"}, false},
		{Budget{Dataset: "c4"}, true}, {Budget{Dataset: "c"}, false}, {Budget{Team: "language"}, true}, {Budget{Team: "vision"}, false},
		{Budget{Job: "night-7"}, true}, {Budget{Job: "night"}, false}, {Budget{Job: "night-*"}, true}, {Budget{Job: "day-*"}, false}, {Budget{Job: "*"}, true},
	} {
		if got := tt.budget.Counts(s); got != tt.want {
			t.Errorf("%+v counts: %v", tt.budget, got)
		}
	}
	nobody := Subject{Link: toS3}
	for _, b := range []Budget{{Dataset: "c4"}, {Team: "language"}, {Job: "night-7"}, {Job: "*"}} {
		if b.Counts(nobody) {
			t.Errorf("%+v counts what is for nobody", b)
		}
	}
}

// A transfer must fit every budget that counts it, whatever they select by.
func TestEveryBudgetThatCounts(t *testing.T) {
	r := newLedgerRig(t, Budget{Name: "team", Team: "vision", LimitBytes: 50}, Budget{Name: "dataset", Dataset: "c4", LimitBytes: 80}, Budget{Name: "jobs", Job: "night-*", LimitBytes: 30})
	c := over(toS3, 30)
	c.Team, c.Job = "vision", "night-1"
	r.settle(t, r.reserve(t, c), 30)
	if e := r.refused(t, forJob("night-2", 1)); e.Use.Budget.Name != "jobs" {
		t.Error(e)
	}
	c.Job, c.Bytes = "day", 20
	r.settle(t, r.reserve(t, c), 20)
	if e := r.refused(t, c); e.Use.Budget.Name != "team" {
		t.Error(e)
	}
	r.settle(t, r.reserve(t, over(toS3, 30)), 30)
	if e := r.refused(t, over(toS3, 1)); e.Use.Budget.Name != "dataset" {
		t.Error(e)
	}
	other := over(toS3, 1000)
	other.Dataset = "other"
	other.Rate = freeRate(OnpremOut, "")
	if !r.l.Free(other) {
		t.Error("a free link that no budget counts is not free")
	}
	other.Team = "vision"
	if r.l.Free(other) {
		t.Error("a free link that a team's budget counts is free")
	}
	for name, want := range map[string]int64{"team": 50, "dataset": 80, "jobs": 30} {
		if u := r.use(t, name); u.SettledBytes != want {
			t.Errorf("%s: %d bytes, want %d", name, u.SettledBytes, want)
		}
	}
}

func TestUseLeft(t *testing.T) {
	for _, tt := range []struct {
		use   Use
		usd   NanoUSD
		bytes int64
	}{
		{Use{}, -1, -1},
		{Use{Settled: 5, ReservedBytes: 7}, -1, -1},
		{Use{Budget: Budget{LimitNanoUSD: 10}, Settled: 3, Reserved: 4}, 3, -1},
		{Use{Budget: Budget{LimitBytes: 10}, SettledBytes: 3, ReservedBytes: 4}, -1, 3},
		{Use{Budget: Budget{LimitNanoUSD: 10, LimitBytes: 10}, Settled: 30, SettledBytes: 10}, 0, 0},
	} {
		if usd, bytes := tt.use.Left(); usd != tt.usd || bytes != tt.bytes {
			t.Errorf("%+v has %d and %d left", tt.use, usd, bytes)
		}
	}
}

func TestBudgetErrorsSayWhatToDo(t *testing.T) {
	u := Use{Budget: Budget{Name: "nov", LimitNanoUSD: 500 * USD, LimitBytes: 100}, Window: "2026-11", Clock: "2026-11",
		Settled: 400 * USD, Reserved: 50 * USD, SettledBytes: 60}
	for _, tt := range []struct {
		usd   NanoUSD
		bytes int64
		want  string
	}{
		{50 * USD, 40, ""},
		{50*USD + 1, 0, `budget "nov" has $50.00 left of $500.00 for 2026-11 ($400.00 spent, $50.00 reserved), and this needs up to $50.00; raise the budget`},
		{0, 41, `budget "nov" has 40 bytes left of 100 for 2026-11, and this needs up to 41; raise the budget, wait for the next window`},
	} {
		usd, more := u.missing(tt.usd, tt.bytes)
		err := error(&OverBudget{Use: u, NanoUSD: tt.usd, Bytes: tt.bytes, MoreNanoUSD: usd, MoreBytes: more})
		if tt.want == "" {
			if usd != 0 || more != 0 {
				t.Error(err)
			}
			continue
		}
		if usd == 0 && more == 0 {
			t.Errorf("%d and %d fit", tt.usd, tt.bytes)
		}
		if !errors.Is(err, ErrBudget) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%v, want %q", err, tt.want)
		}
	}
}

func TestCheck(t *testing.T) {
	r := newLedgerRig(t, Budget{Name: "all", LimitNanoUSD: 100}, Budget{Name: "lab", To: "lab", LimitBytes: 50})
	r.reserve(t, over(toS3, 30))
	for _, tt := range []struct {
		link  Link
		usd   NanoUSD
		bytes int64
		over  string
	}{
		{toS3, 70, 1 << 40, ""}, {toS3, 71, 0, `"all"`}, {toLab, 70, 50, ""}, {toLab, 70, 51, `"lab"`}, {toLab, 71, 51, `"all"`},
	} {
		err := r.l.Check(Demand{Subject{Link: tt.link}, tt.usd, tt.bytes})
		if tt.over == "" && err == nil {
			continue
		}
		if tt.over == "" || !errors.Is(err, ErrBudget) || !strings.Contains(err.Error(), tt.over) {
			t.Errorf("%s, %d, %d bytes: %v", tt.link.Name(), tt.usd, tt.bytes, err)
		}
	}
	// Looking opens no window.
	r.now = r.now.AddDate(0, 1, 0)
	if err := r.l.Check(Demand{Subject{Link: toS3}, 100, 0}); err != nil {
		t.Error(err)
	}
	r.now = r.now.AddDate(0, -1, 0)
	r.want(t, "all", 0, 30)
}

func TestWindowOf(t *testing.T) {
	for in, want := range map[string]string{
		"2026-11-30T23:59:59Z": "2026-11", "2026-12-01T00:00:00Z": "2026-12", "2026-12-01T00:30:00+01:00": "2026-11",
		"2026-10-31T20:00:00-05:00": "2026-11",
	} {
		at, err := time.Parse(time.RFC3339, in)
		if err != nil {
			t.Fatal(err)
		}
		if got := WindowOf(at); got != want {
			t.Errorf("%s is in %s, want %s", in, got, want)
		}
	}
}

package cost

import (
	"slices"
	"testing"
)

// What was approved for a job is its own: it counts under a budget that only it has, in place of the one for everybody.
func TestAllowancesOfJobs(t *testing.T) {
	r := newLedgerRig(t, Budget{Name: "all", LimitNanoUSD: 100}, Budget{Name: "nights", Job: "night-*", LimitNanoUSD: 60})
	approve(t, r, NewApproval{Job: "night-1", ExtraNanoUSD: 40})
	approve(t, r, NewApproval{Budget: "all", ExtraNanoUSD: 5})
	uses, err := r.l.Uses()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		use  int
		job  string
		want NanoUSD
	}{{0, "", 105}, {0, "night-1", 145}, {0, "night-2", 105}, {1, "", 60}, {1, "night-1", 100}} {
		if usd, bytes := uses[c.use].LeftFor(c.job); usd != c.want || bytes != -1 {
			t.Errorf("%s for job %q: %d, %d; want %d", uses[c.use].Budget.Name, c.job, usd, bytes, c.want)
		}
	}
	list := Allowances(uses)
	if want := []Allowance{{0, ""}, {1, ""}, {0, "night-1"}, {1, "night-1"}}; !slices.Equal(list, want) {
		t.Fatalf("%+v, want %+v", list, want)
	}
	for job, want := range map[string][]uint16{"": {0}, "day": {0}, "night-2": {0, 1}, "night-1": {2, 3}} {
		if got := Counting(list, uses, forJob(job, 1).Subject()); !slices.Equal(got, want) {
			t.Errorf("job %q counts under %v, want %v", job, got, want)
		}
	}
	r.settle(t, r.reserve(t, forJob("night-1", 100)), 100) // all of what nights may be given, and nothing of all's
	// What carried that job beyond the limit carries no other: of what is approved for one, the excess is gone already, as the ledger counts.
	approve(t, r, NewApproval{Job: "night-2", ExtraNanoUSD: 45})
	if uses, err = r.l.Uses(); err != nil {
		t.Fatal(err)
	}
	if usd, _ := uses[1].LeftFor("night-2"); usd != 5 { // 60 and 45, less 100
		t.Errorf("night-2 has %d left", usd)
	}
	r.refused(t, forJob("night-2", 6))
	r.settle(t, r.reserve(t, forJob("night-2", 5)), 5)
	if uses, err = r.l.Uses(); err != nil {
		t.Fatal(err)
	}
	if list := Allowances(uses); !slices.Equal(list, []Allowance{{0, ""}, {1, ""}, {0, "night-1"}, {0, "night-2"}}) {
		t.Errorf("after it was spent: %+v", list)
	}
}

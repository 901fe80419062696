package cost

import (
	"errors"
	"testing"
)

// With other budgets the account goes on as it was: what is spent and what stands, also what the ledger before is still to settle.
func TestReopenCarriesTheAccountOver(t *testing.T) {
	r := newLedgerRig(t, Budget{Name: "b", LimitNanoUSD: 100})
	r.settle(t, r.reserve(t, over(toS3, 30)), 30)
	standing := r.reserve(t, over(toS3, 40))
	before := r.l
	var err error
	r.l, err = before.Reopen(LedgerOptions{Book: Default(), Budgets: []Budget{{Name: "b", LimitNanoUSD: 80}, {Name: "new", To: "lab", LimitNanoUSD: 5}}})
	if err != nil {
		t.Fatal(err)
	}
	r.want(t, "b", 30, 40)
	if _, err := r.l.Reserve([]Crossing{over(toS3, 11)}, nil); !errors.Is(err, ErrBudget) {
		t.Errorf("11 of the 10 that are left: %v", err)
	}
	if _, err := r.l.Reserve([]Crossing{over(toLab, 6)}, nil); !errors.Is(err, ErrBudget) {
		t.Errorf("6 of the new budget's 5: %v", err)
	}
	r.settle(t, r.reserve(t, over(toS3, 10)), 10)
	r.settle(t, standing, 25)
	r.want(t, "b", 65, 0)
	r.want(t, "new", 0, 0)
	// What the journal says is the same.
	r.budgets = []Budget{{Name: "b", LimitNanoUSD: 80}}
	r.crash(t, lose)
	r.want(t, "b", 65, 0)

	if _, err := r.l.Reopen(LedgerOptions{Book: Default(), Budgets: []Budget{{Name: "b"}, {Name: "b"}}}); err == nil {
		t.Error("two budgets of one name")
	}
}

package cost

import (
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func approve(t rapid.TB, r *ledgerRig, n NewApproval) string {
	t.Helper()
	if n.Reason == "" {
		n.Reason, n.By = "because", "ada@mill"
	}
	if n.Expires.IsZero() {
		n.Expires = r.now.Add(24 * time.Hour)
	}
	a, err := r.l.Approve(n)
	if err != nil {
		t.Fatal(err)
	}
	return a.ID
}

// forJob is a crossing for a job.
func forJob(job string, bytes int64) Crossing {
	c := over(toS3, bytes)
	c.Job = job
	return c
}

func (r *ledgerRig) refused(t rapid.TB, c Crossing) *OverBudget {
	t.Helper()
	_, err := r.l.Reserve([]Crossing{c}, nil)
	var over *OverBudget
	if !errors.As(err, &over) || !errors.Is(err, ErrBudget) {
		t.Fatalf("%d bytes: %v", c.Bytes, err)
	}
	return over
}

func TestApprovalForABudget(t *testing.T) {
	r := newLedgerRig(t, Budget{Name: "b", LimitNanoUSD: 100, LimitBytes: 100})
	r.settle(t, r.reserve(t, over(toS3, 90)), 90)
	if e := r.refused(t, over(toS3, 30)); e.MoreNanoUSD != 20 || e.MoreBytes != 20 {
		t.Errorf("%d and %d more are needed, want 20", e.MoreNanoUSD, e.MoreBytes)
	}
	approve(t, r, NewApproval{Budget: "b", ExtraNanoUSD: 50})
	if e := r.refused(t, over(toS3, 30)); e.MoreNanoUSD != 0 || e.MoreBytes != 20 {
		t.Errorf("money was approved alone, and %d and %d more are needed", e.MoreNanoUSD, e.MoreBytes)
	}
	approve(t, r, NewApproval{Budget: "b", ExtraBytes: 25})
	if err := r.l.Check(Demand{Subject{Link: toS3}, 35, 35}); err != nil {
		t.Error(err)
	}
	r.settle(t, r.reserve(t, over(toS3, 30)), 30) // takes 20 of each
	r.settle(t, r.reserve(t, over(toS3, 5)), 5)   // takes what is left of the bytes
	r.refused(t, over(toS3, 1))
	r.want(t, "b", 125, 0)
	if u := r.use(t, "b"); u.ExtraNanoUSD != 25 || u.ExtraBytes != 25 {
		t.Errorf("%+v", u)
	}
	r.crash(t, lose) // the journal has the approvals, and what was taken of them
	r.want(t, "b", 125, 0)
	r.refused(t, over(toS3, 1))
	list, err := r.l.Approvals()
	if err != nil || len(list) != 2 || list[0].By != "ada@mill" || list[0].Reason != "because" {
		t.Fatalf("%+v, %v", list, err)
	}
	for i, want := range []int64{25, 0} {
		if usd, bytes := ApprovalLeft(list[i], "b"); int64(usd) != want || bytes != 0 {
			t.Errorf("approval %d has %d and %d left", i, usd, bytes)
		}
	}
}

// An approval is spent once, however many windows begin until it expires; and what is left of it in a window goes with it.
func TestApprovalIsSpentOnce(t *testing.T) {
	r := newLedgerRig(t, Budget{Name: "b", LimitNanoUSD: 100, Period: Period{Kind: Daily}})
	approve(t, r, NewApproval{Budget: "b", ExtraNanoUSD: 50, Expires: r.now.Add(60 * time.Hour)})
	r.settle(t, r.reserve(t, over(toS3, 130)), 110)
	r.settle(t, r.reserve(t, over(toS3, 20)), 20) // what was given and not spent serves again in the same window
	r.want(t, "b", 130, 0)
	r.now = r.now.Add(24 * time.Hour)
	r.refused(t, over(toS3, 121))
	r.settle(t, r.reserve(t, over(toS3, 120)), 101)
	r.crash(t)
	r.now = r.now.Add(24 * time.Hour)
	r.refused(t, over(toS3, 101))
	r.settle(t, r.reserve(t, over(toS3, 100)), 100)
	r.now = r.now.Add(-24 * time.Hour) // the clock jumps back, and the day does not
	r.refused(t, over(toS3, 1))
}

func TestApprovalExpires(t *testing.T) {
	r := newLedgerRig(t, Budget{Name: "b", LimitNanoUSD: 100, Period: Period{Kind: Total}})
	approve(t, r, NewApproval{Budget: "b", ExtraNanoUSD: 50, Expires: r.now.Add(time.Hour)})
	standing := r.reserve(t, over(toS3, 140))
	r.now = r.now.Add(time.Hour)
	r.refused(t, over(toS3, 1))
	r.settle(t, standing, 120) // what was reserved before it expired stands
	r.want(t, "b", 120, 0)
	if e := r.refused(t, over(toS3, 10)); e.MoreNanoUSD != 30 {
		t.Errorf("%d more are needed: what was spent beyond the limit too, want 30", e.MoreNanoUSD)
	}
	id := approve(t, r, NewApproval{Budget: "b", ExtraNanoUSD: 30})
	r.settle(t, r.reserve(t, over(toS3, 5)), 5)
	if _, err := r.l.Revoke(id, "bob@mill"); err != nil {
		t.Fatal(err)
	}
	r.refused(t, over(toS3, 1))
	_, err := r.l.Revoke(id, "bob@mill")
	wantText(t, err, ErrDecision, "no approval")
	r.crash(t, lose)
	r.refused(t, over(toS3, 1))
	list, err := r.l.Approvals()
	if err != nil || len(list) != 2 || list[1].RevokedBy != "bob@mill" || len(list[1].Given) != 1 || list[1].Given[0].NanoUSD != 25 {
		t.Errorf("%+v, %v", list, err)
	}
}

func TestApprovalForAJob(t *testing.T) {
	r := newLedgerRig(t, Budget{Name: "all", LimitNanoUSD: 100}, Budget{Name: "nights", Job: "night-*", LimitNanoUSD: 60})
	approve(t, r, NewApproval{Job: "night-1", ExtraNanoUSD: 40})
	r.settle(t, r.reserve(t, forJob("night-1", 100)), 100) // 40 beyond nights
	r.refused(t, forJob("night-2", 1))
	r.refused(t, forJob("", 1))
	r.refused(t, forJob("night-1", 1)) // nights has been given all
	r.want(t, "nights", 100, 0)
	approve(t, r, NewApproval{Job: "day", ExtraNanoUSD: 7})
	r.settle(t, r.reserve(t, forJob("day", 7)), 7)
	r.refused(t, forJob("day", 1))
	r.want(t, "all", 107, 0)
	r.want(t, "nights", 100, 0)
}

// Several shards in one ticket take from one approval, and what they take together is what it gives.
func TestApprovalForManyAtOnce(t *testing.T) {
	r := newLedgerRig(t, Budget{Name: "b", LimitNanoUSD: 100})
	approve(t, r, NewApproval{Budget: "b", ExtraNanoUSD: 50})
	if _, err := r.l.Reserve([]Crossing{over(toS3, 80), over(toS3, 40), over(toS3, 31)}, nil); !errors.Is(err, ErrBudget) {
		t.Fatal(err)
	}
	r.settle(t, r.reserve(t, over(toS3, 80), over(toS3, 40), over(toS3, 30)), 80, 40, 30)
	r.refused(t, over(toS3, 1))
	r.want(t, "b", 150, 0)
}

func TestApprovalsThatCannotBe(t *testing.T) {
	r := newLedgerRig(t, Budget{Name: "b", LimitNanoUSD: 100})
	good := NewApproval{Budget: "b", ExtraNanoUSD: 1, Reason: "r", By: "me", Expires: r.now.Add(time.Hour)}
	for text, change := range map[string]func(*NewApproval){
		"for one budget or for one job": func(n *NewApproval) { n.Budget = "" },
		`no budget "c"`:                 func(n *NewApproval) { n.Budget = "c" },
		"names no job":                  func(n *NewApproval) { n.Budget, n.Job = "", "a\x00b" },
		"more than 0":                   func(n *NewApproval) { n.ExtraNanoUSD = 0 },
		"must be more":                  func(n *NewApproval) { n.ExtraBytes = -1 },
		"needs a reason":                func(n *NewApproval) { n.Reason = " " },
		"somebody who gives it":         func(n *NewApproval) { n.By = "" },
		"would have expired":            func(n *NewApproval) { n.Expires = r.now },
	} {
		n := good
		change(&n)
		_, err := r.l.Approve(n)
		wantText(t, err, ErrDecision, text)
	}
	if list, err := r.l.Approvals(); len(list) != 0 || err != nil {
		t.Errorf("%+v %v", list, err)
	}
}

// Whatever is approved, in whatever order, spent and reserved never pass the limit and what was approved for the window's time.
func TestApprovalsModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r := newLedgerRig(t, Budget{Name: "b", LimitNanoUSD: 100, Period: Period{Kind: Total}})
		var approved, used int64
		for range rapid.IntRange(1, 25).Draw(rt, "steps") {
			switch rapid.IntRange(0, 4).Draw(rt, "step") {
			case 0:
				n := rapid.Int64Range(1, 40).Draw(rt, "extra")
				approve(rt, r, NewApproval{Budget: "b", ExtraNanoUSD: NanoUSD(n), Expires: r.now.AddDate(1, 0, 0)})
				approved += n
			case 1:
				r.crash(rt, rapid.SampledFrom([]func(*ledgerRig){lose, func(*ledgerRig) {}}).Draw(rt, "how"))
			default:
				n := rapid.Int64Range(1, 60).Draw(rt, "bytes")
				ticket, err := r.l.Reserve([]Crossing{over(toS3, n)}, nil)
				if fits := used+n <= 100+approved; fits != (err == nil) {
					rt.Fatalf("%d after %d, with %d approved: %v", n, used, approved, err)
				}
				if err == nil {
					moved := rapid.Int64Range(0, n).Draw(rt, "moved")
					r.settle(rt, ticket, moved)
					used += moved
				}
			}
		}
		r.want(rt, "b", NanoUSD(used), 0)
		if err := r.m.Close(); err != nil {
			rt.Fatal(err)
		}
	})
}

// In a window that slides an approval is spent once, as in any other: what was spent for it goes out of the window together with it.
func TestApprovalInAWindowThatSlides(t *testing.T) {
	r := newLedgerRig(t, Budget{Name: "b", LimitNanoUSD: 100, Period: Period{Kind: Rolling, Last: 48 * time.Hour}})
	approve(t, r, NewApproval{Budget: "b", ExtraNanoUSD: 50, Expires: r.now.Add(30 * 24 * time.Hour)})
	r.settle(t, r.reserve(t, over(toS3, 130)), 130) // takes 30
	r.now = r.now.Add(12 * time.Hour)
	r.settle(t, r.reserve(t, over(toS3, 20)), 20) // takes the other 20
	r.refused(t, over(toS3, 1))
	r.want(t, "b", 150, 0)
	for range 2 {
		r.now = r.now.Add(9 * 24 * time.Hour)
		r.want(t, "b", 0, 0)
		if e := r.refused(t, over(toS3, 101)); e.MoreNanoUSD != 1 {
			t.Errorf("%d more is needed, want 1", e.MoreNanoUSD)
		}
		r.settle(t, r.reserve(t, over(toS3, 100)), 100)
		r.crash(t, lose)
		r.want(t, "b", 100, 0)
	}
}

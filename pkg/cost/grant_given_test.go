package cost

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/datagravity/datagravity/pkg/manifest"
)

// give answers a request for bytes, at a nano-dollar each.
func (r *ledgerRig) give(t rapid.TB, edge, id string, bytes, least int64) manifest.GivenGrant {
	t.Helper()
	g := manifest.GivenGrant{ID: id, Edge: edge, For: over(toS3, 0).GrantFor(), Expires: manifest.At(r.now.Add(time.Hour))}
	g, err := r.l.Give(g, asking(bytes, 10*bytes), least)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func (r *ledgerRig) settleGiven(t rapid.TB, edge, id string, bytes int64) {
	t.Helper()
	if err := r.l.SettleGiven(edge, id, asking(bytes, 1), Moved{Bytes: bytes, Requests: map[Op]int64{OpRead: 1}}); err != nil {
		t.Fatal(err)
	}
}

// What is given is set aside until it is settled, whoever dies; it is given once, and the budgets never have less than all of it.
func TestGive(t *testing.T) {
	r := newLedgerRig(t, Budget{Name: "b", LimitNanoUSD: 100})
	g := r.give(t, "iowa", "1", 60, 60)
	if g.Bytes != 60 || g.Requests != 600 || g.NanoUSD != 60 || g.Reservation == 0 || !g.Stands() {
		t.Errorf("%+v", g)
	}
	r.want(t, "b", 0, 60)
	if again := r.give(t, "iowa", "1", 10, 1); again != g {
		t.Errorf("given again: %+v, before %+v", again, g)
	}
	if no := r.give(t, "ohio", "2", 41, 41); no.Refused == "" || no.Stands() || !strings.Contains(no.Refused, `budget "b"`) {
		t.Errorf("%+v", no)
	}
	if again := r.give(t, "ohio", "2", 1, 1); again.Refused == "" {
		t.Errorf("what was refused is given: %+v", again)
	}
	less := r.give(t, "ohio", "3", 80, 30)
	if less.Bytes != 40 || less.Requests != 400 {
		t.Errorf("%+v, want the half that fits", less)
	}
	r.want(t, "b", 0, 100)
	r.crash(t)
	r.want(t, "b", 0, 100) // the agents may be spending it
	r.crash(t, lose)
	r.want(t, "b", 100, 0) // nobody knows to whom it was given
	r.crash(t)
	r.want(t, "b", 100, 0)
}

func TestSettleGiven(t *testing.T) {
	r := newLedgerRig(t, Budget{Name: "b", LimitNanoUSD: 1000})
	r.give(t, "iowa", "1", 100, 100)
	r.give(t, "ohio", "1", 100, 100) // another edge's may have the same id
	r.crash(t)
	r.settleGiven(t, "iowa", "1", 30)
	r.want(t, "b", 30, 100)
	r.settleGiven(t, "iowa", "1", 90) // told again, differently
	r.want(t, "b", 30, 100)
	err := r.l.SettleGiven("ohio", "1", asking(150, 1), Moved{Bytes: 150})
	wantText(t, err, ErrOverrun, "agent ohio used 150 bytes", "grant 1")
	r.want(t, "b", 180, 0)
	list, err := r.l.Given()
	if err != nil || len(list) != 2 || list[0].SettledBytes != 30 || list[0].SettledUSD != 30 || list[1].SettledBytes != 150 || list[0].Stands() {
		t.Errorf("%+v, %v", list, err)
	}
	sum, n := r.lines(t)
	if n == 0 || sum.Bytes != 180 || sum.NanoUSD != 180 {
		t.Errorf("%d lines, %+v", n, sum)
	}
	r.crash(t, lose)
	r.want(t, "b", 180, 0)
}

func TestRevokeGiven(t *testing.T) {
	r := newLedgerRig(t, Budget{Name: "b", LimitNanoUSD: 100})
	r.give(t, "iowa", "1", 100, 100)
	if err := r.l.DropGiven("iowa", "1"); err != nil {
		t.Fatal(err)
	}
	r.want(t, "b", 0, 100) // what stands is not forgotten
	for range 2 {
		if err := r.l.RevokeGiven("iowa", "1"); err != nil {
			t.Fatal(err)
		}
		r.want(t, "b", 0, 0)
	}
	r.settleGiven(t, "iowa", "1", 50)
	r.want(t, "b", 0, 0)
	if err := errors.Join(r.l.DropGiven("iowa", "1"), r.l.DropGiven("iowa", "2"), r.l.RevokeGiven("iowa", "1")); err != nil {
		t.Fatal(err)
	}
	if list, err := r.l.Given(); err != nil || len(list) != 0 {
		t.Errorf("%+v, %v", list, err)
	}
	r.crash(t, lose)
	r.want(t, "b", 0, 0)
}

// Amounts that nobody has are refused, not wrapped.
func TestGiveTooMuch(t *testing.T) {
	r := newLedgerRig(t, Budget{Name: "b", LimitNanoUSD: 100})
	for i, least := range []int64{math.MaxInt64, 101} {
		if g := r.give(t, "iowa", fmt.Sprint(i), math.MaxInt64/10, least); g.Refused == "" || g.Bytes != 0 {
			t.Errorf("%+v", g)
		}
	}
	if g := r.give(t, "iowa", "little", math.MaxInt64/10, 1); g.Bytes < 1 || g.Bytes > 100 || g.Requests < g.Bytes {
		t.Errorf("%+v", g)
	}
	if u := r.use(t, "b"); u.Reserved < 1 || u.Reserved > 100 {
		t.Errorf("%+v", u)
	}
}

// A ledger that learns that its account was granted from elsewhere refuses everything until somebody looked at the bill; then it knows the account.
func TestDoubtAboutAnAccount(t *testing.T) {
	r := newLedgerRig(t, Budget{Name: "b", LimitNanoUSD: 100})
	knows := func() (known bool) {
		if err := r.m.View(func(tx *manifest.Tx) (err error) { known, err = tx.TookOver("00ff00ff00ff00ff", 7); return err }); err != nil {
			t.Fatal(err)
		}
		return known
	}
	if knows() {
		t.Error("it knows an account that it never heard of")
	}
	if err := r.l.Doubt("somebody granted 7", "00ff00ff00ff00ff", 7); err != nil {
		t.Fatal(err)
	}
	for _, between := range [][]func(*ledgerRig){nil, {lose}, nil} {
		if !knows() || r.l.Sound() {
			t.Errorf("known %v, sound %v", knows(), r.l.Sound())
		}
		_, err := r.l.Reserve([]Crossing{over(toS3, 1)}, nil)
		wantText(t, err, ErrBudget, "datagravity budget reset")
		if g := r.give(t, "iowa", fmt.Sprint(len(between)), 1, 1); g.Refused == "" {
			t.Errorf("%+v", g)
		}
		r.crash(t, between...)
	}
	if _, ok, err := r.l.Reset("", "the bill says so", "ada@mill"); err != nil || !ok || !r.l.Sound() {
		t.Errorf("%v, %v", ok, err)
	}
	if g := r.give(t, "iowa", "after", 1, 1); g.Refused != "" || !knows() {
		t.Errorf("%+v", g)
	}
}

// Any order of giving, settling, taking back and dying: no limit is passed by what edges may spend and spent, and each grant is booked once.
func TestGivenGrantModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		const limit = 100
		r := newLedgerRig(t, Budget{Name: "b", LimitNanoUSD: limit})
		set := map[[2]string]int64{} // open
		var spent int64
		given := rapid.Custom(func(rt *rapid.T) [2]string {
			return [2]string{rapid.SampledFrom([]string{"iowa", "ohio"}).Draw(rt, "edge"), rapid.StringMatching("[0-5]").Draw(rt, "id")}
		})
		known := map[[2]string]bool{}
		rt.Repeat(map[string]func(*rapid.T){
			"give": func(rt *rapid.T) {
				k, n := given.Draw(rt, "whose"), rapid.Int64Range(1, 80).Draw(rt, "bytes")
				g := r.give(rt, k[0], k[1], n, rapid.Int64Range(1, n).Draw(rt, "least"))
				if !known[k] && g.Stands() {
					set[k] = g.Bytes
				}
				known[k] = true
			},
			"settle": func(rt *rapid.T) {
				k := given.Draw(rt, "whose")
				n := rapid.Int64Range(0, max(0, set[k])).Draw(rt, "used")
				r.settleGiven(rt, k[0], k[1], n)
				if _, open := set[k]; open {
					spent += n
					delete(set, k)
				}
			},
			"revoke": func(rt *rapid.T) {
				k := given.Draw(rt, "whose")
				if err := r.l.RevokeGiven(k[0], k[1]); err != nil {
					rt.Fatal(err)
				}
				delete(set, k)
			},
			"drop": func(rt *rapid.T) {
				k := given.Draw(rt, "whose")
				if err := r.l.DropGiven(k[0], k[1]); err != nil {
					rt.Fatal(err)
				}
				if _, open := set[k]; !open {
					delete(known, k)
				}
			},
			"die": func(rt *rapid.T) { r.crash(rt) },
			"lose": func(rt *rapid.T) {
				r.crash(rt, lose)
				for _, n := range set {
					spent += n // nobody will say that it was less
				}
				clear(set)
				clear(known)
			},
			"": func(rt *rapid.T) {
				var open int64
				for _, n := range set {
					open += n
				}
				r.want(rt, "b", NanoUSD(spent), NanoUSD(open))
				if spent+open > limit {
					rt.Fatalf("%d spent and %d open", spent, open)
				}
			},
		})
	})
}

// Nobody says what was used: all of it is spent. And what a journal settled, to a manifest from before, is over.
func TestChargeGiven(t *testing.T) {
	r := newLedgerRig(t, Budget{Name: "b", LimitNanoUSD: 1000})
	r.give(t, "iowa", "1", 100, 100)
	r.give(t, "iowa", "2", 200, 200)
	for range 2 {
		if err := r.l.ChargeGiven("iowa", "1"); err != nil {
			t.Fatal(err)
		}
		r.want(t, "b", 100, 200)
	}
	r.save(t, "saved")
	r.settleGiven(t, "iowa", "2", 30)
	r.crash(t, restore("saved"))
	r.want(t, "b", 130, 0)
	r.settleGiven(t, "iowa", "2", 30)
	r.want(t, "b", 130, 0)
	list, err := r.l.Given()
	if err != nil || len(list) != 2 || list[0].SettledBytes != 100 || list[0].Stands() || list[1].Stands() {
		t.Errorf("%+v, %v", list, err)
	}
	r.crash(t, lose)
	r.want(t, "b", 130, 0)
}

package cost

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"pgregory.net/rapid"
)

// What a client of the ledger does, and what it is told.
type (
	ledgerCall struct {
		kind  string // reserve, settle, whole, release, look
		link  Link
		bytes int64
		moved int64
	}
	ledgerAnswer struct {
		fits bool
		uses [2]linearUse // of look
	}
	linearUse struct{ settled, reserved int64 }
)

// linearLimits are those of the two budgets of linearModel: of all, and of the lab.
var linearLimits = [2]int64{100, 60}

// linearModel is the ledger as one account that one client at a time uses: at a nano-dollar a byte, money and bytes are one number.
var linearModel = porcupine.Model{
	Init: func() any { return [2]linearUse{} },
	Step: func(state, input, output any) (bool, any) {
		s, in, out := state.([2]linearUse), input.(ledgerCall), output.(ledgerAnswer)
		if in.kind == "look" {
			return out.uses == s, s
		}
		fits := true
		for i := range s {
			if counts := i == 0 || in.link == toLab; counts && in.kind == "reserve" {
				fits = fits && s[i].settled+s[i].reserved+in.bytes <= linearLimits[i]
			}
		}
		if out.fits != fits || !fits {
			return out.fits == fits, s
		}
		for i := range s {
			if i == 1 && in.link != toLab {
				continue
			}
			if in.kind == "reserve" {
				s[i].reserved += in.bytes
				continue
			}
			s[i].reserved, s[i].settled = s[i].reserved-in.bytes, s[i].settled+in.moved
		}
		return true, s
	},
}

// What many goroutines see of two budgets that overlap is what they would see one after the other, in an order that agrees with time:
// nothing is lost, nothing is promised twice, and a refusal is never a mistake.
func TestLedgerIsLinearizable(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r := newLedgerRig(t, Budget{Name: "all", LimitNanoUSD: NanoUSD(linearLimits[0])}, Budget{Name: "lab", To: "lab", LimitBytes: linearLimits[1]})
		defer func() { _ = r.m.Close() }()
		const clients = 4
		plans := make([][]ledgerCall, clients)
		for c := range plans {
			for range rapid.IntRange(1, 6).Draw(rt, "steps") {
				n := rapid.Int64Range(1, 50).Draw(rt, "bytes")
				plans[c] = append(plans[c], ledgerCall{
					kind: rapid.SampledFrom([]string{"settle", "settle", "whole", "release", "look"}).Draw(rt, "then"), bytes: n,
					moved: rapid.Int64Range(0, n).Draw(rt, "moved"), link: rapid.SampledFrom([]Link{toS3, toLab}).Draw(rt, "link"),
				})
			}
		}
		history := linearHistory(rt, r, plans)
		if !porcupine.CheckOperations(linearModel, history) {
			rt.Fatalf("no order of these agrees with time and with the model: %+v", history)
		}
	})
}

// The check itself can fail: a promise too many, a refusal too many, money that got lost, and an order that time forbids.
func TestLinearModelRefuses(t *testing.T) {
	reserve := ledgerCall{kind: "reserve", link: toS3, bytes: 60}
	look := ledgerCall{kind: "look"}
	yes, no := ledgerAnswer{fits: true}, ledgerAnswer{}
	sees := func(reserved int64) ledgerAnswer { return ledgerAnswer{uses: [2]linearUse{{reserved: reserved}}} }
	op := func(client int, call, back int64, in ledgerCall, out ledgerAnswer) porcupine.Operation {
		return porcupine.Operation{ClientId: client, Input: in, Call: call, Output: out, Return: back}
	}
	for name, c := range map[string]struct {
		history []porcupine.Operation
		want    bool
	}{
		"one of two fits":    {[]porcupine.Operation{op(0, 0, 10, reserve, yes), op(1, 0, 10, reserve, no)}, true},
		"both fit":           {[]porcupine.Operation{op(0, 0, 10, reserve, yes), op(1, 0, 10, reserve, yes)}, false},
		"neither fits":       {[]porcupine.Operation{op(0, 0, 10, reserve, no), op(1, 0, 10, reserve, no)}, false},
		"seen while it runs": {[]porcupine.Operation{op(0, 0, 10, reserve, yes), op(1, 1, 2, look, sees(60)), op(1, 3, 4, look, sees(60))}, true},
		"seen, then lost":    {[]porcupine.Operation{op(0, 0, 10, reserve, yes), op(1, 1, 2, look, sees(60)), op(1, 3, 4, look, sees(0))}, false},
		"not seen after it":  {[]porcupine.Operation{op(0, 0, 1, reserve, yes), op(1, 2, 3, look, sees(0))}, false},
	} {
		if got := porcupine.CheckOperations(linearModel, c.history); got != c.want {
			t.Errorf("%s: linearizable is %v", name, got)
		}
	}
}

// linearHistory runs the plans at the same time and writes down what everybody saw, and when.
func linearHistory(t *rapid.T, r *ledgerRig, plans [][]ledgerCall) (history []porcupine.Operation) {
	var mu sync.Mutex
	var wrong error
	start := time.Now()
	var all sync.WaitGroup
	for client, plan := range plans {
		all.Go(func() {
			step := func(in ledgerCall, f func() (ledgerAnswer, error)) {
				called := time.Since(start).Nanoseconds()
				out, err := f()
				returned := time.Since(start).Nanoseconds()
				mu.Lock()
				defer mu.Unlock()
				wrong = errors.Join(wrong, err)
				history = append(history, porcupine.Operation{ClientId: client, Input: in, Call: called, Output: out, Return: returned})
			}
			for _, in := range plan {
				if in.kind == "look" {
					step(in, r.look)
					continue
				}
				var ticket *Ticket
				reserve := in
				reserve.kind = "reserve"
				step(reserve, func() (out ledgerAnswer, err error) {
					ticket, err = r.l.Reserve([]Crossing{over(in.link, in.bytes)}, nil)
					if errors.Is(err, ErrBudget) {
						return out, nil
					}
					return ledgerAnswer{fits: true}, err
				})
				if ticket != nil {
					in = in.ending()
					step(in, func() (ledgerAnswer, error) { return ledgerAnswer{fits: true}, in.end(ticket) })
				}
			}
		})
	}
	all.Wait()
	if wrong != nil {
		t.Fatal(wrong)
	}
	return history
}

// ending makes moved what the kind of end charges.
func (in ledgerCall) ending() ledgerCall {
	switch in.kind {
	case "whole":
		in.moved = in.bytes
	case "release":
		in.moved = 0
	}
	return in
}

func (in ledgerCall) end(ticket *Ticket) error {
	switch in.kind {
	case "whole":
		return ticket.ChargeWhole()
	case "release":
		return ticket.Release()
	}
	return ticket.Settle([]Moved{{Bytes: in.moved}})
}

func (r *ledgerRig) look() (out ledgerAnswer, err error) {
	uses, err := r.l.Uses()
	if err == nil && len(uses) != len(out.uses) {
		err = fmt.Errorf("%d budgets", len(uses))
	}
	if err != nil {
		return out, err
	}
	for i, u := range uses {
		if int64(u.Settled) != u.SettledBytes || int64(u.Reserved) != u.ReservedBytes {
			return out, fmt.Errorf("money and bytes differ: %+v", u)
		}
		out.uses[i] = linearUse{u.SettledBytes, u.ReservedBytes}
	}
	return out, nil
}

package exchange

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/fault"
	"github.com/datagravity/datagravity/pkg/store/mem"
)

// Many claim at once, the origin among them: all are told of the same one.
func TestOneClaims(t *testing.T) {
	ctx := context.Background()
	for range 50 {
		s := mem.New(mem.Options{})
		holders := make([]Claim, 16)
		var all sync.WaitGroup
		for i := range holders {
			all.Go(func() {
				c := someClaim()
				c.Nonce, c.Revoked = fmt.Sprintf("%032x", i), i == 0
				var err error
				if holders[i], err = PutClaim(ctx, s, c); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		stands, found, err := ReadClaim(ctx, s, "edge 1/2", someID)
		if err != nil || !found {
			t.Fatal(found, err)
		}
		winners := 0
		for i, h := range holders {
			if h != stands {
				t.Errorf("%d is told of %+v, and there is %+v", i, h, stands)
			}
			if h.Nonce == fmt.Sprintf("%032x", i) {
				winners++
			}
		}
		if winners != 1 {
			t.Fatalf("%d hold the claim", winners)
		}
	}
}

// Who was first holds the claim, whenever the others come and however often they ask.
func TestClaimStays(t *testing.T) {
	ctx := context.Background()
	for _, order := range [][2]Claim{{someClaim(), someRevocation()}, {someRevocation(), someClaim()}} {
		s := mem.New(mem.Options{})
		for range 2 {
			for _, c := range order {
				c.Time = c.Time.Add(time.Duration(len(keys(t, s, ""))) * time.Hour) // a later attempt under the same nonce
				h, err := PutClaim(ctx, s, c)
				if err != nil || h.Nonce != order[0].Nonce || h.Revoked != order[0].Revoked || !h.Time.Equal(order[0].Time) || h.Check.IsZero() {
					t.Errorf("%+v holds it, %v", h, err)
				}
			}
		}
	}
}

// once makes a store that meets one fault at its first write.
func once(s store.Store, kind fault.Kind, err error) *fault.Store {
	return fault.Wrap(s, fault.Plan{Rules: []fault.Rule{{Kind: kind, Op: "put", Nth: 1, Err: err}}})
}

// The answer to a write is lost: to the claim it makes no difference, the others are written again.
func TestLostAnswersOfGrants(t *testing.T) {
	ctx := context.Background()
	// What a store's client that asks again by itself makes of a lost answer is a conflict.
	for _, lost := range []error{store.ErrTransient, store.ErrConflict} {
		for _, rival := range []bool{false, true} {
			now := noon
			s := storeAt(&now)
			want := someClaim()
			if rival {
				want = someRevocation()
				claims.mustPut(t, s, want)
			}
			f := once(s, fault.After, lost)
			h, err := PutClaim(ctx, f, someClaim())
			if err != nil || h.Nonce != want.Nonce || h.Revoked != want.Revoked {
				t.Errorf("%v, rival %v: %+v, %v", lost, rival, h, err)
			}
			claims.mustRead(t, s, want)
			if !rival {
				f.VerifyAllHit(t)
			}
		}
		requests.survivesLostAnswer(t, lost)
		grants.survivesLostAnswer(t, lost)
		settlements.survivesLostAnswer(t, lost)
		marks.survivesLostAnswer(t, lost)
	}
}

func (k kindOfPaper[T]) survivesLostAnswer(t *testing.T, lost error) {
	t.Helper()
	now := noon
	s := storeAt(&now)
	f := once(s, fault.After, lost)
	if err := k.put(f, k.some()); errors.Is(lost, store.ErrConflict) != (err == nil) {
		t.Errorf("%s, %v: %v", k.kind, lost, err)
	}
	f.VerifyAllHit(t)
	k.mustPut(t, f, k.some())
	k.mustRead(t, s, k.some())
}

// A claim that did not get there is nobody's.
func TestClaimFails(t *testing.T) {
	ctx := context.Background()
	now := noon
	s := storeAt(&now)
	f := once(s, fault.Before, nil)
	if h, err := PutClaim(ctx, f, someClaim()); !errors.Is(err, store.ErrTransient) || h != (Claim{}) || !strings.HasPrefix(err.Error(), "write claim "+someID) {
		t.Errorf("%+v, %v", h, err)
	}
	f.VerifyAllHit(t)

	// It was there, and is gone again: that says nothing about whose it was.
	f = once(s, fault.Before, store.ErrConflict)
	if h, err := PutClaim(ctx, f, someClaim()); !errors.Is(err, store.ErrConflict) || h != (Claim{}) {
		t.Errorf("%+v, %v", h, err)
	}
	f.VerifyAllHit(t)

	// It is there, and cannot be looked at.
	claims.mustPut(t, s, someRevocation())
	f = fault.Wrap(s, fault.Plan{Rules: []fault.Rule{{Kind: fault.Auth, Op: "head"}}})
	if h, err := PutClaim(ctx, f, someClaim()); !errors.Is(err, store.ErrAuth) || h != (Claim{}) {
		t.Errorf("%+v, %v", h, err)
	}
	f.VerifyAllHit(t)

	// Whoever wrote what cannot be read holds it; neither side does.
	for _, b := range [][]byte{nil, []byte("{"), grants.good(t)} {
		overwrite(t, s, claims.key, b)
		for _, err := range []error{nil, store.ErrTransient} { // of the write
			var w Writer = s
			if err != nil {
				w = once(s, fault.Before, err)
			}
			if h, err := PutClaim(ctx, w, someClaim()); !errors.Is(err, ErrBad) || h != (Claim{}) || !strings.Contains(err.Error(), claims.key) {
				t.Errorf("%q: %+v, %v", b, h, err)
			}
		}
	}
}

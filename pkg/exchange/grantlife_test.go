package exchange

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/mem"
)

// A grant from the question to the end, and one that nobody claimed.
func TestGrantLife(t *testing.T) {
	ctx, now := context.Background(), noon
	s := storeAt(&now)
	state := func() string {
		t.Helper()
		list, err := GrantStates(ctx, s)
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		for _, g := range list {
			fmt.Fprintf(&b, "%v %v %v;", g.Asked, g.Claimed, g.Settled)
		}
		return b.String()
	}
	requests.mustPut(t, s, someRequest())
	if got := state(); got != "true false false;" {
		t.Error(got)
	}
	grants.mustPut(t, s, someGrant())
	claims.mustPut(t, s, someClaim())
	if h, err := PutClaim(ctx, s, someRevocation()); err != nil || h.Nonce != someNonce || h.Revoked {
		t.Errorf("the origin revokes what is used: %+v, %v", h, err)
	}
	settlements.mustPut(t, s, someSettlement())
	if got := state(); got != "true true true;" {
		t.Error(got)
	}
	grants.mustRead(t, s, someGrant())
	if err := RemoveGrant(ctx, s, "edge 1/2", someID); err != nil || len(keys(t, s, "")) > 0 {
		t.Errorf("%v, left %v", err, keys(t, s, ""))
	}

	requests.mustPut(t, s, someRequest())
	grants.mustPut(t, s, someGrant())
	claims.mustPut(t, s, someRevocation())
	if h, err := PutClaim(ctx, s, someClaim()); err != nil || h.Nonce == someNonce || !h.Revoked {
		t.Errorf("the edge uses what is revoked: %+v, %v", h, err)
	}
	// An edge that read the grant long ago, and claims it when all is removed, sees that it is gone.
	if err := RemoveGrant(ctx, s, "edge 1/2", someID); err != nil {
		t.Fatal(err)
	}
	if h, err := PutClaim(ctx, s, someClaim()); err != nil || h.Nonce != someNonce {
		t.Errorf("%+v, %v", h, err)
	}
	if g, found, err := ReadGrant(ctx, s, "edge 1/2", someID); found || err != nil {
		t.Errorf("%+v, %v", g, err)
	}
}

// What is interrupted leaves no grant without the claim that it had.
func TestRemoveGrantIsInOrder(t *testing.T) {
	ctx := context.Background()
	order := []string{grants.key, requests.key, settlements.key, claims.key}
	for n := range len(order) + 1 {
		s := mem.New(mem.Options{})
		for _, key := range order {
			overwrite(t, s, key, []byte("it is not read"))
		}
		overwrite(t, s, corner{"edge 1/2", someNonce}.grantKey(), []byte("of another id"))
		err := RemoveGrant(ctx, &failing{Store: s, after: n}, "edge 1/2", someID)
		want := slices.Sorted(slices.Values(append(slices.Clone(order[n:]), corner{"edge 1/2", someNonce}.grantKey())))
		if got := names(keys(t, s, "")); !slices.Equal(got, want) || (err == nil) != (n == len(order)) {
			t.Errorf("after %d: %v, want %v; %v", n, got, want, err)
		}
		if err != nil && !strings.HasPrefix(err.Error(), "remove grant "+someID+` of edge "edge 1/2": `) {
			t.Error(err)
		}
		for range 2 {
			if err := RemoveGrant(ctx, s, "edge 1/2", someID); err != nil || len(keys(t, s, "")) != 1 {
				t.Errorf("again: %v, %v", names(keys(t, s, "")), err)
			}
		}
	}
}

func names(list []store.Object) (names []string) {
	for _, o := range list {
		names = append(names, o.Key)
	}
	return names
}

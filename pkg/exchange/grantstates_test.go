package exchange

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/fault"
	"github.com/datagravity/datagravity/pkg/store/mem"
)

func TestGrantStates(t *testing.T) {
	ctx, now := context.Background(), noon
	s := storeAt(&now)
	if list, err := GrantStates(ctx, s); err != nil || len(list) > 0 {
		t.Errorf("%+v, %v", list, err)
	}
	at := func(h int, c corner, suffixes ...string) GrantState {
		g := GrantState{Edge: c.edge, ID: c.id}
		for i, suffix := range suffixes {
			// The youngest is the first in one corner, in another the last.
			now = noon.Add(time.Duration(h) * time.Hour).Add(-time.Duration((i+h)%len(suffixes)) * time.Minute)
			overwrite(t, s, asksPrefix+c.path()+suffix, []byte("it is not read"))
			g.Asked = g.Asked || suffix == ".ask.json"
			g.Claimed = g.Claimed || suffix == ".claim.json"
			g.Settled = g.Settled || suffix == ".settled.json"
		}
		g.Modified = noon.Add(time.Duration(h) * time.Hour)
		return g
	}
	id := func(digit string) string { return strings.Repeat(digit, idDigits) }
	// In byte order of the keys: "a b" is escaped and comes before "a".
	want := []GrantState{
		at(3, corner{"a b", id("1")}, ".ask.json"),
		at(2, corner{"a b", id("2")}, ".ask.json", ".claim.json"),
		at(4, corner{"a", id("0")}, ".claim.json"),
		at(5, corner{"a", id("1")}, ".settled.json"),
		at(6, corner{"a", id("f")}, ".ask.json", ".claim.json", ".settled.json"),
		at(7, corner{"b", id("f")}, ".claim.json", ".settled.json"),
	}
	// None of ours, and nothing that says so.
	for _, key := range []string{asksPrefix + "README", asksPrefix + "a/" + id("0") + ".json", asksPrefix + "a/" + id("0") + ".ask.json.tmp"} {
		overwrite(t, s, key, nil)
	}
	overwrite(t, s, grantsPrefix+"z/"+id("0")+".json", nil)
	list, err := GrantStates(ctx, paged{s})
	if err != nil || !cmp.Equal(list, want) {
		t.Errorf("%v\n%s", err, cmp.Diff(want, list))
	}
	foreign := []string{"a/" + id("A") + ".ask.json", "a/1.claim.json", "a/b/" + id("0") + ".settled.json", "a%2fb/" + id("0") + ".ask.json", id("0") + ".ask.json"}
	for _, key := range foreign {
		overwrite(t, s, asksPrefix+key, nil)
	}
	list, err = GrantStates(ctx, s)
	if !errors.Is(err, ErrBad) || !cmp.Equal(list, want) {
		t.Errorf("%v\n%s", err, cmp.Diff(want, list))
	}
	for _, key := range foreign {
		if !strings.Contains(fmt.Sprint(err), asksPrefix+key+" is not usable: its key is not that of an edge's grant") {
			t.Errorf("%s is not in %v", key, err)
		}
	}
	f := fault.Wrap(paged{s}, fault.Plan{Rules: []fault.Rule{{Kind: fault.Auth, Op: "list", Continued: true, Nth: 5}}})
	if list, err := GrantStates(ctx, f); list != nil || !errors.Is(err, store.ErrAuth) || errors.Is(err, ErrBad) {
		t.Errorf("%+v, %v", list, err)
	}
	f.VerifyAllHit(t)
}

// paged lists one object at a time, so that a corner is on several pages.
type paged struct{ *mem.Store }

func (p paged) List(ctx context.Context, o store.ListOptions) (store.Page, error) {
	o.Max = 1
	return p.Store.List(ctx, o)
}

package exchange

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/mem"
)

func none(string, string) bool { return false }

func TestCollectGrants(t *testing.T) {
	const grace = 2 * time.Hour
	ctx, now := context.Background(), noon
	s := storeAt(&now)
	id := func(digit string) string { return strings.Repeat(digit, idDigits) }
	write := func(keys ...string) {
		for _, key := range keys {
			overwrite(t, s, key, []byte("it is not read"))
		}
	}
	whole, kept, young, lone, claimed := corner{"a b", id("0")}, corner{"a b", id("1")}, corner{"c", id("2")}, corner{"c", id("3")}, corner{"d", id("4")}
	foreign := []string{asksPrefix + "README", grantsPrefix + "README.json", grantsPrefix + "a%20B/" + id("0") + ".ask.json", asksPrefix + "a b/" + id("0") + ".ask.json", markKey}
	write(whole.grantKeys()...)
	write(kept.grantKeys()...)
	write(young.grantKeys()[0:3]...)
	write(lone.grantKey())
	write(claimed.claimKey())
	write(foreign...)
	now = noon.Add(time.Hour)
	write(young.claimKey())

	var asked []corner
	keep := func(edge, id string) bool {
		asked = append(asked, corner{edge, id})
		return corner{edge, id} == kept
	}
	left := func(corners ...corner) []string {
		list := slices.Clone(foreign)
		for _, c := range corners {
			list = append(list, c.grantKeys()...)
		}
		return slices.Sorted(slices.Values(list))
	}
	for _, step := range []struct {
		at      time.Time
		removed int
		left    []string
		asked   []corner
	}{
		{noon.Add(grace - 1), 0, slices.Sorted(slices.Values(append(left(whole, kept, young), lone.grantKey(), claimed.claimKey()))), nil},
		{noon.Add(grace), 6, left(kept, young), []corner{whole, kept, lone, claimed}},
		{noon.Add(grace + time.Hour - 1), 0, left(kept, young), []corner{kept}},
		{noon.Add(grace + time.Hour), 4, left(kept), []corner{kept, young}},
		{noon.Add(1000 * time.Hour), 0, left(kept), []corner{kept}},
	} {
		asked = nil
		removed, err := CollectGrants(ctx, s, step.at, grace, keep)
		if got := names(keys(t, s, "")); err != nil || removed != step.removed || !slices.Equal(got, step.left) || !slices.Equal(asked, step.asked) {
			t.Errorf("%s: removed %d, want %d, asked for %v; %v; left\n%s\nwant\n%s", step.at, removed, step.removed, asked, err, strings.Join(got, "\n"), strings.Join(step.left, "\n"))
		}
	}
	// A grace below none is none: what the store says comes after now is young.
	if removed, err := CollectGrants(ctx, s, noon.Add(-1), -time.Hour, none); err != nil || removed != 0 {
		t.Errorf("%d, %v", removed, err)
	}
	if removed, err := CollectGrants(ctx, s, noon, 0, none); err != nil || removed != 4 {
		t.Errorf("%d, %v", removed, err)
	}
}

// Whatever lies there: a corner stays whole or goes, and goes only if it is denied and old.
func TestCollectAnyGrants(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		now := noon
		s := storeAt(&now)
		grace := time.Duration(rapid.IntRange(-1, 3).Draw(r, "grace")) * time.Hour
		at := noon.Add(3 * time.Hour)
		kept := map[corner]bool{}
		want := []string{}
		for i := range rapid.IntRange(0, 6).Draw(r, "corners") {
			c := corner{"edge", strings.Repeat("0", idDigits-1) + string(rune('0'+i))}
			kept[c] = rapid.Bool().Draw(r, "kept")
			stays := kept[c]
			var mine []string
			for _, key := range c.grantKeys() {
				if !rapid.Bool().Draw(r, key) {
					continue
				}
				now = noon.Add(time.Duration(rapid.IntRange(0, 4).Draw(r, "hour")) * time.Hour)
				overwrite(t, s, key, nil)
				mine = append(mine, key)
				stays = stays || at.Sub(now) < max(0, grace)
			}
			if stays {
				want = append(want, mine...)
			}
		}
		before := len(keys(r, s, ""))
		removed, err := CollectGrants(context.Background(), s, at, grace, func(edge, id string) bool { return kept[corner{edge, id}] })
		slices.Sort(want)
		if got := names(keys(r, s, "")); err != nil || !slices.Equal(got, want) || removed != before-len(got) {
			r.Fatalf("removed %d, %v; left %v, want %v", removed, err, got, want)
		}
	})
}

// busy writes an object when another one is looked at, or is about to be deleted.
type busy struct {
	*mem.Store
	head, delete string
	write        func()
}

func (b *busy) now(key, when string) {
	if f := b.write; key == when && f != nil {
		b.write = nil
		f()
	}
}

func (b *busy) Head(ctx context.Context, key string) (store.Object, error) {
	b.now(key, b.head)
	return b.Store.Head(ctx, key)
}

func (b *busy) Delete(ctx context.Context, ref store.Ref) error {
	b.now(ref.Key, b.delete)
	return b.Store.Delete(ctx, ref)
}

// What is written while the origin collects stays, and with it what must not go before it.
func TestCollectGrantsWhileTheyAreWritten(t *testing.T) {
	all := someCorner.grantKeys() // grant, request, settlement, claim
	for _, c := range []struct {
		name          string
		there         []string
		head, delete  string // at which
		written       string // this is written
		left          []string
		removed       int
		meanwhileGone bool
	}{
		{"claimed after it was listed", all[:2], all[0], "", all[3], []string{all[0], all[1], all[3]}, 0, false},
		{"granted anew after it was listed", all, all[0], "", all[0], all, 0, false},
		{"settled while it is looked at", all, all[2], "", all[2], all, 0, false},
		{"granted anew in the moment of removal", all, "", all[0], all[0], all, 0, false},
		{"asked anew after the grant was removed", all, "", all[1], all[1], all[1:], 1, false},
		{"claimed in the moment of removal", all[:2], "", all[0], all[3], all[3:], 2, false},
		{"removed by another", all, all[1], "", all[1], nil, 3, true},
	} {
		now := noon
		s := storeAt(&now)
		for _, key := range c.there {
			overwrite(t, s, key, []byte("old"))
		}
		now = noon.Add(2 * time.Hour)
		b := &busy{Store: s, head: c.head, delete: c.delete, write: func() {
			if c.meanwhileGone {
				_ = s.Delete(context.Background(), store.Ref{Key: c.written})
				return
			}
			overwrite(t, s, c.written, []byte("new"))
		}}
		removed, err := CollectGrants(context.Background(), b, now, time.Hour, none)
		want := slices.Sorted(slices.Values(c.left))
		if got := names(keys(t, s, "")); err != nil || removed != c.removed || !slices.Equal(got, want) || b.write != nil {
			t.Errorf("%s: removed %d, %v; left %v, want %v", c.name, removed, err, got, want)
		}
	}
}

// What is interrupted tells what it did, and leaves no grant without the claim that it had.
func TestCollectGrantsIsInOrder(t *testing.T) {
	for n, key := range someCorner.grantKeys() {
		now := noon
		s := storeAt(&now)
		for _, key := range someCorner.grantKeys() {
			overwrite(t, s, key, nil)
		}
		removed, err := CollectGrants(context.Background(), &failing{Store: s, after: n}, now, 0, none)
		want := slices.Sorted(slices.Values(someCorner.grantKeys()[n:]))
		if got := names(keys(t, s, "")); !errors.Is(err, io.ErrClosedPipe) || removed != n || !slices.Equal(got, want) {
			t.Errorf("%s: removed %d, %v; left %v", key, removed, err, got)
		}
	}
	for op := range 2 { // neither listing can fail
		s := &blind{Store: mem.New(mem.Options{}), after: op}
		if removed, err := CollectGrants(context.Background(), s, noon, 0, none); !errors.Is(err, io.ErrClosedPipe) || removed != 0 {
			t.Errorf("%d, %v", removed, err)
		}
	}
}

// blind lists no more after so many.
type blind struct {
	*mem.Store
	after int
}

func (b *blind) List(ctx context.Context, o store.ListOptions) (store.Page, error) {
	if b.after--; b.after < 0 {
		return store.Page{}, io.ErrClosedPipe
	}
	return b.Store.List(ctx, o)
}

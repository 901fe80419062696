package exchange

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/file"
	"github.com/datagravity/datagravity/pkg/store/mem"
)

// delivered asks, packs and answers. It returns what lies in the corner then.
func delivered(t *testing.T, w Writer, want Want, at time.Time) corner {
	t.Helper()
	c := want.corner()
	want.Time = at
	ask(t, w, want)
	a := someAnswer()
	a.Edge, a.Want, a.Time, a.Expires = c.edge, c.id, at, at.Add(time.Hour)
	a.Packs = []PackRef{putPack(t, w, c, "one for "+c.path()), putPack(t, w, c, "two for "+c.path())}
	if err := Reply(context.Background(), w, a); err != nil {
		t.Fatal(err)
	}
	return c
}

// layout tells what lies in a corner: want, answer, and a p for each pack.
func (c corner) layout(t *testing.T, s store.Store) string {
	t.Helper()
	return strings.Repeat("w", len(keys(t, s, c.wantKey()))) + strings.Repeat("a", len(keys(t, s, c.answerKey()))) + strings.Repeat("p", len(keys(t, s, c.packFolder())))
}

func TestWithdraw(t *testing.T) {
	ctx := context.Background()
	dir, err := file.Open(t.TempDir(), file.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	for name, s := range map[string]store.Store{"mem": mem.New(mem.Options{}), "file": dir} {
		t.Run(name, func(t *testing.T) {
			mine, other := someWant(), someWant()
			other.ID = someID[:31] + "0"
			mine.Expires, other.Expires = noon.Add(time.Hour), noon.Add(time.Hour)
			a, b := delivered(t, s, mine, noon), delivered(t, s, other, noon)
			for range 2 {
				if err := Withdraw(ctx, s, a.edge, a.id); err != nil {
					t.Fatal(err)
				}
				if a.layout(t, s) != "" || b.layout(t, s) != "wapp" {
					t.Errorf("left: %q and %q", a.layout(t, s), b.layout(t, s))
				}
			}
			ask(t, s, mine) // the id is free again
		})
	}
	if err := Withdraw(ctx, dir, "..", someID); err == nil {
		t.Error("withdrew for nobody")
	}
}

// What is interrupted leaves no want without the answer that it had, nor an answer without packs.
func TestWithdrawIsInOrder(t *testing.T) {
	ctx := context.Background()
	for n, want := range []string{"wapp", "app", "pp", "p", ""} {
		s := mem.New(mem.Options{})
		c := delivered(t, s, someWant(), noon)
		err := Withdraw(ctx, &failing{Store: s, after: n}, c.edge, c.id)
		if got := c.layout(t, s); got != want || (err == nil) != (n == 4) {
			t.Errorf("after %d: %q, want %q; %v", n, got, want, err)
		}
		if err := Withdraw(ctx, s, c.edge, c.id); err != nil || c.layout(t, s) != "" {
			t.Errorf("again: %q, %v", c.layout(t, s), err)
		}
	}
}

// failing deletes no more after so many.
type failing struct {
	*mem.Store
	after int
}

func (f *failing) Delete(ctx context.Context, ref store.Ref) error {
	if f.after--; f.after < 0 {
		return io.ErrClosedPipe
	}
	return f.Store.Delete(ctx, ref)
}

func collectWants(t *testing.T, s Collector, now time.Time, grace time.Duration) int {
	t.Helper()
	n, _, err := CollectWants(context.Background(), s, now, grace)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestCollectWants(t *testing.T) {
	const grace = 2 * time.Hour
	ctx, now := context.Background(), noon
	s := storeAt(&now)
	w := someWant() // expires at 18:00
	c := delivered(t, s, w, noon)
	overwrite(t, s, chunksPrefix+c.path()+"/README", []byte("not ours"))
	overwrite(t, s, chunksPrefix+"edge%201%2f2/"+someID+"/"+someDigest("", 0).Hex()+chunksSuffix, []byte("of another spelling"))
	for _, step := range []struct {
		at   time.Time
		left string
	}{
		{noon, "wappp"},
		{noon.Add(6 * time.Hour), "wappp"},
		{noon.Add(6*time.Hour + clockSkew), "wappp"},
		{noon.Add(6*time.Hour + clockSkew + time.Second), "wp"},
		{noon.Add(6*time.Hour + clockSkew + grace), "wp"},
		{noon.Add(6*time.Hour + clockSkew + grace + time.Second), "p"},
	} {
		before := keys(t, s, prefix)
		n, freed, err := CollectWants(ctx, s, step.at, grace)
		after := keys(t, s, prefix)
		if got := c.layout(t, s); err != nil || got != step.left || n != len(before)-len(after) || freed != total(before)-total(after) {
			t.Errorf("at %s: %q is left, want %q; removed %d, %d bytes, %v", step.at, got, step.left, n, freed, err)
		}
	}
	if n := len(keys(t, s, prefix)); n != 2 {
		t.Errorf("%d objects are left, want what is not ours", n)
	}
}

func total(list []store.Object) (n int64) {
	for _, o := range list {
		n += o.Size
	}
	return n
}

// What an origin writes for a want that is gone stays for the grace, for there may be a want that the list did not show.
func TestCollectLeftovers(t *testing.T) {
	const grace = 2 * time.Hour
	now := noon
	s := storeAt(&now)
	live := someWant()
	live.ID = strings.Repeat("e", 32)
	live.Expires = noon.Add(24 * time.Hour)
	kept := delivered(t, s, live, noon)
	c := delivered(t, s, someWant(), noon)
	if err := s.Delete(context.Background(), store.Ref{Key: c.wantKey()}); err != nil {
		t.Fatal(err)
	}
	now = noon.Add(time.Hour)
	putPack(t, s, c, "late")
	for _, step := range []struct {
		at   time.Time
		left string
	}{
		{noon.Add(grace - time.Second), "appp"}, {noon.Add(grace), "p"}, {noon.Add(grace + time.Hour - 1), "p"}, {noon.Add(grace + time.Hour), ""},
	} {
		collectWants(t, s, step.at, grace)
		if got := c.layout(t, s); got != step.left || kept.layout(t, s) != "wapp" {
			t.Errorf("at %s: %q, want %q; live: %q", step.at, got, step.left, kept.layout(t, s))
		}
	}
}

// A want that cannot be read may be live. One that is of a newer version stays for good.
func TestCollectBadWants(t *testing.T) {
	const grace = time.Hour
	_, good := sealedWant(t)
	newer := packed(t, []byte(strings.Replace(string(unpacked(t, good)), `"datagravity":1`, `"datagravity":2`, 1)))
	for name, step := range map[string]struct {
		b    []byte
		left string
	}{"damaged": {good[1:], ""}, "empty": {nil, ""}, "newer": {newer, "wapp"}} {
		now := noon
		s := storeAt(&now)
		c := delivered(t, s, someWant(), noon)
		overwrite(t, s, c.wantKey(), step.b)
		over := noon.Add(MaxLifetime + clockSkew + grace)
		collectWants(t, s, over, grace)
		if got := c.layout(t, s); got != "wapp" {
			t.Errorf("%s: %q is left", name, got)
		}
		collectWants(t, s, over.Add(time.Second), grace)
		if got := c.layout(t, s); got != step.left {
			t.Errorf("%s: %q is left in the end, want %q", name, got, step.left)
		}
	}
}

// A want that is asked again under its id while what belonged to it is collected keeps everything.
func TestCollectWantThatIsBack(t *testing.T) {
	now := noon
	s := storeAt(&now)
	c := delivered(t, s, someWant(), noon)
	if err := s.Delete(context.Background(), store.Ref{Key: c.wantKey()}); err != nil {
		t.Fatal(err)
	}
	h := &headed{Store: s, key: c.wantKey()}
	h.f = func() { h.key = ""; ask(t, s, someWant()) }
	if n := collectWants(t, h, noon.Add(5*time.Hour), time.Hour); n != 0 || c.layout(t, s) != "wapp" {
		t.Errorf("removed %d, %q is left", n, c.layout(t, s))
	}
}

// One that withdraws while it is collected, or while wants are read, disturbs nobody.
func TestWithdrawnMeanwhile(t *testing.T) {
	ctx, now := context.Background(), noon
	s := storeAt(&now)
	c := delivered(t, s, someWant(), noon)
	h := &headed{Store: s, key: c.wantKey()}
	h.f = func() { h.key = ""; _ = Withdraw(ctx, s, c.edge, c.id) }
	if n := collectWants(t, h, noon.Add(9*time.Hour), 0); n != 0 || c.layout(t, s) != "" {
		t.Errorf("removed %d, %q is left", n, c.layout(t, s))
	}
	ask(t, s, someWant())
	h.key, h.f = c.wantKey(), func() { h.key = ""; _ = Withdraw(ctx, s, c.edge, c.id) }
	if list, err := Wants(ctx, h, noon, "c4"); len(list) != 0 || err != nil {
		t.Errorf("%v, %v", list, err)
	}
	// Between the list of wants and that of answers.
	delivered(t, s, someWant(), noon)
	l := &listed{Store: s, prefix: answersPrefix, f: func() { _ = Withdraw(ctx, s, c.edge, c.id) }}
	if list, err := Wants(ctx, l, noon, "c4"); len(list) != 0 || err != nil {
		t.Errorf("an answered one came back: %v, %v", list, err)
	}
}

// listed does something before a prefix is listed.
type listed struct {
	*mem.Store
	prefix string
	f      func()
}

func (l *listed) List(ctx context.Context, o store.ListOptions) (store.Page, error) {
	if o.Prefix == l.prefix {
		l.f()
	}
	return l.Store.List(ctx, o)
}

// A want that is written anew while it is read, again and again, is left alone.
func TestRestlessWant(t *testing.T) {
	ctx, now := context.Background(), noon
	s := storeAt(&now)
	c := delivered(t, s, someWant(), noon)
	_ = s.Delete(ctx, store.Ref{Key: c.answerKey()})
	good := content(t, s, c.wantKey())
	n := 0
	r := &restless{Store: s, times: 99, f: func() { n++; overwrite(t, s, c.wantKey(), append(slices.Clone(good), byte(n))) }}
	if list, err := Wants(ctx, r, noon, "c4"); len(list) != 0 || err != nil {
		t.Errorf("%v, %v", list, err)
	}
	if n := collectWants(t, r, noon.Add(9*time.Hour), 0); n != 0 || c.layout(t, s) != "wpp" {
		t.Errorf("removed %d, %q is left", n, c.layout(t, s))
	}
}

// Of many that ask, answer and pack under one id at once, one wins, and all packs are whole.
func TestRaceForACorner(t *testing.T) {
	ctx, now := context.Background(), noon
	s := storeAt(&now)
	c := someWant().corner()
	var wg sync.WaitGroup
	var mu sync.Mutex
	won := map[string]int{}
	for i := range 8 {
		wg.Go(func() {
			w, a := someWant(), someAnswer()
			w.Missing = []Run{{0, 0, uint32(1 + i)}}
			a.Chunks = int64(i)
			count := func(what string, err error) {
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					won[what]++
				} else if !errors.Is(err, store.ErrConflict) {
					t.Errorf("%s: %v", what, err)
				}
			}
			count("ask", Ask(ctx, s, w))
			_, err := PutPack(ctx, s, c.edge, c.id, fmt.Appendf(nil, "pack %d", i/2))
			count("pack", err)
			count("answer", Reply(ctx, s, a))
		})
	}
	wg.Wait()
	if won["ask"] != 1 || won["answer"] != 1 || won["pack"] != 8 || c.layout(t, s) != "wapppp" {
		t.Errorf("%v, %q", won, c.layout(t, s))
	}
}

// Where the answer to a write is lost and it is sent again, it finds what it wrote itself.
func TestLostAnswers(t *testing.T) {
	now := noon
	s := &twice{storeAt(&now)}
	ask(t, s, someWant())
	if err := Reply(context.Background(), s, someAnswer()); err != nil {
		t.Error(err)
	}
}

// twice sends every write twice, and tells how the second went.
type twice struct{ *mem.Store }

func (w *twice) Put(ctx context.Context, key string, data []byte, o store.WriteOptions) (store.Object, error) {
	if _, err := w.Store.Put(ctx, key, data, o); err != nil {
		return store.Object{}, err
	}
	return w.Store.Put(ctx, key, data, o)
}

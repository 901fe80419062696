package sync

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/manifest"
)

// newGranted is an origin that keeps the budget, and an edge that reads on it.
func newGranted(t testing.TB, budget cost.Budget) (origin, edge *rig) {
	t.Helper()
	origin, edge = newPair(t)
	edge.granted, edge.name = true, "iowa"
	budget.Name = "b"
	origin.budgets = []cost.Budget{budget}
	return origin, edge
}

// another edge beside the same origin, with a destination of its own.
func (r *rig) another(name string) *rig {
	e := newEdge(r.t)
	other := *r
	other.dir, other.name, other.dest, other.dst = r.t.TempDir(), name, e.dest, e.dst
	return &other
}

// granting has the origin answer what edges ask for until the test ends it; a process of its own.
func (r *rig) granting(t *testing.T) (end func() Granted) {
	t.Helper()
	s := r.open()
	if err := s.Beat(context.Background(), []Source{r.src}, "test"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan Granted)
	go func() {
		var all Granted
		for {
			last := ctx.Err() != nil
			one, err := s.Grant(context.Background(), []Source{r.src})
			if err != nil {
				t.Errorf("grant: %v", err)
			}
			if _, err := s.Answer(context.Background(), r.src, []Source{r.src}); err != nil {
				t.Errorf("answer: %v", err)
			}
			all.Granted, all.Refused, all.Settled, all.Revoked = all.Granted+one.Granted, all.Refused+one.Refused, all.Settled+one.Settled, all.Revoked+one.Revoked
			all.Bytes, all.NanoUSD = all.Bytes+one.Bytes, all.NanoUSD+one.NanoUSD
			if last {
				done <- all
				return
			}
		}
	}()
	return func() Granted {
		cancel()
		all := <-done
		r.close()
		return all
	}
}

// grantOnce is one pass of the origin.
func (r *rig) grantOnce(t testing.TB) Granted {
	t.Helper()
	s := r.open()
	defer r.close()
	out, err := s.Grant(context.Background(), []Source{r.src})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// use is how the budget of an origin stands.
func (r *rig) use(t testing.TB) cost.Use {
	t.Helper()
	s := r.open()
	defer r.close()
	uses, err := s.Ledger.Uses()
	if err != nil {
		t.Fatal(err)
	}
	return uses[0]
}

// impatient edges give up soon.
func impatient(s *Syncer) *Syncer {
	s.Grants.wait, s.Grants.poll = 20*time.Millisecond, time.Millisecond
	return s
}

// received is all that was read of the source, whatever it was.
func (r *rig) received() (n int64) {
	for _, s := range r.source.Stats() {
		n += s.ReceivedBytes
	}
	return n
}

// crossing is a read of a shard at an edge.
func (r *rig) crossing(t testing.TB, bytes int64) cost.Crossing {
	t.Helper()
	c, err := r.s.lookup(r.s.link(r.src, &r.dst), r.src.Name, r.src.For, bytes, cost.OpRead, r.source)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestEdgeReadsOnTheOriginsBudget(t *testing.T) {
	origin, edge := newGranted(t, cost.Budget{LimitBytes: 1 << 30})
	edge.put("a.bin", data(1, 5<<20))
	edge.put("small.txt", []byte("some text"))
	origin.index()
	before := edge.received()
	end := origin.granting(t)
	edge.mustSync()
	edge.equal()
	crossed := edge.received() - before
	got := end()
	if got.Granted != 1 || got.Settled != 1 || got.Refused != 0 {
		t.Errorf("%+v, want one grant that is settled", got)
	}
	use := origin.use(t)
	if use.ReservedBytes != 0 || use.SettledBytes < 5<<20 || use.SettledBytes > crossed+1<<20 || use.Settled == 0 {
		t.Errorf("%d bytes for %s, %d reserved; %d bytes were received", use.SettledBytes, use.Settled, use.ReservedBytes, crossed)
	}
	for _, folder := range []string{"asks/", "grants/"} {
		if left := edge.keys(".datagravity/v1/" + folder); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	}
	s := edge.open()
	defer edge.close()
	if held, err := s.Ledger.Grants(nil); err != nil || len(held) != 0 {
		t.Errorf("the edge holds %+v, %v", held, err)
	}
}

// What an edge says that it used, and what its own ledger has, are the same; what was read before the grant is in it.
func TestWhatIsSettledIsWhatTheEdgeBooked(t *testing.T) {
	origin, edge := newGranted(t, cost.Budget{LimitBytes: 1 << 30})
	edge.budgets = []cost.Budget{{Name: "own", LimitBytes: 1 << 40}}
	edge.put("a.bin", data(1, 3<<20))
	origin.index()
	end := origin.granting(t)
	edge.mustSync()
	end()
	s := edge.open()
	uses, err := s.Ledger.Uses()
	owed, owedErr := s.Ledger.Owed("training")
	if err = errors.Join(err, owedErr); err != nil {
		t.Fatal(err)
	}
	edge.close()
	if at := origin.use(t).SettledBytes; at != uses[0].SettledBytes-owed.SettledBytes || owed.SettledBytes > 16<<10 {
		t.Errorf("the origin booked %d bytes, the edge %d, of which %d are owed", at, uses[0].SettledBytes, owed.SettledBytes)
	}
}

func TestWithoutAGrantNothingIsRead(t *testing.T) {
	origin, edge := newGranted(t, cost.Budget{LimitBytes: 1 << 30})
	edge.put("a.bin", data(1, 5<<20))
	origin.index()
	before := edge.received()
	s := impatient(edge.open())
	_, err := s.Sync(context.Background(), edge.request())
	edge.close()
	if !errors.Is(err, ErrNotGranted) || !errors.Is(err, ErrNotReady) {
		t.Fatalf("%v, want that it waits for a grant", err)
	}
	if got := edge.received() - before; got > 64<<10 {
		t.Errorf("%d bytes were read without a grant", got)
	}
	// The request stands: what is granted later serves the next run, which does not ask again.
	if got := origin.grantOnce(t); got.Granted != 1 {
		t.Fatalf("%+v", got)
	}
	end := origin.granting(t)
	edge.mustSync()
	if got := end(); got.Granted != 0 || got.Settled != 1 {
		t.Errorf("%+v, want no other grant", got)
	}
}

func TestRefusalNamesTheBudget(t *testing.T) {
	origin, edge := newGranted(t, cost.Budget{LimitNanoUSD: cost.USD / 1000})
	edge.put("a.bin", data(1, 40<<20))
	origin.index()
	end := origin.granting(t)
	before := edge.received()
	_, err := edge.sync()
	got := end()
	if !errors.Is(err, cost.ErrBudget) || !strings.Contains(err.Error(), `budget "b" has`) || !strings.Contains(err.Error(), "agent rig") {
		t.Errorf("%v, want what the origin's budget says", err)
	}
	if n := edge.received() - before; n > 1<<20 {
		t.Errorf("%d bytes were read before it was refused", n)
	}
	if got.Refused != 1 {
		t.Errorf("%+v", got)
	}
	if use := origin.use(t); use.ReservedBytes != 0 || use.SettledBytes > 1<<20 {
		t.Errorf("%+v", use)
	}
}

// What fits the budget is granted where less is of use than was asked for.
func TestLessIsGrantedThanWasAskedFor(t *testing.T) {
	origin, edge := newGranted(t, cost.Budget{LimitBytes: 24 << 20})
	edge.put("a.bin", data(1, 2<<20))
	origin.index()
	end := origin.granting(t)
	edge.mustSync()
	if got := end(); got.Granted < 1 || got.Bytes > int64(got.Granted)*24<<20 {
		t.Errorf("%+v", got)
	}
	edge.equal()
}

// What just fits is granted, without what is asked for beside it.
func TestAPlanThatJustFitsIsGranted(t *testing.T) {
	origin, edge := newGranted(t, cost.Budget{LimitBytes: 14 << 20})
	edge.put("a.bin", data(1, 12<<20))
	origin.index()
	end := origin.granting(t)
	edge.mustSync()
	if got := end(); got.Refused != 0 {
		t.Errorf("%+v", got)
	}
	edge.equal()
}

func TestTwoEdgesDoNotOverspendTogether(t *testing.T) {
	const shard = 24 << 20
	origin, one := newGranted(t, cost.Budget{LimitBytes: 48 << 20})
	two := one.another("oregon")
	one.put("a.bin", data(1, shard))
	origin.index()
	before := one.received()
	end := origin.granting(t)
	var wg sync.WaitGroup
	errs := make([]error, 2)
	for i, e := range []*rig{one, two} {
		wg.Go(func() { _, errs[i] = e.sync() })
	}
	wg.Wait()
	end()
	if (errs[0] == nil) == (errs[1] == nil) || !errors.Is(errors.Join(errs...), cost.ErrBudget) {
		t.Errorf("%v, %v: want one to be refused", errs[0], errs[1])
	}
	use := origin.use(t)
	if use.SettledBytes > 48<<20 || use.ReservedBytes != 0 {
		t.Errorf("%d bytes settled, %d reserved of 48 MiB", use.SettledBytes, use.ReservedBytes)
	}
	if got := one.received() - before; got < shard || got > 48<<20 {
		t.Errorf("%d bytes were read", got)
	}
}

// holds has an edge claim a grant and die.
func holds(t *testing.T, origin, edge *rig, bytes int64) (id string) {
	t.Helper()
	end := origin.granting(t)
	s := edge.open()
	s.Grants.poll = time.Millisecond
	if err := s.Grants.get(context.Background(), edge.crossing(t, bytes), wanted{bytes, bytes, 10}); err != nil {
		t.Fatal(err)
	}
	held, err := s.Ledger.Grants(nil)
	if err != nil || len(held) != 1 || !held[0].Usable {
		t.Fatalf("%+v, %v", held, err)
	}
	edge.close()
	end()
	return held[0].ID
}

// ids are the grants that an edge may use for a read of so many bytes.
func ids(t *testing.T, edge *rig, bytes int64) (list []string) {
	t.Helper()
	s := impatient(edge.open())
	defer edge.close()
	if err := s.Grants.get(context.Background(), edge.crossing(t, bytes), wanted{bytes, bytes, 10}); err != nil && !errors.Is(err, ErrNotGranted) {
		t.Fatal(err)
	}
	held, err := s.Ledger.Grants(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range held {
		if u.Usable {
			list = append(list, u.ID)
		}
	}
	return list
}

// A purpose is not paid for with what was granted for another.
func TestAGrantIsForOnePurpose(t *testing.T) {
	origin, edge := newGranted(t, cost.Budget{LimitBytes: 1 << 30})
	holds(t, origin, edge, 1<<20)
	s := impatient(edge.open())
	defer edge.close()
	c := edge.crossing(t, 1<<20)
	if err := s.Grants.get(context.Background(), c, wanted{1 << 20, 1 << 20, 1}); err != nil {
		t.Fatal(err)
	}
	for _, change := range []func(*cost.Crossing){
		func(c *cost.Crossing) { c.Job = "4242" }, func(c *cost.Crossing) { c.Team = "vision" },
		func(c *cost.Crossing) { c.Dataset = "other" }, func(c *cost.Crossing) { c.Link.Dest = "elsewhere" },
	} {
		other := c
		change(&other)
		s.Ledger.AskThrough(nil)
		if _, err := s.Ledger.Reserve([]cost.Crossing{other}, nil); !errors.Is(err, cost.ErrNoGrant) {
			t.Errorf("%+v: %v", other.Subject(), err)
		}
	}
	if ticket, err := s.Ledger.Reserve([]cost.Crossing{c}, nil); err != nil || ticket.Release() != nil {
		t.Error(err)
	}
	var _ manifest.GrantFor = c.GrantFor()
}

// With partial, as much is read as was granted.
func TestPartialReadsWhatIsGranted(t *testing.T) {
	origin, edge := newGranted(t, cost.Budget{LimitBytes: 64 << 20})
	for i := range 4 {
		edge.put(fmt.Sprintf("%d.bin", i), data(uint64(i), 20<<20))
	}
	edge.put("index.json", []byte("{}"))
	origin.index()
	end := origin.granting(t)
	rep, err := edge.sync(func(q *Request) { q.Partial = true })
	end()
	if !errors.Is(err, cost.ErrBudget) || len(rep.Deferred) < 2 || len(rep.Deferred) > 4 || edge.has("data/c4/index.json") || !edge.has("data/c4/0.bin") {
		t.Errorf("%v, %d deferred", err, len(rep.Deferred))
	}
	if use := origin.use(t); use.SettledBytes > 64<<20 || use.ReservedBytes != 0 {
		t.Errorf("%+v", use)
	}
	origin.budgets[0].LimitBytes = 1 << 30
	end = origin.granting(t)
	edge.mustSync(func(q *Request) { q.Partial = true })
	end()
	edge.equal()
}

package cost

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sync/errgroup"
	"pgregory.net/rapid"

	"github.com/datagravity/datagravity/pkg/manifest"
)

func wantText(t rapid.TB, err, want error, texts ...string) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("error %v, want %v", err, want)
	}
	for _, s := range texts {
		if !strings.Contains(err.Error(), s) {
			t.Errorf("error %q does not say %q", err, s)
		}
	}
}

func TestReserveAllOrNone(t *testing.T) {
	r := newLedgerRig(t, Budget{Name: "b", LimitNanoUSD: 100})
	free := over(toS3, 1000)
	free.To, free.Rate = free.From, freeRate(SamePlace, "")
	ran := 0
	_, err := r.l.Reserve([]Crossing{over(toS3, 60), free, over(toS3, 60)}, func(*manifest.Tx) error { ran++; return nil })
	wantText(t, err, ErrBudget, `budget "b" has`, "this needs up to")
	r.want(t, "b", 0, 0)
	no := errors.New("no")
	if _, err = r.l.Reserve([]Crossing{over(toS3, 60)}, func(*manifest.Tx) error { return no }); !errors.Is(err, no) {
		t.Error(err)
	}
	r.want(t, "b", 0, 0)
	if ran != 0 {
		t.Error("it ran although nothing was reserved")
	}
	ticket, err := r.l.Reserve([]Crossing{over(toS3, 60), free, over(toS3, 30)}, func(*manifest.Tx) error { ran++; return nil })
	if err != nil || ran != 1 || ticket.ReservedNanoUSD() != 90 || !ticket.Holds(0) || ticket.Holds(1) || !ticket.Holds(2) {
		t.Fatalf("%v, ran %d times, %+v", err, ran, ticket)
	}
	r.want(t, "b", 0, 90)
	if err := ticket.Settle([]Moved{{Bytes: 1}}); err == nil {
		t.Error("settled three crossings with one")
	}
	r.settle(t, ticket, 50, 1000, 20)
	r.want(t, "b", 70, 0)
	if ticket.SettledNanoUSD() != 70 {
		t.Errorf("settled %d", ticket.SettledNanoUSD())
	}
	// Nothing that comes after changes it, in the manifest or in the journal.
	if err := errors.Join(ticket.ChargeWhole(), ticket.Release(), ticket.Settle(make([]Moved, 3))); err != nil {
		t.Error(err)
	}
	if ticket.SettledNanoUSD() != 70 {
		t.Errorf("settled %d", ticket.SettledNanoUSD())
	}
	r.want(t, "b", 70, 0)
	r.crash(t, lose)
	r.want(t, "b", 70, 0)
}

// Only free crossings: no reservation, and what was to be marked is marked.
func TestNothingToReserve(t *testing.T) {
	r := newLedgerRig(t)
	c := over(toS3, 10)
	c.To, c.Rate = c.From, freeRate(SamePlace, "")
	ran := false
	ticket, err := r.l.Reserve([]Crossing{c}, func(tx *manifest.Tx) error { ran = true; return tx.PutNeed(manifest.Need{ID: "n"}) })
	if err != nil || !ran || ticket.Holds(0) || ticket.ReservedNanoUSD() != 0 {
		t.Fatalf("%v %v", err, ran)
	}
	r.settle(t, ticket, 10)
	if _, n := r.lines(t); n != 0 {
		t.Errorf("%d lines", n)
	}
}

func TestFreeAndNote(t *testing.T) {
	r := newLedgerRig(t, Budget{Name: "lab", To: "lab", LimitBytes: 1 << 40})
	gratis := freeRate(OnpremOut, "")
	inPlace, unpriced, freeLink, counted, tiny := over(toS3, 10), over(toS3, 10), over(toS3, 10), over(toLab, 10), over(toS3, 1)
	inPlace.To, unpriced.Rate, freeLink.Rate, counted.Rate = inPlace.From, Rate{}, gratis, gratis
	charged := inPlace // by a NAT gateway, say
	inPlace.Rate = freeRate(SamePlace, "")
	tiny.Rate = rateOf(t, "azure:eastus", "aws:us-east-1", RouteOptions{})
	for name, c := range map[string]struct {
		Crossing
		free bool
	}{
		"inside one place": {inPlace, true}, "inside one place, at a price": {charged, false},
		"a free route": {freeLink, true}, "a free route that a budget counts": {counted, false},
		"a paid route": {over(toS3, 10), false}, "no price at all": {unpriced, false}, "one byte of a paid route": {tiny, false},
	} {
		if got := r.l.Free(c.Crossing); got != c.free {
			t.Errorf("%s: free is %v", name, got)
		}
	}
	inPlace.RequestPrices, inPlace.Requests, inPlace.Retrieval = "aws", map[Op]int64{OpWrite: 1}, 5
	made := map[Op]int64{OpWrite: 3, OpRead: 2}
	want := r.l.Book().Requests("aws", OpWrite, 3) + r.l.Book().Requests("aws", OpRead, 2) + 5
	var price NanoUSD
	err := r.m.Update(func(tx *manifest.Tx) (err error) {
		price, err = r.l.Note(tx, inPlace, Moved{Bytes: 99, Requests: made})
		return err
	})
	sum, n := r.lines(t)
	if err != nil || price != want || price <= 5 || n != 1 || sum.Bytes != 99 || sum.NanoUSD != int64(want) || sum.Requests != 5 {
		t.Errorf("%v: price %d, want %d; %d lines, %+v", err, price, want, n, sum)
	}
	if err := r.m.View(func(tx *manifest.Tx) error {
		return tx.Reservations(func(o manifest.Open) (bool, error) { return false, fmt.Errorf("reservation %d", o.ID) })
	}); err != nil {
		t.Error(err)
	}
}

// What has no price, or one that does not fit into the account, is refused even without any budget; sums never wrap.
func TestUncountableIsRefused(t *testing.T) {
	r := newLedgerRig(t, Budget{Name: "b", LimitNanoUSD: 1000})
	unpriced, negative, huge := over(toS3, 10), over(toS3, -1), over(toS3, 1<<62)
	unpriced.Rate, unpriced.Retrieval = Rate{}, 5 // the sum would wrap to a negative amount
	huge.Rate.Tiers = []Tier{{Unbounded, MaxNanoUSD / 2}}
	for _, c := range []Crossing{unpriced, negative, huge} {
		_, err := r.l.Reserve([]Crossing{c}, nil)
		wantText(t, err, ErrBudget, "no price that can be counted")
	}
	r.want(t, "b", 0, 0)
}

// More on the wire than reserved: it is booked as it was, and told.
func TestOverrun(t *testing.T) {
	for name, settle := range map[string]func(r *ledgerRig, ticket *Ticket) error{
		"bytes": func(_ *ledgerRig, ticket *Ticket) error { return ticket.Settle([]Moved{{Bytes: 150}}) },
		"in a transaction": func(r *ledgerRig, ticket *Ticket) error {
			var finish func() error
			err := r.m.Update(func(tx *manifest.Tx) (err error) {
				finish, err = ticket.SettleIn(tx, []Moved{{Bytes: 150}})
				return errors.Join(err, tx.PutNeed(manifest.Need{ID: "done with it"}))
			})
			return errors.Join(err, finish())
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newLedgerRig(t, Budget{Name: "b", LimitNanoUSD: 120, LimitBytes: 120})
			err := settle(r, r.reserve(t, over(toS3, 100)))
			wantText(t, err, ErrOverrun, "150 bytes", `"p"`, "training->s3-east", "reserved were 100 bytes")
			r.want(t, "b", 150, 0)
			usd, bytes := r.use(t, "b").Left()
			if usd != 0 || bytes != 0 {
				t.Errorf("%d and %d left", usd, bytes)
			}
			if _, err := r.l.Reserve([]Crossing{over(toS3, 1)}, nil); !errors.Is(err, ErrBudget) {
				t.Error(err)
			}
			r.crash(t, lose)
			r.want(t, "b", 150, 0)
		})
	}
	t.Run("requests", func(t *testing.T) {
		r := newLedgerRig(t, Budget{Name: "b", LimitNanoUSD: USD})
		c := over(toS3, 100)
		c.RequestPrices, c.Requests = "aws", map[Op]int64{OpWrite: 1}
		one := r.l.Book().Requests("aws", OpWrite, 1)
		err := r.reserve(t, c).Settle([]Moved{{Bytes: 100, Requests: map[Op]int64{OpWrite: 4}}})
		wantText(t, err, ErrOverrun)
		r.want(t, "b", 100+r.l.Book().Requests("aws", OpWrite, 4), 0)
		if one <= 0 {
			t.Error("this test wants requests that cost something")
		}
	})
	t.Run("less than nothing", func(t *testing.T) {
		r := newLedgerRig(t, Budget{Name: "b", LimitNanoUSD: 100})
		r.settle(t, r.reserve(t, over(toS3, 50)), 50)
		r.settle(t, r.reserve(t, over(toS3, 50)), -20)
		r.want(t, "b", 50, 0)
	})
}

func TestMonthToDate(t *testing.T) {
	r := newLedgerRig(t)
	azure := rateOf(t, "azure:eastus", "onprem:lab1", RouteOptions{})
	virginia := rateOf(t, "aws:us-east-1", "onprem:lab1", RouteOptions{})
	at := func(pool, month string) (out int64) {
		out = -1
		if err := r.m.View(func(tx *manifest.Tx) error {
			v, err := r.l.MonthToDate(tx, pool, month)
			if v != nil {
				out = *v
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
		return out
	}
	move := func(rate Rate, bytes int64) NanoUSD {
		c := over(toLab, bytes)
		c.Rate = rate
		ticket := r.reserve(t, c)
		r.settle(t, ticket, bytes)
		return ticket.SettledNanoUSD()
	}
	if got := at(azure.Pool, "2026-11"); got != -1 {
		t.Errorf("nobody said: %d", got)
	}
	if got := move(azure, GiB); got != usd(t, "0.087") {
		t.Errorf("a GiB at an unknown position cost %s, want the dearest band", got)
	}
	r.known = map[string]int64{azure.Pool: 98 * GiB, virginia.Pool: 0}
	r.crash(t)
	if got := at(azure.Pool, "2026-11"); got != 99*GiB {
		t.Errorf("98 GiB of others and ours: %d", got)
	}
	if first, second := move(azure, GiB), move(azure, GiB); first != 0 || second != usd(t, "0.087") {
		t.Errorf("the 100th GiB cost %s, the 101st %s", first, second)
	}
	// AWS's 100 GiB are shared over all regions: never counted on, by the ledger or by what the plan asks.
	if got := at(virginia.Pool, "2026-11"); got != 100*GiB {
		t.Errorf("position %d in a pool with a shared allowance", got)
	}
	if got := move(virginia, GiB); got != usd(t, "0.09") {
		t.Errorf("a GiB within the shared allowance cost %s", got)
	}
	// A new month: what others used was told for the old one.
	r.now = r.now.AddDate(0, 1, 0)
	if got := at(azure.Pool, "2026-12"); got != -1 {
		t.Errorf("position %d in a month that nobody told about", got)
	}
	if got := move(azure, GiB); got != usd(t, "0.087") {
		t.Errorf("a GiB in a new month cost %s", got)
	}
	r.crash(t)
	if got := at(azure.Pool, "2026-12"); got != 99*GiB {
		t.Errorf("position %d after the operator told about the new month", got)
	}
}

func TestBudgetNames(t *testing.T) {
	r := newLedgerRig(t)
	for _, budgets := range [][]Budget{{{Name: "a"}, {Name: "b"}, {Name: "a"}}, {{Name: "a\x00b"}}} {
		if _, err := OpenLedger(r.m, LedgerOptions{Book: Default(), Budgets: budgets}); err == nil || !strings.Contains(err.Error(), "want a name") {
			t.Errorf("%v", err)
		}
	}
}

// A batch-mate fails, so that everything runs again: tickets end up with the reservations that stand, and with no other.
func TestTicketsSurviveRerunTransactions(t *testing.T) {
	r := newLedgerRig(t, Budget{Name: "b", LimitNanoUSD: 1_000_000})
	const pairs = 24
	no := errors.New("no")
	var g errgroup.Group
	tickets := make([]*Ticket, pairs)
	start := make(chan struct{})
	for i := range pairs {
		g.Go(func() (err error) {
			<-start
			tickets[i], err = r.l.Reserve([]Crossing{over(toS3, 100), over(toLab, 10)}, nil)
			return err
		})
		g.Go(func() error {
			<-start
			_, err := r.l.Reserve([]Crossing{over(toS3, 7)}, func(*manifest.Tx) error { return no })
			if !errors.Is(err, no) {
				return fmt.Errorf("it did not fail: %w", err)
			}
			return nil
		})
	}
	close(start)
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	r.want(t, "b", 0, pairs*110)
	seen := map[uint64]bool{}
	for _, ticket := range tickets {
		if len(ticket.open) != 2 || ticket.ReservedNanoUSD() != 110 {
			t.Fatalf("ticket %+v", ticket)
		}
		for _, o := range ticket.open {
			if seen[o.ID] {
				t.Fatalf("reservation %d belongs to two tickets", o.ID)
			}
			seen[o.ID] = true
		}
	}
	var finishes sync.Map
	for i, ticket := range tickets {
		g.Go(func() error {
			var finish func() error
			err := r.m.Batch(func(tx *manifest.Tx) (err error) {
				finish, err = ticket.SettleIn(tx, []Moved{{Bytes: 60}, {Bytes: 5}})
				return err
			})
			finishes.Store(i, true)
			return errors.Join(err, finish())
		})
		g.Go(func() error {
			if err := r.m.Batch(func(*manifest.Tx) error { return no }); !errors.Is(err, no) {
				return err
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	r.want(t, "b", pairs*65, 0)
	r.crash(t, lose)
	r.want(t, "b", pairs*65, 0)
}

// 64 goroutines reserve and settle more than the budgets hold: no limit is passed at any moment that anybody sees.
func TestBudgetRace(t *testing.T) {
	r := newLedgerRig(t,
		Budget{Name: "usd", LimitNanoUSD: 40_000}, Budget{Name: "bytes", From: "azure", LimitBytes: 60_000},
		Budget{Name: "lab", To: "lab", LimitNanoUSD: 15_000})
	const workers, rounds = 64, 50
	stop, watched := make(chan struct{}), make(chan error, 1)
	go func() {
		for {
			uses, err := r.l.Uses()
			for _, u := range uses {
				b := u.Budget
				if b.LimitNanoUSD > 0 && u.Settled+u.Reserved > b.LimitNanoUSD || b.LimitBytes > 0 && u.SettledBytes+u.ReservedBytes > b.LimitBytes {
					err = fmt.Errorf("%s: %+v", b.Name, u)
				}
			}
			if err != nil {
				watched <- err
				return
			}
			select {
			case <-stop:
				watched <- nil
				return
			default:
			}
		}
	}()
	var g errgroup.Group
	spent := make([]NanoUSD, workers)
	refused := make([]int, workers)
	for w := range workers {
		g.Go(func() error {
			for i := range rounds {
				link := []Link{toS3, toLab}[(w+i)%2]
				ticket, err := r.l.Reserve([]Crossing{over(link, 100)}, nil)
				if errors.Is(err, ErrBudget) {
					refused[w]++
					continue
				}
				if err != nil {
					return err
				}
				switch i % 5 {
				case 0:
					err = ticket.Release()
				case 1:
					err = ticket.ChargeWhole()
				default:
					err = ticket.Settle([]Moved{{Bytes: int64(10 * (i % 5))}})
				}
				if err != nil {
					return err
				}
				spent[w] += ticket.SettledNanoUSD()
			}
			return nil
		})
	}
	err := g.Wait()
	close(stop)
	if err := errors.Join(err, <-watched); err != nil {
		t.Fatal(err)
	}
	var sum NanoUSD
	no := 0
	for w := range workers {
		sum, no = sum+spent[w], no+refused[w]
	}
	t.Logf("%d of %d reservations were refused", no, workers*rounds)
	if no == 0 || no == workers*rounds {
		t.Error("this test wants a budget that runs out on the way")
	}
	r.want(t, "usd", sum, 0)
	if lines, _ := r.lines(t); lines.NanoUSD != int64(sum) {
		t.Errorf("lines sum to %d, want %d", lines.NanoUSD, sum)
	}
	r.crash(t, lose)
	r.want(t, "usd", sum, 0)
}

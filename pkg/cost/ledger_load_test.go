package cost

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	"pgregory.net/rapid"
)

// The whole of it is 64 goroutines that reserve and settle 10,000 times each:
//
//	go test ./pkg/cost -run LedgerUnderLoad -rounds 10000 -rapid.checks 1 -v
var loadRounds = flag.Int("rounds", 4, "how often each of the 64 goroutines of TestLedgerUnderLoad reserves")

// loadModel is what the ledger has to agree with, at a nano-dollar a byte: sums for each budget. What a goroutine was promised and did
// not give back yet, with what it has spent, is never more than the ledger itself counts at that moment, so that passing a limit here is
// passing it there.
type loadModel struct {
	mu     sync.Mutex
	limits map[string]int64
	used   map[string]int64
	over   error
}

func (m *loadModel) add(budgets []Budget, link Link, d int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, b := range budgets {
		if m.used[b.Name] += map[bool]int64{true: d}[b.Covers(link)]; m.used[b.Name] > m.limits[b.Name] {
			m.over = fmt.Errorf("budget %s: %d of %d", b.Name, m.used[b.Name], m.limits[b.Name])
		}
	}
}

// 64 goroutines on budgets of every kind of window never pass one, and in the end the ledger says what the model does: also once the
// manifest is lost.
func TestLedgerUnderLoad(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		const workers = 64
		perWorker := int64(*loadRounds) * 30 // about what a worker spends, were there no limit
		share := rapid.Int64Range(2, 20)
		limit := func(name string) int64 { return workers * perWorker * share.Draw(rt, name) / 10 }
		model := &loadModel{limits: map[string]int64{"month": limit("month"), "lab": limit("lab"), "rolling": limit("rolling")}, used: map[string]int64{}}
		r := newLedgerRig(t,
			Budget{Name: "month", LimitNanoUSD: NanoUSD(model.limits["month"]), Thresholds: []int64{5000, 8000, 10000}},
			Budget{Name: "lab", To: "lab", LimitBytes: model.limits["lab"], Period: Period{Kind: Daily}},
			Budget{Name: "rolling", LimitBytes: model.limits["rolling"], Period: Period{Kind: Rolling, Last: 720 * time.Hour}})
		seed := rapid.Uint64().Draw(rt, "seed")
		var refused, settled [workers]int
		began := time.Now()
		var g errgroup.Group
		for w := range workers {
			g.Go(func() error {
				rnd := rand.New(rand.NewPCG(seed, uint64(w)))
				for range *loadRounds {
					link, n := []Link{toS3, toLab}[rnd.IntN(2)], 1+rnd.Int64N(100)
					ticket, err := r.l.Reserve([]Crossing{over(link, n)}, nil)
					if errors.Is(err, ErrBudget) {
						refused[w]++
						continue
					}
					if err != nil {
						return err
					}
					model.add(r.budgets, link, n)
					moved := rnd.Int64N(n + 1)
					model.add(r.budgets, link, moved-n)
					if err := ticket.Settle([]Moved{{Bytes: moved}}); err != nil {
						return err
					}
					settled[w]++
				}
				return nil
			})
		}
		if err := g.Wait(); err != nil || model.over != nil {
			rt.Fatal(err, model.over)
		}
		took := time.Since(began)
		check := func() {
			for name, used := range model.used {
				if u := r.use(rt, name); u.SettledBytes != used || int64(u.Settled) != used || u.Reserved != 0 || u.ReservedBytes != 0 {
					rt.Fatalf("budget %s: %+v, want %d settled", name, u, used)
				}
			}
		}
		check()
		yes, no := 0, 0
		for w := range workers {
			yes, no = yes+settled[w], no+refused[w]
		}
		t.Logf("%d reserved and settled, %d refused, in %s", yes, no, took)
		r.crash(rt, lose)
		check()
		if err := r.m.Close(); err != nil {
			rt.Fatal(err)
		}
	})
}

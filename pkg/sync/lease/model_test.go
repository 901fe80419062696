package lease

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/datagravity/datagravity/pkg/store/mem"
)

// Machines whose clocks differ by days and run unequally fast, whose lines fail for a while, and whose processes are killed, write to places that partly
// overlap. No two manifests ever hold leases over the same keys, and what a dead process held is taken over only when its length has passed since it last
// renewed it.
func TestModel(t *testing.T) {
	seeds := uint64(40)
	if testing.Short() {
		seeds = 5
	}
	var took, refusals, takeovers, lost int
	for seed := range seeds {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, seed)
			w.run(6 * time.Hour)
			took, refusals, takeovers, lost = took+w.took, refusals+w.refused, takeovers+w.takeovers, lost+w.lost
		})
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	t.Logf("%d taken, %d refused, %d of the dead taken over, %d lost", took, refusals, takeovers, lost)
	if took == 0 || refusals == 0 || takeovers == 0 || lost == 0 {
		t.Error("the trial tries too little")
	}
}

// unequal is by how much a second may differ between two machines; quartz is a thousand times better.
const unequal = 0.05

type world struct {
	t      *testing.T
	rnd    *rand.Rand
	store  *mem.Store
	length time.Duration

	mu   sync.Mutex
	live map[*use]bool
	dead []death

	took, refused, takeovers, lost int
}

// use of a lease by a process that is alive.
type use struct {
	held   *Held
	owner  string
	prefix string
}

// death of a process that held a lease.
type death struct {
	owner, prefix string
	line          *crashing
}

func newWorld(t *testing.T, seed uint64) *world {
	w := &world{t: t, rnd: rand.New(rand.NewPCG(seed, 7)), live: map[*use]bool{}}
	w.length = []time.Duration{time.Minute, 10 * time.Minute}[w.rnd.IntN(2)]
	latencies := rand.New(rand.NewPCG(seed, 8))
	var mu sync.Mutex
	w.store = mem.New(mem.Options{Latency: func(string, int64) time.Duration {
		mu.Lock()
		defer mu.Unlock()
		if latencies.IntN(50) == 0 {
			return time.Duration(latencies.Int64N(int64(w.length / 6)))
		}
		return time.Duration(latencies.Int64N(int64(time.Second)))
	}})
	return w
}

func (w *world) run(long time.Duration) {
	end := time.Now().Add(long)
	var wg sync.WaitGroup
	for i := range 3 {
		rnd := rand.New(rand.NewPCG(w.rnd.Uint64(), uint64(i)))
		m := machine{
			name: fmt.Sprint("m", i), off: time.Duration(rnd.Int64N(int64(200*time.Hour))) - 100*time.Hour,
			clock: bubbleClock{time.Now().Add(-time.Duration(rnd.Int64N(int64(1000 * time.Hour)))), 1 + unequal*(2*rnd.Float64()-1)},
		}
		wg.Go(func() {
			for time.Now().Before(end) {
				w.process(m, rnd, end)
			}
		})
	}
	wg.Go(func() {
		for time.Now().Before(end) {
			time.Sleep(time.Second)
			w.check()
		}
	})
	wg.Wait()
}

// process of a machine, until it ends or is killed.
func (w *world) process(m machine, rnd *rand.Rand, end time.Time) {
	line := &crashing{Store: w.store}
	k := m.keeper(w.length)
	w.mu.Lock()
	w.dead = deleteOf(w.dead, m.name) // it takes its own back
	w.mu.Unlock()
	var mine []*use
	defer func() {
		k.Close()
		time.Sleep(time.Duration(rnd.Int64N(int64(2 * w.length))))
	}()
	for time.Now().Before(end) {
		switch rnd.IntN(10) {
		case 0: // killed
			w.mu.Lock()
			line.crash()
			for _, u := range mine {
				delete(w.live, u)
				if u.held.Err() == nil {
					w.dead = append(w.dead, death{u.owner, u.prefix, line})
				}
			}
			w.mu.Unlock()
			return
		case 1: // ended
			w.mu.Lock()
			for _, u := range mine {
				delete(w.live, u)
			}
			w.mu.Unlock()
			for _, u := range mine {
				u.held.Release()
			}
			return
		case 2: // its line is out for a while
			line.fails(errors.New("the line is out"))
			time.Sleep(time.Duration(rnd.Int64N(int64(2 * w.length))))
			line.fails(nil)
		case 3, 4:
			if len(mine) == 0 {
				break
			}
			i := rnd.IntN(len(mine))
			w.mu.Lock()
			delete(w.live, mine[i])
			if mine[i].held.Err() != nil {
				w.lost++
			}
			w.mu.Unlock()
			mine[i].held.Release()
			mine = append(mine[:i], mine[i+1:]...)
		default:
			prefix := []string{"", "a/", "a/b/", "a/c/", "d/"}[rnd.IntN(5)]
			h, err := k.Hold(w.t.Context(), line, prefix, time.Duration(rnd.Int64N(int64(2*w.length))))
			if err == nil {
				u := &use{h, m.name, prefix}
				mine = append(mine, u)
				w.began(u)
			} else if errors.Is(err, ErrHeld) {
				w.mu.Lock()
				w.refused++
				w.mu.Unlock()
			}
		}
		time.Sleep(time.Duration(rnd.Int64N(int64(w.length))))
	}
	for _, u := range mine {
		w.mu.Lock()
		delete(w.live, u)
		w.mu.Unlock()
		u.held.Release()
	}
}

func deleteOf(list []death, owner string) (out []death) {
	for _, d := range list {
		if d.owner != owner {
			out = append(out, d)
		}
	}
	return out
}

// began notes that a lease was taken.
func (w *world) began(u *use) {
	w.mu.Lock()
	w.live[u] = true
	w.took++
	var left []death
	for _, d := range w.dead {
		if d.owner == u.owner || !overlap(d.prefix, u.prefix) {
			left = append(left, d)
			continue
		}
		w.takeovers++
		// What it had sent before it was killed may have arrived after that.
		if since := time.Since(d.line.lastWrite(keyOf(d.prefix))); since < time.Duration(float64(w.length)/(1+unequal)) {
			w.t.Errorf("%s took %q over from %s, which had renewed it %s ago; it is of %s", u.owner, u.prefix, d.owner, since, w.length)
		}
	}
	w.dead = left
	w.mu.Unlock()
	w.check()
}

// check that no two manifests hold the same keys.
func (w *world) check() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for a := range w.live {
		for b := range w.live {
			if a.owner < b.owner && overlap(a.prefix, b.prefix) && a.held.Err() == nil && b.held.Err() == nil {
				w.t.Errorf("%s holds %q and %s holds %q", a.owner, a.prefix, b.owner, b.prefix)
			}
		}
	}
}

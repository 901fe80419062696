package sync

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/sync/engine"
)

// gated has reads of the source wait, once it was told to, and counts them.
type gated struct {
	store.Store
	mu    sync.Mutex
	reads map[string]int // by key and offset, those that were answered
	bytes int64
	begun chan string
	open  chan struct{}
}

func gateOf(s store.Store) *gated {
	return &gated{Store: s, reads: map[string]int{}, begun: make(chan string, 1000), open: make(chan struct{})}
}

func (g *gated) ReadRange(ctx context.Context, ref store.Ref, off int64, p []byte) error {
	g.begun <- ref.Key
	select {
	case <-g.open:
	case <-ctx.Done():
		return &store.Error{Op: "read", Err: context.Cause(ctx)}
	}
	err := g.Store.ReadRange(ctx, ref, off, p)
	if err == nil {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.reads[fmt.Sprint(ref.Key, " ", off)]++
		g.bytes += int64(len(p))
	}
	return err
}

// draining syncs, ends the context with a cause once n reads were begun, opens the gate, and returns how the sync ended.
func (r *rig) draining(g *gated, n int, cause error, grace context.Context) error {
	r.t.Helper()
	s := r.open()
	defer r.close()
	ctx, stop := context.WithCancelCause(context.Background())
	defer stop(nil)
	ended := make(chan error, 1)
	go func() {
		_, err := s.Sync(engine.WithGrace(ctx, grace), r.request())
		ended <- err
	}()
	for range n {
		select {
		case <-g.begun:
		case err := <-ended:
			r.t.Fatalf("it ended before %d reads were begun: %v", n, err)
		case <-time.After(time.Minute):
			r.t.Fatalf("%d reads were not begun", n)
		}
	}
	stop(cause)
	if grace.Err() == nil && errors.Is(cause, engine.ErrDrain) {
		close(g.open)
	}
	return <-ended
}

func (r *rig) recordedParts() (n int) {
	r.t.Helper()
	s := r.open()
	defer r.close()
	err := s.Manifest.View(func(tx *manifest.Tx) error {
		return tx.Transfers(func(t manifest.Transfer) (bool, error) {
			list, err := tx.Parts(t.ID)
			n += len(list)
			return true, err
		})
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return n
}

// What is in flight when a run is drained is finished and recorded; nothing more is begun, and the next run reads nothing twice and pays nothing twice.
func TestDrainedRunsFinishWhatIsInFlight(t *testing.T) {
	for _, known := range []bool{false, true} {
		t.Run(fmt.Sprintf("known digests %v", known), func(t *testing.T) {
			r := newRig(t)
			r.budgets = []cost.Budget{{Name: "all", LimitNanoUSD: 1e12}}
			r.options.Shards = 2
			r.put("a.bin", data(1, 9<<20))
			r.put("b.bin", data(2, 9<<20))
			for i := range 30 { // a batch that must not be begun
				r.put(fmt.Sprintf("small-%02d", i), data(uint64(10+i), 3000))
			}
			if known {
				s := r.open()
				if _, err := s.Index(context.Background(), r.src); err != nil {
					t.Fatal(err)
				}
				r.close()
			}
			g := gateOf(r.source)
			r.src.Store = g
			err := r.draining(g, 6, engine.ErrDrain, context.Background())
			if !errors.Is(err, engine.ErrDrain) {
				t.Fatalf("ended with %v", err)
			}
			finished := g.bytes // parts of whole chunks have about 1 MiB
			if n := r.recordedParts(); n != 6 || finished < 5<<20 {
				t.Errorf("%d parts are recorded and %d bytes were read, want 6 of about 1 MiB", n, finished)
			}
			rep, err := r.sync()
			if err != nil || !rep.Ready || rep.ResumedBytes != finished {
				t.Errorf("the next run: %v, resumed %d of %d", err, rep.ResumedBytes, finished)
			}
			for at, n := range g.reads {
				if n > 1 {
					t.Errorf("%s was read %d times", at, n)
				}
			}
			// Cutting goes on a little before the open end.
			if most := int64(18<<20 + 30*3000 + 2*320<<10); g.bytes > most {
				t.Errorf("%d bytes were read in all, want %d at most", g.bytes, most)
			}
			r.equal()
		})
	}
}

// When the grace is over, or the context ended for another reason, what is in flight is given up at once.
func TestWhatIsNotDrainedIsGivenUp(t *testing.T) {
	over, end := context.WithCancel(context.Background())
	end()
	for name, c := range map[string]struct {
		cause error
		grace context.Context
	}{
		"another cause":     {errors.New("taken back"), context.Background()},
		"the grace is over": {engine.ErrDrain, over},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.put("a.bin", data(1, 9<<20))
			g := gateOf(r.source)
			r.src.Store = g
			n := 3
			if c.grace == over {
				n = 0 // nothing can be begun
			}
			if err := r.draining(g, n, c.cause, c.grace); err == nil {
				t.Fatal("it ended well")
			}
			if n := r.recordedParts(); n != 0 {
				t.Errorf("%d parts are recorded", n)
			}
			close(g.open)
			if rep, err := r.sync(); err != nil || !rep.Ready {
				t.Error(err)
			}
			r.equal()
		})
	}
}

// The grace ends while parts are in flight: they are given up, and the run with them.
func TestGraceEnds(t *testing.T) {
	r := newRig(t)
	r.put("a.bin", data(1, 9<<20))
	g := gateOf(r.source)
	r.src.Store = g
	grace, end := context.WithCancel(context.Background())
	s := r.open()
	ctx, stop := context.WithCancelCause(context.Background())
	ended := make(chan error, 1)
	go func() {
		_, err := s.Sync(engine.WithGrace(ctx, grace), r.request())
		ended <- err
	}()
	for range 3 {
		<-g.begun
	}
	stop(engine.ErrDrain)
	select {
	case err := <-ended:
		t.Fatalf("it did not wait for what is in flight: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	end()
	if err := <-ended; err == nil {
		t.Error("it ended well")
	}
	r.close()
	if n := r.recordedParts(); n != 0 {
		t.Errorf("%d parts are recorded", n)
	}
}

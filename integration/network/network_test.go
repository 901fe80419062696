package network

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"runtime/pprof"
	"testing"
	"time"

	"github.com/datagravity/datagravity/internal/proof"
	"github.com/datagravity/datagravity/pkg/store"
	dgsync "github.com/datagravity/datagravity/pkg/sync"
	"github.com/datagravity/datagravity/pkg/sync/lease"
)

// Data goes from one server to another through networks that are slow, silent, cut, reset and gone, and the source changes meanwhile. What is called
// ready in between is; in fair weather everything arrives; nothing is left open, neither there nor here; and the ledger has at least what the wire had.
//
// A seed has one pair of servers, one place of the agent, one dataset and one weather. Where a byte is when the weather changes is not the seed's.
func TestNetwork(t *testing.T) {
	proof.Run(t, "network", 12, trial)
}

func trial(t *testing.T, seed uint64) {
	rnd := rand.New(rand.NewPCG(seed, 4))
	var pairs [][3]*front
	for _, from := range kinds {
		for _, to := range kinds {
			if from != to {
				a, b := frontOf(t, from), frontOf(t, to)
				pairs = append(pairs, [3]*front{a, b, a}, [3]*front{a, b, b})
			}
		}
	}
	p := pairs[seed%uint64(len(pairs))]
	r := newRig(t, p[0], p[1], p[2], rnd)
	hours := forecast(rnd, 2500*time.Millisecond)
	t.Logf("from %s to %s, the agent beside %s", r.from.kind, r.to.kind, r.beside.kind)
	for _, h := range hours {
		t.Logf("%v: %v %v", h.length, h.at[0], h.at[1])
	}
	here := fmt.Sprintf("%s %d", t.Name(), seed)
	weather := make(chan (<-chan struct{}))
	begin := make(chan struct{})
	go func() { // not of the program
		<-begin
		weather <- pass(t, hours, [2]*front{r.from, r.to})
	}()
	pprof.Do(t.Context(), pprof.Labels(label, here), func(ctx context.Context) {
		r.start()
		read, sent, booked := r.from.wire.Counts().ReceivedBytes, r.to.bodies.bytes.Load(), r.settled()
		close(begin)
		over := <-weather
		ready, refused := r.through(ctx, over)
		t.Logf("%d syncs came through the weather, %d did not", ready, refused)
		r.calm(ctx)
		r.paid(read, sent, booked)
		r.stop()
	})
	for i := range r.outside {
		_, _ = r.outside[i].Close(), r.looked[i].Close() // and their connections
	}
	http.DefaultClient.CloseIdleConnections() // what made the buckets
	gone(t, "goroutines", func() []string { return goroutines(here) })
	gone(t, "open files", func() []string { return files(t, r.dir) })
	for _, f := range []*front{r.from, r.to} {
		gone(t, "sockets", func() []string { return sockets(t, f.door.Addr) })
	}
}

// through syncs again and again until the weather is over. A sync may fail, with an error that says that the network did it.
func (r *rig) through(ctx context.Context, over <-chan struct{}) (ready, refused int) {
	r.t.Helper()
	for {
		select {
		case <-over:
			return ready, refused
		default:
		}
		rep, err := r.sync(ctx)
		switch {
		case err == nil && !rep.Ready:
			r.t.Errorf("neither ready nor an error: %+v", rep)
		case err == nil:
			ready++
			if r.visible() {
				r.equal()
			}
			r.change()
		default:
			refused++
			r.judge(rep, err)
		}
	}
}

// judge looks at why a sync failed: all that the network did is transient, or a lease that could not be renewed.
func (r *rig) judge(rep dgsync.Report, err error) {
	r.t.Helper()
	weather := func(err error) bool {
		return errors.Is(err, store.ErrTransient) || errors.Is(err, store.ErrThrottled) || errors.Is(err, lease.ErrLost)
	}
	if !errors.Is(err, dgsync.ErrFailed) {
		if !weather(err) {
			r.t.Errorf("a sync failed of something else than the network: %v", err)
		}
		return
	}
	for _, f := range rep.Failures {
		if !weather(f.Err) {
			r.t.Errorf("%s failed of something else than the network: %v", f.Path, f.Err)
		}
	}
}

// calm: everything arrives by one sync, is what it was, and nothing is left.
func (r *rig) calm(ctx context.Context) {
	r.t.Helper()
	rep, err := r.sync(ctx)
	if err != nil || !rep.Ready {
		r.t.Errorf("in fair weather: ready %v, %v, %v", rep.Ready, err, rep.Failures)
		return
	}
	r.equal()
	r.t.Logf("collected: %v", r.collect())
	r.unleased()
	if list := r.uploads(); len(list) != 0 {
		r.t.Errorf("uploads are left open: %v", list)
	}
	if list := r.left(); len(list) != 0 {
		r.t.Errorf("objects are left: %v", list)
	}
}

// unleased waits until the leases are given back, which they are a while after their last use.
func (r *rig) unleased() {
	r.t.Helper()
	gone(r.t, "leases", func() (list []string) {
		page, err := r.outside[1].List(context.Background(), store.ListOptions{Prefix: lease.Prefix})
		if err != nil {
			r.t.Error(err)
		}
		for _, o := range page.Objects {
			list = append(list, o.Key)
		}
		return list
	})
}

// paid compares the ledger with the wire of the link that is paid. It may lack what was lost of lists, for which nothing is reserved.
func (r *rig) paid(read, sent, booked int64) {
	r.t.Helper()
	ledger, what, wire, lost := r.settled()-booked, "the source sent", r.from.wire.Counts().ReceivedBytes-read, r.lists.mostLost()
	if r.beside == r.from {
		what, wire, lost = "the destination was sent", r.to.bodies.bytes.Load()-sent, 0
	}
	r.t.Logf("%s %d bytes, at most %d of them in lists that did not arrive; the ledger has %d", what, wire, lost, ledger)
	if ledger < wire-lost || wire == 0 {
		r.t.Errorf("%s %d bytes, at most %d of them in lists that did not arrive; and the ledger has %d", what, wire, lost, ledger)
	}
}

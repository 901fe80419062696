package notify

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/observe"
)

const (
	// keptFor is how long a notice is tried to be delivered.
	keptFor = 24 * time.Hour
	// mostPending of one target; the oldest makes room.
	mostPending = 1000
	// healthEvery is how often the health of the process is looked at.
	healthEvery = 15 * time.Second
	// heldProblems is how many that were just logged wait to be recorded.
	heldProblems = 256
)

// Options of New.
type Options struct {
	Manifest *manifest.Manifest
	Ledger   *cost.Ledger
	Agent    Agent
	Targets  []Target
	// Healthy tells whether work progresses, or there is none; nil: nobody looks.
	Healthy func() (ok bool, why string)
	Log     *slog.Logger
	// wait between attempts, in tests; nil: [pause].
	wait func(attempts int) time.Duration
}

// Notifier notices what changes, and tells it. It is safe for concurrent use.
type Notifier struct {
	o       Options
	changed chan struct{}        // has a value after the targets changed
	found   chan observe.Problem // that were logged

	mu      sync.Mutex
	ledger  *cost.Ledger
	targets []Target
	wake    map[string]chan struct{} // of each target's worker
	counts  map[string]*Counts
	// states are those of the manifest, read once; begun is when the first of them were.
	states map[name]manifest.Noticed
	begun  manifest.Millis
}

// name of something that was noticed.
type name struct{ kind, name string }

// Counts of one target since the process began.
type Counts struct {
	Pending                    int
	Delivered, Failed, GivenUp int64
}

// New makes a notifier, which tells nothing before Run. What waits for targets that are not configured any more is dropped.
func New(o Options) (*Notifier, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.wait == nil {
		o.wait = pause
	}
	n := &Notifier{o: o, ledger: o.Ledger, changed: make(chan struct{}, 1), found: make(chan observe.Problem, heldProblems), states: map[name]manifest.Noticed{}}
	err := o.Manifest.View(func(tx *manifest.Tx) error {
		return tx.Noticed(func(one manifest.Noticed) (bool, error) {
			n.states[name{one.Kind, one.Name}] = one
			return true, nil
		})
	})
	if err != nil {
		return nil, err
	}
	n.begun = n.states[beginning].At
	return n, n.Configure(o.Ledger, o.Targets)
}

// Configure replaces the ledger and the targets. What waits for those that are gone is dropped. Without targets all that was noticed is forgotten: whoever is
// configured later begins anew.
func (n *Notifier) Configure(ledger *cost.Ledger, targets []Target) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(targets) == 0 {
		if err := forget(n.o.Manifest); err != nil {
			return err
		}
		n.states, n.begun = map[name]manifest.Noticed{}, 0
	}
	known := map[string]bool{}
	counts, wake := map[string]*Counts{}, map[string]chan struct{}{}
	for _, t := range targets {
		known[t.Name] = true
		counts[t.Name], wake[t.Name] = &Counts{}, make(chan struct{}, 1)
		if old := n.counts[t.Name]; old != nil {
			*counts[t.Name] = *old
		}
		counts[t.Name].Pending = 0
	}
	var gone []manifest.Notice
	err := n.o.Manifest.View(func(tx *manifest.Tx) error {
		return tx.Notices("", func(one manifest.Notice) (bool, error) {
			if known[one.Target] {
				counts[one.Target].Pending++
			} else {
				gone = append(gone, one)
			}
			return true, nil
		})
	})
	if err == nil && len(gone) > 0 {
		n.o.Log.Info("notifications are dropped: their targets are not configured any more", "count", len(gone))
		err = n.o.Manifest.Update(func(tx *manifest.Tx) error { return deleteAll(tx, gone) })
	}
	if err != nil {
		return err
	}
	n.ledger, n.targets, n.counts, n.wake = ledger, targets, counts, wake
	poke(n.changed)
	return nil
}

func deleteAll(tx *manifest.Tx, list []manifest.Notice) error {
	for _, one := range list {
		if err := tx.DeleteNotice(one); err != nil {
			return err
		}
	}
	return nil
}

// forget removes all that was noticed and waits to be told.
func forget(m *manifest.Manifest) error {
	var list []manifest.Notice
	var seen []manifest.Noticed
	err := m.View(func(tx *manifest.Tx) error {
		if err := tx.Notices("", func(one manifest.Notice) (bool, error) { list = append(list, one); return true, nil }); err != nil {
			return err
		}
		return tx.Noticed(func(one manifest.Noticed) (bool, error) { seen = append(seen, one); return true, nil })
	})
	if err != nil || len(list)+len(seen) == 0 {
		return err
	}
	return m.Update(func(tx *manifest.Tx) error {
		for _, one := range seen {
			if err := tx.DeleteNoticed(one); err != nil {
				return err
			}
		}
		return deleteAll(tx, list)
	})
}

// Counts by target.
func (n *Notifier) Counts() map[string]Counts {
	n.mu.Lock()
	defer n.mu.Unlock()
	out := map[string]Counts{}
	for name, c := range n.counts {
		out[name] = *c
	}
	return out
}

// Found is for [observe.Problems.Watch]: damage is told. It returns at once, and takes no lock: whoever logs may hold ours.
func (n *Notifier) Found(p observe.Problem) {
	if p.Kind != "integrity" && p.Kind != "corrupt" {
		return
	}
	select {
	case n.found <- p:
	default: // more at a time than anybody wants to be told of
	}
}

// Run delivers until the context ends. What is being sent then is given up, and sent again by the next process.
func (n *Notifier) Run(ctx context.Context) {
	var watching sync.WaitGroup
	defer watching.Wait()
	watching.Go(func() { n.watch(ctx) })
	for ctx.Err() == nil {
		n.mu.Lock()
		targets, wake := n.targets, n.wake
		n.mu.Unlock()
		inSet, cancel := context.WithCancel(ctx)
		var workers sync.WaitGroup
		for _, t := range targets {
			workers.Go(func() { n.work(inSet, t, wake[t.Name]) })
		}
		select {
		case <-ctx.Done():
		case <-n.changed:
		}
		cancel()
		workers.Wait()
	}
}

// watch records what is found by the way, and how the process is.
func (n *Notifier) watch(ctx context.Context) {
	tick := time.NewTicker(healthEvery)
	defer tick.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return
		case p := <-n.found:
			err = n.damage(p)
		case <-tick.C:
			err = n.health()
		}
		if err != nil {
			n.o.Log.Warn("an event could not be recorded, and is told of no one", "error", err)
		}
	}
}

func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // it will look anyway
	}
}

package observe

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/dispatch"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/sync/plan"
)

// slowly counts take as long as the test lets them: places are asked for when one begins.
type slowly struct {
	*Reader
	c      *lockedClock
	counts int
	places []Place
	// hold has a count wait in its place; nil: it does not.
	hold chan struct{}
	took time.Duration
	mu   sync.Mutex
}

// lockedClock is a clock that several goroutines read.
type lockedClock struct {
	mu sync.Mutex
	at time.Time
}

func (c *lockedClock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *lockedClock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

func newSlowly(t *testing.T) *slowly {
	t.Helper()
	s := &slowly{c: &lockedClock{at: newClock().at}}
	m, err := manifest.OpenDir(t.TempDir(), manifest.Options{Now: s.c.now})
	if err != nil {
		t.Fatal(err)
	}
	snapshot(t, m, 3)
	s.places = []Place{{Dataset: "c4", Destination: plan.Destination{Name: "lab", Store: "disk", Prefix: "c4/"}}}
	s.Reader = &Reader{
		Manifest: m,
		Datasets: func() []Dataset { // once a count
			s.mu.Lock()
			s.counts++
			hold, took := s.hold, s.took
			s.mu.Unlock()
			if hold != nil {
				<-hold
			}
			s.c.pass(took)
			return []Dataset{{Name: "c4", Store: "lake"}}
		},
		Places: func() []Place {
			s.mu.Lock()
			defer s.mu.Unlock()
			return s.places
		},
	}
	t.Cleanup(func() {
		s.Close()
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func (s *slowly) set(took time.Duration, hold chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.took, s.hold = took, hold
}

func (s *slowly) counted() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counts
}

func (s *slowly) look(t *testing.T) Holdings {
	t.Helper()
	h, err := s.Holdings(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// change something in the manifest.
func (s *slowly) change(t *testing.T, i int) {
	t.Helper()
	update(t, s.Manifest, func(tx *manifest.Tx) error {
		return tx.PutReplica(manifest.Replica{Store: "disk", Key: "c4/" + path(i), Shard: chunker.Digest{byte(i)}, Size: 10, Written: 1, Seen: 1})
	})
}

// over waits until nothing is counted.
func (s *slowly) over() {
	s.counter.mu.Lock()
	under := s.under
	s.counter.mu.Unlock()
	if under != nil {
		<-under.over
	}
}

// What takes long is counted again only after a rest, and at all only after something changed.
func TestCountingRests(t *testing.T) {
	s := newSlowly(t)
	s.set(2*time.Second, nil)
	first := s.look(t)
	for range 5 {
		s.c.pass(time.Hour)
		s.look(t)
	}
	if n := s.counted(); n != 1 || first.List[0].MissingShards != 3 {
		t.Fatalf("%d counts of what does not change; %+v", n, first)
	}
	s.change(t, 0)
	if h := s.look(t); s.counted() != 2 || h.List[0].HeldShards != 1 {
		t.Fatalf("%d counts after a change and a rest: %+v", s.counted(), h)
	}
	s.change(t, 1)
	s.c.pass(restAfter*2*time.Second - time.Millisecond)
	if h := s.look(t); s.counted() != 2 || h.List[0].HeldShards != 1 {
		t.Errorf("%d counts within the rest: %+v", s.counted(), h)
	}
	s.c.pass(time.Millisecond)
	if h := s.look(t); s.counted() != 3 || h.List[0].HeldShards != 2 {
		t.Errorf("%d counts after the rest: %+v", s.counted(), h)
	}
}

// Whatever a clock does, there is another count in a quarter of an hour, and at once after it was set back.
func TestCountingWithAClockThatJumps(t *testing.T) {
	s := newSlowly(t)
	s.set(1000*time.Hour, nil) // it jumped ahead during the count
	s.look(t)
	s.set(0, nil)
	s.change(t, 0)
	s.c.pass(mostRest - time.Second)
	if s.look(t); s.counted() != 1 {
		t.Fatalf("%d counts within the rest", s.counted())
	}
	s.c.pass(time.Second)
	if s.look(t); s.counted() != 2 {
		t.Fatalf("%d counts after the longest rest", s.counted())
	}
	s.set(time.Minute, nil)
	s.change(t, 1)
	s.c.pass(mostRest)
	s.look(t)
	s.change(t, 2)
	s.c.pass(-48 * time.Hour)
	if h := s.look(t); s.counted() != 4 || h.List[0].HeldShards != 3 {
		t.Errorf("%d counts after the clock was set back: %+v", s.counted(), h)
	}
}

// Other places are counted at once: the configuration was read again.
func TestCountingOfOtherPlaces(t *testing.T) {
	s := newSlowly(t)
	s.set(time.Minute, nil)
	s.look(t)
	s.mu.Lock()
	s.places = append([]Place{}, s.places...)
	s.places = append(s.places, Place{Dataset: "c4", Destination: plan.Destination{Name: "far", Store: "other"}})
	s.mu.Unlock()
	if h := s.look(t); len(h.List) != 2 {
		t.Errorf("%+v", h)
	}
}

// Who looks is not held up by a count that takes long: they have the one before, or are told that there is none yet. All together make one count.
func TestNobodyWaitsForALongCount(t *testing.T) {
	s := newSlowly(t)
	hold := make(chan struct{})
	s.set(0, hold)
	for range 3 {
		if h, err := s.holdings(context.Background(), false); err != nil || h.Why != beingCounted || !h.At.IsZero() || h.List == nil {
			t.Errorf("%+v, %v", h, err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := s.Holdings(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("whoever waits and goes away: %v", err)
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if h := s.look(t); h.List[0].MissingShards != 3 || h.Why != "" {
				t.Errorf("%+v", h)
			}
		})
	}
	close(hold)
	all.Wait()
	if n := s.counted(); n != 1 {
		t.Errorf("%d counts", n)
	}
	hold = make(chan struct{})
	s.set(0, hold)
	s.change(t, 0)
	if h := s.look(t); h.List[0].HeldShards != 0 {
		t.Errorf("%+v", h)
	}
	close(hold)
	s.over()
	if h := s.look(t); h.List[0].HeldShards != 1 {
		t.Errorf("%+v", h)
	}
}

// Close ends a count, and there is none after it.
func TestCloseEndsACount(t *testing.T) {
	s := newSlowly(t)
	hold := make(chan struct{})
	s.set(0, hold)
	if _, err := s.holdings(context.Background(), false); err != nil {
		t.Fatal(err)
	}
	closed := make(chan struct{})
	go func() { s.Close(); close(closed) }()
	for ended := false; !ended; {
		s.counter.mu.Lock()
		ended = s.closed
		s.counter.mu.Unlock()
	}
	close(hold)
	<-closed
	if h, err := s.holdings(context.Background(), false); !errors.Is(err, context.Canceled) || !h.At.IsZero() || s.counted() != 1 {
		t.Errorf("%+v, %v after %d counts", h, err, s.counted())
	}
}

// Where that is wanted a count ends after so many, and says so.
func TestCountingEndsAfterSoMany(t *testing.T) {
	s := newSlowly(t)
	s.MostCounted = 3
	if h := s.look(t); h.Why != errMany.Error() || len(h.List) != 0 {
		t.Errorf("%+v", h)
	}
	s.MostCounted = 4
	s.change(t, 0)
	if h := s.look(t); h.Why != "" || h.List[0].HeldShards != 1 {
		t.Errorf("%+v", h)
	}
}

// A failure of counting is told, and no reason to count without a rest.
func TestACountThatFails(t *testing.T) {
	s := newSlowly(t)
	s.set(time.Second, nil)
	broken := s.Datasets
	s.Datasets = func() []Dataset { broken(); panic("a page is damaged") }
	for range 3 {
		if _, err := s.Holdings(context.Background()); !errors.Is(err, manifest.ErrCorrupt) {
			t.Errorf("%v", err)
		}
	}
	if n := s.counted(); n != 1 {
		t.Errorf("%d counts", n)
	}
}

// jobList is the jobs that there are.
type jobList struct {
	dispatch.Jobs
	list []dispatch.Status
}

func (j jobList) List(context.Context) ([]dispatch.Status, error) { return j.list, nil }

// An overview has everything but the rest of very long selections, and no null for an empty list.
func TestOverview(t *testing.T) {
	s := newSlowly(t)
	ledger, err := cost.OpenLedger(s.Manifest, cost.LedgerOptions{Book: cost.Default(), Budgets: []cost.Budget{{Name: "all", LimitBytes: 5}}})
	if err != nil {
		t.Fatal(err)
	}
	long := dispatch.Status{ID: "long", State: dispatch.Held, Selection: make([]string, mostTerms+7)}
	s.Ledger, s.Recorder, s.Problems, s.Jobs = ledger, NewRecorder(s.c.now), NewProblems(s.c.now), jobList{}
	s.Agent.Command = "daemon"
	s.Healthy = func() (bool, string) { return false, "stuck" }
	o, err := s.Overview(context.Background())
	if err != nil || o.Jobs == nil || o.Transfers == nil || o.Links == nil || o.Problems == nil || o.Pauses == nil || o.Health != (Health{Why: "stuck"}) || len(o.Budgets) != 1 {
		t.Errorf("%+v, %v", o, err)
	}
	s.Jobs = jobList{list: []dispatch.Status{long}}
	if err := cost.SetPause(s.Manifest.Dir(), "lake->lab", true, s.c.now()); err != nil {
		t.Fatal(err)
	}
	o, err = s.Overview(context.Background())
	if err != nil || len(o.Jobs[0].Selection) != mostTerms || o.Jobs[0].MoreTerms != 7 || len(o.Pauses) != 1 || o.Pauses[0].Link != "lake->lab" {
		t.Errorf("%+v, %v", o, err)
	}
}

package observe

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/datagravity/datagravity/pkg/sync/engine"
)

// clock is set by hand.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func (c *clock) pass(d time.Duration) { c.at = c.at.Add(d) }

func newClock() *clock { return &clock{time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)} }

func about(e engine.Event) engine.Event {
	e.Dataset, e.Source, e.Destination = "c4", "lake", "lab"
	return e
}

// A run is seen from its beginning to its end: what it has to do, what moves, how fast, and what came of it.
func TestRecorderFollowsARun(t *testing.T) {
	c := newClock()
	r := NewRecorder(c.now)
	tell := func(e engine.Event) { r.Observe(about(e)) }
	tell(engine.Event{Kind: engine.RunStarted, Shards: 3, Bytes: 3000})
	tell(engine.Event{Kind: engine.ShardStarted, Path: "a", Way: "full", Bytes: 1000, Job: "7"})
	began := c.at
	c.pass(10 * time.Second)
	tell(engine.Event{Kind: engine.BytesResumed, Path: "a", Bytes: 200})
	tell(engine.Event{Kind: engine.BytesMoved, Path: "a", Bytes: 600})
	want := []Transfer{{
		Dataset: "c4", Path: "a", Source: "lake", Destination: "lab", Job: "7", Way: "full", Bytes: 1000, Moved: 600, Resumed: 200, Started: began, Progress: c.at,
	}}
	if d := cmp.Diff(want, r.Transfers()); d != "" {
		t.Errorf("transfers (-want +got):\n%s", d)
	}
	tell(engine.Event{Kind: engine.ShardStarted, Path: "b", Way: "full", Bytes: 1000})
	tell(engine.Event{Kind: engine.ShardDone, Path: "a"})
	tell(engine.Event{Kind: engine.ShardFailed, Path: "b", Err: errors.New("no")})
	tell(engine.Event{Kind: engine.ShardStarted, Path: "c", Way: "full", Bytes: 1000})
	c.pass(20 * time.Second)
	// 600 bytes in 30 seconds.
	eta := c.at.Add(2200 / 20 * time.Second)
	link := Link{
		Source: "lake", Destination: "lab", BytesPerSecond: 20, Runs: 1, ETA: &eta, Shards: 3, DoneShards: 1, Failed: 1, Bytes: 3000, DoneBytes: 800, MovedBytes: 600, DoneTotal: 1,
		FailedTotal: 1, Last: c.at.Add(-20 * time.Second),
	}
	if d := cmp.Diff([]Link{link}, r.Links()); d != "" {
		t.Errorf("links (-want +got):\n%s", d)
	}
	tell(engine.Event{Kind: engine.RunEnded}) // c was stopped
	if n := len(r.Transfers()); n != 0 {
		t.Errorf("%d transfers after the end", n)
	}
	tell(engine.Event{Kind: engine.RunStarted, Shards: 1, Bytes: 5})
	if l := r.Links()[0]; l.Shards != 1 || l.Bytes != 5 || l.DoneBytes != 0 || l.Failed != 0 || l.DoneTotal != 1 || l.MovedBytes != 600 {
		t.Errorf("a new run begins with %+v", l)
	}
	tell(engine.Event{Kind: engine.RunEnded})
	if l := r.Links()[0]; l.Runs != 0 || l.ETA != nil {
		t.Errorf("after its end a run goes on until %v", l.ETA)
	}
	c.pass(keptLinks + time.Second)
	if n := len(r.Links()); n != 0 {
		t.Errorf("%d links long after the last byte", n)
	}
}

// Speeds are by slot, with zeros where nothing moved, whatever was in the ring half an hour before.
func TestSpeedsForget(t *testing.T) {
	c := newClock()
	r := NewRecorder(c.now)
	first := c.at
	r.Observe(about(engine.Event{Kind: engine.BytesMoved, Bytes: 50}))
	c.pass(2 * slotSeconds * time.Second)
	r.Observe(about(engine.Event{Kind: engine.BytesMoved, Bytes: 70}))
	c.pass(slotSeconds * time.Second)
	want := []Speeds{{Source: "lake", Destination: "lab", From: first, Seconds: slotSeconds, Bytes: []int64{50, 0, 70}}}
	if d := cmp.Diff(want, r.Speeds()); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	c.pass(slots * slotSeconds * time.Second)
	got := r.Speeds()[0]
	if len(got.Bytes) != slots-1 || got.From != c.at.Add(-(slots-1)*slotSeconds*time.Second) {
		t.Errorf("%d slots from %s", len(got.Bytes), got.From)
	}
	for i, n := range got.Bytes {
		if n != 0 {
			t.Errorf("slot %d has %d bytes of long ago", i, n)
		}
	}
}

// Who listens is woken by any event, and holds nobody up when it does not look.
func TestListeners(t *testing.T) {
	r := NewRecorder(newClock().now)
	changed, stop := r.Listen()
	for range 3 {
		r.Observe(about(engine.Event{Kind: engine.BytesMoved, Bytes: 1}))
	}
	<-changed
	stop()
	r.Changed()
	select {
	case <-changed:
		t.Error("woken after it stopped listening")
	default:
	}
}

// Nobody is told an end that would be made up.
func TestETA(t *testing.T) {
	at := newClock().at
	for _, c := range []struct {
		name string
		link Link
		want time.Duration // 0: none
	}{
		{"as it goes", Link{Runs: 1, Bytes: 1000, DoneBytes: 400, BytesPerSecond: 10}, time.Minute},
		{"no run", Link{Bytes: 1000, BytesPerSecond: 10}, 0},
		{"it stands still", Link{Runs: 1, Bytes: 1000}, 0},
		{"less was to cross than did", Link{Runs: 1, Bytes: 1000, DoneBytes: 1001, BytesPerSecond: 10}, 0},
		{"all is there", Link{Runs: 1, Bytes: 1000, DoneBytes: 1000, BytesPerSecond: 10}, 0},
		{"beyond what a duration holds", Link{Runs: 1, Bytes: 1 << 62, BytesPerSecond: 1}, 0},
		{"ten years", Link{Runs: 1, Bytes: int64(farthest / time.Second), BytesPerSecond: 1}, 0},
		{"nearly ten years", Link{Runs: 1, Bytes: int64(farthest/time.Second) - 1, BytesPerSecond: 1}, farthest - time.Second},
	} {
		switch got := c.link.eta(at); {
		case got == nil && c.want != 0, got != nil && !got.Equal(at.Add(c.want)), got != nil && c.want == 0:
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

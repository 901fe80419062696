package observe

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/sync/engine"
)

// What went well last is known of each place, and of what is done on a schedule; the newest counts.
func TestSuccesses(t *testing.T) {
	c := newClock()
	m := opened(t, c)
	snapshot(t, m, 1)
	at := manifest.At(c.at)
	need := func(id, to string, ready manifest.Millis) manifest.Need {
		return manifest.Need{ID: id, Dataset: "c4", Destination: to, Ready: ready}
	}
	update(t, m, func(tx *manifest.Tx) error {
		return errors.Join(tx.PutNeed(need("1", "lab", at-5000)), tx.PutNeed(need("2", "lab", at-1000)), tx.PutNeed(need("3", "lab", 0)),
			tx.PutTimer(manifest.Timer{Name: "gc", Well: at - 2000}), tx.PutTimer(manifest.Timer{Name: "never", Last: at}))
	})
	r := &Reader{
		Manifest: m, Datasets: func() []Dataset { return []Dataset{{Name: "c4"}} },
		Succeeded: func() []Success { return []Success{{Activity: "backup", At: c.at}} },
	}
	want := []Success{
		{Activity: "backup", At: c.at}, {Activity: "gc", At: c.at.Add(-2 * time.Second)}, {Activity: "list", Dataset: "c4", At: c.at},
		{Activity: "ready", Dataset: "c4", Destination: "lab", At: c.at.Add(-time.Second)},
	}
	got, err := r.Successes(context.Background())
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, d)
	}
	update(t, m, func(tx *manifest.Tx) error { return tx.PutNeed(need("3", "lab", at)) })
	if got, err = r.Successes(context.Background()); err != nil || !got[3].At.Equal(c.at) {
		t.Errorf("after another need was met: %v, %v", got, err)
	}
}

// What is summed over many records is not summed again while nothing changed.
func TestRested(t *testing.T) {
	c := newClock()
	m := opened(t, c)
	var kept rested
	reads := 0
	read := func() (int, error) {
		reads++
		c.pass(time.Second)
		return reads, nil
	}
	for _, step := range []struct {
		pass    time.Duration
		changed bool
		want    int
	}{{0, false, 1}, {time.Hour, false, 1}, {0, true, 2}, {time.Second, true, 2}, {restAfter * time.Second, true, 3}} {
		c.pass(step.pass)
		if step.changed {
			update(t, m, func(tx *manifest.Tx) error { return tx.PutNeed(manifest.Need{ID: "x", Updated: manifest.At(c.at)}) })
		}
		if v, err := through(&kept, m, read); v != step.want || err != nil {
			t.Errorf("%+v: %d, %v", step, v, err)
		}
	}
}

func TestWays(t *testing.T) {
	r := NewRecorder(newClock().now)
	for _, e := range []engine.Event{
		{Kind: engine.BytesMoved, Path: "a", Way: "pull", Bytes: 5}, {Kind: engine.BytesMoved, Path: "b", Way: "full", Bytes: 7},
		{Kind: engine.BytesResumed, Path: "b", Way: "full", Bytes: 2}, {Kind: engine.ShardDone, Path: "b", Way: "full"},
		{Kind: engine.ShardDone, Path: "c", Way: "copy"}, {Kind: engine.ShardFailed, Path: "a", Way: "pull"},
	} {
		r.Observe(about(e))
	}
	want := []Way{
		{Source: "lake", Destination: "lab", Way: "copy", Done: 1}, {Source: "lake", Destination: "lab", Way: "full", MovedBytes: 7, ResumedBytes: 2, Done: 1},
		{Source: "lake", Destination: "lab", Way: "pull", MovedBytes: 5, Failed: 1},
	}
	if d := cmp.Diff(want, r.Ways()); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// Who watches is told of each problem, also of one that is there already.
func TestWatchProblems(t *testing.T) {
	p := NewProblems(newClock().now)
	var got []string
	p.Watch(func(one Problem) { got = append(got, one.Kind) })
	log := slog.New(p.Handler(slog.DiscardHandler))
	for range 2 {
		log.Error("failed", "error", &store.Error{Kind: store.ErrIntegrity})
	}
	log.Info("nothing")
	if d := cmp.Diff([]string{"integrity", "integrity"}, got); d != "" {
		t.Error(d)
	}
}

func TestFileStats(t *testing.T) {
	m := opened(t, newClock())
	snapshot(t, m, 100)
	s, err := m.FileStats()
	if err != nil || s.Bytes < 16<<10 || s.FreeBytes < 0 || s.FreeBytes > s.Bytes {
		t.Errorf("%+v, %v", s, err)
	}
}

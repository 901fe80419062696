package metrics

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/dispatch"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/observe"
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/meter"
	"github.com/datagravity/datagravity/pkg/store/pace"
	"github.com/datagravity/datagravity/pkg/sync/engine"
	"github.com/datagravity/datagravity/pkg/sync/plan"
)

// keeper lists the jobs that it was given.
type keeper struct {
	dispatch.Jobs
	list func(context.Context) ([]dispatch.Status, error)
}

func (k keeper) List(ctx context.Context) ([]dispatch.Status, error) { return k.list(ctx) }

func jobs(n int, state dispatch.State) (list []dispatch.Status) {
	need := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	for i := range n {
		margin := int64(i - 10)
		eta := need.Add(-time.Duration(margin) * time.Second)
		list = append(list, dispatch.Status{
			ID: fmt.Sprintf("%s-%d", state, i), Dataset: "c4", State: state, NeedBy: &need, ETA: &eta, MarginSeconds: &margin,
			Places: []dispatch.Place{{Destination: "lab", State: state, MissingShards: i + 1, MissingBytes: 10}},
		})
	}
	return list
}

var noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

// reader of a process that has moved something, spent something and seen an error: every metric has a value.
func reader(t *testing.T, list func(context.Context) ([]dispatch.Status, error)) *observe.Reader {
	t.Helper()
	now := func() time.Time { return noon }
	dir := t.TempDir()
	m, err := manifest.OpenDir(dir, manifest.Options{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	at := manifest.At(noon.Add(-time.Hour))
	err = m.Update(func(tx *manifest.Tx) error {
		w := tx.NewSnapshot(chunker.Digest{7}, "c4", at)
		for i := range 3 {
			if err := w.Add(manifest.Shard{Path: fmt.Sprintf("%d.tar", i), Size: 10, Digest: chunker.Digest{byte(i)}}); err != nil {
				return err
			}
		}
		_, err := w.Close()
		return errors.Join(err,
			tx.PutDataset(manifest.Dataset{Name: "c4", Store: "lake", Latest: chunker.Digest{7}, Listed: at}),
			tx.PutReplica(manifest.Replica{Store: "disk", Key: "c4/0.tar", Shard: chunker.Digest{0}, Size: 10, Written: at, Seen: at, Verified: at}),
			tx.PutReplica(manifest.Replica{Store: "disk", Key: "c4/1.tar", Shard: chunker.Digest{1}, Size: 10, Missing: manifest.Damaged, Written: at, Seen: at}),
			tx.PutNeed(manifest.Need{ID: "n", Dataset: "c4", Destination: "lab", Ready: at}),
			tx.PutLine(manifest.Line{LineKey: manifest.LineKey{Month: "2026-11", Day: "2026-11-26", From: "lake", To: "lab"}, Bytes: 20, Requests: 2, NanoUSD: 5_000_000_000}),
		)
	})
	if err != nil {
		t.Fatal(err)
	}
	ledger, err := cost.OpenLedger(m, cost.LedgerOptions{Book: cost.Default(), Budgets: []cost.Budget{
		{Name: "egress", LimitNanoUSD: 100 * cost.USD, LimitBytes: 1 << 40},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if err := cost.SetPause(dir, "lake->lab", true, noon); err != nil {
		t.Fatal(err)
	}
	rec, seen := observe.NewRecorder(now), observe.NewProblems(now)
	for _, e := range []engine.Event{
		{Kind: engine.RunStarted, Shards: 3, Bytes: 30}, {Kind: engine.ShardStarted, Path: "0.tar", Way: "full", Bytes: 10},
		{Kind: engine.BytesResumed, Path: "0.tar", Way: "full", Bytes: 4}, {Kind: engine.BytesMoved, Path: "0.tar", Way: "full", Bytes: 6},
		{Kind: engine.ShardDone, Path: "0.tar", Way: "full", Bytes: 10}, {Kind: engine.ShardStarted, Path: "1.tar", Way: "full", Bytes: 10},
		{Kind: engine.ShardFailed, Path: "1.tar", Way: "full", Bytes: 10}, {Kind: engine.ShardStarted, Path: "2.tar", Way: "full", Bytes: 10},
	} {
		e.Dataset, e.Source, e.Destination = "c4", "lake", "lab"
		rec.Observe(e)
	}
	slog.New(seen.Handler(slog.DiscardHandler)).Error("shard failed", "error", &store.Error{Op: "read", Store: "mem://x", Kind: store.ErrIntegrity})
	place := observe.Place{Dataset: "c4", Destination: plan.Destination{Name: "lab", Store: "disk", Prefix: "c4/"}}
	return &observe.Reader{
		Agent: observe.Agent{Version: "v1", State: dir}, Manifest: m, Ledger: ledger, Jobs: keeper{list: list}, Recorder: rec, Problems: seen,
		Datasets: func() []observe.Dataset { return []observe.Dataset{{Name: "c4", Store: "lake"}} },
		Places:   func() []observe.Place { return []observe.Place{place} },
		Gates: func() map[string]pace.Counters {
			return map[string]pace.Counters{"lake": {InFlight: 3, Limit: 8, Max: 64, Waiting: 1, Admitted: 100, Throttled: 7}}
		},
		Wire: func() meter.Counts { return meter.Counts{Sent: 11, Received: 22, Requests: 33, Connections: 44} },
		Succeeded: func() []observe.Success {
			return []observe.Success{{Activity: "backup", At: noon.Add(-2 * time.Hour)}}
		},
	}
}

// whole are metrics with a value for each definition.
func whole(t *testing.T) *Metrics {
	t.Helper()
	list := append(jobs(2, dispatch.OnTime), jobs(1, dispatch.Ready)...)
	m := New(Options{
		Reader:   reader(t, func(context.Context) ([]dispatch.Status, error) { return list, nil }),
		Revision: "abc", Healthy: func() (bool, string) { return true, "" },
		Notices: func() map[string]Notices {
			return map[string]Notices{"ops": {Pending: 1, Delivered: 2, Failed: 3, GivenUp: 4}}
		},
	})
	t.Cleanup(m.Close)
	m.Passed(2*time.Second, nil)
	return m
}

// scraped is what Prometheus gets.
func scraped(t *testing.T, m *Metrics) []byte {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if w.Code != http.StatusOK {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	return w.Body.Bytes()
}

// text of a file of the repository.
func text(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile("../../../" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

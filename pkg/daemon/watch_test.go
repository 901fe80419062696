package daemon

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/dispatch"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/observe"
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/pace"
	"github.com/datagravity/datagravity/pkg/sync/engine"
	"github.com/datagravity/datagravity/pkg/sync/plan"
)

// standing is a reader of a manifest in which there is one of each.
func standing(t *testing.T) *observe.Reader {
	t.Helper()
	at := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	now := func() time.Time { return at }
	m, err := manifest.OpenDir(t.TempDir(), manifest.Options{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	id := chunker.Digest{7}
	err = m.Update(func(tx *manifest.Tx) error {
		w := tx.NewSnapshot(id, "c4", manifest.At(at))
		if err := w.Add(manifest.Shard{Path: "train/000.tar", Size: 10, Digest: chunker.Digest{1}}); err != nil {
			return err
		}
		if _, err := w.Close(); err != nil {
			return err
		}
		return tx.PutDataset(manifest.Dataset{Name: "c4", Store: "lake", Latest: id, Listed: manifest.At(at)})
	})
	if err != nil {
		t.Fatal(err)
	}
	ledger, err := cost.OpenLedger(m, cost.LedgerOptions{Book: cost.Default(), Budgets: []cost.Budget{{Name: "a/b. c", LimitNanoUSD: 500_000_000_000}}})
	if err != nil {
		t.Fatal(err)
	}
	lake, lab := store.Location{Provider: "azure", Region: "eastus"}, store.Location{Provider: "onprem", Region: "lab1"}
	r := &observe.Reader{
		Agent: observe.Agent{Name: "one", Location: lab, PID: 42, Since: at}, Manifest: m, Ledger: ledger, Jobs: &keeper{list: []dispatch.Status{}},
		Recorder: observe.NewRecorder(now), Problems: observe.NewProblems(now), Gates: func() map[string]pace.Counters { return nil },
		Datasets: func() []observe.Dataset { return []observe.Dataset{{Name: "c4", Store: "lake", Location: lake}} },
		Places: func() []observe.Place {
			return []observe.Place{{Dataset: "c4", Destination: plan.Destination{Name: "lab", Store: "disk", Prefix: "c4/", Location: lab}}}
		},
	}
	for _, e := range []engine.Event{
		{Kind: engine.RunStarted, Dataset: "c4", Source: "lake", Destination: "lab", Shards: 1, Bytes: 10},
		{Kind: engine.ShardStarted, Dataset: "c4", Source: "lake", Destination: "lab", Path: "train/000.tar", Way: "full", Bytes: 10},
		{Kind: engine.BytesMoved, Dataset: "c4", Source: "lake", Destination: "lab", Path: "train/000.tar", Bytes: 4},
	} {
		r.Recorder.Observe(e)
	}
	slog.New(r.Problems.Handler(slog.DiscardHandler)).Warn("no bucket", "error", store.ErrNotFound, "store", "lake")
	return r
}

// alike compares what came over the socket with what was read here.
func alike[T any](t *testing.T, what string, got T, err error, want T, why error) {
	t.Helper()
	if err != nil || why != nil {
		t.Errorf("%s: %v, %v", what, err, why)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s is another one over the socket: %s", what, d)
	}
}

// What is told over the socket is what the reader says, to the last field.
func TestWhatIsToldIsWhatIsRead(t *testing.T) {
	r := standing(t)
	path, _ := serve(t, Options{Reader: r})
	c, ctx := dial(t, path), context.Background()
	overview, err := c.Overview(ctx)
	want, why := r.Overview(ctx)
	alike(t, "overview", overview, err, want, why)
	if len(want.Datasets) != 1 || len(want.Holdings.List) != 1 || len(want.Transfers) != 1 || len(want.Links) != 1 || len(want.Budgets) != 1 || len(want.Problems) != 1 {
		t.Errorf("one of each was to be compared: %+v", want)
	}
	datasets, err := c.Datasets(ctx)
	alike(t, "datasets", datasets, err, want.Datasets, nil)
	holdings, err := c.Holdings(ctx)
	alike(t, "holdings", holdings, err, want.Holdings, nil)
	transfers, err := c.Transfers(ctx)
	alike(t, "transfers", transfers, err, want.Transfers, nil)
	links, err := c.Links(ctx)
	alike(t, "links", links, err, want.Links, nil)
	problems, err := c.Problems(ctx)
	alike(t, "problems", problems, err, want.Problems, nil)
	budgets, err := c.Budgets(ctx)
	alike(t, "budgets", budgets, err, want.Budgets, nil)
	speeds, err := c.Speeds(ctx)
	alike(t, "speeds", speeds, err, r.Recorder.Speeds(), nil)
	budget, err := c.Budget(ctx, "a/b. c")
	detail, why := r.Budget("a/b. c")
	alike(t, "budget", budget, err, detail, why)
	spend, err := c.Spend(ctx, observe.SpendQuery{By: "dataset", Month: "2026-11"})
	rows, why := r.Spend(observe.SpendQuery{By: "dataset", Month: "2026-11"})
	alike(t, "spend", spend, err, rows, why)
}

func TestQuestionsThatAreWrong(t *testing.T) {
	path, _ := serve(t, Options{Reader: standing(t)})
	c, ctx := dial(t, path), context.Background()
	for _, name := range []string{"none", "", "/", "..", "../jobs", "a\x00b"} {
		if _, err := c.Budget(ctx, name); !errors.Is(err, cost.ErrNoBudget) {
			t.Errorf("budget %q: %v", name, err)
		}
	}
	for _, q := range []observe.SpendQuery{{}, {By: "colour"}, {By: "job", Month: "yesterday"}} {
		_, err := c.Spend(ctx, q)
		var remote *Error
		if !errors.As(err, &remote) || remote.Status != http.StatusBadRequest || !strings.Contains(err.Error(), "query.by") && !strings.Contains(err.Error(), `month "yesterday": want`) {
			t.Errorf("%+v: %v", q, err)
		}
	}
	silent, _ := serve(t, Options{})
	if _, err := dial(t, silent).Overview(ctx); !errors.Is(err, errNoReader) {
		t.Errorf("a holder without a reader: %v", err)
	}
}

func TestHealthz(t *testing.T) {
	ok := true
	path, _ := serve(t, Options{Healthy: func() (bool, string) { return ok, map[bool]string{true: "", false: "nothing moved for 10 minutes"}[ok] }})
	c := dial(t, path)
	look := func() (int, string) {
		answer, err := c.http.Get("http://datagravity/healthz")
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		b, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return answer.StatusCode, string(b)
	}
	if status, text := look(); status != 200 || text != "ok\n" {
		t.Errorf("healthy: %d %q", status, text)
	}
	ok = false
	if status, text := look(); status != 503 || text != "nothing moved for 10 minutes\n" {
		t.Errorf("unhealthy: %d %q", status, text)
	}
}

// What others made is where they expect it, and does not hide the API.
func TestMountedHandlers(t *testing.T) {
	say := func(text string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, text+" "+r.URL.Path) })
	}
	path, _ := serve(t, Options{Pages: say("page"), Metrics: say("metrics")})
	c := dial(t, path)
	for at, want := range map[string]string{"/": "page /", "/jobs/a": "page /jobs/a", "/metrics": "metrics /metrics", "/v1/none": "no such endpoint", "/healthz": "ok\n"} {
		answer, err := c.http.Get("http://datagravity" + at)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil || !strings.Contains(string(b), want) {
			t.Errorf("%s: %q, %v; want %q", at, b, err, want)
		}
	}
}

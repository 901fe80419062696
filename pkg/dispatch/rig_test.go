package dispatch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/jobs/spec"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/mem"
	"github.com/datagravity/datagravity/pkg/store/pace"
	dgsync "github.com/datagravity/datagravity/pkg/sync"
	"github.com/datagravity/datagravity/pkg/sync/engine"
	"github.com/datagravity/datagravity/pkg/sync/index"
	"github.com/datagravity/datagravity/pkg/sync/plan"
)

// rig is a dataset in memory, destinations in memory, and a dispatcher between them. It is its own catalog.
type rig struct {
	t       testing.TB
	dir     string
	source  *mem.Store
	dests   map[string]*mem.Store
	layouts map[string]bool // snapshots
	budgets []cost.Budget
	o       Options
	watch   dgsync.Watch
	counted store.Store    // in place of source
	away    store.Location // of the source, if not beside the agent
	refuses string         // a job for which nothing can be opened
	// refusesAt is a destination that cannot be opened.
	refusesAt string
	mu        sync.Mutex
	clock     time.Time
	m         *manifest.Manifest
	s         *dgsync.Syncer
	d         *Dispatcher
}

func newRig(t testing.TB) *rig {
	t.Helper()
	r := &rig{
		t: t, dir: t.TempDir(), source: mem.New(mem.Options{}), dests: map[string]*mem.Store{}, layouts: map[string]bool{},
		clock: time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC),
	}
	for _, name := range []string{"aws", "google", "lab"} {
		r.dests[name] = mem.New(mem.Options{})
	}
	r.o = Options{MaxAge: time.Hour, Keep: 24 * time.Hour, BitsPerSecond: 1e9, Jittered: exactly, Log: slog.New(slog.DiscardHandler)}
	if testing.Verbose() && os.Getenv("RIG_LOG") != "" {
		r.o.Log = slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	r.open()
	t.Cleanup(func() { r.close() })
	return r
}

// exactly is no jitter.
func exactly(every time.Duration) time.Duration { return every }

func (r *rig) now() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.clock
}

func (r *rig) pass(by time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.clock = r.clock.Add(by)
}

func (r *rig) open() {
	r.t.Helper()
	m, err := manifest.OpenDir(r.dir, manifest.Options{Now: r.now})
	if err != nil {
		r.t.Fatal(err)
	}
	l, err := cost.OpenLedger(m, cost.LedgerOptions{Book: cost.Default(), Budgets: r.budgets})
	if err != nil {
		r.t.Fatal(err)
	}
	r.m = m
	r.s = &dgsync.Syncer{
		Manifest: m, Ledger: l, Agent: store.Location{Provider: "azure", Region: "eastus"}, Log: r.o.Log, BitsPerSecond: 1e9,
		Engine: engine.New(m, l, engine.Options{PartBytes: 1 << 20, SingleBytes: 1 << 20, MemoryBytes: 16 << 20, Shards: 4, PartsPerShard: 3, Log: r.o.Log}),
	}
	r.d = New(r.s, r, r.o)
}

func (r *rig) close() {
	r.t.Helper()
	r.d.Drain()
	if err := r.m.Close(); err != nil {
		r.t.Error(err)
	}
}

// again is another process on the same manifest.
func (r *rig) again() {
	r.t.Helper()
	r.close()
	r.open()
}

func (r *rig) Known() spec.Known {
	return spec.Known{Datasets: []string{"c4"}, Destinations: slices.Sorted(keysOf(r.dests)), Teams: []string{"vision"}}
}

func keysOf[V any](m map[string]V) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

func (r *rig) Describe(dataset, destination string, payer plan.Payer) (q dgsync.Request, err error) {
	dest, ok := r.dests[destination]
	if dataset != "c4" || !ok {
		return q, fmt.Errorf("%w: %s at %s", ErrUnknown, dataset, destination)
	}
	q.Source = dgsync.Source{
		Dataset:  index.Dataset{Name: "c4", Store: "training", Prefix: "c4/", Params: chunker.DefaultParams()},
		Location: r.s.Agent, For: payer,
	}
	if !r.away.IsZero() {
		q.Source.Location = r.away
	}
	at := map[string]store.Location{
		"aws": {Provider: "aws", Region: "us-east-1"}, "google": {Provider: "gcp", Region: "us-central1"}, "lab": {Provider: "onprem", Region: "lab1"},
	}
	q.Destination = dgsync.Destination{
		Destination: plan.Destination{
			Name: destination, Store: "bucket-" + destination, Prefix: "data/c4/", Location: at[destination], Snapshots: r.layouts[destination],
		},
		Open: func(context.Context) (store.Store, error) {
			if destination == r.refusesAt {
				return nil, errors.New("cannot be reached")
			}
			return dest, nil
		},
	}
	return q, nil
}

func (r *rig) Open(_ context.Context, dataset, destination string, payer plan.Payer) (dgsync.Request, error) {
	q, err := r.Describe(dataset, destination, payer)
	if q.Source.Store = r.source; r.counted != nil {
		q.Source.Store = r.counted
	}
	if payer.Job != "" && payer.Job == r.refuses {
		return q, errors.New("no credentials")
	}
	return q, err
}

func (r *rig) Store(_ context.Context, destination string) (store.Store, bool, error) {
	s, ok := r.dests[destination]
	return s, ok, nil
}

func (r *rig) Roots(string) []string {
	return []string{"az://training/c4/", "s3://bucket-aws/data/c4/"}
}

func (r *rig) URL(destination, folder string) (url, path string) {
	return "mem://" + destination + "/" + folder, ""
}

func (r *rig) Bandwidth(cost.Link, time.Time) (pace.Rate, time.Time) {
	return pace.Unlimited, time.Time{}
}

func (r *rig) Syncer() *dgsync.Syncer { return r.s }

func (r *rig) Watch(string) dgsync.Watch { return r.watch }

func (r *rig) Source(ctx context.Context, dataset string) (dgsync.Source, error) {
	q, err := r.Open(ctx, dataset, "lab", plan.Payer{})
	return q.Source, err
}

func data(seed uint64, n int) []byte {
	b := make([]byte, n)
	c := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), 9})
	_, _ = c.Read(b) // never fails
	return b
}

// put writes a shard of the dataset.
func (r *rig) put(path string, b []byte) {
	r.t.Helper()
	if _, err := r.source.Put(r.t.Context(), "c4/"+path, b, store.WriteOptions{Condition: store.Always()}); err != nil {
		r.t.Fatal(err)
	}
}

// fill writes so many shards, shard-000.bin and on.
func (r *rig) fill(n, size int) {
	for i := range n {
		r.put(fmt.Sprintf("shard-%03d.bin", i), data(uint64(i), size))
	}
}

// add declares a job.
func (r *rig) add(id string, to string, change ...func(*spec.Job)) Status {
	r.t.Helper()
	j := spec.Job{ID: id, Dataset: "c4", To: []string{to}, OnSourceChange: spec.Fail}
	for _, f := range change {
		f(&j)
	}
	list, err := r.d.Add(r.t.Context(), "", []spec.Job{j})
	if err != nil {
		r.t.Fatalf("add %s: %v", id, err)
	}
	return list[0]
}

func shards(terms ...string) func(*spec.Job) { return func(j *spec.Job) { j.Shards = terms } }

func needBy(t time.Time) func(*spec.Job) { return func(j *spec.Job) { j.NeedBy = spec.By(t) } }

// once has one pass made and waits for what it started.
func (r *rig) once() Outcome {
	r.t.Helper()
	out, err := r.d.Pass(r.t.Context())
	if err != nil {
		r.t.Fatalf("pass: %v", err)
	}
	r.d.Drain()
	return out
}

// until has passes made until a job is in a state.
func (r *rig) until(id string, want State) Status {
	r.t.Helper()
	for range 10 {
		r.once()
		if st := r.show(id); st.State == want {
			return st
		}
	}
	st := r.show(id)
	r.t.Fatalf("job %s is %s, not %s: %s", id, st.State, want, st.Why)
	return st
}

func (r *rig) show(id string) Status {
	r.t.Helper()
	d, err := r.d.Show(r.t.Context(), id, false)
	if err != nil {
		r.t.Fatal(err)
	}
	return d.Status
}

// has tells whether a destination holds a key.
func (r *rig) has(destination, key string) bool {
	r.t.Helper()
	_, err := r.dests[destination].Head(r.t.Context(), key)
	return err == nil
}

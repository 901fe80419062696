package sync

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/jobs"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/mem"
	"github.com/datagravity/datagravity/pkg/sync/engine"
	"github.com/datagravity/datagravity/pkg/sync/index"
	"github.com/datagravity/datagravity/pkg/sync/plan"
)

// rig is a source and a destination in memory with everything between them. Its agent stands beside the source, so that
// what leaves for the destination is paid.
type rig struct {
	t       testing.TB
	dir     string
	source  *mem.Store
	dest    *mem.Store
	src     Source
	dst     Destination
	budgets []cost.Budget
	options engine.Options
	agent   store.Location // where the agent stands; zero: beside the source
	role    Role
	name    string // of the agent; "": rig
	granted bool   // it reads on the origin's budgets
	now     func() time.Time
	m       *manifest.Manifest
	s       *Syncer
}

func location(t testing.TB, s string) store.Location {
	t.Helper()
	l, err := store.ParseLocation(s)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func newRig(t testing.TB) *rig {
	t.Helper()
	r := &rig{t: t, dir: t.TempDir(), now: time.Now}
	// Stores that are several places say so.
	r.source = mem.New(mem.Options{URL: "mem://source" + r.dir})
	r.dest = mem.New(mem.Options{URL: "mem://destination" + r.dir, Parts: store.PartLimits{MinBytes: 64 << 10}})
	r.options = engine.Options{PartBytes: 1 << 20, SingleBytes: 1 << 20, MemoryBytes: 16 << 20, Shards: 4, PartsPerShard: 3}
	r.src = Source{
		Dataset: index.Dataset{Name: "c4", Store: "training", Prefix: "c4/", Params: chunker.DefaultParams()},
		Store:   r.source, Location: location(t, "azure:eastus"),
	}
	r.dst = Destination{
		Destination: plan.Destination{Name: "s3-east", Store: "bucket", Prefix: "data/c4/", Location: location(t, "aws:us-east-1")},
		Store:       r.dest,
	}
	return r
}

// open starts a process on the state directory; close ends it.
func (r *rig) open() *Syncer {
	r.t.Helper()
	m, err := manifest.OpenDir(r.dir, manifest.Options{Now: r.now})
	if err != nil {
		r.t.Fatal(err)
	}
	l, err := cost.OpenLedger(m, cost.LedgerOptions{Book: cost.Default(), Budgets: r.budgets, Granted: map[string]bool{r.src.Dataset.Store: r.granted}})
	if err != nil {
		r.t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	if testing.Verbose() && os.Getenv("RIG_LOG") != "" {
		log = slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	o := r.options
	o.Log = log
	r.m = m
	r.s = &Syncer{Manifest: m, Ledger: l, Engine: engine.New(m, l, o), Agent: r.src.Location, Log: log, Role: r.role, Name: cmp.Or(r.name, "rig")}
	if r.granted {
		r.s.Grants = NewGrants(r.s, func(context.Context, string) (store.Store, error) { return r.src.exchange(), nil })
	}
	if r.agent != (store.Location{}) {
		r.s.Agent = r.agent
	}
	return r.s
}

func (r *rig) close() {
	r.t.Helper()
	if err := r.m.Close(); err != nil {
		r.t.Fatal(err)
	}
}

func data(seed uint64, n int) []byte {
	b := make([]byte, n)
	c := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), 7})
	_, _ = c.Read(b) // never fails
	return b
}

// put writes a source object, whatever was there.
func (r *rig) put(path string, b []byte) {
	r.t.Helper()
	putObject(r.t, r.source, "c4/"+path, b)
}

func putObject(t testing.TB, s store.Store, key string, b []byte) {
	t.Helper()
	if _, err := s.Put(context.Background(), key, b, store.WriteOptions{Condition: store.Always()}); err != nil {
		t.Fatal(err)
	}
}

func readObject(t testing.TB, s store.Store, key string) []byte {
	t.Helper()
	o, err := s.Head(context.Background(), key)
	if err != nil {
		t.Fatalf("head %q: %v", key, err)
	}
	b := make([]byte, o.Size)
	if err := s.ReadRange(context.Background(), o.Ref(), 0, b); err != nil {
		t.Fatalf("read %q: %v", key, err)
	}
	return b
}

func (r *rig) request() Request {
	return Request{Source: r.src, Destination: r.dst}
}

// sync opens, syncs and closes, as a one-shot command does.
func (r *rig) sync(change ...func(*Request)) (Report, error) {
	r.t.Helper()
	s := r.open()
	defer r.close()
	q := r.request()
	for _, f := range change {
		f(&q)
	}
	return s.Sync(context.Background(), q)
}

func (r *rig) mustSync(change ...func(*Request)) Report {
	r.t.Helper()
	rep, err := r.sync(change...)
	if err != nil {
		r.t.Fatalf("sync: %v (failures %v)", err, rep.Failures)
	}
	return rep
}

// equal checks that the destination holds exactly the source's shards under the prefix, byte for byte.
func (r *rig) equal() {
	r.t.Helper()
	for _, path := range r.paths() {
		want, got := readObject(r.t, r.source, "c4/"+path), readObject(r.t, r.dest, "data/c4/"+path)
		if chunker.Sum(want) != chunker.Sum(got) {
			r.t.Errorf("%q differs at the destination", path)
		}
	}
}

func (r *rig) paths() (out []string) {
	r.t.Helper()
	l, err := index.List(context.Background(), r.source, r.src.Dataset, time.Now(), nil)
	if err != nil {
		r.t.Fatal(err)
	}
	entries, err := l.Entries()
	if err != nil {
		r.t.Fatal(err)
	}
	for _, e := range entries {
		out = append(out, e.Path)
	}
	return out
}

func ways(s engine.Summary) string {
	out := ""
	for _, w := range plan.Ways {
		if c := s.Ways[w]; c.Shards > 0 {
			out += fmt.Sprintf("%s:%d ", w, c.Shards)
		}
	}
	return out
}

func selection(t testing.TB, globs ...string) jobs.Selection {
	t.Helper()
	s, err := jobs.NewSelection(globs)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func deleteObject(t testing.TB, s store.Store, key string) {
	t.Helper()
	if err := s.Delete(context.Background(), store.Ref{Key: key}); err != nil {
		t.Fatal(err)
	}
}

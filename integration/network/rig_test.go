package network

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/datagravity/datagravity/internal/emulator/emutest"
	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/meter"
	"github.com/datagravity/datagravity/pkg/store/open"
	"github.com/datagravity/datagravity/pkg/store/open/opentest"
	"github.com/datagravity/datagravity/pkg/store/retry"
	dgsync "github.com/datagravity/datagravity/pkg/sync"
	"github.com/datagravity/datagravity/pkg/sync/engine"
	"github.com/datagravity/datagravity/pkg/sync/index"
	"github.com/datagravity/datagravity/pkg/sync/lease"
	"github.com/datagravity/datagravity/pkg/sync/plan"
)

var locations = map[string]string{"azure": "azure:eastus", "s3": "aws:us-east-1", "gcs": "gcp:us-central1"}

// rig is an agent between two servers.
type rig struct {
	t        *testing.T
	dir      string
	rnd      *rand.Rand
	from, to *front
	urls     [2]string
	// beside tells which of the two the agent stands beside: what crosses between it and the other one is paid.
	beside *front
	files  map[string][]byte
	// outside are the stores as somebody else has them, whom no weather bothers: beside the network, but that GCS is read through it, since it knows
	// itself only by the door.
	outside, looked [2]store.Store
	changed         int

	client *http.Client
	lists  *lists
	source dgsync.Source
	dest   dgsync.Destination
	m      *manifest.Manifest
	ledger *cost.Ledger
	leases *lease.Keeper
	s      *dgsync.Syncer
}

func newRig(t *testing.T, from, to, beside *front, rnd *rand.Rand) *rig {
	t.Helper()
	r := &rig{t: t, dir: t.TempDir(), rnd: rnd, from: from, to: to, beside: beside, files: map[string][]byte{}}
	for i, f := range []*front{from, to} {
		f.fair()
		beside := emutest.Bucket(t, f.server)
		r.urls[i] = f.door.Through(f.wire.Through(f.bodies.Through(beside)))
		r.outside[i] = opentest.Store(t, beside)
		r.looked[i] = r.outside[i]
		if f.kind == "gcs" {
			r.looked[i] = opentest.Store(t, r.urls[i])
		}
	}
	for i := range 2 + rnd.IntN(2) {
		r.put(fmt.Sprintf("large-%d.tar", i), 1<<20+rnd.IntN(7<<20))
	}
	for i := range 4 + rnd.IntN(8) {
		r.put(fmt.Sprintf("small-%02d.tar", i), 1+rnd.IntN(100_000))
	}
	return r
}

// put writes a shard of so many random bytes at the source.
func (r *rig) put(path string, size int) {
	r.t.Helper()
	b := make([]byte, size)
	var key [32]byte
	for i := range key {
		key[i] = byte(r.rnd.Uint32())
	}
	_, _ = rand.NewChaCha8(key).Read(b) // never fails
	r.write(path, b)
}

func (r *rig) write(path string, b []byte) {
	r.t.Helper()
	if _, err := r.outside[0].Put(context.Background(), "c4/"+path, b, store.WriteOptions{Condition: store.Always()}); err != nil {
		r.t.Fatal(err)
	}
	r.files[path] = b
}

// change a shard: another one, or one with other bytes in the middle of it.
func (r *rig) change() {
	r.t.Helper()
	r.changed++
	if r.rnd.IntN(2) == 0 {
		r.put(fmt.Sprintf("new-%02d.tar", r.changed), 1+r.rnd.IntN(3<<20))
		return
	}
	paths := slices.Sorted(func(yield func(string) bool) {
		for p := range r.files {
			if !yield(p) {
				return
			}
		}
	})
	path := paths[r.rnd.IntN(len(paths))]
	b := bytes.Clone(r.files[path])
	at := r.rnd.IntN(len(b))
	for i := at; i < min(len(b), at+50_000); i++ {
		b[i] ^= byte(1 + r.rnd.IntN(255))
	}
	r.write(path, b)
}

func location(t *testing.T, s string) store.Location {
	t.Helper()
	l, err := store.ParseLocation(s)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// start has the program as its commands have it: one metered client, its stores, manifest, ledger and leases.
func (r *rig) start() {
	r.t.Helper()
	r.client = meter.NewClient(meter.Options{StallWindow: 2 * time.Second, StallBytes: 1, HeaderTimeout: 5 * time.Second})
	r.lists = &lists{RoundTripper: r.client.Transport}
	r.client.Transport = r.lists
	// As many attempts as ever, but sooner: the weather of an hour passes in seconds here.
	o := open.Options{HTTPClient: r.client, AllowLoopback: true, Retry: retry.Policy{FirstWait: 20 * time.Millisecond, MaxWait: 300 * time.Millisecond}}
	var stores [2]store.Store
	for i, u := range r.urls {
		var err error
		if stores[i], err = open.Open(context.Background(), u, o); err != nil {
			r.t.Fatal(err)
		}
	}
	var err error
	if r.m, err = manifest.OpenDir(r.dir, manifest.Options{}); err != nil {
		r.t.Fatal(err)
	}
	r.ledger, err = cost.OpenLedger(r.m, cost.LedgerOptions{Book: cost.Default(), Budgets: []cost.Budget{{Name: "all", LimitBytes: 1 << 40}}})
	if err != nil {
		r.t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	if testing.Verbose() && os.Getenv("NETWORK_LOG") != "" {
		log = slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	r.leases = lease.New(lease.Options{Holder: lease.Holder{Manifest: "of the trial", Place: r.dir, Host: "here", PID: 1}, Length: 3 * time.Second, Now: time.Now, Log: log})
	r.s = &dgsync.Syncer{
		Manifest: r.m, Ledger: r.ledger, Agent: location(r.t, locations[r.beside.kind]), Log: log, Name: "trial",
		Engine: engine.New(r.m, r.ledger, engine.Options{MemoryBytes: 24 << 20, PartBytes: 1 << 20, SingleBytes: 1 << 20, Shards: 4, PartsPerShard: 4, Log: log}),
		Leases: &dgsync.Leases{Keeper: r.leases, Prefixes: func(string) []string { return []string{"data/c4/"} }},
	}
	r.source = dgsync.Source{
		Dataset: index.Dataset{Name: "c4", Store: "training", Prefix: "c4/", Params: chunker.DefaultParams()},
		Store:   stores[0], Location: location(r.t, locations[r.from.kind]),
	}
	r.dest = dgsync.Destination{
		Destination: plan.Destination{Name: "there", Store: "bucket", Prefix: "data/c4/", Location: location(r.t, locations[r.to.kind])},
		Store:       stores[1],
	}
}

func (r *rig) stop() {
	r.t.Helper()
	r.leases.Close()
	err := errors.Join(r.source.Store.Close(), r.dest.Store.Close(), r.m.Close())
	r.client.CloseIdleConnections()
	if err != nil {
		r.t.Error(err)
	}
}

func (r *rig) sync(ctx context.Context) (dgsync.Report, error) {
	return r.s.Sync(ctx, dgsync.Request{Source: r.source, Destination: r.dest})
}

// collect removes what is left over, and says what.
func (r *rig) collect() []dgsync.Leftover {
	r.t.Helper()
	list, err := r.s.Collect(context.Background(), map[string]store.Store{"bucket": r.dest.Store}, 0, false)
	if err != nil {
		r.t.Fatal(err)
	}
	return list
}

// settled is what the ledger says that crossed between places, in bytes.
func (r *rig) settled() int64 {
	r.t.Helper()
	u, err := r.ledger.Uses()
	if err != nil || len(u) != 1 {
		r.t.Fatalf("%+v, %v", u, err)
	}
	if u[0].ReservedBytes != 0 {
		r.t.Errorf("%d bytes are still reserved although nothing moves", u[0].ReservedBytes)
	}
	return u[0].SettledBytes
}

// visible tells whether the destination can be read whatever the weather is.
func (r *rig) visible() bool { return r.looked[1] == r.outside[1] }

// equal reads every shard at the destination, from outside.
func (r *rig) equal() {
	r.t.Helper()
	ctx := context.Background()
	for path, want := range r.files {
		o, err := r.looked[1].Head(ctx, "data/c4/"+path)
		if err != nil {
			r.t.Errorf("%s is called ready: %v", path, err)
			continue
		}
		got := make([]byte, o.Size)
		if err := r.looked[1].ReadRange(ctx, o.Ref(), 0, got); err != nil {
			r.t.Errorf("%s: %v", path, err)
		} else if !bytes.Equal(got, want) {
			r.t.Errorf("%s is called ready, and differs: %d bytes, want %d", path, len(got), len(want))
		}
	}
}

// left are the objects at the destination that are neither shards nor what others are told: receipts and publications.
func (r *rig) left() (keys []string) {
	r.t.Helper()
	for token := ""; ; {
		page, err := r.outside[1].List(context.Background(), store.ListOptions{Token: token})
		if err != nil {
			r.t.Fatal(err)
		}
		for _, o := range page.Objects {
			path, shard := strings.CutPrefix(o.Key, "data/c4/")
			if _, ok := r.files[path]; shard && ok || strings.HasPrefix(o.Key, store.Private+"ready/") {
				continue
			}
			keys = append(keys, o.Key)
		}
		if token = page.Next; token == "" {
			return keys
		}
	}
}

// uploads that are open at the destination.
func (r *rig) uploads() (keys []string) {
	r.t.Helper()
	list, err := r.outside[1].ListUploads(context.Background(), "")
	if err != nil && !errors.Is(err, store.ErrUnsupported) {
		r.t.Fatal(err)
	}
	for _, u := range list {
		keys = append(keys, cmp.Or(u.Key, u.ID))
	}
	return keys
}

package simulation

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/daemon"
	"github.com/datagravity/datagravity/pkg/dispatch"
	"github.com/datagravity/datagravity/pkg/jobs/spec"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/pace"
	"github.com/datagravity/datagravity/pkg/store/retry"
	dgsync "github.com/datagravity/datagravity/pkg/sync"
	"github.com/datagravity/datagravity/pkg/sync/engine"
	"github.com/datagravity/datagravity/pkg/sync/index"
	"github.com/datagravity/datagravity/pkg/sync/lease"
	"github.com/datagravity/datagravity/pkg/sync/plan"
)

// What is configured.
const (
	sourceName  = "training"
	bucketName  = "bucket"
	destName    = "east"
	sourcePath  = "c4/"
	destPath    = "data/c4/"
	partBytes   = 64 << 10
	singleBytes = 64 << 10
	inFlight    = 3 * 3 * (partBytes + 160<<10) // shards, parts of each, and what is read again before a part to cut it
)

// nanoUSDPerByte is what a byte costs on every wire between two locations, so dear that the bytes of a schedule are money.
const nanoUSDPerByte = 1000

var prices = cost.RouteOptions{Overrides: []cost.Override{{From: "*", To: "*", NanoUSDPerGiB: nanoUSDPerByte << 30}}}

// agent is a daemon with a manifest of its own.
type agent struct {
	w            *world
	name, dir    string
	at           store.Location
	source, dest *line
	// skew is how far its clock is ahead.
	skew time.Duration
	// limit of its budget in bytes, or in what so many cost.
	limit   int64
	inMoney bool

	m      *manifest.Manifest
	s      *dgsync.Syncer
	d      *dispatch.Dispatcher
	leases *lease.Keeper
	ends   context.CancelFunc
	ended  chan error

	mu      sync.Mutex
	working map[string]int
	last    []dispatch.Status
}

func (a *agent) now() time.Time {
	a.w.mu.Lock()
	defer a.w.mu.Unlock()
	return time.Now().Add(a.skew)
}

// start begins a process on the agent's state directory.
func (a *agent) start() error {
	m, err := manifest.OpenDir(a.dir, manifest.Options{Now: a.now})
	if err != nil {
		return err
	}
	var id string
	if err := m.View(func(tx *manifest.Tx) (err error) { id, err = tx.ID(); return err }); err != nil {
		return err
	}
	a.source.manifest, a.dest.manifest = id, id
	o := cost.LedgerOptions{Book: cost.Default()}
	if a.limit > 0 {
		b := cost.Budget{Name: "wire", LimitBytes: a.limit, Period: cost.Period{Kind: cost.Total}}
		if a.inMoney {
			b.LimitBytes, b.LimitNanoUSD = 0, cost.NanoUSD(a.limit*nanoUSDPerByte)
		}
		o.Budgets = []cost.Budget{b}
	}
	l, err := cost.OpenLedger(m, o)
	if err != nil {
		return errors.Join(err, m.Close())
	}
	log := slog.New(slog.DiscardHandler)
	if testing.Verbose() && os.Getenv("SIMULATION_LOG") != "" {
		log = slog.New(slog.NewTextHandler(os.Stderr, nil)).With("agent", a.name)
	}
	policy := retry.Policy{Random: func() float64 { return 0.5 }}
	a.leases = lease.New(lease.Options{
		Holder: lease.Holder{Manifest: id, Place: a.name, Host: a.name, PID: 1, Command: "datagravity daemon", Agent: a.name}, Now: a.now, Clock: clock{time.Now()},
	})
	a.m = m
	a.working = map[string]int{}
	a.s = &dgsync.Syncer{
		Manifest: m, Ledger: l, Agent: a.at, Log: log, BitsPerSecond: 1e9, Name: a.name, Routes: prices, Leases: &dgsync.Leases{Keeper: a.leases},
		Engine: engine.New(m, l, engine.Options{
			PartBytes: partBytes, SingleBytes: singleBytes, MemoryBytes: 64 << 20, Shards: 3, PartsPerShard: 3, Log: log, Observe: a.observe,
		}),
		AtWork: a.atWork,
	}
	c := &catalog{a: a, source: retry.Wrap(a.source, policy), dest: retry.Wrap(a.dest, policy)}
	a.d = dispatch.New(a.s, c, dispatch.Options{
		MaxAge: time.Hour, Keep: 30 * 24 * time.Hour, BitsPerSecond: 1e9, Jittered: func(d time.Duration) time.Duration { return d },
		Random: func() float64 { return 0.5 }, Releasers: []dispatch.Releaser{a}, Log: log,
	})
	ctx, cancel := context.WithCancel(context.Background())
	a.ends, a.ended = cancel, make(chan error, 1)
	loop := &daemon.Loop{Passer: passer{a.d}, Now: a.now, Log: log}
	go func() { a.ended <- loop.Run(ctx) }()
	return nil
}

// stop ends the process; what is in flight is cut off.
func (a *agent) stop() error {
	a.ends()
	err := <-a.ended
	a.leases.Close()
	err = errors.Join(err, a.m.Close())
	a.m = nil
	return err
}

func (a *agent) observe(e engine.Event) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch e.Kind {
	case engine.ShardStarted:
		a.working[e.Path]++
	case engine.ShardDone, engine.ShardFailed:
		delete(a.working, e.Path)
	case engine.RunEnded:
		clear(a.working)
	}
}

func (a *agent) atWork(t manifest.Transfer) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.working[t.Path] > 0
}

// Release has the oracle compare what is called ready with what is there.
func (a *agent) Release(_ context.Context, _ *dispatch.Dispatcher, list []dispatch.Status) error {
	a.mu.Lock()
	a.last = append([]dispatch.Status{}, list...)
	a.mu.Unlock()
	for _, j := range list {
		if j.State == dispatch.Ready {
			if err := a.w.checkReady(a, j.ID, false); err != nil {
				return err
			}
		}
		if j.State == dispatch.Held {
			a.w.strike(refusedBudget, "")
		}
		for _, p := range j.Places {
			if strings.Contains(p.Why, "another agent") || strings.Contains(p.Why, "datagravity daemon") {
				a.w.strike(refusedLease, "")
			}
		}
	}
	return nil
}

// statuses are those of the last pass; nil: none ended yet.
func (a *agent) statuses() []dispatch.Status {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.last
}

// forgetStatuses has only a pass that ends from now on tell how jobs stand; of those named it forgets them.
func (a *agent) forgetStatuses(ids ...string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(ids) == 0 {
		a.last = nil
		return
	}
	a.last = slices.DeleteFunc(slices.Clone(a.last), func(s dispatch.Status) bool { return slices.Contains(ids, s.ID) })
}

// wanted is what a job wants at the destination, as its manifest has it.
func (a *agent) wanted(job string) (out []claim, err error) {
	err = a.m.View(func(tx *manifest.Tx) error {
		j, ok, err := tx.Job(job)
		if err != nil || !ok {
			return err
		}
		sel, err := dgsync.SelectionOf(tx, j.Globs, j.Paths)
		if err != nil {
			return err
		}
		return tx.SnapshotContents(j.Snapshot, func(c manifest.Content) (bool, error) {
			if sel.Matches(c.Path) {
				out = append(out, claim{key: destPath + c.Path, path: c.Path, digest: c.Digest, size: c.Size})
			}
			return true, nil
		})
	})
	return out, err
}

// claims are the replicas that the manifest believes in.
func (a *agent) claims() (out []claim, err error) {
	err = a.m.View(func(tx *manifest.Tx) error {
		return tx.Replicas(bucketName, destPath, func(r manifest.Replica) (bool, error) {
			if r.Present() {
				out = append(out, claim{key: r.Key, path: strings.TrimPrefix(r.Key, destPath), etag: r.ETag, digest: r.Shard, size: r.Size})
			}
			return true, nil
		})
	})
	return out, err
}

// passer is a dispatcher as the loop wants it.
type passer struct{ *dispatch.Dispatcher }

func (p passer) Pass(ctx context.Context) (time.Time, error) {
	out, err := p.Dispatcher.Pass(ctx)
	return out.Next, err
}

// clock is the machine's, without the spread of its waits: it is the stores' times that keep goroutines apart.
type clock struct{ from time.Time }

func (c clock) Elapsed() time.Duration { return time.Since(c.from) }

func (clock) After(d time.Duration) <-chan time.Time {
	if d <= time.Second {
		d = 500 * time.Millisecond
	}
	return time.After(d)
}

// catalog is what is configured for an agent.
type catalog struct {
	a            *agent
	source, dest store.Store
}

func (c *catalog) Known() spec.Known {
	return spec.Known{Datasets: []string{"c4"}, Destinations: []string{destName}}
}

func (c *catalog) Describe(dataset, destination string, payer plan.Payer) (q dgsync.Request, err error) {
	if dataset != "c4" || destination != destName {
		return q, fmt.Errorf("%w: %s at %s", dispatch.ErrUnknown, dataset, destination)
	}
	q.Source = dgsync.Source{
		Dataset:  index.Dataset{Name: "c4", Store: sourceName, Prefix: sourcePath, Params: chunker.DefaultParams()},
		Location: azure, For: payer,
	}
	q.Destination = dgsync.Destination{
		Destination: plan.Destination{Name: destName, Store: bucketName, Prefix: destPath, Location: aws},
		Open:        func(context.Context) (store.Store, error) { return c.dest, nil },
	}
	return q, nil
}

func (c *catalog) Open(_ context.Context, dataset, destination string, payer plan.Payer) (dgsync.Request, error) {
	q, err := c.Describe(dataset, destination, payer)
	q.Source.Store = c.source
	return q, err
}

func (c *catalog) Store(_ context.Context, destination string) (store.Store, bool, error) {
	return c.dest, destination == destName, nil
}

func (c *catalog) Roots(string) []string { return nil }

func (c *catalog) URL(_, folder string) (url, path string) { return "mem://east/" + folder, "" }

func (c *catalog) Bandwidth(cost.Link, time.Time) (pace.Rate, time.Time) {
	return pace.Unlimited, time.Time{}
}

func (c *catalog) Syncer() *dgsync.Syncer { return c.a.s }

func (c *catalog) Watch(string) dgsync.Watch { return dgsync.Watch{} }

func (c *catalog) Source(ctx context.Context, dataset string) (dgsync.Source, error) {
	q, err := c.Open(ctx, dataset, destName, plan.Payer{})
	return q.Source, err
}

func (a *agent) stateIn(dir string) { a.dir = filepath.Join(dir, a.name) }

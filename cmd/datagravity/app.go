package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"slices"
	"sort"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/singleflight"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/config"
	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/daemon"
	"github.com/datagravity/datagravity/pkg/daemon/metrics"
	"github.com/datagravity/datagravity/pkg/daemon/notify"
	"github.com/datagravity/datagravity/pkg/jobs"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/observe"
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/meter"
	"github.com/datagravity/datagravity/pkg/store/open"
	"github.com/datagravity/datagravity/pkg/store/pace"
	"github.com/datagravity/datagravity/pkg/store/trace/export"
	dgsync "github.com/datagravity/datagravity/pkg/sync"
	"github.com/datagravity/datagravity/pkg/sync/engine"
	"github.com/datagravity/datagravity/pkg/sync/plan"
)

// app is the program of one command: the configuration, and what of it is open. Close closes it.
type app struct {
	*globals
	cfg    *config.Config
	log    *slog.Logger
	client *http.Client
	mu     sync.Mutex // guards stores: proofs and parallel syncs open them
	stores map[string]store.Store
	// opening has those that ask for a store while it is opened wait for it.
	opening singleflight.Group
	m       *manifest.Manifest
	ledger  *cost.Ledger
	sync    *dgsync.Syncer
	links   *pace.Links
	reload  *reloading // while the manifest is held
	// brief: the manifest is held for a moment, for little of it.
	brief bool
	// reloaded has a value after the configuration was read again.
	reloaded chan struct{}
	// digest is that of the configuration's text, while others are answered; see configDigest.
	digest atomic.Pointer[string]
	// successor acts in this program's place, since the configuration was read again; nil: there is none. users are those of this one.
	successor atomic.Pointer[app]
	users     users
	// service is what the daemon does; nil: this is another command.
	service atomic.Pointer[service]
	// keeper keeps the manifest's jobs.
	keeper *keeper
	// recorder and problems remember what this process does, while it holds the manifest.
	recorder *observe.Recorder
	problems *observe.Problems
	// metrics are what Prometheus is shown, while the server answers.
	metrics *metrics.Metrics
	// teller tells others what happens, in a daemon, and targets are those that the configuration names.
	teller  *notify.Notifier
	targets []notify.Target
	// exporter sends traces; nil: nobody wants them.
	exporter *export.Exporter
	// looking is the one reader of how things stand, once somebody looks.
	looking *observe.Reader
	// server answers other processes; nil: it does not, for the reason in unserved if it was to.
	server   *daemon.Server
	unserved error
	// profiles answers go tool pprof; nil: it was not asked for.
	profiles *daemon.Server
}

func newApp(g *globals, cfg *config.Config, log *slog.Logger, links *pace.Links) *app {
	return &app{
		globals: g, cfg: cfg, log: log, stores: map[string]store.Store{}, links: links, client: meter.NewClient(meter.Options{}),
		reloaded: make(chan struct{}, 1),
	}
}

// load reads the configuration; nothing is opened yet.
func (g *globals) load() (*app, error) {
	if g.held != nil {
		return g.borrow()
	}
	log, err := g.logger()
	if err != nil {
		return nil, err
	}
	path, err := config.Find(g.config)
	if err != nil {
		return nil, err
	}
	cfg, err := config.Load(path)
	if err != nil {
		return nil, err
	}
	limits, err := cfg.LinkLimits()
	if err != nil {
		return nil, err
	}
	return newApp(g, cfg, log, pace.NewLinks(limits, nil)), nil
}

// begin loads the configuration and takes the manifest. A command that only reads may be answered by whoever holds it: that is an [answeredError].
func (g *globals) begin(o engine.Options) (*app, error) {
	a, err := g.load()
	if err != nil {
		return nil, err
	}
	if err := a.takeOrAsk(o); err != nil {
		return nil, errors.Join(err, a.Close())
	}
	return a, nil
}

func (a *app) take(o engine.Options) (err error) {
	if a.held != nil {
		a.share()
		return nil
	}
	if err := checkOwner(a.cfg.Agent.State); err != nil {
		return err
	}
	if a.m, err = manifest.OpenDir(a.cfg.Agent.State, a.manifestOptions()); err != nil {
		return explainOwner(a.cfg.Agent.State, err)
	}
	a.observed()
	if err := a.trace(); err != nil {
		return err
	}
	a.reload = a.reloadOnHangup()
	if err := a.equip(o); err != nil {
		return err
	}
	if a.serves {
		a.serve()
	}
	return nil
}

// manifestOptions are those that every opening of the manifest has.
func (a *app) manifestOptions() manifest.Options {
	v, _ := buildVersion()
	return manifest.Options{JournalDir: a.cfg.Agent.JournalDir, LeavesLater: a.brief, Program: v, Log: a.log}
}

// equip makes what works on the manifest. A ledger that there is, of the program before, is opened again.
func (a *app) equip(o engine.Options) error {
	book, routes, err := a.cfg.PriceBook()
	if err != nil {
		return err
	}
	lo := cost.LedgerOptions{Book: book, Budgets: a.cfg.CostBudgets(), MonthToDate: a.cfg.MonthToDate(), Granted: a.cfg.Granted(), Log: a.log}
	if a.ledger == nil {
		a.ledger, err = cost.OpenLedger(a.m, lo)
	} else {
		a.ledger, err = a.ledger.Reopen(lo)
	}
	if err != nil {
		return err
	}
	o = a.engineOptions(o)
	a.sync = &dgsync.Syncer{
		Manifest: a.m, Ledger: a.ledger, Engine: engine.New(a.m, a.ledger, o), Agent: a.cfg.Agent.Location, Routes: routes, Log: a.log,
		Role: dgsync.Role(a.cfg.Agent.Role), Name: a.cfg.Agent.NameOr(os.Hostname),
		AtWork: func(t manifest.Transfer) bool { return a.recorder.Moves(t.Dataset, t.Path) },
	}
	if a.sync.Leases, err = a.leases(); err != nil {
		return err
	}
	if a.cfg.Granted() != nil {
		a.sync.Grants = dgsync.NewGrants(a.sync, a.exchange)
	}
	if err := a.notifies(); err != nil {
		return err
	}
	a.keeper = &keeper{Dispatcher: newDispatcher(a), now: a.m.Now}
	return nil
}

// engineOptions fills in what the configuration says.
func (a *app) engineOptions(o engine.Options) engine.Options {
	o.Observe = a.observing(o.Observe)
	o.MemoryBytes, o.PartBytes = int64(a.cfg.Agent.Memory), int64(a.cfg.Agent.PartSize)
	o.Shards, o.PartsPerShard, o.Links, o.Log = a.cfg.Agent.Shards, a.cfg.Agent.Parts, a.links, a.log
	return o
}

// Close closes the stores and lets go of the manifest.
func (a *app) Close() error {
	var errs []error
	if a.server != nil {
		errs = append(errs, a.server.Close()) // first: what it runs for others reads the manifest
		a.metrics.Close()
	}
	if a.profiles != nil {
		errs = append(errs, a.profiles.Close())
	}
	a.endTraces()
	if a.looking != nil {
		a.looking.Close() // it may be counting what is in the manifest
	}
	a.reload.end()
	if next := a.successor.Load(); next != nil {
		errs = append(errs, next.closeWork())
	}
	errs = append(errs, a.closeWork())
	a.client.CloseIdleConnections()
	if a.m != nil && a.held == nil {
		errs = append(errs, a.m.Close())
	}
	return errors.Join(errs...)
}

// errRetired: who asks works with a configuration that is no more.
var errRetired = errors.New("the configuration was read again meanwhile; try again")

// store opens a configured store once, several stores at the same time.
func (a *app) store(ctx context.Context, name string) (store.Store, error) {
	s, err := a.opened(ctx, name, a.cfg.Stores[name].URL, open.Options{
		HTTPClient: a.client, AllowLoopback: a.cfg.Agent.AllowInsecure, Requests: a.cfg.Stores[name].Requests, Traced: a.traces.On(),
	})
	if err != nil {
		return nil, fmt.Errorf("open store %s: %w", name, err)
	}
	return s, nil
}

// used tells whether the manifest has objects in a store.
func (a *app) used(name string) (used bool, err error) {
	if a.m == nil {
		return false, nil
	}
	return used, a.m.View(func(tx *manifest.Tx) error {
		return tx.Replicas(name, "", func(r manifest.Replica) (bool, error) {
			used = r.Present()
			return !used, nil
		})
	})
}

// opened opens a URL once, under a name.
func (a *app) opened(ctx context.Context, name, at string, o open.Options) (store.Store, error) {
	s, err, _ := a.opening.Do(name, func() (any, error) {
		a.mu.Lock()
		s, ok := a.stores[name]
		a.mu.Unlock()
		if ok {
			return s, nil
		}
		var err error
		if o.Used, err = a.used(name); err != nil {
			return nil, err
		}
		s, err = open.Open(ctx, at, o)
		if err != nil {
			return nil, err
		}
		a.mu.Lock()
		defer a.mu.Unlock()
		if a.stores == nil {
			return nil, errors.Join(errRetired, s.Close())
		}
		a.stores[name] = s
		return s, nil
	})
	if err != nil {
		return nil, err
	}
	return s.(store.Store), nil
}

func (a *app) dataset(name string) (config.Dataset, error) {
	d, ok := a.cfg.Datasets[name]
	if !ok {
		return d, usageError{config.UnknownName("dataset", name, keys(a.cfg.Datasets))}
	}
	return d, nil
}

// source opens a configured dataset.
func (a *app) source(ctx context.Context, name string, charge chargeFlags) (dgsync.Source, error) {
	src, err := a.unopenedSource(name, charge)
	if err != nil {
		return dgsync.Source{}, err
	}
	err = a.openSource(ctx, &src)
	return src, err
}

// unopenedSource is a configured dataset without its stores.
func (a *app) unopenedSource(name string, charge chargeFlags) (dgsync.Source, error) {
	d, err := a.dataset(name)
	if err != nil {
		return dgsync.Source{}, err
	}
	payer, err := a.payer(name, charge)
	if err != nil {
		return dgsync.Source{}, err
	}
	return a.described(name, d, payer), nil
}

func (a *app) openSource(ctx context.Context, src *dgsync.Source) (err error) {
	name := src.Dataset.Store
	if src.Store, err = a.store(ctx, name); err != nil {
		return err
	}
	src.Exchange, err = a.exchange(ctx, name)
	return err
}

// exchange opens the store in which agents tell each other about what is in a store.
func (a *app) exchange(ctx context.Context, name string) (store.Store, error) {
	if other := a.cfg.Stores[name].Exchange; other != "" {
		name = other
	}
	return a.store(ctx, name)
}

// sources opens all datasets; one that cannot be opened does not keep the others from it.
func (a *app) sources(ctx context.Context) (list []dgsync.Source, err error) {
	for _, name := range slices.Sorted(maps.Keys(a.cfg.Datasets)) {
		src, one := a.source(ctx, name, chargeFlags{})
		if err = errors.Join(err, one); one == nil {
			list = append(list, src)
		}
	}
	return list, err
}

// destination opens a configured destination, for one dataset.
func (a *app) destination(ctx context.Context, name, dataset string) (dgsync.Destination, error) {
	d, err := a.unopened(name, dataset)
	if err == nil {
		d.Store, err = d.Open(ctx)
	}
	return d, err
}

// unopened is a configured destination that opens its store when it must.
func (a *app) unopened(name, dataset string) (dgsync.Destination, error) {
	place, err := a.place(name, dataset)
	if err != nil {
		return dgsync.Destination{}, err
	}
	d := a.cfg.Destinations[name]
	return dgsync.Destination{
		Destination: place,
		Policy: dgsync.Policy{
			BesideWhenPinned: d.WhenPinned == "snapshots", PropagateDeletions: d.Deletions == "propagate", DeletionShare: float64(d.DeletionLimit) / 100,
			CapacityBytes: int64(d.Capacity), EvictUnused: d.Evict == "unpinned-lru",
		},
		Open: func(ctx context.Context) (store.Store, error) { return a.store(ctx, place.Store) },
	}, nil
}

// place is where a configured destination keeps a dataset; nothing is opened.
func (a *app) place(name, dataset string) (plan.Destination, error) {
	d, ok := a.cfg.Destinations[name]
	if !ok {
		return plan.Destination{}, usageError{config.UnknownName("destination", name, keys(a.cfg.Destinations))}
	}
	return plan.Destination{
		Name: name, Store: d.Store, Prefix: d.PrefixFor(dataset), Snapshots: d.Layout == "snapshots", TwoSteps: d.TemporaryObjects,
		Location: a.cfg.Stores[d.Store].Location, Properties: store.Properties{StorageClass: d.StorageClass, KMSKey: d.KMSKey},
	}, nil
}

// neighbors are the other datasets that a destination may hold.
func (a *app) neighbors(dest, dataset string) (list []dgsync.Neighbor) {
	for _, name := range keys(a.cfg.Datasets) {
		if name == dataset {
			continue
		}
		d := a.cfg.Datasets[name]
		list = append(list, dgsync.Neighbor{
			Dataset: name, Prefix: a.cfg.Destinations[dest].PrefixFor(name), Source: a.origin(d.Store), SourcePrefix: d.Prefix,
		})
	}
	return list
}

func (a *app) origin(storeName string) dgsync.Origin {
	return dgsync.Origin{
		Name: storeName, Location: a.cfg.Stores[storeName].Location,
		Open: func(ctx context.Context) (store.Store, error) { return a.store(ctx, storeName) },
	}
}

// origins are the stores of all destinations: what they hold may be cheaper to read than the source.
func (a *app) origins() (list []dgsync.Origin) {
	seen := map[string]bool{}
	for _, name := range keys(a.cfg.Destinations) {
		s := a.cfg.Destinations[name].Store
		if !seen[s] {
			seen[s] = true
			list = append(list, a.origin(s))
		}
	}
	return list
}

// request opens what a dataset and a destination name.
func (a *app) request(ctx context.Context, dataset, dest string, globs []string, snapshot string, charge chargeFlags) (q dgsync.Request, err error) {
	if q, err = a.requestUnopened(ctx, dataset, dest, globs, snapshot, charge); err == nil {
		q.Destination.Store, err = q.Destination.Open(ctx)
	}
	return q, err
}

// requestUnopened is a request for Sync, which opens the destination if it must. What can be wrong with the command line is found out before any store
// is asked.
func (a *app) requestUnopened(ctx context.Context, dataset, dest string, globs []string, snapshot string, charge chargeFlags) (q dgsync.Request, err error) {
	if dest == "" {
		return q, usageError{fmt.Errorf("--to DESTINATION is missing (configured: %s)", list(keys(a.cfg.Destinations)))}
	}
	name, at := splitSnapshot(dataset)
	if snapshot == "" {
		snapshot = at
	}
	if q.Selection, err = jobs.NewSelection(globs); err != nil {
		return q, usageError{err}
	}
	if q.Destination, err = a.unopened(dest, name); err != nil {
		return q, err
	}
	if q.Source, err = a.unopenedSource(name, charge); err != nil {
		return q, err
	}
	if q.Snapshot, err = a.snapshot(name, snapshot); err != nil {
		return q, err
	}
	if err := a.openAhead(ctx, q); err != nil {
		return q, err
	}
	if err := a.openSource(ctx, &q.Source); err != nil {
		return q, err
	}
	a.surroundings(&q)
	return q, nil
}

// snapshot finds a pinned one; zero for "latest" and for none.
func (a *app) snapshot(dataset, name string) (id chunker.Digest, err error) {
	if name == "" || name == "latest" || a.m == nil {
		return id, nil
	}
	err = a.m.View(func(tx *manifest.Tx) error {
		h, err := tx.FindSnapshot(dataset, name)
		id = h.ID
		return err
	})
	if err != nil {
		err = usageError{err}
	}
	return id, err
}

// openAhead begins to open the destination, so that it opens while the source does: over a long way each is several round trips. Nobody waits for it here:
// whoever needs the store opens it again, which is to wait, and is told the error. A folder is opened at once, and may be created by it.
func (a *app) openAhead(ctx context.Context, q dgsync.Request) error {
	if a.sync == nil || strings.HasPrefix(a.cfg.Stores[q.Destination.Destination.Store].URL, "file:") {
		return nil
	}
	_, err := a.sync.OpenAhead(ctx, q)
	return err
}

func keys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}

// ended turns what a command found into its error: an interrupt says that the next run goes on.
func ended(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return fmt.Errorf("interrupted; the next run goes on from the finished parts (%w)", context.Cause(ctx))
	}
	return err
}

// onTerminal tells whether a stream is a terminal.
func onTerminal(w any) bool {
	f, ok := w.(*os.File)
	return ok && isTerminal(f)
}

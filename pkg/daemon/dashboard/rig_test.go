package dashboard

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/datagravity/datagravity/internal/emulator/emutest"
	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/dispatch"
	"github.com/datagravity/datagravity/pkg/jobs/spec"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/observe"
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/open"
	"github.com/datagravity/datagravity/pkg/store/pace"
	dgsync "github.com/datagravity/datagravity/pkg/sync"
	"github.com/datagravity/datagravity/pkg/sync/engine"
	"github.com/datagravity/datagravity/pkg/sync/index"
	"github.com/datagravity/datagravity/pkg/sync/plan"
)

func TestMain(m *testing.M) { emutest.Main(m) }

// lab is an agent with real servers around it: three datasets in an Azure that is Azurite, destinations in an S3 that is versitygw and in a directory.
// It is its own catalog. Its calendar can be put forward, so that what a month shows need not take one; everything else takes its time.
type lab struct {
	t        testing.TB
	m        *manifest.Manifest
	ledger   *cost.Ledger
	s        *dgsync.Syncer
	d        *dispatch.Dispatcher
	reader   *observe.Reader
	recorder *observe.Recorder
	links    *pace.Links
	limit    pace.Limit
	stores   map[string]store.Store
	log      *slog.Logger

	mu    sync.Mutex
	began time.Time // by the machine's clock
	clock time.Time // by the calendar
}

var (
	datasets = map[string]string{"c4-en": "nlp", "imagenet-val": "vision", "librispeech": "speech"}
	places   = map[string]string{"aws-east": "aws:us-east-1", "lab-nfs": "onprem:lab1"}
)

// newLab has its calendar begin some days before the day on which it ends up.
func newLab(t testing.TB, begins time.Time) *lab {
	t.Helper()
	l := &lab{t: t, stores: map[string]store.Store{}, began: time.Now(), clock: begins}
	azure, aws := emutest.Azurite(t), emutest.S3(t)
	dir := t.TempDir()
	for name, url := range map[string]string{
		"lake": emutest.Bucket(t, azure), "bucket": emutest.Bucket(t, aws), "nfs": "file://" + filepath.ToSlash(mkdir(t, dir, "nfs")),
	} {
		s, err := open.Open(t.Context(), url, open.Options{AllowLoopback: true})
		if err != nil {
			t.Fatal(err)
		}
		l.stores[name] = s
		t.Cleanup(func() {
			if c, ok := s.(io.Closer); ok {
				_ = c.Close()
			}
		})
	}
	var err error
	if l.m, err = manifest.OpenDir(mkdir(t, dir, "state"), manifest.Options{Now: l.now}); err != nil {
		t.Fatal(err)
	}
	budgets := []cost.Budget{
		{Name: "aws-egress", To: "aws", LimitNanoUSD: 40 * cost.USD, Thresholds: []int64{5000, 8000}},
		{Name: "speech-team", Team: "speech", LimitNanoUSD: cost.USD / 2, Ask: true},
		{Name: "lab-traffic", To: "lab-nfs", Period: cost.Period{Kind: cost.Weekly}, LimitBytes: 1 << 30},
	}
	if l.ledger, err = cost.OpenLedger(l.m, cost.LedgerOptions{Book: cost.Default(), Budgets: budgets}); err != nil {
		t.Fatal(err)
	}
	l.recorder = observe.NewRecorder(l.now)
	problems := observe.NewProblems(l.now)
	level := slog.LevelError + 1
	if testing.Verbose() && os.Getenv("RIG_LOG") != "" {
		level = slog.LevelDebug
	}
	l.log = slog.New(problems.Handler(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level})))
	l.limit = pace.Limit{Name: "aws", Covers: func(k pace.Link) bool { return k.Dest == "aws-east" }, Table: timetable(t, "unlimited")}
	l.links = pace.NewLinks([]pace.Limit{l.limit}, time.Now)
	e := engine.New(l.m, l.ledger, engine.Options{
		PartBytes: 1 << 20, SingleBytes: 1 << 20, MemoryBytes: 32 << 20, Shards: 3, PartsPerShard: 2, Links: l.links, Observe: l.recorder.Observe, Log: l.log,
	})
	l.s = &dgsync.Syncer{
		Manifest: l.m, Ledger: l.ledger, Engine: e, Agent: at("azure:eastus"), BitsPerSecond: 100e6, Log: l.log, Name: "gravity-1",
		// A thousand times the list price of egress, so that megabytes show what terabytes would.
		Routes: cost.RouteOptions{Overrides: []cost.Override{{From: "azure:*", To: "aws:*", NanoUSDPerGiB: 87 * cost.USD}, {From: "azure:*", To: "onprem:*", NanoUSDPerGiB: 5 * cost.USD}}},
	}
	l.d = dispatch.New(l.s, l, dispatch.Options{MaxAge: time.Hour, Keep: 24 * time.Hour, BitsPerSecond: 100e6, Moving: 2, Log: l.log})
	l.reader = &observe.Reader{
		Agent:    observe.Agent{Name: "gravity-1", Command: "daemon", Location: at("azure:eastus"), Version: "v0.9.0", PID: os.Getpid(), Since: l.now(), State: l.m.Dir(), Config: "/etc/datagravity/config.yaml"},
		Manifest: l.m, Ledger: l.ledger, Jobs: l.d, Recorder: l.recorder, Problems: problems, Datasets: l.datasets, Places: l.places, Gates: l.gates,
	}
	t.Cleanup(func() {
		l.d.Drain()
		if err := l.m.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func mkdir(t testing.TB, parts ...string) string {
	t.Helper()
	dir := filepath.Join(parts...)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}

func at(s string) store.Location {
	l, err := store.ParseLocation(s)
	if err != nil {
		panic(err)
	}
	return l
}

func timetable(t testing.TB, line string) *pace.Timetable {
	t.Helper()
	table, err := pace.ParseTimetable([]string{line}, "UTC")
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// pace limits the link to AWS from now on.
func (l *lab) pace(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.limit.Table = timetable(l.t, line)
	l.links.Reload([]pace.Limit{l.limit})
}

func (l *lab) now() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.clock.Add(time.Since(l.began))
}

// until puts the calendar forward to a time.
func (l *lab) until(t time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.clock, l.began = t, time.Now()
}

func (l *lab) datasets() (list []observe.Dataset) {
	for _, name := range []string{"c4-en", "imagenet-val", "librispeech"} {
		list = append(list, observe.Dataset{Name: name, Store: "lake", Location: at("azure:eastus"), Prefix: name + "/"})
	}
	return list
}

func (l *lab) places() (list []observe.Place) {
	for _, d := range l.datasets() {
		for _, to := range []string{"aws-east", "lab-nfs"} {
			list = append(list, observe.Place{Dataset: d.Name, Destination: l.destination(d.Name, to).Destination})
		}
	}
	return list
}

func (l *lab) gates() map[string]pace.Counters {
	out := map[string]pace.Counters{}
	for name, s := range l.stores {
		if c, ok := open.Requests(s); ok {
			out[name] = c
		}
	}
	return out
}

func (l *lab) destination(dataset, to string) dgsync.Destination {
	name := map[string]string{"aws-east": "bucket", "lab-nfs": "nfs"}[to]
	return dgsync.Destination{
		Destination: plan.Destination{Name: to, Store: name, Prefix: "datasets/" + dataset + "/", Location: at(places[to])},
		Open:        func(context.Context) (store.Store, error) { return l.stores[name], nil },
	}
}

// Known are the names that jobs can use.
func (l *lab) Known() spec.Known {
	return spec.Known{Datasets: []string{"c4-en", "imagenet-val", "librispeech"}, Destinations: []string{"aws-east", "lab-nfs"}, Teams: []string{"nlp", "speech", "vision"}}
}

// Describe is a request with nothing opened.
func (l *lab) Describe(dataset, to string, payer plan.Payer) (q dgsync.Request, err error) {
	if datasets[dataset] == "" || places[to] == "" {
		return q, fmt.Errorf("%w: %s at %s", dispatch.ErrUnknown, dataset, to)
	}
	if payer.Team == "" {
		payer.Team = datasets[dataset]
	}
	q.Source = dgsync.Source{
		Dataset: index.Dataset{Name: dataset, Store: "lake", Prefix: dataset + "/", Params: chunker.DefaultParams()}, Location: at("azure:eastus"), For: payer,
	}
	q.Destination = l.destination(dataset, to)
	return q, nil
}

// Open is the same with its source open.
func (l *lab) Open(_ context.Context, dataset, to string, payer plan.Payer) (dgsync.Request, error) {
	q, err := l.Describe(dataset, to, payer)
	q.Source.Store = l.stores["lake"]
	return q, err
}

// Source is a dataset with its store open.
func (l *lab) Source(ctx context.Context, dataset string) (dgsync.Source, error) {
	q, err := l.Open(ctx, dataset, "aws-east", plan.Payer{})
	return q.Source, err
}

// Watch is as often as the dispatcher looks by itself.
func (l *lab) Watch(string) dgsync.Watch { return dgsync.Watch{} }

// Store is that of a destination.
func (l *lab) Store(_ context.Context, to string) (store.Store, bool, error) {
	return l.stores[l.destination("c4-en", to).Destination.Store], places[to] != "", nil
}

// Roots are the URLs that stand for a dataset's folder.
func (l *lab) Roots(dataset string) []string { return []string{"az://lake/" + dataset + "/"} }

// URL of a folder at a destination.
func (l *lab) URL(to, folder string) (url, path string) { return "s3://" + to + "/" + folder, "" }

// Bandwidth that the configuration sets.
func (l *lab) Bandwidth(k cost.Link, t time.Time) (pace.Rate, time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if k.Dest == "aws-east" {
		return l.limit.Table.At(t)
	}
	return pace.Unlimited, time.Time{}
}

// Syncer carries out one move.
func (l *lab) Syncer() *dgsync.Syncer { return l.s }

// put writes shards of a dataset, of bytes that no other has.
func (l *lab) put(dataset string, from, n, size int) {
	l.t.Helper()
	b := make([]byte, size)
	for i := from; i < from+n; i++ {
		c := rand.NewChaCha8([32]byte{byte(i), byte(i >> 8), dataset[0], dataset[1]})
		_, _ = c.Read(b) // never fails
		if _, err := l.stores["lake"].Put(l.t.Context(), fmt.Sprintf("%s/train-%05d.tar", dataset, i), b, store.WriteOptions{Condition: store.Always()}); err != nil {
			l.t.Fatal(err)
		}
	}
}

// sync brings what a dataset has now.
func (l *lab) sync(dataset, to string) {
	l.t.Helper()
	q, err := l.Open(l.t.Context(), dataset, to, plan.Payer{Team: datasets[dataset]})
	if err == nil {
		_, err = l.s.Sync(l.t.Context(), q)
	}
	if err != nil {
		l.t.Fatalf("sync %s to %s: %v", dataset, to, err)
	}
}

// index reads what a dataset has now, where that costs nothing.
func (l *lab) index(dataset string) {
	l.t.Helper()
	q, err := l.Open(l.t.Context(), dataset, "aws-east", plan.Payer{Team: datasets[dataset]})
	if err == nil {
		_, err = l.s.Index(l.t.Context(), q.Source)
	}
	if err != nil {
		l.t.Fatalf("index %s: %v", dataset, err)
	}
}

// add declares a job.
func (l *lab) add(id, dataset, to string, needed time.Duration, change ...func(*spec.Job)) {
	l.t.Helper()
	j := spec.Job{ID: id, Dataset: dataset, To: []string{to}, OnSourceChange: spec.Fail, Team: datasets[dataset], NeedBy: spec.By(l.now().Add(needed))}
	for _, f := range change {
		f(&j)
	}
	if _, err := l.d.Add(l.t.Context(), "", []spec.Job{j}); err != nil {
		l.t.Fatalf("add %s: %v", id, err)
	}
}

// loop makes passes until the test ends, as the daemon does.
func (l *lab) loop() {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		for ctx.Err() == nil {
			if _, err := l.d.Pass(ctx); err != nil && ctx.Err() == nil {
				l.log.Error("the pass failed", "error", err)
			}
			l.recorder.Changed()
			select {
			case <-ctx.Done():
			case <-l.d.Changed():
			case <-time.After(2 * time.Second):
			}
		}
	})
	l.t.Cleanup(func() {
		cancel()
		running.Wait()
		l.d.Drain()
	})
}

// serve has a handler answer on this machine, and returns its address.
func serve(t testing.TB, h http.Handler) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = s.Serve(listener) }()
	t.Cleanup(func() { _ = s.Close() })
	return "http://" + listener.Addr().String()
}

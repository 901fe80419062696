package crash

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/file"
	"github.com/datagravity/datagravity/pkg/store/open"
	"github.com/datagravity/datagravity/pkg/sync"
	"github.com/datagravity/datagravity/pkg/sync/engine"
	"github.com/datagravity/datagravity/pkg/sync/index"
	"github.com/datagravity/datagravity/pkg/sync/lease"
	"github.com/datagravity/datagravity/pkg/sync/plan"
)

const (
	partBytes = 256 << 10
	streams   = 12 // shards at once by parts of each
)

// process is what a process opens on a world: its agent stands beside the source, so that what leaves for the destination is paid.
type process struct {
	m       *manifest.Manifest
	ledger  *cost.Ledger
	leases  *lease.Keeper
	syncer  *sync.Syncer
	request sync.Request
}

func start(ctx context.Context, w world) (*process, error) {
	m, err := manifest.OpenDir(w.state(), manifest.Options{})
	if err != nil {
		return nil, err
	}
	return on(ctx, w, m)
}

// on has all that a process needs beside its manifest.
func on(ctx context.Context, w world, m *manifest.Manifest) (*process, error) {
	s := scenarioOf(w.scenario)
	from, err := file.Open(filepath.Join(w.folder, "source"), file.Options{Create: true})
	if err != nil {
		return nil, err
	}
	to, err := open.Open(ctx, w.url, open.Options{AllowLoopback: true})
	if err != nil {
		return nil, err
	}
	azure, err := store.ParseLocation("azure:eastus")
	if err != nil {
		return nil, err
	}
	aws, err := store.ParseLocation("aws:us-east-1")
	if err != nil {
		return nil, err
	}
	ledger, err := cost.OpenLedger(m, cost.LedgerOptions{Book: cost.Default(), Budgets: []cost.Budget{{Name: "all", LimitBytes: 1 << 40}}})
	if err != nil {
		return nil, err
	}
	leases, err := keeper(m, s.lease)
	if err != nil {
		return nil, err
	}
	log := slog.New(slog.DiscardHandler)
	prefix := s.data() + "/"
	return &process{
		m: m, ledger: ledger, leases: leases,
		syncer: &sync.Syncer{
			Manifest: m, Ledger: ledger, Agent: azure, Log: log, Name: "trial",
			Engine: engine.New(m, ledger, engine.Options{
				PartBytes: partBytes, SingleBytes: partBytes, MemoryBytes: 16 << 20, Shards: 4, PartsPerShard: 3, Log: log,
			}),
			Leases: &sync.Leases{Keeper: leases, Wait: time.Hour, Prefixes: func(string) []string { return []string{prefix} }},
		},
		request: sync.Request{
			Source: sync.Source{Store: from, Location: azure, Dataset: index.Dataset{Name: s.data(), Store: "training", Params: chunker.DefaultParams()}},
			Destination: sync.Destination{
				Store:       &wire{Store: to, prefix: prefix, log: w.wire()},
				Destination: plan.Destination{Name: "there", Store: "bucket", Prefix: prefix, Location: aws},
			},
			// A directory tells no checksums: after a lost manifest only reading tells what stands there.
			Adopt: plan.AdoptRead,
		},
	}, nil
}

// keeper has a process's leases, as the program's commands have them: those of an earlier process on the same manifest are its own.
func keeper(m *manifest.Manifest, length time.Duration) (*lease.Keeper, error) {
	h := lease.Holder{Host: "here", PID: os.Getpid()}
	err := m.View(func(tx *manifest.Tx) (err error) {
		h.Manifest, err = tx.ID()
		return err
	})
	if err != nil {
		return nil, err
	}
	if h.Place, err = m.Place(); err != nil {
		return nil, err
	}
	return lease.New(lease.Options{Holder: h, Length: length, Now: m.Now, Clock: fast{time.Now()}}), nil
}

// fast is a clock of leases by which ten seconds are one, so that nobody looks at a lease of a second for longer than a tenth of one.
type fast struct{ from time.Time }

func (c fast) Elapsed() time.Duration { return 10 * time.Since(c.from) }

func (fast) After(d time.Duration) <-chan time.Time { return time.After(d / 10) }

// release gives up what is held, but for the manifest.
func (p *process) release() error {
	p.leases.Close()
	return errors.Join(p.request.Source.Store.Close(), p.request.Destination.Store.Close())
}

func (p *process) close() error { return errors.Join(p.release(), p.m.Close()) }

// wire notes each payload of a shard that leaves for the destination, before it leaves, in a file that outlives the process. Receipts and leases are in no
// budget (docs/architecture.md) and are not noted.
type wire struct {
	store.Store
	prefix, log string
}

func (w *wire) note(n int) error {
	f, err := os.OpenFile(w.log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(f, n); err != nil {
		return err
	}
	return f.Close()
}

func (w *wire) Put(ctx context.Context, key string, b []byte, o store.WriteOptions) (store.Object, error) {
	if strings.HasPrefix(key, w.prefix) {
		if err := w.note(len(b)); err != nil {
			return store.Object{}, err
		}
	}
	return w.Store.Put(ctx, key, b, o)
}

func (w *wire) UploadPart(ctx context.Context, u store.Upload, p store.PartInput) (store.Part, error) {
	if err := w.note(len(p.Data)); err != nil {
		return store.Part{}, err
	}
	return w.Store.UploadPart(ctx, u, p)
}

package crash

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/datagravity/datagravity/internal/crashpoint"
	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/file"
	"github.com/datagravity/datagravity/pkg/sync"
	"github.com/datagravity/datagravity/pkg/sync/engine"
	"github.com/datagravity/datagravity/pkg/sync/index"
	"github.com/datagravity/datagravity/pkg/sync/plan"
)

// What tells a process of the test's own program to synchronize a folder, and where to die.
const (
	folderEnv = "CRASH_FOLDER"
	pointEnv  = "CRASH_POINT"
	hitEnv    = "CRASH_HIT"
)

const (
	partBytes = 1 << 20
	streams   = 12 // shards at once by parts of each
)

func TestMain(m *testing.M) {
	folder := os.Getenv(folderEnv)
	if folder == "" {
		os.Exit(m.Run())
	}
	if err := run(folder); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run synchronizes, collects and backs up as one process. Each point that it passes leaves a file, until one kills it.
func run(folder string) (err error) {
	at, last := crashpoint.Point(os.Getenv(pointEnv)), int64(1)
	if s := os.Getenv(hitEnv); s != "" {
		if last, err = strconv.ParseInt(s, 10, 64); err != nil {
			return err
		}
	}
	var hits atomic.Int64
	crashpoint.Set(func(p crashpoint.Point) {
		_ = os.WriteFile(filepath.Join(folder, "hit", string(p)), nil, 0o600)
		if p == at && hits.Add(1) == last {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
	})
	p, err := start(folder)
	if err != nil {
		return err
	}
	ctx := context.Background()
	if _, err := p.syncer.Sync(ctx, p.request); err != nil {
		return err
	}
	if _, err := p.syncer.Collect(ctx, map[string]store.Store{"bucket": p.request.Destination.Store}, 0, false); err != nil {
		return err
	}
	if _, err := p.m.Backup(ctx, filepath.Join(folder, "backup"), manifest.BackupOptions{Program: "trial"}); err != nil {
		return err
	}
	return p.m.Close()
}

// process is what a process opens on a folder: its agent stands beside the source, so that what leaves for the destination is paid.
type process struct {
	m       *manifest.Manifest
	ledger  *cost.Ledger
	syncer  *sync.Syncer
	request sync.Request
}

func start(folder string) (*process, error) {
	from, err := file.Open(filepath.Join(folder, "source"), file.Options{Create: true})
	if err != nil {
		return nil, err
	}
	to, err := file.Open(filepath.Join(folder, "dest"), file.Options{Create: true})
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
	m, err := manifest.OpenDir(filepath.Join(folder, "state"), manifest.Options{})
	if err != nil {
		return nil, err
	}
	ledger, err := cost.OpenLedger(m, cost.LedgerOptions{Book: cost.Default(), Budgets: []cost.Budget{{Name: "all", LimitBytes: 1 << 40}}})
	if err != nil {
		return nil, err
	}
	log := slog.New(slog.DiscardHandler)
	return &process{
		m: m, ledger: ledger,
		syncer: &sync.Syncer{Manifest: m, Ledger: ledger, Agent: azure, Log: log, Name: "trial", Engine: engine.New(m, ledger, engine.Options{
			PartBytes: partBytes, SingleBytes: partBytes, MemoryBytes: 16 << 20, Shards: 4, PartsPerShard: 3, Log: log,
		})},
		request: sync.Request{
			Source: sync.Source{Store: from, Location: azure, Dataset: index.Dataset{Name: "c4", Store: "training", Params: chunker.DefaultParams()}},
			Destination: sync.Destination{
				Store:       &wire{Store: to, log: filepath.Join(folder, "wire")},
				Destination: plan.Destination{Name: "s3-east", Store: "bucket", Prefix: "c4/", Location: aws},
			},
		},
	}, nil
}

// wire notes each payload of a shard that leaves for the destination, before it leaves, in a file that outlives the process. Receipts are in no
// budget (docs/architecture.md) and are not noted.
type wire struct {
	store.Store
	log string
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
	if strings.HasPrefix(key, "c4/") {
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

package integration

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/datagravity/datagravity/internal/emulator/emutest"
	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/open/opentest"
	dgsync "github.com/datagravity/datagravity/pkg/sync"
	"github.com/datagravity/datagravity/pkg/sync/engine"
	"github.com/datagravity/datagravity/pkg/sync/index"
	"github.com/datagravity/datagravity/pkg/sync/plan"
)

var update = flag.Bool("update", false, "write the golden transcripts")

// transcript notes every call of a store, and before it what is durable at that moment.
type transcript struct {
	mu    sync.Mutex
	m     *manifest.Manifest
	dest  string // name of the destination's store
	key   string // at the destination
	shard chunker.Digest
	lines []string
	wrong []string
	// read are the ranges of the shard that came from the source.
	read [][2]int64
}

// crosses tells whether some of a part came from the source: only that is paid for.
func (tr *transcript) crosses(offset, size int64) bool {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return slices.ContainsFunc(tr.read, func(r [2]int64) bool { return r[0] < offset+size && offset < r[1] })
}

// durable is what a process that ended now would leave behind.
func (tr *transcript) durable() (text string, reserved, parts int, held bool) {
	upload, transfer, replica := "none", false, "none"
	var numbers []string
	err := tr.m.View(func(tx *manifest.Tx) error {
		if err := tx.Reservations(func(manifest.Open) (bool, error) { reserved++; return true, nil }); err != nil {
			return err
		}
		if err := tx.Transfers(func(t manifest.Transfer) (bool, error) {
			if t.DestKey != tr.key {
				return true, nil
			}
			transfer = true
			if t.Upload != nil {
				upload = "begun"
			}
			list, err := tx.Parts(t.ID)
			for _, p := range list {
				numbers = append(numbers, fmt.Sprint(p.Number))
			}
			return true, err
		}); err != nil {
			return err
		}
		r, ok, err := tx.Replica(tr.dest, tr.key)
		if held = ok && r.Present() && r.Shard == tr.shard; held {
			replica = "there"
		} else if ok && r.Present() {
			replica = "old"
		}
		return err
	})
	if err != nil {
		tr.wrong = append(tr.wrong, err.Error())
	}
	record := "none"
	if transfer {
		record = "there"
	}
	text = fmt.Sprintf("reserved %d, record %s, upload %s, parts [%s], replica %s", reserved, record, upload, strings.Join(numbers, " "), replica)
	return text, reserved, len(numbers), held
}

// note writes a line. paid calls must have a reservation.
func (tr *transcript) note(paid bool, format string, a ...any) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	state, reserved, _, _ := tr.durable()
	call := fmt.Sprintf(format, a...)
	if paid && reserved == 0 {
		tr.wrong = append(tr.wrong, call+": nothing is reserved")
	}
	tr.lines = append(tr.lines, fmt.Sprintf("%-58s | %s", call, state))
}

// noted is a store whose calls are noted.
type noted struct {
	store.Store
	name string
	tr   *transcript
}

func (n *noted) ReadRange(ctx context.Context, ref store.Ref, off int64, p []byte) error {
	if store.IsPrivate(ref.Key) {
		return n.Store.ReadRange(ctx, ref, off, p) // receipts
	}
	if n.name == "source" {
		n.tr.mu.Lock()
		n.tr.read = append(n.tr.read, [2]int64{off, off + int64(len(p))})
		n.tr.mu.Unlock()
	}
	n.tr.note(n.name == "source", "%s read %s [%d, %d)", n.name, ref.Key, off, off+int64(len(p)))
	return n.Store.ReadRange(ctx, ref, off, p)
}

func (n *noted) Head(ctx context.Context, key string) (store.Object, error) {
	n.tr.note(false, "%s head %s", n.name, key)
	return n.Store.Head(ctx, key)
}

func (n *noted) Put(ctx context.Context, key string, data []byte, o store.WriteOptions) (store.Object, error) {
	if store.IsPrivate(key) {
		return n.Store.Put(ctx, key, data, o) // the receipt
	}
	n.tr.note(true, "%s put %s, %d bytes", n.name, key, len(data))
	return n.Store.Put(ctx, key, data, o)
}

func (n *noted) CreateUpload(ctx context.Context, key string, o store.UploadOptions) (store.Upload, error) {
	n.tr.note(false, "%s create upload of %s", n.name, key)
	return n.Store.CreateUpload(ctx, key, o)
}

func (n *noted) UploadPart(ctx context.Context, u store.Upload, p store.PartInput) (store.Part, error) {
	n.tr.note(n.tr.crosses(p.Offset, int64(len(p.Data))), "%s part %d [%d, %d)", n.name, p.Number, p.Offset, p.Offset+int64(len(p.Data)))
	return n.Store.UploadPart(ctx, u, p)
}

func (n *noted) CopyPart(ctx context.Context, u store.Upload, p store.PartCopy) (store.Part, error) {
	n.tr.note(false, "%s copy part %d [%d, %d) from %d", n.name, p.Number, p.Offset, p.Offset+p.Size, p.SourceOffset)
	return n.Store.CopyPart(ctx, u, p)
}

func (n *noted) CompleteUpload(ctx context.Context, u store.Upload, parts []store.Part, o store.CompleteOptions) (store.Object, error) {
	n.tr.mu.Lock()
	if _, _, recorded, held := n.tr.durable(); recorded != len(parts) || held {
		n.tr.wrong = append(n.tr.wrong, fmt.Sprintf("complete: %d of %d parts are recorded, replica %v", recorded, len(parts), held))
	}
	n.tr.mu.Unlock()
	n.tr.note(false, "%s complete, %d parts", n.name, len(parts))
	return n.Store.CompleteUpload(ctx, u, parts, o)
}

// The order of the durable effects of one transfer, on every backend: what stands there before each request is what a process that
// ends in it leaves behind. A reservation before a paid byte moves, a record before the object or upload that it names, each
// part recorded before the next, all of them before the completion, and the replica last.
func TestTranscriptOfATransfer(t *testing.T) {
	// One shard in parts, one in a single request, and the large one again with a few bytes changed.
	old := random(1, 12<<20+345)
	edited := append([]byte(nil), old...)
	copy(edited[6<<20:], random(2, 1000))
	small := random(3, 70_000)

	places := map[string]func() string{
		"azure": func() string { return emutest.Bucket(t, emutest.Azurite(t)) },
		"s3":    func() string { return emutest.Bucket(t, emutest.S3(t)) },
		"gcs":   func() string { return emutest.Bucket(t, emutest.GCS(t)) },
		"file":  func() string { return "file://" + t.TempDir() },
	}
	for name, url := range places {
		t.Run(name, func(t *testing.T) {
			source, dest := opentest.Store(t, "file://"+t.TempDir()), opentest.Store(t, url())
			tr := &transcript{dest: "there"}
			s := newSyncer(t, tr)
			q := dgsync.Request{
				Source: dgsync.Source{
					Dataset: index.Dataset{Name: "c4", Store: "here", Prefix: "c4/", Params: chunker.DefaultParams()},
					Store:   &noted{source, "source", tr}, Location: place(t, "azure:eastus"),
				},
				Destination: dgsync.Destination{
					Destination: plan.Destination{Name: "there", Store: "there", Prefix: "c4/", Location: place(t, "aws:us-east-1")},
					Store:       &noted{dest, "dest", tr},
				},
			}
			// The agent stands beside the destination: reading is what is paid.
			s.Agent = q.Destination.Location
			step := func(title, key string, b []byte) {
				t.Helper()
				tr.key, tr.shard, tr.read = key, chunker.Sum(b), nil
				put(t, source, key, b)
				tr.lines = append(tr.lines, title)
				// Known digests: the parts are runs of whole chunks.
				ix := *s
				ix.Agent = q.Source.Location
				quiet := q.Source
				quiet.Store = source
				if _, err := ix.Index(context.Background(), quiet); err != nil {
					t.Fatal(err)
				}
				if _, err := s.Sync(context.Background(), q); err != nil {
					t.Fatal(err)
				}
				state, reserved, _, held := tr.durable()
				if reserved != 0 || !held {
					t.Errorf("%s: in the end: %s", title, state)
				}
				tr.lines = append(tr.lines, fmt.Sprintf("%-58s | %s", "end", state))
			}
			step("# a shard in parts", "c4/large.bin", old)
			step("# a shard of one request", "c4/small.bin", small)
			step("# the shard in parts again, of which a thousand bytes changed", "c4/large.bin", edited)
			for _, w := range tr.wrong {
				t.Error(w)
			}
			golden := filepath.Join("testdata", "transcript", name+".txt")
			have := strings.Join(tr.lines, "\n") + "\n"
			if *update {
				if err := os.WriteFile(golden, []byte(have), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), have); diff != "" {
				t.Errorf("-want +have; go test ./integration -run Transcript -update accepts it:\n%s", diff)
			}
		})
	}
}

func place(t *testing.T, s string) store.Location {
	t.Helper()
	l, err := store.ParseLocation(s)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// newSyncer has one stream, so that the order is the same each time.
func newSyncer(t *testing.T, tr *transcript) *dgsync.Syncer {
	t.Helper()
	m, err := manifest.OpenDir(t.TempDir(), manifest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	l, err := cost.OpenLedger(m, cost.LedgerOptions{Book: cost.Default()})
	if err != nil {
		t.Fatal(err)
	}
	tr.m = m
	return &dgsync.Syncer{
		Manifest: m, Ledger: l, Engine: engine.New(m, l, engine.Options{PartBytes: 2 << 20, Shards: 1, PartsPerShard: 1, SingleBytes: 1 << 20}),
		Log: slog.New(slog.DiscardHandler),
	}
}

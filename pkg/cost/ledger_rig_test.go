package cost

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/store"
)

// ledgerRig is a state directory that processes are opened on, one after the other.
type ledgerRig struct {
	dir     string
	now     time.Time
	budgets []Budget
	known   map[string]int64
	granted map[string]bool
	m       *manifest.Manifest
	l       *Ledger
}

var (
	eastus = store.Location{Provider: "azure", Region: "eastus"}
	useast = store.Location{Provider: "aws", Region: "us-east-1"}
	lab    = store.Location{Provider: "onprem", Region: "lab1"}

	toS3  = Link{Source: "training", Dest: "s3-east", SourceLocation: eastus, DestLocation: useast}
	toLab = Link{Source: "training", Dest: "lab", SourceLocation: eastus, DestLocation: lab}

	// penny is a nano-dollar a byte, so that amounts can be read.
	penny = Rate{ID: "penny", Pool: "penny", Tiers: []Tier{{Unbounded, NanoUSD(GiB)}}, UnitBytes: GiB}
)

// over is a crossing of so many bytes at a nano-dollar each.
func over(link Link, bytes int64) Crossing {
	return Crossing{
		Link: link, From: link.SourceLocation, To: link.DestLocation, Dataset: "c4", Path: "p", Activity: "transfer",
		Bytes: bytes, Rate: penny,
	}
}

// memoryDir is a directory in memory where the system has one: thousands of transactions need not wait for a disk.
func memoryDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "ledger-test-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func newLedgerRig(t testing.TB, budgets ...Budget) *ledgerRig {
	t.Helper()
	r := &ledgerRig{dir: memoryDir(t), now: time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC), budgets: budgets}
	r.open(t)
	t.Cleanup(func() { _ = r.m.Close() })
	return r
}

func (r *ledgerRig) open(t rapid.TB) {
	t.Helper()
	var err error
	if r.m, err = manifest.OpenDir(r.dir, manifest.Options{Now: func() time.Time { return r.now }}); err != nil {
		t.Fatal(err)
	}
	if r.l, err = OpenLedger(r.m, LedgerOptions{Book: Default(), Budgets: r.budgets, MonthToDate: r.known, Granted: r.granted}); err != nil {
		t.Fatal(err)
	}
}

// crash ends the process with whatever stands, and starts the next one. between changes the files.
func (r *ledgerRig) crash(t rapid.TB, between ...func(r *ledgerRig)) {
	t.Helper()
	if err := r.m.Close(); err != nil {
		t.Fatal(err)
	}
	for _, f := range between {
		f(r)
	}
	r.open(t)
}

func (r *ledgerRig) file(name string) string { return filepath.Join(r.dir, name) }

func lose(r *ledgerRig) { _ = os.Remove(r.file("manifest.db")) }

func (r *ledgerRig) save(t rapid.TB, name string) {
	t.Helper()
	b, err := os.ReadFile(r.file("manifest.db"))
	if err := errors.Join(err, os.WriteFile(r.file(name), b, 0o600)); err != nil {
		t.Fatal(err)
	}
}

// restore puts a saved manifest back.
func restore(name string) func(*ledgerRig) {
	return func(r *ledgerRig) {
		b, err := os.ReadFile(r.file(name))
		if err := errors.Join(err, os.WriteFile(r.file("manifest.db"), b, 0o600)); err != nil {
			panic(err)
		}
	}
}

func (r *ledgerRig) reserve(t rapid.TB, c ...Crossing) *Ticket {
	t.Helper()
	ticket, err := r.l.Reserve(c, nil)
	if err != nil {
		t.Fatal(err)
	}
	return ticket
}

func (r *ledgerRig) settle(t rapid.TB, ticket *Ticket, bytes ...int64) {
	t.Helper()
	moved := make([]Moved, len(bytes))
	for i, b := range bytes {
		moved[i].Bytes = b
	}
	if err := ticket.Settle(moved); err != nil {
		t.Fatal(err)
	}
}

func (r *ledgerRig) use(t rapid.TB, budget string) Use {
	t.Helper()
	uses, err := r.l.Uses()
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range uses {
		if u.Budget.Name == budget {
			return u
		}
	}
	t.Fatalf("no budget %s", budget)
	return Use{}
}

func (r *ledgerRig) want(t rapid.TB, budget string, settled, reserved NanoUSD) {
	t.Helper()
	if u := r.use(t, budget); u.Settled != settled || u.Reserved != reserved {
		t.Errorf("budget %s: %d settled and %d reserved, want %d and %d", budget, u.Settled, u.Reserved, settled, reserved)
	}
}

func (r *ledgerRig) lines(t rapid.TB) (sum manifest.Line, n int) {
	t.Helper()
	err := r.m.View(func(tx *manifest.Tx) error {
		return tx.Lines(func(l manifest.Line) (bool, error) {
			sum.Bytes, sum.NanoUSD, sum.Requests, sum.Unknown = sum.Bytes+l.Bytes, sum.NanoUSD+l.NanoUSD, sum.Requests+l.Requests, sum.Unknown+l.Unknown
			n++
			return true, nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return sum, n
}

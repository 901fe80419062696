package crash

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/datagravity/datagravity/internal/crashpoint"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/open/opentest"
)

// trial is one world with the data that a seed makes.
type trial struct {
	world
	place place
	t     *testing.T
	rnd   *rand.Rand
	data  map[string][]byte
	bytes int64
	known []string
	// crashes there were so far.
	crashes int64
}

// folder is in memory where the system has one: a kill loses nothing that was written, on a disk or not.
func folder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "crash-test-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func newTrial(t *testing.T, s scenario, kind string, seed uint64) *trial {
	t.Helper()
	dir := folder(t)
	to := placeFor(t, kind, dir)
	r := &trial{
		t: t, rnd: rand.New(rand.NewPCG(seed, 3)), data: map[string][]byte{}, place: to, world: world{folder: dir, url: to.url, scenario: s.name},
	}
	for _, dir := range []string{"hit", "source"} {
		if err := os.Mkdir(filepath.Join(r.folder, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	bytesOf := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(seed >> 16), 9})
	for _, shard := range []struct {
		name string
		size int
	}{{"a.bin", 5_000 + r.rnd.IntN(50_000)}, {"b.bin", 1 + r.rnd.IntN(9_000)}, {"big.bin", 2*partBytes + smallBody + r.rnd.IntN(partBytes-smallBody)}} {
		b := make([]byte, shard.size)
		_, _ = bytesOf.Read(b) // never fails
		r.data[shard.name] = b
		r.bytes += int64(shard.size)
		if err := os.WriteFile(filepath.Join(r.folder, "source", shard.name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if s.prepare != nil {
		r.crashes += s.prepare(r)
	}
	return r
}

// run has a process that may be killed.
func (r *trial) run(at crashpoint.Point, n int) (killed bool) {
	r.t.Helper()
	if killed = r.process(r.t, at, n); killed {
		r.crashes++
	}
	return killed
}

// judge looks at what is there after the last process ended well.
func (r *trial) judge() {
	r.t.Helper()
	s := opentest.Store(r.t, r.url)
	r.equal(s)
	wired := r.wired(r.t)
	if again := wired - r.bytes; again < 0 || again > r.crashes*streams*r.place.partBytes {
		r.t.Errorf("%d bytes were sent again after %d crashes", again, r.crashes)
	}
	if r.ends(r.t); r.wired(r.t) != wired {
		r.t.Errorf("an idle repeat sent %d bytes", r.wired(r.t)-wired)
	}
	p, err := start(context.Background(), r.world)
	if err != nil {
		r.t.Fatal(err)
	}
	uses, err := p.ledger.Uses()
	if err != nil || len(uses) != 1 || uses[0].Doubt != "" || uses[0].SettledBytes+uses[0].ReservedBytes < wired {
		r.t.Errorf("%d bytes were on the wire, the ledger knows %+v, %v", wired, uses, err)
	}
	if n := r.place.counted; n != nil {
		// The smallest are not told from receipts and leases.
		if got, largest := n.Load(), int64(len(r.data["big.bin"])); got < largest || uses[0].SettledBytes+uses[0].ReservedBytes < got {
			r.t.Errorf("the server was sent %d bytes, the largest shard has %d, and the ledger knows %+v", got, largest, uses)
		}
	}
	r.still(p.m)
	if err := p.close(); err != nil {
		r.t.Error(err)
	}
	r.checked()
	r.nextDay()
	r.tidy(s)
}

// nextDay has the collector look when the lease of a process that was killed, and that none after it needed, has not been renewed for a day.
func (r *trial) nextDay() {
	r.t.Helper()
	m, err := manifest.OpenDir(r.state(), manifest.Options{Now: func() time.Time { return time.Now().Add(25 * time.Hour) }})
	if err != nil {
		r.t.Fatal(err)
	}
	p, err := on(context.Background(), r.world, m)
	if err != nil {
		r.t.Fatal(err)
	}
	if err := errors.Join(collect(context.Background(), p), p.close()); err != nil {
		r.t.Error(err)
	}
}

// equal reads every shard back.
func (r *trial) equal(s store.Store) {
	r.t.Helper()
	ctx := context.Background()
	for name, want := range r.data {
		o, err := s.Head(ctx, scenarioOf(r.scenario).data()+"/"+name)
		if err != nil {
			r.t.Error(err)
			continue
		}
		got := make([]byte, o.Size)
		if err := s.ReadRange(ctx, o.Ref(), 0, got); err != nil || !bytes.Equal(got, want) {
			r.t.Errorf("%s differs from its source: %d bytes of %d, %v", name, len(got), len(want), err)
		}
	}
}

// tidy wants nothing to be left that is not wanted: no upload, and no object but shards and receipts; and here no folder or file that is not finished.
func (r *trial) tidy(s store.Store) {
	r.t.Helper()
	uploads, err := s.ListUploads(context.Background(), "")
	if err != nil || len(uploads) != 0 {
		r.t.Errorf("left open: %v, %v", uploads, err)
	}
	page, err := s.List(context.Background(), store.ListOptions{})
	if err != nil {
		r.t.Error(err)
	}
	for _, o := range page.Objects {
		path, shard := strings.CutPrefix(o.Key, scenarioOf(r.scenario).data()+"/")
		if r.data[path] == nil || !shard {
			if !strings.HasPrefix(o.Key, store.Private+"ready/") {
				r.t.Errorf("left over: %s", o.Key)
			}
		}
	}
	for _, dir := range []string{r.state(), r.backups()} {
		list, err := filepath.Glob(filepath.Join(dir, ".*"))
		if errors.Join(err) != nil || len(list) != 0 {
			r.t.Errorf("left over: %v, %v", list, err)
		}
	}
}

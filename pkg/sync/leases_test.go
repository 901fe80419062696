package sync

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/jobs"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/mem"
	"github.com/datagravity/datagravity/pkg/sync/engine"
	"github.com/datagravity/datagravity/pkg/sync/lease"
)

// leasing has the processes of a rig take leases as those of a host do. The lease is long: nothing waits for its end.
func (r *rig) leasing(host string) *Leases {
	k := lease.New(lease.Options{
		Holder: lease.Holder{Manifest: "of " + host, Place: host, Host: host, PID: 7, Command: "datagravity sync c4 --to s3-east"}, Length: time.Hour, Now: time.Now,
	})
	r.t.Cleanup(k.Close)
	return &Leases{Keeper: k}
}

// seen counts the requests at a store, and says what happens before each.
type seen struct {
	store.Store
	mu     sync.Mutex
	counts map[string]int
	before func(op, key string)
}

func (s *seen) note(op, key string) {
	s.mu.Lock()
	if s.counts == nil {
		s.counts = map[string]int{}
	}
	s.counts[op]++
	before := s.before
	s.mu.Unlock()
	if before != nil {
		before(op, key)
	}
}

func (s *seen) taken() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.counts
	s.counts = nil
	return out
}

func (s *seen) List(ctx context.Context, o store.ListOptions) (store.Page, error) {
	s.note("list", o.Prefix)
	return s.Store.List(ctx, o)
}

func (s *seen) Head(ctx context.Context, key string) (store.Object, error) {
	s.note("head", key)
	return s.Store.Head(ctx, key)
}

func (s *seen) ReadRange(ctx context.Context, ref store.Ref, off int64, p []byte) error {
	s.note("read", ref.Key)
	return s.Store.ReadRange(ctx, ref, off, p)
}

func (s *seen) Put(ctx context.Context, key string, data []byte, o store.WriteOptions) (store.Object, error) {
	s.note("put", key)
	return s.Store.Put(ctx, key, data, o)
}

func (s *seen) UploadPart(ctx context.Context, u store.Upload, p store.PartInput) (store.Part, error) {
	s.note("part", u.Key)
	return s.Store.UploadPart(ctx, u, p)
}

// beside is another host's rig on the same stores.
func (r *rig) beside() *rig {
	o := newRig(r.t)
	o.source, o.dest = r.source, r.dest
	o.src.Store, o.dst.Store = r.source, r.dest
	return o
}

// Two manifests, one destination: the second is refused before it reads a byte of the source, and comes to it when the first has ended.
func TestTwoManifestsOneDestination(t *testing.T) {
	a := newRig(t)
	for i := range 4 {
		a.put(fmt.Sprintf("s-%d.bin", i), data(uint64(i), 3<<20))
	}
	b := a.beside()
	source := &seen{Store: a.source}
	b.src.Store = source
	as, bs := a.open(), b.open()
	defer a.close()
	defer b.close()
	as.Leases, bs.Leases = a.leasing("gpu7"), b.leasing("login1")

	var refusal error
	var once sync.Once
	slow := &seen{Store: a.dest, before: func(op, key string) {
		if op == "put" && strings.HasPrefix(key, "data/c4/") || op == "part" {
			once.Do(func() { _, refusal = bs.Sync(context.Background(), b.request()) })
		}
	}}
	a.dst.Store = slow
	if _, err := as.Sync(t.Context(), a.request()); err != nil {
		t.Fatal(err)
	}
	if !errors.Is(refusal, lease.ErrHeld) || !strings.Contains(refusal.Error(), "gpu7") {
		t.Fatalf("the second was not refused: %v", refusal)
	}
	if n := source.taken(); n["read"] != 0 || n["list"] != 1 {
		t.Errorf("the refused one asked the source %v", n)
	}
	// While it is known to be there nothing is listed.
	if _, err := bs.Sync(t.Context(), b.request()); !errors.Is(err, lease.ErrHeld) {
		t.Errorf("got %v", err)
	}
	if n := source.taken(); len(n) != 0 {
		t.Errorf("the second refusal asked the source %v", n)
	}
	// What is needed stays an open need.
	var open int
	err := bs.Manifest.View(func(tx *manifest.Tx) error {
		return tx.Needs(func(n manifest.Need) (bool, error) {
			if n.Ready == 0 {
				open++
			}
			return true, nil
		})
	})
	if err != nil || open != 1 {
		t.Errorf("%d open needs, %v", open, err)
	}
	as.Leases.Close()
	bs.Leases.Wait = time.Minute // the refusal of a moment ago is remembered
	if rep, err := syncUntilFree(t, bs, b.request()); err != nil || !rep.Ready {
		t.Fatalf("%v", err)
	}
	b.equal()
}

// syncUntilFree waits until what was seen of leases is looked at anew.
func syncUntilFree(t *testing.T, s *Syncer, q Request) (Report, error) {
	t.Helper()
	old := s.Leases
	s.Leases = &Leases{Keeper: lease.New(lease.Options{Holder: lease.Holder{Manifest: "anew", Place: "x"}, Length: time.Hour, Now: time.Now}), Wait: old.Wait}
	t.Cleanup(s.Leases.Close)
	return s.Sync(context.Background(), q)
}

// A sync that has nothing to do takes no lease; one that has takes one: four small requests, and none is left.
func TestLeaseOnlyWhereSomethingIsWritten(t *testing.T) {
	r := newRig(t)
	for i := range 10 {
		r.put(fmt.Sprintf("s-%d.bin", i), data(uint64(i), 1000))
	}
	s := r.open()
	defer r.close()
	s.Leases = r.leasing("gpu7")
	var leases []string
	r.dst.Store = &seen{Store: r.dest, before: func(op, key string) {
		if strings.HasPrefix(key, lease.Prefix) {
			leases = append(leases, op)
		}
	}}
	if _, err := s.Sync(t.Context(), r.request()); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(leases, " "); got != "list put list" {
		t.Errorf("requests for the lease: %s", got)
	}
	s.Leases.Close()
	page, err := r.dest.List(t.Context(), store.ListOptions{Prefix: lease.Prefix})
	if err != nil || len(page.Objects) != 0 {
		t.Errorf("left behind: %v, %v", page.Objects, err)
	}
	s.Leases, leases = r.leasing("gpu7"), nil
	if rep, err := s.Sync(t.Context(), r.request()); err != nil || !rep.Ready || len(leases) != 0 {
		t.Errorf("nothing to do, and yet %v; %v", leases, err)
	}
}

// Several destinations at once, and several prefixes of one store, are held by one process; another manifest is refused at one and goes on at the other.
func TestFanOutAndLeases(t *testing.T) {
	r := newRig(t)
	for i := range 3 {
		r.put(fmt.Sprintf("s-%d.bin", i), data(uint64(i), 100_000))
	}
	other := r.leasing("elsewhere")
	h, err := other.Hold(t.Context(), r.dest, "data/", 0)
	if err != nil {
		t.Fatal(err)
	}
	defer h.Release()
	s := r.open()
	defer r.close()
	s.Leases = r.leasing("gpu7")
	q := r.request()
	second := r.request()
	second.Destination.Name, second.Destination.Destination.Store, second.Destination.Store = "lab", "lab", mem.New(mem.Options{URL: "mem://lab", Parts: store.PartLimits{MinBytes: 64 << 10}})
	o := r.options
	engines := []*engine.Engine{engine.New(r.m, s.Ledger, o), engine.New(r.m, s.Ledger, o)}
	reports, errs := s.Many(t.Context(), []Request{q, second}, engines, 1<<20)
	if !errors.Is(errs[0], lease.ErrHeld) || errs[1] != nil || !reports[1].Ready {
		t.Errorf("%v", errs)
	}
}

// A lease that is lost in the middle ends the run: what is in flight is finished and recorded, nothing more is begun.
func TestLeaseLostInTheMiddle(t *testing.T) {
	for name, size := range map[string]int{"many shards": 1 << 20, "one shard in parts": 24 << 20} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			n := (24 << 20) / size
			for i := range n {
				r.put(fmt.Sprintf("s-%02d.bin", i), data(uint64(i), size))
			}
			s := r.open()
			k := lease.New(lease.Options{Holder: lease.Holder{Manifest: "m", Place: "p"}, Length: 300 * time.Millisecond, Now: time.Now})
			s.Leases = &Leases{Keeper: k}
			var once sync.Once
			written := 0
			var mu sync.Mutex
			r.dst.Store = &seen{Store: r.dest, before: func(op, key string) {
				if op == "part" || op == "put" && strings.HasPrefix(key, "data/c4/") {
					mu.Lock()
					written++
					first, late := written == 4, written >= 4
					mu.Unlock()
					// However fast the stores are, the loss is noticed before all is written.
					if late {
						defer time.Sleep(time.Second)
					}
					if first {
						once.Do(func() {
							page, err := r.dest.List(context.Background(), store.ListOptions{Prefix: lease.Prefix})
							if err != nil || len(page.Objects) != 1 {
								t.Errorf("%v, %v", page.Objects, err)
								return
							}
							// Somebody looked for long enough, and took it.
							doc := strings.Replace(string(readObject(t, r.dest, page.Objects[0].Key)), `"process": "`, `"host": "thief", "process": "x`, 1)
							putObject(t, r.dest, page.Objects[0].Key, []byte(doc))
						})
					}
				}
			}}
			rep, err := s.Sync(t.Context(), r.request())
			k.Close()
			if !errors.Is(err, lease.ErrLost) || !strings.Contains(err.Error(), "thief") || rep.Ready || len(rep.Failures) != 0 {
				t.Fatalf("%v, %+v", err, rep.Failures)
			}
			if written >= 24 {
				t.Errorf("%d of 24 pieces were written", written)
			}
			r.close()
			there := written
			// The next run goes on from there.
			rep = r.mustSync()
			r.equal()
			if moved := rep.MovedBytes; moved > 24<<20-int64(there-4)<<20 {
				t.Errorf("%d bytes moved again, %d pieces were there", moved, there)
			}
		})
	}
}

// What is removed is under a lease as well, also at another dataset's prefix.
func TestRemovalsAreLeased(t *testing.T) {
	r := newRig(t)
	r.put("keep.bin", data(1, 1000))
	r.put("gone.bin", data(2, 1000))
	r.mustSync()
	deleteObject(t, r.source, "c4/gone.bin")
	other := r.leasing("elsewhere")
	h, err := other.Hold(t.Context(), r.dest, "data/c4/", 0)
	if err != nil {
		t.Fatal(err)
	}
	s := r.open()
	defer r.close()
	s.Leases = r.leasing("gpu7")
	s.Leases.Prefixes = func(string) []string { return []string{"data/c4/"} }
	if _, err := s.Index(t.Context(), r.src); err != nil {
		t.Fatal(err) // nothing is written at a destination
	}
	if list, err := s.Prune(t.Context(), r.request(), true); err != nil || len(list) != 0 {
		t.Errorf("the last sync still needs it: %v, %v", list, err)
	}
	mirror := r.request()
	mirror.Destination.PropagateDeletions, mirror.Destination.DeletionShare = true, 1
	if _, err := s.Sync(t.Context(), mirror); !errors.Is(err, lease.ErrHeld) {
		t.Errorf("deletions: got %v", err)
	}
	readObject(t, r.dest, "data/c4/gone.bin")
	// Garbage needs the lease where something is removed, and only there.
	stores := map[string]store.Store{"bucket": r.dest}
	if _, err := s.Collect(t.Context(), stores, 0, false); err != nil {
		t.Errorf("nothing to remove: %v", err)
	}
	receipt := jobs.JobReceipt{Job: "old", Destination: "s3-east", Dataset: "c4", Snapshot: chunker.Sum(nil), Time: time.Now().Add(-2 * time.Hour), KeepUntil: time.Now().Add(-time.Hour)}
	if err := jobs.WriteJobReceipt(t.Context(), r.dest, receipt, nil); err != nil {
		t.Fatal(err)
	}
	if found, err := s.Collect(t.Context(), stores, 0, true); err != nil || len(found) != 1 {
		t.Errorf("only looking: %v, %v", found, err)
	}
	if _, err := s.Collect(t.Context(), stores, 0, false); !errors.Is(err, lease.ErrHeld) {
		t.Errorf("gc: got %v", err)
	}
	h.Release()
	other.Close()
	s.Leases = r.leasing("gpu7")
	if _, err := s.Sync(t.Context(), mirror); err != nil {
		t.Errorf("free again: %v", err)
	}
	if _, err := r.dest.Head(t.Context(), "data/c4/gone.bin"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("it was not deleted: %v", err)
	}
}

// Leases that processes left which never came back go with the garbage, a day later.
func TestOldLeasesAreCollected(t *testing.T) {
	day := time.Now().Add(-25 * time.Hour)
	r := newRig(t)
	r.dest = mem.New(mem.Options{Now: func() time.Time { return day }})
	putObject(t, r.dest, lease.Prefix+"old.json", []byte("{}"))
	day = time.Now().Add(-23 * time.Hour)
	putObject(t, r.dest, lease.Prefix+"young.json", []byte("{}"))
	s := r.open()
	defer r.close()
	found, err := s.Collect(t.Context(), map[string]store.Store{"bucket": r.dest}, 0, false)
	if err != nil || len(found) != 1 || found[0].Key != lease.Prefix+"old.json" || !found[0].Removed {
		t.Errorf("%+v, %v", found, err)
	}
}

package sync

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/jobs"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/mem"
	"github.com/datagravity/datagravity/pkg/sync/engine"
	"github.com/datagravity/datagravity/pkg/sync/plan"
)

// pin pins a snapshot (zero: the latest) for so long (0: for ever).
func (r *rig) pin(owner string, snapshot chunker.Digest, length time.Duration) manifest.Pin {
	r.t.Helper()
	s := r.open()
	defer r.close()
	c := Claim{Owner: owner, Dataset: r.src.Name, Snapshot: snapshot, Destination: r.dst.Destination}
	if length > 0 {
		c.Expires = s.Manifest.Now().Add(length)
	}
	p, err := s.Pin(c)
	if err != nil {
		r.t.Fatal(err)
	}
	return p
}

func (r *rig) unpin(owner string) int {
	r.t.Helper()
	s := r.open()
	defer r.close()
	gone, err := s.Unpin(r.dst.Name, owner, "")
	if err != nil {
		r.t.Fatal(err)
	}
	return len(gone)
}

// readyTo asks the manifest, readyFrom the receipts; a zero snapshot is the latest.
func (r *rig) readyTo(snapshot chunker.Digest) Readiness {
	r.t.Helper()
	s := r.open()
	defer r.close()
	q := r.request()
	q.Snapshot = snapshot
	out, err := s.Ready(context.Background(), q, time.Hour)
	if err != nil {
		r.t.Fatal(err)
	}
	return out
}

func (r *rig) readyFrom(snapshot chunker.Digest) Readiness {
	r.t.Helper()
	typed := ""
	if !snapshot.IsZero() {
		typed = snapshot.Hex()
	}
	out, err := ReadyFromReceipt(context.Background(), r.dst, r.src.Name, typed, jobs.Selection{})
	if err != nil {
		r.t.Fatal(err)
	}
	return out
}

// ticking is a clock that goes on by so much each time it is looked at.
func ticking(step time.Duration) func() time.Time {
	start := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	var looks atomic.Int64
	return func() time.Time { return start.Add(time.Duration(looks.Add(1)) * step) }
}

func (r *rig) has(key string) bool {
	r.t.Helper()
	_, err := r.dest.Head(context.Background(), key)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		r.t.Fatal(err)
	}
	return err == nil
}

// A mirror that a job reads keeps what the job's snapshot names. Everything else goes on, the pinned snapshot stays ready, and once the
// pin is over the rest arrives.
func TestPinnedShardsAreNotReplaced(t *testing.T) {
	for _, end := range []string{"expires", "taken back"} {
		t.Run(end, func(t *testing.T) {
			r := newRig(t)
			now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
			r.now = func() time.Time { return now }
			old := data(1, 50_000)
			r.put("a.tar", old)
			r.put("b.tar", data(2, 1000))
			r.put("index.json", []byte("1"))
			first := r.mustSync().Snapshot.ID
			length := time.Hour
			if end == "taken back" {
				length = 0
			}
			r.pin("job-7", first, length)
			r.put("a.tar", data(3, 50_000))
			r.put("c.tar", data(4, 1000))
			r.put("new/index.json", []byte("2"))

			s := r.open()
			p, err := s.Plan(context.Background(), r.request())
			r.close()
			if err != nil || p.Estimate.Ways[plan.Blocked].Shards != 1 || len(p.Blocked()) != 1 || p.Estimate.CrossingBytes != 1001 {
				t.Fatalf("%v, %+v", err, p.Estimate)
			}
			rep, err := r.sync()
			if !errors.Is(err, plan.ErrPinned) || !errors.Is(err, ErrFailed) || rep.Ready || len(rep.Failures) != 1 || rep.Failures[0].Path != "a.tar" {
				t.Fatalf("%v, %+v", err, rep.Failures)
			}
			want := "blocked by the pin of job-7 until 2026-11-26T13:00:00Z"
			if end == "taken back" {
				want = "unpin --owner job-7 --to s3-east"
			}
			if !strings.Contains(rep.Failures[0].Err.Error(), want) {
				t.Errorf("%v does not say %q", rep.Failures[0].Err, want)
			}
			if got := readObject(t, r.dest, "data/c4/a.tar"); chunker.Sum(got) != chunker.Sum(old) {
				t.Error("a pinned shard was replaced")
			}
			if !r.has("data/c4/c.tar") {
				t.Error("the other shards must arrive")
			}
			if r.has("data/c4/new/index.json") || rep.Skipped != 1 {
				t.Error("an index arrived before a shard that it names")
			}
			if a, b := r.readyTo(first), r.readyFrom(first); !a.Ready || !b.Ready || a.Prefix != "data/c4/" || b.Prefix != "data/c4/" {
				t.Errorf("the pinned snapshot: %+v, %+v", a, b)
			}

			if end == "expires" {
				now = now.Add(time.Hour)
			} else if n := r.unpin("job-7"); n != 1 || r.unpin("job-7") != 0 {
				t.Errorf("%d pins were taken back", n)
			}
			r.mustSync()
			r.equal()
			if r.readyTo(first).Ready || r.readyFrom(first).Ready {
				t.Error("the replaced snapshot is still called ready")
			}
		})
	}
}

// A pin keeps what it names and nothing else: another version of the same path may be replaced, and what is damaged may be mended.
func TestPinKeepsOnlyWhatItNames(t *testing.T) {
	r := newRig(t)
	r.put("a.tar", data(1, 1000))
	first := r.mustSync().Snapshot.ID
	r.put("a.tar", data(2, 1000))
	second := r.mustSync().Snapshot.ID
	r.pin("late", first, 0) // what it names is no longer there
	r.put("a.tar", data(3, 1000))
	r.mustSync()
	r.equal()
	r.pin("late", second, 0)
	r.put("a.tar", data(4, 1000))
	r.mustSync()
	r.equal()

	latest := r.pin("late", chunker.Digest{}, 0)
	r.dest.Damage("data/c4/a.tar", 10)
	s := r.open()
	if _, err := s.Verify(context.Background(), r.src, r.dst, 1); err != nil {
		t.Fatal(err)
	}
	r.close()
	if rep := r.mustSync(); rep.Snapshot.ID != latest.Snapshot {
		t.Errorf("another snapshot: %+v", rep.Snapshot)
	}
	r.equal()
}

// Where the destination wants it, the whole snapshot goes beside the mirror: what did not change is copied there by the store.
func TestPinnedMirrorIsUpdatedBeside(t *testing.T) {
	r := newRig(t)
	r.now = ticking(time.Second)
	r.dst.BesideWhenPinned = true
	r.put("a.tar", data(1, 50_000))
	r.put("b.tar", data(2, 70_000))
	first := r.mustSync().Snapshot.ID
	r.pin("job-7", first, 0)
	r.put("a.tar", data(3, 50_000))
	r.index()
	s := r.open()
	p, err := s.Plan(context.Background(), r.request())
	r.close()
	if err != nil || p.Beside == nil || p.Beside.StoredBytes != 120_000 || p.Beside.Shards != 1 || !strings.Contains(p.Beside.Why, "job-7") {
		t.Fatalf("%v, %+v", err, p.Beside)
	}
	if p.Estimate.CrossingBytes != 50_000 || p.Estimate.Ways[plan.Copy].Shards != 1 {
		t.Errorf("%+v", p.Estimate.Ways)
	}
	rep := r.mustSync()
	second := rep.Snapshot.ID
	prefix := "data/c4/.snapshots/" + second.Hex()[:16] + "/"
	if ways(rep.Summary) != "copy:1 full:1 " || !rep.At.Beside || p.Beside.Prefix != prefix {
		t.Errorf("%s, %+v, planned under %s", ways(rep.Summary), rep.At, p.Beside.Prefix)
	}
	for _, path := range []string{"a.tar", "b.tar"} {
		if chunker.Sum(readObject(t, r.dest, prefix+path)) != chunker.Sum(readObject(t, r.source, "c4/"+path)) {
			t.Errorf("%s is wrong beside the mirror", path)
		}
	}
	for _, got := range []Readiness{r.readyTo(second), r.readyFrom(second), r.readyTo(chunker.Digest{}), r.readyFrom(chunker.Digest{})} {
		if !got.Ready || got.Prefix != prefix || got.Snapshot != second {
			t.Errorf("beside: %+v", got)
		}
	}
	for _, got := range []Readiness{r.readyTo(first), r.readyFrom(first)} {
		if !got.Ready || got.Prefix != "data/c4/" {
			t.Errorf("the pinned one: %+v", got)
		}
	}
	if again := r.mustSync(); ways(again.Summary) != "have:2 " || again.MovedBytes != 0 {
		t.Errorf("again: %s", ways(again.Summary))
	}

	// The pin ends: the mirror is brought up to date from what stands beside it.
	r.unpin("job-7")
	if rep := r.mustSync(); ways(rep.Summary) != "have:1 copy:1 " || rep.At.Beside {
		t.Errorf("after the pin: %s, %+v", ways(rep.Summary), rep.At)
	}
	r.equal()
	if got := r.readyTo(second); got.Prefix != "data/c4/" {
		t.Errorf("after the pin: %+v", got)
	}
}

// A shard that was never read is read first where that costs nothing: under a new ETag it may be the same.
func TestBlockedShardThatOnlyLooksChanged(t *testing.T) {
	r := newRig(t)
	r.source = mem.New(mem.Options{ObjectChecksums: []string{}}) // no stored checksum tells that it is the same
	r.src.Store = r.source
	same := data(1, 50_000)
	r.put("a.tar", same)
	first := r.mustSync().Snapshot.ID
	r.pin("job-7", first, 0)
	r.put("a.tar", same)
	rep := r.mustSync()
	if ways(rep.Summary) != "have:1 " || rep.Learned != 1 {
		t.Errorf("%s, %d read", ways(rep.Summary), rep.Learned)
	}
}

// While a mirror without a pin is updated nobody is told that it is ready, nor after the process was killed at any write of the
// update, until a later one finished.
func TestNotReadyThroughoutAnUpdate(t *testing.T) {
	for write := 1; ; write++ {
		r := newRig(t)
		r.options.Shards = 1
		r.put("a.tar", data(1, 3<<20))
		r.put("b.tar", data(2, 1000))
		r.put("index.json", []byte("1"))
		first := r.mustSync().Snapshot.ID
		r.put("a.tar", data(3, 3<<20))
		r.put("b.tar", data(4, 1000))
		r.put("index.json", []byte("2"))
		second := r.index().Snapshot.ID
		if !r.readyTo(first).Ready || !r.readyFrom(first).Ready {
			t.Fatal("it is ready before the update")
		}
		ctx, kill := context.WithCancel(context.Background())
		k := &killed{Store: r.dest, at: write, kill: kill, before: func() {
			if got := r.readyFrom(first); got.Ready {
				t.Errorf("before write %d: %+v", write, got)
			}
		}}
		q := r.request()
		q.Destination.Store = k
		s := r.open()
		_, err := s.Sync(ctx, q)
		r.close()
		if err == nil { // there are no more writes
			if write < 8 {
				t.Errorf("the update made %d writes", write)
			}
			if !r.readyTo(second).Ready || !r.readyFrom(second).Ready || r.readyTo(first).Ready || r.readyFrom(first).Ready {
				t.Error("after the update")
			}
			return
		}
		for _, snapshot := range []chunker.Digest{first, second, {}} {
			a, b := r.readyTo(snapshot), r.readyFrom(snapshot)
			if written := k.receipt && b.Snapshot == second; a.Ready || b.Ready != written {
				t.Errorf("killed after write %d: %+v, %+v", write, a, b)
			}
		}
		r.mustSync()
		if !r.readyTo(second).Ready || !r.readyFrom(second).Ready {
			t.Errorf("killed after write %d, then finished", write)
		}
		r.equal()
	}
}

// killed ends a sync right after its n-th write, whose answer is lost.
type killed struct {
	store.Store
	mu      sync.Mutex
	n, at   int
	before  func()
	kill    func()
	receipt bool // was written: the sync was done
}

// write counts one; done tells that it is the last.
func (k *killed) write() (done func(error) error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.n++
	k.before()
	last := k.n == k.at
	return func(err error) error {
		if !last {
			return err
		}
		k.kill()
		return context.Canceled
	}
}

func (k *killed) Put(ctx context.Context, key string, b []byte, o store.WriteOptions) (store.Object, error) {
	done := k.write()
	k.receipt = store.IsPrivate(key)
	out, err := k.Store.Put(ctx, key, b, o)
	return out, done(err)
}

func (k *killed) UploadPart(ctx context.Context, u store.Upload, p store.PartInput) (store.Part, error) {
	done := k.write()
	out, err := k.Store.UploadPart(ctx, u, p)
	return out, done(err)
}

func (k *killed) CompleteUpload(ctx context.Context, u store.Upload, parts []store.Part, o store.CompleteOptions) (store.Object, error) {
	done := k.write()
	out, err := k.Store.CompleteUpload(ctx, u, parts, o)
	return out, done(err)
}

// What a sync replaces takes back only the promises about it.
func TestOnlyUntrueReceiptsAreWithdrawn(t *testing.T) {
	r := newRig(t)
	r.put("train-0.tar", data(1, 1000))
	r.put("val-0.tar", data(2, 1000))
	val := func(q *Request) { q.Selection = selection(t, "val-*") }
	r.mustSync(val)
	r.mustSync()
	r.put("train-0.tar", data(3, 1000))
	r.index()
	stop := errors.New("stop")
	h := &hooked{Store: r.dest}
	r.dst.Store = &refusing{Store: h, err: stop}
	if _, err := r.sync(); err == nil {
		t.Fatal("the update was not stopped")
	}
	r.dst.Store = r.dest
	got, err := ReadyFromReceipt(context.Background(), r.dst, "c4", "", selection(t, "val-*"))
	if err != nil || !got.Ready {
		t.Errorf("nothing of it changed: %+v, %v", got, err)
	}
	if all := r.readyFrom(chunker.Digest{}); all.Ready {
		t.Errorf("a shard of it was to be replaced: %+v", all)
	}
}

// refusing lets nothing be put outside of what is private.
type refusing struct {
	store.Store
	err error
}

func (s *refusing) Put(ctx context.Context, key string, b []byte, o store.WriteOptions) (store.Object, error) {
	if store.IsPrivate(key) {
		return s.Store.Put(ctx, key, b, o)
	}
	return store.Object{}, s.err
}

func TestPinsAreCheckedRenewedAndCollected(t *testing.T) {
	r := newRig(t)
	now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	r.now = func() time.Time { return now }
	r.put("a.tar", data(1, 1000))
	s := r.open()
	c := Claim{Owner: "job", Dataset: "c4", Destination: r.dst.Destination}
	if _, err := s.Pin(c); !errors.Is(err, ErrNotReady) {
		t.Errorf("without a snapshot: %v", err)
	}
	c.Snapshot = chunker.Digest{1}
	if _, err := s.Pin(c); !errors.Is(err, manifest.ErrNoSnapshot) {
		t.Errorf("an unknown snapshot: %v", err)
	}
	for _, owner := range []string{"", "a b", "-x", "a\x00b", strings.Repeat("x", 129)} {
		if _, err := s.Pin(Claim{Owner: owner, Dataset: "c4"}); !errors.Is(err, ErrOwner) {
			t.Errorf("owner %q: %v", owner, err)
		}
	}
	r.close()
	first := r.mustSync().Snapshot.ID
	r.pin("job", first, time.Hour)
	now = now.Add(30 * time.Minute)
	if p := r.pin("job", first, time.Hour); p.Created != manifest.At(now.Add(-30*time.Minute)) || p.Expires != manifest.At(now.Add(time.Hour)) {
		t.Errorf("renewed: %+v", p)
	}
	r.pin("other", first, 0)
	now = now.Add(2 * time.Hour)
	s = r.open()
	defer r.close()
	for _, dryRun := range []bool{true, false} {
		found, err := s.Collect(context.Background(), map[string]store.Store{"bucket": r.dest}, time.Hour, dryRun)
		if err != nil || len(found) != 1 || found[0].Removed == dryRun || !strings.Contains(found[0].Why, "pin of job") {
			t.Errorf("%v, %+v", err, found)
		}
	}
	if left, err := s.Pins(); err != nil || len(left) != 1 || left[0].Owner != "other" {
		t.Errorf("%+v, %v", left, err)
	}
}

// The kinds survive in the error of a sync that fails in several ways.
func TestBlockedBesideOtherFailures(t *testing.T) {
	r := newRig(t)
	r.put("a.tar", data(1, 1000))
	first := r.mustSync().Snapshot.ID
	r.pin("job", first, 0)
	r.put("a.tar", data(2, 1000))
	r.put("b.tar", data(3, 1000))
	putObject(t, r.dest, "data/c4/b.tar", data(4, 1000))
	_, err := r.sync()
	if !errors.Is(err, plan.ErrPinned) || !errors.Is(err, engine.ErrForeign) {
		t.Errorf("%v", err)
	}
}

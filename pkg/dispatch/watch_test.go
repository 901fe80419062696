package dispatch

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/store"
	dgsync "github.com/datagravity/datagravity/pkg/sync"
)

// asked is the source with what it was asked.
type asked struct {
	store.Store
	mu   sync.Mutex
	list []string
}

func (a *asked) note(op, key string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.list = append(a.list, op+" "+key)
}

func (a *asked) List(ctx context.Context, o store.ListOptions) (store.Page, error) {
	a.note("list", o.Prefix)
	return a.Store.List(ctx, o)
}

func (a *asked) Head(ctx context.Context, key string) (store.Object, error) {
	a.note("head", key)
	return a.Store.Head(ctx, key)
}

func (a *asked) ReadRange(ctx context.Context, ref store.Ref, off int64, p []byte) error {
	a.note("read", ref.Key)
	return a.Store.ReadRange(ctx, ref, off, p)
}

// taken are the requests since the last time.
func (a *asked) taken() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	out := strings.Join(a.list, ", ")
	a.list = nil
	return out
}

// watching has the rig's source be watched, and counted.
func (r *rig) watching(w dgsync.Watch) *asked {
	a := &asked{Store: r.source}
	r.counted, r.watch = a, w
	return a
}

// waits has a job wait for money.
func (r *rig) waits() {
	r.t.Helper()
	r.close()
	r.budgets = []cost.Budget{{Name: "tiny", To: "aws", LimitNanoUSD: 1}}
	r.open()
	r.add("a", "aws")
	r.looks()
	if st := r.show("a"); st.State != Held {
		r.t.Fatalf("it is %s: %s", st.State, st.Why)
	}
}

// looks has a pass made and waits for what it looks at.
func (r *rig) looks() {
	r.t.Helper()
	r.once()
	r.once() // what an index found, jobs look at in the next pass
}

// With a marker a look at a source that did not change is one request about one object, and nothing else. It is listed when the marker changed, and once a day.
func TestMarkerIsAskedInsteadOfListing(t *testing.T) {
	r := newRig(t)
	r.fill(3, 1000)
	r.put("_SUCCESS", []byte("1"))
	source := r.watching(dgsync.Watch{Every: 5 * time.Minute, Marker: "_SUCCESS", FullEvery: 24 * time.Hour})
	r.waits()
	if got := source.taken(); got != "head c4/_SUCCESS, list c4/" {
		t.Errorf("the first look was %s", got)
	}
	polls := 0
	for range 100 {
		r.pass(5*time.Minute - time.Second)
		r.once()
		if got := source.taken(); got != "" {
			t.Fatalf("before it was time: %s", got)
		}
		r.pass(time.Second)
		r.once()
		r.once()
		if got := source.taken(); got != "head c4/_SUCCESS" {
			t.Fatalf("a poll without a change was %q", got)
		}
		polls++
	}
	r.put("shard-100.bin", data(100, 1000))
	r.put("_SUCCESS", []byte("2"))
	r.pass(5 * time.Minute)
	r.once()
	if got := source.taken(); got != "head c4/_SUCCESS, list c4/" {
		t.Errorf("a change was looked at by %s", got)
	}
	r.pass(5 * time.Minute)
	r.once()
	if got := source.taken(); got != "head c4/_SUCCESS" {
		t.Errorf("after the change: %s", got)
	}
	r.pass(24 * time.Hour)
	r.once()
	if got := source.taken(); got != "head c4/_SUCCESS, list c4/" {
		t.Errorf("a day later: %s", got)
	}
	// What was seen outlives the process.
	r.again()
	r.once()
	source.taken()
	r.pass(5 * time.Minute)
	r.once()
	if got := source.taken(); got != "head c4/_SUCCESS" {
		t.Errorf("after a restart: %s", got)
	}
	// One that goes is a change too, and that it stays away none.
	if err := r.source.Delete(t.Context(), store.Ref{Key: "c4/_SUCCESS"}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"head c4/_SUCCESS, list c4/", "head c4/_SUCCESS", "head c4/_SUCCESS"} {
		r.pass(5 * time.Minute)
		r.once()
		if got := source.taken(); got != want {
			t.Errorf("without a marker: %s, want %s", got, want)
		}
	}
}

// Without a marker every look is a listing, as often as the dataset says.
func TestEveryIsOfTheDataset(t *testing.T) {
	r := newRig(t)
	r.fill(3, 1000)
	source := r.watching(dgsync.Watch{Every: time.Hour})
	r.waits()
	source.taken()
	r.pass(59 * time.Minute)
	r.once()
	if got := source.taken(); got != "" {
		t.Errorf("after 59 minutes: %s", got)
	}
	r.pass(time.Minute)
	if r.once(); source.taken() != "list c4/" {
		t.Error("after an hour it was not listed")
	}
}

// Many agents with the same interval do not look at the same time.
func TestJitter(t *testing.T) {
	seen := map[time.Duration]bool{}
	for range 1000 {
		v := dgsync.Jittered(5 * time.Minute)
		if v < 270*time.Second || v > 330*time.Second {
			t.Fatalf("%s of five minutes", v)
		}
		seen[v.Round(time.Second)] = true
	}
	if len(seen) < 50 {
		t.Errorf("%d different ones of a minute", len(seen))
	}
}

// A dataset that is to be kept indexed is read when it changed, without any job; where nothing changed that is one request a look.
func TestKeptIndexed(t *testing.T) {
	r := newRig(t)
	r.fill(3, 1000)
	r.put("index.json", []byte("1"))
	source := r.watching(dgsync.Watch{Every: 5 * time.Minute, Marker: "index.json", FullEvery: 24 * time.Hour, Index: true})
	r.once()
	if got := source.taken(); got != "" {
		t.Errorf("all at once when it begins: %s", got)
	}
	r.pass(time.Minute)
	r.once()
	if got := source.taken(); !strings.HasPrefix(got, "head c4/index.json, list c4/, read ") || strings.Count(got, "read") != 4 {
		t.Errorf("the first look was %s", got)
	}
	if n := r.latest(); n != 4 {
		t.Errorf("a snapshot of %d shards", n)
	}
	next := r.once().Next
	if wait := next.Sub(r.now()); wait > 5*time.Minute {
		t.Errorf("the next pass is in %s", wait)
	}
	for range 20 {
		r.pass(5 * time.Minute)
		r.once()
		if got := source.taken(); got != "head c4/index.json" {
			t.Fatalf("nothing changed: %s", got)
		}
	}
	r.put("shard-100.bin", data(100, 1000))
	r.put("index.json", []byte("2"))
	r.pass(5 * time.Minute)
	r.once()
	if got := source.taken(); !strings.HasPrefix(got, "head c4/index.json, list c4/, read ") || strings.Count(got, "read") != 2 {
		t.Errorf("a new shard and its index: %s", got)
	}
	if n := r.latest(); n != 5 {
		t.Errorf("a snapshot of %d shards", n)
	}
	// Jobs that wait are told by the index, and do not ask by themselves.
	r.waits()
	source.taken()
	for range 5 {
		r.pass(5 * time.Minute)
		r.looks()
		if got := source.taken(); got != "head c4/index.json" {
			t.Fatalf("with a job that waits: %s", got)
		}
	}
	if err := r.source.Delete(t.Context(), store.Ref{Key: "c4/shard-001.bin"}); err != nil {
		t.Fatal(err)
	}
	r.put("index.json", []byte("3"))
	r.pass(5 * time.Minute)
	r.looks()
	if st := r.show("a"); st.State != Blocked || !strings.Contains(st.Why, "and 1 more") {
		t.Errorf("the job was not told that its shard is gone: %s: %s", st.State, st.Why)
	}
}

// What costs money to read is read by whoever is asked to, not by watching.
func TestNothingPaidIsReadUnasked(t *testing.T) {
	r := newRig(t)
	r.fill(2, 1000)
	source := r.watching(dgsync.Watch{Every: time.Minute, Index: true})
	r.once()
	r.s.Agent = store.Location{Provider: "onprem", Region: "lab1"}
	r.away = store.Location{Provider: "azure", Region: "eastus"}
	for range 3 {
		r.pass(time.Minute)
		r.once()
	}
	if got := source.taken(); got != "" {
		t.Errorf("it was asked: %s", got)
	}
}

// A budget that has no room for reading leaves it to a later look.
func TestIndexFailsAndIsTriedAgain(t *testing.T) {
	r := newRig(t)
	source := r.watching(dgsync.Watch{Every: time.Minute, Marker: "index.json", FullEvery: 24 * time.Hour, Index: true})
	r.once()
	for range 3 {
		r.pass(time.Minute)
		r.once()
		if got := source.taken(); got != "head c4/index.json, list c4/" {
			t.Errorf("of an empty source: %s", got)
		}
	}
	r.fill(2, 1000)
	r.pass(time.Minute)
	r.once()
	if r.latest() != 2 {
		t.Error("it was not read")
	}
}

// latest is how many shards the latest snapshot has.
func (r *rig) latest() (n int) {
	r.t.Helper()
	err := r.m.View(func(tx *manifest.Tx) error {
		rec, _, err := tx.Dataset("c4")
		if err != nil || rec.Latest.IsZero() {
			return err
		}
		h, _, err := tx.Snapshot(rec.Latest)
		n = h.Shards
		return err
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return n
}

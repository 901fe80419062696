package sync

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/sync/lease"
	"github.com/datagravity/datagravity/pkg/sync/plan"
)

// asked tells when an object's properties are asked for.
type asked struct {
	store.Store
	mu sync.Mutex
	of func(key string)
}

func (a *asked) Head(ctx context.Context, key string) (store.Object, error) {
	a.mu.Lock()
	a.of(key)
	a.mu.Unlock()
	return a.Store.Head(ctx, key)
}

// pinNow is what another goroutine does through the same manifest.
func (r *rig) pinNow(q Request) {
	r.t.Helper()
	if _, err := r.s.Pin(Claim{Owner: "late", Dataset: q.Source.Name, Destination: q.Destination.Destination}); err != nil {
		r.t.Error(err)
	}
}

// A pin that is made after what goes was chosen, while other copies are asked for, keeps it all the same, and what was promised of it.
func TestPinMadeWhileRoomIsMade(t *testing.T) {
	c := newCrowded(t)
	asks := 0
	st := &asked{Store: c.source, of: func(key string) {
		if key == "c5/0.tar" {
			if asks++; asks == 2 { // by the plan, and before it goes
				c.pinNow(c.other("c5"))
			}
		}
	}}
	for i := range c.neighbors {
		c.neighbors[i].Source.Open = opened(st)
	}
	_, err := c.sync(c.upTo(4500))
	if !errors.Is(err, plan.ErrCapacity) || !strings.Contains(err.Error(), "pin of late") || asks < 2 {
		t.Errorf("after %d questions: %v", asks, err)
	}
	if !c.has("data/c5/0.tar") || !c.readyOther("c5") || c.has("data/c4/a.tar") {
		t.Error("what is pinned went, or is not ready any more, or something moved without room")
	}
	c.mustSync(c.upTo(4500)) // c6 goes in its place
	if !c.readyOther("c5") || c.has("data/c6/0.tar") {
		t.Error("the wrong one went")
	}
}

func TestPinMadeWhileAMirrorIsPruned(t *testing.T) {
	r := newRig(t)
	moved := data(1, 1000)
	r.put("moved.tar", moved)
	r.put("stays.tar", data(3, 1000))
	first := r.mustSync().Snapshot.ID
	r.gone("moved.tar")
	r.put("elsewhere.tar", moved)
	r.mustSync()
	s := r.open()
	q := r.request()
	q.Source.Store = &asked{Store: r.source, of: func(string) {
		r.pinFirst(s, first)
	}}
	list, err := s.Prune(context.Background(), q, false)
	r.close()
	if went, kept := removed(list); err != nil || went != "" || !strings.Contains(kept, "pin of late") || !r.has("data/c4/moved.tar") || !r.readyFrom(first).Ready {
		t.Errorf("%q went, %q stayed, %v", went, kept, err)
	}
}

func TestPinMadeWhileDeletionsAreFollowed(t *testing.T) {
	r := newRig(t)
	r.dst.PropagateDeletions, r.dst.DeletionShare = true, 1
	r.put("a.tar", data(1, 1000))
	r.put("gone.tar", data(2, 1000))
	first := r.mustSync().Snapshot.ID
	r.gone("gone.tar")
	r.src.Store = &asked{Store: r.source, of: func(key string) {
		if key != "c4/gone.tar" {
			return
		}
		r.pinFirst(r.s, first)
	}}
	rep := r.mustSync()
	if went, kept := removed(rep.Removed); went != "" || !strings.Contains(kept, "pin of late") || !r.has("data/c4/gone.tar") || !r.readyFrom(first).Ready {
		t.Errorf("%q went, %q stayed", went, kept)
	}
}

// Two destinations that hold the last two copies, each of which is proven by the other one, do not remove both.
func TestTwoThatRelyOnEachOther(t *testing.T) {
	r := newRig(t)
	lab := newRig(t)
	moved := data(1, 1000)
	r.put("old.tar", moved)
	r.put("stays.tar", data(3, 1000))
	r.mustSync()
	toLab := func(q *Request) {
		q.Destination.Name, q.Destination.Destination.Store, q.Destination.Store = "lab", "disk", lab.dest
	}
	r.mustSync(toLab)
	r.gone("old.tar")
	r.mustSync()
	r.mustSync(toLab)
	s := r.open()
	here, there := r.request(), r.request()
	toLab(&there)
	here.Origins = []Origin{{Name: "disk", Location: r.dst.Location, Open: opened(lab.dest)}}
	var once sync.Once
	var first []plan.Removal
	there.Origins = []Origin{{Name: "bucket", Location: r.dst.Location, Open: opened(&asked{Store: r.dest, of: func(string) {
		once.Do(func() { // before its answer, all of the other one happens that comes before the object goes
			list, err := s.unreferenced(here)
			if err != nil || len(list) != 1 {
				t.Errorf("%+v, %v", list, err)
				return
			}
			others, err := s.elsewhere(here, list)
			if err != nil {
				t.Error(err)
				return
			}
			proven, err := others.proven(context.Background(), list)
			if err != nil || proven[0] == nil {
				t.Errorf("%v, %v", proven, err)
			}
			first = []plan.Removal{list[0].removal(plan.Delete, "test")}
			first[0].Other = proven[0]
			one, err := s.removal(first)
			if err != nil {
				t.Error(err)
				return
			}
			if going, err := one.condemn([]*plan.Removal{&first[0]}); err != nil || len(going) != 1 {
				t.Errorf("%+v, %v", going, err)
			}
		})
	}})}}
	second, err := s.Prune(context.Background(), there, false)
	r.close()
	if err != nil || len(first) != 1 || len(second) != 1 || second[0].Removed || second[0].Kept != lastCopy {
		t.Errorf("%+v, then %+v, %v", first, second, err)
	}
	if o, err := lab.dest.Head(context.Background(), "data/c4/old.tar"); err != nil || o.Size != 1000 {
		t.Errorf("the last copy is gone: %v", err)
	}
}

// What was replaced since it was chosen is another object: neither it nor what is known of it goes.
func TestWhatWasReplacedMeanwhileStays(t *testing.T) {
	r := newRig(t)
	moved := data(1, 1000)
	r.put("old.tar", moved)
	r.put("stays.tar", data(3, 1000))
	r.mustSync()
	r.gone("old.tar")
	r.put("new.tar", moved)
	r.mustSync()
	var now manifest.Replica
	s := r.open()
	q := r.request()
	q.Source.Store = &asked{Store: r.source, of: func(string) {
		putObject(t, r.dest, "data/c4/old.tar", moved)
		o, err := r.dest.Head(context.Background(), "data/c4/old.tar")
		if err != nil {
			t.Error(err)
		}
		err = s.Manifest.Update(func(tx *manifest.Tx) (err error) {
			if now, _, err = tx.Replica("bucket", "data/c4/old.tar"); err != nil {
				return err
			}
			now.ETag = o.ETag
			return tx.PutReplica(now)
		})
		if err != nil {
			t.Error(err)
		}
	}}
	list, err := s.Prune(context.Background(), q, false)
	r.close()
	if went, kept := removed(list); err != nil || went != "" || !strings.Contains(kept, "replaced") || !r.has("data/c4/old.tar") {
		t.Errorf("%q went, %q stayed, %v", went, kept, err)
	}
	if is := r.replica("data/c4/old.tar"); is.ETag != now.ETag || !is.Present() {
		t.Errorf("known is %+v", is)
	}
}

// A pin that is made after the plan, while a lease is waited for, keeps what it names from being replaced.
func TestPinMadeBeforeSomethingIsReplaced(t *testing.T) {
	r := newRig(t)
	old := data(1, 50_000)
	r.put("a.tar", old)
	r.put("b.tar", data(2, 1000))
	first := r.mustSync().Snapshot.ID
	r.put("a.tar", data(3, 50_000))
	r.put("b.tar", data(4, 1000))
	r.index() // else a second plan follows, when they were read
	s := r.open()
	defer r.close()
	s.Leases = r.leasing("here")
	var once sync.Once
	q := r.request()
	q.Destination.Store = &onList{Store: r.dest, of: func(prefix string) {
		if prefix == lease.Prefix {
			once.Do(func() { r.pinFirst(s, first) })
		}
	}}
	_, err := s.Sync(context.Background(), q)
	if !errors.Is(err, plan.ErrPinned) {
		t.Errorf("%v", err)
	}
	if got := readObject(t, r.dest, "data/c4/a.tar"); chunker.Sum(got) != chunker.Sum(old) {
		t.Error("what is pinned was replaced")
	}
	q.Snapshot = first
	if out, err := s.Ready(context.Background(), q, 0); err != nil || !out.Ready || !r.readyFrom(first).Ready {
		t.Errorf("the pinned snapshot: %+v, %v", out, err)
	}
}

// A pin that is made while shards are being replaced comes too late for them: what it names is not called ready because some of it still stands.
func TestPinMadeWhileShardsAreReplaced(t *testing.T) {
	for _, clock := range []time.Duration{0, -time.Hour} { // as the clock goes on, or is set back
		r := newRig(t)
		off := time.Duration(0)
		r.now = func() time.Time { return time.Now().Add(off) }
		r.put("a.tar", data(1, 50_000))
		first := r.mustSync().Snapshot.ID
		r.put("a.tar", data(3, 50_000))
		s := r.open()
		var once sync.Once
		q := r.request()
		q.Destination.Store = &watched{Store: r.dest, saw: func(string) { // the first is that of the shard
			once.Do(func() {
				off = clock
				r.pinFirst(s, first)
				was := r.request()
				was.Snapshot = first
				if out, err := s.Ready(context.Background(), was, 0); err != nil || out.Ready || out.Reason == "" {
					t.Errorf("%v: %+v, %v", clock, out, err)
				}
			})
		}}
		if _, err := s.Sync(context.Background(), q); err != nil {
			t.Error(err)
		}
		r.close()
		if r.readyTo(first).Ready {
			t.Errorf("%v: what was replaced is called ready", clock)
		}
		r.equal()
	}
}

func (r *rig) pinFirst(s *Syncer, snapshot chunker.Digest) {
	r.t.Helper()
	if _, err := s.Pin(Claim{Owner: "late", Dataset: "c4", Snapshot: snapshot, Destination: r.dst.Destination}); err != nil {
		r.t.Error(err)
	}
}

// onList tells when something is listed.
type onList struct {
	store.Store
	of func(prefix string)
}

func (l *onList) List(ctx context.Context, o store.ListOptions) (store.Page, error) {
	l.of(o.Prefix)
	return l.Store.List(ctx, o)
}

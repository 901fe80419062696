package sync

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/sync/plan"
)

// crowded is a rig with two other datasets at the destination, c5 that was synced first and c6 after it, of 2000 bytes in two shards
// each, and c4 that was not synced yet and has 1000 bytes.
type crowded struct {
	*rig
	clock     time.Time
	neighbors []Neighbor
}

func newCrowded(t *testing.T) *crowded {
	t.Helper()
	c := &crowded{rig: newRig(t), clock: time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)}
	c.now = func() time.Time { return c.clock }
	for i, name := range []string{"c5", "c6"} {
		putObject(t, c.source, name+"/0.tar", data(uint64(10*i+1), 1000))
		putObject(t, c.source, name+"/1.tar", data(uint64(10*i+2), 1000))
		c.syncOther(name)
		c.neighbors = append(c.neighbors, Neighbor{
			Dataset: name, Prefix: "data/" + name + "/", Source: Origin{Name: "training", Location: c.src.Location, Open: opened(c.source)}, SourcePrefix: name + "/",
		})
	}
	c.put("a.tar", data(50, 1000))
	c.dst.EvictUnused = true
	return c
}

// other is a request for another dataset.
func (c *crowded) other(name string) Request {
	q := c.request()
	q.Source.Name, q.Source.Prefix = name, name+"/"
	q.Destination.Prefix = "data/" + name + "/"
	return q
}

func (c *crowded) syncOther(name string) {
	c.t.Helper()
	c.clock = c.clock.Add(time.Hour)
	s := c.open()
	defer c.close()
	if _, err := s.Sync(context.Background(), c.other(name)); err != nil {
		c.t.Fatal(err)
	}
}

// holding is the request for c4 at a destination that may hold so much.
func (c *crowded) upTo(capacity int64) func(*Request) {
	return func(q *Request) {
		q.Destination.CapacityBytes = capacity
		q.Neighbors = c.neighbors
	}
}

func (c *crowded) plan(change func(*Request)) *plan.Plan {
	c.t.Helper()
	s := c.open()
	defer c.close()
	q := c.request()
	change(&q)
	p, err := s.Plan(context.Background(), q)
	if err != nil {
		c.t.Fatal(err)
	}
	return p
}

func (c *crowded) readyOther(name string) bool {
	c.t.Helper()
	q := c.other(name)
	out, err := ReadyFromReceipt(context.Background(), q.Destination, name, "", q.Selection)
	if err != nil {
		c.t.Fatal(err)
	}
	s := c.open()
	defer c.close()
	manifest, err := s.Ready(context.Background(), q, time.Hour*24)
	if err != nil {
		c.t.Fatal(err)
	}
	if out.Ready != manifest.Ready {
		c.t.Errorf("%s: the receipt says %v, the manifest %v", name, out.Ready, manifest.Ready)
	}
	return out.Ready
}

// What does not fit is refused before anything moves; what is replaced or there already needs no room.
func TestCapacity(t *testing.T) {
	c := newCrowded(t)
	c.dst.EvictUnused = false
	p := c.plan(c.upTo(4999))
	if r := *p.Room; r.HeldBytes != 4000 || r.AddedBytes != 1000 || r.OverBytes() != 1 || !errors.Is(p.FitsRoom(), plan.ErrCapacity) {
		t.Errorf("%+v, %v", r, p.FitsRoom())
	}
	before, reads := c.dest.Stats().Total().SentBytes, c.source.Stats()["read"].Requests
	_, err := c.sync(c.upTo(4999))
	if !errors.Is(err, plan.ErrCapacity) || !strings.Contains(err.Error(), "1 bytes do not fit") || c.dest.Stats().Total().SentBytes != before {
		t.Fatalf("%v", err)
	}
	for name, change := range map[string]func(*Request){
		"partial":   func(q *Request) { q.Partial = true },
		"snapshots": func(q *Request) { q.Destination.Snapshots = true },
	} {
		if _, err := c.sync(c.upTo(4999), change); !errors.Is(err, plan.ErrCapacity) || c.source.Stats()["read"].Requests != reads {
			t.Errorf("%s: %v", name, err)
		}
	}
	if rep := c.mustSync(c.upTo(5000)); len(rep.Removed) != 0 {
		t.Errorf("%+v", rep.Removed)
	}
	c.put("a.tar", data(51, 1000)) // replaced: no more than before
	c.mustSync(c.upTo(5000))
	if rep := c.mustSync(c.upTo(1)); ways(rep.Summary) != "have:1 " {
		t.Errorf("what is there already: %s", ways(rep.Summary))
	}
	c.put("a.tar", data(52, 1001))
	if _, err := c.sync(c.upTo(5000)); !errors.Is(err, plan.ErrCapacity) {
		t.Errorf("one byte more: %v", err)
	}
}

// Of a plan that does not fit the budget, what is moved of it needs room, not what is left for later.
func TestCapacityOfAPartialSync(t *testing.T) {
	for capacity, want := range map[int64]error{5000: cost.ErrBudget, 4999: plan.ErrCapacity} {
		c := newCrowded(t)
		c.dst.EvictUnused = false
		c.put("b.tar", data(51, 1000))
		c.budgets = []cost.Budget{{Name: "small", From: "training", LimitBytes: 50_000}} // a shard, and the 32 KiB that a request is reserved with
		_, err := c.sync(c.upTo(capacity), func(q *Request) { q.Partial = true })
		if !errors.Is(err, want) || c.has("data/c4/a.tar") != errors.Is(want, cost.ErrBudget) || c.has("data/c4/b.tar") {
			t.Errorf("%d: %v", capacity, err)
		}
	}
}

// What was used longest ago goes first, no more than is needed, and what was promised about it is taken back first.
func TestEvictionOfWhatWasUsedLongestAgo(t *testing.T) {
	c := newCrowded(t)
	c.syncOther("c5") // asked for again: now c6 is the older one
	p := c.plan(c.upTo(4500))
	if len(p.Removals) != 1 || p.Removals[0].Key != "data/c6/0.tar" || p.Removals[0].Way != plan.Evict || p.FitsRoom() != nil {
		t.Fatalf("%+v, %v", p.Removals, p.FitsRoom())
	}
	if !c.has("data/c6/0.tar") || !c.readyOther("c6") {
		t.Error("a plan evicts nothing")
	}
	c.dst.Store = &watched{Store: c.dest, saw: func(what string) {
		if strings.HasPrefix(what, "put") && c.has("data/c6/0.tar") {
			t.Error("it was moved before there was room")
		}
	}}
	rep := c.mustSync(c.upTo(4500))
	c.dst.Store = c.dest
	if went, kept := removed(rep.Removed); went != "0.tar " || kept != "" || c.has("data/c6/0.tar") || !c.has("data/c6/1.tar") || !c.has("data/c5/0.tar") {
		t.Errorf("%q went, %q stayed", went, kept)
	}
	if got := c.replica("data/c6/0.tar"); got.Missing != manifest.Deleted {
		t.Errorf("recorded as %q", got.Missing)
	}
	if c.readyOther("c6") || !c.readyOther("c5") || !c.readyFrom(rep.Snapshot.ID).Ready {
		t.Error("c6 is not ready any more, the others are")
	}
	c.equal()
	c.syncOther("c6") // it comes back, where there is room
	if !c.readyOther("c6") {
		t.Error("it did not come back")
	}
}

// The receipts are withdrawn before the first object goes.
func TestReceiptsGoBeforeWhatIsEvicted(t *testing.T) {
	c := newCrowded(t)
	c.dst.Store = &failedDelete{Store: c.dest, kill: func() {}}
	if _, err := c.sync(c.upTo(4500)); err == nil {
		t.Fatal("the deletion did not fail")
	}
	c.dst.Store = c.dest
	if c.readyOther("c5") || c.has("data/c4/a.tar") {
		t.Error("a receipt promises what may be gone, or something moved without room")
	}
	c.mustSync(c.upTo(4500))
	c.equal()
}

// What is pinned, was there already, or is the last copy stays; if the rest is not enough nothing goes at all.
func TestWhatIsNeverEvicted(t *testing.T) {
	for name, prepare := range map[string]func(c *crowded){
		"pinned": func(c *crowded) {
			s := c.open()
			defer c.close()
			if _, err := s.Pin(Claim{Owner: "job", Dataset: "c5", Destination: c.other("c5").Destination.Destination}); err != nil {
				t.Fatal(err)
			}
		},
		"changed at the source": func(c *crowded) { // the only copies are at the destination
			putObject(t, c.source, "c5/0.tar", data(60, 1000))
			putObject(t, c.source, "c5/1.tar", data(61, 1000))
		},
		"gone from the source": func(c *crowded) {
			deleteObject(t, c.source, "c5/0.tar")
			deleteObject(t, c.source, "c5/1.tar")
		},
		"source out of reach": func(c *crowded) {
			c.neighbors[0].Source.Open = func(context.Context) (store.Store, error) { return nil, errors.New("no route") }
		},
		"adopted": func(c *crowded) {
			s := c.open()
			defer c.close()
			err := s.Manifest.Update(func(tx *manifest.Tx) error {
				for _, key := range []string{"data/c5/0.tar", "data/c5/1.tar"} {
					r, _, err := tx.Replica("bucket", key)
					if err != nil {
						return err
					}
					r.Proof = "adopted-checksum"
					if err := tx.PutReplica(r); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCrowded(t)
			prepare(c)
			rep := c.mustSync(c.upTo(3000)) // both of c6 go
			if went, _ := removed(rep.Removed); went != "0.tar 1.tar " || !c.has("data/c5/0.tar") || !c.has("data/c5/1.tar") || c.has("data/c6/0.tar") {
				t.Errorf("%q went", went)
			}

			c = newCrowded(t)
			prepare(c)
			if _, err := c.sync(c.upTo(2999)); !errors.Is(err, plan.ErrCapacity) || !strings.Contains(err.Error(), "only 2000 bytes may be evicted") {
				t.Errorf("%v", err)
			}
			if !c.has("data/c6/0.tar") || !c.has("data/c6/1.tar") || c.has("data/c4/a.tar") || !c.readyOther("c6") {
				t.Error("something went or moved though it was not enough")
			}
		})
	}
}

// Another store that has the content is as good as the source; one that only had it is not.
func TestReplicaInAnotherStoreIsACopy(t *testing.T) {
	for _, lost := range []bool{false, true} {
		c := newCrowded(t)
		c.neighbors[1].Source.Open = func(context.Context) (store.Store, error) { return nil, errors.New("no route") }
		lab := newRig(t)
		q := c.other("c5")
		q.Destination.Name, q.Destination.Destination.Store, q.Destination.Store = "lab", "disk", lab.dest
		s := c.open()
		if _, err := s.Sync(context.Background(), q); err != nil {
			t.Fatal(err)
		}
		c.close()
		for _, key := range []string{"0.tar", "1.tar"} {
			deleteObject(t, c.source, "c5/"+key)
			if lost {
				putObject(t, lab.dest, "data/c5/"+key, data(70, 1000))
			}
		}
		_, err := c.sync(c.upTo(3000), func(q *Request) {
			q.Origins = []Origin{{Name: "disk", Location: c.dst.Location, Open: opened(lab.dest)}}
		})
		if lost != errors.Is(err, plan.ErrCapacity) || lost == (err == nil) || c.has("data/c5/0.tar") != lost {
			t.Errorf("lost=%v: %v", lost, err)
		}
	}
}

// What the plan copies from is needed.
func TestWhatIsCopiedFromIsNotEvicted(t *testing.T) {
	c := newCrowded(t)
	c.put("a.tar", data(1, 1000)) // as c5/0.tar
	c.index()
	rep := c.mustSync(c.upTo(4000))
	if went, _ := removed(rep.Removed); went != "1.tar " || ways(rep.Summary) != "copy:1 " || !c.has("data/c5/0.tar") {
		t.Errorf("%q went, %s", went, ways(rep.Summary))
	}
}

// Asking a source beyond a paid link is under the budget like everything else.
func TestProofOverAPaidLinkIsInTheLedger(t *testing.T) {
	c := newCrowded(t)
	s := c.open()
	defer c.close()
	s.Agent = c.dst.Location
	q := c.request()
	c.upTo(4500)(&q)
	if _, err := s.Plan(context.Background(), q); err != nil {
		t.Fatal(err)
	}
	var requests int64
	err := s.Manifest.View(func(tx *manifest.Tx) error {
		return tx.Lines(func(l manifest.Line) (bool, error) {
			if l.LineKey.Activity == "list" && l.LineKey.Dataset == "c5" && l.LineKey.To == "aws:us-east-1" {
				requests += l.Requests
			}
			return true, nil
		})
	})
	if err != nil || requests != 2 { // its two shards: candidates are asked for in groups
		t.Errorf("%d requests, %v", requests, err)
	}
}

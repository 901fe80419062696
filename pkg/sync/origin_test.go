package sync

import (
	"context"
	"strings"
	"testing"

	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/mem"
	"github.com/datagravity/datagravity/pkg/sync/plan"
)

// lab makes the rig's destination a site of one's own, its agent a machine there, and a second site of the same place hold the
// dataset already.
func (r *rig) lab() (nas *mem.Store, origins []Origin) {
	r.t.Helper()
	return r.heldElsewhere("nas", "onprem:lab1")
}

// heldElsewhere makes the rig's destination a site of one's own, and has another store, at a location, hold what the source has by now.
func (r *rig) heldElsewhere(name, at string) (held *mem.Store, origins []Origin) {
	r.t.Helper()
	held = mem.New(mem.Options{})
	there := location(r.t, at)
	here := r.dst
	r.dst = Destination{Destination: plan.Destination{Name: name, Store: name, Prefix: "c4/", Location: there}, Store: held}
	r.mustSync()
	r.dst = here
	r.dst.Location = location(r.t, "onprem:lab1")
	return held, []Origin{{Name: name, Location: there, Open: func(context.Context) (store.Store, error) { return held, nil }}}
}

// syncAt syncs with an agent at the destination.
func (r *rig) syncAt(origins []Origin) Report {
	r.t.Helper()
	s := r.open()
	defer r.close()
	s.Agent = r.dst.Location
	q := r.request()
	q.Origins = origins
	rep, err := s.Sync(context.Background(), q)
	if err != nil {
		r.t.Fatalf("sync: %v (failures %v)", err, rep.Failures)
	}
	return rep
}

func TestCheapestReplicaIsTheSource(t *testing.T) {
	r := newRig(t)
	r.put("big.bin", data(1, 3<<20))
	r.put("small.bin", data(2, 1000))
	r.put("tiny.bin", data(3, 100))
	nas, origins := r.lab()
	paid := r.source.Stats()["read"].Requests
	rep := r.syncAt(origins)
	if n := r.source.Stats()["read"].Requests - paid; n != 0 {
		t.Errorf("%d reads over the paid link", n)
	}
	r.equal()
	if nas.Stats()["read"].ReceivedBytes != 3<<20+1100 || rep.USD != 0 {
		t.Errorf("%d bytes from the lab's store, %s", nas.Stats()["read"].ReceivedBytes, rep.USD)
	}
	for _, it := range rep.Plan.Items {
		if !strings.Contains(it.Reason, "read from nas") || !strings.Contains(it.Reason, "a GiB") {
			t.Errorf("%q: %s", it.Path, it.Reason)
		}
	}
	if rep.Plan.Estimate.USD != 0 {
		t.Errorf("planned %s", rep.Plan.Estimate.USD)
	}
}

// The replica is gone, replaced or damaged: the source serves, and nothing wrong is written.
func TestReplicaThatCannotServe(t *testing.T) {
	for name, spoil := range map[string]func(*mem.Store){
		"deleted":  func(s *mem.Store) { deleteObject(t, s, "c4/big.bin") },
		"replaced": func(s *mem.Store) { putObject(t, s, "c4/big.bin", data(9, 3<<20)) },
		"damaged":  func(s *mem.Store) { s.Damage("c4/big.bin", 1<<20) },
	} {
		r := newRig(t)
		r.put("big.bin", data(1, 3<<20))
		r.put("small.bin", data(2, 1000))
		nas, origins := r.lab()
		spoil(nas)
		rep := r.syncAt(origins)
		r.equal()
		if got := ways(rep.Summary); got != "have:1 full:1 " {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// A snapshot whose shard the source has overwritten is still to be had where a replica is.
func TestShardThatOnlyAReplicaHas(t *testing.T) {
	r := newRig(t)
	old := data(1, 3<<20)
	r.put("big.bin", old)
	_, origins := r.lab()
	r.open()
	var latest manifest.Dataset
	err := r.m.View(func(tx *manifest.Tx) (err error) {
		latest, _, err = tx.Dataset("c4")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	r.close()
	r.put("big.bin", data(2, 3<<20))
	rep, err := r.sync(func(q *Request) { q.Snapshot = latest.Latest })
	if err == nil {
		t.Fatalf("without a replica: %s", ways(rep.Summary))
	}
	if _, err = r.sync(func(q *Request) { q.Snapshot, q.Origins = latest.Latest, origins }); err != nil {
		t.Fatal(err)
	}
	if string(readObject(t, r.dest, "data/c4/big.bin")) != string(old) {
		t.Error("wrong bytes")
	}
}

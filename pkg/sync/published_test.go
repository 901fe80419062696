package sync

import (
	"context"
	"errors"
	"testing"

	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/exchange"
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/sync/plan"
)

// newPair is an origin and an edge with nothing between them but the source's store.
func newPair(t testing.TB) (origin, edge *rig) {
	t.Helper()
	edge = newEdge(t)
	edge.role = EdgeRole
	o := *edge
	origin = &o
	origin.dir, origin.role, origin.agent = t.TempDir(), OriginRole, store.Location{}
	return origin, edge
}

func TestEdgeTakesWhatTheOriginPublished(t *testing.T) {
	origin, edge := newPair(t)
	if _, err := edge.sync(); !errors.Is(err, ErrUnpublished) || !errors.Is(err, ErrNotReady) {
		t.Fatalf("before anything is published: %v", err)
	}
	old := data(1, 12<<20)
	edge.put("a.bin", old)
	edge.put("b.bin", data(2, 300_000))
	edge.put("small.txt", []byte("some text"))
	published := origin.index()
	if published.Published.Bytes == 0 {
		t.Fatal("the origin published nothing")
	}
	lists := edge.source.Stats()["list"].Requests
	rep := edge.mustSync()
	if got := edge.source.Stats()["list"].Requests - lists; got > 1 { // of the agents
		t.Errorf("the edge listed the source %d times", got)
	}
	if ways(rep.Summary) != "full:3 " || rep.Snapshot.ID != published.Snapshot.ID {
		t.Errorf("%s, snapshot %s, want %s", ways(rep.Summary), rep.Snapshot.ID, published.Snapshot.ID)
	}
	edge.put("a.bin", edited(old, 4<<20, 1000))
	again := origin.index()
	rep = edge.pulled(1, 3*3*128<<10+200_000) // and the publication
	if rep.Snapshot.ID != again.Snapshot.ID {
		t.Errorf("snapshot %s, want %s", rep.Snapshot.ID, again.Snapshot.ID)
	}
	read := edge.source.Stats()["read"].ReceivedBytes
	if rep := edge.mustSync(); ways(rep.Summary) != "have:3 " || edge.source.Stats()["read"].ReceivedBytes-read > 4096 {
		t.Errorf("nothing new: %s, %d bytes read", ways(rep.Summary), edge.source.Stats()["read"].ReceivedBytes-read)
	}
	if unchanged := origin.index(); unchanged.Published.Bytes != 0 {
		t.Errorf("publishing the same again wrote %d bytes", unchanged.Published.Bytes)
	}
}

// Index at an edge takes over what is published, and reads no shard.
func TestEdgeIndexReadsNoShard(t *testing.T) {
	origin, edge := newPair(t)
	edge.put("a.bin", data(1, 3<<20))
	want := origin.index().Snapshot.ID
	read := edge.source.Stats()["read"].ReceivedBytes
	if rep := edge.index(); rep.Snapshot.ID != want || rep.Learned != 0 || edge.source.Stats()["read"].ReceivedBytes-read > 100_000 {
		t.Errorf("snapshot %s, want %s; %d shards learned, %d bytes read", rep.Snapshot.ID, want, rep.Learned, edge.source.Stats()["read"].ReceivedBytes-read)
	}
}

// A source that is newer than what is published is noticed, and nothing of it is mixed with the old one.
func TestEdgeWaitsForTheOrigin(t *testing.T) {
	origin, edge := newPair(t)
	old := data(1, 3<<20)
	edge.put("a.bin", old)
	origin.index()
	edge.put("a.bin", data(2, 3<<20))
	if _, err := edge.sync(); !errors.Is(err, ErrFailed) {
		t.Errorf("%v", err)
	}
	origin.index()
	edge.mustSync()
	edge.equal()
}

// Whoever loses what was published, or has an old copy of it back, is told; the origin's next index mends it.
func TestPublicationIsLostOrOld(t *testing.T) {
	origin, edge := newPair(t)
	edge.put("a.bin", data(1, 2<<20))
	origin.index()
	edge.mustSync()
	key := store.Private + "v1/datasets/c4/latest.json"
	first := readObject(t, edge.source, key)
	edge.put("a.bin", data(2, 2<<20))
	origin.index()
	edge.mustSync()
	putObject(t, edge.source, key, first)
	if _, err := edge.sync(); !errors.Is(err, exchange.ErrBad) {
		t.Errorf("an older reference put back: %v", err)
	}
	page, err := edge.source.List(context.Background(), store.ListOptions{Prefix: store.Private + "v1/"})
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range page.Objects {
		deleteObject(t, edge.source, o.Key)
	}
	if _, err := edge.sync(); err == nil {
		t.Error("the exchange folder is gone, and nobody said so")
	}
	edge.put("b.bin", data(3, 2<<20))
	origin.index()
	edge.mustSync()
	edge.equal()
}

// An edge that starts anew finds out what its destination holds, and pays for no byte of it again.
func TestEdgeLosesItsManifest(t *testing.T) {
	origin, edge := newPair(t)
	edge.put("a.bin", data(1, 2<<20))
	origin.index()
	edge.mustSync()
	edge.dir = t.TempDir()
	read := edge.source.Stats()["read"].ReceivedBytes
	if rep := edge.mustSync(); ways(rep.Summary) != "adopt:1 " || edge.source.Stats()["read"].ReceivedBytes-read > 100_000 {
		t.Errorf("%s, %d bytes read", ways(rep.Summary), edge.source.Stats()["read"].ReceivedBytes-read)
	}
}

// What an edge reads is paid for, what others published included, and it stops where its budget does.
func TestEdgePaysForWhatItReads(t *testing.T) {
	origin, edge := newPair(t)
	edge.put("a.bin", data(1, 2<<20))
	origin.index()
	edge.budgets = []cost.Budget{{Name: "b", LimitBytes: 1 << 20}}
	if _, err := edge.sync(); !errors.Is(err, cost.ErrBudget) {
		t.Errorf("with a budget of 1 MiB: %v", err)
	}
	edge.budgets = []cost.Budget{{Name: "b", LimitBytes: 8 << 20}}
	rep := edge.mustSync()
	if rep.Ways[plan.Full].Shards != 1 || rep.USD == 0 {
		t.Errorf("%s for %s", ways(rep.Summary), rep.USD)
	}
	s := edge.open()
	defer edge.close()
	uses, err := s.Ledger.Uses()
	if err != nil || uses[0].SettledBytes < 2<<20 {
		t.Errorf("%+v, %v", uses, err)
	}
}

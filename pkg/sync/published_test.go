package sync

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/datagravity/datagravity/internal/corpus"
	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/exchange"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/sync/index"
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

// What an edge must cut itself, because its recipe was lost before it was published, it cuts as the published ones are cut, whatever its own
// configuration says.
func TestEdgeCutsAsIsPublished(t *testing.T) {
	for name, configured := range map[string]index.Dataset{
		"nothing is named": {Params: chunker.DefaultParams(), Earlier: []string{chunker.AlgorithmTarV1}},
		"all is named":     {Params: chunker.ParamsFor(chunker.AlgorithmPlain, 16<<10), Digests: []string{"md5"}},
	} {
		t.Run(name, func(t *testing.T) {
			origin, edge := newPair(t)
			origin.src.Params, origin.src.Digests = chunker.ParamsFor(chunker.AlgorithmTarV1, 32<<10), []string{"sha256"}
			edge.src.Params, edge.src.Earlier, edge.src.Digests = configured.Params, configured.Earlier, configured.Digests
			edge.put("a.tar", corpus.SmallTar(1, 2<<20).Bytes())
			origin.role = ""
			origin.index()
			if err := os.RemoveAll(filepath.Join(origin.dir, "recipes")); err != nil {
				t.Fatal(err)
			}
			edge.put("b.tar", corpus.SmallTar(2, 2<<20).Bytes())
			origin.role = OriginRole
			if rep := origin.index(); rep.Published.Without != 1 {
				t.Fatalf("%+v was published, want one shard without its recipe", rep.Published)
			}
			edge.mustSync()
			edge.equal()
			edge.open()
			defer edge.close()
			err := edge.m.View(func(tx *manifest.Tx) error {
				f, ok, err := tx.Fact("c4", "a.tar")
				if want := index.CutOf(origin.src.Params, origin.src.Digests); !ok || f.Cut != want {
					t.Errorf("the edge cut it as %q, want %q", f.Cut, want)
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		})
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

package sync

import (
	"context"
	"crypto/md5"
	"crypto/sha256"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/datagravity/datagravity/internal/corpus"
	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/sync/engine"
)

// recipes of the latest snapshot, by path: what the snapshot and what the fact names.
func (r *rig) recipes() (bySnapshot, byFact map[string]*chunker.Recipe) {
	r.t.Helper()
	r.open()
	defer r.close()
	bySnapshot, byFact = map[string]*chunker.Recipe{}, map[string]*chunker.Recipe{}
	ids := map[string][2]chunker.Digest{}
	err := r.m.View(func(tx *manifest.Tx) error {
		d, _, err := tx.Dataset(r.src.Name)
		if err != nil {
			return err
		}
		return tx.SnapshotShards(d.Latest, func(s manifest.Shard) (bool, error) {
			f, _, err := tx.Fact(r.src.Name, s.Path)
			ids[s.Path] = [2]chunker.Digest{s.Recipe, f.Recipe}
			return true, err
		})
	})
	if err != nil {
		r.t.Fatal(err)
	}
	for path, id := range ids {
		if bySnapshot[path], err = r.m.Recipe(id[0]); err != nil {
			r.t.Fatal(err)
		}
		if byFact[path], err = r.m.Recipe(id[1]); err != nil {
			r.t.Fatal(err)
		}
	}
	return bySnapshot, byFact
}

// Another chunk size, format or digest: the shards are read and cut again, once, and are the same snapshot.
func TestChangedChunkingIsIndexedAgain(t *testing.T) {
	r := newRig(t)
	r.put("a.tar", corpus.Tar(1, 3<<20).Bytes())
	r.put("b.bin", data(2, 100_000))
	first := r.index().Snapshot
	for name, change := range map[string]func(){
		"chunk size": func() { r.src.Params = chunker.ParamsFor(chunker.AlgorithmTar, 16<<10) },
		"format":     func() { r.src.Params.Algorithm = chunker.AlgorithmPlain },
		"digests":    func() { r.src.Digests = []string{"sha256"} },
	} {
		t.Run(name, func(t *testing.T) {
			change()
			if rep := r.index(); rep.Snapshot.ID != first.ID || rep.New || rep.LearnedBytes < 3<<20 {
				t.Errorf("indexed again: %+v, want the same snapshot and all bytes read", rep)
			}
			bySnapshot, byFact := r.recipes()
			for path, recipe := range bySnapshot {
				if recipe.Params != r.src.Params || len(recipe.Extra) != len(r.src.Digests) {
					t.Errorf("%s is cut as %v with %v, want %v", path, recipe.Params, recipe.Extra, r.src.Params)
				}
				if diff := cmp.Diff(recipe, byFact[path]); diff != "" {
					t.Errorf("%s: snapshot and fact name different recipes:\n%s", path, diff)
				}
			}
			reads := r.source.Stats()["read"].Requests
			if r.index(); r.source.Stats()["read"].Requests != reads {
				t.Error("read once more though nothing changed")
			}
		})
	}
	// A sync needs no new recipes: it moves what is there by those it has.
	r.src.Params = chunker.DefaultParams()
	if rep := r.mustSync(); !rep.Ready || rep.Snapshot.ID != first.ID {
		t.Errorf("sync under other parameters: %+v", rep)
	}
}

// cutting is a rig whose tar shards are known by path.
type cutting struct {
	*rig
	shards map[string]*corpus.Corpus
}

func newCutting(t *testing.T) *cutting { return &cutting{newRig(t), map[string]*corpus.Corpus{}} }

func (c *cutting) tar(path string, seed uint64) {
	c.shards[path] = corpus.SmallTar(seed, 4<<20)
	c.put(path, c.shards[path].Bytes())
}

// names has the configuration name an algorithm; namesNone has it leave that open.
func (c *cutting) names(algorithm string) {
	c.src.Params, c.src.Earlier = chunker.ParamsFor(algorithm, 64<<10), nil
}

func (c *cutting) namesNone() {
	c.src.Params, c.src.Earlier = chunker.DefaultParams(), []string{chunker.AlgorithmTarV1}
}

// reads has the dataset indexed, which must read these shards and no others.
func (c *cutting) reads(what string, paths ...string) {
	c.t.Helper()
	var want int64
	for _, path := range paths {
		want += int64(len(readObject(c.t, c.source, "c4/"+path)))
	}
	requests := c.source.Stats()["read"].Requests
	rep := c.index()
	if requests = c.source.Stats()["read"].Requests - requests; rep.LearnedBytes != want || (want == 0) != (requests == 0) {
		c.t.Errorf("%s: %d bytes read in %d requests, want those of %q", what, rep.LearnedBytes, requests, paths)
	}
}

// cutBy wants shards to be cut by these algorithms.
func (c *cutting) cutBy(want map[string]string) {
	c.t.Helper()
	bySnapshot, byFact := c.recipes()
	got := map[string]string{}
	for path, recipe := range bySnapshot {
		got[path] = recipe.Algorithm
		if diff := cmp.Diff(recipe, byFact[path]); diff != "" {
			c.t.Errorf("%s: snapshot and fact name different recipes:\n%s", path, diff)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		c.t.Error(diff)
	}
}

const v1, v2 = chunker.AlgorithmTarV1, chunker.AlgorithmTar

// After an upgrade whose default is another algorithm nothing is read again, and a dataset keeps the algorithm that it has: a changed shard
// shares the chunks of the old one. Whoever names an algorithm gets it for all shards, and naming none again changes nothing.
func TestAnotherDefaultReadsNothingAgain(t *testing.T) {
	c := newCutting(t)
	c.tar("a.tar", 1)
	c.tar("b.tar", 2)
	c.put("c.bin", data(3, 1<<20))
	c.names(v1)
	first := c.mustSync().Snapshot

	c.namesNone()
	c.reads("after the upgrade")
	if rep := c.mustSync(); rep.Snapshot.ID != first.ID || rep.MovedBytes != 0 {
		t.Errorf("sync after the upgrade: %+v", rep)
	}
	changed, fresh := c.shards["b.tar"].Replace(4, 0.01)
	c.put("b.tar", changed)
	c.assembled(1, fresh+256<<10) // by the new algorithm it would be 2 MiB
	c.tar("d.tar", 5)
	c.reads("a new one", "d.tar")
	c.cutBy(map[string]string{"a.tar": v1, "b.tar": v1, "c.bin": v1, "d.tar": v1})
	c.reads("nothing changed since")
	c.put("a.tar", c.shards["a.tar"].Bytes()) // another ETag, the same checksums
	c.reads("one written again as it was")

	plain := func() *chunker.Recipe { bySnapshot, _ := c.recipes(); return bySnapshot["c.bin"] }
	before := plain()
	c.names(v2)
	c.reads("the new one is named", "a.tar", "b.tar", "c.bin", "d.tar")
	c.cutBy(map[string]string{"a.tar": v2, "b.tar": v2, "c.bin": v2, "d.tar": v2})
	if diff := cmp.Diff(before.Chunks, plain().Chunks); diff != "" {
		t.Errorf("what is no tar archive is cut otherwise:\n%s", diff)
	}
	c.reads("nothing changed since it was named")
	c.namesNone()
	c.reads("none is named any more")
	c.tar("d.tar", 6)
	c.reads("one changed", "d.tar")
	c.cutBy(map[string]string{"a.tar": v2, "b.tar": v2, "c.bin": v2, "d.tar": v2})
	c.mustSync()
	c.equal()

	c.names(v1)
	c.reads("the old one is named", "a.tar", "b.tar", "c.bin", "d.tar")
	c.namesNone()
	c.reads("and not any more")
	c.src.Params = chunker.ParamsFor(v2, 128<<10)
	c.reads("another size", "a.tar", "b.tar", "c.bin", "d.tar")
	c.cutBy(map[string]string{"a.tar": v1, "b.tar": v1, "c.bin": v1, "d.tar": v1})
}

func TestNewDatasetBeginsWithTheNewestAlgorithm(t *testing.T) {
	c := newCutting(t)
	c.namesNone()
	c.tar("a.tar", 1)
	c.reads("a new dataset", "a.tar")
	c.tar("b.tar", 2)
	c.mustSync()
	c.cutBy(map[string]string{"a.tar": v2, "b.tar": v2})
}

// An index that was cut short before the first snapshot goes on with the algorithm that it began with.
func TestFirstIndexGoesOnAfterAnUpgrade(t *testing.T) {
	c := newCutting(t)
	c.names(v1)
	c.options.Shards = 1
	c.tar("a.tar", 1)
	c.tar("b.tar", 2)
	ctx, stop := context.WithCancel(context.Background())
	c.src.Store = &hooked{Store: c.source, beforeRead: func(key string, _ int64) {
		if key == "c4/b.tar" {
			stop()
		}
	}}
	if _, err := c.open().Index(ctx, c.src); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	c.close()
	c.src.Store = c.source
	c.namesNone()
	c.reads("after the upgrade", "b.tar")
	c.cutBy(map[string]string{"a.tar": v1, "b.tar": v1})
}

// A sync reads nothing to cut it otherwise, so that shards can be cut in two ways once an algorithm was named. When none is named any more, the
// dataset keeps that of most of its bytes.
func TestNamedForATime(t *testing.T) {
	c := newCutting(t)
	c.names(v1)
	c.tar("a.tar", 1)
	c.tar("b.tar", 2)
	c.mustSync()
	c.names(v2)
	c.tar("c.tar", 3)
	c.mustSync()
	c.cutBy(map[string]string{"a.tar": v1, "b.tar": v1, "c.tar": v2})
	c.namesNone()
	requests := c.source.Stats()["read"].Requests
	if c.mustSync(); c.source.Stats()["read"].Requests != requests {
		t.Error("a sync read something again")
	}
	c.tar("d.tar", 4)
	c.mustSync()
	c.cutBy(map[string]string{"a.tar": v1, "b.tar": v1, "c.tar": v2, "d.tar": v1})
	c.reads("what stands out", "c.tar")
	c.cutBy(map[string]string{"a.tar": v1, "b.tar": v1, "c.tar": v1, "d.tar": v1})
}

// Facts of a manifest from before the format was frozen do not say how they cut: such shards are read again by index, and their
// digests stay.
func TestOldFactsAreIndexedAgain(t *testing.T) {
	r := newRig(t)
	r.put("a.tar", data(1, 300_000))
	first := r.index().Snapshot
	r.open()
	err := r.m.Update(func(tx *manifest.Tx) error {
		d, _, err := tx.Dataset(r.src.Name)
		if err != nil {
			return err
		}
		f, _, err := tx.Fact(r.src.Name, "a.tar")
		d.Cut, f.Cut = "", ""
		return errors.Join(err, tx.PutDataset(d), tx.PutFact(r.src.Name, f))
	})
	if err != nil {
		t.Fatal(err)
	}
	r.close()
	if rep := r.index(); rep.Snapshot.ID != first.ID || rep.LearnedBytes != 300_000 {
		t.Errorf("%+v, want the same snapshot and the shard read", rep)
	}
	if rep := r.index(); rep.LearnedBytes != 0 {
		t.Errorf("read again: %+v", rep)
	}
}

// A shard of many parts, interrupted and gone on with by another process, has the recipe that it has in one go: also its chunks
// along tar members, and digests that know no parts.
func TestInterruptedShardHasTheSameRecipe(t *testing.T) {
	shard := corpus.WebDataset(3, 12<<20).Bytes()
	r := newRig(t)
	r.src.Digests = []string{"sha256", "md5"}
	r.put("a.tar", shard)
	for stops := range 3 {
		ctx, stop := context.WithCancel(context.Background())
		sent := 0
		r.dst.Store = &hooked{Store: r.dest, afterPart: func(int) {
			if sent++; sent == 3 {
				stop()
			}
		}}
		s := r.open()
		if _, err := s.Sync(ctx, r.request()); !errors.Is(err, context.Canceled) {
			t.Fatalf("interruption %d: %v", stops, err)
		}
		r.close()
	}
	r.dst.Store = r.dest
	if rep := r.mustSync(); rep.ResumedBytes == 0 {
		t.Fatal("nothing was resumed")
	}
	got, _ := r.recipes()
	sums256, sums5 := sha256.Sum256(shard), md5.Sum(shard)
	want := &chunker.Recipe{
		Params: r.src.Params, Size: int64(len(shard)), Shard: chunker.Sum(shard), CRC64NVME: chunker.CRC64NVME(shard), CRC32C: chunker.CRC32C(shard),
		Extra: []chunker.ExtraDigest{{Algorithm: "md5", Sum: sums5[:]}, {Algorithm: "sha256", Sum: sums256[:]}},
	}
	_, err := chunker.Whole(shard, r.src.Params, chunker.Options{Workers: 1}, func(c chunker.Chunk) error {
		want.Chunks = append(want.Chunks, c)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got["a.tar"]); diff != "" {
		t.Error(diff)
	}
}

// What was read by an algorithm that is known no more is read anew, also if that is interrupted: no part of then gets into the
// recipe of now.
func TestPartsOfAnOldAlgorithmAreForgotten(t *testing.T) {
	r := newRig(t)
	r.options.PartsPerShard = 1 // so that the interruption comes after two parts were recorded
	shard := data(1, 5<<20)
	r.put("a.bin", shard)
	entry, err := r.source.Head(context.Background(), "c4/a.bin")
	if err != nil {
		t.Fatal(err)
	}
	old := manifest.Transfer{
		Dataset: r.src.Name, Path: "a.bin", SourceStore: r.src.Dataset.Store, SourceKey: "c4/a.bin", ETag: entry.ETag, Version: entry.Version,
		Size: entry.Size, PartBytes: r.options.PartBytes, Params: &chunker.Params{Algorithm: "w16-v0", MinBytes: 16 << 10, AvgBytes: 64 << 10, MaxBytes: 256 << 10},
	}
	old.ID = engine.TransferID(old)
	r.open()
	err = r.m.Update(func(tx *manifest.Tx) error {
		// The last part, with a chunk that is nothing of this shard.
		p := manifest.Part{Number: 5, Offset: 4 << 20, Size: 1 << 20, Chunks: make([]byte, 36)}
		p.Chunks[2] = 1 // 64 KiB
		return errors.Join(tx.PutTransfer(old), tx.PutPart(old.ID, p))
	})
	if err != nil {
		t.Fatal(err)
	}
	r.close()

	ctx, stop := context.WithCancel(context.Background())
	r.src.Store = &hooked{Store: r.source, beforeRead: func(_ string, off int64) {
		if off >= 2<<20 {
			stop()
		}
	}}
	if _, err := r.open().Index(ctx, r.src); err == nil || !strings.Contains(err.Error(), "canceled") {
		t.Fatalf("the interrupted index: %v", err)
	}
	r.close()
	r.src.Store = r.source
	if rep := r.index(); rep.ResumedBytes != 2<<20 {
		t.Errorf("%d bytes resumed, want those of two parts", rep.ResumedBytes)
	}
	got, _ := r.recipes()
	var want []chunker.Chunk
	if _, err := chunker.Whole(shard, r.src.Params, chunker.Options{}, func(c chunker.Chunk) error {
		want = append(want, c)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got["a.bin"].Chunks); diff != "" {
		t.Error(diff)
	}
}

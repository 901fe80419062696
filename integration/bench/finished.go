package main

import (
	"context"
	"crypto/md5"
	"errors"
	"fmt"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/jobs"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/sync/index"
)

// finished writes into a state directory what a sync of a dataset from store "lake" to destination "site", a store of that
// name, leaves there when all is proven, without moving anything: the record of the listing, recipes, facts, replicas, the
// snapshot and the need. The source is listed for it; the shards' contents are made up, of the sizes that it lists.
// What it leaves out are the lines of the account, which grow with money and not with shards.
func finished(ctx context.Context, dir string, source index.Lister) (err error) {
	m, err := manifest.OpenDir(dir, manifest.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	d := index.Dataset{
		Name: datasetName, Store: "lake", Prefix: datasetName + "/", Format: "auto",
		Params: chunker.ParamsFor(chunker.AlgorithmTar, defaultChunkBytes),
	}
	l, err := index.List(ctx, source, d, m.Now(), nil)
	if err != nil {
		return err
	}
	if err := m.Update(func(tx *manifest.Tx) error {
		_, err := index.RecordListing(tx, d, l)
		return err
	}); err != nil {
		return err
	}
	entries, err := l.Entries()
	if err != nil {
		return err
	}
	states := make([]index.State, len(entries))
	for i, e := range entries {
		states[i] = index.State{Entry: e}
	}
	// As many at a time as fit a transaction in memory.
	const most = 50_000
	for from := 0; from < len(states); from += most {
		if err := recordShards(m, d, states[from:min(from+most, len(states))], uint64(from)); err != nil {
			return err
		}
	}
	header, err := index.Commit(m, d, states, true)
	if err != nil {
		return err
	}
	return m.Update(func(tx *manifest.Tx) error {
		now := manifest.At(m.Now())
		selection := jobs.Digest(func(yield func(string, chunker.Digest) bool) {
			for _, s := range states {
				if !yield(s.Path, s.Digest) {
					return
				}
			}
		})
		return tx.PutNeed(manifest.Need{
			ID: needID(datasetName, "site"), Dataset: datasetName, Snapshot: header.ID, Destination: "site", Selection: selection,
			Shards: header.Shards, Bytes: header.Bytes, Updated: now, Ready: now,
		})
	})
}

// defaultChunkBytes is what the configuration says where it says nothing.
const defaultChunkBytes = 64 << 10

// needID names a need for all shards as pkg/sync does. With another one the first sync would write its receipt again, which
// the benchmark would see as a request.
func needID(dataset, destination string) string {
	h := chunker.NewHasher()
	fmt.Fprintf(h, "%q %q %q", dataset, destination, []string(nil))
	return h.Digest().Hex()[:12]
}

// recordShards makes up the contents of some shards, fills in what reading them would have taught, and records it.
func recordShards(m *manifest.Manifest, d index.Dataset, list []index.State, seed uint64) error {
	recipes := make([]manifest.NewRecipe, len(list))
	for i := range list {
		var err error
		if recipes[i], err = learn(&list[i], d, seed+uint64(i)); err != nil {
			return err
		}
	}
	stored, err := m.StoreRecipes(recipes)
	if err != nil {
		return err
	}
	return m.Update(func(tx *manifest.Tx) error {
		if err := tx.PutRecipes(stored); err != nil {
			return err
		}
		now := manifest.At(m.Now())
		for i, s := range list {
			if err := tx.PutFact(d.Name, manifest.Fact{
				Path: s.Path, Size: s.Size, ETag: s.ETag, Version: s.Version, Stored: s.Stored, Shard: s.Digest, Recipe: s.Recipe,
				CRC64NVME: s.CRC64NVME, CRC32C: s.CRC32C, Indexed: now, Cut: s.Cut,
			}); err != nil {
				return err
			}
			if err := tx.PutReplica(manifest.Replica{
				Store: "site", Key: d.Prefix + s.Path, Shard: s.Digest, Size: s.Size, ETag: fmt.Sprintf("%x", md5.Sum(madeUp(seed+uint64(i), s.Size))),
				Written: now, Seen: now, Verified: now, Proof: "upload", Recipe: s.Recipe,
			}); err != nil {
				return err
			}
		}
		return nil
	})
}

// learn makes up a shard's content, cuts it and takes its digests.
func learn(s *index.State, d index.Dataset, number uint64) (manifest.NewRecipe, error) {
	content := madeUp(number, s.Size)
	recipe := chunker.Recipe{Params: d.Params, Size: s.Size}
	sums, err := chunker.Whole(content, d.Params, chunker.Options{Workers: 1}, func(c chunker.Chunk) error {
		recipe.Chunks = append(recipe.Chunks, c)
		return nil
	})
	if err != nil {
		return manifest.NewRecipe{}, err
	}
	recipe.Shard, recipe.CRC64NVME, recipe.CRC32C = sums.Shard, sums.CRC64NVME, sums.CRC32C
	encoded, err := recipe.Encode()
	if err != nil {
		return manifest.NewRecipe{}, err
	}
	if s.Recipe, err = recipe.Digest(); err != nil {
		return manifest.NewRecipe{}, err
	}
	s.Known, s.Digest, s.CRC64NVME, s.CRC32C, s.Cut = true, sums.Shard, sums.CRC64NVME, sums.CRC32C, index.CutOf(d.Params, d.Digests)
	return manifest.NewRecipe{Digest: s.Recipe, Encoded: encoded}, nil
}

package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"syscall"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/manifest"
)

const (
	// recipeChunks of defaultChunkBytes each are a shard of 64 MiB; with as many for each of a million shards there are a billion.
	recipeChunks = 1000
	// recipeRoom is what one of them takes on the disk while it lies beside the manifest, and a fifth more.
	recipeRoom = 36 * 6 / 5
	// recipeBatch fills a pack.
	recipeBatch = 1800
)

// chunks starts the daemon on the manifest of a million shards beside which lie recipes of a billion chunks. Where the disk has no room for them it is not
// measured. Nobody to compare with.
func chunks(ctx context.Context, b *bed) (rows []row, err error) {
	shards := int(b.scaled(millionKeys))
	var disk syscall.Statfs_t
	if err := syscall.Statfs(b.dir, &disk); err != nil {
		return nil, err
	}
	free, need := disk.Bavail*uint64(disk.Bsize), uint64(shards)*recipeChunks*recipeRoom //nolint:gosec // a block's size
	if free < need {
		b.say("  not measured: recipes of %d chunks need %d GiB in %s, which has %d", shards*recipeChunks, need>>30, b.dir, free>>30)
		return nil, nil
	}
	a, end, err := b.holdingAll(ctx, newLister(shards), &emptyBucket{}, shards)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, end()) }()
	b.say("  writing recipes of %d chunks", shards*recipeChunks)
	if err := layBeside(ctx, filepath.Join(a.dir, "state"), shards); err != nil {
		return nil, err
	}
	if err := a.unscheduled(); err != nil {
		return nil, err
	}
	took, d, err := a.startOften(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := d.end(); err != nil {
		return nil, err
	}
	name := fmt.Sprintf("daemon with %d shards, recipes of %d chunks beside it: ", shards, shards*recipeChunks)
	return []row{alone(fmt.Sprintf("%sstart to READY, median of %d", name, len(took)), "s", median(took), readySeconds)}, a.remove()
}

// layBeside adds recipes of made-up shards to the manifest in a state directory.
func layBeside(ctx context.Context, dir string, recipes int) (err error) {
	m, err := manifest.OpenDir(dir, manifest.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	rnd := rand.NewChaCha8([32]byte{1})
	for done := 0; done < recipes && ctx.Err() == nil; done += recipeBatch {
		list := make([]manifest.NewRecipe, min(recipeBatch, recipes-done))
		for i := range list {
			if list[i], err = madeUpRecipe(rnd); err != nil {
				return err
			}
		}
		stored, err := m.StoreRecipes(list)
		if err != nil {
			return err
		}
		if err := m.Update(func(tx *manifest.Tx) error { return tx.PutRecipes(stored) }); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func madeUpRecipe(rnd *rand.ChaCha8) (n manifest.NewRecipe, err error) {
	r := chunker.Recipe{
		Params: chunker.ParamsFor(chunker.AlgorithmTar, defaultChunkBytes), Size: recipeChunks * defaultChunkBytes, Chunks: make([]chunker.Chunk, recipeChunks),
	}
	binary.NativeEndian.PutUint64(r.Shard[:], rnd.Uint64())
	for i := range r.Chunks {
		c := &r.Chunks[i]
		c.Offset, c.Length = int64(i)*defaultChunkBytes, defaultChunkBytes
		_, _ = rnd.Read(c.Digest[:])
	}
	if n.Encoded, err = r.Encode(); err != nil {
		return n, err
	}
	n.Digest = chunker.Digest(n.Encoded[len(n.Encoded)-len(n.Digest):])
	return n, nil
}

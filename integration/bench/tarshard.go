package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/datagravity/datagravity/internal/corpus"
)

const (
	tarShards     = 8
	tarShardBytes = 64 << 20
)

// tarShard makes the i-th shard of a dataset of tar archives of images of 20 to 200 KiB, as one of its versions is. All random
// choices of a shard depend on i alone, and no two shards have bytes in common.
func tarShard(folder string, i int64, version func(seed uint64, c *corpus.Corpus) []byte) object {
	seed := uint64(i)
	data := version(seed, corpus.Tar(seed, tarShardBytes))
	return object{fmt.Sprintf("%s/%s/shard-%06d.tar", datasetName, folder, i), int64(len(data)), bytes.NewReader(data)}
}

// first is the version that a shard is made as.
func first(_ uint64, c *corpus.Corpus) []byte { return c.Bytes() }

// tarName says which dataset a row is about.
func tarName(d delta) string {
	return fmt.Sprintf("%d tar shards of %d MiB", d.after.objects, tarShardBytes>>20)
}

// bound is a kind of destination with the most, in per cent of the dataset, that may cross to it.
type bound struct {
	to      site
	percent float64
}

// changedTars measures a change to every tar shard of a dataset, at each of the bounds. name is the dataset's, and label says in the
// rows what changed.
func (b *bed) changedTars(ctx context.Context, name, label string, change func(seed uint64, c *corpus.Corpus) []byte, bounds []bound) (rows []row, err error) {
	d, err := b.newDelta(ctx, name, max(2, b.scaled(tarShards)),
		func(i int64) object { return tarShard("v", i, first) },
		func(i int64) object { return tarShard("v", i, change) })
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, b.dropDelta(ctx, d)) }()
	for _, at := range bounds {
		ours, peer, err := b.crossings(ctx, d, at.to)
		if err != nil {
			return nil, err
		}
		rows = append(rows, d.rows(label+tarName(d), at.to, ours, peer, at.percent)...)
	}
	return rows, nil
}

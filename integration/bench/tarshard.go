package main

import (
	"bytes"
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

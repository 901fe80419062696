package main

import (
	"context"

	"github.com/datagravity/datagravity/internal/corpus"
)

// appended adds members behind the last one of every shard: a twentieth of its bytes.
func appended(ctx context.Context, b *bed) ([]row, error) {
	change := func(seed uint64, c *corpus.Corpus) []byte {
		data, _ := c.Append(seed, 0.05)
		return data
	}
	return b.changedTars(ctx, "appended", "5 % appended to ", change, []bound{{b.fileSite(), 5}, {b.s3Site(false), 5}})
}

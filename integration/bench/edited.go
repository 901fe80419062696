package main

import (
	"context"

	"github.com/datagravity/datagravity/internal/corpus"
)

// edited replaces one member in a hundred, scattered over every shard.
func edited(ctx context.Context, b *bed) ([]row, error) {
	change := func(seed uint64, c *corpus.Corpus) []byte {
		data, _ := c.Replace(seed, 0.01)
		return data
	}
	return b.changedTars(ctx, "edited", "1 % of members replaced in ", change, []bound{
		{b.fileSite(), 2.5},
		// S3 takes no part below 5 MiB but the last one, so that members far apart cost one each.
		{b.s3Site(false), 36},
		{b.s3Site(true), 12},
	})
}

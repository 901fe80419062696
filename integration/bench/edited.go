package main

import (
	"context"
	"errors"

	"github.com/datagravity/datagravity/internal/corpus"
)

// edited replaces one member in a hundred, scattered over every shard.
func edited(ctx context.Context, b *bed) (rows []row, err error) {
	d, err := b.newDelta(ctx, "edited", max(2, b.scaled(tarShards)),
		func(i int64) object { return tarShard("v", i, first) },
		func(i int64) object {
			return tarShard("v", i, func(seed uint64, c *corpus.Corpus) []byte {
				data, _ := c.Replace(seed, 0.01)
				return data
			})
		})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, b.dropDelta(ctx, d)) }()
	for _, t := range []struct {
		to     site
		target float64
	}{
		{b.fileSite(), 2.5},
		// S3 takes no part below 5 MiB but the last one, so that members far apart cost one each.
		{b.s3Site(false), 36},
		{b.s3Site(true), 12},
	} {
		ours, peer, err := b.crossings(ctx, d, t.to)
		if err != nil {
			return nil, err
		}
		rows = append(rows, d.rows("1 % of members replaced in "+tarName(d), t.to, ours, peer, t.target)...)
	}
	return rows, nil
}

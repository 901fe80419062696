package main

import (
	"context"
	"errors"

	"github.com/datagravity/datagravity/internal/corpus"
)

// appended adds members behind the last one of every shard: a twentieth of its bytes.
func appended(ctx context.Context, b *bed) (rows []row, err error) {
	d, err := b.newDelta(ctx, "appended", max(2, b.scaled(tarShards)),
		func(i int64) object { return tarShard("v", i, first) },
		func(i int64) object {
			return tarShard("v", i, func(seed uint64, c *corpus.Corpus) []byte {
				data, _ := c.Append(seed, 0.05)
				return data
			})
		})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, b.dropDelta(ctx, d)) }()
	for _, to := range []site{b.fileSite(), b.s3Site(false)} {
		ours, peer, err := b.crossings(ctx, d, to)
		if err != nil {
			return nil, err
		}
		rows = append(rows, d.rows("5 % appended to "+tarName(d), to, ours, peer, 5)...)
	}
	return rows, nil
}

package main

import (
	"context"
	"errors"
)

// renamedMostKiB is what may be sent for a shard that only gets another name: the headers of some requests.
const renamedMostKiB = 4

// renamed moves every shard to another folder of the dataset.
func renamed(ctx context.Context, b *bed) (rows []row, err error) {
	d, err := b.newDelta(ctx, "renamed", max(2, b.scaled(tarShards)),
		func(i int64) object { return tarShard("v1", i, first) },
		func(i int64) object { return tarShard("v2", i, first) })
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, b.dropDelta(ctx, d)) }()
	ours, peer, err := b.crossings(ctx, d, b.s3Site(false))
	if err != nil {
		return nil, err
	}
	name := tarName(d) + " under another folder, to S3: "
	each := func(bytes int64) float64 { return float64(bytes) / 1024 / float64(d.after.objects) }
	return []row{
		alone(name+"payload that crosses, by the agent's account", "bytes", float64(ours.movedBytes), 0),
		atMost(name+"sent for a shard, headers and all", "KiB", each(ours.bytes), each(peer.bytes), renamedMostKiB),
		told(name+"share that is read back", "%", d.share(ours.backBytes), d.share(peer.backBytes)),
	}, nil
}

package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"github.com/datagravity/datagravity/pkg/store/azure"
)

const (
	millionKeys = 1_000_000
	// millionMemoryMiB is what a sync may take that finds nothing to do.
	millionMemoryMiB = 200
)

// million syncs a million shards that are all there, from a container that only lists. Nobody to compare with: rclone would
// list the destination too, which does not exist.
func million(ctx context.Context, b *bed) (rows []row, err error) {
	keys := int(b.scaled(millionKeys))
	bucket := &emptyBucket{}
	a, end, err := b.holdingAll(ctx, newLister(keys), bucket, keys)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, end()) }()
	runs := min(b.runs, fewRuns)
	var peak float64
	for run := range runs + 1 {
		u, err := a.sync().run(ctx)
		if err != nil {
			return nil, err
		}
		if err := expectHeld(u, int64(keys)); err != nil {
			return nil, err
		}
		if run == 0 {
			b.say("  warm-up: %s", u)
			continue
		}
		b.say("  run %d of %d: %s", run, runs, u)
		peak = max(peak, peakMiB(u))
	}
	each := func(n int64) float64 { return float64(n) / float64(runs+1) }
	name := fmt.Sprintf("no-op sync of %d shards, worst of %d runs: ", keys, runs)
	return []row{
		alone(name+"peak RssAnon", "MiB", peak, millionMemoryMiB),
		alone(name+"requests to the destination about its objects", "requests", each(bucket.others.Load()), 0),
		alone(name+"requests to the destination, opening it included", "requests", each(bucket.opening.Load()+bucket.others.Load()), 0),
	}, a.remove()
}

// finish writes the manifest of a sync from a container of the lister, which checks no credentials but needs some to be opened.
func (b *bed) finish(ctx context.Context, dir string, from place) (err error) {
	u, err := url.Parse(from.url)
	if err != nil {
		return err
	}
	s, err := azure.Open(ctx, u, azure.Options{AccountKey: b.credentials()["AZURE_STORAGE_KEY"]})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	return finished(ctx, dir, s)
}

// expectHeld wants a sync to have found every shard held, and to have moved nothing.
func expectHeld(u usage, shards int64) error {
	said, err := readSummary(u)
	if err != nil {
		return err
	}
	if said.MovedBytes != 0 || len(said.Ways) != 1 || said.Ways["have"].Shards != shards {
		return fmt.Errorf("sync moved %d bytes and found %v, want 0 and %d shards held", said.MovedBytes, said.Ways, shards)
	}
	return nil
}

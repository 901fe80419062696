package main

import (
	"context"
	"fmt"
)

const (
	firstObjects     = 32
	firstObjectBytes = 64 << 20
	// firstMemoryMiB is what the daemon may take beside a training job's data loaders.
	firstMemoryMiB = 256
)

// firstSync moves a dataset that nobody has read before: datagravity indexes it on the way.
func firstSync(ctx context.Context, b *bed) ([]row, error) {
	s, err := b.seed(ctx, "first", max(2, b.scaled(firstObjects)), firstObjectBytes)
	if err != nil {
		return nil, err
	}
	from := b.azurePlace(s.container)
	p, err := alternate(ctx, b,
		func(ctx context.Context, run int) (usage, error) { return b.firstOurs(ctx, run, from, s) },
		func(ctx context.Context, run int) (usage, error) { return b.firstPeer(ctx, run, from, s) })
	if err != nil {
		return nil, err
	}
	hashing, err := hashingSeconds(s)
	if err != nil {
		return nil, err
	}
	name := fmt.Sprintf("first sync, Azure to S3, %.3g GiB in %d objects: ", mib(s.totalBytes())/1024, s.objects)
	wall, peerWall := p.medians(wallSeconds)
	cpu, peerCPU := p.medians(cpuSeconds)
	peak, peerPeak := p.medians(peakMiB)
	return []row{
		ratioAtMost(name+"wall", "s", wall, peerWall, 1.1),
		ratioAtMost(name+"client CPU", "s", cpu, peerCPU, 1.3),
		atMost(name+"peak RssAnon", "MiB", peak, peerPeak, firstMemoryMiB),
		told(name+"our hashing alone to all of rclone's CPU", "s", hashing, peerCPU),
	}, nil
}

func (b *bed) firstOurs(ctx context.Context, run int, from place, s source) (usage, error) {
	to, err := b.newS3Place(ctx)
	if err != nil {
		return usage{}, err
	}
	a, err := b.newAgent(from, to)
	if err != nil {
		return usage{}, err
	}
	u, err := a.sync().run(ctx)
	if err != nil {
		return u, err
	}
	if err := expectReady(u, s.totalBytes()); err != nil {
		return u, err
	}
	if err := b.checkAndDrop(ctx, run, to, s); err != nil {
		return u, err
	}
	return u, a.remove()
}

func (b *bed) firstPeer(ctx context.Context, run int, from place, s source) (usage, error) {
	to, err := b.newS3Place(ctx)
	if err != nil {
		return usage{}, err
	}
	u, err := b.copyDataset(from, to).run(ctx)
	if err != nil {
		return u, err
	}
	return u, b.checkAndDrop(ctx, run, to, s)
}

// newS3Place is a new, empty bucket.
func (b *bed) newS3Place(ctx context.Context) (place, error) {
	name, err := b.bucket(ctx, "dest")
	return b.s3Place(name), err
}

// checkAndDrop looks at what a run left, at its bytes too in the warm-up, and removes it.
func (b *bed) checkAndDrop(ctx context.Context, run int, at place, s source) error {
	check := b.expectAt
	if run == 0 {
		check = b.expectSame
	}
	if err := check(ctx, at, s); err != nil {
		return err
	}
	if err := b.drop(ctx, at); err != nil {
		return err
	}
	return settle(ctx)
}

package main

import (
	"context"
	"errors"
	"fmt"
)

const (
	firstObjects     = 32
	firstObjectBytes = 64 << 20
	// firstMemoryMiB is what the daemon may take beside a training job's data loaders.
	firstMemoryMiB = 256
)

// firstTargets are limits on our figures to rclone's.
type firstTargets struct{ wall, cpu float64 }

// firstSync moves a dataset that nobody has read before: datagravity indexes it on the way.
func firstSync(t firstTargets) func(context.Context, *bed) ([]row, error) {
	return func(ctx context.Context, b *bed) (rows []row, err error) {
		s, err := b.seed(ctx, "first", max(2, b.scaled(firstObjects)), firstObjectBytes)
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, b.dropSource(ctx, s)) }()
		p, err := b.copyInTurn(ctx, b.runs, s, b.azurePlace(s.container), unchanged)
		if err != nil {
			return nil, err
		}
		hashing, err := hashingSeconds(s)
		if err != nil {
			return nil, err
		}
		name := fmt.Sprintf("first sync, Azure to S3, %.3g GiB in %d objects: ", mib(s.totalBytes)/1024, s.objects)
		wall, peerWall := p.medians(wallSeconds)
		cpu, peerCPU := p.medians(cpuSeconds)
		peak, peerPeak := p.medians(peakMiB)
		return []row{
			ratioAtMost(name+"wall", "s", wall, peerWall, t.wall),
			ratioAtMost(name+"client CPU", "s", cpu, peerCPU, t.cpu),
			atMost(name+"peak RssAnon", "MiB", peak, peerPeak, firstMemoryMiB),
			told(name+"our hashing alone to all of rclone's CPU", "s", hashing, peerCPU),
		}, nil
	}
}

// inParts have rclone upload objects of this size as datagravity does, in parts, where its default is one request each.
var inParts = []string{"--s3-upload-cutoff", "0", "--s3-chunk-size", "8Mi"}

// firstInParts is firstSync beside an rclone that uploads in parts, too: the server puts those together in another file, which costs it
// a second copy of every byte, as it does no real S3.
func firstInParts(ctx context.Context, b *bed) (rows []row, err error) {
	s, err := b.seed(ctx, "parts", max(2, b.scaled(firstObjects)), firstObjectBytes)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, b.dropSource(ctx, s)) }()
	p, err := b.copyInTurn(ctx, b.runs, s, b.azurePlace(s.container), unchanged, inParts...)
	if err != nil {
		return nil, err
	}
	name := fmt.Sprintf("the same beside rclone in parts of 8 MiB, %.3g GiB in %d objects: ", mib(s.totalBytes)/1024, s.objects)
	wall, peerWall := p.medians(wallSeconds)
	cpu, peerCPU := p.medians(cpuSeconds)
	return []row{told(name+"wall", "s", wall, peerWall), told(name+"client CPU", "s", cpu, peerCPU)}, nil
}

// unchanged is a place as it is, with nothing in front of its server.
func unchanged(p place) place { return p }

// copyInTurn has both programs bring a source to new, empty buckets, rclone with its defaults but for the flags. front tells how a program
// reaches its bucket; what is there afterwards is looked at without it.
func (b *bed) copyInTurn(ctx context.Context, runs int, s source, from place, front func(place) place, flags ...string) (pair, error) {
	run := func(ctx context.Context, run int, copied func(to place) (usage, error)) (usage, error) {
		to, err := b.newS3Place(ctx)
		if err != nil {
			return usage{}, err
		}
		u, err := copied(front(to))
		if err != nil {
			return u, err
		}
		return u, b.checkAndDrop(ctx, run, to, s)
	}
	return alternate(ctx, b, runs,
		func(ctx context.Context, n int) (usage, error) {
			return run(ctx, n, func(to place) (usage, error) { return b.firstOurs(ctx, from, to, s) })
		},
		func(ctx context.Context, n int) (usage, error) {
			return run(ctx, n, func(to place) (usage, error) { return b.copyDataset(from, to, flags...).run(ctx) })
		})
}

// firstOurs is one sync by an agent that knows nothing yet.
func (b *bed) firstOurs(ctx context.Context, from, to place, s source) (usage, error) {
	a, err := b.newAgent(from, to)
	if err != nil {
		return usage{}, err
	}
	u, err := a.sync().run(ctx)
	if err != nil {
		return u, err
	}
	return u, errors.Join(expectReady(u, s.totalBytes), a.remove())
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
	if err := b.drop(at); err != nil {
		return err
	}
	return settle(ctx)
}

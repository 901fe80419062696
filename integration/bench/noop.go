package main

import (
	"context"
	"errors"
	"fmt"
)

const (
	noOpObjects     = 20_000
	noOpObjectBytes = 1 << 10
	// azurePage is the most blobs that a page of an Azure listing has.
	azurePage = 5000
)

// noOp asks for a dataset that is already there.
func noOp(ctx context.Context, b *bed) ([]row, error) {
	s, err := b.seed(ctx, "noop", b.scaled(noOpObjects), noOpObjectBytes)
	if err != nil {
		return nil, err
	}
	n := &standing{bed: b, source: s, from: b.azurePlace(s.container)}
	if err := n.fill(ctx); err != nil {
		return nil, err
	}
	name := fmt.Sprintf("no-op sync, %d objects", s.objects)
	rows, err := n.measure(ctx, name)
	if err != nil {
		return nil, err
	}
	checked, err := n.measure(ctx, name+", --check", "--check")
	if err != nil {
		return nil, err
	}
	counted, err := n.count(ctx, name)
	return append(append(rows, checked...), counted...), err
}

// standing is a dataset with a complete copy by each program.
type standing struct {
	*bed
	source source
	from   place
	ours   place // what datagravity wrote
	peers  place // what rclone wrote
	agent  *agent
}

// fill makes both copies.
func (n *standing) fill(ctx context.Context) (err error) {
	if n.ours, err = n.newS3Place(ctx); err != nil {
		return err
	}
	if n.peers, err = n.newS3Place(ctx); err != nil {
		return err
	}
	if n.agent, err = n.newAgent(n.from, n.ours); err != nil {
		return err
	}
	mine, err := n.agent.sync().run(ctx)
	if err == nil {
		err = expectReady(mine, n.source.totalBytes)
	}
	if err != nil {
		return fmt.Errorf("first sync: %w", err)
	}
	theirs, err := n.copyDataset(n.from, n.peers).run(ctx)
	if err != nil {
		return fmt.Errorf("first copy: %w", err)
	}
	n.say("  first copies: datagravity %s, %s %s", mine, peerName, theirs)
	return errors.Join(n.expectAt(ctx, n.ours, n.source), n.expectAt(ctx, n.peers, n.source))
}

func (n *standing) measure(ctx context.Context, name string, flags ...string) ([]row, error) {
	p, err := alternate(ctx, n.bed, n.runs,
		func(ctx context.Context, _ int) (usage, error) {
			u, err := n.agent.sync(flags...).run(ctx)
			if err != nil {
				return u, err
			}
			return u, expectReady(u, 0)
		},
		func(ctx context.Context, _ int) (usage, error) { return n.copyDataset(n.from, n.peers).run(ctx) })
	if err != nil {
		return nil, err
	}
	cpu, peerCPU := p.medians(cpuSeconds)
	wall, peerWall := p.medians(wallSeconds)
	return []row{
		ratioAtMost(name+": client CPU", "s", cpu, peerCPU, 0.1),
		ratioAtMost(name+": wall", "s", wall, peerWall, 0.6),
	}, nil
}

// count runs each program once more, through proxies that count its requests.
func (n *standing) count(ctx context.Context, name string) (rows []row, err error) {
	mine, err := n.counted(ctx, n.ours, func(from, to place) (command, error) {
		return n.agent.sync(), n.agent.configure(from, to)
	})
	if err != nil {
		return nil, err
	}
	theirs, err := n.counted(ctx, n.peers, func(from, to place) (command, error) { return n.copyDataset(from, to), nil })
	if err != nil {
		return nil, err
	}
	pages := (n.source.objects-1)/azurePage + 1
	return []row{
		atMost(name+": listing pages asked of the source", "requests", float64(mine.sourceListings), float64(theirs.sourceListings), float64(pages)),
		atMost(name+": listing pages asked of the destination", "requests", float64(mine.destListings), float64(theirs.destListings), 0),
		told(name+": all requests to both", "requests", float64(mine.all), float64(theirs.all)),
	}, nil
}

// counts of one run.
type counts struct{ sourceListings, destListings, all int64 }

func (n *standing) counted(ctx context.Context, at place, prepare func(from, to place) (command, error)) (c counts, err error) {
	src, err := startCounter(n.azure.Addr())
	if err != nil {
		return c, err
	}
	defer func() { err = errors.Join(err, src.Close(ctx)) }()
	dst, err := startCounter(n.s3.Addr())
	if err != nil {
		return c, err
	}
	defer func() { err = errors.Join(err, dst.Close(ctx)) }()
	cmd, err := prepare(n.from.behind(src.Through), at.behind(dst.Through))
	if err != nil {
		return c, err
	}
	if _, err := cmd.run(ctx); err != nil {
		return c, err
	}
	c = counts{src.listings.Load(), dst.listings.Load(), src.requests.Load() + dst.requests.Load()}
	if c.sourceListings == 0 {
		return c, fmt.Errorf("no listing of the source was counted: %s does not go through the counters", cmd)
	}
	return c, nil
}

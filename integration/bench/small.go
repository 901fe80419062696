package main

import (
	"context"
	"errors"
	"fmt"
)

const (
	smallObjects     = 20_000
	smallObjectBytes = 1 << 10
)

// smallSync is the first sync of objects so small that requests and records are all the work.
func smallSync(ctx context.Context, b *bed) (rows []row, err error) {
	s, err := b.seed(ctx, "small", b.scaled(smallObjects), smallObjectBytes)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, b.dropSource(ctx, s)) }()
	p, err := b.copyInTurn(ctx, min(b.runs, fewRuns), s, b.azurePlace(s.container), unchanged)
	if err != nil {
		return nil, err
	}
	to, err := b.newS3Place(ctx)
	if err != nil {
		return nil, err
	}
	requests, err := b.requestSeconds(ctx, s, to)
	if err != nil {
		return nil, err
	}
	// It made what the others make.
	if err := b.checkAndDrop(ctx, 0, to, s); err != nil {
		return nil, err
	}
	wall, peerWall := p.medians(wallSeconds)
	cpu, peerCPU := p.medians(cpuSeconds)
	name := fmt.Sprintf("first sync of %d objects of 1 KiB: ", s.objects)
	return []row{
		ratioAtMost(name+"wall", "s", wall, peerWall, 0.75),
		ratioAtMost(name+"client CPU", "s", cpu, peerCPU, 0.5),
		told(name+"the SDKs' two requests alone to all of rclone's CPU", "s", requests, peerCPU),
	}, nil
}

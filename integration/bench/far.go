package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/datagravity/datagravity/internal/netem"
)

const (
	farObjects     = 8
	farObjectBytes = 64 << 20
)

// farLink is a path to another continent: room for many connections, little for each of them.
var farLink = netem.Path{BytesPerSecond: 10_000_000, LatencyMs: 40}

// farSync is the first sync with both servers far away.
func farSync(ctx context.Context, b *bed) (rows []row, err error) {
	s, err := b.seed(ctx, "far", max(2, b.scaled(farObjects)), farObjectBytes)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, b.dropSource(ctx, s)) }()
	src, err := netem.StartPath(b.azure.Addr(), farLink)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	dst, err := netem.StartPath(b.s3.Addr(), farLink)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, dst.Close()) }()
	p, err := b.copyInTurn(ctx, b.runs, s, b.azurePlace(s.container).behind(src.Through),
		func(to place) place { return to.behind(dst.Through) })
	if err != nil {
		return nil, err
	}
	// A warm-up and the measured runs, of both programs.
	least := 2 * int64(b.runs+1) * s.totalBytes
	if read, sent := src.Counts().ReceivedBytes, dst.Counts().SentBytes; read < least || sent < least {
		return nil, fmt.Errorf("%d bytes came over the source's link and %d went over the destination's, want at least %d: the rest went past them",
			read, sent, least)
	}
	wall, peerWall := p.medians(wallSeconds)
	cpu, peerCPU := p.medians(cpuSeconds)
	name := fmt.Sprintf("far link (%g MB/s a connection, %d ms), %.4g MiB in %d objects: ", float64(farLink.BytesPerSecond)/1e6, farLink.LatencyMs,
		mib(s.totalBytes), s.objects)
	return []row{
		ratioAtMost(name+"wall", "s", wall, peerWall, 0.35),
		told(name+"client CPU", "s", cpu, peerCPU),
	}, nil
}

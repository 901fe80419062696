package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/datagravity/datagravity/internal/emulator"
	"github.com/datagravity/datagravity/internal/netem"
)

const (
	slowObjectBytes = 256 << 20
	// slowBytesPerSecond of one connection, a usual figure between clouds: the whole link has room for many of them.
	slowBytesPerSecond = 5_000_000
)

var slowLink = netem.Path{BytesPerSecond: slowBytesPerSecond}

// slowLinks moves one object over links that limit each connection.
func slowLinks(ctx context.Context, b *bed) (rows []row, err error) {
	s, err := b.seed(ctx, "slow", 1, b.scaled(slowObjectBytes))
	if err != nil {
		return nil, err
	}
	src, err := netem.StartPath(b.azure.Addr(), slowLink)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	from := b.azurePlace(s.container).behind(src.Through)
	run := func(ctx context.Context, with func(to place) (usage, error)) (usage, error) {
		return b.overSlowLinks(ctx, s, src, with)
	}
	p, err := alternate(ctx, b, b.runs,
		func(ctx context.Context, _ int) (usage, error) {
			return run(ctx, func(to place) (usage, error) {
				a, err := b.newAgent(from, to)
				if err != nil {
					return usage{}, err
				}
				u, err := a.sync().run(ctx)
				if err != nil {
					return u, err
				}
				return u, errors.Join(expectReady(u, s.totalBytes), a.remove())
			})
		},
		func(ctx context.Context, _ int) (usage, error) {
			return run(ctx, func(to place) (usage, error) { return b.copyDataset(from, to).run(ctx) })
		})
	if err != nil {
		return nil, err
	}
	wall, peerWall := p.medians(wallSeconds)
	name := fmt.Sprintf("one object of %.3g MiB, Azure to GCS, %g MB/s a connection: wall seconds", mib(s.totalBytes), slowBytesPerSecond/1e6)
	return []row{faster(name, wall, peerWall, 3)}, nil
}

// overSlowLinks gives a run a new GCS server behind a slow link, and makes sure that all bytes went over both links.
func (b *bed) overSlowLinks(ctx context.Context, s source, src *netem.Meter, with func(to place) (usage, error)) (u usage, err error) {
	var dst *netem.Meter
	server, err := emulator.StartGCSBehind(ctx, filepath.Join(b.dir, "servers"), func(addr string) (string, error) {
		if dst != nil {
			_ = dst.Close() // of a port that somebody else took
		}
		if dst, err = netem.StartPath(addr, slowLink); err != nil {
			return "", err
		}
		return dst.Addr, nil
	})
	if err != nil {
		return u, err
	}
	defer func() { err = errors.Join(err, dst.Close(), server.Stop()) }()
	name := b.name("dest")
	if err := server.CreateBucket(ctx, name); err != nil {
		return u, err
	}
	direct := place{url: server.StoreURL(name), endpoint: server.Endpoint, bucket: name, location: "gcp:us-central1"}
	read, sent := src.Counts(), dst.Counts()
	if u, err = with(direct.behind(dst.Through)); err != nil {
		return u, err
	}
	read, sent = src.Counts().Sub(read), dst.Counts().Sub(sent)
	if read.ReceivedBytes < s.totalBytes || sent.SentBytes < s.totalBytes {
		return u, fmt.Errorf("%d bytes came over the source's link and %d went over the destination's, the object has %d: the rest went past them",
			read.ReceivedBytes, sent.SentBytes, s.totalBytes)
	}
	b.say("    %d connections to the source, %d to the destination", read.Connections, sent.Connections)
	return u, b.expectAt(ctx, direct.behind(dst.Through), s)
}

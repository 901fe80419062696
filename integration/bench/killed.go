package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/datagravity/datagravity/internal/netem"
)

const (
	killedShardBytes = 1 << 30
	killedAt         = 0.6 // of the shard sent
	killedMostMiB    = 64  // what may be moved again
)

// killed ends a sync as kill -9 does and runs it again.
func killed(ctx context.Context, b *bed) (rows []row, err error) {
	s, err := b.seed(ctx, "killed", 1, b.scaled(killedShardBytes))
	if err != nil {
		return nil, err
	}
	for _, known := range []bool{false, true} {
		kind := "never indexed"
		if known {
			kind = "indexed"
		}
		var readAgain, sentAgain float64
		for run := range b.runs {
			again, err := b.killAndResume(ctx, s, known)
			if err != nil {
				return nil, fmt.Errorf("%s, run %d: %w", kind, run+1, err)
			}
			b.say("  %s, run %d of %d: %.1f MiB read again, %.1f MiB sent again", kind, run+1, b.runs, mib(again.readBytes), mib(again.sentBytes))
			readAgain, sentAgain = max(readAgain, mib(again.readBytes)), max(sentAgain, mib(again.sentBytes))
		}
		name := fmt.Sprintf("kill -9 at %.0f %% of %.4g MiB, %s, worst of %d runs: ", killedAt*100, mib(s.sizeBytes), kind, b.runs)
		rows = append(rows,
			alone(name+"read again", "MiB", readAgain, killedMostMiB),
			alone(name+"sent again", "MiB", sentAgain, killedMostMiB))
	}
	return rows, nil
}

// again is what a kill cost: all that passed the meters in both runs, headers and listings included, beyond the shard itself.
type again struct{ readBytes, sentBytes int64 }

func (b *bed) killAndResume(ctx context.Context, s source, known bool) (out again, err error) {
	src, err := netem.StartMeter(b.azure.Addr())
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	dst, err := netem.StartMeter(b.s3.Addr())
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, dst.Close()) }()
	at, err := b.newS3Place(ctx)
	if err != nil {
		return out, err
	}
	a, err := b.newAgent(b.azurePlace(s.container).behind(src.Through), at.behind(dst.Through))
	if err != nil {
		return out, err
	}
	if known {
		if _, err := a.command("index", datasetName).run(ctx); err != nil {
			return out, err
		}
	}
	read, sent := src.Counts(), dst.Counts()
	if err := killWhen(ctx, a.sync(), func() bool {
		return float64(dst.Counts().Sub(sent).SentBytes) >= killedAt*float64(s.totalBytes())
	}); err != nil {
		return out, err
	}
	// What the dead process had handed to the kernel still passes.
	if err := settle(ctx); err != nil {
		return out, err
	}
	u, err := a.sync().run(ctx)
	if err != nil {
		return out, fmt.Errorf("after the kill: %w", err)
	}
	if err := expectReady(u, -1); err != nil {
		return out, fmt.Errorf("after the kill: %w", err)
	}
	out.readBytes = src.Counts().Sub(read).ReceivedBytes - s.totalBytes()
	out.sentBytes = dst.Counts().Sub(sent).SentBytes - s.totalBytes()
	if out.readBytes < 0 || out.sentBytes < 0 {
		return out, fmt.Errorf("fewer bytes passed the meters than the shard has: %+v", out)
	}
	return out, errors.Join(b.expectSame(ctx, at, s), b.drop(ctx, at), a.remove())
}

// killWhen starts a command and kills it as soon as reached says so. A command that ends before is an error.
func killWhen(ctx context.Context, c command, reached func() bool) error {
	p, err := c.start(ctx)
	if err != nil {
		return err
	}
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	for !reached() {
		select {
		case <-p.done:
		case <-look.C:
			continue
		}
		break
	}
	return p.kill()
}

package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	killedShardBytes = 1 << 30
	killedAt         = 0.6 // of the shard sent
	killedMostMiB    = 64  // what may be moved again
)

// killed ends a sync of one object as kill -9 does and runs it again.
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
			again, err := b.killAndResume(ctx, s, known, []moment{{sentShare: killedAt}})
			if err != nil {
				return nil, fmt.Errorf("%s, run %d: %w", kind, run+1, err)
			}
			b.say("  %s, run %d of %d: %s", kind, run+1, b.runs, again)
			readAgain, sentAgain = max(readAgain, mib(again.readBytes)), max(sentAgain, mib(again.sentBytes))
		}
		name := fmt.Sprintf("kill -9 at %.0f %% of %.4g MiB, %s, worst of %d runs: ", killedAt*100, mib(s.totalBytes), kind, b.runs)
		rows = append(rows,
			alone(name+"read again", "MiB", readAgain, killedMostMiB),
			alone(name+"sent again", "MiB", sentAgain, killedMostMiB))
	}
	return rows, nil
}

// moment of a kill: as soon as this share of the dataset has been sent, in all runs together, and then after a while.
type moment struct {
	sentShare float64
	later     time.Duration
}

// again is what kills cost: all that passed the meters in all runs, headers and listings included, beyond the dataset itself,
// and what the last run left open at the destination.
type again struct {
	readBytes, sentBytes int64
	openUploads          int64
}

// String is for the log.
func (a again) String() string {
	return fmt.Sprintf("%.1f MiB read again, %.1f MiB sent again, %d uploads left open", mib(a.readBytes), mib(a.sentBytes), a.openUploads)
}

// killAndResume kills a sync at each of the moments, in order, starting it again each time, and then lets it end.
func (b *bed) killAndResume(ctx context.Context, s source, known bool, moments []moment) (out again, err error) {
	m, err := b.openMeters()
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, m.close()) }()
	at, err := b.newS3Place(ctx)
	if err != nil {
		return out, err
	}
	a, err := b.newAgent(b.azurePlace(s.container).behind(m.source.Through), at.behind(m.dest.Through))
	if err != nil {
		return out, err
	}
	if known {
		if _, err := a.command("index", datasetName).run(ctx); err != nil {
			return out, err
		}
	}
	before := m.counts()
	for i, k := range moments {
		sent := func() int64 { return m.counts().sub(before).dest.SentBytes }
		if err := killWhen(ctx, a.sync(), k.reached(sent, s.totalBytes)); err != nil {
			return out, fmt.Errorf("kill %d of %d: %w", i+1, len(moments), err)
		}
		// What the dead process had handed to the kernel still passes.
		if err := settle(ctx); err != nil {
			return out, err
		}
	}
	u, err := a.sync().run(ctx)
	if err != nil {
		return out, fmt.Errorf("after the last kill: %w", err)
	}
	if err := expectReady(u, -1); err != nil {
		return out, fmt.Errorf("after the last kill: %w", err)
	}
	moved := m.counts().sub(before)
	out.readBytes = moved.source.ReceivedBytes - s.totalBytes
	out.sentBytes = moved.dest.SentBytes - s.totalBytes
	if out.readBytes < 0 || out.sentBytes < 0 {
		return out, fmt.Errorf("fewer bytes passed the meters than the dataset has: %+v", out)
	}
	if out.openUploads, err = b.openUploads(ctx, at); err != nil {
		return out, err
	}
	return out, errors.Join(b.expectSame(ctx, at, s), b.drop(at), a.remove())
}

// reached tells, asked again and again, whether the moment has come.
func (k moment) reached(sent func() int64, totalBytes int64) func() bool {
	var since time.Time
	return func() bool {
		if float64(sent()) < k.sentShare*float64(totalBytes) {
			return false
		}
		if since.IsZero() {
			since = time.Now()
		}
		return time.Since(since) >= k.later
	}
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

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/datagravity/datagravity/internal/netem"
)

const (
	refusedObjects     = 32
	refusedObjectBytes = 64 << 20
	refusedShare       = 0.3
	refusedFor         = 60 * time.Second
	// refusedAtLeast is for how long a scaled run refuses: several of the waits that the agent doubles.
	refusedAtLeast = 20 * time.Second
)

// refused syncs to a server that refuses much of what it is asked, for a minute.
func refused(ctx context.Context, b *bed) (rows []row, err error) {
	s, err := b.seed(ctx, "refused", max(2, b.scaled(refusedObjects)), refusedObjectBytes)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, b.dropSource(ctx, s)) }()
	during := max(refusedAtLeast, time.Duration(b.scaled(int64(refusedFor))))
	runs := min(b.runs, fewRuns)
	var attempts, failedSyncs, failedObjects float64
	for run := range runs {
		o, err := b.syncRefused(ctx, s, uint64(run), during)
		if err != nil {
			return nil, fmt.Errorf("run %d: %w", run+1, err)
		}
		b.say("  run %d of %d: %s", run+1, runs, o)
		attempts = max(attempts, float64(o.Attempts)/float64(o.Parts))
		failedObjects = max(failedObjects, float64(o.failedObjects))
		if o.failed != nil {
			failedSyncs++
		}
	}
	name := fmt.Sprintf("%g %% of requests refused with 503 for %g s, %.4g GiB in %d objects, worst of %d runs: ",
		refusedShare*100, during.Seconds(), mib(s.totalBytes)/1024, s.objects, runs)
	return []row{
		alone(name+"requests that bring data, for each part", "requests", attempts, 2),
		alone(name+"objects that failed for good", "objects", failedObjects, 0),
		alone(name+"syncs that ended otherwise than with exit code 0", "syncs", failedSyncs, 0),
	}, nil
}

// refusedRun is what became of one sync.
type refusedRun struct {
	usage
	netem.Refusals
	failedObjects int
	failed        error // of the process
}

// String is for the log.
func (o refusedRun) String() string {
	s := fmt.Sprintf("%s; %d of %d requests refused, %d requests for %d parts", o.usage, o.Refused, o.Requests, o.Attempts, o.Parts)
	if o.failed != nil {
		s += fmt.Sprintf("; %d objects failed: %v", o.failedObjects, o.failed)
	}
	return s
}

// syncRefused is one sync to a new bucket behind a refuser.
func (b *bed) syncRefused(ctx context.Context, s source, seed uint64, during time.Duration) (o refusedRun, err error) {
	r, err := netem.StartRefuser(b.s3.Addr(), netem.RefuserOptions{Seed: seed, Share: refusedShare, During: during, Part: netem.UploadedPart})
	if err != nil {
		return o, err
	}
	defer func() { err = errors.Join(err, r.Close(ctx)) }()
	at, err := b.newS3Place(ctx)
	if err != nil {
		return o, err
	}
	a, err := b.newAgent(b.azurePlace(s.container), at.behind(r.Through))
	if err != nil {
		return o, err
	}
	o.usage, o.failed = a.sync().run(ctx)
	if o.Refusals = r.Counts(); o.Refused == 0 {
		return o, fmt.Errorf("nothing was refused: %+v", o.Refusals)
	}
	said, err := readSummary(o.usage)
	switch {
	case ctx.Err() != nil:
		return o, context.Cause(ctx)
	case o.failed != nil:
		o.failedObjects = len(said.Failures)
		return o, errors.Join(b.drop(at), a.remove())
	case err != nil:
		return o, err
	}
	return o, errors.Join(b.expectSame(ctx, at, s), b.expectTidy(ctx, at), b.drop(at), a.remove())
}

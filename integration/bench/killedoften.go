package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

const (
	killedOftenObjects     = 32
	killedOftenObjectBytes = 64 << 20
	killedOftenTimes       = 20
	// killedOftenUntil: no kill waits for more of the dataset to be sent, so that the sync does not end before the last one.
	killedOftenUntil = 0.8
	// killedOftenLater is the longest that a kill waits, so that some come while nothing is sent: when the process starts, lists
	// and plans, or records what it did.
	killedOftenLater = 200 * time.Millisecond
)

// killedOften ends a sync of many objects as kill -9 does, again and again, at moments that differ from run to run and are
// the same each time the benchmark is run.
func killedOften(ctx context.Context, b *bed) (rows []row, err error) {
	s, err := b.seed(ctx, "killed", killedOftenObjects, b.scaled(killedOftenObjectBytes))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, b.dropSource(ctx, s)) }()
	var readAgain, sentAgain, left float64
	for run := range b.runs {
		again, err := b.killAndResume(ctx, s, false, randomMoments(uint64(run), b.scaled(int64(killedOftenLater))))
		if err != nil {
			return nil, fmt.Errorf("run %d: %w", run+1, err)
		}
		b.say("  run %d of %d: %s", run+1, b.runs, again)
		readAgain, sentAgain = max(readAgain, mib(again.readBytes)), max(sentAgain, mib(again.sentBytes))
		left = max(left, float64(again.openUploads))
	}
	name := fmt.Sprintf("%d times kill -9 in %.4g GiB of %d objects, worst of %d runs: ", killedOftenTimes, mib(s.totalBytes)/1024, s.objects, b.runs)
	return []row{
		alone(name+"read again", "MiB", readAgain, killedOftenTimes*killedMostMiB),
		alone(name+"sent again", "MiB", sentAgain, killedOftenTimes*killedMostMiB),
		alone(name+"uploads left open", "uploads", left, 0),
	}, nil
}

// randomMoments are those of one run, in the order in which they come; later is in nanoseconds.
func randomMoments(seed uint64, later int64) []moment {
	random := rand.New(rand.NewPCG(seed, 0))
	out := make([]moment, killedOftenTimes)
	for i := range out {
		out[i] = moment{killedOftenUntil * random.Float64(), time.Duration(random.Int64N(later))}
	}
	slices.SortFunc(out, func(x, y moment) int { return cmp.Compare(x.sentShare, y.sentShare) })
	return out
}

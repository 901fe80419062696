package main

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// pair are the runs of both programs under the same conditions.
type pair struct{ ours, peer []usage }

// fewRuns are enough where a run takes minutes.
const fewRuns = 3

// alternate runs ours, the peer, ours, the peer and so on. run 0 warms the page cache and the servers up and is thrown away.
func alternate(ctx context.Context, b *bed, runs int, ours, peer func(ctx context.Context, run int) (usage, error)) (pair, error) {
	var p pair
	for run := range runs + 1 {
		mine, err := ours(ctx, run)
		if err != nil {
			return p, fmt.Errorf("datagravity, run %d: %w", run, err)
		}
		theirs, err := peer(ctx, run)
		if err != nil {
			return p, fmt.Errorf("%s, run %d: %w", peerName, run, err)
		}
		kind := "warm-up"
		if run > 0 {
			kind = fmt.Sprintf("run %d of %d", run, runs)
			p.ours, p.peer = append(p.ours, mine), append(p.peer, theirs)
		}
		b.say("  %s: datagravity %s, %s %s", kind, mine, peerName, theirs)
	}
	return p, nil
}

// String is for the log.
func (u usage) String() string {
	return fmt.Sprintf("%.2f s wall, %.2f s CPU, %.0f MiB", u.wall.Seconds(), u.cpu.Seconds(), mib(u.peakAnonBytes))
}

func wallSeconds(u usage) float64 { return u.wall.Seconds() }
func cpuSeconds(u usage) float64  { return u.cpu.Seconds() }
func peakMiB(u usage) float64     { return mib(u.peakAnonBytes) }

func mib(n int64) float64 { return float64(n) / (1 << 20) }

// medians of one figure of both programs.
func (p pair) medians(of func(usage) float64) (ours, peer float64) {
	return medianOf(p.ours, of), medianOf(p.peer, of)
}

func medianOf(runs []usage, of func(usage) float64) float64 {
	values := make([]float64, len(runs))
	for i, u := range runs {
		values[i] = of(u)
	}
	return median(values)
}

// median is the mean of the two values in the middle where there are two.
func median(values []float64) float64 {
	v := slices.Sorted(slices.Values(values))
	n := len(v)
	return (v[(n-1)/2] + v[n/2]) / 2
}

// settle lets the machine finish what a run left behind (pages to write, connections to close) before the next one.
func settle(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(500 * time.Millisecond):
		return nil
	}
}

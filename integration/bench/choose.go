package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
)

const (
	// chooseSeconds and chooseMemoryMiB are what a choice among 1,000 jobs may take that need a million shards under 20 budgets.
	chooseSeconds   = 2
	chooseMemoryMiB = 300
)

// chooses runs the benchmarks of pkg/sync/choose, each in a process of its own, whose memory also holds the problem. They have one size.
func chooses(ctx context.Context, b *bed) (rows []row, err error) {
	program := filepath.Join(b.dir, "choose.test")
	if err := goTool(ctx, "test", "-c", "-trimpath", "-o", program, "./pkg/sync/choose"); err != nil {
		return nil, err
	}
	for _, c := range []struct {
		benchmark, name string
	}{
		{"BenchmarkChoose", "needed on ten days, in ranges"},
		{"BenchmarkChooseOneDay", "needed on one day, in ranges"},
		{"BenchmarkChooseScattered", "needed on ten days, single shards"},
		{"BenchmarkChooseScatteredOneDay", "needed on one day, single shards"},
	} {
		var wall, peak float64
		runs := min(b.runs, fewRuns)
		for run := range runs {
			u, err := command{path: program, args: []string{"-test.run", "^$", "-test.bench", "^" + c.benchmark + "$", "-test.benchtime", "1x"}}.run(ctx)
			if err != nil {
				return nil, err
			}
			seconds, err := perOperation(u.stdout)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", c.benchmark, err)
			}
			b.say("  %s, run %d of %d: %.2f s, peak %.0f MiB", c.benchmark, run+1, runs, seconds, peakMiB(u))
			wall, peak = max(wall, seconds), max(peak, peakMiB(u))
		}
		name := fmt.Sprintf("1,000 jobs, a million shards, 20 budgets, %s, worst of %d runs: ", c.name, runs)
		rows = append(rows, alone(name+"to choose", "s", wall, chooseSeconds), alone(name+"peak RssAnon", "MiB", peak, chooseMemoryMiB))
	}
	return rows, nil
}

var nanosecondsPerOperation = regexp.MustCompile(`\s(\d+) ns/op`)

// perOperation reads the seconds of a Go benchmark that ran once.
func perOperation(said []byte) (seconds float64, err error) {
	m := nanosecondsPerOperation.FindSubmatch(said)
	if m == nil {
		return 0, errors.New("printed no time: " + lastLines(string(said)))
	}
	ns, err := strconv.ParseFloat(string(m[1]), 64)
	return ns / 1e9, err
}

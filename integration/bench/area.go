package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
)

// area is a named list of benchmarks that share servers and data.
type area struct {
	name    string
	bed     func(context.Context, io.Writer, options) (*bed, error)
	benches []benchmark
}

// benchmark measures some rows of the table.
type benchmark struct {
	name string
	run  func(ctx context.Context, b *bed) ([]row, error)
}

var areas = []area{
	{"main", newBed, []benchmark{
		{"first", firstSync(firstTargets{wall: 1.1, cpu: 1.3})},
		{"noop", noOp},
		{"slow", slowLinks},
		{"killed", killed},
	}},
	{"engine", newBed, []benchmark{
		{"first", firstSync(firstTargets{wall: 1.05, cpu: 1.15})},
		{"parts", firstInParts},
		{"far", farSync},
		{"edited", edited},
		{"appended", appended},
		{"renamed", renamed},
		{"small", smallSync},
		{"million", million},
		{"killed", killedOften},
		{"refused", refused},
	}},
	{"agents", newAgentsBed, []benchmark{
		{"pulled-edited", pulledEdited},
		{"pulled-inserted", pulledInserted},
		{"pulled-shuffled", pulledShuffled},
		{"pulled-touched", pulledTouched},
		{"pulled-text", pulledText},
		{"assembled", assembled},
	}},
	{"cost", newCostBed, []benchmark{
		{"reconciled", reconciled},
		{"choose", chooses},
	}},
	{"jobs", newJobsBed, []benchmark{
		{"planned", planned},
		{"staged", staged},
		{"ready", readied},
		{"looked", looked},
		{"month", simulatedMonth},
	}},
	{"daemon", newJobsBed, []benchmark{
		{"api", apiAnswers},
		{"idle", idle},
		{"chunks", chunks},
	}},
	{"chunker", newChunkerBed, []benchmark{
		{"boundaries", besidePeers("boundaries")},
		{"blake3", besidePeers("blake3")},
		{"everything", besidePeers("everything")},
		{"deltas", besidePeers("deltas")},
		{"versus", besidePeers("versus")},
		{"odd", besidePeers("odd")},
	}},
}

// errUsage is a mistake on the command line.
var errUsage = errors.New("cannot run that")

// options are the command line.
type options struct {
	area, only string
	runs       int
	scale      float64
}

// choose returns the areas and benchmarks that the options name.
func (o options) choose() ([]area, error) {
	switch {
	case o.runs < 1:
		return nil, fmt.Errorf("%w: -runs %d: want at least 1", errUsage, o.runs)
	case o.scale <= 0 || o.scale > 1:
		return nil, fmt.Errorf("%w: -scale %g: want more than 0 and at most 1", errUsage, o.scale)
	}
	var chosen []area
	var areaNames, benchNames []string
	for _, a := range areas {
		areaNames = append(areaNames, a.name)
		if o.area != "" && o.area != a.name {
			continue
		}
		kept := area{name: a.name, bed: a.bed}
		for _, m := range a.benches {
			benchNames = append(benchNames, m.name)
			if o.only == "" || o.only == m.name {
				kept.benches = append(kept.benches, m)
			}
		}
		if len(kept.benches) > 0 {
			chosen = append(chosen, kept)
		}
	}
	switch {
	case len(benchNames) == 0:
		return nil, fmt.Errorf("%w: no area is called %q: choose from %s", errUsage, o.area, strings.Join(areaNames, ", "))
	case len(chosen) == 0:
		return nil, fmt.Errorf("%w: no benchmark is called %q: choose from %s", errUsage, o.only, strings.Join(benchNames, ", "))
	}
	return chosen, nil
}

// bench runs the chosen benchmarks, prints their table and, if nothing was left out, writes build/bench-AREA.json.
func bench(ctx context.Context, out io.Writer, o options) error {
	chosen, err := o.choose()
	if err != nil {
		return err
	}
	for _, a := range chosen {
		rows, err := a.measure(ctx, out, o)
		if err != nil {
			return fmt.Errorf("area %s: %w", a.name, err)
		}
		if err := printTable(out, rows); err != nil {
			return err
		}
		if o.scale < 1 || o.only != "" {
			fmt.Fprintf(out, "\nA part of the benchmark only: nothing was written to %s.\n", resultsPath(a.name))
			continue
		}
		if err := writeResults(resultsPath(a.name), rows); err != nil {
			return err
		}
		fmt.Fprintf(out, "\nThe rows are in %s.\n", resultsPath(a.name))
	}
	return nil
}

func resultsPath(area string) string { return filepath.Join("build", "bench-"+area+".json") }

// measure runs an area's benchmarks on a bed of its own.
func (a area) measure(ctx context.Context, out io.Writer, o options) (rows []row, err error) {
	b, err := a.bed(ctx, out, o)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	for _, m := range a.benches {
		b.say("%s", m.name)
		more, err := m.run(ctx, b)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", m.name, err)
		}
		rows = append(rows, more...)
	}
	return rows, nil
}

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strconv"
)

// What planning 10,000 jobs over a million shards may take.
const (
	firstPlanSeconds    = 2
	againPlanSeconds    = 0.1
	planMemoryMiB       = 400
	changesOfOneProcess = 20
)

// planned plans the jobs of a large manifest, in a process that does nothing else: from nothing, and again after each of some changes of one
// job. Nobody to compare with.
func planned(ctx context.Context, b *bed) ([]row, error) {
	program := filepath.Join(b.dir, "agenda")
	if err := goTool(ctx, "build", "-trimpath", "-o", program, "./integration/bench/agenda"); err != nil {
		return nil, err
	}
	shards, jobs := int(b.scaled(upcomingShards)), int(b.scaled(upcomingJobs))
	state := filepath.Join(b.dir, b.name("planned"))
	b.say("  writing a manifest of %d jobs over %d shards", jobs, shards)
	if err := upcoming(state, shards, jobs); err != nil {
		return nil, err
	}
	var first, again, firstCPU, againCPU, peak float64
	runs := min(b.runs, fewRuns)
	for run := range runs {
		u, err := command{path: program, args: []string{"-state", state, "-changes", strconv.Itoa(changesOfOneProcess)}}.run(ctx)
		if err != nil {
			return nil, err
		}
		p, err := readPlan(u.stdout, jobs)
		if err != nil {
			return nil, err
		}
		first, firstCPU, peak = max(first, p.First.Seconds), max(firstCPU, p.First.CPUSeconds), max(peak, peakMiB(u))
		worst := 0.0
		for _, t := range p.Again {
			worst, againCPU = max(worst, t.Seconds), max(againCPU, t.CPUSeconds)
		}
		again = max(again, worst)
		b.say("  run %d of %d: first %.2f s (%.2f s of CPU), then at most %.0f ms, peak %.0f MiB", run+1, runs, p.First.Seconds, p.First.CPUSeconds, worst*1000, peakMiB(u))
	}
	name := fmt.Sprintf("%d jobs over %d shards, worst of %d runs: ", jobs, shards, runs)
	return []row{
		alone(name+"first plan", "s", first, firstPlanSeconds),
		noted(name+"first plan, CPU", "s", firstCPU),
		alone(name+"plan after a job changed", "s", again, againPlanSeconds),
		noted(name+"plan after a job changed, CPU", "s", againCPU),
		alone(name+"peak RssAnon", "MiB", peak, planMemoryMiB),
	}, nil
}

// planTook is how long a plan took.
type planTook struct {
	Seconds    float64 `json:"seconds"`
	CPUSeconds float64 `json:"cpu_seconds"`
}

// planReport is what the program agenda prints.
type planReport struct {
	Jobs  int        `json:"jobs"`
	Turns int        `json:"turns"`
	First planTook   `json:"first"`
	Again []planTook `json:"again"`
}

// readPlan reads what agenda printed. It must have planned for all jobs.
func readPlan(said []byte, jobs int) (p planReport, err error) {
	if err := json.Unmarshal(said, &p); err != nil {
		return p, fmt.Errorf("what agenda printed: %w", err)
	}
	if p.Jobs != jobs || p.Turns < jobs/2 || len(p.Again) == 0 {
		return p, fmt.Errorf("agenda planned %d turns for %d jobs and %d times anew, want %d jobs with some hundreds of turns", p.Turns, p.Jobs, len(p.Again), jobs)
	}
	return p, nil
}

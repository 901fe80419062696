package main

import "time"

// Kind of trial: what it tries, and how much of it is enough.
type Kind struct {
	// Name is what its tests give to proof.Run; native fuzz targets are of the kind "fuzz".
	Name string
	// What a run of it is, for people.
	What string
	// Share is how many runs `make test` has at least, 0 if no number was set.
	Share int
	// Whole is how many runs `make proof` has at least, 0 if a time is set.
	Whole int
	// For is how long `make proof` runs it at least, 0 if a number is set.
	For time.Duration
	// Env is set for its tests, as NAME=VALUE.
	Env []string
	// Takes is how long one run takes, where a batch must not be begun with less time left.
	Takes time.Duration
}

// Fuzz is the kind of the native fuzz targets: a run is one input.
const Fuzz = "fuzz"

// kinds of trials in the order of the table. The numbers are those that were set when the proof was asked for; where none was, they are from what
// the combinations need (recovery: 24 points in 24 recoveries by 3 seeds; metamorphic: 54 combinations of streams, parts, stores and crash).
var kinds = []Kind{
	{Name: "crash", What: "a process killed at a named point while it synchronizes, collects, rebuilds or migrates: points x destinations x seeds", Share: 360, Whole: 14_000},
	{Name: "kill", What: "SIGKILLs of the real program, at named points and at random moments, between real servers", Share: 50, Whole: 440},
	{Name: "recovery", What: "the same, and another one while the next process recovers", Whole: 1_728},
	{Name: "simulation", What: "simulated schedules of jobs, faults and clocks", Share: 200, Whole: 10_000},
	{Name: "torn", What: "images of the manifest in the middle of a commit", Share: 500, Whole: 20_000},
	{Name: "damage", What: "manifests with flipped bits, zeroed pages or a cut end", Share: 150, Whole: 1_500},
	{Name: "network", What: "real servers behind a network with mixed faults", For: 10 * time.Minute},
	{Name: "metamorphic", What: "one plan in other ways, equal in the end", Whole: 54},
	{Name: Fuzz, What: "inputs to all that reads what others wrote", Whole: 1_000_000},
	{Name: "soak", What: "half an hour of the daemon under churn and faults", Whole: 1, Env: []string{"SOAK_MINUTES=30"}, Takes: 31 * time.Minute},
}

func kindOf(name string) (Kind, bool) {
	for _, k := range kinds {
		if k.Name == name {
			return k, true
		}
	}
	return Kind{}, false
}

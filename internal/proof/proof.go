// Package proof runs trials: many runs of one test, each a function of a seed alone.
//
// `make test` runs a share of each kind of trial, `make proof` as many as its time allows, from the seed where it stopped last. Both run the same tests.
//
// # Replay
//
// A failing trial names its seed; this alone runs it again:
//
//	PROOF_FROM=seed PROOF_RUNS=1 go test -count 1 -run '^TestName$' ./package
package proof

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"
)

// What the environment says of a run of trials; without any of it, seeds 0 to share-1 are tried.
const (
	// FromEnv is the first seed.
	FromEnv = "PROOF_FROM"
	// RunsEnv is how many seeds are tried.
	RunsEnv = "PROOF_RUNS"
	// UntilEnv is when no trial is begun any more: Unix time in seconds.
	UntilEnv = "PROOF_UNTIL"
	// ResultsEnv is a file to which a [Result] a kind is appended, a line of JSON each.
	ResultsEnv = "PROOF_RESULTS"
)

// Result of some trials of a kind.
type Result struct {
	Kind string `json:"kind"`
	// From is the first seed, Runs how many were tried from it on; Runs may be less than asked for if time ran out.
	From uint64 `json:"from"`
	Runs int    `json:"runs"`
	// Skipped trials proved nothing, and are not among the runs.
	Skipped int `json:"skipped,omitempty"`
	// Failures are the seeds of trials that failed.
	Failures []uint64 `json:"failures"`
}

// Bound of the share of trials that fail: an upper limit with 95 % confidence if none of n did, by the rule of three (Hanley and Lippman-Hand, JAMA 1983).
// It speaks of trials drawn as these were, and of nothing else.
func Bound(n int) float64 {
	if n == 0 {
		return 1
	}
	return min(3/float64(n), 1)
}

// raced tells that the race detector is in this program.
var raced bool

// Run tries a kind with so many seeds as the environment asks for, or with its share in `make test`. Under -short, and under the race detector, it is a
// tenth of the share, but one at least.
func Run(t *testing.T, kind string, share int, trial func(t *testing.T, seed uint64)) {
	t.Helper()
	r := Result{Kind: kind, From: number(t, FromEnv, 0), Failures: []uint64{}}
	if testing.Short() || raced {
		share = max(1, share/10)
	}
	runs := number(t, RunsEnv, uint64(share)) //nolint:gosec // a count of trials
	until := number(t, UntilEnv, 0)
	for seed := r.From; seed < r.From+runs; seed++ {
		if until != 0 && time.Now().Unix() >= int64(until) { //nolint:gosec // a time
			break
		}
		skipped := false
		passed := t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			defer func() { skipped = t.Skipped() }()
			trial(t, seed)
		})
		if skipped && passed {
			r.Skipped++
			t.Logf("skipped: %s=%d", FromEnv, seed)
			continue
		}
		r.Runs++
		if !passed {
			r.Failures = append(r.Failures, seed)
			t.Logf("again: %s=%d %s=1 go test -count 1 -run '^%s$'", FromEnv, seed, RunsEnv, t.Name())
		}
	}
	if err := r.report(os.Getenv(ResultsEnv)); err != nil {
		t.Error(err)
	}
}

func (r Result) report(path string) error {
	if path == "" {
		return nil
	}
	b, err := json.Marshal(r)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600) //nolint:gosec // the caller's file
	if err != nil {
		return fmt.Errorf("%s: %w", ResultsEnv, err)
	}
	if _, err := f.Write(append(b, '\n')); err != nil {
		_ = f.Close()
		return fmt.Errorf("%s: %w", ResultsEnv, err)
	}
	return f.Close()
}

func number(t *testing.T, env string, otherwise uint64) uint64 {
	t.Helper()
	s := os.Getenv(env)
	if s == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(s, 10, 63)
	if err != nil {
		t.Fatalf("%s: %v", env, err)
	}
	return n
}

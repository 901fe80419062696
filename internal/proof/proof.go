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
	"runtime"
	"slices"
	"strconv"
	"sync"
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
	run(t, kind, share, 1, trial)
}

// RunTogether is [Run] with some trials at once, for those that mostly wait for other processes. They share nothing but the servers of the package.
func RunTogether(t *testing.T, kind string, share int, trial func(t *testing.T, seed uint64)) {
	t.Helper()
	run(t, kind, share, 2*runtime.GOMAXPROCS(0), trial)
}

func run(t *testing.T, kind string, share, together int, trial func(t *testing.T, seed uint64)) {
	t.Helper()
	if testing.Short() || raced {
		share = max(1, share/10)
	}
	s := trials{
		Result: Result{Kind: kind, From: number(t, FromEnv, 0), Failures: []uint64{}}, until: number(t, UntilEnv, 0),
	}
	s.next = s.From
	s.end = s.From + number(t, RunsEnv, uint64(share)) //nolint:gosec // a count of trials
	var all sync.WaitGroup
	for range together {
		all.Go(func() {
			for seed, ok := s.take(); ok; seed, ok = s.take() {
				s.try(t, seed, trial)
			}
		})
	}
	all.Wait()
	slices.Sort(s.Failures)
	if err := s.report(os.Getenv(ResultsEnv)); err != nil {
		t.Error(err)
	}
}

// trials of a kind while they are run.
type trials struct {
	mu sync.Mutex
	Result
	next, end, until uint64
}

// take a seed that nobody tries yet. They are taken in their order, and all that were are tried to the end, so that none is left out.
func (s *trials) take() (seed uint64, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.next == s.end || s.until != 0 && time.Now().Unix() >= int64(s.until) { //nolint:gosec // a time
		return 0, false
	}
	seed = s.next
	s.next++
	return seed, true
}

func (s *trials) try(t *testing.T, seed uint64, trial func(t *testing.T, seed uint64)) {
	t.Helper()
	skipped := false
	passed := t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
		defer func() { skipped = t.Skipped() }()
		trial(t, seed)
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	if os.Getenv(ResultsEnv) != "" { // should the process die, those that were over are told from those that it died in
		t.Logf("ended: %s=%d", FromEnv, seed)
	}
	if skipped && passed {
		s.Skipped++
		t.Logf("skipped: %s=%d", FromEnv, seed)
		return
	}
	s.Runs++
	if !passed {
		s.Failures = append(s.Failures, seed)
		t.Logf("again: %s=%d %s=1 go test -count 1 -run '^%s$'", FromEnv, seed, RunsEnv, t.Name())
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

package main

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/datagravity/datagravity/internal/proof"
)

// Record is build/proof.json: what was tried so far, and from where to go on.
type Record struct {
	Written time.Time `json:"written"`
	// Kinds sums up the batches.
	Kinds []Total `json:"kinds"`
	// Batches in the order in which they were run. Neighbours that tried the same code are one.
	Batches []Batch `json:"batches"`
}

// Total of a kind. Runs of other code are not runs of this code: they are counted apart, and no bound speaks of them.
type Total struct {
	Kind string `json:"kind"`
	// Runs and Failures are those of the code that was tried last.
	Runs     int `json:"runs"`
	Failures int `json:"failures"`
	// Bound of the share of runs that fail, see proof.Bound; null if one failed, and for fuzzing.
	Bound   *float64 `json:"bound"`
	Seconds float64  `json:"seconds"`
	// Earlier are the runs of code before that, EarlierFailures those of them that failed.
	Earlier         int `json:"earlier_runs"`
	EarlierFailures int `json:"earlier_failures"`
}

// Batch of trials of one test.
type Batch struct {
	Test
	// Code is a digest of what was tried: the program, its packages, and the test.
	Code string `json:"code"`
	// Commit that was checked out, with "+" if files differed from it.
	Commit   string    `json:"commit"`
	Began    time.Time `json:"began"`
	Seconds  float64   `json:"seconds"`
	From     uint64    `json:"from"`
	Runs     int       `json:"runs"`
	Skipped  int       `json:"skipped,omitempty"`
	Failures []Failure `json:"failures,omitempty"`
}

// Failure of a run.
type Failure struct {
	Seed uint64 `json:"seed"`
	// Input is the file that a fuzz target failed with, in place of a seed.
	Input string `json:"input,omitempty"`
	// Replay is the command that runs it again.
	Replay string `json:"replay"`
	// Passed is the commit at which it was run again and passed, "" as long as it was not.
	Passed string `json:"passed,omitempty"`
}

func load(path string) (r Record, err error) {
	b, err := os.ReadFile(path) //nolint:gosec // the caller's file
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err != nil {
		return r, err
	}
	return r, json.Unmarshal(b, &r)
}

// save replaces the file at once, so that a proof that is killed loses one batch at most.
func (r *Record) save(path string, now time.Time) error {
	r.Written = now.UTC().Truncate(time.Second)
	r.Kinds = r.totals()
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { //nolint:gosec // as go build makes it
		return err
	}
	if err := os.WriteFile(path+".new", append(b, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// add appends a batch, to the one before of the same test and code where its seeds go on from there.
func (r *Record) add(b Batch) {
	for i := len(r.Batches) - 1; i >= 0; i-- {
		last := &r.Batches[i]
		if last.Test == b.Test {
			if last.Code != b.Code || last.Commit != b.Commit || last.next() != b.From {
				break
			}
			last.Runs += b.Runs
			last.Skipped += b.Skipped
			last.Seconds += b.Seconds
			last.Failures = append(last.Failures, b.Failures...)
			return
		}
	}
	r.Batches = append(r.Batches, b)
}

// next is the first seed that a batch did not try; a fuzz target has no seeds.
func (b Batch) next() uint64 {
	if b.native() {
		return 0
	}
	return b.From + uint64(b.Runs+b.Skipped) //nolint:gosec // counts
}

// next is the first seed that a test never tried, whatever the code was: seeds that passed are worth less than new ones.
func (r *Record) next(t Test) (seed uint64) {
	for _, b := range r.Batches {
		if b.Test == t {
			seed = max(seed, b.next())
		}
	}
	return seed
}

// at sums up what a test did with this code.
func (r *Record) at(t Test, code string) (runs int, took time.Duration) {
	for _, b := range r.Batches {
		if b.Test == t && b.Code == code {
			runs += b.Runs
			took += time.Duration(b.Seconds * float64(time.Second))
		}
	}
	return runs, took
}

// open are the failures that were not seen to pass since.
func (r *Record) open() (out []*Failure) {
	for i := range r.Batches {
		for j := range r.Batches[i].Failures {
			if f := &r.Batches[i].Failures[j]; f.Passed == "" {
				out = append(out, f)
			}
		}
	}
	return out
}

// totals by kind, in the order of the table. What was tried last counts as this code, for each test by itself.
func (r *Record) totals() (out []Total) {
	latest := map[Test]string{}
	for _, b := range r.Batches {
		latest[b.Test] = b.Code
	}
	for _, k := range kinds {
		t := Total{Kind: k.Name}
		for _, b := range r.Batches {
			switch {
			case b.Kind != k.Name:
			case latest[b.Test] == b.Code:
				t.Runs += b.Runs
				t.Failures += len(b.Failures)
				t.Seconds += b.Seconds
			default:
				t.Earlier += b.Runs
				t.EarlierFailures += len(b.Failures)
			}
		}
		if t.Runs+t.Earlier == 0 {
			continue
		}
		if t.Failures == 0 && k.Name != Fuzz { // a fuzzer makes its inputs from those before; they are not drawn alike
			bound := proof.Bound(t.Runs)
			t.Bound = &bound
		}
		out = append(out, t)
	}
	return out
}

// tests of a kind that the record knows, for the table.
func (r *Record) tests(kind string) (out []Test) {
	for _, b := range r.Batches {
		if b.Kind == kind && !slices.Contains(out, b.Test) {
			out = append(out, b.Test)
		}
	}
	return out
}

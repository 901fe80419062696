// Command prove runs the trials of every kind (internal/proof), in number or for a time, and writes down what was proven.
//
//	go run ./integration/prove                     until every kind has what is wanted of it
//	go run ./integration/prove -minutes 30         for half an hour
//	go run ./integration/prove -kinds crash,kill   only these
//
// # What is promised
//
// It goes on where it stopped: build/proof.json has every batch that was run, and each test goes on with seeds that it never tried. It may be
// stopped at any moment, and loses one batch.
//
// Each kind has the same share of the time until it has enough. What counts is the code that is tried now; when that changes, what was tried
// before is kept and counted apart, and what had failed is tried again first.
//
// A run that takes its process with it is a failure of the seed that it was in. A kind without a test is told, and is no success. What a batch printed
// in which one failed is kept in proof-failed, beside the record.
//
// It ends with 1 if a failure is open, with the seeds and the commands that run them again, or if a kind has no test; with 0 otherwise, whether or
// not there was time for all: the last lines say what is missing.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// slice is the length of a batch: so long that building the real program and starting servers for it costs little, so short that little is lost with one.
const slice = 3 * time.Minute

func main() {
	minutes := flag.Float64("minutes", 0, "how long to go on; 0: until every kind has what is wanted of it")
	only := flag.String("kinds", "", "only these kinds, with commas; empty: all")
	path := flag.String("record", filepath.Join("build", "proof.json"), "what was tried so far")
	doc := flag.String("doc", filepath.Join("docs", "promises.md"), "the document with the table; empty: none")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	ok, err := prove(ctx, time.Duration(*minutes*float64(time.Minute)), *only, *path, *doc)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "prove:", err)
	}
	if err != nil || !ok {
		os.Exit(1)
	}
}

// prove returns whether nothing that is known fails.
func prove(ctx context.Context, d time.Duration, only, path, doc string) (ok bool, err error) {
	root, err := filepath.Abs(".")
	if err != nil {
		return false, err
	}
	dir, err := os.MkdirTemp("", "datagravity-proof-*")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // in the temporary folder
	all, err := find(root)
	if err != nil {
		return false, err
	}
	tests := make([]Test, len(all))
	for i, f := range all {
		tests[i] = f.Test
	}
	r, err := load(path)
	if err != nil {
		return false, fmt.Errorf("%s: %w", path, err)
	}
	s := &session{
		prover: prover{root: root, dir: dir, built: map[string]string{}, out: os.Stdout, outputs: filepath.Join(filepath.Dir(path), "proof-failed")},
		record: &r, path: path, until: time.Now().Add(d), more: d > 0, code: map[string]string{},
	}
	if d == 0 {
		s.until = time.Now().Add(365 * 24 * time.Hour)
	}
	if err := s.begin(ctx, tests, only); err != nil {
		return false, err
	}
	err = s.all(ctx)
	if doc != "" {
		err = errors.Join(err, document(doc, r.table()))
	}
	return s.close(), err
}

// session of proving.
type session struct {
	prover
	record *Record
	path   string
	until  time.Time
	// more: go on until then, whatever was reached.
	more   bool
	code   map[string]string // by package, as it was at the beginning
	commit string
	kinds  []*progress
}

func (s *session) begin(ctx context.Context, tests []Test, only string) error {
	s.commit = commit(ctx, s.root)
	chosen := strings.Split(only, ",")
	for _, name := range chosen {
		if _, ok := kindOf(name); !ok && only != "" {
			return fmt.Errorf("no kind is named %q", name)
		}
	}
	for _, k := range kinds {
		if only != "" && !slices.Contains(chosen, k.Name) {
			continue
		}
		p := &progress{Kind: k, took: map[Test]time.Duration{}}
		for _, t := range tests {
			if t.Kind != k.Name {
				continue
			}
			c, err := code(s.root, t.Package)
			if err != nil {
				return err
			}
			s.code[t.Package] = c
			runs, took := s.record.at(t, c)
			p.tests, p.runs, p.total, p.took[t] = append(p.tests, t), p.runs+runs, p.total+took, took
		}
		s.kinds = append(s.kinds, p)
	}
	for _, t := range tests {
		if _, ok := kindOf(t.Kind); !ok {
			return fmt.Errorf("%s in %s is of a kind that integration/prove/kinds.go does not have: %q", t.Name, t.Package, t.Kind)
		}
	}
	return nil
}

var errChanged = errors.New("the code changed meanwhile: begin again, so that what is counted is what was tried")

// all runs batches until the time is over or nothing is left.
func (s *session) all(ctx context.Context) error {
	if err := s.again(ctx); err != nil {
		return err
	}
	for ctx.Err() == nil {
		left := time.Until(s.until)
		p := choose(s.kinds, left, s.more)
		if p == nil || left <= 0 {
			return nil
		}
		err := s.batch(ctx, p)
		if errors.Is(err, errChanged) {
			return err
		}
		if err != nil && ctx.Err() == nil {
			// The others go on; this one proves nothing today.
			fmt.Printf("%-12s %v\n", p.Name, err)
			p.broken = true
		}
	}
	fmt.Println("stopped; the next make proof goes on")
	return nil
}

// again tries what failed with other code.
func (s *session) again(ctx context.Context) error {
	for i := range s.record.Batches {
		b := &s.record.Batches[i]
		for j := range b.Failures {
			f := &b.Failures[j]
			k, _ := kindOf(b.Kind)
			if f.Passed != "" || s.code[b.Package] == "" || s.code[b.Package] == b.Code {
				continue
			}
			fmt.Printf("%-12s again, for it failed at %s: %s\n", b.Kind, b.Commit, f.Replay)
			passes := false
			if b.native() {
				passes = s.passes(ctx, b.Test, f.Input)
			} else {
				now, err := s.run(ctx, b.Test, asked{f.Seed, 1, time.Now().Add(slice), k.Env, k.Takes})
				if err != nil {
					return err
				}
				passes = len(now.Failures) == 0 && now.Runs == 1
			}
			if passes {
				f.Passed = s.commit
			}
			if err := s.record.save(s.path, time.Now()); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *session) batch(ctx context.Context, p *progress) error {
	t := p.test()
	c, err := code(s.root, t.Package)
	if err != nil {
		return err
	}
	if c != s.code[t.Package] {
		return fmt.Errorf("%w: %s", errChanged, t.Package)
	}
	var b Batch
	until := time.Now().Add(slice)
	if t.native() {
		b, err = s.fuzz(ctx, t, min(slice/9, time.Until(s.until)))
	} else {
		if _, err := s.build(ctx, t.Package); err != nil { // before its time begins
			return err
		}
		// Trials know whole seconds: one that is told to end in the middle of a second ends before it, and would have had time left.
		until = time.Now().Add(min(slice, time.Until(s.until))).Truncate(time.Second)
		runs := 1 << 30
		if wanted := p.Whole - p.runs; !s.more && wanted > 0 {
			runs = wanted
		}
		b, err = s.run(ctx, t, asked{s.record.next(t), runs, until, p.Env, p.Takes})
	}
	if err != nil {
		return err
	}
	if b.Runs == 0 && time.Now().Before(until) && time.Now().Before(s.until) {
		return fmt.Errorf("%s in %s had time and tried nothing; %d trials were skipped", t.Name, t.Package, b.Skipped)
	}
	b.Code, b.Commit = c, s.commit
	s.record.add(b)
	took := time.Duration(b.Seconds * float64(time.Second))
	p.runs, p.total, p.spent = p.runs+b.Runs, p.total+took, p.spent+took
	if b.Runs > 0 {
		p.took[t] += took
	}
	s.show(p, b)
	return s.record.save(s.path, time.Now())
}

func (s *session) show(p *progress, b Batch) {
	of := thousands(p.Whole)
	if p.For > 0 {
		of = minutes(p.For)
	}
	fmt.Printf("%-12s %10s runs of %s, %s; %s more by %s, %d failed\n", p.Name, thousands(p.runs), of, minutes(p.total), thousands(b.Runs), b.Name, len(b.Failures))
}

// close says what is missing and what fails.
func (s *session) close() (ok bool) {
	ok = true
	for _, p := range s.kinds {
		switch {
		case len(p.tests) == 0:
			fmt.Printf("%-12s NO TEST runs this kind\n", p.Name)
			ok = false
		case p.broken:
			fmt.Printf("%-12s NOT RUN to its end, see above\n", p.Name)
			ok = false
		case !p.reached() && p.For > 0:
			fmt.Printf("%-12s not enough yet: %s of %s\n", p.Name, minutes(p.total), minutes(p.For))
		case !p.reached():
			fmt.Printf("%-12s not enough yet: %s runs of %s\n", p.Name, thousands(p.runs), thousands(p.Whole))
		}
	}
	for _, f := range s.record.open() {
		fmt.Printf("FAILED, run it again with: %s\n", f.Replay)
		ok = false
	}
	return ok
}

package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func odd(name string) Test {
	return Test{Kind: "odd", Package: "./integration/prove/testdata/odd", Name: name}
}

func newProver(t *testing.T, out *bytes.Buffer) *prover {
	t.Helper()
	dir, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	return &prover{root: dir, dir: t.TempDir(), built: map[string]string{}, out: out, outputs: filepath.Join(t.TempDir(), "failed")}
}

// Trials of a real test: what fails is named with the command that runs it again, and one that takes the process with it is a failure too.
func TestBatch(t *testing.T) {
	var out bytes.Buffer
	p := newProver(t, &out)
	failed := func(test Test, seeds ...uint64) (f []Failure) {
		for _, s := range seeds {
			f = append(f, Failure{Seed: s, Replay: test.replay(s)})
		}
		return f
	}
	test, together := odd("TestOdd"), odd("TestOddTogether")
	later, odds := time.Now().Add(time.Hour), []string{"ODD=1"}
	for _, c := range []struct {
		name string
		asked
		want Batch
	}{
		{"passes", asked{0, 3, later, nil, 0}, Batch{Test: test, Runs: 3}},
		{"skips, fails", asked{3, 3, later, odds, 0}, Batch{Test: test, From: 3, Runs: 2, Skipped: 1, Failures: failed(test, 3, 5)}},
		{"dies", asked{4, 10, later, odds, 0}, Batch{Test: test, From: 4, Runs: 3, Skipped: 1, Failures: failed(test, 5, 7)}},
		{"dies in one of two", asked{6, 2, later, odds, 0}, Batch{Test: together, From: 6, Runs: 2, Failures: failed(together, 7)}},
		{"dies in two together", asked{16, 2, later, odds, 0}, Batch{Test: together, From: 16, Runs: 2, Failures: failed(together, 16, 17)}},
		{"no time", asked{0, 3, time.Now().Add(-time.Hour), nil, 0}, Batch{Test: test}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := p.run(t.Context(), c.want.Test, c.asked)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got, ignoreTimes); diff != "" {
				t.Error(diff)
			}
		})
	}
	if !strings.Contains(out.String(), "--- FAIL: TestOdd/5") {
		t.Errorf("the output of what failed is not shown: %s", out.String())
	}
	kept, err := os.ReadFile(filepath.Join(p.outputs, "TestOdd-4.txt"))
	if err != nil || !strings.Contains(string(kept), "=== RUN   TestOdd/4") || !strings.Contains(string(kept), "again: PROOF_FROM=5") {
		t.Errorf("of a batch that failed there is %s, %v", kept, err)
	}
	for _, name := range []string{"TestNothing", "TestMissing", "TestFailsOutside"} {
		if b, err := p.run(t.Context(), odd(name), asked{0, 1, time.Now().Add(time.Hour), nil, 0}); err == nil {
			t.Errorf("%s proves something: %+v", name, b)
		}
	}
}

func TestFuzzTarget(t *testing.T) {
	var out bytes.Buffer
	p := newProver(t, &out)
	test := Test{Kind: Fuzz, Package: "./integration/prove/testdata/odd", Name: "FuzzLong"}
	b, err := p.fuzz(t.Context(), test, time.Second)
	if err != nil || b.Runs == 0 || b.Failures != nil {
		t.Fatalf("%+v, %v", b, err)
	}
	t.Cleanup(func() { _ = os.RemoveAll("testdata/odd/testdata") })
	t.Setenv("ODD", "1")
	b, err = p.fuzz(t.Context(), test, 10*time.Second)
	if err != nil || len(b.Failures) != 1 {
		t.Fatalf("%+v, %v", b, err)
	}
	input := b.Failures[0].Input
	if !strings.Contains(b.Failures[0].Replay, filepath.Base(input)) || p.passes(t.Context(), test, input) {
		t.Errorf("%+v passes", b.Failures[0])
	}
	t.Setenv("ODD", "")
	if !p.passes(t.Context(), test, input) || p.passes(t.Context(), test, "testdata/gone") {
		t.Error("what passes is not what was mended")
	}
}

// What go says of a target that ended is understood: only an input that it names is a failure, and a time that is over is none.
func TestEndOfFuzzing(t *testing.T) {
	const begun = "fuzz: elapsed: 20s, execs: 169948 (7550/sec), new interesting: 217 (total: 219)\n"
	const over = "--- FAIL: FuzzWids (20.11s)\n    context deadline exceeded\nFAIL\nexit status 1\nFAIL\tpkg/jobs/format\t20.174s\n"
	failed := errors.New("exit status 1")
	for name, tt := range map[string]struct {
		log   string
		ended error
		input string
		runs  int
		fails bool
	}{
		"well":                    {begun + "PASS\n", nil, "", 169948, false},
		"its time is over":        {begun + over, failed, "", 169948, false},
		"over before it tried":    {over, failed, "", 0, true},
		"nothing tried":           {"PASS\n", nil, "", 0, true},
		"does not build":          {"x.go:1: undefined: y\nFAIL\n", failed, "", 0, true},
		"a deadline of its own":   {begun + "--- FAIL: FuzzWids (3.11s)\n    x_test.go:9: read: context deadline exceeded\nFAIL\n", failed, "", 169948, true},
		"an input, then the time": {begun + "--- FAIL: FuzzWids (20.11s)\n    --- FAIL: FuzzWids (0.00s)\n    \n    Failing input written to testdata/fuzz/FuzzWids/1a\n" + over, failed, "testdata/fuzz/FuzzWids/1a", 169948, false},
	} {
		b := Batch{Test: Test{Kind: Fuzz, Package: "./pkg/jobs/format", Name: "FuzzWids"}}
		input, err := b.fuzzed(tt.log, tt.ended)
		if input != tt.input || (err != nil) != tt.fails || b.Runs != tt.runs {
			t.Errorf("%s: input %q, %d runs, %v", name, input, b.Runs, err)
		}
	}
}

// What was tried is kept, and what other code did is no run of this one.
func TestRecord(t *testing.T) {
	path := filepath.Join(t.TempDir(), "build", "proof.json")
	r, err := load(path)
	if err != nil {
		t.Fatal(err)
	}
	torn := Test{Kind: "torn", Package: "./pkg/manifest", Name: "TestTorn"}
	r.add(Batch{Test: torn, Code: "a", Commit: "1", Runs: 100, Seconds: 1, Failures: []Failure{{Seed: 7, Replay: torn.replay(7)}}})
	r.add(Batch{Test: torn, Code: "a", Commit: "1", From: 100, Runs: 40, Skipped: 10, Seconds: 1})
	if err := r.save(path, time.Now()); err != nil {
		t.Fatal(err)
	}
	if r, err = load(path); err != nil {
		t.Fatal(err)
	}
	if len(r.Batches) != 1 || r.next(torn) != 150 || len(r.open()) != 1 {
		t.Errorf("%+v", r)
	}
	if got := r.total("torn"); got.Runs != 140 || got.Failures != 1 || got.Bound != nil || got.Earlier != 0 {
		t.Errorf("%+v", got)
	}
	// Mended, it goes on with new seeds.
	r.Batches[0].Failures[0].Passed = "2"
	r.add(Batch{Test: torn, Code: "b", Commit: "2", From: r.next(torn), Runs: 300, Seconds: 1})
	if got := r.total("torn"); got.Runs != 300 || got.Failures != 0 || *got.Bound != 0.01 || got.Earlier != 140 || got.EarlierFailures != 1 {
		t.Errorf("%+v", got)
	}
	if runs, took := r.at(torn, "b"); runs != 300 || took != time.Second || r.next(torn) != 450 || len(r.open()) != 0 {
		t.Errorf("%d runs in %v, next %d, open %v", runs, took, r.next(torn), r.open())
	}
	table := r.table()
	for _, want := range []string{
		"| torn | images of the manifest in the middle of a commit | `pkg/manifest TestTorn` | 300 | 20,000 | 0 | 1 % fail | 140 runs, 1 failed |\n",
		"| crash | a process killed at a named point while it synchronizes, collects, rebuilds or migrates: points x destinations x seeds |  | 0 | 14,000 | 0 | not bounded |  |\n", "at `2`;",
	} {
		if !strings.Contains(table, want) {
			t.Errorf("no %q in\n%s", want, table)
		}
	}
}

// Kinds have the same time until they have enough; one that takes longer than what is left is not begun.
func TestChoose(t *testing.T) {
	slow, fast, none := odd("TestSlow"), odd("TestFast"), odd("TestNone")
	all := []*progress{
		{Kind: Kind{Name: "slow", Whole: 100}, tests: []Test{slow}, took: map[Test]time.Duration{}},
		{Kind: Kind{Name: "fast", Whole: 1000}, tests: []Test{fast}, took: map[Test]time.Duration{}},
		{Kind: Kind{Name: "long", Whole: 1, Takes: time.Hour}, tests: []Test{none}, took: map[Test]time.Duration{}},
		{Kind: Kind{Name: "empty", Whole: 1}},
	}
	runs := map[string]int{"slow": 1, "fast": 100}
	var order []string
	for {
		p := choose(all, time.Minute, false)
		if p == nil || len(order) > 1000 {
			break
		}
		order = append(order, p.Name)
		p.runs += runs[p.Name]
		p.took[p.test()] += time.Second
		p.spent += time.Second
	}
	if len(order) != 110 || strings.Count(strings.Join(order[:20], " "), "fast") != 10 {
		t.Errorf("%d batches: %v", len(order), order)
	}
	if p := choose(all, 2*time.Hour, false); p == nil || p.Name != "long" {
		t.Errorf("%+v", p)
	}
	if p := choose(all, time.Minute, true); p == nil || p.Name != "fast" {
		t.Errorf("%+v", p)
	}
	all[0].broken, all[1].broken = true, true
	if p := choose(all, time.Minute, true); p != nil {
		t.Errorf("%+v", p)
	}
	// Every test of a kind is run, whatever the others reached.
	p := &progress{Kind: Kind{Whole: 10}, runs: 10, tests: []Test{slow, fast}, took: map[Test]time.Duration{slow: time.Second}}
	if p.reached() || p.test() != fast {
		t.Errorf("%v was enough", p.took)
	}
}

func TestDocument(t *testing.T) {
	path := filepath.Join(t.TempDir(), "promises.md")
	write(t, path, "before\n"+begin+"old\n"+end+"after\n")
	if err := document(path, "new\n"); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if want := "before\n" + begin + "new\n" + end + "after\n"; err != nil || string(b) != want {
		t.Errorf("%q, %v", b, err)
	}
	write(t, path, "no place")
	if err := document(path, "new\n"); err == nil {
		t.Error("a document without a place was taken")
	}
}

func TestNumbers(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 14_400: "14,400", 1_234_567: "1,234,567"} {
		if got := thousands(n); got != want {
			t.Errorf("%d: %s", n, got)
		}
	}
	for x, want := range map[float64]string{0.01: "1 %", 3.0 / 14_400: "0.021 %", 3.0 / 440: "0.69 %", 1: "100 %"} {
		if got := percent(x); got != want {
			t.Errorf("%v: %s, want %s", x, got, want)
		}
	}
}

// A trial that takes longer than a batch is not taken for stuck before it can be over.
func TestALongTrialHasItsTime(t *testing.T) {
	for _, k := range kinds {
		a := asked{until: time.Now().Add(slice), takes: k.Takes}
		if limit := a.limit(); limit < k.Takes+grace {
			t.Errorf("%s: stuck after %v, a run takes %v", k.Name, limit, k.Takes)
		}
	}
	soak, _ := kindOf("soak")
	if i := slices.Index(soak.Env, "SOAK_MINUTES=30"); i < 0 || soak.Takes < 30*time.Minute {
		t.Errorf("%v is said to take %v", soak.Env, soak.Takes)
	}
}

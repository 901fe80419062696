package proof

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// failing is set in a process whose trials with odd seeds fail, which cannot be seen from within one that passes.
const failing = "PROOF_TEST_FAILING"

func TestRun(t *testing.T) {
	if os.Getenv(failing) != "" {
		Run(t, "odd", 4, func(t *testing.T, seed uint64) {
			switch {
			case seed == 20:
				t.Skip("nothing to try")
			case seed%2 == 1:
				t.Error("odd")
			}
		})
		return
	}
	for _, c := range []struct {
		name string
		env  []string
		want Result
	}{
		{"its share", nil, Result{Kind: "odd", From: 0, Runs: 4, Failures: []uint64{1, 3}}},
		{"as many as asked for, from a seed on", []string{FromEnv + "=8", RunsEnv + "=3"}, Result{Kind: "odd", From: 8, Runs: 3, Failures: []uint64{9}}},
		{"one that passes", []string{FromEnv + "=8", RunsEnv + "=1"}, Result{Kind: "odd", From: 8, Runs: 1, Failures: []uint64{}}},
		{"one that is skipped", []string{FromEnv + "=20", RunsEnv + "=3"}, Result{Kind: "odd", From: 20, Runs: 2, Skipped: 1, Failures: []uint64{21}}},
		{"no time", []string{UntilEnv + "=1"}, Result{Kind: "odd", Failures: []uint64{}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			results := filepath.Join(t.TempDir(), "results")
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^TestRun$") //nolint:gosec // this program
			cmd.Env = slices.Concat(os.Environ(), []string{failing + "=1", ResultsEnv + "=" + results}, c.env)
			out, err := cmd.CombinedOutput()
			if (err != nil) != (len(c.want.Failures) > 0) {
				t.Fatalf("%v: %s", err, out)
			}
			b, err := os.ReadFile(results)
			if err != nil {
				t.Fatal(err)
			}
			var got Result
			if err := json.Unmarshal(b, &got); err != nil {
				t.Fatalf("%v: %s", err, b)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestBound(t *testing.T) {
	for n, want := range map[int]float64{0: 1, 1: 1, 3: 1, 300: 0.01, 14_400: 3.0 / 14_400} {
		if got := Bound(n); got != want {
			t.Errorf("Bound(%d): %v, want %v", n, got, want)
		}
	}
}

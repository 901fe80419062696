package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// root of this module.
const root = "../.."

func module(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for _, d := range []string{"cmd", "internal", "pkg", "integration"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range []string{"go.mod", "go.sum"} {
		write(t, filepath.Join(dir, f), "")
	}
	for name, content := range files {
		write(t, filepath.Join(dir, name), content)
	}
	return dir
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestFind(t *testing.T) {
	dir := module(t, map[string]string{
		"pkg/a/a_test.go": `package a
func TestTorn(t *testing.T) { proof.Run(t, "torn", 500, func(t *testing.T, seed uint64) {}) }
func TestOther(t *testing.T) { t.Run("torn", nil); plan.Run(t, "torn", 1, nil) }
func FuzzValue(f *testing.F) {}`,
		"integration/crash/c_test.go": `package crash
func TestPoints(t *testing.T) { if true { proof.RunTogether(t, "crash", share(), trial) } }`,
		"pkg/a/testdata/b_test.go": `package b
func TestNot(t *testing.T) { proof.Run(t, "torn", 1, nil) }`,
		"pkg/a/a.go": `package a
func TestNot(t *testing.T) { proof.Run(t, "torn", 1, nil) }`,
	})
	got, err := find(dir)
	if err != nil {
		t.Fatal(err)
	}
	want := []found{{Test{"crash", "./integration/crash", "TestPoints"}, 0}, {Test{Fuzz, "./pkg/a", "FuzzValue"}, 0}, {Test{"torn", "./pkg/a", "TestTorn"}, 500}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(found{})); diff != "" {
		t.Error(diff)
	}
}

// What make proof could not run is told, and not left out.
func TestFindRefuses(t *testing.T) {
	for name, code := range map[string]string{
		"a kind that is computed": `func TestA(t *testing.T) { proof.Run(t, kind, 1, nil) }`,
		"not from a test":         `func run(t *testing.T) { proof.Run(t, "torn", 1, nil) }`,
	} {
		t.Run(name, func(t *testing.T) {
			dir := module(t, map[string]string{"pkg/a/a_test.go": "package a\n" + code})
			if got, err := find(dir); err == nil || !strings.Contains(err.Error(), "a_test.go") {
				t.Errorf("%v, %v", got, err)
			}
		})
	}
}

// Every trial in this module is of a kind that make proof knows, and make test has the share that was wanted.
func TestKinds(t *testing.T) {
	tests, err := find(root)
	if err != nil {
		t.Fatal(err)
	}
	shares, unknown := map[string]int{}, map[string]bool{}
	for _, f := range tests {
		if _, ok := kindOf(f.Kind); !ok {
			t.Errorf("%s in %s is of an unknown kind: %q", f.Name, f.Package, f.Kind)
		}
		shares[f.Kind] += f.share
		unknown[f.Kind] = unknown[f.Kind] || f.share == 0
	}
	if len(tests) == 0 || shares[Fuzz] != 0 {
		t.Errorf("%d tests", len(tests))
	}
	for _, k := range kinds {
		if n, ok := shares[k.Name]; !ok && k.Name != Fuzz {
			t.Errorf("no test is of kind %s", k.Name)
		} else if n < k.Share && !unknown[k.Name] {
			t.Errorf("make test has %d runs of %s, want at least %d", n, k.Name, k.Share)
		}
	}
}

// The digest of what is tried changes with the program and with the test's own folder, and with nothing else.
func TestCode(t *testing.T) {
	dir := module(t, map[string]string{"pkg/a/a.go": "a", "pkg/a/a_test.go": "a", "integration/crash/testdata/x": "x"})
	of := func(pkg string) string {
		t.Helper()
		c, err := code(dir, pkg)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	const here = "./integration/crash"
	for _, c := range []struct {
		file string
		want bool
	}{
		{"pkg/a/a.go", true}, {"cmd/datagravity/main.go", true}, {"go.mod", true}, {"pkg/a/page.html", true}, {"integration/rig/rig.go", true},
		{"integration/crash/c_test.go", true}, {"integration/crash/testdata/x", true},
		{"pkg/a/a_test.go", false}, {"pkg/a/testdata/y", false}, {"integration/prove/main.go", false}, {"integration/bench/row.go", false},
		{"integration/kill_test.go", false}, {"docs/promises.md", false}, {"integration/testdata/z.txt", false},
	} {
		before := of(here)
		write(t, filepath.Join(dir, c.file), "changed")
		if changed := of(here) != before; changed != c.want {
			t.Errorf("%s: changed %v, want %v", c.file, changed, c.want)
		}
	}
}

var ignoreTimes = cmpopts.IgnoreFields(Batch{}, "Began", "Seconds", "Code", "Commit")

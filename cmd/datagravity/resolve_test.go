package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/dispatch"
)

func bucketHandout(paths ...string) dispatch.Handout {
	h := dispatch.Handout{Job: "j", Dataset: "c4", Destination: "far", Snapshot: chunker.Digest{0xab}, URL: "s3://bucket/c4/"}
	for _, p := range paths {
		h.Shards = append(h.Shards, dispatch.HandoutShard{Path: p, Bytes: 5, Index: strings.HasSuffix(p, ".json")})
	}
	return h
}

func TestResolve(t *testing.T) {
	tars := bucketHandout("train-000008.tar", "train-000009.tar", "train-000010.tar", "val.tar", "index.json")
	mds := bucketHandout("train/index.json", "train/shard.00000.mds", "val/index.json", "index.json")
	dir := bucketHandout("a'b.tar")
	dir.Path, dir.URL = "/data/it's/", "file:///data/it's/"
	line := bucketHandout("a\nb.tar")
	line.Dataset = "c4\nX"
	brace := bucketHandout("a{1}.tar")
	digest := chunker.Digest{0xab}.String()
	list := filepath.Join(t.TempDir(), "list.txt")

	f := &fakeJobs{
		handout: map[string]dispatch.Handout{"tars": tars, "tarsfar": tars, "mds": mds, "dir": dir, "line": line, "brace": brace},
		known:   []dispatch.Status{{ID: "new"}},
	}
	f.asking(t)
	for _, c := range []struct {
		args string
		code int
		want string // all of standard output
		err  string // pattern
	}{
		{"tars --format urls", 0, "s3://bucket/c4/train-000008.tar\ns3://bucket/c4/train-000009.tar\ns3://bucket/c4/train-000010.tar\ns3://bucket/c4/val.tar\n", ""},
		{"tars --to far --format wds", 0, "s3://bucket/c4/train-{000008..000010}.tar::s3://bucket/c4/val.tar\n", ""},
		{"tars --format wds --include-index", 0, "s3://bucket/c4/train-{000008..000010}.tar::s3://bucket/c4/val.tar::s3://bucket/c4/index.json\n", ""},
		{"tars --format mds", 0, "s3://bucket/c4\n", ""},
		{"mds --format mds", 0, "s3://bucket/c4/train\ns3://bucket/c4/val\ns3://bucket/c4\n", ""},
		{"dir --format paths", 0, "/data/it's/a'b.tar\n", ""},
		{"dir --format wds", 0, "/data/it's/a'b.tar\n", ""},
		{"dir --format urls", 0, "file:///data/it's/a'b.tar\n", ""},
		{"dir --format env", 0, `DATAGRAVITY_JOB='j'
DATAGRAVITY_DATASET='c4'
DATAGRAVITY_DESTINATION='far'
DATAGRAVITY_SNAPSHOT='` + digest + `'
DATAGRAVITY_URL='file:///data/it'\''s/'
DATAGRAVITY_PATH='/data/it'\''s/'
`, ""},
		{"tars --format task-prolog --shards-file " + list, 0, `export DATAGRAVITY_JOB=j
export DATAGRAVITY_DATASET=c4
export DATAGRAVITY_DESTINATION=far
export DATAGRAVITY_SNAPSHOT=` + digest + `
export DATAGRAVITY_URL=s3://bucket/c4/
export DATAGRAVITY_SHARDS_FILE=` + list + "\n", ""},
		{"dir --format mds", 1, "", "selects no index.json"},
		{"tars --format paths", 2, "", "is no directory"},
		{"line --format urls", 1, "", "line break"},
		{"line --format task-prolog", 1, "", "DATAGRAVITY_DATASET is .* line break"},
		{"brace --format wds", 1, "", "takes for notation"},
		{"new --format urls", 75, "", "not ready"},
		{"new --format urls --even-if-not-ready", 75, "", "nobody knows yet"},
		{"tars", 2, "", "--format"},
		{"tars --format xml", 2, "", "want one of env, json, mds, paths, task-prolog, urls, wds"},
		{"tars --format urls --json", 2, "", "--json"},
		{"tars --format urls --shards-file x", 2, "", "only --format env"},
		{"tars --format urls --from far --even-if-not-ready", 2, "", "leave out --from"},
		{"tars --format urls --from far --to far", 2, "", "take either"},
	} {
		code, out, errs := runCommand(t, "", append([]string{"resolve", "--job"}, strings.Fields(c.args)...)...)
		if d := cmp.Diff(c.want, out); code != c.code || d != "" || !regexp.MustCompile(c.err).MatchString(errs) {
			t.Errorf("%s: exit code %d, want %d\n%s\nerr, want %q: %s", c.args, code, c.code, d, c.err, errs)
		}
	}
	code, out, _ := runCommand(t, "", "resolve", "--job", "mds", "--json")
	if code != 0 || !regexp.MustCompile(`(?s)"url": "s3://bucket/c4/",.*"path": "train/index.json",\n +"bytes": 5,\n +"index": true`).MatchString(out) {
		t.Errorf("json: exit code %d\n%s", code, out)
	}
	b, err := os.ReadFile(list)
	if err != nil || strings.Count(string(b), "\n") != 4 || !strings.HasPrefix(string(b), "s3://bucket/c4/train-000008.tar\n") {
		t.Errorf("list: %q, %v", b, err)
	}
	if info, err := os.Stat(list); err != nil || info.Mode() != 0o600 {
		t.Errorf("list: %v, %v", info.Mode(), err)
	}
}

// What a job's handout will be can be seen before it is ready.
func TestResolveBeforeItIsReady(t *testing.T) {
	dir := t.TempDir()
	config := filepath.Join(dir, "datagravity.yaml")
	text := strings.ReplaceAll(`
agent: {location: "onprem:lab1", state: DIR/state}
stores:
  s: {url: "file://DIR", location: "onprem:lab1"}
  b: {url: "azblob://box?storage_account=acc", location: "azure:eastus"}
datasets:
  c4: {store: s, prefix: src, format: mds}
destinations:
  far: {store: s, prefix: far}
  cloud: {store: b, prefix: "x/{dataset}", layout: snapshots}
`, "DIR", dir)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	f := &fakeJobs{
		known: []dispatch.Status{{ID: "j", Dataset: "c4", Snapshot: chunker.Digest{0xab}.String(), Places: []dispatch.Place{{Destination: "far"}, {Destination: "cloud"}}}},
		shards: []dispatch.ShardStatus{
			{Path: "0.mds", Destination: "far", Bytes: 5}, {Path: "index.json", Destination: "far", Bytes: 5}, {Path: "0.mds", Destination: "cloud", Bytes: 5},
		},
	}
	f.asking(t)
	for _, c := range []struct{ args, want string }{
		{"--format urls", "file://" + dir + "/far/0.mds\n"},
		{"--format mds", dir + "/far\n"},
		{"--format urls --to cloud", "az://box/x/c4/ab00000000000000/0.mds\n"},
	} {
		code, out, errs := runCommand(t, "", append([]string{"--config", config, "resolve", "--job", "j", "--even-if-not-ready"}, strings.Fields(c.args)...)...)
		if code != 0 || out != c.want || !strings.Contains(errs, "not ready: ") {
			t.Errorf("%s: exit code %d, %q, want %q: %s", c.args, code, out, c.want, errs)
		}
	}
}

func TestFoldRuns(t *testing.T) {
	for _, c := range []struct{ names, want string }{
		{"", ""},
		{"a.tar", "a.tar"},
		{"a b", "a b"},
		{"s-00 s-01 s-02", "s-{00..02}"},
		{"s-09 s-10", "s-{09..10}"},
		{"s-9 s-10", "s-9 s-10"}, // not in byte order, as no selection is
		{"s-00 s-01 s-03 s-04 t-04", "s-{00..01} s-{03..04} t-04"},
		{"1/s-00 1/s-01 2/s-00", "1/s-{00..01} 2/s-00"},
		{"train-00000-of-00002.parquet train-00001-of-00002.parquet", "train-{00000..00001}-of-00002.parquet"},
		{"s-2 s-1", "s-2 s-1"},
		{"99999999999999999998 99999999999999999999", "99999999999999999998 99999999999999999999"},
	} {
		if got := strings.Join(foldRuns(strings.Fields(c.names)), " "); got != c.want {
			t.Errorf("%s: %q, want %q", c.names, got, c.want)
		}
	}
}

var braces = regexp.MustCompile(`^(.*)\{(\d+)\.\.(\d+)\}(.*)$`)

// expanded is what braces stand for, as WebDataset has it: numbers as wide as the ends are written.
func expanded(t *rapid.T, text string) (out []string) {
	m := braces.FindStringSubmatch(text)
	if m == nil {
		return []string{text}
	}
	var from, to int
	if _, err := fmt.Sscan(strings.TrimLeft(m[2][:len(m[2])-1], "0")+m[2][len(m[2])-1:], &from); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Sscan(strings.TrimLeft(m[3][:len(m[3])-1], "0")+m[3][len(m[3])-1:], &to); err != nil {
		t.Fatal(err)
	}
	for n := from; n <= to; n++ {
		out = append(out, fmt.Sprintf("%s%0*d%s", m[1], len(m[2]), n, m[4]))
	}
	return out
}

// Whatever the names are, their notation stands for just these in this order.
func TestFoldedRunsStandForTheirNames(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.SliceOf(rapid.StringMatching(`[ab]?-?[0-9]{1,3}(\.tar)?[0-9]?`)).Draw(t, "names")
		if from := rapid.IntRange(0, 120).Draw(t, "from"); rapid.Bool().Draw(t, "run") {
			for n := range rapid.IntRange(1, 20).Draw(t, "length") {
				names = append(names, fmt.Sprintf("s-%03d.tar", from+n))
			}
		}
		var all []string
		for _, text := range foldRuns(names) {
			all = append(all, expanded(t, text)...)
		}
		if !slices.Equal(all, names) {
			t.Fatalf("%q stands for %q, not %q", foldRuns(names), all, names)
		}
	})
}

// A command is run only when all is there, with its variables in place of another job's.
func TestExec(t *testing.T) {
	dir := t.TempDir()
	program := filepath.Join(dir, "train")
	if err := os.WriteFile(program, []byte("#!/bin/sh\n"), 0o755); err != nil { //nolint:gosec // a program is to be run
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "text"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	f := &fakeJobs{
		ready: map[string]dispatch.Readiness{
			"j": {ID: "j", Ready: true, State: dispatch.Ready}, "gone": {ID: "gone", State: dispatch.Blocked, Kind: "missing"},
			"no-handout": {ID: "no-handout", Ready: true, State: dispatch.Ready}, "coming": {ID: "coming", State: dispatch.OnTime},
		},
		handout: map[string]dispatch.Handout{"j": bucketHandout("a.tar", "index.json")},
	}
	f.asking(t)
	t.Setenv("TMPDIR", dir)
	t.Setenv("PATH", dir)
	t.Setenv("DATAGRAVITY_PATH", "/another/job")
	t.Setenv("KEPT", "as it is")
	var ran []string
	var env map[string]string
	failing := error(nil)
	defer func() { execve = syscall.Exec }()
	execve = func(path string, args, environment []string) error {
		ran, env = append([]string{path}, args...), map[string]string{}
		for _, v := range environment {
			name, value, _ := strings.Cut(v, "=")
			env[name] = value
		}
		return failing
	}
	for _, c := range []struct {
		args string
		code int
		ran  []string
		err  string
	}{
		{"--job j -- train --epochs 3", 0, []string{program, "train", "--epochs", "3"}, ""},
		{"--job j train --help", 0, []string{program, "train", "--help"}, ""},
		{"--job gone -- train", 5, nil, "missing at the source"},
		{"--job no-handout -- train", 75, nil, "not ready"},
		{"--job coming --timeout 5ms --poll 1ms -- train", 75, nil, "not ready: job coming: on the way"},
		{"--job nobody -- train", 2, nil, "no such job"},
		{"--job j -- nothing", 127, nil, "nothing: no such command"},
		{"--job coming -- " + filepath.Join(dir, "nothing"), 127, nil, "no such command"},
		{"--job coming -- " + filepath.Join(dir, "text"), 126, nil, "cannot be executed"},
		{"--job coming -- " + dir, 126, nil, "cannot be executed"},
		{"--job j", 2, nil, ""},
		{"-- train", 2, nil, "--job ID is missing"},
		{"--job j --to a --from b -- train", 2, nil, "take either"},
		{"--job j --poll 0s -- train", 2, nil, "--poll"},
	} {
		ran = nil
		code, out, errs := runCommand(t, "", append([]string{"exec", "--progress", "none"}, strings.Fields(c.args)...)...)
		if code != c.code || !slices.Equal(ran, c.ran) || out != "" || !strings.Contains(errs, c.err) {
			t.Errorf("%s: exit code %d, want %d; ran %q; %s%s", c.args, code, c.code, ran, out, errs)
		}
	}
	file := env["DATAGRAVITY_SHARDS_FILE"]
	b, err := os.ReadFile(file)
	if _, another := env["DATAGRAVITY_PATH"]; err != nil || string(b) != "s3://bucket/c4/a.tar\n" || filepath.Dir(file) != dir || another ||
		env["DATAGRAVITY_URL"] != "s3://bucket/c4/" || env["DATAGRAVITY_JOB"] != "j" || env["KEPT"] != "as it is" {
		t.Errorf("environment %v, list %q, %v", env, b, err)
	}

	failing = syscall.ENOEXEC
	list := filepath.Join(dir, "kept.txt")
	if code, _, errs := runCommand(t, "", "exec", "--job", "j", "--shards-file", list, "--include-index", "--", "train"); code != 126 {
		t.Errorf("what the system cannot execute: exit code %d: %s", code, errs)
	}
	if _, err := os.Stat(list); !os.IsNotExist(err) {
		t.Errorf("a list for a command that did not run: %v", err)
	}
}

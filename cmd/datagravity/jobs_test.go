package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/dispatch"
	"github.com/datagravity/datagravity/pkg/jobs/spec"
	dgsync "github.com/datagravity/datagravity/pkg/sync"
)

// fakeJobs is who answers about jobs in these tests.
type fakeJobs struct {
	calls   []string // what changes something
	known   []dispatch.Status
	ready   map[string]dispatch.Readiness
	handout map[string]dispatch.Handout
	shards  []dispatch.ShardStatus
	places  []dispatch.Placement
	add     error
}

var _ dispatch.Jobs = (*fakeJobs)(nil)

func (f *fakeJobs) Add(_ context.Context, origin string, specs []spec.Job) (list []dispatch.Status, err error) {
	for _, s := range specs {
		dataset := s.Dataset
		if s.Snapshot != "" {
			dataset += "@" + s.Snapshot
		}
		f.calls = append(f.calls, fmt.Sprintf("add %q %s %s %v %v", origin, s.ID, dataset, s.To, s.Shards))
		st := dispatch.Status{ID: s.ID, Dataset: s.Dataset, State: dispatch.Unresolved, Selection: s.Shards, Origin: origin}
		for _, to := range s.To {
			st.Places = append(st.Places, dispatch.Place{Destination: to, State: dispatch.Unresolved})
		}
		list = append(list, st)
	}
	return list, f.add
}

func (f *fakeJobs) Remove(_ context.Context, ids []string) error {
	f.calls = append(f.calls, fmt.Sprintf("remove %v", ids))
	for _, id := range ids {
		if _, err := f.find(id); err != nil {
			return err
		}
	}
	return nil
}

func (f *fakeJobs) List(context.Context) ([]dispatch.Status, error) { return f.known, nil }

func (f *fakeJobs) find(id string) (dispatch.Status, error) {
	for _, s := range f.known {
		if s.ID == id {
			return s, nil
		}
	}
	return dispatch.Status{}, fmt.Errorf("%w: %q", dispatch.ErrNoJob, id)
}

func (f *fakeJobs) Show(_ context.Context, id string, shards bool) (d dispatch.Detail, err error) {
	if d.Status, err = f.find(id); shards {
		d.Shards = slices.Clone(f.shards)
	}
	return d, err
}

func (f *fakeJobs) Ready(_ context.Context, id string, _ time.Duration) (dispatch.Readiness, error) {
	r, ok := f.ready[id]
	if !ok {
		return r, fmt.Errorf("%w: %q", dispatch.ErrNoJob, id)
	}
	return r, nil
}

func (f *fakeJobs) Place(_ context.Context, id string) ([]dispatch.Placement, error) {
	_, err := f.find(id)
	return f.places, err
}

func (f *fakeJobs) Handout(_ context.Context, id, to string) (dispatch.Handout, error) {
	h, ok := f.handout[id+to]
	if !ok {
		return h, fmt.Errorf("%w: job %s", dgsync.ErrNotReady, id)
	}
	return h, nil
}

// asking has the commands ask it until the test ends.
func (f *fakeJobs) asking(t *testing.T) {
	before := openJobs
	t.Cleanup(func() { openJobs = before })
	openJobs = func(*globals, context.Context) (dispatch.Jobs, func() error, error) {
		return f, func() error { return nil }, nil
	}
	for _, name := range []string{"SLURM_JOB_ID", "SLURM_ARRAY_JOB_ID", "SLURM_CLUSTER_NAME", jobVariable} {
		t.Setenv(name, "")
	}
}

func at(text string) *time.Time {
	v, err := time.Parse(time.RFC3339, text)
	if err != nil {
		panic(err)
	}
	return &v
}

func some[T any](v T) *T { return &v }

// runCommand executes a command line.
func runCommand(t *testing.T, input string, args ...string) (code int, out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	code = run(context.Background(), args, streams{in: strings.NewReader(input), out: &o, err: &e})
	return code, o.String(), e.String()
}

// A job's state is said in words first.
func TestJobWords(t *testing.T) {
	held := dispatch.Place{State: dispatch.Held, Budget: "azure", NeedsUSD: 12_400_000_000, NeedsBytes: 3 << 30}
	for _, c := range []struct {
		s    dispatch.Status
		want string
	}{
		{dispatch.Status{State: dispatch.Ready}, "ready"},
		{dispatch.Status{State: dispatch.OnTime, ETA: at("2026-12-01T13:20:00Z"), MarginSeconds: some[int64](2400)}, "on time: there 2026-12-01T13:20:00Z, 40m before it is needed"},
		{dispatch.Status{State: dispatch.OnTime, ETA: at("2026-12-01T13:20:00Z")}, "on the way: there 2026-12-01T13:20:00Z"},
		{dispatch.Status{State: dispatch.OnTime}, "on the way"},
		{dispatch.Status{State: dispatch.Late, ETA: at("2026-12-01T13:20:00+01:00"), MarginSeconds: some[int64](-7800)}, "late by 2h10m: there 2026-12-01T12:20:00Z"},
		{dispatch.Status{State: dispatch.Unresolved}, "not looked at yet"},
		{dispatch.Status{State: dispatch.Held, Places: []dispatch.Place{{State: dispatch.Ready}, held}}, `held by budget "azure" needing $12.40 and 3.0 GiB more`},
		{dispatch.Status{State: dispatch.Held}, "held by a budget"},
		{dispatch.Status{State: dispatch.Blocked}, "cannot be had as it is"},
	} {
		if got := jobWords(c.s); got != c.want {
			t.Errorf("%+v: %q, want %q", c.s, got, c.want)
		}
	}
	for _, c := range []struct {
		state     dispatch.State
		why, want string
	}{
		{dispatch.Held, "held by budget b: it needs $3", "held by budget b: it needs $3"},
		{dispatch.Held, "budget b", "held by a budget: budget b"},
		{dispatch.OnTime, "on time: 3 shards", "on time: 3 shards"},
		{dispatch.Blocked, "a.tar is gone", "cannot be had as it is: a.tar is gone"},
		{dispatch.Unresolved, "nobody looked", "nobody looked"},
		{dispatch.Unresolved, "", "not looked at yet"},
		{"", "another version is there", "another version is there"},
	} {
		if got := stateAndReason(c.state, nil, c.why); got != c.want {
			t.Errorf("%s, %q: %q, want %q", c.state, c.why, got, c.want)
		}
	}
	for d, want := range map[time.Duration]string{45 * time.Second: "45s", 40 * time.Minute: "40m", 7800 * time.Second: "2h10m", 2 * time.Hour: "2h", 0: "0s"} {
		if got := span(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}

var twoPlaces = dispatch.Status{
	ID: "a", Dataset: "c4", State: dispatch.Held, Snapshot: chunker.Digest{0xab}.String(), Selection: []string{"val-*"}, NeedBy: at("2026-12-01T14:00:00Z"),
	Added: *at("2026-11-26T10:00:00Z"), ShardCount: 3, Bytes: 3 << 20, Why: "waits for December", Origin: "file /jobs.yaml",
	Places: []dispatch.Place{
		{Destination: "far", State: dispatch.Held, MissingShards: 2, MissingBytes: 2 << 20, Budget: "b", NeedsUSD: 1_500_000_000, USD: 2_000_000_000, Why: "until December"},
		{Destination: "near", State: dispatch.Ready},
	},
}

func TestJobsCommands(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	config := file("datagravity.yaml", strings.ReplaceAll(`
agent: {location: "onprem:lab1", state: DIR/state}
stores:
  s: {url: "file://DIR", location: "onprem:lab1"}
datasets:
  c4: {store: s, prefix: src}
destinations:
  far: {store: s, prefix: far}
`, "DIR", dir))
	good := file("good.yaml", `{jobs: [{id: a, dataset: c4, to: far}, {id: b, dataset: c4, to: far, shards: ["urls:list.txt"]}]}`)
	file("list.txt", "x.tar\ny.tar\n")
	half := file("half.yaml", `{jobs: [{id: a, dataset: c4, to: far}, {id: b, dataset: c4, to: far, shards: ["range:x"]}]}`)
	strange := file("strange.yaml", `{id: a, dataset: c5, to: far}`)
	script := file("job.sh", "#!/bin/sh\n#BB_LUA datagravity dataset=c4@1a2b3c to=far shards=val-*\ntrain\n")
	plain := file("plain.sh", "#!/bin/sh\ntrain\n")
	origin := "file " + good

	for _, c := range []struct {
		name, input string
		args        []string
		env         map[string]string
		known       []dispatch.Status
		add         error
		code        int
		calls       []string // what was asked for
		out, err    string   // patterns
	}{
		{name: "add", args: []string{"jobs", "add", "a", "--dataset", "c4", "--to", "far,near", "--shards", "val-*", "--priority", "3"},
			calls: []string{`add "" a c4 [far near] [val-*]`}, out: `^job a: c4 -> far, near \(val-\*\): not looked at yet\n$`},
		{name: "add, JSON", args: []string{"jobs", "add", "a", "--dataset", "c4", "--to", "far", "--json"},
			calls: []string{`add "" a c4 [far] []`}, out: `(?s)^\[.*"state": "unresolved".*"shards": \[\]`},
		{name: "add without a dataset", args: []string{"jobs", "add", "a", "--to", "far"}, code: 2, err: "required"},
		{name: "add with a term that is none", args: []string{"jobs", "add", "a", "--dataset", "c4", "--to", "far", "--shards", "range:x"}, code: 2, err: "term"},
		{name: "add that is refused", args: []string{"jobs", "add", "a", "--dataset", "c4", "--to", "far"}, add: cost.ErrBudget, code: 3,
			calls: []string{`add "" a c4 [far] []`}, err: "over budget"},

		{name: "apply", args: []string{"jobs", "apply", good}, code: 0, out: `job a: .*\njob b: .*list:x.tar,y.tar`,
			calls: []string{`add "` + origin + `" a c4 [far] []`, `add "` + origin + `" b c4 [far] [list:x.tar,y.tar]`}},
		{name: "apply from standard input", input: `{id: z, dataset: c4, to: far}`, args: []string{"jobs", "apply", "-"}, calls: []string{`add "" z c4 [far] []`}, out: "job z"},
		{name: "apply a file of which half is wrong", args: []string{"jobs", "apply", half, "--prune"}, known: []dispatch.Status{{ID: "old", Origin: "file " + half}},
			code: 78, calls: []string{`add "file ` + half + `" a c4 [far] []`}, out: "job a", err: "job b: .*range:x"},
		{name: "prune", args: []string{"jobs", "apply", good, "--prune"},
			known: []dispatch.Status{{ID: "old", Origin: origin}, {ID: "a", Origin: origin}, {ID: "other", Origin: "file /x"}, {ID: "plain"}},
			calls: []string{`add "` + origin + `" a c4 [far] []`, `add "` + origin + `" b c4 [far] [list:x.tar,y.tar]`, "remove [old]"}, out: "removed old"},
		{name: "prune without a name", args: []string{"jobs", "apply", "-", "--prune"}, code: 2, err: "no name"},
		{name: "apply what is not there", args: []string{"jobs", "apply", filepath.Join(dir, "nothing.yaml")}, code: 2, err: "no such file"},
		{name: "apply, JSON", args: []string{"jobs", "apply", half, "--json"}, code: 78, calls: []string{`add "file ` + half + `" a c4 [far] []`},
			out: `(?s)"jobs": \[.*"removed": \[\].*"errors": \[\n +".*range:x`, err: "range:x"},

		{name: "check", args: []string{"jobs", "check", good, "--config", config}, out: "good.yaml: 2 jobs, nothing is wrong"},
		{name: "check what is wrong", args: []string{"jobs", "check", half, strange, "--config", config}, code: 78, err: `(?s)range:x.*unknown dataset "c5"`},
		{name: "check, JSON", args: []string{"jobs", "check", good, strange, "--config", config, "--json"}, code: 78,
			out: `(?s)"jobs": \[\n +"a",\n +"b"\n.*"errors": \[\].*"jobs": \[\],.*c5`, err: "c5"},

		{name: "list nothing", args: []string{"jobs", "list"}, out: "no jobs: "},
		{name: "list nothing, JSON", args: []string{"jobs", "list", "--json"}, out: `^\[\]\n$`},
		{name: "list", args: []string{"jobs", "list"}, known: []dispatch.Status{twoPlaces},
			out: `a +c4@ab0000000000 -> far, near \(val-\*\) +2026-12-01T14:00:00Z +0 +3 +3.0 MiB +held by budget "b" needing \$1.50 more`},
		{name: "show", args: []string{"jobs", "show", "a"}, known: []dispatch.Status{twoPlaces},
			out: `(?s)^job a: held by budget "b" needing \$1.50 more\nwaits for December\n.*far +held +2 +2.0 MiB +- +\$2.00 +until December\nnear +ready +0`},
		{name: "show its shards", args: []string{"jobs", "show", "a", "--shards"}, known: []dispatch.Status{twoPlaces},
			out: `(?s)a.tar +far +5 B +missing: not at the destination\na.tar +near +5 B +there\nb.tar`},
		{name: "show, JSON", args: []string{"jobs", "show", "a", "--shards", "--json"}, known: []dispatch.Status{twoPlaces}, out: `(?s)"needs_usd": 1.5.*"list": \[`},
		{name: "show none", args: []string{"jobs", "show", "b"}, code: 2, err: "no such job"},
		{name: "remove", args: []string{"jobs", "remove", "a"}, known: []dispatch.Status{twoPlaces}, calls: []string{"remove [a]"}, out: "removed a"},
		{name: "remove none", args: []string{"jobs", "remove", "b", "--json"}, code: 2, calls: []string{"remove [b]"}, err: "no such job"},

		{name: "stage", args: []string{"stage", "c4@1a2b3c", "--to", "far", "--job", "j"}, calls: []string{`add "" j c4@1a2b3c [far] []`}, out: "^job j: "},
		{name: "stage in Slurm", args: []string{"stage", "c4", "--to", "far"}, env: map[string]string{"SLURM_JOB_ID": "8", "SLURM_CLUSTER_NAME": "hpc1", jobVariable: "x"},
			calls: []string{`add "" slurm-hpc1-8 c4 [far] []`}, out: "slurm-hpc1-8"},
		{name: "stage in an array", args: []string{"stage", "c4", "--to", "far"},
			env:   map[string]string{"SLURM_JOB_ID": "8", "SLURM_ARRAY_JOB_ID": "7", "SLURM_CLUSTER_NAME": "hpc1"},
			calls: []string{`add "" slurm-hpc1-7 c4 [far] []`}, out: "slurm-hpc1-7"},
		{name: "stage elsewhere", args: []string{"stage", "c4", "--to", "far"}, env: map[string]string{jobVariable: "x"}, calls: []string{`add "" x c4 [far] []`}, out: "job x"},
		{name: "stage a file", args: []string{"stage", "-f", good}, out: "job a",
			calls: []string{`add "` + origin + `" a c4 [far] []`, `add "` + origin + `" b c4 [far] [list:x.tar,y.tar]`}},
		{name: "stage a script", args: []string{"stage", "--job", "j", "--slurm-script", script}, calls: []string{`add "" j c4@1a2b3c [far] [val-*]`}, out: "job j"},
		{name: "stage a script without a word", args: []string{"stage", "--job", "j", "--slurm-script", plain}, code: 2, err: "declares nothing"},
		{name: "stage no job", args: []string{"stage", "c4", "--to", "far"}, code: 2, err: "--job ID is missing"},
		{name: "stage a bad name", args: []string{"stage", "c4", "--to", "far", "--job", "a b"}, code: 2, err: "--job"},
		{name: "stage a number that is none", args: []string{"stage", "c4", "--to", "far"}, env: map[string]string{"SLURM_JOB_ID": "x"}, code: 2, err: "no number"},
		{name: "stage nothing", args: []string{"stage", "--job", "j"}, code: 2, err: "takes one of"},
		{name: "stage two", args: []string{"stage", "c4", "-f", good}, code: 2, err: "takes one of"},
		{name: "stage a file with flags", args: []string{"stage", "-f", good, "--priority", "3"}, code: 2, err: "stands in the file"},
		{name: "stage a file with a job", args: []string{"stage", "-f", good, "--job", "j"}, code: 2, err: "ids of their own"},

		{name: "place", args: []string{"place", "a"}, known: []dispatch.Status{twoPlaces},
			out: `near +0 +0 B +\$0.00 +2026-12-01T10:00:00Z +wanted\nfar +2 +2.0 MiB +\$2.00 +2026-12-02T10:00:00Z +late; behind b`},
		{name: "place, JSON", args: []string{"place", "a", "--json"}, known: []dispatch.Status{twoPlaces}, out: `(?s)"destination": "near".*"missing_bytes": 2097152`},
		{name: "place none", args: []string{"place", "b"}, code: 2, err: "no such job"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := &fakeJobs{
				known: c.known, add: c.add,
				shards: []dispatch.ShardStatus{{Path: "b.tar", Destination: "far"}, {Path: "a.tar", Destination: "near", Bytes: 5, Present: true},
					{Path: "a.tar", Destination: "far", Bytes: 5, Why: "not at the destination"}},
				places: []dispatch.Placement{{Destination: "near", Wanted: true, ETA: at("2026-12-01T10:00:00Z"), OnTime: true},
					{Destination: "far", MissingShards: 2, MissingBytes: 2 << 20, USD: 2_000_000_000, ETA: at("2026-12-02T10:00:00Z"), Why: "behind b"}},
			}
			f.asking(t)
			for name, value := range c.env {
				t.Setenv(name, value)
			}
			code, out, errs := runCommand(t, c.input, c.args...)
			if code != c.code || !regexp.MustCompile(c.out).MatchString(out) || !regexp.MustCompile(c.err).MatchString(errs) {
				t.Errorf("exit code %d, want %d\nout, want %q:\n%s\nerr, want %q:\n%s", code, c.code, c.out, out, c.err, errs)
			}
			if !slices.Equal(f.calls, c.calls) {
				t.Errorf("asked for %q, want %q", f.calls, c.calls)
			}
			if c.err == "" && errs != "" {
				t.Errorf("on standard error: %s", errs)
			}
		})
	}
}

// What stands in the way of a job decides the exit code, and the words name it.
func TestJobVerdicts(t *testing.T) {
	readyPlace := dgsync.Readiness{Dataset: "c4", Destination: "near", Ready: true, Shards: 3, Bytes: 3 << 20, Prefix: "p/", From: "manifest", Time: *at("2026-11-26T10:00:00Z")}
	missingPlace := dgsync.Readiness{Destination: "far", Missing: []dgsync.MissingShard{{Path: "a.tar", Bytes: 5, Reason: "not at the destination"}}}
	f := &fakeJobs{
		known: []dispatch.Status{twoPlaces},
		ready: map[string]dispatch.Readiness{
			"ready":     {ID: "ready", Ready: true, State: dispatch.Ready, Places: []dgsync.Readiness{readyPlace}},
			"a":         {ID: "a", State: dispatch.Held, Kind: "budget", Why: "budget b", Places: []dgsync.Readiness{missingPlace, readyPlace}},
			"late":      {ID: "late", State: dispatch.Late, ETA: at("2026-12-01T10:00:00Z"), Why: "the link is slow", Places: []dgsync.Readiness{missingPlace}},
			"new":       {ID: "new", State: dispatch.Unresolved},
			"held":      {ID: "held", State: dispatch.Held},
			"missing":   {ID: "missing", State: dispatch.Blocked, Kind: "missing", Why: "a.tar is gone"},
			"selection": {ID: "selection", State: dispatch.Blocked, Kind: "selection"},
			"unknown":   {ID: "unknown", State: dispatch.Blocked, Kind: "unknown"},
			"access":    {ID: "access", State: dispatch.Blocked, Kind: "access"},
			"failed":    {ID: "failed", State: dispatch.Blocked, Kind: "failed"},
			"odd":       {ID: "odd", State: dispatch.Blocked, Kind: "a kind of next year"},
		},
	}
	f.asking(t)
	for _, c := range []struct {
		args []string
		code int
		out  string
	}{
		{[]string{"ready", "--job", "ready"}, 0, `^ready: job ready: c4@000000000000 at near, under "p/", 3 shards, 3.0 MiB \(manifest of 2026-11-26T10:00:00Z\)\n$`},
		{[]string{"ready", "--job", "a"}, 3, `(?s)missing: a.tar \(5 B\): not at the destination\nready: .*not ready: job a: held by a budget: budget b`},
		{[]string{"ready", "--job", "a", "--to", "near"}, 0, "^ready: job a: c4@"},
		{[]string{"ready", "--job", "a", "--to", "far"}, 3, `held by budget "b" needing \$1.50 more; until December`},
		{[]string{"ready", "--job", "late"}, 75, "not ready: job late: late: there 2026-12-01T10:00:00Z: the link is slow"},
		{[]string{"ready", "--job", "new"}, 75, "not looked at yet"},
		{[]string{"ready", "--job", "held"}, 3, "held by a budget"},
		{[]string{"ready", "--job", "missing"}, 5, "cannot be had as it is: a.tar is gone"},
		{[]string{"ready", "--job", "selection"}, 5, ""},
		{[]string{"ready", "--job", "unknown"}, 78, ""},
		{[]string{"ready", "--job", "access"}, 77, ""},
		{[]string{"ready", "--job", "failed"}, 1, ""},
		{[]string{"ready", "--job", "odd"}, 1, ""},
		{[]string{"ready", "--job", "nobody"}, 2, ""},
		{[]string{"ready", "--job", "missing", "--json"}, 5, `(?s)"state": "blocked",\n  "why": "a.tar is gone",\n  "kind": "missing",\n  "destinations": \[\]`},
		{[]string{"ready", "--job", "a", "--to", "mars"}, 2, ""},
		{[]string{"ready"}, 2, ""},
		{[]string{"ready", "c4", "--job", "a"}, 2, ""},
		{[]string{"ready", "c4"}, 2, ""},
		{[]string{"ready", "--job", "a", "--shards", "x"}, 2, ""},
		{[]string{"ready", "--job", "a", "--check"}, 2, ""},
		{[]string{"ready", "--job", "a", "--to", "far", "--from", "far"}, 2, ""},
	} {
		code, out, errs := runCommand(t, "", c.args...)
		if code != c.code || !regexp.MustCompile(c.out).MatchString(out) {
			t.Errorf("%v: exit code %d, want %d, want %q\n%s%s", c.args, code, c.code, c.out, out, errs)
		}
	}
}

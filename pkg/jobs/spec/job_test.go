package spec

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func one(t *testing.T, file, text string) Job {
	t.Helper()
	jobs, err := parseText(file, text)
	if err != nil || len(jobs) != 1 {
		t.Fatalf("%d jobs, %v", len(jobs), err)
	}
	return jobs[0]
}

func TestCheckTime(t *testing.T) {
	j := one(t, "a.yaml", "jobs:\n- {id: a, dataset: c4, to: aws, need_by: 2026-11-26T08:40:00Z}\n")
	const want = "a.yaml:2:42: jobs[0].need_by: 2026-11-26T08:40:00Z was 3h20m ago; give a time to come, or leave it out"
	if err := j.Check(now); err == nil || err.Error() != want {
		t.Errorf("%v\nwant %s", err, want)
	}
	if err := j.Check(now.Add(-4 * time.Hour)); err != nil {
		t.Errorf("before: %v", err)
	}
	for _, needBy := range []NeedBy{{}, {after: time.Hour}, By(now)} {
		j.NeedBy = needBy
		if err := j.Check(now); err != nil {
			t.Errorf("%s: %v", needBy, err)
		}
	}
}

func TestKnown(t *testing.T) {
	known := Known{Datasets: []string{"c4", "laion"}, Destinations: []string{"aws", "lab1"}, Teams: []string{"vision"}}
	if err := known.Check(one(t, "a.jsonl", `{"id": "a", "dataset": "c4@latest", "to": ["aws", "lab1"], "team": "vision"}`)); err != nil {
		t.Error(err)
	}
	bad := one(t, "a.yaml", "jobs:\n- id: a\n  dataset: c5@latest\n  to:\n  - aws\n  - lab2\n  team: visions\n")
	err := known.Check(bad)
	want := `a.yaml:3:12: jobs[0].dataset: unknown dataset "c5"; did you mean "c4"? (configured: c4, laion)
a.yaml:4:3: jobs[0].to: unknown destination "lab2"; did you mean "lab1"? (configured: aws, lab1)
a.yaml:7:9: jobs[0].team: unknown team "visions"; did you mean "vision"? (configured: vision)`
	if err == nil || err.Error() != want {
		t.Errorf("%v\nwant %s", err, want)
	}
	inline, err := FromPairs([]string{"id=a", "dataset=c4", "to=gcp"})
	if err != nil {
		t.Fatal(err)
	}
	if err := known.Check(inline); err == nil || err.Error() != `to: unknown destination "gcp" (configured: aws, lab1)` {
		t.Error(err)
	}
}

func TestMistake(t *testing.T) {
	j := one(t, "a.yaml", "id: a\ndataset: c4\nto: aws\nshards: [x]\n")
	for field, want := range map[string]string{
		"shards": "a.yaml:4:1: shards: no shard matches",
		"team":   "a.yaml:1:1: team: no shard matches", // not in the file
		"":       "a.yaml:1:1: no shard matches",
	} {
		if got := j.Mistake(field, "no shard matches").Error(); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	listed := one(t, "a.json", `{"jobs": [{"id": "a", "dataset": "c4", "to": "aws"}]}`)
	if got := listed.Mistake("", "m").Error(); got != "a.json:1:11: jobs[0]: m" {
		t.Error(got)
	}
	if got := (Job{}).Mistake("to", "m").Error(); got != "to: m" {
		t.Error(got)
	}
	if j.File() != "a.yaml" || (Job{}).File() != "" {
		t.Error("the file is not told")
	}
}

func TestCanonical(t *testing.T) {
	j := one(t, "a.yaml", "id: a\ndataset: c4\nto: [lab1, aws]\nneed_by: 2026-12-01 08:00 Europe/Berlin\nvalue: 1\nkeep: 24h\non_source_change: fail\nshards: 'a->b&c'\n")
	const want = `{"id":"a","dataset":"c4","shards":["a->b&c"],"to":["aws","lab1"],"need_by":"2026-12-01T07:00:00Z","keep":"1d"}`
	if diff := cmp.Diff(want, string(j.Canonical())); diff != "" {
		t.Errorf("-want +have:\n%s", diff)
	}
	if j.To[0] != "lab1" {
		t.Error("the job itself was put in order")
	}
	same := one(t, "b.json", want)
	if !j.Equal(same) || !same.Equal(j) {
		t.Errorf("%s is not equal to what it is written as, %s", j.Canonical(), same.Canonical())
	}
	for _, change := range []func(*Job){
		func(j *Job) { j.ID = "b" }, func(j *Job) { j.Dataset = "c5" }, func(j *Job) { j.Snapshot = Latest }, func(j *Job) { j.Shards = nil },
		func(j *Job) { j.To = []string{"aws"} }, func(j *Job) { j.NeedBy = NeedBy{} }, func(j *Job) { j.Priority = 1 }, func(j *Job) { j.Value = 2 },
		func(j *Job) { j.Team = "t" }, func(j *Job) { j.Keep = 0 }, func(j *Job) { j.OnSourceChange = Repin },
	} {
		other := j
		if change(&other); other.Equal(j) {
			t.Errorf("%s is equal to %s", other.Canonical(), j.Canonical())
		}
	}
}

// FuzzParse: whatever the file, there are jobs that read again as themselves, and mistakes of one line each with the file's name.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"id: a\ndataset: c4@1a2b3c\nto: aws\nneed_by: +4h\nkeep: 30d\n", "jobs:\n- &a {id: a, dataset: c4, to: aws}\n- *a\n- {<<: *a}\n---\nid: !!str a\n",
		`{"jobs": [{"id": "a", "dataset": "c4", "to": ["aws", "b"], "priority": -1e3}], "x": {}}`, "{\"id\": \"a\"}\n[1, {\"\\ud800\": null}]\n\n{",
		"{}{}[,", "jobs: *a", "? [a]\n: b\n", "jobs:\n- 1\n- \n- [x]\n", "id: \"a\\nb\"\n\"x\\ny\": 1\n",
	} {
		for kind := range byte(3) {
			f.Add(kind, seed)
		}
	}
	f.Fuzz(func(t *testing.T, kind byte, text string) {
		name := []string{"x.yaml", "x.json", "x.jsonl"}[kind%3]
		jobs, err := parseText(name, text)
		if err == nil && len(jobs) == 0 {
			t.Fatal("neither a job nor a mistake")
		}
		if err != nil {
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("%#v", err)
			}
			for _, line := range strings.Split(err.Error(), "\n") {
				if !strings.HasPrefix(line, name+":") {
					t.Errorf("a mistake is not one line with its place: %q", err)
				}
			}
		}
		for _, j := range jobs {
			back, err := parseText("x.jsonl", string(j.Canonical()))
			if err != nil || len(back) != 1 || !back[0].Equal(j) {
				t.Errorf("%s is read as %v, %v", j.Canonical(), back, err)
			}
			if j.ID == "" || j.Dataset == "" || len(j.To) == 0 || j.Mistake("id", "m").Line == 0 {
				t.Errorf("%+v", j)
			}
		}
	})
}

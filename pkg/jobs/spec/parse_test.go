package spec

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// said compares what jobs say, not where they were read.
var said = cmp.Options{cmpopts.IgnoreFields(Job{}, "from"), cmp.Comparer(func(a, b NeedBy) bool { return a == b })}

func parseText(name, text string) ([]Job, error) { return Parse(name, strings.NewReader(text)) }

func TestEveryField(t *testing.T) {
	want := []Job{{
		ID: "pretrain-7", Dataset: "c4", Snapshot: "1a2b3c", Shards: []string{"train-*.tar", "range:0-511"}, To: []string{"aws", "lab.1"},
		NeedBy: By(time.Date(2026, 12, 1, 7, 0, 0, 0, time.UTC)), Priority: -5, Value: 1000, Team: "language", Keep: 720 * time.Hour,
		OnSourceChange: Repin,
	}}
	for name, text := range map[string]string{
		"a.yaml": `
id: pretrain-7
dataset: c4@1a2b3c
shards: ["train-*.tar", "range:0-511"]
to: [aws, lab.1]
need_by: 2026-12-01T08:00:00+01:00
priority: -5
value: 1000
team: language
keep: 30d
on_source_change: repin
`,
		"list.yml": "jobs:\n  - {id: pretrain-7, dataset: c4, snapshot: blake3:1A2B3C, shards: [train-*.tar, \"range:0-511\"], to: 'aws, lab.1', priority: -5,\n" +
			"     need_by: 2026-12-01 08:00 Europe/Berlin, value: 1000, team: language, keep: 720h, on_source_change: repin}\n",
		"a.json": `{"id": "pretrain-7", "dataset": "c4@1a2b3c", "shards": ["train-*.tar", "range:0-511"], "to": ["aws", "lab.1"], "priority": -5,
			"need_by": "2026-12-01T07:00:00Z", "value": 1000, "team": "language", "keep": "30d", "on_source_change": "repin"}`,
		"list.json": `{"jobs": [{"id": "pretrain-7", "dataset": "c4", "snapshot": "1a2b3c", "shards": ["train-*.tar", "range:0-511"], "to": "aws,lab.1",
			"priority": -5, "need_by": "2026-12-01T07:00:00Z", "value": 1000, "team": "language", "keep": "720h", "on_source_change": "repin"}]}`,
		"a.jsonl": `{"id":"pretrain-7","dataset":"c4@1a2b3c","shards":["train-*.tar","range:0-511"],"to":["aws","lab.1"],"need_by":"2026-12-01T07:00:00Z",` +
			`"priority":-5,"value":1000,"team":"language","keep":"720h","on_source_change":"repin"}`,
	} {
		got, err := parseText(name, text)
		if diff := cmp.Diff(want, got, said); err != nil || diff != "" {
			t.Errorf("%s: %v, -want +have:\n%s", name, err, diff)
		}
	}
	got, err := FromPairs([]string{
		"id=pretrain-7", "dataset=c4@1a2b3c", "shards=train-*.tar", "shards=range:0-511", "to=aws", "to=lab.1",
		"need_by=2026-12-01T07:00:00Z", "priority=-5", "value=1000", "team=language", "keep=30d", "on_source_change=repin",
	})
	if diff := cmp.Diff(want[0], got, said); err != nil || diff != "" {
		t.Errorf("pairs: %v, -want +have:\n%s", err, diff)
	}
}

func TestLeastFields(t *testing.T) {
	want := []Job{
		{ID: "a", Dataset: "2024", To: []string{"aws"}, OnSourceChange: Fail},
		{ID: "7", Dataset: "c4", Snapshot: Latest, Shards: []string{"x"}, To: []string{"aws"}, OnSourceChange: Fail},
		{ID: "c", Dataset: "c4", Snapshot: "123456", To: []string{"aws"}, OnSourceChange: Fail},
	}
	for name, text := range map[string]string{
		"several.yaml": "# first\n---\nid: a\ndataset: 2024\nto: aws\n---\njobs:\n- {id: 7, dataset: c4@latest, shards: x, to: aws, need_by: unknown}\n" +
			"- {id: c, dataset: c4, snapshot: 123456, to: [aws], team: }\n---\n# nothing\n",
		"anchors.yaml": "jobs:\n- {id: a, dataset: 2024, to: &to aws}\n- {id: 7, dataset: c4@latest, shards: &s [x], to: *to}\n- {id: c, dataset: c4@123456, to: *to}\n",
		"several.json": `{"id": "a", "dataset": 2024, "to": "aws"} {"jobs": [{"id": 7, "dataset": "c4@latest", "shards": "x", "to": "aws"}]}
			{"id": "c", "dataset": "c4", "snapshot": 123456, "to": ["aws"], "team": null}`,
		"several.jsonl": "{\"id\": \"a\", \"dataset\": 2024, \"to\": \"aws\"}\r\n\n{\"id\": 7, \"dataset\": \"c4@latest\", \"shards\": \"x\", \"to\": \"aws\"}\n" +
			"{\"id\": \"c\", \"dataset\": \"c4@123456\", \"to\": [\"aws\"]}",
	} {
		got, err := parseText(name, text)
		if diff := cmp.Diff(want, got, said); err != nil || diff != "" {
			t.Errorf("%s: %v, -want +have:\n%s", name, err, diff)
		}
	}
}

// TestMistakes: the text is the whole of what the user sees, and what is right beside a mistake is there.
func TestMistakes(t *testing.T) {
	for _, c := range []struct{ name, file, text, want, jobs string }{
		{name: "empty", file: "a.yaml", want: "a.yaml: holds no job; write at least id, dataset and to"},
		{name: "comments", file: "a.yaml", text: "# soon\n", want: "a.yaml: holds no job; write at least id, dataset and to"},
		{name: "empty JSON", file: "a.json", text: " \n", want: "a.json: holds no job; write at least id, dataset and to"},
		{name: "empty list", file: "a.yaml", text: "jobs: []", want: "a.yaml: holds no job; write at least id, dataset and to"},
		{name: "null list", file: "a.yaml", text: "jobs:\n", want: "a.yaml:1:1: jobs: want a list, not nothing"},
		{name: "missing", file: "a.yaml", text: "id: a\n", want: "a.yaml:1:1: dataset: is missing; it is required\na.yaml:1:1: to: is missing; it is required"},
		{
			name: "one of three", file: "a.yaml", jobs: "a c",
			text: "jobs:\n- {id: a, dataset: c4, to: aws}\n- {id: b, dataset: c4, to: aws, need_by: soon}\n- {id: c, dataset: c4, to: aws}\n",
			want: "a.yaml:3:42: jobs[1].need_by: time \"soon\": write it as 2026-12-01T08:00:00Z, 2026-12-01 08:00 Europe/Berlin, +4h or unknown",
		},
		{
			name: "one of three in JSON", file: "a.json", jobs: "a c",
			text: "{\"jobs\": [\n {\"id\": \"a\", \"dataset\": \"c4\", \"to\": \"aws\"},\n {\"id\": \"ü\", \"need_by\": \"soon\", \"dataset\": \"c4\", \"to\": \"aws\"},\n{\"id\":\"c\",\"dataset\":\"c4\",\"to\":\"aws\"}]}",
			want: "a.json:3:9: jobs[1].id: \"ü\" cannot name a job; use up to 128 letters, digits and ._:@/-, a letter or digit first\n" +
				"a.json:3:25: jobs[1].need_by: time \"soon\": write it as 2026-12-01T08:00:00Z, 2026-12-01 08:00 Europe/Berlin, +4h or unknown",
		},
		{
			name: "lines", file: "a.jsonl", jobs: "a d",
			text: "{\"id\":\"a\",\"dataset\":\"c4\",\"to\":\"aws\"}\n{\"id\":\"b\",\n{\"id\":\"c\"} {}\n{\"id\":\"d\",\"dataset\":\"c4\",\"to\":\"aws\"}\nx",
			want: "a.jsonl:2:11: JSON: the text ends within a value\n" +
				"a.jsonl:3:12: JSON: one value a line; this is a second one\n" +
				"a.jsonl:5:1: JSON: invalid character 'x' looking for beginning of value",
		},
		{
			name: "half of a file", file: "a.json", jobs: "a",
			text: `{"jobs": [{"id":"a","dataset":"c4","to":"aws"}, {"id":"b","dat`,
			want: "a.json:1:59: JSON: the text ends within a value",
		},
		{name: "syntax", file: "a.yaml", text: "id: {a\n", want: "a.yaml:1:6: YAML: could not find flow map content"},
		{
			name: "unknown field", file: "a.yaml", text: "id: a\ndataset: c4\nto: aws\nneedby: 4h\n",
			want: `a.yaml:4:9: needby: unknown field; did you mean "need_by"? (valid: id, dataset, snapshot, shards, to, need_by, priority, value, team, keep, on_source_change)`,
		},
		{
			name: "unknown field in JSON", file: "a.jsonl", text: `{"id": "a", "dataset": "c4", "to": "aws", "Team": "x"}`,
			want: `a.jsonl:1:51: Team: unknown field; did you mean "team"? (valid: id, dataset, snapshot, shards, to, need_by, priority, value, team, keep, on_source_change)`,
		},
		{name: "twice", file: "a.yaml", text: "id: a\ndataset: c4\nto: aws\nid: b\n", want: "a.yaml:4:1: id: is there twice; the first is on line 1"},
		{name: "twice in JSON", file: "a.json", text: "{\"id\": \"a\", \"dataset\": \"c4\", \"to\": \"aws\",\n \"id\": \"b\"}", want: "a.json:2:2: id: is there twice; the first is on line 1"},
		{
			name: "two of one id", file: "a.jsonl", jobs: "a",
			text: "{\"id\":\"a\",\"dataset\":\"c4\",\"to\":\"aws\"}\n{\"id\":\"a\",\"dataset\":\"c4\",\"to\":\"gcp\"}",
			want: `a.jsonl:2:7: id: "a" is the id of an earlier job, on line 1; each needs one of its own`,
		},
		{
			name: "beside a list", file: "a.yaml", text: "id: x\njobs:\n- {id: a, dataset: c4, to: aws}\nteam: t\n", jobs: "a",
			want: "a.yaml:1:5: id: stands beside jobs; a document has either the fields of one job, or jobs alone\n" +
				"a.yaml:4:7: team: stands beside jobs; a document has either the fields of one job, or jobs alone",
		},
		{
			name: "beside a list in JSON", file: "a.json", jobs: "a",
			text: `{"id": "x", "jobs": [{"id":"a","dataset":"c4","to":"aws"}], "jobs": 7}`,
			want: "a.json:1:8: id: stands beside jobs; a document has either the fields of one job, or jobs alone\na.json:1:69: jobs: is there twice",
		},
		{name: "no list", file: "a.json", text: `{"jobs": {}}`, want: "a.json:1:2: jobs: want a list, not fields"},
		{name: "bare list", file: "a.yaml", text: "- id: a\n", want: "a.yaml:1:1: a list without a name; put it under jobs"},
		{name: "bare list in JSON", file: "a.json", text: " [{}]", want: "a.json:1:2: a list without a name; put it under jobs"},
		{name: "a word", file: "a.yaml", text: "job\n", want: "a.yaml:1:1: want fields (name: value), not the text \"job\""},
		{name: "types", file: "a.yaml", text: "id: [a]\ndataset: true\nto: {a: b}\npriority: high\nvalue: 1.5\nkeep: 9\nneed_by: [4h]\n", want: "" +
			"a.yaml:1:1: id: want text, not a list\n" +
			"a.yaml:2:10: dataset: want text, not a boolean (true); if true is meant, put it in quotes\n" +
			"a.yaml:3:1: to: want a list, not fields; write [item, item], or each item on a line of its own after a dash\n" +
			"a.yaml:4:11: priority: want a whole number, not the text \"high\"\n" +
			"a.yaml:5:8: value: want a whole number, not the number 1.5\n" +
			"a.yaml:6:7: keep: duration \"9\": write it as 90s, 10m, 1h30m, 24h or 30d\n" +
			"a.yaml:7:1: need_by: want one value, not a list"},
		{name: "bounds", file: "a.yaml", text: "id: -a\ndataset: a/b\nto: [aws, 'b c', aws]\npriority: 1000001\nvalue: 0\nkeep: 0s\nteam: ''\non_source_change: repine\n", want: "" +
			"a.yaml:1:5: id: \"-a\" cannot name a job; use up to 128 letters, digits and ._:@/-, a letter or digit first\n" +
			"a.yaml:2:10: dataset: \"a/b\" cannot be a dataset; write its name in the configuration, for example c4 or c4@1a2b3c\n" +
			"a.yaml:3:11: to[1]: \"b c\" cannot be a destination; write its name in the configuration\n" +
			"a.yaml:3:18: to[2]: \"aws\" is named twice\n" +
			"a.yaml:4:11: priority: 1000001: want -1000000 to 1000000\n" +
			"a.yaml:5:8: value: 0: want 1 to 1000000000000, or leave it out\n" +
			"a.yaml:6:7: keep: 0s: want more than 0 and at most 3660d, or leave it out\n" +
			"a.yaml:7:7: team: \"\" cannot be a team; teams are named in the configuration\n" +
			"a.yaml:8:19: on_source_change: unknown word \"repine\"; did you mean \"repin\"? (known: fail, repin)"},
		{name: "shards", file: "a.json", text: `{"id": "a", "dataset": "c4@", "to": "aws,aws", "shards": ["", "a\u0007b", "` + strings.Repeat("x", MostTermBytes+1) + `"]}`, want: "" +
			"a.json:1:24: dataset: \"\" is no snapshot; write the first 6 or more hex digits of its digest, or latest\n" +
			"a.json:1:37: to: \"aws\" is named twice\n" +
			"a.json:1:59: shards[0]: is empty; take it out\n" +
			"a.json:1:63: shards[1]: \"a\\ab\" has a control character\n" +
			"a.json:1:75: shards[2]: 8388609 bytes: want at most 8388608"},
		{name: "nothing to choose", file: "a.yaml", text: "id: a\ndataset: c4@1a2b3c\nsnapshot: 1a2b3d\nto: []\nshards: []\n", want: "" +
			"a.yaml:3:11: snapshot: dataset names a snapshot too; give it once\n" +
			"a.yaml:4:1: to: is empty; name a destination\n" +
			"a.yaml:5:1: shards: is empty; leave it out for all shards"},
		{name: "too many shards", file: "a.json", text: `{"id": "a", "dataset": "c4", "to": "aws", "shards": [` + strings.Repeat(`"a",`, 256) + `"a"]}`,
			want: "a.json:1:43: shards: 257 terms: want at most 256; a glob or a range stands for many shards"},
		{name: "short snapshot", file: "a.yaml", text: "id: a\ndataset: c4\nsnapshot: 1a2b\nto: aws\n",
			want: `a.yaml:3:11: snapshot: "1a2b" is no snapshot; write the first 6 or more hex digits of its digest, or latest`},
		{name: "variable", file: "a.yaml", text: "id: a-${USER}\ndataset: c4\nto: aws\n", want: "a.yaml:1:5: id: ${USER}: variables are not expanded in this file; write the value itself"},
		{name: "not text", file: "a.json", text: "{\"id\": \"\xff\"}", want: "a.json: is not UTF-8 text; save it as UTF-8"},
		{name: "deep", file: "a.json", text: `{"id": ` + strings.Repeat("[", 100), want: "a.json:1:58: JSON: nested more than 50 deep"},
		{name: "wide", file: "a.json", text: `{"id": [` + strings.Repeat("0,", 5000) + "0]}", want: "a.json:1:8199: more than 4096 values in one record"},
		{name: "long text", file: "a.jsonl", text: `{"` + strings.Repeat("x", 8193) + `": 1}`, want: "a.jsonl:1:2: a name of more than 8192 bytes"},
		{name: "a name with a line break", file: "a.jsonl", text: `{"id": "a", "dataset": "c4", "to": "aws", "x\ny": 1}`,
			want: `a.jsonl:1:51: x\ny: unknown field (valid: id, dataset, snapshot, shards, to, need_by, priority, value, team, keep, on_source_change)`},
	} {
		t.Run(c.name, func(t *testing.T) {
			jobs, err := parseText(c.file, c.text)
			if err == nil {
				t.Fatalf("read as %+v", jobs)
			}
			if diff := cmp.Diff(c.want, err.Error()); diff != "" {
				t.Errorf("-want +have:\n%s", diff)
			}
			var ids []string
			for _, j := range jobs {
				ids = append(ids, j.ID)
			}
			if got := strings.Join(ids, " "); got != c.jobs {
				t.Errorf("jobs %q, want %q", got, c.jobs)
			}
			var e *Error
			if !errors.As(err, &e) || e.Path != c.file {
				t.Errorf("errors.As finds %+v", e)
			}
		})
	}
}

// TestSecrets: none is repeated, wherever it stands.
func TestSecrets(t *testing.T) {
	const key = "AKIA" + "IOSFODNN7EXAMPLE"
	for _, c := range []struct{ file, text, place string }{
		{"a.yaml", "id: a\ndataset: c4\nto: aws\nteam: " + key + "\n", "a.yaml:4:7: team: "},
		{"a.yaml", "jobs:\n- {id: a, dataset: c4, to: aws}\n- {id: " + key + "}\n", "a.yaml:3:8: jobs[1].id: "},
		{"a.json", `{"id": "a", "dataset": "c4", "to": ["` + key + `"]}`, "a.json:1:37: to[0]: "},
		{"a.json", `{"jobs": "` + key + `"}`, "a.json:1:10: jobs: "},
		{"a.json", `{"jobs": [], "` + key + `": 1}`, "a.json:1:14: looks"},
		{"a.jsonl", `{"id": "` + key + `"}`, "a.jsonl:1:8: id: "},
	} {
		_, err := parseText(c.file, c.text)
		if err == nil || strings.Contains(err.Error(), "EXAMPLE") || !strings.HasPrefix(err.Error(), c.place) || !strings.Contains(err.Error(), "looks like a secret") {
			t.Errorf("%s: %v", c.text[:20], err)
		}
	}
	if _, err := FromPairs([]string{"team=" + key}); err == nil || !strings.HasPrefix(err.Error(), "team: looks like a secret, and a job holds none") {
		t.Errorf("inline: %v", err)
	}
}

// endless is a file that does not end; a reader that does not stop reading it fails.
type endless struct {
	t    *testing.T
	text string
	most int
}

func (e *endless) Read(p []byte) (int, error) {
	n := 0
	for n+len(e.text) <= len(p) {
		n += copy(p[n:], e.text)
	}
	if n == 0 {
		n = copy(p, e.text)
	}
	if e.most -= n; e.most < 0 {
		e.t.Fatal("more is read than can be in a file")
	}
	return n, nil
}

func TestEndlessFiles(t *testing.T) {
	for _, c := range []struct {
		file, text string
		bound      int
		want       string
	}{
		{"a.yaml", "id: a\n", 256 << 10, "a.yaml: larger than 256KiB; write so many jobs as JSON lines, in a file .jsonl of up to 16MiB"},
		{"a.jsonl", "{}\n", 16 << 20, "a.jsonl: larger than 16MiB; split it"},
		{"a.json", "[", 16 << 20, "a.json: larger than 16MiB; split it"},
	} {
		jobs, err := Parse(c.file, &endless{t: t, text: c.text, most: c.bound + c.bound/2})
		if err == nil || err.Error() != c.want || jobs != nil {
			t.Errorf("%v", err)
		}
	}
	if _, err := Parse("x.json", io.MultiReader(strings.NewReader("{"), failing{})); err == nil || err.Error() != "x.json: cannot be read: disk on fire" {
		t.Errorf("a failing reader: %v", err)
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("disk on fire") }

func TestManyMistakes(t *testing.T) {
	var b strings.Builder
	for i := range 1100 {
		fmt.Fprintf(&b, "{\"id\": \"j%d\", \"dataset\": \"c4\"}\n", i)
	}
	b.WriteString(`{"id": "good", "dataset": "c4", "to": "aws"}`)
	jobs, err := parseText("a.jsonl", b.String())
	var all Errors
	if len(jobs) != 1 || !errors.As(err, &all) || len(all) != 1001 || all[1000].Error() != "a.jsonl: and 100 more mistakes" {
		t.Errorf("%d jobs, %d errors", len(jobs), len(all))
	}
}

func TestTooManyJobs(t *testing.T) {
	jobs, err := parse("a.jsonl", strings.NewReader(tenThousand("jobs.jsonl")), limits{jobs: 9999, mistakes: 1})
	if len(jobs) != 9999 || err == nil || err.Error() != "a.jsonl: more than 9999 jobs; split it" {
		t.Errorf("%d jobs, %v", len(jobs), err)
	}
}

// TestManyWrongJobs: five million of them are not looked at one by one.
func TestManyWrongJobs(t *testing.T) {
	_, err := parse("a.json", strings.NewReader(`{"jobs": [`+strings.Repeat("{},", 1000)+"{}]}"), limits{jobs: 20, mistakes: 10})
	var all Errors
	if !errors.As(err, &all) || len(all) != 11 || all[10].Message != "and 51 more mistakes" {
		t.Errorf("%v", err)
	}
}

func TestInlineMistakes(t *testing.T) {
	for _, c := range []struct {
		pairs []string
		want  string
	}{
		{nil, "id: is missing; it is required\ndataset: is missing; it is required\nto: is missing; it is required"},
		{[]string{"id=a", "dataset=c4", "to=aws", "prio=3"}, `prio: unknown field (valid: id, dataset, snapshot, shards, to, need_by, priority, value, team, keep, on_source_change)`},
		{[]string{"id=a", "dataset=c4", "to=aws", "priority=high"}, `priority: want a whole number, not the text "high"`},
		{[]string{"id=a", "id=b", "dataset=c4", "to=aws"}, "id: want text, not a list"},
		{[]string{"id=a", "dataset=c4", "to=aws,aws"}, `to: "aws" is named twice`},
		{[]string{"id=a", "dataset=c4", "to=aws", "team=$${x}"}, "team: ${x}: variables are not expanded in a job; write the value itself"},
		{[]string{"id"}, `"id": want name=value, for example dataset=c4`},
		{[]string{"=x"}, `"=x": want name=value, for example dataset=c4`},
	} {
		if j, err := FromPairs(c.pairs); err == nil || err.Error() != c.want {
			t.Errorf("%v: %+v, %v\nwant %s", c.pairs, j, err, c.want)
		}
	}
	if _, err := FromFields(map[string][]string{"id": {}, "dataset": {"c4"}, "to": {"a"}}); err == nil || err.Error() != "id: is missing; it is required" {
		t.Errorf("a field without values: %v", err)
	}
}

package slurm

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/datagravity/datagravity/pkg/jobs"
)

// program writes a shell script that stands in for one of Slurm's commands; its arguments go to the file that it returns.
func program(t *testing.T, body string) (path, args string) {
	t.Helper()
	dir := t.TempDir()
	path, args = filepath.Join(dir, "program"), filepath.Join(dir, "args")
	script := "#!/bin/sh\nprintf '%s\\n' \"$@\" >>" + args + "\n" + body + "\n"
	if err := os.WriteFile(path, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return path, args
}

func fixture(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func TestJobs(t *testing.T) {
	t.Setenv("SQUEUE_USERS", "nobody")
	squeue, args := program(t, `test -z "$SQUEUE_USERS" && test "$SLURM_CONF" = there && cat '`+fixture(t, "squeue-v0.0.43.json")+"'")
	c := Client{Squeue: squeue, Env: []string{"SLURM_CONF=there"}}
	list, err := c.Jobs(t.Context())
	if err != nil || len(list) != 5 {
		t.Fatalf("%d jobs, %v", len(list), err)
	}
	if b, err := os.ReadFile(args); err != nil || string(b) != "--json\n" {
		t.Errorf("squeue was called with %q, %v", b, err)
	}
}

func TestJobsFail(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "squeue")
	denied := filepath.Join(t.TempDir(), "squeue")
	if err := os.WriteFile(denied, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	script := func(body string) string { path, _ := program(t, body); return path }
	for name, c := range map[string]struct {
		program string
		want    error
		words   string
	}{
		"missing":       {missing, ErrNotInstalled, "slurm-client"},
		"not to be run": {denied, ErrNotInstalled, "slurm-client"},
		"no controller": {script("echo 'slurm_load_jobs error: Unable to contact slurm controller (connect failure)' >&2; exit 1"), ErrNoController, "scontrol ping"},
		"no config":     {script("echo 'squeue: fatal: Could not establish a configuration source' >&2; exit 1"), ErrNoController, "SLURM_CONF"},
		"no JSON":       {script("echo JOBID PARTITION NAME"), ErrAnswer, "run it by hand"},
		"nothing":       {script("true"), ErrAnswer, "half an answer"},
		"half":          {script(`printf '{"jobs":[{"job_id":1},'`), ErrAnswer, "half an answer"},
		"no option":     {script(`echo "squeue: unrecognized option '--json'" >&2; exit 1`), ErrRefused, "unrecognized option"},
		"endless":       {script(`printf '{"jobs":[{"job_id":1,"x":"'; exec cat /dev/zero`), ErrAnswer, "run it by hand"},
		"late failure":  {script(`echo '{"jobs":[]}'; exit 3`), ErrRefused, "exit status 3"},
	} {
		client := Client{Squeue: c.program}
		_, err := client.Jobs(t.Context())
		if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.words) {
			t.Errorf("%s: %v; want %v and %q", name, err, c.want, c.words)
		}
	}
}

// A command that hangs, and one whose child keeps its output open, are given up.
func TestTimeout(t *testing.T) {
	hang, _ := program(t, "sleep 5 & wait")
	c := Client{Squeue: hang, Scontrol: hang, Timeout: 50 * time.Millisecond}
	if _, err := c.Jobs(t.Context()); !errors.Is(err, ErrNoController) || !strings.Contains(err.Error(), "no answer in 50ms") {
		t.Errorf("squeue: %v", err)
	}
	if err := c.Release(t.Context(), 1); !errors.Is(err, ErrNoController) {
		t.Errorf("scontrol: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := (&Client{Scontrol: hang}).Hold(ctx, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// What comes from a job is one argument, whatever is in it.
func TestControl(t *testing.T) {
	scontrol, args := program(t, "true")
	c := Client{Scontrol: scontrol}
	err := c.Do(t.Context(),
		Action{Verb: DoSetComment, JobID: 4242, Comment: "a; rm -rf / $(id) `id` 'q' \"q\"\nJobId=1 \x1b[31m" + strings.Repeat("é", MaxComment)},
		Action{Verb: DoRelease, JobID: 4242})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Hold(t.Context(), 7); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(args)
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Split(strings.TrimSpace(string(b)), "\n")
	comment := got[2]
	got[2] = ""
	if d := cmp.Diff([]string{"update", "JobId=4242", "", "release", "4242", "uhold", "7"}, got); d != "" {
		t.Error(d)
	}
	text, ok := strings.CutPrefix(comment, "Comment=a; rm -rf / $(id) `id` 'q' \"q\" JobId=1 [31mé")
	if !ok || len(comment) > len("Comment=")+MaxComment || strings.Trim(text, "é") != "" {
		t.Errorf("%q", comment)
	}
}

func TestControlFails(t *testing.T) {
	for said, want := range map[string]error{
		"Invalid job id specified":                               ErrGone,
		"Job/step already completing or completed":               ErrGone,
		"slurm_suspend error: Job has already finished":          ErrGone,
		"slurm_suspend error: Access/permission denied":          ErrRefused,
		"slurm_update error: Unable to contact slurm controller": ErrNoController,
	} {
		scontrol, _ := program(t, "echo '"+said+"' >&2; exit 1")
		c := Client{Scontrol: scontrol}
		err := c.Do(t.Context(), Action{Verb: DoRelease, JobID: 9}, Action{Verb: DoSetComment, JobID: 9})
		if !errors.Is(err, want) || !strings.Contains(err.Error(), "release job 9") || !strings.Contains(err.Error(), "release 9`") {
			t.Errorf("%q: %v", said, err)
		}
	}
}

func TestPoll(t *testing.T) {
	squeue, _ := program(t, "cat '"+fixture(t, "squeue-v0.0.43.json")+"'")
	p := Poller{Client: &Client{Squeue: squeue}}
	list, err := p.Poll(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	type seen struct {
		Name   string
		Jobs   []uint32
		D      Declaration
		NeedBy time.Time
	}
	var got []seen
	for _, w := range list {
		s := seen{Name: w.Name, D: w.Declaration, NeedBy: w.NeedBy}
		for _, j := range w.Jobs {
			s.Jobs = append(s.Jobs, j.ID)
		}
		if w.Err != nil || !jobs.ValidName(w.Name) {
			t.Errorf("%q: %v", w.Name, w.Err)
		}
		got = append(got, s)
	}
	want := []seen{
		{"slurm-hpc1-4242", []uint32{4242}, Declaration{Dataset: "c4@sha256:ab12", To: []string{"aws"}, Shards: []string{"range:0-511"}}, unix(1764072000)},
		{"slurm-hpc1-4243", []uint32{4243}, Declaration{Dataset: "c4", To: []string{"aws", "gcp"}}, time.Time{}},
		{"slurm-hpc1-4250", []uint32{4250, 4251}, Declaration{Dataset: "laion", To: []string{"aws"}, Shards: []string{"val-*"}}, unix(1764059500)},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// What cannot be used is told, and hides no other job.
func TestPollTellsWhatIsWrong(t *testing.T) {
	squeue, _ := program(t, `cat <<'END'
{"jobs":[
{"job_id":1,"cluster":"My Cluster","job_state":"PENDING","comment":"datagravity: data=c4"},
{"job_id":2,"cluster":"h","job_state":"PENDING","comment":"datagravity: dataset=a","extra":"datagravity: dataset=b"},
{"job_id":3,"cluster":"h","job_state":"PENDING","array_job_id":3,"comment":"datagravity: dataset=a"},
{"job_id":4,"cluster":"h","job_state":"PENDING","array_job_id":3,"array_task_id":1,"comment":"datagravity: dataset=b"},
{"job_id":5,"job_state":"PENDING","comment":"datagravity: dataset=a","extra":"datagravity: dataset=a"},
{"job_id":6,"job_state":"PENDING","comment":"dataset=a"},
{"job_id":7,"job_state":["CANCELLED"],"comment":"datagravity: dataset=a"}
]}
END`)
	list, err := (&Poller{Client: &Client{Squeue: squeue}}).Poll(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, w := range list {
		if got[w.Name] = "fine"; w.Err != nil {
			got[w.Name] = w.Err.Error()
		}
		if !jobs.ValidName(w.Name) {
			t.Errorf("%q is no name", w.Name)
		}
	}
	for name, want := range map[string]string{
		"slurm-my-cluster-1": `no key "data"`, "slurm-h-2": "comment and extra", "slurm-h-3": "tasks of one array", "slurm-cluster-5": "fine",
	} {
		if !strings.Contains(got[name], want) {
			t.Errorf("%s: %q, want %q", name, got[name], want)
		}
	}
	if len(got) != 4 {
		t.Errorf("%v", got)
	}
}

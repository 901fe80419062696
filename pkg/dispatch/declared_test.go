package dispatch

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/jobs/slurm"
	"github.com/datagravity/datagravity/pkg/jobs/spec"
)

// The jobs of a folder come and go with its files, also while nobody looks; a wrong file leaves the others alone.
func TestFolderDeclaresJobs(t *testing.T) {
	r := newRig(t)
	r.fill(3, 1000)
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	folder := func() {
		r.d.Declarers, r.d.asked = []Declarer{&SpecFolder{Folder: spec.Folder{Dir: dir}, Poll: time.Second}}, make([]time.Time, 1)
	}
	folder()
	write("a.yaml", "id: a\ndataset: c4\nto: aws\nshards: ['range:0-1']\n")
	write("b.yaml", "id: b\ndataset: c4\nto: aws\nneed_by: yesterday\n")
	write("c.json", `{"jobs":[{"id":"c","dataset":"c4","to":["lab"]},{"id":"d","dataset":"c4","to":["lab"]}]}`)
	r.until("a", Ready)
	r.until("d", Ready)
	if st := r.show("a"); !strings.Contains(st.Origin, dir) {
		t.Errorf("%+v", st)
	}
	// In two scans, so that a file that is just being written is not believed to be gone.
	if err := os.Remove(filepath.Join(dir, "a.yaml")); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		r.pass(2 * time.Second)
		r.once()
	}
	if _, err := r.d.Show(t.Context(), "a", false); err == nil {
		t.Error("a job whose file is gone is still there")
	}
	// While no process runs.
	write("c.json", `{"jobs":[{"id":"d","dataset":"c4","to":["lab"]}]}`)
	r.again()
	folder()
	write("c.json", `{"jobs":[{"id":"d","data`) // is just being written
	for range 3 {
		r.pass(2 * time.Second)
		r.once()
	}
	if _, err := r.d.Show(t.Context(), "c", false); err != nil {
		t.Errorf("a file that is half written took jobs back: %v", err)
	}
	write("c.json", `{"jobs":[{"id":"d","dataset":"c4","to":["lab"]}]}`)
	for range 3 {
		r.pass(2 * time.Second)
		r.once()
	}
	if _, err := r.d.Show(t.Context(), "c", false); err == nil {
		t.Error("a job that was taken out of its file while nobody looked is still there")
	}
	if st := r.show("d"); st.State != Ready {
		t.Errorf("%s: %s", st.State, st.Why)
	}
}

// queue is a squeue that answers from a file, and an scontrol that writes down what it is asked for.
func queue(t *testing.T) (client *slurm.Client, answer func(jobs string), asked func() string) {
	t.Helper()
	dir := t.TempDir()
	script := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o700); err != nil { //nolint:gosec // a program
			t.Fatal(err)
		}
		return path
	}
	log := filepath.Join(dir, "asked")
	client = &slurm.Client{Squeue: script("squeue", "cat "+filepath.Join(dir, "answer")), Scontrol: script("scontrol", `echo "$@" >> `+log)}
	answer = func(jobs string) {
		if err := os.WriteFile(filepath.Join(dir, "answer"), []byte(`{"jobs":[`+jobs+`],"errors":[]}`), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return client, answer, func() string {
		b, _ := os.ReadFile(log)
		return string(b)
	}
}

// A job that its user holds is declared by its comment, released when its shards are there and not before, and forgotten when it is over; one that a
// budget refuses says so in its comment.
func TestSlurmJobsAreReleased(t *testing.T) {
	r := newRig(t)
	r.close()
	r.budgets = []cost.Budget{{Name: "tiny", To: "google", LimitNanoUSD: 1}}
	r.open()
	r.fill(3, 10_000)
	client, answer, asked := queue(t)
	q := &SlurmQueue{Poller: slurm.Poller{Client: client}, Poll: time.Second, Partitions: map[string]string{"*": "aws"}, Lift: true, Comment: true}
	r.d.Declarers, r.d.Releasers, r.d.asked = []Declarer{q}, []Releaser{q}, make([]time.Time, 1)
	held := func(id int, comment string) string {
		return fmt.Sprintf(`{"job_id":%d,"cluster":"hpc","partition":"gpu","job_state":"PENDING","state_reason":"JobHeldUser","priority":0,`+
			`"submit_time":1764072000,"start_time":0,"hold":true,"comment":%q}`, id, comment)
	}
	answer(strings.Join([]string{
		held(1, "datagravity: dataset=c4 shards=range:0-1"), held(2, "datagravity: dataset=c4 to=google"), held(3, "datagravity: dataset=c5"), held(4, "a job of somebody else"),
	}, ","))
	if _, err := r.d.Pass(t.Context()); err != nil {
		t.Fatal(err)
	}
	if text := asked(); strings.Contains(text, "release") {
		t.Fatalf("released before its data was there: %s", text)
	}
	r.d.Drain()
	r.until("slurm-hpc-1", Ready)
	r.until("slurm-hpc-2", Held)
	r.once()
	text := asked()
	if !strings.Contains(text, "release 1\n") || strings.Contains(text, "release 2") || strings.Contains(text, "release 3") || strings.Contains(text, "release 4") {
		t.Errorf("asked of Slurm:\n%s", text)
	}
	for _, want := range []string{`budget "tiny"`, "c5"} {
		if !strings.Contains(text, want) {
			t.Errorf("no comment says %q:\n%s", want, text)
		}
	}
	before := asked()
	for range 3 {
		r.once()
	}
	if asked() != before {
		t.Errorf("the same was asked again: %s", strings.TrimPrefix(asked(), before))
	}
	known := func() bool {
		_, err := r.d.Show(t.Context(), "slurm-hpc-1", false)
		return err == nil
	}
	queued := r.d
	answer("") // as from a controller that has just come back
	if err := q.Declare(t.Context(), queued); err != nil || !known() {
		t.Errorf("an answer without jobs takes back all: %v", err)
	}
	answer(held(1, "datagravity: dataset=c4 shards=range:0-1") + "," + held(2, "datagravity: dataset=c4 to=google"))
	if err := q.Declare(t.Context(), queued); err != nil || !known() {
		t.Errorf("it was back in the next: %v", err)
	}
	answer(held(2, "datagravity: dataset=c4 to=google"))
	r.pass(2 * time.Second)
	r.once()
	r.pass(2 * time.Second)
	r.once()
	if _, err := r.d.Show(t.Context(), "slurm-hpc-1", false); err == nil {
		t.Error("a job that is over is still known")
	}
}

package slurm

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func unix(sec int64) time.Time { return time.Unix(sec, 0).UTC() }

// The first fixture is what Slurm 22.05.8 printed; the second has the fields and shapes of its data_parser/v0.0.43.
func TestFixtures(t *testing.T) {
	pretrain := Job{
		ArrayTask: -1, Name: "pretrain", User: "ana", Account: "vision", Partition: "gpu", Cluster: "hpc1", States: []string{"PENDING"}, Reason: "Resources",
		Priority: 1200, Eligible: unix(1764060000), Submit: unix(1764059000), TimeLimit: 24 * time.Hour, WorkDir: "/home/ana",
	}
	with := func(j Job, change func(*Job)) Job { change(&j); return j }
	wrap := Job{
		ArrayTask: -1, Name: "wrap", User: "ana", Partition: "gpu", Cluster: "dgtest", States: []string{"PENDING"}, WorkDir: "/home/ana/run",
	}
	for file, want := range map[string][]Job{
		"squeue-v0.0.38.json": {
			with(wrap, func(j *Job) {
				j.ID, j.Submit, j.Reason, j.Held, j.Comment = 1, unix(1795689570), ReasonHeldUser, true, "datagravity: dataset=c4@latest to=aws"
			}),
			with(wrap, func(j *Job) {
				j.ID, j.ArrayJobID, j.Submit, j.Reason, j.Priority = 2, 2, unix(1795689570), "BeginTime", 4294901759
				j.Start, j.Eligible = unix(1795693170), unix(1795693170)
			}),
			with(wrap, func(j *Job) {
				j.ID, j.Submit, j.Reason, j.Priority, j.States, j.Nodes = 3, unix(1795689571), "None", 4294901758, []string{"RUNNING"}, "dgnode"
				j.Start, j.Eligible, j.TimeLimit = unix(1795689571), unix(1795689571), 525600*time.Minute
			}),
		},
		"squeue-v0.0.43.json": {
			with(pretrain, func(j *Job) {
				j.ID, j.Start, j.Comment = 4242, unix(1764072000), "datagravity=dataset=c4@sha256:ab12;to=aws;shards=range:0-511"
			}),
			with(pretrain, func(j *Job) {
				j.ID, j.Held, j.Priority, j.Reason, j.Eligible = 4243, true, 0, ReasonHeldUser, time.Time{}
				j.Comment = `third try | datagravity: dataset=c4 to=aws,gcp | datagravity: held by budget "egress"`
			}),
			with(pretrain, func(j *Job) {
				j.ID, j.ArrayJobID, j.Reason, j.Extra = 4250, 4250, "Priority", `datagravity: dataset=laion to=aws shards="val-*"`
			}),
			with(pretrain, func(j *Job) {
				j.ID, j.ArrayJobID, j.ArrayTask, j.Reason, j.Extra = 4251, 4250, 2, "None", `datagravity: dataset=laion to=aws shards="val-*"`
				j.States, j.Start, j.Nodes, j.TimeLimit = []string{"RUNNING", "COMPLETING"}, unix(1764059500), "gpu01", 0
			}),
			with(pretrain, func(j *Job) {
				j.ID, j.Held, j.Priority, j.Reason, j.AdminComment = 4260, true, 0, ReasonHeldAdmin, "see ticket"
				j.Deadline, j.Dependency = unix(1764200000), "afterok:4242(unfulfilled)"
			}),
		},
	} {
		f, err := os.Open("testdata/" + file)
		if err != nil {
			t.Fatal(err)
		}
		var got []Job
		if err := decodeJobs(f, func(j Job) error { got = append(got, j); return nil }); err != nil {
			t.Errorf("%s: %v", file, err)
		}
		_ = f.Close()
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", file, d)
		}
	}
}

// A field of an unknown shape counts as not set, and does not hide the job.
func TestOddShapes(t *testing.T) {
	for _, c := range []struct {
		fields string
		want   Job
	}{
		{`"job_state":"PENDING","priority":null,"start_time":null`, Job{States: []string{"PENDING"}}},
		{`"job_state":{"a":1},"name":7,"comment":{"job":"x"},"hold":"yes","time_limit":[]`, Job{}},
		{`"job_state":["PENDING",3,"REQUEUED"],"start_time":"1764072000","time_limit":1440.0`,
			Job{States: []string{"PENDING", "REQUEUED"}, Start: unix(1764072000), TimeLimit: 24 * time.Hour}},
		{`"start_time":{"set":true,"infinite":true,"number":5},"eligible_time":{"set":false,"number":5},"deadline":-3,"submit_time":1e300`, Job{}},
		{`"start_time":4294967294,"deadline":4294967295,"time_limit":4294967295,"array_job_id":4294967294`, Job{}},
		{`"array_job_id":9,"array_task_id":{"set":true,"infinite":false,"number":0}`, Job{ArrayJobID: 9, ArrayTask: 0}},
		{`"job_state":"PENDING","priority":0,"state_reason":"None"`, Job{States: []string{"PENDING"}, Reason: "None"}},
		{`"job_state":"PENDING","priority":0,"state_reason":"BurstBufferOperation"`,
			Job{States: []string{"PENDING"}, Reason: "BurstBufferOperation", Held: true}},
		{`"job_state":"RUNNING","priority":0,"state_reason":"x"`, Job{States: []string{"RUNNING"}, Reason: "x"}},
	} {
		c.want.ID = 7
		if c.want.ArrayJobID == 0 {
			c.want.ArrayTask = -1
		}
		var got Job
		err := decodeJobs(strings.NewReader(`{"jobs":[{"job_id":7,`+c.fields+`}]}`), func(j Job) error { got = j; return nil })
		if d := cmp.Diff(c.want, got); d != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", c.fields, err, d)
		}
	}
}

func TestNoAnswer(t *testing.T) {
	errStop := errors.New("stop")
	one := `{"job_id":1},`
	for name, c := range map[string]struct {
		answer string
		want   string
	}{
		"nothing":   {"", "unexpected EOF"},
		"no object": {"[]", "where {"},
		"a table":   {"JOBID PARTITION", "invalid character"},
		"no jobs":   {`{"meta":{"x":[1,{"y":2}]}}`, "no list of jobs"},
		"half":      {`{"jobs":[` + one + `{"job_id":`, "unexpected EOF"},
		"no number": {`{"jobs":[{"name":"x"}]}`, "no job_id"},
		"an error":  {`{"errors":[{"description":"Zero Bytes were\ntransmitted","error_number":1007}],"jobs":[]}`, "Zero Bytes were transmitted"},
		"stopped":   {`{"jobs":[` + one + `{"job_id":2}]}`, errStop.Error()},
	} {
		err := decodeJobs(strings.NewReader(c.answer), func(j Job) error {
			if name == "stopped" && j.ID == 2 {
				return errStop
			}
			return nil
		})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	if err := decodeJobs(strings.NewReader(`{"warnings":null,"jobs":null}`), nil); err != nil {
		t.Errorf("an empty queue: %v", err)
	}
}

// A value larger than the bound ends the reading; one that is skipped may be of any size, and so may the answer.
func TestBoundedAnswer(t *testing.T) {
	const most = 1 << 20
	read := &counter{r: io.MultiReader(strings.NewReader(`{"jobs":[{"job_id":1,"comment":"`), endless{})}
	err := decodeBounded(read, most, func(Job) error { return nil })
	if !errors.Is(err, errTooLarge) || read.n > 2*most {
		t.Errorf("after %d bytes: %v", read.n, err)
	}
	var answer []io.Reader
	add := func(s string) { answer = append(answer, strings.NewReader(s)) }
	add(`{"meta":[0`)
	zeros := strings.Repeat(`,{"a":"b"}`, 10_000)
	for range 3 * most / len(zeros) {
		add(zeros)
	}
	add(`],"jobs":[{"job_id":9}]}`)
	var got []uint32
	if err := decodeBounded(io.MultiReader(answer...), most, func(j Job) error { got = append(got, j.ID); return nil }); err != nil || fmt.Sprint(got) != "[9]" {
		t.Errorf("behind much that is skipped: %v, %v", got, err)
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'a'
	}
	return len(p), nil
}

type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

func FuzzDecodeJobs(f *testing.F) {
	for _, name := range []string{"testdata/squeue-v0.0.38.json", "testdata/squeue-v0.0.43.json"} {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(b))
	}
	f.Add(`{"jobs":[{"job_id":{"set":true,"infinite":false,"number":3},"job_state":"PENDING"}]}`)
	f.Fuzz(func(t *testing.T, s string) {
		_ = decodeJobs(strings.NewReader(s), func(j Job) error {
			if j.ID == 0 || j.TimeLimit < 0 || j.ArrayTask < -1 && j.ArrayJobID == 0 {
				t.Errorf("%+v", j)
			}
			for _, at := range []time.Time{j.Start, j.Eligible, j.Submit, j.Deadline} {
				if !at.IsZero() && (at.Unix() <= 0 || at.Year() > 9999) {
					t.Errorf("time %v", at)
				}
			}
			return nil
		})
	})
}

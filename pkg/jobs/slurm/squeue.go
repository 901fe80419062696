package slurm

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/datagravity/datagravity/internal/jsonwalk"
)

// maxValueBytes bounds one job of the answer, and so the memory that reading it takes. A running job lists its cores, at some 120 bytes
// each with the line breaks: 15 MB for 1,000 nodes of 128.
const maxValueBytes = 64 << 20

// mostErrors is how many of the errors in an answer are repeated.
const mostErrors = 3

// decodeJobs reads an answer of squeue --json and calls each for every job, in the answer's order, while it is read. Errors:
// what each returned, as it is; otherwise the answer is not JSON of the expected shape, too large, or says itself that it is
// not complete.
func decodeJobs(r io.Reader, each func(Job) error) error {
	return decodeBounded(r, maxValueBytes, each)
}

func decodeBounded(r io.Reader, most int64, each func(Job) error) error {
	in := &bounded{r: r, left: most}
	d := decoder{in: in, dec: json.NewDecoder(in), most: most}
	var said []string
	found := false
	err := d.object(func(key string) (err error) {
		switch key {
		case "jobs":
			found = true
			return d.array(func() error { return d.job(each) })
		case "errors":
			said, err = d.errors()
			return err
		}
		return d.skip()
	})
	switch {
	case err != nil:
		return err
	case len(said) > 0:
		return fmt.Errorf("slurm says: %s", strings.Join(said, "; "))
	case !found:
		return errors.New("it has no list of jobs")
	}
	return nil
}

// bounded fails when more is read than is left. The decoder reads ahead, at most twice what it has.
type bounded struct {
	r    io.Reader
	left int64
}

var errTooLarge = errors.New("one value in it is too large")

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTooLarge
	}
	if int64(len(p)) > b.left {
		p = p[:b.left]
	}
	n, err := b.r.Read(p)
	b.left -= int64(n)
	return n, err
}

type decoder struct {
	in   *bounded
	dec  *json.Decoder
	most int64 // bytes of one value
}

// token has the whole bound for itself.
func (d *decoder) token() (json.Token, error) {
	d.in.left = d.most
	t, err := d.dec.Token()
	return t, midway(err)
}

func (d *decoder) value(v any) error {
	d.in.left = d.most
	return midway(d.dec.Decode(v))
}

// midway: wherever the answer ends within the object, it is not whole.
func midway(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

func (d *decoder) object(field func(key string) error) error {
	return d.elements('{', func() error {
		t, err := d.token()
		if err != nil {
			return err
		}
		key, _ := t.(string) // the decoder takes nothing else here
		return field(key)
	})
}

func (d *decoder) array(element func() error) error { return d.elements('[', element) }

// elements reads an object or an array; null stands for an empty one.
func (d *decoder) elements(open json.Delim, element func() error) error {
	t, err := d.token()
	if err != nil || t == nil {
		return err
	}
	if t != open {
		return fmt.Errorf("found %v where %v was expected", t, open)
	}
	for d.dec.More() {
		if err := element(); err != nil {
			return err
		}
	}
	_, err = d.token()
	return err
}

// skip passes over one value, whatever its size, token by token.
func (d *decoder) skip() error {
	return jsonwalk.Skip(d.token)
}

func (d *decoder) errors() (said []string, err error) {
	err = d.array(func() error {
		var e struct{ Description, Error text }
		if err := d.value(&e); err != nil {
			return err
		}
		if len(said) < mostErrors {
			said = append(said, oneLine(string(max(e.Description, e.Error)), maxErrorBytes))
		}
		return nil
	})
	return said, err
}

func (d *decoder) job(each func(Job) error) error {
	var a answer
	if err := d.value(&a); err != nil {
		return err
	}
	j := a.job()
	if j.ID == 0 {
		return errors.New("a job has no job_id")
	}
	return each(j)
}

// answer is a job as squeue writes it.
type answer struct {
	JobID        number `json:"job_id"`
	ArrayJobID   number `json:"array_job_id"`
	ArrayTaskID  number `json:"array_task_id"`
	Name         text   `json:"name"`
	UserName     text   `json:"user_name"`
	Account      text   `json:"account"`
	Partition    text   `json:"partition"`
	Cluster      text   `json:"cluster"`
	JobState     texts  `json:"job_state"`
	StateReason  text   `json:"state_reason"`
	Hold         flag   `json:"hold"`
	Priority     number `json:"priority"`
	StartTime    number `json:"start_time"`
	EligibleTime number `json:"eligible_time"`
	SubmitTime   number `json:"submit_time"`
	Deadline     number `json:"deadline"`
	TimeLimit    number `json:"time_limit"`
	Comment      text   `json:"comment"`
	Extra        text   `json:"extra"`
	AdminComment text   `json:"admin_comment"`
	WorkDir      text   `json:"current_working_directory"`
	Dependency   text   `json:"dependency"`
	Nodes        text   `json:"nodes"`
}

func (a *answer) job() Job {
	j := Job{
		ID: a.JobID.id(), ArrayJobID: a.ArrayJobID.id(), ArrayTask: -1,
		Name: string(a.Name), User: string(a.UserName), Account: string(a.Account), Partition: string(a.Partition), Cluster: string(a.Cluster),
		States: a.JobState, Reason: string(a.StateReason), Priority: a.Priority.n,
		Start: a.StartTime.time(), Eligible: a.EligibleTime.time(), Submit: a.SubmitTime.time(), Deadline: a.Deadline.time(),
		Comment: string(a.Comment), Extra: string(a.Extra), AdminComment: string(a.AdminComment),
		WorkDir: string(a.WorkDir), Dependency: string(a.Dependency), Nodes: string(a.Nodes),
	}
	if j.ArrayJobID != 0 && a.ArrayTaskID.set && a.ArrayTaskID.n < noValue {
		j.ArrayTask = a.ArrayTaskID.n
	}
	const mostMinutes = 1 << 31 // Slurm counts them in 32 bits, and the last two values mean none
	if n := a.TimeLimit.n; n > 0 && n < mostMinutes {
		j.TimeLimit = time.Duration(n) * time.Minute
	}
	// Versions before 23.02 say it by a priority of zero; a job that was just submitted has none yet either, but then no reason.
	j.Held = bool(a.Hold) || j.Pending() &&
		(j.Reason == ReasonHeldUser || j.Reason == ReasonHeldAdmin || a.Priority.set && a.Priority.n == 0 && j.Reason != "None" && j.Reason != "")
	return j
}

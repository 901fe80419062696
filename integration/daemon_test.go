package integration

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/datagravity/datagravity/internal/emulator/emutest"
	"github.com/datagravity/datagravity/pkg/daemon"
	"github.com/datagravity/datagravity/pkg/dispatch"
)

// holder is a program that holds the manifest for long, and answers others meanwhile.
type holder struct {
	r     *rig
	cmd   *exec.Cmd
	ended chan struct{}
}

// hold starts a command and returns when it answers on the socket. What it says is appended to the file "log".
func (r *rig) hold(env []string, args ...string) *holder {
	r.t.Helper()
	return r.holdAt("state", env, args...)
}

// holdAt is hold for an agent with a state directory of its own.
func (r *rig) holdAt(state string, env []string, args ...string) *holder {
	r.t.Helper()
	log, err := os.OpenFile(filepath.Join(r.dir, "log"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		r.t.Fatal(err)
	}
	defer log.Close()
	h := &holder{r: r, cmd: r.command(append([]string{"--log-level", "info"}, args...)...), ended: make(chan struct{})}
	h.cmd.Stdout, h.cmd.Stderr, h.cmd.Env = log, log, append(os.Environ(), env...)
	if err := h.cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	go func() {
		_ = h.cmd.Wait() // the code is in the ProcessState
		close(h.ended)
	}()
	t := r.t
	t.Cleanup(func() {
		h.signal(syscall.SIGKILL)
		r.secretless(strings.Join(args, " "), r.log())
		if t.Failed() {
			t.Logf("the log:\n%s", r.log())
		}
	})
	r.until("an answer of "+strings.Join(args, " "), func() bool {
		select {
		case <-h.ended:
			r.t.Fatalf("%v: exit code %d\n%s", args, h.cmd.ProcessState.ExitCode(), r.log())
		default:
		}
		c, err := daemon.Dial(context.Background(), filepath.Join(r.dir, state, "api.sock"), "any")
		return err == nil && c.Health().PID == h.cmd.Process.Pid
	})
	return h
}

// signal ends the program and returns its exit code, -1 if a signal ended it.
func (h *holder) signal(s os.Signal) int {
	h.r.t.Helper()
	_ = h.cmd.Process.Signal(s) // it may have ended
	select {
	case <-h.ended:
		return h.cmd.ProcessState.ExitCode()
	case <-time.After(20 * time.Second): // systemd would wait 90 s
		h.r.t.Fatalf("it goes on after %v", s)
		return 0
	}
}

func (r *rig) log() string {
	b, _ := os.ReadFile(filepath.Join(r.dir, "log")) // nothing was logged where there is none
	return string(b)
}

// until waits for what must come at last; how long it takes says nothing.
func (r *rig) until(what string, done func() bool) {
	r.t.Helper()
	for deadline := time.Now().Add(time.Minute); !done(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			_, list, _ := r.run("jobs", "list", "--json")
			r.t.Fatalf("%s did not happen; the jobs:\n%s\nthe log:\n%s", what, list, r.log())
		}
	}
}

// more adds lines to the rig's configuration, which ends with its budgets.
func (r *rig) more(lines string) {
	r.t.Helper()
	r.write("datagravity.yaml", r.config()+lines)
}

func (r *rig) config() string {
	r.t.Helper()
	b, err := os.ReadFile(filepath.Join(r.dir, "datagravity.yaml"))
	if err != nil {
		r.t.Fatal(err)
	}
	return string(b)
}

// job is how a job stands; false: nobody knows it.
func (r *rig) job(id string) (d dispatch.Detail, known bool) {
	r.t.Helper()
	code, out, errs := r.run("jobs", "show", id, "--json")
	if code == 2 && strings.Contains(errs, "no such job") {
		return d, false
	}
	if code != 0 {
		r.t.Fatalf("jobs show %s: exit code %d: %s", id, code, errs)
	}
	if err := json.Unmarshal([]byte(out), &d); err != nil {
		r.t.Fatalf("%v in %s", err, out)
	}
	return d, true
}

func (r *rig) state(id string) dispatch.State {
	r.t.Helper()
	d, _ := r.job(id)
	return d.State
}

func (r *rig) gone(id string) bool {
	r.t.Helper()
	_, known := r.job(id)
	return !known
}

func (r *rig) untilReady(id string) {
	r.t.Helper()
	r.until(id+" is ready", func() bool { code, _, _ := r.run("ready", "--job", id); return code == 0 })
}

// s3Client is the AWS SDK's own, so that what checks us is not us, and the bucket.
func (r *rig) s3Client() (*s3.Client, string) {
	r.t.Helper()
	bucket, _, _ := strings.Cut(strings.TrimPrefix(r.urls["s3"], "s3://"), "?")
	return s3.New(s3.Options{
		BaseEndpoint: &emutest.S3(r.t).Endpoint, Region: "us-east-1", UsePathStyle: true,
		Credentials: credentials.NewStaticCredentialsProvider(os.Getenv("AWS_ACCESS_KEY_ID"), os.Getenv("AWS_SECRET_ACCESS_KEY"), ""),
	}), bucket
}

// atS3 are the objects under a prefix, by what follows it.
func (r *rig) atS3(prefix string) map[string][]byte {
	r.t.Helper()
	ctx := context.Background()
	client, bucket := r.s3Client()
	out := map[string][]byte{}
	for pages := s3.NewListObjectsV2Paginator(client, &s3.ListObjectsV2Input{Bucket: &bucket, Prefix: &prefix}); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			r.t.Fatal(err)
		}
		for _, o := range page.Contents {
			got, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: o.Key})
			if err != nil {
				r.t.Fatal(err)
			}
			var b bytes.Buffer
			if _, err := b.ReadFrom(got.Body); err != nil {
				r.t.Fatal(err)
			}
			got.Body.Close()
			out[strings.TrimPrefix(aws.ToString(o.Key), prefix)] = b.Bytes()
		}
	}
	return out
}

// onlyAtS3 checks that exactly these shards are there, byte for byte.
func (r *rig) onlyAtS3(paths ...string) {
	r.t.Helper()
	have := r.atS3("data/c4/")
	for _, p := range paths {
		got, ok := have[p]
		if !ok || !bytes.Equal(got, r.files[p]) {
			r.t.Errorf("%s: there %v, %d bytes, and not the %d of the source", p, ok, len(got), len(r.files[p]))
		}
		delete(have, p)
	}
	for p := range have {
		r.t.Errorf("%s is there, and nobody wanted it", p)
	}
}

// What stands in a watched folder is what is wanted: a file that appears, one that goes, and one with a mistake beside them.
func TestDaemonWatchesAFolder(t *testing.T) {
	r := newRig(t, "8MiB")
	r.put("a.tar", random(1, 100_000))
	r.put("b.tar", random(2, 200_000))
	r.more("jobs: {folder: jobs.d, poll: 1s}\n")
	if err := os.Mkdir(filepath.Join(r.dir, "jobs.d"), 0o700); err != nil {
		t.Fatal(err)
	}
	d := r.hold(nil, "daemon")
	r.write("jobs.d/a.yaml", "{id: a, dataset: c4, to: lab, shards: [a.tar]}\n")
	r.untilReady("a")
	r.want(0, "ready", "--job", "a", "--from", "lab", "--check")

	r.write("jobs.d/bad.yaml", "{id: bad, dataset: c5, to: lab}\n")
	r.write("jobs.d/broken.json", `{"id": "broken", "dataset": `)
	r.until("the log says what is wrong", func() bool {
		return strings.Contains(r.log(), "jobs.d/bad.yaml") && strings.Contains(r.log(), `\"c5\"`) && strings.Contains(r.log(), "jobs.d/broken.json")
	})
	r.write("jobs.d/b.yaml", "jobs:\n- {id: b, dataset: c4, to: lab, shards: [b.tar]}\n- {id: none, dataset: c4, to: lab, shards: ['none-*']}\n")
	r.untilReady("b")
	// What was found and moved in one go is not looked at again.
	if n := strings.Count(r.log(), `"a job's shards begin to move","job":"b"`); n != 1 {
		t.Errorf("b began to move %d times", n)
	}
	for id, code := range map[string]int{"bad": 2, "broken": 2, "none": 5, "a": 0} {
		if got, out, errs := r.run("ready", "--job", id); got != code {
			t.Errorf("%s: exit code %d, want %d: %s%s", id, got, code, out, errs)
		}
	}

	if err := os.Remove(filepath.Join(r.dir, "jobs.d", "a.yaml")); err != nil {
		t.Fatal(err)
	}
	r.until("a is gone", func() bool { return r.gone("a") })
	r.want(75, "ready", "--job", "a", "--from", "lab")
	r.want(0, "ready", "--job", "b", "--from", "lab")
	if _, err := os.Stat(filepath.Join(r.dir, "lab", "data", "c4", "a.tar")); err != nil {
		t.Errorf("what is there stays: %v", err)
	}

	if code := d.signal(syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d", code)
	}
	// What went while nobody looked is gone at the next start.
	if err := os.Remove(filepath.Join(r.dir, "jobs.d", "b.yaml")); err != nil {
		t.Fatal(err)
	}
	d = r.hold(nil, "daemon")
	r.until("b is gone", func() bool { return r.gone("b") })
	r.want(75, "ready", "--job", "b", "--from", "lab")
	if code := d.signal(syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

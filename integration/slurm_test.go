package integration

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/datagravity/datagravity/internal/emulator"
	"github.com/datagravity/datagravity/internal/emulator/emutest"
	"github.com/datagravity/datagravity/pkg/jobs/slurm"
)

// fakeDatagravity stands in for the program where the scheduler's side is under test. It notes how it was called, and ends
// "ready" with the first line of ready.JOB, which it takes away, and with 0 when there is none.
const fakeDatagravity = `#!/bin/sh
dir=%s
printf '%%s\n' "$*" >>"$dir/calls"
case $1 in
stage)
	test -r "$5" || exit 5
	grep -q '^#BB_LUA datagravity' "$5" || exit 2
	test -e "$dir/stage-refuses" && { echo "it isn't \"wanted\" \$here"; exit 78; }
	exit 0 ;;
ready)
	queue=$dir/ready.$3
	test -s "$queue" || { echo ready; exit 0; }
	code=$(head -n 1 "$queue")
	test "$code" = 3 && { echo 'held by budget "egress": 12.40 USD missing'; exit 3; }
	sed -i 1d "$queue"
	exit "$code" ;;
resolve)
	echo 'level=warn msg=late' >&2
	test -e "$dir/resolve-fails" && { echo 'no such job' >&2; exit 5; }
	printf 'export DATAGRAVITY_URI=s3://bucket/it'"'"'s c4\n\nnot a variable\nexport DATAGRAVITY_JOB=%%s\n' "$3" ;;
esac
`

// nobody submits: Slurm gives root no burst buffers.
const nobody = 65534

// slurmRig is a real Slurm with the shipped burst_buffer.lua and prolog, and a program of its own for datagravity.
type slurmRig struct {
	t      *testing.T
	dir    string
	s      *emulator.Slurm
	client *slurm.Client
}

func newSlurmRig(t *testing.T) *slurmRig {
	t.Helper()
	prolog, err := filepath.Abs("../packaging/slurm/prolog-ready")
	if err != nil {
		t.Fatal(err)
	}
	r := newSlurmFolder(t)
	r.write("datagravity", fmt.Sprintf(fakeDatagravity, r.dir))
	r.write("prolog.conf", "DATAGRAVITY="+r.path("datagravity")+"\nDEST=lab\n")
	r.start(emulator.SlurmOptions{
		Files:  map[string]string{"datagravity.conf": "poll_seconds = 1 # of the tests\n"},
		Prolog: r.prolog(prolog), Env: []string{"PATH=" + r.dir + ":" + os.Getenv("PATH")},
	})
	return r
}

// newSlurmFolder is where jobs write their output. It is not t.TempDir, into which nobody else can look.
func newSlurmFolder(t *testing.T) *slurmRig {
	t.Helper()
	r := &slurmRig{t: t}
	var err error
	if r.dir, err = os.MkdirTemp("", "datagravity-jobs-"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(r.dir) })
	if err := os.Chmod(r.dir, 0o777); err != nil {
		t.Fatal(err)
	}
	return r
}

// start begins a cluster with the shipped burst_buffer.lua.
func (r *slurmRig) start(o emulator.SlurmOptions) {
	r.t.Helper()
	lua, err := os.ReadFile("../packaging/slurm/burst_buffer.lua")
	if err != nil {
		r.t.Fatal(err)
	}
	o.BurstBuffer = string(lua)
	r.s = emutest.Slurm(r.t, o)
	r.client = &slurm.Client{Env: r.s.Env()}
}

// prolog calls the shipped one with a configuration: slurmd gives a Prolog no environment of its own.
func (r *slurmRig) prolog(shipped string) string {
	r.write("prolog", "#!/bin/sh\nDATAGRAVITY_PROLOG_CONF="+r.path("prolog.conf")+" exec "+shipped+"\n")
	return r.path("prolog")
}

func (r *slurmRig) path(name string) string { return filepath.Join(r.dir, name) }

func (r *slurmRig) write(name, content string) {
	r.t.Helper()
	if err := os.WriteFile(r.path(name), []byte(content), 0o755); err != nil {
		r.t.Fatal(err)
	}
}

func (r *slurmRig) read(name string) string {
	b, err := os.ReadFile(r.path(name))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		r.t.Fatal(err)
	}
	return string(b)
}

// submit gives a script to sbatch. Its output is the file out.NAME.
func (r *slurmRig) submit(name, script string, args ...string) (id uint32) {
	r.t.Helper()
	id, said := r.trySubmit(name, script, args...)
	if id == 0 {
		r.t.Fatalf("sbatch: %s", said)
	}
	return id
}

func (r *slurmRig) trySubmit(name, script string, args ...string) (id uint32, said string) {
	r.t.Helper()
	r.write(name, "#!/bin/sh\n"+script)
	args = append([]string{"--parsable", "--chdir", r.dir, "--output", r.path("out." + name)}, args...)
	cmd := r.s.Command(context.Background(), "sbatch", append(args, r.path(name))...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	cmd.Dir = r.dir
	out, err := cmd.CombinedOutput()
	n, _ := strconv.ParseUint(strings.TrimSpace(string(out)), 10, 32)
	if err != nil {
		return 0, fmt.Sprintf("%v: %s", err, out)
	}
	return uint32(n), string(out)
}

// job is one of the queue, or of those that ended.
func (r *slurmRig) job(id uint32) slurm.Job {
	r.t.Helper()
	list, err := r.client.Jobs(context.Background())
	if err != nil {
		r.t.Fatal(err)
	}
	for _, j := range list {
		if j.ID == id {
			return j
		}
	}
	r.t.Fatalf("squeue has no job %d", id)
	return slurm.Job{}
}

func (r *slurmRig) ended(id uint32) bool {
	r.t.Helper()
	return r.job(id).Ended()
}

// wanted is what the poller finds of a job.
func (r *slurmRig) wanted(id uint32) slurm.Wanted {
	r.t.Helper()
	list, err := (&slurm.Poller{Client: r.client}).Poll(context.Background())
	if err != nil {
		r.t.Fatal(err)
	}
	for _, w := range list {
		if w.Name == fmt.Sprintf("slurm-%s-%d", r.s.Cluster(), id) {
			return w
		}
	}
	r.t.Fatalf("the poller does not find job %d in %+v", id, list)
	return slurm.Wanted{}
}

func (r *slurmRig) cancel(id uint32) {
	r.t.Helper()
	if out, err := r.s.Command(context.Background(), "scancel", fmt.Sprint(id)).CombinedOutput(); err != nil {
		r.t.Errorf("%v: %s", err, out)
	}
}

func (r *slurmRig) awaitOutput(name, want string) {
	r.t.Helper()
	r.await("the output "+want, func() bool { return strings.Contains(r.read("out."+name), want) })
}

// await waits for what must come at last; how long it takes says nothing.
func (r *slurmRig) await(what string, done func() bool) {
	r.t.Helper()
	for deadline := time.Now().Add(time.Minute); !done(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			out, _ := r.s.Command(context.Background(), "scontrol", "show", "job").CombinedOutput()
			r.t.Fatalf("%s did not happen; calls:\n%s\n%s", what, r.read("calls"), out)
		}
	}
}

func (r *slurmRig) decide(id uint32, ready slurm.Readiness) []slurm.Action {
	r.t.Helper()
	do := slurm.Decide(r.job(id), ready)
	if err := r.client.Do(context.Background(), do...); err != nil {
		r.t.Fatal(err)
	}
	return do
}

// TestSlurm drives a real slurmctld and slurmd. Its parts share the cluster, and the jobs of each are its own.
func TestSlurm(t *testing.T) {
	r := newSlurmRig(t)
	for name, part := range map[string]func(*slurmRig){
		"a hold":                     (*slurmRig).holdAndRelease,
		"a hold by an administrator": (*slurmRig).adminHold,
		"an array":                   (*slurmRig).array,
		"what Slurm refuses":         (*slurmRig).refusals,
		"stage-in":                   (*slurmRig).stageIn,
		"stage-in that is refused":   (*slurmRig).stageInRefused,
		"a directive with a mistake": (*slurmRig).badDirective,
		"a cancelled stage-in":       (*slurmRig).cancelled,
		"the prolog":                 (*slurmRig).prologNeverFails,
	} {
		t.Run(name, func(t *testing.T) {
			r.t = t
			part(r)
		})
	}
}

// A held job with a declaration is found; a refusal stands in its comment beside what the user wrote; it runs when it is ready, and
// not before.
func (r *slurmRig) holdAndRelease() {
	t := r.t
	const comment = `try 7; datagravity: dataset=c4@latest to=aws shards='train-{00..07}.tar' priority=3`
	id := r.submit("held", "echo ran\n", "--hold", "--comment="+comment)
	w := r.wanted(id)
	want := slurm.Declaration{Dataset: "c4@latest", To: []string{"aws"}, Shards: []string{"train-{00..07}.tar"}, Priority: 3}
	if d := cmp.Diff(want, w.Declaration); d != "" || w.Err != nil || !w.NeedBy.IsZero() {
		t.Errorf("%v, need by %v (-want +got):\n%s", w.Err, w.NeedBy, d)
	}

	refused := slurm.Readiness{State: slurm.Refused, Words: `by budget "egress": 12.40 USD missing`}
	r.decide(id, refused)
	const told = comment + ` | datagravity: held by budget "egress": 12.40 USD missing`
	if j := r.job(id); j.Comment != told || !j.HeldByUser() {
		t.Errorf("after a refusal: %q, %s", j.Comment, j.Reason)
	}
	if do := r.decide(id, refused); len(do) != 0 {
		t.Errorf("refused again: %v", do)
	}
	if d := cmp.Diff(want, r.wanted(id).Declaration); d != "" {
		t.Errorf("the declaration changed: %s", d)
	}

	// The job behind it starts; that one does not, although there is room for both.
	other := r.submit("other", "echo ran\n")
	r.awaitOutput("other", "ran")
	if j := r.job(id); !j.HeldByUser() || r.read("out.held") != "" {
		t.Errorf("%d ran, and the held job is %v, %s", other, j.States, j.Reason)
	}
	if do := r.decide(id, slurm.Readiness{State: slurm.Ready}); len(do) != 2 {
		t.Errorf("ready: %v", do)
	}
	r.awaitOutput("held", "ran")
	r.await("its end", func() bool { return r.ended(id) })
	if err := r.client.Release(context.Background(), id); !errors.Is(err, slurm.ErrGone) {
		t.Errorf("to release what has ended: %v", err)
	}
}

func (r *slurmRig) adminHold() {
	id := r.submit("admin", "echo ran\n", "--hold", "--comment=datagravity: dataset=c4 to=aws")
	defer r.cancel(id)
	if out, err := r.s.Command(context.Background(), "scontrol", "hold", fmt.Sprint(id)).CombinedOutput(); err != nil { // as root
		r.t.Fatalf("%v: %s", err, out)
	}
	if j := r.job(id); j.Reason != slurm.ReasonHeldAdmin || !j.Held {
		r.t.Errorf("held by root: %+v", j)
	}
	if do := r.decide(id, slurm.Readiness{State: slurm.Ready}); len(do) != 0 {
		r.t.Errorf("an administrator's hold: %v", do)
	}
	// Ours is a hold that the user could lift.
	if err := errors.Join(r.client.Release(context.Background(), id), r.client.Hold(context.Background(), id)); err != nil {
		r.t.Fatal(err)
	}
	if j := r.job(id); !j.HeldByUser() && j.Pending() {
		r.t.Errorf("our hold: %+v", j)
	}
}

// The tasks of an array share a name, and one release is for all.
func (r *slurmRig) array() {
	id := r.submit("array", "echo ran $SLURM_ARRAY_TASK_ID\n", "--hold", "--array=1-3", "--begin=now+1", "--open-mode=append", "--comment=datagravity=dataset=c4;to=aws")
	w := r.wanted(id)
	if len(w.Jobs) != 1 || w.Jobs[0].ArrayJobID != id {
		r.t.Errorf("%+v", w)
	}
	r.await("its begin", func() bool { return r.job(id).HeldByUser() })
	r.decide(id, slurm.Readiness{State: slurm.Ready})
	for _, task := range []string{"1", "2", "3"} {
		r.awaitOutput("array", "ran "+task)
	}
}

func (r *slurmRig) refusals() {
	t := r.t
	id := r.submit("long", "echo ran\n", "--hold")
	defer r.cancel(id)
	for _, text := range []string{
		"  a \"b\" 'c' \\ $(id) ; = | # %j é", "a,b Comment=2 JobId=1", `"quoted"`, strings.Repeat("é", slurm.MaxComment/2), "",
	} {
		if err := r.client.SetComment(context.Background(), id, text); err != nil {
			t.Errorf("%.30q: %v", text, err)
		}
		if j := r.job(id); j.Comment != text {
			t.Errorf("%.30q became %.30q", text, j.Comment)
		}
	}
	if err := r.client.Hold(context.Background(), 4_000_000); !errors.Is(err, slurm.ErrGone) {
		t.Errorf("a job that never was: %v", err)
	}
	// The user of one job may not release another's.
	out, err := r.s.Command(context.Background(), "sbatch", "--parsable", "--hold", "--output=/dev/null", "--wrap=true").Output()
	if err != nil {
		t.Fatal(err)
	}
	var roots uint32
	if _, err := fmt.Sscan(string(out), &roots); err != nil {
		t.Fatal(err)
	}
	defer r.cancel(roots)
	r.write("scontrol", "#!/bin/sh\nexec setpriv --reuid=65534 --regid=65534 --clear-groups scontrol \"$@\"\n")
	asUser := slurm.Client{Scontrol: r.path("scontrol"), Env: r.s.Env()}
	if err := asUser.Release(context.Background(), roots); !errors.Is(err, slurm.ErrRefused) {
		t.Errorf("another user's job: %v", err)
	}
	// squeue itself tries for a minute.
	gone := slurm.Client{Env: []string{"SLURM_CONF=" + r.path("no-slurm.conf")}, Timeout: time.Second}
	if _, err := gone.Jobs(context.Background()); !errors.Is(err, slurm.ErrNoController) {
		t.Errorf("without a cluster: %v", err)
	}
}

// The job stays pending while datagravity says "not yet", then runs with what resolve said in its environment.
func (r *slurmRig) stageIn() {
	t := r.t
	// Submitted held, so that the answers are there under its number before it is asked about.
	id := r.submit("staged", "#BB_LUA datagravity dataset=c4@latest to=aws\nenv\n", "--hold")
	name := fmt.Sprintf("slurm-%s-%d", r.s.Cluster(), id)
	r.write("ready."+name, "75\n75\n")
	if err := r.client.Release(context.Background(), id); err != nil {
		t.Fatal(err)
	}
	r.awaitOutput("staged", "DATAGRAVITY_JOB="+name+"\n")
	if out := r.read("out.staged"); !strings.Contains(out, "DATAGRAVITY_URI=s3://bucket/it's c4\n") || strings.Contains(out, "not a variable") || strings.Contains(out, "level=warn") {
		t.Errorf("the job's environment:\n%s", out)
	}
	r.await("the removal of its environment's file", func() bool {
		left, err := filepath.Glob(filepath.Join(r.s.StateDir(), "datagravity.*"))
		return err == nil && len(left) == 0
	})
	var calls []string
	for line := range strings.Lines(r.read("calls")) {
		if strings.Contains(line, name) && !strings.Contains(line, "--from") { // which the prolog adds
			verb, _, _ := strings.Cut(line, " ")
			calls = append(calls, verb)
		}
	}
	if d := cmp.Diff([]string{"stage", "ready", "ready", "ready", "resolve"}, calls); d != "" {
		t.Errorf("calls (-want +got):\n%s", d)
	}
}

// What is refused is held with the reason; when an operator releases it, it is staged again.
func (r *slurmRig) stageInRefused() {
	t := r.t
	id := r.submit("refused", "#BB_LUA datagravity dataset=c4 to=aws\necho ran\n", "--hold")
	name := fmt.Sprintf("slurm-%s-%d", r.s.Cluster(), id)
	r.write("ready."+name, "3\n")
	if err := r.client.Release(context.Background(), id); err != nil {
		t.Fatal(err)
	}
	r.await("its refusal", func() bool { j := r.job(id); return j.Held && j.Pending() && !j.HeldByUser() })
	out, err := r.s.Command(context.Background(), "squeue", "-h", "-j", fmt.Sprint(id), "-o", "%r %R").CombinedOutput()
	if err != nil || !strings.Contains(string(out), `held by budget "egress": 12.40 USD missing`) {
		t.Errorf("why it is held: %v: %s", err, out)
	}
	if do := r.decide(id, slurm.Readiness{State: slurm.Ready}); len(do) != 0 {
		t.Errorf("a hold of the burst buffer's: %v", do)
	}
	r.write("ready."+name, "")
	r.await("its release", func() bool {
		return r.client.Release(context.Background(), id) == nil && !r.job(id).Held
	})
	r.awaitOutput("refused", "ran")
}

func (r *slurmRig) badDirective() {
	id, said := r.trySubmit("bad", "#BB_LUA datagravity datasets=c4 to=aws\necho ran\n")
	if id != 0 || !strings.Contains(said, "there is no key 'datasets'") {
		r.t.Errorf("job %d: %s", id, said)
	}
}

// Nothing that waited for a job outlives it.
func (r *slurmRig) cancelled() {
	id := r.submit("cancelled", "#BB_LUA datagravity dataset=c4 to=aws\necho ran\n", "--hold")
	name := fmt.Sprintf("slurm-%s-%d", r.s.Cluster(), id)
	r.write("ready."+name, strings.Repeat("75\n", 1000))
	if err := r.client.Release(context.Background(), id); err != nil {
		r.t.Fatal(err)
	}
	r.await("its stage-in", func() bool { return strings.Contains(r.read("calls"), "ready --job "+name) })
	r.await("who asks", func() bool { return r.askers() > 0 })
	r.cancel(id)
	r.await("its end", func() bool { return r.ended(id) })
	r.await("the end of who asked", func() bool { return r.askers() == 0 })
}

// askers counts the processes that slurmscriptd, the one child of slurmctld, has started and that still run.
func (r *slurmRig) askers() (n int) {
	r.t.Helper()
	parents := map[int]int{}
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		r.t.Fatal(err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			continue // it ended
		}
		var state string
		var parent int
		rest := string(b[strings.LastIndexByte(string(b), ')')+1:]) // the name before may have anything in it
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(f)))
		if _, err := fmt.Sscan(rest, &state, &parent); err == nil && state != "Z" {
			parents[pid] = parent
		}
	}
	for _, parent := range parents {
		if parents[parent] == r.s.PID() {
			n++
		}
	}
	return n
}

// Whatever datagravity does, the node stays in service, and the job runs.
func (r *slurmRig) prologNeverFails() {
	conf := r.read("prolog.conf")
	defer r.write("prolog.conf", conf)
	r.write("hangs", "#!/bin/sh\nsleep 1000\n")
	for name, conf := range map[string]string{
		"missing": "DATAGRAVITY=/nowhere/datagravity\n",
		"hanging": "DATAGRAVITY=" + r.path("hangs") + "\nSECONDS_AT_MOST=0.1\n",
		"not-yet": conf,
	} {
		r.write("prolog.conf", conf)
		id := r.submit(name, "echo ran\n", "--hold", "--comment=datagravity: dataset=c4 to=aws")
		r.write(fmt.Sprintf("ready.slurm-%s-%d", r.s.Cluster(), id), "75\n")
		if err := r.client.Release(context.Background(), id); err != nil {
			r.t.Fatal(err)
		}
		r.awaitOutput(name, "ran")
		asked := fmt.Sprintf("ready --job slurm-%s-%d --from lab\n", r.s.Cluster(), id)
		if name == "not-yet" && !strings.Contains(r.read("calls"), asked) {
			r.t.Errorf("the prolog did not ask the receipts:\n%s", r.read("calls"))
		}
	}
	out, err := r.s.Command(context.Background(), "sinfo", "-h", "-o", "%T").CombinedOutput()
	if err != nil || strings.Contains(string(out), "drain") {
		r.t.Errorf("the node: %v, %s", err, out)
	}
}

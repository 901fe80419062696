package integration

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/datagravity/datagravity/internal/emulator"
	"github.com/datagravity/datagravity/pkg/dispatch"
)

// cluster is a Slurm, the daemon that reads its queue, and the stores: nothing of it plays a part.
type cluster struct {
	*rig
	whole *testing.T // that the steps are parts of
	s     *slurmRig
	d     *holder
	// ids of Slurm's jobs.
	held, refused, staged, cancelled uint32
}

// The whole way with everything real: from jobs that are submitted to those that train on what S3 has.
func TestSlurmWithTheDaemon(t *testing.T) {
	s := newSlurmFolder(t)
	c := &cluster{rig: newRig(t, "8MiB"), whole: t, s: s}
	for i := range 3 {
		c.put(fmt.Sprintf("train-%d.tar", i), random(uint64(i), 9<<20+i))
		c.put(fmt.Sprintf("val-%d.tar", i), random(uint64(10+i), 100_000+i))
	}
	c.put("dear.tar", random(20, 1<<20))
	c.put("unwanted.tar", random(21, 1<<20))
	c.more("  - {name: tiny, team: tiny, usd: 0.00001}\nteams: [tiny]\njobs: {slurm: {enabled: true, poll: 5s, release: true, comment: true}}\n")

	// Users run it from here, with no more than a compute node has.
	program, err := os.ReadFile(c.bin)
	if err != nil {
		t.Fatal(err)
	}
	s.write("datagravity", string(program))
	s.write("node.yaml", fmt.Sprintf(`agent: {location: "aws:us-east-1", allow_insecure: true, state: %s}
stores: {aws: {url: "%s", location: "aws:us-east-1"}}
datasets: {}
destinations: {s3: {store: aws, prefix: data/c4}}
`, s.path("state"), c.urls["s3"]))
	s.start(emulator.SlurmOptions{Files: map[string]string{"datagravity.conf": fmt.Sprintf("program = %s\nconfig = %s\npoll_seconds = 1\n",
		c.bin, filepath.Join(c.dir, "datagravity.yaml"))}})

	for _, step := range []struct {
		name string
		do   func(*cluster)
	}{
		{"paused jobs wait", (*cluster).wait},
		{"a cancelled job is forgotten", (*cluster).cancel},
		{"resumed jobs train", (*cluster).train},
		{"an approval releases a job", (*cluster).approve},
	} {
		if !t.Run(step.name, func(t *testing.T) { c.t, s.t = t, t; step.do(c) }) {
			return // the next steps go on from here
		}
	}
	c.t, s.t = t, t
	if code := c.d.signal(syscall.SIGTERM); code != 0 {
		t.Errorf("the daemon ended with %d", code)
	}
}

// daemon starts it. It goes on after the step that began it.
func (c *cluster) daemon() {
	c.t.Helper()
	step := c.t
	c.t = c.whole
	c.d = c.hold(c.s.s.Env(), "daemon")
	c.t = step
}

// name of a job of Slurm's with the daemon.
func (c *cluster) name(id uint32) string { return fmt.Sprintf("slurm-%s-%d", c.s.s.Cluster(), id) }

// node is the command line of the program on a compute node.
func (c *cluster) node(args string) string {
	return fmt.Sprintf("%s --config %s %s\n", c.s.path("datagravity"), c.s.path("node.yaml"), args)
}

// comment waits for what the daemon says in a job's comment.
func (c *cluster) comment(id uint32, want string) {
	c.t.Helper()
	c.until("the comment "+want, func() bool { return strings.Contains(c.s.job(id).Comment, want) })
}

// Nothing moves over a paused link, and no job that declared something starts.
func (c *cluster) wait() {
	c.want(0, "pause", "--link", "s3")
	c.daemon()
	declare := func(more string) string { return "--comment=mine | datagravity: dataset=c4 to=s3 " + more }
	// Each proves at its start what it was promised.
	proof := c.node("ready --from s3 --check")
	c.held = c.s.submit("held", proof, "--hold", declare("shards='train-*.tar'"))
	c.refused = c.s.submit("refused", proof, "--hold", declare("shards=dear.tar team=tiny"))
	c.cancelled = c.s.submit("cancelled", proof, "--hold", declare("shards=unwanted.tar"))
	c.staged = c.s.submit("staged", "#BB_LUA datagravity dataset=c4 to=s3 shards='val-*.tar'\n"+
		"echo $DATAGRAVITY_JOB $DATAGRAVITY_URL\n"+c.node(`exec --from s3 -- sh -c 'cat "$DATAGRAVITY_SHARDS_FILE"; echo ran'`))

	for _, id := range []uint32{c.held, c.cancelled} {
		c.comment(id, "mine | datagravity: dataset=c4 to=s3 shards=")
		c.comment(id, "| datagravity: held until its data is at s3")
	}
	c.comment(c.refused, `| datagravity: held by budget "tiny": needs`)
	c.until("the stage-in", func() bool { d, known := c.job(c.name(c.staged)); return known && d.State == dispatch.OnTime })
	if d, _ := c.job(c.name(c.held)); !strings.Contains(d.Why, "paused") {
		c.t.Errorf("why it waits: %s", d.Why)
	}
	c.want(3, "ready", "--job", c.name(c.refused))
	for _, id := range []uint32{c.held, c.refused, c.cancelled} {
		if j := c.s.job(id); !j.HeldByUser() {
			c.t.Errorf("job %d: %v, %s", id, j.States, j.Reason)
		}
	}
	if j := c.s.job(c.staged); !j.Pending() {
		c.t.Errorf("the staged job is %v", j.States)
	}
	c.onlyAtS3()
}

func (c *cluster) cancel() {
	c.s.cancel(c.cancelled)
	c.until("forgotten", func() bool { return c.gone(c.name(c.cancelled)) })
}

// When the link goes on, the jobs get their data and start, and only those.
func (c *cluster) train() {
	c.want(0, "resume")
	c.s.awaitOutput("held", "ready: job "+c.name(c.held))
	if j := c.s.job(c.held); j.Comment != "mine | datagravity: dataset=c4 to=s3 shards='train-*.tar'" {
		c.t.Errorf("the comment of a job that was released: %q", j.Comment)
	}
	c.s.awaitOutput("staged", "ran\n")
	_, bucket := c.s3Client()
	folder := "s3://" + bucket + "/data/c4/"
	want := c.name(c.staged) + " " + folder + "\n"
	for i := range 3 {
		want += fmt.Sprintf("%sval-%d.tar\n", folder, i)
	}
	if got := c.s.read("out.staged"); got != want+"ran\n" {
		c.t.Errorf("the staged job saw\n%s, want\n%s", got, want)
	}
	c.onlyAtS3("train-0.tar", "train-1.tar", "train-2.tar", "val-0.tar", "val-1.tar", "val-2.tar")
	if j := c.s.job(c.refused); !j.HeldByUser() || !strings.Contains(j.Comment, `held by budget "tiny"`) {
		c.t.Errorf("the refused job: %v, %s, %q", j.States, j.Reason, j.Comment)
	}
	// A job that ended is wanted no more; what it read stays.
	c.until("the end of the held job", func() bool { return c.gone(c.name(c.held)) })
	c.want(75, "ready", "--job", c.name(c.held), "--from", "s3")
	c.onlyAtS3("train-0.tar", "train-1.tar", "train-2.tar", "val-0.tar", "val-1.tar", "val-2.tar")
}

// An approval counts at once, beside the daemon that holds the manifest, and releases what waited for it.
func (c *cluster) approve() {
	c.want(0, "budget", "approve", "--budget", "tiny", "--extra", "1", "--reason", "the tests", "--expires", "24h")
	c.s.awaitOutput("refused", "ready: job "+c.name(c.refused))
	if got := c.atS3("data/c4/dear.tar")[""]; string(got) != string(c.files["dear.tar"]) {
		c.t.Error("dear.tar differs")
	}
	out, err := c.s.s.Command(context.Background(), "sinfo", "-h", "-o", "%T").CombinedOutput()
	if err != nil || strings.Contains(string(out), "drain") {
		c.t.Errorf("the node: %v, %s", err, out)
	}
}

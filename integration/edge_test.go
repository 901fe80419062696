package integration

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/datagravity/datagravity/pkg/store"
)

// agentConfig is one agent of several: its role, its location, and its state.
const agentConfig = `agent: {role: %[1]s, name: %[2]s, location: "%[3]s", state: state-%[2]s, memory: 48MiB, part_size: 4MiB, allow_insecure: true}
stores:
  training: {url: "%[4]s", location: "azure:eastus"}
  aws: {url: "%[5]s", location: "aws:us-east-1"}
  gcp: {url: "%[6]s", location: "gcp:us-central1"}
  lab: {url: "file://%[7]s?create_dir=true", location: "onprem:lab1"}
datasets:
  c4: {store: training, prefix: c4/}
destinations:
  s3: {store: aws, prefix: data/c4}
  gcs: {store: gcp, prefix: data/c4}
  lab: {store: lab, prefix: data/c4}
budgets:
  - {name: all, usd: 1000%[8]s}
`

// edges are the agents beside the destinations, by destination.
var edges = map[string]string{"s3": "aws:us-east-1", "gcs": "gcp:us-central1", "lab": "onprem:lab1"}

// newAgents has an origin beside the source and an edge beside each destination, each with a configuration and a state of its own.
// limit is more of the budget, which counts at each agent by itself, and at the origin for all.
func newAgents(t *testing.T, limit string) *rig {
	r := newRig(t, "4MiB")
	write := func(role, name, location, limit string) {
		r.write(name+".yaml", fmt.Sprintf(agentConfig, role, name, location, r.urls["azure"], r.urls["s3"], r.urls["gcs"], filepath.Join(r.dir, "lab"), limit))
	}
	write("origin", "origin", "azure:eastus", limit)
	for dest, location := range edges {
		write("edge", dest, location, "")
	}
	return r
}

// beside starts the origin's daemon, which grants what edges may read.
func (r *rig) beside() *holder {
	r.t.Helper()
	return r.holdAt("state-origin", nil, "--config", "origin.yaml", "daemon")
}

// end stops a daemon as a service manager does.
func (h *holder) end() {
	h.r.t.Helper()
	if code := h.signal(syscall.SIGTERM); code != 0 {
		h.r.t.Errorf("the daemon ended with exit code %d", code)
	}
}

// publish has the origin read what is new, and tell the others.
func (r *rig) publish() {
	r.t.Helper()
	r.want(0, "--config", "origin.yaml", "index", "c4")
}

// pull has an edge bring its destination up to date.
func (r *rig) pull(dest string) report {
	r.t.Helper()
	return r.sync(dest, "--config", dest+".yaml")
}

// crossed are the bytes that an edge's ledger has over the paid link from the source, headers and all.
func (r *rig) crossed(dest string) (bytes int64) {
	r.t.Helper()
	var lines []struct {
		From  string `json:"from"`
		Bytes int64  `json:"bytes"`
	}
	out := r.want(0, "--config", dest+".yaml", "cost", "ledger", "--by", "line", "--json")
	if err := json.Unmarshal([]byte(out), &lines); err != nil {
		r.t.Fatalf("%v in %s", err, out)
	}
	for _, l := range lines {
		if l.From == "azure:eastus" {
			bytes += l.Bytes
		}
	}
	return bytes
}

// Between two agents there is nothing but the source's store, and only what changed crosses, whatever the destination can put together.
func TestOnlyTheDifferenceCrossesToAnEdge(t *testing.T) {
	r := newAgents(t, "")
	old := random(1, 40<<20+123)
	r.put("train/a.tar", old)
	r.put("train/b.tar", random(2, 3<<20))
	if code, _, errs := r.run("--config", "s3.yaml", "sync", "c4", "--to", "s3"); code != 75 || !strings.Contains(errs, "role is origin") {
		t.Errorf("before anything is published: exit code %d, %s", code, errs)
	}
	r.publish()
	origin := r.beside()
	for dest := range edges {
		r.pull(dest)
		r.equal(dest)
		if got := r.crossed(dest); got < 43<<20 || got > 44<<20 {
			t.Errorf("%s: %d bytes crossed at first, want all of the dataset", dest, got)
		}
	}
	origin.end()
	// Some bytes change, and what is in the other shard moves into a third one.
	r.put("train/a.tar", edit(old, 2))
	r.put("train/c.tar", append(slices.Clone(r.files["train/b.tar"][1<<20:]), old[:6<<20]...))
	r.publish()
	origin = r.beside()
	for dest := range edges {
		before := r.crossed(dest)
		way := map[string]string{"s3": "pull", "gcs": "pull", "lab": "assemble"}[dest]
		rep := r.pull(dest)
		if rep.Ways[way].Shards != 2 || rep.Moved > 4*2*128<<10 {
			t.Errorf("%s: %+v, want two shards by way %s", dest, rep, way)
		}
		if got := r.crossed(dest) - before; got > 4*2*128<<10+200<<10 {
			t.Errorf("%s: %d bytes crossed, recipes and headers included", dest, got)
		}
		r.equal(dest)
		if out := r.want(0, "--config", dest+".yaml", "verify", "c4", "--to", dest, "--read"); !strings.Contains(out, " 0 wrong") {
			t.Errorf("%s: %s", dest, out)
		}
	}
	origin.end()
	r.nothingLeft()
}

// Either end is killed at any moment, what was published is deleted, and an agent loses its state: it heals, and mixes nothing.
func TestBothEndsGoAwayAndComeBack(t *testing.T) {
	const dest = "gcs"
	r := newAgents(t, "")
	for i := range 3 {
		r.put(fmt.Sprintf("%d.tar", i), random(uint64(i), 16<<20+i))
	}
	r.publish()
	origin := r.beside()
	r.pull(dest)
	origin.end()
	rnd := rand.New(rand.NewPCG(3, 4))
	killed := func(args ...string) {
		c := r.command(args...)
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(30+rnd.IntN(900)) * time.Millisecond)
		_ = c.Process.Kill() // it may have ended
		_ = c.Wait()
	}
	for i := range 3 {
		path := fmt.Sprintf("%d.tar", i)
		r.put(path, edit(r.files[path], 3))
		killed("--config", "origin.yaml", "index", "c4")
		killed("--config", dest+".yaml", "sync", "c4", "--to", dest)
		r.publish()
		origin := r.beside()
		killed("--config", dest+".yaml", "sync", "c4", "--to", dest)
		origin.signal(syscall.SIGKILL)
		killed("--config", dest+".yaml", "sync", "c4", "--to", dest)
		origin = r.beside()
		killed("--config", dest+".yaml", "sync", "c4", "--to", dest)
		origin.signal(syscall.SIGKILL)
	}
	origin = r.beside()
	r.pull(dest)
	r.equal(dest)
	r.accounted(dest)
	origin.end()
	page, err := r.source.List(context.Background(), store.ListOptions{Prefix: store.Private + "v1/"})
	if err != nil || len(page.Objects) < 3 {
		t.Fatalf("%d published objects, %v", len(page.Objects), err)
	}
	for _, o := range page.Objects {
		if err := r.source.Delete(context.Background(), store.Ref{Key: o.Key}); err != nil {
			t.Fatal(err)
		}
	}
	if code, _, errs := r.run("--config", dest+".yaml", "sync", "c4", "--to", dest); code == 0 {
		t.Errorf("what was published is gone, and nobody said so: %s", errs)
	}
	r.publish()
	origin = r.beside()
	defer origin.end()
	before := r.crossed(dest)
	if rep := r.pull(dest); rep.Moved != 0 || r.crossed(dest)-before > 200<<10 {
		t.Errorf("after the publication came back: %+v", rep)
	}
	r.want(0, "--config", dest+".yaml", "gc", "--older-than", "0s", "--yes")
	r.nothingLeft()
}

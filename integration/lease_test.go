package integration

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/sync/lease"
)

// leases at a destination.
func (r *rig) leases(dest string) (keys []string) {
	r.t.Helper()
	page, err := r.dests[dest].List(context.Background(), store.ListOptions{Prefix: lease.Prefix})
	if err != nil {
		r.t.Fatal(err)
	}
	for _, o := range page.Objects {
		keys = append(keys, o.Key)
	}
	return keys
}

// twoHosts has a second configuration beside the rig's, with a state directory and a name of its own, as on another host. Both move slowly.
func (r *rig) twoHosts(length string) {
	r.t.Helper()
	b, err := os.ReadFile(filepath.Join(r.dir, "datagravity.yaml"))
	if err != nil {
		r.t.Fatal(err)
	}
	for name, agent := range map[string]string{"datagravity.yaml": "state: state, name: gpu7,", "other.yaml": "state: other, name: login1,"} {
		text := strings.Replace(string(b), "state: state,", agent+" lease: "+length+",", 1)
		if name == "datagravity.yaml" {
			text += "links:\n  - {bandwidth: [\"40Mbit/s\"]}\n"
		}
		r.write(name, text)
	}
}

// awaitLease waits until something is being written at a destination.
func (r *rig) awaitLease(dest string) {
	r.t.Helper()
	for deadline := time.Now().Add(60 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if len(r.leases(dest)) == 1 {
			return
		}
	}
	r.t.Fatalf("no lease at %s; the log:\n%s", dest, r.log())
}

// Two programs with manifests of their own, one destination: the second is told who is there, with exit code 75, and moves nothing. When the first is killed,
// its own manifest goes on at once, and the other one takes over when the lease is over.
func TestTwoManifestsOneDestination(t *testing.T) {
	for _, dest := range []string{"s3", "lab"} {
		t.Run(dest, func(t *testing.T) {
			r := newRig(t, "1MiB")
			r.twoHosts("3s")
			for i := range 8 {
				r.put(fmt.Sprintf("s-%02d.tar", i), random(uint64(i), 8<<20))
			}
			first := r.hold(nil, "sync", "c4", "--to", dest)
			r.awaitLease(dest)
			for range 2 {
				code, _, stderr := r.run("--config", "other.yaml", "sync", "c4", "--to", dest)
				host, _ := os.Hostname()
				for _, want := range []string{"another datagravity", host, fmt.Sprint("process ", first.cmd.Process.Pid), "agent gpu7", "datagravity --log-level info sync c4 --to " + dest, "--wait-lease 3s"} {
					if code != 75 || !strings.Contains(stderr, want) {
						t.Errorf("exit code %d; it does not say %q: %s", code, want, stderr)
					}
				}
			}
			if code, _, stderr := r.run("--config", "other.yaml", "sync", "c4", "--to", dest, "--wait-lease", "4s"); code != 75 {
				t.Errorf("one that is renewed was taken over: %d, %s", code, stderr)
			}
			if out := r.want(0, "--config", "other.yaml", "cost", "ledger", "--json"); strings.Contains(out, `"activity": "transfer"`) {
				t.Errorf("the refused one moved something: %s", out)
			}
			first.signal(syscall.SIGKILL)
			<-first.ended
			// Its own manifest needs not wait.
			again := r.hold(nil, "sync", "c4", "--to", dest)
			r.awaitLease(dest)
			again.signal(syscall.SIGKILL)
			<-again.ended
			if code, _, stderr := r.run("--config", "other.yaml", "sync", "c4", "--to", dest); code != 75 {
				t.Errorf("one that was left a moment ago: %d, %s", code, stderr)
			}
			// A directory tells no checksums, so that what the first one finished must be read to be known.
			r.want(0, "--config", "other.yaml", "sync", "c4", "--to", dest, "--wait-lease", "1m", "--adopt", "read")
			r.equal(dest)
			if left := r.leases(dest); len(left) != 0 {
				t.Errorf("left behind: %v", left)
			}
			// Both know what is there, and nothing is taken where nothing is written.
			r.want(0, "sync", "c4", "--to", dest, "--adopt", "read")
		})
	}
}

// A daemon whose destination another one writes to has its jobs wait, and say for whom. It gets there when the other is gone.
func TestDaemonWaitsForAnotherManifest(t *testing.T) {
	r := newRig(t, "1MiB")
	r.twoHosts("3s")
	for i := range 8 {
		r.put(fmt.Sprintf("s-%02d.tar", i), random(uint64(i), 8<<20))
	}
	first := r.hold(nil, "sync", "c4", "--to", "s3")
	r.awaitLease("s3")
	second := r.holdAt("other", nil, "--config", "other.yaml", "daemon")
	r.want(0, "--config", "other.yaml", "jobs", "add", "train", "--dataset", "c4", "--to", "s3")
	said := func(what string) bool {
		for deadline := time.Now().Add(60 * time.Second); time.Now().Before(deadline); time.Sleep(200 * time.Millisecond) {
			if _, out, _ := r.run("--config", "other.yaml", "jobs", "list", "--json"); strings.Contains(out, what) {
				return true
			}
		}
		return false
	}
	if !said("agent gpu7") {
		t.Errorf("the job does not say whom it waits for: %s", r.want(0, "--config", "other.yaml", "jobs", "list"))
	}
	first.signal(syscall.SIGKILL)
	<-first.ended
	if !said(`"state": "ready"`) {
		t.Errorf("it did not come: %s", r.want(0, "--config", "other.yaml", "jobs", "list"))
	}
	r.equal("s3")
	second.signal(syscall.SIGTERM)
	<-second.ended
	if code := second.cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if left := r.leases("s3"); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

package integration

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/datagravity/datagravity/internal/crashpoint"
	"github.com/datagravity/datagravity/internal/emulator/emutest"
	"github.com/datagravity/datagravity/internal/netem"
)

// crashAtEnv is the one of internal/crashpoint/kill.go, which only this program has.
const crashAtEnv = "DATAGRAVITY_CRASH_AT"

// buildDying makes the program that dies where it is told to, once.
var buildDying = sync.OnceValues(func() (string, error) { return built("-tags=crashpoints,disable_grpc_modules") })

// work is a command of the real program that is killed at points, and done again.
type work struct {
	name   string
	points []crashpoint.Point
	// prepare leaves what it finds.
	prepare func(r *rig, dest string)
	command func(r *rig, dest string) []string
}

func syncing(r *rig, dest string) []string { return []string{"sync", r.dataset, "--to", dest} }

var works = []work{
	{name: "sync", command: syncing, points: slices.DeleteFunc(crashpoint.All(), func(p crashpoint.Point) bool {
		return slices.Contains([]crashpoint.Point{
			crashpoint.CollectAbort, crashpoint.CollectRecords, crashpoint.RebuildFolders, crashpoint.RebuildRename, crashpoint.BackupName, crashpoint.MigrateBefore,
		}, p)
	})},
	{name: "index", points: []crashpoint.Point{crashpoint.IndexCommit, crashpoint.CommitBefore}, command: func(r *rig, _ string) []string { return []string{"index", r.dataset} }},
	{
		name: "takeover", points: []crashpoint.Point{crashpoint.LeaseOver, crashpoint.LeaseWritten}, prepare: leaveLease,
		command: func(r *rig, dest string) []string { return append(syncing(r, dest), "--wait-lease", "1m") },
	},
	{
		name: "gc", points: []crashpoint.Point{crashpoint.CollectAbort, crashpoint.CollectRecords}, prepare: leaveUpload,
		command: func(*rig, string) []string { return []string{"gc", "--older-than", "0s", "--yes"} },
	},
	{
		name: "rebuild", points: []crashpoint.Point{crashpoint.CommitBefore, crashpoint.RebuildFolders, crashpoint.RebuildRename}, prepare: loseManifest,
		command: func(*rig, string) []string { return []string{"manifest", "rebuild"} },
	},
	{
		name: "backup", points: []crashpoint.Point{crashpoint.BackupName}, prepare: func(r *rig, dest string) { r.sync(dest) },
		command: func(*rig, string) []string { return []string{"manifest", "backup"} },
	},
	{name: "migrate", points: []crashpoint.Point{crashpoint.MigrateBefore, crashpoint.CommitBefore, crashpoint.CommitAfter}, prepare: leaveOldState, command: syncing},
}

// death is a point of a work.
type death struct {
	work
	at crashpoint.Point
}

func deaths() (all []death) {
	for _, w := range works {
		for _, p := range w.points {
			all = append(all, death{w, p})
		}
	}
	return all
}

// deathOf a seed: all deaths before one is tried again, then at the next destination, and then at the second time that the program comes to the point.
func deathOf(seed uint64) (d death, dest string, times int) {
	all := deaths()
	n, of := seed/2, uint64(len(all))
	return all[n%of], killDests[(n+n/of)%3], 1 + int(n/of/3%2) //nolint:gosec // 1 or 2
}

func killedAtAPoint(t *testing.T, seed uint64) {
	t.Helper()
	d, dest, times := deathOf(seed)
	for ; times > 0; times-- { // where it does not come twice, once
		r := newRig(t, "1MiB")
		sent := r.countS3()
		r.putSeed(seed, rand.New(rand.NewPCG(seed, 6)), 0)
		if d.prepare != nil {
			d.prepare(r, dest)
		}
		if !r.dies(d.at, times, d.command(r, dest)...) {
			continue
		}
		r.want(0, d.command(r, dest)...)
		r.goesOn(dest, sent.Load())
		return
	}
	t.Errorf("%v of %s never came to %s", d.name, dest, d.at)
}

// dies runs a command that is killed at the n-th time that it comes to a point; it tells whether it came there.
func (r *rig) dies(at crashpoint.Point, n int, args ...string) bool {
	r.t.Helper()
	bin, err := buildDying()
	if err != nil {
		r.t.Fatal(err)
	}
	c := exec.Command(bin, args...) //nolint:gosec // built above
	c.Dir, c.Env = r.dir, append(os.Environ(), fmt.Sprintf("%s=%s:%d", crashAtEnv, at, n))
	out, err := c.CombinedOutput()
	r.secretless(fmt.Sprintf("datagravity %v", args), string(out))
	if err == nil {
		return false
	}
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		r.t.Fatal(err)
	}
	if s, ok := exit.Sys().(syscall.WaitStatus); !ok || !s.Signaled() || s.Signal() != syscall.SIGKILL {
		r.t.Fatalf("datagravity %v, to be killed at %s: %v: %s", args, at, err, out)
	}
	return true
}

// countS3 puts a counter in front of the S3 server: of bodies that no receipt and no lease has.
func (r *rig) countS3() *atomic.Int64 {
	r.t.Helper()
	sent := new(atomic.Int64)
	p, err := netem.StartHTTP(emutest.S3(r.t).Addr(), func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
			if q.ContentLength >= 16<<10 || q.ContentLength < 0 {
				netem.CountBody(q, sent)
			}
			next.ServeHTTP(w, q)
		})
	})
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() {
		if err := p.Close(r.t.Context()); err != nil && r.t.Context().Err() == nil {
			r.t.Error(err)
		}
	})
	r.configure(r.urls["s3"], p.Through(r.urls["s3"]))
	return sent
}

// configure replaces a text in the configuration.
func (r *rig) configure(from, to string) {
	r.t.Helper()
	b, err := os.ReadFile(filepath.Join(r.dir, "datagravity.yaml"))
	if err != nil {
		r.t.Fatal(err)
	}
	if !bytes.Contains(b, []byte(from)) {
		r.t.Fatalf("the configuration has no %q", from)
	}
	r.write("datagravity.yaml", strings.Replace(string(b), from, to, 1))
}

// leaveLease has an agent with a manifest of its own die with a lease on the same prefix.
func leaveLease(r *rig, dest string) {
	r.t.Helper()
	r.configure("state: state,", "state: other, lease: 2s,")
	if !r.dies(crashpoint.LeaseWritten, 1, syncing(r, dest)...) {
		r.t.Fatal("the other agent wrote no lease")
	}
	r.configure("state: other,", "state: state,")
}

// leaveUpload has a sync die in the middle of one.
func leaveUpload(r *rig, dest string) {
	r.t.Helper()
	if !r.dies(crashpoint.SendAcknowledged, 1, syncing(r, dest)...) {
		r.t.Fatal("nothing was sent in parts")
	}
}

// loseManifest has all be there, a backup too, and the manifest not.
func loseManifest(r *rig, dest string) {
	r.t.Helper()
	r.sync(dest)
	r.want(0, "manifest", "backup")
	r.lose("manifest.db")
}

// leaveOldState has the state directory be one of an older program, which knows nothing of what is synchronized now.
func leaveOldState(r *rig, _ string) {
	r.t.Helper()
	r.dataset = "later"
	r.configure("  c4: {store", "  later: {store")
	state := filepath.Join(r.dir, "state")
	if err := os.Mkdir(state, 0o700); err != nil {
		r.t.Fatal(err)
	}
	if out, err := exec.Command("tar", "-xzf", "../pkg/manifest/testdata/schema-6.tgz", "-C", state).CombinedOutput(); err != nil { //nolint:gosec // of this repository
		r.t.Fatalf("%v: %s", err, out)
	}
}

// Every point has its turn in what is always tried: each trial fails whose process does not come to its point.
func TestTheRealProgramDiesAtEachPoint(t *testing.T) {
	had := map[string]bool{}
	for seed := uint64(1); seed < 68; seed += 2 {
		d, _, _ := deathOf(seed)
		had[d.name+" "+string(d.at)], had[string(d.at)] = true, true
	}
	for _, d := range deaths() {
		if !had[d.name+" "+string(d.at)] {
			t.Errorf("no trial kills %s at %s", d.name, d.at)
		}
	}
	for _, p := range crashpoint.All() {
		if !had[string(p)] {
			t.Errorf("no trial kills the real program at %s", p)
		}
	}
}

// The program that people get has nothing that would kill it.
func TestTheProgramHasNoWayToDieAtAPoint(t *testing.T) {
	for name, c := range map[string]struct {
		build func() (string, error)
		dies  bool
	}{"the program": {build, false}, "the one for these trials": {buildDying, true}} {
		bin, err := c.build()
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(bin) //nolint:gosec // built above
		if err != nil {
			t.Fatal(err)
		}
		if got := bytes.Contains(b, []byte(crashAtEnv)); got != c.dies {
			t.Errorf("%s has %s: %v, want %v", name, crashAtEnv, got, c.dies)
		}
	}
}

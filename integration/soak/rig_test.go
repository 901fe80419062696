package soak

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/datagravity/datagravity/internal/emulator/emutest"
	"github.com/datagravity/datagravity/internal/netem"
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/open/opentest"
)

func TestMain(m *testing.M) { emutest.Main(m) }

const config = `agent: {location: "azure:eastus", state: state, memory: 32MiB, part_size: 1MiB, allow_insecure: true, pprof: "%s", history: {keep: 1m, shard_costs: 1m, job_costs: 2m, every: 20s}}
stores:
  training: {url: "%s", location: "azure:eastus"}
  aws: {url: "%s", location: "aws:us-east-1"}
  lab: {url: "file://%s?create_dir=true", location: "onprem:lab1"}
datasets:
  c4: {store: training, prefix: c4/, watch: {every: 10s}}
destinations:
  s3: {store: aws, prefix: data/c4}
  lab: {store: lab, prefix: data/c4}
budgets:
  - {name: all, usd: 1000}
daemon: {verify: {every: 1m}, gc: {every: 1m}}
`

// rig is a daemon, a process of the real program, with a dataset and jobs that come and go.
type rig struct {
	t      *testing.T
	dir    string
	bin    string
	rnd    *rand.Rand
	daemon *exec.Cmd
	ended  chan struct{}
	// source and dest are the stores beside the faults.
	source, dest store.Store
	faults       []*faulty
	files        map[string][]byte
	jobs         []string
	declared     int
	changes      int
}

func newRig(t *testing.T, rnd *rand.Rand) *rig {
	t.Helper()
	r := &rig{t: t, dir: t.TempDir(), rnd: rnd, files: map[string][]byte{}, ended: make(chan struct{})}
	r.bin = filepath.Join(r.dir, "datagravity")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", r.bin, "../../cmd/datagravity").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	azure, s3 := emutest.Azurite(t), emutest.S3(t)
	urls := [2]string{emutest.Bucket(t, azure), emutest.Bucket(t, s3)}
	r.source, r.dest = opentest.Store(t, urls[0]), opentest.Store(t, urls[1])
	for i, f := range []*faulty{{addr: azure.Addr(), busy: netem.AzureBusy}, {addr: s3.Addr(), busy: netem.S3Busy}} {
		f.start(t, rnd.Uint64())
		r.faults = append(r.faults, f)
		urls[i] = f.Through(urls[i])
	}
	text := fmt.Sprintf(config, filepath.Join(r.dir, "pprof.sock"), urls[0], urls[1], filepath.Join(r.dir, "lab"))
	if err := os.WriteFile(filepath.Join(r.dir, "datagravity.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for range names / 2 {
		r.change()
	}
	return r
}

// faulty is a proxy that spoils some of the requests: a third of these are refused, a third never get there, and the answers to a third are lost.
type faulty struct {
	*netem.HTTPProxy
	addr              string
	busy              netem.Busy
	off               atomic.Bool
	requests, spoiled atomic.Int64
	first             int64
}

// each hundredth request is spoiled.
const each = 100

func (f *faulty) start(t *testing.T, seed uint64) {
	t.Helper()
	f.first = int64(seed % each)
	var err error
	f.HTTPProxy, err = netem.StartHTTP(f.addr, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
			how := f.choose(f.requests.Add(1))
			if how >= 0 {
				f.spoiled.Add(1)
			}
			switch how {
			case 0:
				for name, values := range f.busy.Header {
					w.Header()[name] = values
				}
				w.WriteHeader(http.StatusServiceUnavailable)
				if q.Method != http.MethodHead {
					_, _ = w.Write([]byte(f.busy.Body))
				}
			case 1:
				panic(http.ErrAbortHandler)
			case 2:
				next.ServeHTTP(httptest.NewRecorder(), q)
				panic(http.ErrAbortHandler)
			default:
				next.ServeHTTP(w, q)
			}
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = f.Close(ctx) // what was killed may have left a connection
	})
}

// choose one of the three for a request, by its number, or none: -1.
func (f *faulty) choose(n int64) int {
	if n%each != f.first || f.off.Load() {
		return -1
	}
	return int(n / each % 3)
}

// names of shards that there can be; half of them are there at any time.
const names = 80

// change adds, changes or removes a shard.
func (r *rig) change() {
	r.t.Helper()
	r.changes++
	path := fmt.Sprintf("part-%03d.tar", r.rnd.IntN(names))
	_, there := r.files[path]
	ctx := context.Background()
	if there && len(r.files) > names/2 {
		if err := r.source.Delete(ctx, store.Ref{Key: "c4/" + path}); err != nil {
			r.t.Fatal(err)
		}
		delete(r.files, path)
		return
	}
	size := 1 + r.rnd.IntN(200_000)
	if r.rnd.IntN(10) == 0 {
		size = 1<<20 + r.rnd.IntN(3<<20) // in parts
	}
	b := make([]byte, size)
	var key [32]byte
	for i := range key {
		key[i] = byte(r.rnd.Uint32())
	}
	_, _ = rand.NewChaCha8(key).Read(b) // never fails
	if _, err := r.source.Put(ctx, "c4/"+path, b, store.WriteOptions{Condition: store.Always()}); err != nil {
		r.t.Fatal(err)
	}
	r.files[path] = b
}

// run is a command of the program, which the daemon answers. A refusal is not the soak's business, unless it says that the daemon is gone.
func (r *rig) run(args ...string) (code int, out string) {
	r.t.Helper()
	c := exec.Command(r.bin, args...)
	c.Dir = r.dir
	b, err := c.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		r.t.Fatal(err)
	}
	return c.ProcessState.ExitCode(), string(b)
}

// declare a job, and take the oldest back when there are enough.
func (r *rig) declare() (id string) {
	r.t.Helper()
	r.declared++
	id = fmt.Sprintf("soak-%d", r.declared)
	if code, out := r.run("stage", "c4", "--to", "s3,lab", "--job", id, "--need-by", "+1h", "--on-source-change", "repin"); code != 0 {
		r.t.Errorf("stage: exit code %d: %s", code, out)
	}
	if r.jobs = append(r.jobs, id); len(r.jobs) > 3 {
		if code, out := r.run("jobs", "remove", r.jobs[0]); code != 0 {
			r.t.Errorf("jobs remove: exit code %d: %s", code, out)
		}
		r.jobs = r.jobs[1:]
	}
	return id
}

func (r *rig) startDaemon() {
	r.t.Helper()
	log, err := os.Create(filepath.Join(r.dir, "log"))
	if err != nil {
		r.t.Fatal(err)
	}
	defer log.Close()
	r.daemon = exec.Command(r.bin, "--log-level", "info", "daemon")
	r.daemon.Dir, r.daemon.Stdout, r.daemon.Stderr = r.dir, log, log
	if err := r.daemon.Start(); err != nil {
		r.t.Fatal(err)
	}
	go func() {
		_ = r.daemon.Wait() // the code is in the ProcessState
		close(r.ended)
	}()
	r.t.Cleanup(func() {
		_ = r.daemon.Process.Kill()
		<-r.ended
		if r.t.Failed() {
			b, _ := os.ReadFile(filepath.Join(r.dir, "log"))
			r.t.Logf("the end of the log:\n%s", b[max(0, len(b)-8000):])
		}
	})
	r.until("an answer of the daemon", func() bool { _, err := os.Stat(filepath.Join(r.dir, "pprof.sock")); return err == nil })
}

// until waits for what must come at last.
func (r *rig) until(what string, done func() bool) {
	r.t.Helper()
	for deadline := time.Now().Add(3 * time.Minute); !done(); time.Sleep(100 * time.Millisecond) {
		select {
		case <-r.ended:
			r.t.Fatalf("the daemon ended with %v before %s", r.daemon.ProcessState, what)
		default:
		}
		if time.Now().After(deadline) {
			_, list := r.run("jobs", "list")
			for _, id := range r.jobs {
				_, out := r.run("jobs", "show", id, "--shards")
				list += "\n" + out
			}
			r.t.Fatalf("%s did not happen:\n%s", what, list)
		}
	}
}

// arrives: without faults a job for all that there is becomes ready, at both places, and is what the source has.
func (r *rig) arrives() {
	r.t.Helper()
	for _, f := range r.faults {
		f.off.Store(true)
	}
	// A job that is ready pins its snapshot, and what another one wants in its place waits for the end of that.
	if len(r.jobs) > 0 {
		if code, out := r.run(append([]string{"jobs", "remove"}, r.jobs...)...); code != 0 {
			r.t.Errorf("jobs remove: exit code %d: %s", code, out)
		}
		r.jobs = nil
	}
	id := r.declare()
	r.until("job "+id+" to be ready", func() bool {
		_, out := r.run("jobs", "show", id, "--json")
		return strings.Contains(out, `"state": "ready"`)
	})
	for path, want := range r.files {
		got, err := os.ReadFile(filepath.Join(r.dir, "lab", "data", "c4", path))
		if err != nil || !bytes.Equal(got, want) {
			r.t.Errorf("lab: %s: %d bytes, want %d, %v", path, len(got), len(want), err)
		}
		o, err := r.dest.Head(context.Background(), "data/c4/"+path)
		if err != nil {
			r.t.Errorf("s3: %s: %v", path, err)
			continue
		}
		got = make([]byte, o.Size)
		if err := r.dest.ReadRange(context.Background(), o.Ref(), 0, got); err != nil || !bytes.Equal(got, want) {
			r.t.Errorf("s3: %s: %d bytes, want %d, %v", path, len(got), len(want), err)
		}
	}
}

// ends with SIGTERM, as systemd does it.
func (r *rig) ends() {
	r.t.Helper()
	_ = r.daemon.Process.Signal(syscall.SIGTERM)
	select {
	case <-r.ended:
	case <-time.After(2 * time.Minute):
		r.t.Fatal("the daemon goes on after SIGTERM")
	}
	if code := r.daemon.ProcessState.ExitCode(); code != 0 {
		r.t.Errorf("the daemon's exit code: %d", code)
	}
}

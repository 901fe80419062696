package crash

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/datagravity/datagravity/internal/crashpoint"
	"github.com/datagravity/datagravity/internal/emulator/emutest"
)

// What tells a process of the test's own program which world is its, and where to die.
const (
	folderEnv   = "CRASH_FOLDER"
	storeEnv    = "CRASH_STORE"
	scenarioEnv = "CRASH_SCENARIO"
	pointEnv    = "CRASH_POINT"
	hitEnv      = "CRASH_HIT"
)

func TestMain(m *testing.M) {
	if os.Getenv(folderEnv) == "" {
		emutest.Main(m)
	}
	if err := child(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// world is what outlives a process: its folder, the store at the other end, and what it is to do.
type world struct {
	folder, url, scenario string
}

func (w world) state() string   { return filepath.Join(w.folder, "state") }
func (w world) backups() string { return filepath.Join(w.folder, "backup") }
func (w world) wire() string    { return filepath.Join(w.folder, "wire") }

// process runs one, which dies at the n-th hit of a point, or at none; it tells whether it did.
func (w world) process(t *testing.T, at crashpoint.Point, n int) (killed bool) {
	t.Helper()
	c := exec.Command(os.Args[0]) //nolint:gosec // this program
	c.Env = append(os.Environ(), folderEnv+"="+w.folder, storeEnv+"="+w.url, scenarioEnv+"="+w.scenario, pointEnv+"="+string(at), hitEnv+"="+strconv.Itoa(n))
	out, err := c.CombinedOutput()
	if err == nil {
		return false
	}
	if s, ok := c.ProcessState.Sys().(syscall.WaitStatus); !ok || !s.Signaled() || s.Signal() != syscall.SIGKILL {
		t.Fatalf("a process at %q: %v: %s", at, err, out)
	}
	return true
}

// ends does what a process does that nobody kills, in this one: of its memory it takes nothing over from those before, and starting one is most of its work.
func (w world) ends(t *testing.T) {
	t.Helper()
	if err := scenarioOf(w.scenario).run(context.Background(), w); err != nil {
		t.Fatalf("nobody killed it: %v", err)
	}
}

// child is that process. Each point that it passes leaves a file, until one kills it.
func child(ctx context.Context) error {
	w := world{folder: os.Getenv(folderEnv), url: os.Getenv(storeEnv), scenario: os.Getenv(scenarioEnv)}
	at := crashpoint.Point(os.Getenv(pointEnv))
	last, err := strconv.ParseInt(os.Getenv(hitEnv), 10, 64)
	if err != nil {
		return err
	}
	// It lives shorter than collecting its garbage would pay.
	debug.SetGCPercent(-1)
	debug.SetMemoryLimit(128 << 20)
	var hits atomic.Int64
	crashpoint.Set(func(p crashpoint.Point) {
		_ = os.WriteFile(filepath.Join(w.folder, "hit", string(p)), nil, 0o600)
		if p == at && hits.Add(1) == last {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
	})
	return scenarioOf(w.scenario).run(ctx, w)
}

// passed are the points that processes of this world came to.
func (w world) passed(t *testing.T) map[crashpoint.Point]bool {
	t.Helper()
	files, err := os.ReadDir(filepath.Join(w.folder, "hit"))
	if err != nil {
		t.Fatal(err)
	}
	out := map[crashpoint.Point]bool{}
	for _, f := range files {
		out[crashpoint.Point(f.Name())] = true
	}
	return out
}

// wired is how many bytes left for the destination.
func (w world) wired(t *testing.T) (n int64) {
	t.Helper()
	b, err := os.ReadFile(w.wire())
	if err != nil {
		t.Fatal(err)
	}
	for s := range strings.FieldsSeq(string(b)) {
		one, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		n += one
	}
	return n
}

// forget that a point was passed.
func (w world) forget(p crashpoint.Point) error {
	return os.Remove(filepath.Join(w.folder, "hit", string(p)))
}

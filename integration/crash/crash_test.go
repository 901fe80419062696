package crash

import (
	"bytes"
	"context"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/datagravity/datagravity/internal/crashpoint"
	"github.com/datagravity/datagravity/internal/proof"
)

// elsewhere are points that a synchronization of a folder does not pass.
var elsewhere = []crashpoint.Point{crashpoint.LeaseWritten, crashpoint.CollectAbort, crashpoint.RebuildRename, crashpoint.MigrateBefore}

func points() []crashpoint.Point {
	return slices.DeleteFunc(crashpoint.All(), func(p crashpoint.Point) bool { return slices.Contains(elsewhere, p) })
}

type trial struct {
	t      *testing.T
	folder string
	data   map[string][]byte
	bytes  int64
}

// folder is in memory where the system has one: a kill loses nothing that was written, on a disk or not.
func folder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "crash-test-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func newTrial(t *testing.T, seed uint64) *trial {
	t.Helper()
	r := &trial{t: t, folder: folder(t), data: map[string][]byte{}}
	for _, dir := range []string{"hit", "source"} {
		if err := os.Mkdir(filepath.Join(r.folder, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	rnd := rand.New(rand.NewPCG(seed, 3))
	bytesOf := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(seed >> 16), 9})
	for name, size := range map[string]int{"a.bin": 5_000 + rnd.IntN(50_000), "b.bin": 1 + rnd.IntN(9_000), "big.bin": 2<<20 + rnd.IntN(1<<20)} {
		r.data[name] = make([]byte, size)
		r.bytes += int64(size)
	}
	for _, name := range []string{"a.bin", "b.bin", "big.bin"} {
		_, _ = bytesOf.Read(r.data[name]) // never fails
		if err := os.WriteFile(filepath.Join(r.folder, "source", name), r.data[name], 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// process runs one, which dies at the n-th hit of a point, or at none; it tells whether it did.
func (r *trial) process(at crashpoint.Point, n int) (killed bool) {
	r.t.Helper()
	c := exec.Command(os.Args[0]) //nolint:gosec // this program
	c.Env = append(os.Environ(), folderEnv+"="+r.folder, pointEnv+"="+string(at), hitEnv+"="+strconv.Itoa(n))
	out, err := c.CombinedOutput()
	if err == nil {
		return false
	}
	if s, ok := c.ProcessState.Sys().(syscall.WaitStatus); !ok || !s.Signaled() || s.Signal() != syscall.SIGKILL {
		r.t.Fatalf("a process at %q: %v: %s", at, err, out)
	}
	return true
}

// wired is how many bytes left for the destination.
func (r *trial) wired() (n int64) {
	r.t.Helper()
	b, err := os.ReadFile(filepath.Join(r.folder, "wire"))
	if err != nil {
		r.t.Fatal(err)
	}
	for s := range strings.FieldsSeq(string(b)) {
		one, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			r.t.Fatal(err)
		}
		n += one
	}
	return n
}

// judge looks at what is there after the last process ended well.
func (r *trial) judge(crashes int64) {
	r.t.Helper()
	for name, want := range r.data {
		if got, err := os.ReadFile(filepath.Join(r.folder, "dest", "c4", name)); err != nil || !bytes.Equal(got, want) {
			r.t.Errorf("%s differs from its source: %d bytes of %d, %v", name, len(got), len(want), err)
		}
	}
	wired := r.wired()
	if again := wired - r.bytes; again < 0 || again > crashes*streams*partBytes {
		r.t.Errorf("%d bytes were sent again after %d crashes", again, crashes)
	}
	if r.process("", 1); r.wired() != wired {
		r.t.Errorf("an idle repeat sent %d bytes", r.wired()-wired)
	}
	p, err := start(r.folder)
	if err != nil {
		r.t.Fatal(err)
	}
	uses, err := p.ledger.Uses()
	if err != nil || len(uses) != 1 || uses[0].Doubt != "" || uses[0].SettledBytes+uses[0].ReservedBytes < wired {
		r.t.Errorf("%d bytes were on the wire, the ledger knows %+v, %v", wired, uses, err)
	}
	uploads, err := p.request.Destination.Store.ListUploads(context.Background(), "")
	if err != nil || len(uploads) != 0 {
		r.t.Errorf("left open: %v, %v", uploads, err)
	}
	if err := p.m.Close(); err != nil {
		r.t.Error(err)
	}
}

// kill -9 at any point loses nothing, costs at most the parts in flight, and no byte of it is forgotten. Each trial has a process killed: at the second time
// that it comes to the point in half of them, where it comes to it twice.
func TestKilledAtEachPoint(t *testing.T) {
	proof.Run(t, "crash", 380, func(t *testing.T, seed uint64) {
		all := points()
		at, times := all[seed%uint64(len(all))], 1+int(seed/uint64(len(all))%2) //nolint:gosec // 1 or 2
		r := newTrial(t, seed)
		if !r.process(at, times) {
			if r = newTrial(t, seed); times == 1 || !r.process(at, 1) {
				t.Fatalf("no process came to %s", at)
			}
		}
		r.process("", 1)
		r.judge(1)
	})
}

// The recovery from a crash may crash as well. Where it does not come to the second point it is no trial.
func TestKilledWhileRecovering(t *testing.T) {
	proof.Run(t, "recovery", 57, func(t *testing.T, seed uint64) {
		all := points()
		n := uint64(len(all))
		first, second := all[seed%n], all[(seed/n+7*seed)%n]
		r := newTrial(t, seed)
		if !r.process(first, 1) {
			t.Fatalf("no process came to %s", first)
		}
		killed, crashes := r.process(second, 1), int64(1)
		if killed {
			crashes++
		}
		r.process("", 1)
		r.judge(crashes)
		if !killed {
			t.Skipf("what goes on after %s does not come to %s", first, second)
		}
	})
}

func TestASynchronizationPassesEachPointThatIsTried(t *testing.T) {
	r := newTrial(t, 1)
	r.process("", 1)
	for _, p := range crashpoint.All() {
		_, err := os.Stat(filepath.Join(r.folder, "hit", string(p)))
		if hit := err == nil; hit == slices.Contains(elsewhere, p) {
			t.Errorf("%s: passed is %t", p, hit)
		}
	}
}

package integration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// smallDiskEnv is set in a process of the test that may mount disks.
const smallDiskEnv = "INTEGRATION_SMALL_DISK"

// onSmallDisks runs the test again, in name spaces of its own, in which it may mount what nobody else sees; it tells whether this is that process.
func onSmallDisks(t *testing.T) bool {
	t.Helper()
	if os.Getenv(smallDiskEnv) != "" {
		return true
	}
	bin, err := build() // once, for both
	if err != nil {
		t.Fatal(err)
	}
	if exec.Command("unshare", "-Urm", "mount", "-t", "tmpfs", "none", t.TempDir()).Run() != nil { //nolint:gosec // a folder of the test
		t.Skip("this machine lets nobody mount a small disk in a name space of its own")
	}
	c := exec.Command("unshare", "-Urm", os.Args[0], "-test.run", "^"+t.Name()+"$", "-test.v") //nolint:gosec // this program
	c.Env = append(os.Environ(), smallDiskEnv+"="+bin)
	if out, err := c.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Errorf("%v\n%s", err, out)
	}
	return false
}

// localRig is a rig of folders alone, with a state directory of so many bytes; the way to its destination is priced.
func localRig(t *testing.T, stateBytes int) *rig {
	t.Helper()
	r := &rig{t: t, dir: t.TempDir(), bin: os.Getenv(smallDiskEnv), dataset: "c4", files: map[string][]byte{}}
	state, source := filepath.Join(r.dir, "state"), filepath.Join(r.dir, "source", "c4")
	for _, dir := range []string{state, source} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mount("none", state, "tmpfs", 0, fmt.Sprintf("size=%d", stateBytes)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(state, 0); err != nil {
			t.Error(err)
		}
	})
	for i, size := range []int{8<<20 + 12345, 700_000, 30_000, 30_001, 5_000} {
		name := fmt.Sprintf("s%d.tar", i)
		r.files[name] = random(uint64(i), size) //nolint:gosec // a few
		if err := os.WriteFile(filepath.Join(source, name), r.files[name], 0o600); err != nil {
			t.Fatal(err)
		}
	}
	url := func(name string) string { return "file://" + filepath.Join(r.dir, name) }
	r.write("datagravity.yaml", fmt.Sprintf(config, "1MiB", url("source"), url("aws")+"?create_dir=true", url("gcp")+"?create_dir=true", filepath.Join(r.dir, "lab")))
	return r
}

// arrived is what of shards lies below a destination's folder, whole or in an upload. An upload's file has its full size from the beginning: what is zero in it was not sent.
func (r *rig) arrived() (n int64) {
	r.t.Helper()
	const page = 4 << 10
	for _, dir := range []string{"data", ".datagravity/uploads"} {
		err := filepath.WalkDir(filepath.Join(r.dir, "aws", dir), func(path string, d fs.DirEntry, err error) error {
			if os.IsNotExist(err) || err == nil && (d.IsDir() || strings.HasSuffix(path, ".json")) { // what an upload is, and for whom
				return nil
			}
			b, err := os.ReadFile(path) //nolint:gosec // of the test
			for at := 0; at < len(b); at += page {
				if one := b[at:min(at+page, len(b))]; !bytes.Equal(one, make([]byte, len(one))) {
					n += int64(len(one))
				}
			}
			return err
		})
		if err != nil {
			r.t.Fatal(err)
		}
	}
	return n
}

// budgeted is what the budget has.
func (r *rig) budgeted() int64 {
	r.t.Helper()
	var budgets []struct {
		Spent    int64 `json:"spent_bytes"`
		Reserved int64 `json:"reserved_bytes"`
	}
	if err := json.Unmarshal([]byte(r.want(0, "budget", "--json")), &budgets); err != nil || len(budgets) != 1 {
		r.t.Fatalf("%+v, %v", budgets, err)
	}
	return budgets[0].Spent + budgets[0].Reserved
}

// The disk of the state directory is full, at whatever moment of a sync: while the manifest is made, when it grows, in a line of the journal, in a recipe pack. The sync ends with 73 and says what to do; what it
// had sent is in the account; and with room on the disk, the next one finishes.
func TestStateDiskIsFull(t *testing.T) {
	if !onSmallDisks(t) {
		return
	}
	failed := map[string]int{}
	for kib := 4; kib <= 132; kib += 8 {
		r := localRig(t, kib<<10)
		state := filepath.Join(r.dir, "state")
		code, _, errs := r.run("sync", "c4", "--to", "s3", "--json")
		if code == 0 {
			failed[""]++
		} else {
			for _, at := range []string{"make ", "journal", "recipe pack", "manifest.db"} {
				if strings.Contains(errs, at) {
					failed[at]++
					break
				}
			}
			if code != 73 || !strings.Contains(errs, "free space on the disk of "+state) || !strings.Contains(errs, "run this again") {
				t.Errorf("%d KiB: exit code %d: %s", kib, code, errs)
			}
		}
		sent := r.arrived()
		if err := syscall.Mount("none", state, "tmpfs", syscall.MS_REMOUNT, "size=64m"); err != nil {
			t.Fatal(err)
		}
		if sent > 0 {
			if had := r.budgeted(); had < sent {
				t.Errorf("%d KiB: %d bytes arrived, the account has %d", kib, sent, had)
			}
		}
		if rep := r.sync("s3"); !rep.Ready {
			t.Errorf("%d KiB: %+v", kib, rep)
		}
		for name, want := range r.files {
			if got, err := os.ReadFile(filepath.Join(r.dir, "aws", "data", "c4", name)); err != nil || string(got) != string(want) {
				t.Errorf("%d KiB: %s differs, %v", kib, name, err)
			}
		}
		r.want(0, "manifest", "check", "--packs")
		r.want(0, "gc", "--older-than", "0s", "--yes")
		if again := r.sync("s3"); again.Moved != 0 {
			t.Errorf("%d KiB: a repeat moved %d bytes", kib, again.Moved)
		}
	}
	t.Logf("what had no room: %v", failed)
	if failed["make "] == 0 || failed["manifest.db"] == 0 || failed["journal"]+failed["recipe pack"] == 0 || failed[""] == 0 {
		t.Errorf("some was never without room, or all was: %v", failed)
	}
}

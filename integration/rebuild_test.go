package integration

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// rebuilt is what manifest rebuild --json prints, as far as the tests look.
type rebuilt struct {
	Backup   string `json:"backup"`
	Datasets []struct {
		From string `json:"from"`
	} `json:"datasets"`
	Replicas []struct {
		Destination string `json:"destination"`
		Confirmed   int    `json:"confirmed"`
		ByChecksum  int    `json:"by_checksum"`
		Unproven    int    `json:"unproven"`
	} `json:"replicas"`
	Problems []string `json:"problems"`
	Doubts   []string `json:"budgets_in_doubt"`
}

func (r *rig) rebuild(args ...string) (out rebuilt) {
	r.t.Helper()
	code, text, errs := r.run(append([]string{"manifest", "rebuild", "--json"}, args...)...)
	if code != 0 {
		r.t.Fatalf("rebuild: exit code %d: %s", code, errs)
	}
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		r.t.Fatal(err)
	}
	return out
}

func (r *rig) lose(names ...string) {
	r.t.Helper()
	for _, name := range names {
		if err := os.RemoveAll(filepath.Join(r.dir, "state", name)); err != nil {
			r.t.Fatal(err)
		}
	}
}

// readiness is the answer of ready, and whether check is content.
func (r *rig) readiness(dest string) int {
	r.t.Helper()
	code, _, _ := r.run("ready", "c4", "--to", dest)
	return code
}

// budget is how the budgets stand, but for what follows from the time of day.
func (r *rig) budget() string {
	r.t.Helper()
	code, out, errs := r.run("budget", "--json")
	if code != 0 {
		r.t.Fatalf("budget: exit code %d: %s", code, errs)
	}
	lines := slices.DeleteFunc(strings.Split(out, "\n"), func(line string) bool {
		return strings.Contains(line, "per_day") || strings.Contains(line, "forecast") || strings.Contains(line, "exhausted")
	})
	return strings.Join(lines, "\n")
}

// The manifest is deleted after syncs to three kinds of stores. What their checksums prove is ready as before, what nothing proves is not, and with a backup all of it is. What was
// spent is known to the last.
func TestRebuildAgainstRealStores(t *testing.T) {
	r := newRig(t, "1MiB")
	for i := range 6 { // of one size, so that only their content tells them apart; the last ones in several parts
		r.put(fmt.Sprintf("s%d.tar", i), random(uint64(i), 900_000*(1+i/4*3)))
	}
	dests := []string{"s3", "gcs", "lab"}
	for _, d := range dests {
		if code, _, errs := r.run("sync", "c4", "--to", d); code != 0 {
			t.Fatalf("sync to %s: exit code %d: %s", d, code, errs)
		}
	}
	shards := len(r.files)
	spent := r.budget()
	if code, out, errs := r.run("manifest", "check", "--packs"); code != 0 {
		t.Fatalf("check: exit code %d\n%s%s", code, out, errs)
	}

	r.lose("manifest.db")
	out := r.rebuild()
	if out.Backup != "" || out.Datasets[0].From != "beside the manifest" || len(out.Doubts) != 0 {
		t.Errorf("%+v", out)
	}
	proven := map[string]bool{}
	for _, p := range out.Replicas {
		t.Logf("without a backup: %+v", p)
		if p.Confirmed != 0 || p.ByChecksum+p.Unproven != shards {
			t.Errorf("%+v of %d shards", p, shards)
		}
		proven[p.Destination] = p.Unproven == 0
	}
	if !proven["gcs"] || !proven["s3"] || proven["lab"] {
		t.Errorf("proven by checksums: %v; a directory tells none", proven)
	}
	for _, d := range dests {
		if ready := r.readiness(d) == 0; ready != proven[d] {
			t.Errorf("%s: ready %v, proven %v", d, ready, proven[d])
		}
	}
	if now := r.budget(); now != spent {
		t.Errorf("spent\n%s\nwant\n%s", now, spent)
	}
	if code, out, errs := r.run("sync", "c4", "--to", "lab", "--adopt=read", "--json"); code != 0 || !strings.Contains(out, `"moved_bytes": 0`) {
		t.Errorf("sync --adopt=read: exit code %d: %s%s", code, out, errs)
	}
	if code, out, _ := r.run("manifest", "check"); code != 0 {
		t.Errorf("check: exit code %d\n%s", code, out)
	}

	// With a backup that the daemon makes while it holds the manifest, and the daemon is killed.
	h := r.hold(nil, "daemon")
	if code, _, errs := r.run("manifest", "backup"); code != 0 {
		t.Fatalf("backup: exit code %d: %s", code, errs)
	}
	// It has made one by itself, too, since there was none.
	r.until("a scheduled backup", func() bool {
		_, list, _ := r.run("manifest", "backup", "--list", "--json")
		return strings.Contains(list, `"scheduled": true`)
	})
	h.signal(syscall.SIGKILL)
	spent = r.budget()
	r.lose("manifest.db", "recipes", "snapshots")
	out = r.rebuild()
	// Nothing beside the manifest tells whether a later sync took another snapshot.
	if out.Backup == "" || len(out.Problems) != 1 || !strings.Contains(out.Problems[0], "may be older") || len(out.Doubts) != 0 {
		t.Errorf("%+v", out)
	}
	for _, p := range out.Replicas {
		if p.Confirmed != shards {
			t.Errorf("%+v of %d shards", p, shards)
		}
	}
	for _, d := range dests {
		if code := r.readiness(d); code != 0 {
			t.Errorf("%s: ready ends with %d", d, code)
		}
	}
	if now := r.budget(); now != spent {
		t.Errorf("spent\n%s\nwant\n%s", now, spent)
	}

	// And without the journal nobody knows what was spent.
	r.lose("manifest.db", "journal")
	if out := r.rebuild("--no-backup"); len(out.Doubts) != 1 || out.Doubts[0] != "all" {
		t.Errorf("%+v", out)
	}
	r.put("new.tar", random(99, 1000))
	if code, _, errs := r.run("sync", "c4", "--to", "s3"); code != 3 || !strings.Contains(errs, "budget reset") {
		t.Errorf("a sync with unknown spend: exit code %d: %s", code, errs)
	}
}

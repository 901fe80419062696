package sync

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/datagravity/datagravity/internal/proof"
	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/manifest"
)

// spoil damages a file as disks do, or removes it.
func spoil(t *testing.T, path string, rnd *rand.Rand) (what string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	what = "removed"
	if at := rnd.IntN(max(len(b), 1)); len(b) > 0 {
		switch rnd.IntN(6) {
		case 0, 1:
			b[at] ^= 1 << rnd.IntN(8)
			what = fmt.Sprintf("byte %d has a bit flipped", at)
		case 2:
			n := min(len(b)-at, 512<<(3*rnd.IntN(2)))
			clear(b[at:][:n])
			what = fmt.Sprintf("%d bytes from %d on are zero", n, at)
		case 3:
			b = b[:at]
			what = fmt.Sprintf("cut at %d", at)
		case 4:
			for i := range min(len(b)-at, 512) {
				b[at+i] = byte(rnd.Uint32())
			}
			what = fmt.Sprintf("512 bytes from %d on are others", at)
		}
	}
	// A pack or a month of the journal in a backup is a link: what the disk does to it, it does to both.
	if what == "removed" {
		err = os.Remove(path)
	} else {
		err = os.WriteFile(path, b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return what
}

// remains are the files of a state directory that a rebuild begins with, by what they are.
func (r *rig) remains() map[string][]string {
	r.t.Helper()
	out := map[string][]string{}
	err := filepath.WalkDir(r.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path == r.db() {
			return err
		}
		rel, err := filepath.Rel(r.dir, path)
		kind, _, _ := strings.Cut(filepath.ToSlash(rel), "/")
		if filepath.Base(path) == "account.json" {
			kind = "account.json"
		}
		out[kind] = append(out[kind], path)
		return err
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return out
}

// replicasHold compares every replica that counts with the object that stands there, byte by byte.
func (r *rig) replicasHold() {
	r.t.Helper()
	m, err := manifest.OpenDir(r.dir, manifest.Options{Now: r.now})
	if err != nil {
		r.t.Fatal(err)
	}
	err = m.View(func(tx *manifest.Tx) error {
		return tx.Replicas("bucket", "", func(rep manifest.Replica) (bool, error) {
			if rep.Present() && chunker.Sum(readObject(r.t, r.dest, rep.Key)) != rep.Shard {
				r.t.Errorf("%s counts as %s and is something else", rep.Key, rep.Shard)
			}
			return true, nil
		})
	})
	if err := errors.Join(err, m.Close()); err != nil {
		r.t.Fatal(err)
	}
}

// The manifest is damaged or gone, and often some of what is beside it too. After a rebuild the manifest is sound, says of no replica that it is what it is not, and has forgotten no
// spend: it has all of it, or says that it does not know. Where only the manifest was damaged, everything stands as before. A sync then makes all ready again.
func TestRebuildAfterDamage(t *testing.T) {
	equal, doubted := 0, 0
	proof.Run(t, "damage", 30, func(t *testing.T, seed uint64) {
		rnd := rand.New(rand.NewPCG(seed, 0x4eb))
		r := lostRig(t)
		r.mustSync()
		var backup string
		if rnd.IntN(3) == 0 {
			s := r.open()
			b, err := s.Manifest.Backup(context.Background(), filepath.Join(r.dir, "backups"), manifest.BackupOptions{})
			if err != nil {
				t.Fatal(err)
			}
			r.close()
			backup = b.Path
		}
		for i := range rnd.IntN(3) {
			r.put(fmt.Sprintf("later%d.tar", i), data(seed*3+uint64(i), 100_000))
			r.mustSync()
		}
		before := r.standing()
		if !before.Ready.Ready || before.Uses[0].Settled == 0 {
			t.Fatalf("%+v", before)
		}
		var did []string
		others := map[string]bool{}
		if rnd.IntN(2) == 0 {
			left := r.remains()
			for range 1 + rnd.IntN(3) {
				kinds := keysOf(left)
				kind := kinds[rnd.IntN(len(kinds))]
				files := left[kind]
				slices.Sort(files)
				path := files[rnd.IntN(len(files))]
				if _, err := os.Stat(path); err != nil {
					continue
				}
				others[kind] = true
				did = append(did, strings.TrimPrefix(path, r.dir)+" "+spoil(t, path, rnd))
			}
		}
		if rnd.IntN(3) == 0 {
			r.remove("manifest.db")
			did = append(did, "no manifest.db")
		} else {
			did = append(did, "manifest.db "+spoil(t, r.db(), rnd))
		}
		defer func() {
			if t.Failed() {
				t.Log(strings.Join(did, "; "))
			}
		}()
		if backup != "" {
			b, err := manifest.ReadBackup(backup)
			if err == nil {
				err = b.Verify(context.Background())
			}
			if err != nil { // the command begins without it
				backup = ""
			}
		}
		out := r.rebuild(manifest.RebuildOptions{From: backup, Replace: true})
		r.soundButForLosses()
		r.replicasHold()
		after := r.standing()
		for i, u := range after.Uses {
			if was := before.Uses[i]; u.Doubt == "" && (u.Settled < was.Settled || u.SettledBytes < was.SettledBytes) {
				t.Errorf("spend is forgotten: %v and %d bytes of %v and %d", u.Settled, u.SettledBytes, was.Settled, was.SettledBytes)
			}
		}
		doubted += after.Doubts
		if len(others) == 0 || !others["journal"] && !others["account.json"] && !others["snapshots"] {
			equal++
			if diff := cmp.Diff(before, after, cmp.AllowUnexported(cost.Budget{})); diff != "" {
				t.Errorf("-before +after:\n%s", diff)
			}
		}
		if after.Ready.Snapshot != before.Ready.Snapshot && len(out.Problems) == 0 {
			t.Errorf("snapshot %s, was %s, and nothing is said of it", after.Ready.Snapshot, before.Ready.Snapshot)
		}
		if after.Doubts > 0 {
			s := r.open()
			if _, _, err := s.Ledger.Reset("", "the bill says so", "somebody@here"); err != nil {
				t.Error(err)
			}
			r.close()
		}
		rep := r.mustSync()
		if len(others) == 0 && rep.MovedBytes != 0 {
			t.Errorf("%d bytes were moved again", rep.MovedBytes)
		}
		r.equal()
		if !r.standing().Ready.Ready {
			t.Error("not ready after a sync")
		}
	})
	t.Logf("%d times all had to be as before, %d budgets are in doubt", equal, doubted)
}

func keysOf[V any](m map[string]V) (out []string) {
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// soundButForLosses is sound where something beside the manifest was lost.
func (r *rig) soundButForLosses() {
	r.t.Helper()
	c, err := manifest.CheckDir(context.Background(), r.dir, manifest.Options{}, manifest.CheckOptions{Packs: true})
	if err != nil || !c.Sound() {
		b, _ := json.Marshal(c.Findings)
		r.t.Errorf("check: %s, %v", b, err)
	}
}

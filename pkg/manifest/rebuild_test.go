package manifest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func rebuild(t testing.TB, dir string, o RebuildOptions) *Rebuilding {
	t.Helper()
	if o.Now == nil {
		o.Now = func() time.Time { return noon }
	}
	r, err := BeginRebuild(context.Background(), dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Abandon() })
	return r
}

func finish(t testing.TB, r *Rebuilding) (aside string) {
	t.Helper()
	aside, err := r.Finish(context.Background())
	if err := errors.Join(err, r.Abandon()); err != nil {
		t.Fatal(err)
	}
	return aside
}

// Recipes of a lost manifest stay where they are, and are taken over: whole packs as they are, of damaged ones what is whole.
func TestRecipesOfALostManifest(t *testing.T) {
	dir := memoryDir(t)
	m := open(t, dir, Options{})
	var all []NewRecipe
	for i := range 5 {
		all = append(all, recipeOf(t, fmt.Sprint("shard", i)))
	}
	storeAndPut(t, m, all[0], all[1], all[2])
	storeAndPut(t, m, all[3])
	storeAndPut(t, m, all[4])
	closeIt(t, m)
	var large string
	for _, path := range glob(t, dir, "recipes", "*.pack") {
		if b, err := os.ReadFile(path); err == nil && len(b) > 2*len(all[0].Encoded) {
			large = path
			b[len(all[0].Encoded)+20] ^= 1 // in the second of three
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := os.Remove(filepath.Join(dir, "manifest.db")); err != nil {
		t.Fatal(err)
	}
	// Somebody begins another one before it is noticed: nothing of the first goes.
	closeIt(t, open(t, dir, Options{}))
	m = open(t, dir, Options{})
	storeAndPut(t, m, recipeOf(t, "later"))
	closeIt(t, m)
	if n := len(glob(t, dir, "recipes", "*.pack")); n != 4 {
		t.Fatalf("%d packs", n)
	}
	_, err := BeginRebuild(context.Background(), dir, RebuildOptions{})
	wantError(t, err, ErrSound, "--replace")
	r := rebuild(t, dir, RebuildOptions{Replace: true})
	found, err := r.AdoptPacks(context.Background(), filepath.Join(dir, "recipes"))
	if err != nil || found.Recipes != 5 || found.Packs != 4 || len(found.Damaged) != 1 || found.Damaged[0] != large {
		t.Errorf("%+v, %v", found, err)
	}
	if aside := finish(t, r); filepath.Base(aside) != "manifest.db.replaced-20261125T120000Z" {
		t.Errorf("aside is %q", aside)
	}
	m = open(t, dir, Options{})
	for i, recipe := range all {
		_, err := m.Recipe(recipe.Digest)
		if lost := i == 1; lost != (err != nil) {
			t.Errorf("recipe %d: %v", i, err)
		}
	}
	closeIt(t, m)
	if c := mustCheck(t, dir, CheckOptions{Packs: true}); !c.Sound() {
		t.Errorf("%+v", c.Findings)
	}
	// What is not whole belongs to nobody now.
	if _, err := os.Stat(large); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the damaged pack is still there: %v", err)
	}
}

// A rebuild that is killed, or a command that only looks, leaves a manifest in which nothing is. The next rebuild does not call that sound.
func TestRebuildInPlaceOfNothing(t *testing.T) {
	dir := memoryDir(t)
	closeIt(t, open(t, dir, Options{}))
	r := rebuild(t, dir, RebuildOptions{})
	if r.Damage != nil {
		t.Errorf("%v", r.Damage)
	}
	finish(t, r)
	m := open(t, dir, Options{})
	update(t, m, func(tx *Tx) error { return tx.PutDataset(Dataset{Name: "c4"}) })
	closeIt(t, m)
	_, err := BeginRebuild(context.Background(), dir, RebuildOptions{})
	wantError(t, err, ErrSound, "--replace")
}

// While one is rebuilt, others find the state directory held; a dry run leaves it as it was.
func TestRebuildHoldsTheManifest(t *testing.T) {
	dir := memoryDir(t)
	r := rebuild(t, dir, RebuildOptions{Options: Options{Holder: "manifest rebuild"}})
	_, err := OpenDir(dir, Options{Timeout: 50 * time.Millisecond})
	wantError(t, err, ErrLocked, "manifest rebuild")
	_, err = BeginRebuild(context.Background(), dir, RebuildOptions{})
	wantError(t, err, ErrLocked)
	if err := r.Abandon(); err != nil {
		t.Fatal(err)
	}
	if left := append(glob(t, dir, "*.*"), glob(t, dir, ".*")...); len(left) != 0 {
		t.Errorf("left over: %v", left)
	}
	if err := os.Remove(filepath.Join(dir, "journal")); err != nil {
		t.Fatal(err)
	}
	r = rebuild(t, dir, RebuildOptions{DryRun: true})
	update(t, r.Manifest, func(tx *Tx) error { return tx.PutNeed(Need{ID: "n"}) })
	if aside := finish(t, r); aside != "" {
		t.Errorf("%q", aside)
	}
	if left := append(glob(t, dir, "*"), glob(t, dir, ".*")...); len(left) != 0 {
		t.Errorf("left over: %v", left)
	}
}

// Each way in which a file can be damaged: it is put aside as it is, what can be read of it can be salvaged, and a backup begins the new one.
func TestRebuildOfADamagedManifest(t *testing.T) {
	for name, damage := range map[string]func(b []byte) []byte{
		"cut short": func(b []byte) []byte { return b[:len(b)/2] },
		"no file":   func([]byte) []byte { return []byte("hello") },
		"one value": func(b []byte) []byte {
			at := 0
			for i := range b { // the text of one replica's ETag
				if string(b[i:min(len(b), i+30)]) == "eeeeeeeeeeeeeeeeeeeeeeeeeeeeee" {
					at = i
				}
			}
			b[at] ^= 1
			return b
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := memoryDir(t)
			m := open(t, dir, Options{})
			whole(t, m, 60)
			b, err := m.Backup(context.Background(), filepath.Join(dir, "backups"), BackupOptions{})
			if err != nil {
				t.Fatal(err)
			}
			update(t, m, func(tx *Tx) error { return tx.PutNeed(Need{ID: "since"}) })
			closeIt(t, m)
			path := filepath.Join(dir, "manifest.db")
			sound, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			bad := damage(sound)
			if err := os.WriteFile(path, bad, 0o600); err != nil {
				t.Fatal(err)
			}
			r := rebuild(t, dir, RebuildOptions{From: b.Path})
			if r.Damage == nil || r.Began != b.Time {
				t.Errorf("%v, %v", r.Damage, r.Began)
			}
			if readable := name == "one value"; readable != (r.Old != nil) {
				t.Errorf("readable %v", r.Old)
			}
			if r.Old != nil {
				n := 0
				if err := r.Old.Salvage(Salvaged{Replica: func(Replica) error { n++; return nil }}); err != nil || n != 59 {
					t.Errorf("%d replicas of 60 are salvaged, %v", n, err)
				}
			}
			aside := finish(t, r)
			if kept, err := os.ReadFile(aside); err != nil || string(kept) != string(bad) {
				t.Errorf("the damaged file is not as it was: %v", err)
			}
			m = open(t, dir, Options{})
			view(t, m, func(tx *Tx) error {
				_, old, err := tx.Need("shard-00001")
				_, since, sinceErr := tx.Need("since")
				if !old || since {
					t.Errorf("as of the backup: %v, since: %v", old, since)
				}
				return errors.Join(err, sinceErr)
			})
			closeIt(t, m)
			if c := mustCheck(t, dir, CheckOptions{Packs: true}); !c.Sound() {
				t.Errorf("%+v", c.Findings)
			}
		})
	}
}

// rebuildForEver is the process that is killed.
func rebuildForEver(dir string) {
	if dir == "" {
		return
	}
	var err error
	for err == nil {
		var r *Rebuilding
		r, err = BeginRebuild(context.Background(), dir, RebuildOptions{Replace: true, From: os.Getenv("REBUILD_FROM")})
		if err == nil {
			_, err = r.AdoptPacks(context.Background(), filepath.Join(dir, "recipes"))
		}
		if err == nil {
			_, err = r.Finish(context.Background())
		}
		err = errors.Join(err, r.Abandon())
	}
	fmt.Println(err)
	os.Exit(1)
}

func TestKilledRebuild(t *testing.T) {
	dir := memoryDir(t)
	m := open(t, dir, Options{})
	whole(t, m, 100)
	b, err := m.Backup(context.Background(), filepath.Join(dir, "backups"), BackupOptions{})
	if err != nil {
		t.Fatal(err)
	}
	closeIt(t, m)
	t.Setenv("REBUILD_FROM", b.Path)
	for round := range 12 {
		killAfter(t, "REBUILD_MANIFEST", dir, time.Duration(150+round*13)*time.Millisecond)
		if c := mustCheck(t, dir, CheckOptions{Packs: true}); !c.Sound() {
			t.Errorf("round %d: %+v", round, c.Findings)
		}
		m := open(t, dir, Options{})
		view(t, m, func(tx *Tx) error {
			_, ok, err := tx.Need("shard-00001")
			if !ok {
				t.Errorf("round %d: neither the old one nor the new one", round)
			}
			return err
		})
		closeIt(t, m)
		if left := glob(t, dir, ".creating-*"); len(left) != 0 {
			t.Errorf("left over: %v", left)
		}
	}
	if asides := glob(t, dir, "manifest.db.replaced-*"); len(asides) == 0 {
		t.Error("none was ever put in place")
	}
}

// A backup that is copied over a state directory by hand, without anything that tells what was spent since: the ledger is told.
func TestRestoredByHand(t *testing.T) {
	dir := memoryDir(t)
	m := open(t, dir, Options{})
	update(t, m, func(tx *Tx) error { return takeJournal(tx, m) })
	b, err := m.Backup(context.Background(), filepath.Join(dir, "backups"), BackupOptions{})
	if err != nil {
		t.Fatal(err)
	}
	closeIt(t, m)
	for _, traced := range []bool{false, true} {
		again := memoryDir(t)
		copyFile(t, filepath.Join(b.Path, "manifest.db"), filepath.Join(again, "manifest.db"))
		if traced {
			copyFile(t, filepath.Join(dir, traceFile), filepath.Join(again, traceFile))
		}
		m := open(t, again, Options{})
		if all, err := m.AllAccounted(); all || err != nil {
			t.Errorf("all is accounted for: %v", err)
		}
		update(t, m, func(tx *Tx) error {
			u, err := m.UnaccountedEntries(tx, func(Entry, bool) error { return nil })
			if err == nil {
				err = tx.AccountForJournal(u)
			}
			lost, lostErr := m.LostSpend(tx, u)
			if doubted := lost.Accounts != nil; doubted == traced {
				t.Errorf("traced %v: %+v", traced, lost)
			}
			return errors.Join(err, lostErr)
		})
		view(t, m, func(tx *Tx) error {
			at, err := tx.Restored()
			if at != 0 {
				t.Error("it still counts as a copy")
			}
			return err
		})
		closeIt(t, m)
	}
}

// takeJournal is what opening a ledger does.
func takeJournal(tx *Tx, m *Manifest) error {
	u, err := m.UnaccountedEntries(tx, func(Entry, bool) error { return nil })
	if err == nil {
		err = tx.AccountForJournal(u)
	}
	return err
}

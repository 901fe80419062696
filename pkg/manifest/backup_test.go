package manifest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Two records that every transaction keeps equal, and recipes that are stored and merged meanwhile: each copy is of one moment, whole, and its own.
func TestBackupWhileOthersWrite(t *testing.T) {
	dir := memoryDir(t)
	m := open(t, dir, Options{Now: time.Now})
	whole(t, m, 200)
	ctx, stop := context.WithCancel(context.Background())
	var writing sync.WaitGroup
	for w := range 2 {
		writing.Go(func() {
			for i := int64(1); ctx.Err() == nil; i++ {
				if err := m.Batch(func(tx *Tx) error {
					a, _, err := tx.Need("a")
					a.ID, a.Bytes = "a", a.Bytes+i
					b := a
					b.ID = "b"
					return errors.Join(err, tx.PutNeed(a), tx.PutNeed(b))
				}); err != nil {
					t.Error(err)
				}
				stored, err := m.StoreRecipes([]NewRecipe{recipeOf(t, fmt.Sprintf("%d-%d", w, i))})
				if err == nil {
					err = m.Update(func(tx *Tx) error { return tx.PutRecipes(stored) })
				}
				if err == nil {
					err = m.Journal().Append(Entry{Kind: "reserve", Open: Open{ID: uint64(i), Line: LineKey{Month: "2026-11"}}})
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	backups := filepath.Join(dir, "backups")
	var last int64
	for range 8 {
		b, err := m.Backup(context.Background(), backups, BackupOptions{Program: "v1"})
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Verify(context.Background()); err != nil {
			t.Error(err)
		}
		if len(b.Lost) > 0 || len(b.Recipes) == 0 || len(b.Journal) != 1 || b.Took == 0 {
			t.Errorf("%+v", b)
		}
		c, err := OpenCopy(filepath.Join(b.Path, "manifest.db"))
		if err != nil {
			t.Fatal(err)
		}
		view(t, c, func(tx *Tx) error {
			a, _, err := tx.Need("a")
			other, _, otherErr := tx.Need("b")
			if a.Bytes != other.Bytes || a.Bytes < last {
				t.Errorf("%d and %d after %d", a.Bytes, other.Bytes, last)
			}
			last = a.Bytes
			if at, err := tx.Restored(); at == 0 || err != nil {
				t.Errorf("the copy does not say that it is one: %v", err)
			}
			return errors.Join(err, otherErr)
		})
		wantError(t, errors.Join(c.Update(func(tx *Tx) error { return tx.PutNeed(Need{ID: "x"}) }), os.ErrInvalid), os.ErrInvalid, "read-only")
		if err := c.CloseCopy(); err != nil {
			t.Error(err)
		}
		if found, err := CheckCopy(context.Background(), b.Path, CheckOptions{Packs: true}); err != nil || !found.Sound() {
			t.Errorf("%+v, %v", found.Findings, err)
		}
	}
	stop()
	writing.Wait()
	if last == 0 {
		t.Error("nobody wrote meanwhile")
	}
	private(t, backups)
	closeIt(t, m)
	if left := glob(t, backups, ".*"); len(left) != 0 {
		t.Errorf("left over: %v", left)
	}
}

// private makes sure that nobody else can read what is below a folder.
func private(t *testing.T, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode().Perm())
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// What was damaged in a backup is found, whatever file it is in.
func TestDamagedBackup(t *testing.T) {
	dir := memoryDir(t)
	m := open(t, dir, Options{})
	whole(t, m, 30)
	b, err := m.Backup(context.Background(), filepath.Join(dir, "backups"), BackupOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range b.files() {
		path := filepath.Join(b.Path, f.Path)
		sound, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		damaged := slices.Clone(sound)
		damaged[len(damaged)/2] ^= 1
		// The packs are links to the live ones: the damage is put into a file of its own.
		if err := errors.Join(os.Remove(path), os.WriteFile(path, damaged, 0o600)); err != nil {
			t.Fatal(err)
		}
		wantError(t, b.Verify(context.Background()), ErrCorrupt, f.Path)
		if c, err := CheckCopy(context.Background(), b.Path, CheckOptions{}); err != nil || c.Sound() {
			t.Errorf("%s: %+v, %v", f.Path, c, err)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		wantError(t, b.Verify(context.Background()), os.ErrNotExist)
		if err := os.WriteFile(path, sound, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Verify(context.Background()); err != nil {
		t.Error(err)
	}
	for name, text := range map[string]string{
		"no JSON": "{", "of another kind": `{"datagravity":0,"kind":"other"}`, "newer": `{"datagravity":9,"kind":"backup"}`,
		"elsewhere": `{"datagravity":0,"kind":"backup","manifest":{"path":"../../manifest.db"}}`,
	} {
		if err := os.WriteFile(filepath.Join(b.Path, BackupName), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadBackup(b.Path); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Scheduled backups: when one is due, what is kept, and what the last says.
func TestBackupsOnASchedule(t *testing.T) {
	dir := memoryDir(t)
	now := noon
	m := open(t, dir, Options{Now: func() time.Time { return now }})
	whole(t, m, 10)
	s := &Backups{Dir: filepath.Join(dir, "backups"), Every: 24 * time.Hour, Keep: 3}
	if last, err := s.Last(); err != nil || !last.IsZero() {
		t.Errorf("%v, %v", last, err)
	}
	asked, err := m.Backup(context.Background(), s.Dir, BackupOptions{})
	if err != nil {
		t.Fatal(err)
	}
	made := 0
	for range 8 * 24 {
		b, err := s.MakeIfDue(context.Background(), m)
		if err != nil {
			t.Fatal(err)
		}
		if b != nil {
			made++
			if last, err := s.Last(); err != nil || !last.Equal(now) {
				t.Errorf("the last is of %v, want %v (%v)", last, now, err)
			}
		}
		now = now.Add(time.Hour)
	}
	if made != 7 { // the one that was asked for counts for the first day
		t.Errorf("%d were made in 8 days", made)
	}
	list, err := s.List()
	if err != nil || len(list) != 4 || list[3].Path != asked.Path || list[0].Time < list[1].Time {
		t.Errorf("%+v, %v", list, err)
	}
	for _, b := range list {
		if err := b.Verify(context.Background()); err != nil {
			t.Error(err)
		}
	}
	// A clock that was ahead made one in the future: that keeps nobody from making the next.
	now = noon
	if due, err := s.Due(now); err != nil || !due {
		t.Errorf("%v, %v", due, err)
	}
	s.Every = 0
	if b, err := s.MakeIfDue(context.Background(), m); b != nil || err != nil {
		t.Errorf("off: %v, %v", b, err)
	}
}

// A backup that would take the last of a disk is refused, and leaves nothing.
func TestBackupWithoutRoom(t *testing.T) {
	dir := memoryDir(t)
	m := open(t, dir, Options{})
	whole(t, m, 30)
	m.free = func(string) (int64, bool, error) { return leastLeft + 1<<20, true, nil }
	if _, err := m.Backup(context.Background(), filepath.Join(dir, "backups"), BackupOptions{}); err != nil {
		t.Errorf("there is room: %v", err)
	}
	m.free = func(string) (int64, bool, error) { return leastLeft + 1000, true, nil }
	_, err := m.Backup(context.Background(), filepath.Join(dir, "none"), BackupOptions{})
	wantError(t, err, ErrNoRoom, "must stay free")
	_, err = m.BackupFileTo(context.Background(), filepath.Join(dir, "none.db"))
	wantError(t, err, ErrNoRoom)
	if left := append(glob(t, dir, "none*"), glob(t, dir, "none", "*")...); len(left) != 1 { // the folder itself
		t.Errorf("left over: %v", left)
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	stopped := errors.New("nobody wants it any more")
	cancel(stopped)
	m.free = nil
	_, err = m.Backup(ctx, filepath.Join(dir, "stopped"), BackupOptions{})
	wantError(t, err, stopped)
	if left := append(glob(t, dir, "stopped", "*"), glob(t, dir, "stopped", ".*")...); len(left) != 0 {
		t.Errorf("left over: %v", left)
	}
}

// backUpForEver is the process that is killed.
func backUpForEver(dir string) {
	if dir == "" {
		return
	}
	m, err := OpenDir(dir, Options{})
	for err == nil {
		_, err = m.Backup(context.Background(), filepath.Join(dir, "backups"), BackupOptions{})
		fmt.Println("made")
	}
	fmt.Println(err)
	os.Exit(1)
}

// killAfter runs the test program with a variable, lets it work, and kills it after a while that differs from round to round.
func killAfter(t *testing.T, variable, dir string, wait time.Duration) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), variable+"="+dir)
	var out strings.Builder
	cmd.Stdout = &out
	if _, err := cmd.StdinPipe(); err != nil { // which stays open
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(wait)
	_ = cmd.Process.Kill()
	err := cmd.Wait()
	if exited := (*exec.ExitError)(nil); !errors.As(err, &exited) || exited.ExitCode() != -1 {
		t.Fatalf("it was not killed: %v\n%s", err, out.String())
	}
}

func TestKilledBackup(t *testing.T) {
	dir := memoryDir(t)
	m := open(t, dir, Options{})
	whole(t, m, 300)
	closeIt(t, m)
	unfinished := 0
	for round := range 12 {
		killAfter(t, "BACK_UP_MANIFEST", dir, time.Duration(150+round*17)*time.Millisecond)
		unfinished += len(glob(t, dir, "backups", ".making-*"))
		s := Backups{Dir: filepath.Join(dir, "backups")}
		list, err := s.List()
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range list {
			if err := b.Verify(context.Background()); err != nil {
				t.Errorf("round %d: %v", round, err)
			}
		}
		if c := mustCheck(t, dir, CheckOptions{Packs: true}); !c.Sound() {
			t.Errorf("round %d: %+v", round, c.Findings)
		}
		for _, b := range list {
			if err := removeBackup(b.Path); err != nil {
				t.Fatal(err)
			}
		}
	}
	if unfinished == 0 {
		t.Error("no backup was interrupted")
	}
	m = open(t, dir, Options{})
	if _, err := m.Backup(context.Background(), filepath.Join(dir, "backups"), BackupOptions{}); err != nil {
		t.Fatal(err)
	}
	if left := glob(t, dir, "backups", ".*"); len(left) != 0 {
		t.Errorf("left over: %v", left)
	}
}

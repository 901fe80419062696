package manifest

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"
)

func TestFilesArePrivate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	m := open(t, dir, Options{})
	if err := m.Journal().Append(Entry{Kind: "reserve", Open: Open{ID: 1, Line: LineKey{Month: "2026-11"}}}); err != nil {
		t.Fatal(err)
	}
	storeAndPut(t, m, recipeOf(t, "a"))
	seen := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		want := fs.FileMode(0o600)
		if d.IsDir() {
			want = 0o700
		}
		if info.Mode().Perm() != want {
			t.Errorf("%s has mode %v, want %v", path, info.Mode().Perm(), want)
		}
		seen++
		return nil
	})
	if err != nil || seen != 7 { // state, manifest.db, holder.json, recipes, a pack, journal, a month
		t.Errorf("%d files and folders, %v", seen, err)
	}
}

func TestSecondOpenIsRefused(t *testing.T) {
	dir := t.TempDir()
	m := open(t, dir, Options{Holder: "sync c4 --to lab"})
	start := time.Now()
	_, err := OpenDir(dir, Options{Timeout: 100 * time.Millisecond})
	host, _ := os.Hostname()
	wantError(t, err, ErrLocked, fmt.Sprintf("process %d on %s (sync c4 --to lab), since 2026-11-25T12:00:00Z", os.Getpid(), host))
	if took := time.Since(start); took > time.Second {
		t.Errorf("it took %v", took)
	}
	closeIt(t, m)
	if len(glob(t, dir, "holder.json")) != 0 {
		t.Error("holder.json is still there after Close")
	}
	open(t, dir, Options{})
}

func TestLockNamesNoDeadProcess(t *testing.T) {
	dir := t.TempDir()
	m := open(t, dir, Options{})
	host, _ := os.Hostname()
	// As after a kill: the name of the process before, while the next one holds the lock and has not said its name.
	dead := fmt.Sprintf(`{"pid":%d,"host":%q,"command":"old","since":"2026-01-01T00:00:00Z"}`, 1<<22+1, host)
	if err := os.WriteFile(filepath.Join(dir, "holder.json"), []byte(dead), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := OpenDir(dir, Options{Timeout: 50 * time.Millisecond})
	wantError(t, err, ErrLocked, "a process that has not said its name yet (the one before it was 4194305")
	if err := os.WriteFile(filepath.Join(dir, "holder.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = OpenDir(dir, Options{Timeout: 50 * time.Millisecond})
	wantError(t, err, ErrLocked, "a process that has not said its name yet")
	closeIt(t, m)
}

// Several processes start at once on a directory without a manifest: one gets it, the others are told by whom it is held,
// and what the one wrote is in the file that stays.
func TestProcessesStartAtOnce(t *testing.T) {
	const processes = 6
	for round := range 3 {
		dir := filepath.Join(t.TempDir(), "state")
		type child struct {
			line string
			in   io.WriteCloser
			wait func() error
		}
		children := make(chan child, processes)
		for range processes {
			cmd := process(t, dir)
			in, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			go func() {
				line, _ := bufio.NewReader(out).ReadString('\n')
				children <- child{line, in, cmd.Wait}
			}()
		}
		held := 0
		var all []child
		for range processes {
			c := <-children
			all = append(all, c)
			switch {
			case c.line == "held\n":
				held++
			case !strings.Contains(c.line, ErrLocked.Error()):
				t.Errorf("round %d: %q", round, c.line)
			}
		}
		if held != 1 {
			t.Errorf("round %d: %d processes hold it", round, held)
		}
		_, err := OpenDir(dir, Options{Timeout: 50 * time.Millisecond})
		wantError(t, err, ErrLocked, "(sync c4 --to lab)")
		for _, c := range all {
			_ = c.in.Close()
			if err := c.wait(); err != nil {
				t.Error(err)
			}
		}
		m := open(t, dir, Options{})
		if left := glob(t, dir, ".creating-*"); len(left) != 0 {
			t.Errorf("left over: %v", left)
		}
		closeIt(t, m)
	}
}

func TestKilledProcessReleasesTheLock(t *testing.T) {
	dir := t.TempDir()
	cmd := process(t, dir)
	if _, err := cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, _ := bufio.NewReader(out).ReadString('\n'); line != "held\n" {
		t.Fatalf("%q", line)
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	if _, err := os.Stat(filepath.Join(dir, "holder.json")); err != nil {
		t.Fatal("this test wants a name that a dead process left")
	}
	open(t, dir, Options{})
}

func TestLeftoversOfACreation(t *testing.T) {
	dir := t.TempDir()
	left := filepath.Join(dir, ".creating-1")
	if err := os.MkdirAll(left, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(left, "manifest.db"), []byte("torn"), 0o600); err != nil {
		t.Fatal(err)
	}
	open(t, dir, Options{})
	if _, err := os.Stat(left); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
}

func TestNotAManifest(t *testing.T) {
	for name, content := range map[string][]byte{
		"empty": {}, "text": []byte(strings.Repeat("hello\n", 4000)), "zeros": make([]byte, 64<<10), "short": []byte("x"),
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "manifest.db"), content, 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := OpenDir(dir, Options{})
			wantError(t, err, ErrCorrupt)
			// The refusal lets go of the file: it can be moved away and made anew at once.
			if err := os.Remove(filepath.Join(dir, "manifest.db")); err != nil {
				t.Fatal(err)
			}
			open(t, dir, Options{Timeout: 50 * time.Millisecond})
		})
	}
}

func setVersion(t *testing.T, dir string, v int) {
	t.Helper()
	raw(t, dir, func(tx *bolt.Tx) error { return putVersion(tx, v) })
}

// raw changes the file of a closed manifest past this package.
func raw(t testing.TB, dir string, f func(*bolt.Tx) error) {
	t.Helper()
	db, err := bolt.Open(filepath.Join(dir, "manifest.db"), 0o600, &bolt.Options{Timeout: time.Second, NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(db.Update(f), db.Close()); err != nil {
		t.Fatal(err)
	}
}

func TestNewerSchemaIsRefused(t *testing.T) {
	dir := t.TempDir()
	closeIt(t, open(t, dir, Options{}))
	setVersion(t, dir, SchemaVersion+1)
	before, err := os.ReadFile(filepath.Join(dir, "manifest.db"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = OpenDir(dir, Options{})
	wantError(t, err, ErrNewer, fmt.Sprintf("has schema %d, this program knows %d", SchemaVersion+1, SchemaVersion))
	after, err := os.ReadFile(filepath.Join(dir, "manifest.db"))
	if err != nil || string(before) != string(after) {
		t.Errorf("the file of the newer program was changed (%v)", err)
	}
	if len(glob(t, dir, "holder.json")) != 0 {
		t.Error("holder.json names a process that holds nothing")
	}
}

func TestMigration(t *testing.T) {
	dir := t.TempDir()
	m := open(t, dir, Options{})
	update(t, m, func(tx *Tx) error { return tx.PutNeed(Need{ID: "n", Shards: 1}) })
	closeIt(t, m)
	raw(t, dir, func(tx *bolt.Tx) error {
		return errors.Join(putVersion(tx, 0), tx.DeleteBucket([]byte(transfers.bucket))) // version 0 had none
	})

	_, err := OpenDir(dir, Options{})
	wantError(t, err, ErrCorrupt, "schema 0 is too old")

	failing := errors.New("no")
	migrations[0] = func(tx *bolt.Tx) error {
		return errors.Join(needs.put(&Tx{b: tx}, key("n"), Need{ID: "n", Shards: 99}), failing)
	}
	t.Cleanup(func() { delete(migrations, 0) })
	_, err = OpenDir(dir, Options{})
	wantError(t, err, failing, "from schema 0")

	migrations[0] = func(tx *bolt.Tx) error {
		n, _, err := needs.get(&Tx{b: tx}, key("n"))
		n.Shards++
		return errors.Join(err, needs.put(&Tx{b: tx}, key("n"), n))
	}
	m = open(t, dir, Options{})
	view(t, m, func(tx *Tx) error {
		n, _, err := tx.Need("n")
		if n.Shards != 2 {
			t.Errorf("%d shards after the migration, want 2: the failed one must leave nothing", n.Shards)
		}
		return err
	})
	update(t, m, func(tx *Tx) error { return tx.PutTransfer(Transfer{ID: "t"}) })
	closeIt(t, m)

	// The backup is the manifest as it was, durable under its name, and opens.
	backup := filepath.Join(dir, "manifest.db.schema-0.bak")
	info, err := os.Stat(backup)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v %v", info, err)
	}
	old := t.TempDir()
	copyFile(t, backup, filepath.Join(old, "manifest.db"))
	m = open(t, old, Options{})
	view(t, m, func(tx *Tx) error {
		n, _, err := tx.Need("n")
		if n.Shards != 2 {
			t.Errorf("%d shards in the restored backup after its own migration, want 2", n.Shards)
		}
		return err
	})
	if left := glob(t, dir, ".manifest*"); len(left) != 0 {
		t.Errorf("left over: %v", left)
	}
	migrations[0] = func(*bolt.Tx) error { return errors.New("must not run again") }
	open(t, dir, Options{})
}

func TestDamagedVersion(t *testing.T) {
	dir := t.TempDir()
	closeIt(t, open(t, dir, Options{}))
	raw(t, dir, func(tx *bolt.Tx) error {
		b := append([]byte(nil), tx.Bucket(metaBucket).Get(versionKey)...)
		binary.BigEndian.PutUint32(b[4:], SchemaVersion+1)
		return tx.Bucket(metaBucket).Put(versionKey, b)
	})
	_, err := OpenDir(dir, Options{})
	wantError(t, err, ErrCorrupt, `meta/"schema"`)
}

func TestWriteFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	for _, content := range []string{"one", "two, longer", ""} {
		if err := WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if b, err := os.ReadFile(path); err != nil || string(b) != content {
			t.Errorf("%q, %v", b, err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(filepath.Join(dir, "folder"), nil, 0o600); err == nil {
		t.Error("a folder was replaced")
	}
	if err := WriteFile(filepath.Join(dir, "missing", "f"), nil, 0o600); err == nil {
		t.Error("a file was written into a folder that does not exist")
	}
	if left := glob(t, dir, ".*"); len(left) != 0 {
		t.Errorf("left over: %v", left)
	}
}

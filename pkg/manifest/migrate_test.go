package manifest

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"
)

// stateOf unpacks a state directory as the program of an older schema left it: after a sync of four shards under a budget, a pin from schema 2 on, and an approval from schema 3 on,
// and killed in the next sync.
func stateOf(t testing.TB, schema int) (dir string) {
	t.Helper()
	f, err := os.Open(fmt.Sprintf("testdata/schema-%d.tgz", schema))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return dir
		}
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, filepath.Clean("/"+h.Name))
		if h.Typeflag == tar.TypeDir {
			err = os.MkdirAll(path, 0o700)
		} else {
			var b []byte
			if b, err = io.ReadAll(r); err == nil {
				err = os.WriteFile(path, b, 0o600)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// Each older schema, as the program of its time wrote it: all that was known is known after the migration, and the copy from before is kept, verified, private and named.
func TestMigrationOfRealFiles(t *testing.T) {
	for schema := 1; schema < SchemaVersion; schema++ {
		t.Run(fmt.Sprint(schema), func(t *testing.T) {
			dir := stateOf(t, schema)
			before, err := os.ReadFile(filepath.Join(dir, "manifest.db"))
			if err != nil {
				t.Fatal(err)
			}
			found, err := CheckDir(context.Background(), dir, Options{}, CheckOptions{})
			if err != nil || !found.Sound() || found.Schema != schema {
				t.Errorf("check before: %+v, %v", found, err)
			}
			var said bytes.Buffer
			m := open(t, dir, Options{Program: "v9.9", Log: slog.New(slog.NewTextHandler(&said, nil))})
			backup := filepath.Join(dir, fmt.Sprintf("manifest.db.schema-%d.bak", schema))
			if !strings.Contains(said.String(), backup) {
				t.Errorf("the log does not name the copy: %s", said.String())
			}
			view(t, m, func(tx *Tx) error {
				d, ok, err := tx.Dataset("c4")
				if err != nil || !ok || d.Latest.IsZero() {
					t.Errorf("dataset %+v, %v", d, err)
				}
				shards, replicas := 0, 0
				err = errors.Join(err, tx.SnapshotShards(d.Latest, func(Shard) (bool, error) { shards++; return true, nil }),
					tx.Replicas("bucket", "c4/", func(r Replica) (bool, error) { replicas++; return r.Present(), nil }))
				if shards != 4 || replicas != 4 {
					t.Errorf("%d shards, %d replicas, want 4 of each", shards, replicas)
				}
				pins := 0
				err = errors.Join(err, tx.Pins(func(Pin) (bool, error) { pins++; return true, nil }))
				if want := min(1, schema-1); pins != want {
					t.Errorf("%d pins, want %d", pins, want)
				}
				spent := int64(0)
				err = errors.Join(err, tx.Lines(func(l Line) (bool, error) { spent += l.NanoUSD; return true, nil }))
				if spent == 0 {
					t.Error("nothing was spent")
				}
				if by, err := tx.Writer(); by != "v9.9" || err != nil {
					t.Errorf("written by %q, %v", by, err)
				}
				return err
			})
			closeIt(t, m)
			info, err := os.Stat(backup)
			if err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%v, %v", info, err)
			}
			if found, err := CheckCopy(context.Background(), backup, CheckOptions{}); err != nil || !found.Sound() || found.Schema != schema {
				t.Errorf("the copy: %+v, %v", found, err)
			}
			if found, err := CheckDir(context.Background(), dir, Options{}, CheckOptions{Packs: true}); err != nil || !found.Sound() || found.Schema != SchemaVersion {
				t.Errorf("after: %+v, %v", found, err)
			}
			// The copy is a manifest of the program before: put back, it is migrated again.
			again := stateOf(t, schema)
			copyFile(t, backup, filepath.Join(again, "manifest.db"))
			closeIt(t, open(t, again, Options{}))
			if len(before) == 0 {
				t.Error("an empty file")
			}
		})
	}
}

// A process that is killed at any step of a migration leaves the manifest as it was or migrated, and the copy whole or not there.
func TestKilledMigration(t *testing.T) {
	for schema := 1; schema < SchemaVersion; schema++ {
		for _, failing := range []string{"while it is copied", "in a step"} {
			t.Run(fmt.Sprint(schema, failing), func(t *testing.T) {
				dir := stateOf(t, schema)
				if failing == "while it is copied" {
					// As a kill leaves it: half a copy under its temporary name.
					left := filepath.Join(dir, fmt.Sprintf(".manifest.db.schema-%d.bak-123", schema))
					if err := os.WriteFile(left, []byte("half"), 0o600); err != nil {
						t.Fatal(err)
					}
				} else {
					step := migrations[schema]
					killed := errors.New("killed")
					migrations[schema] = func(tx *bolt.Tx) error { return errors.Join(step(tx), killed) }
					_, err := OpenDir(dir, Options{})
					migrations[schema] = step
					wantError(t, err, killed, "the file is as it was")
					if found, err := CheckDir(context.Background(), dir, Options{}, CheckOptions{}); err != nil || !found.Sound() || found.Schema != schema {
						t.Errorf("%+v, %v", found, err)
					}
				}
				m := open(t, dir, Options{})
				view(t, m, func(tx *Tx) error {
					_, ok, err := tx.Dataset("c4")
					if !ok {
						t.Error("the dataset is gone")
					}
					return err
				})
				if left := glob(t, dir, ".*"); len(left) != 0 {
					t.Errorf("left over: %v", left)
				}
			})
		}
	}
}

func TestNewerProgramIsNamed(t *testing.T) {
	dir := t.TempDir()
	closeIt(t, open(t, dir, Options{Program: "v2.0"}))
	setVersion(t, dir, SchemaVersion+1)
	_, err := OpenDir(dir, Options{Program: "v1.9"})
	wantError(t, err, ErrNewer, "datagravity v2.0 wrote it, and this is datagravity v1.9")
	_, err = CheckDir(context.Background(), dir, Options{}, CheckOptions{})
	wantError(t, err, ErrNewer, "datagravity v2.0 wrote it")
	_, err = OpenCopy(filepath.Join(dir, "manifest.db"))
	wantError(t, err, ErrNewer, "v2.0")
	// Whatever a newer program makes of its name, the refusal stands.
	raw(t, dir, func(tx *bolt.Tx) error { return tx.Bucket(metaBucket).Put(writerKey, []byte("in another way")) })
	_, err = OpenDir(dir, Options{})
	wantError(t, err, ErrNewer, "a newer datagravity wrote it, and this is an unnamed one")
}

// A process is killed at many moments of opening an older file: what it leaves is whole, of the old schema or of the new one, and the next process ends the migration.
func TestMigrationIsKilled(t *testing.T) {
	old, migrated, unfinished := 0, 0, 0
	for round := range 40 {
		schema := 1 + round%(SchemaVersion-1)
		dir := stateOf(t, schema)
		killAfter(t, "HOLD_MANIFEST", dir, time.Duration(4+round)*time.Millisecond)
		unfinished += len(glob(t, dir, ".manifest.db.*"))
		found, err := CheckDir(context.Background(), dir, Options{}, CheckOptions{})
		if err != nil || !found.Sound() {
			t.Fatalf("round %d: %+v, %v", round, found.Findings, err)
		}
		switch found.Schema {
		case schema:
			old++
		case SchemaVersion:
			migrated++
			if copied, err := CheckCopy(context.Background(), filepath.Join(dir, fmt.Sprintf("manifest.db.schema-%d.bak", schema)), CheckOptions{}); err != nil || copied.Schema != schema {
				t.Errorf("round %d: the copy: %+v, %v", round, copied, err)
			}
		default:
			t.Errorf("round %d: schema %d", round, found.Schema)
		}
		closeIt(t, open(t, dir, Options{}))
		if found, err := CheckDir(context.Background(), dir, Options{}, CheckOptions{Packs: true}); err != nil || !found.Sound() || found.Schema != SchemaVersion {
			t.Errorf("round %d, after: %+v, %v", round, found, err)
		}
	}
	t.Logf("killed before the migration %d times, of which %d left half a copy; after it %d times", old, unfinished, migrated)
}

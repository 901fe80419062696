package manifest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/datagravity/datagravity/pkg/chunker"
)

// What something names lies beside the manifest, reads back as it was, and goes when nothing names it any more.
func TestSnapshotsBesideTheManifest(t *testing.T) {
	dir := memoryDir(t)
	m := open(t, dir, Options{})
	ids := map[string]chunker.Digest{}
	update(t, m, func(tx *Tx) error {
		var errs []error
		for i, name := range []string{"latest", "published", "needed", "pinned", "expired", "wanted", "old"} {
			ids[name] = digest(name)
			errs = append(errs, putSnapshot(tx, ids[name], "c4", shards(900+i, name)))
		}
		return errors.Join(append(errs,
			tx.PutDataset(Dataset{Name: "c4", Store: "training", Latest: ids["latest"], Published: ids["published"], Listed: At(noon), Cut: "tar-v2"}),
			tx.PutDataset(Dataset{Name: "empty"}), tx.PutNeed(Need{ID: "n", Snapshot: ids["needed"]}), tx.PutJob(Job{ID: "j", Snapshot: ids["wanted"]}),
			tx.PutPin(Pin{Owner: "a", Snapshot: ids["pinned"]}), tx.PutPin(Pin{Owner: "b", Snapshot: ids["expired"], Expires: At(noon) - 1}))...)
	})
	ctx := context.Background()
	// As a killed process leaves it.
	if err := errors.Join(os.Mkdir(filepath.Join(dir, keptFolder), 0o700), os.WriteFile(filepath.Join(dir, keptFolder, "new-1"), nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	if err := m.KeepSnapshots(ctx); err != nil {
		t.Fatal(err)
	}
	k, err := ReadKept(dir)
	if err != nil || len(k.Damaged) > 0 || len(k.Snapshots) != 5 || slices.Contains(k.Snapshots, ids["old"]) || slices.Contains(k.Snapshots, ids["expired"]) {
		t.Errorf("%+v, %v", k, err)
	}
	want := []Dataset{{Name: "c4", Store: "training", Latest: ids["latest"], Published: ids["published"], Cut: "tar-v2"}, {Name: "empty"}}
	if diff := cmp.Diff(want, k.Datasets); diff != "" {
		t.Errorf("-want +have:\n%s", diff)
	}
	var header SnapshotHeader
	var list []Shard
	err = k.Snapshot(ids["needed"], func(h SnapshotHeader) error { header = h; return nil }, func(s Shard) error { list = append(list, s); return nil })
	if diff := cmp.Diff(shards(902, "needed"), list); diff != "" || err != nil || header.Shards != 902 || header.Dataset != "c4" {
		t.Errorf("%+v, %v\n%s", header, err, diff)
	}
	if left := glob(t, dir, keptFolder, "new-*"); len(left) != 0 {
		t.Errorf("left over: %v", left)
	}
	update(t, m, func(tx *Tx) error { return tx.DeleteNeed("n") })
	before, err := os.Stat(m.keptPath(ids["latest"]))
	if err != nil {
		t.Fatal(err)
	}
	if err := m.KeepSnapshots(ctx, ids["old"]); err != nil { // in a moment something will name it
		t.Fatal(err)
	}
	if k, err = ReadKept(dir); err != nil || slices.Contains(k.Snapshots, ids["needed"]) || !slices.Contains(k.Snapshots, ids["old"]) {
		t.Errorf("%+v, %v", k, err)
	}
	if after, err := os.Stat(m.keptPath(ids["latest"])); err != nil || !os.SameFile(before, after) {
		t.Errorf("what lies there already was written again: %v", err)
	}
	if err := m.KeepSnapshots(ctx, digest("nobody knows it")); err != nil {
		t.Error(err)
	}
	private(t, filepath.Join(dir, keptFolder))
}

// Nothing that was changed beside the manifest is believed.
func TestDamageBesideTheManifest(t *testing.T) {
	dir := memoryDir(t)
	m := open(t, dir, Options{})
	id := digest("s")
	update(t, m, func(tx *Tx) error {
		return errors.Join(putSnapshot(tx, id, "c4", shards(20, "x")), tx.PutDataset(Dataset{Name: "c4", Latest: id}), tx.PutDataset(Dataset{Name: "d4"}))
	})
	if err := m.KeepSnapshots(context.Background()); err != nil {
		t.Fatal(err)
	}
	k, err := ReadKept(dir)
	if err != nil {
		t.Fatal(err)
	}
	read := func(id chunker.Digest) error {
		return k.Snapshot(id, func(SnapshotHeader) error { return nil }, func(Shard) error { return nil })
	}
	path := m.keptPath(id)
	sound, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for at := range sound {
		b := slices.Clone(sound)
		b[at] ^= 1 << (at % 8)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := read(id); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("byte %d of %d: %v", at, len(sound), err)
		}
		if err := os.WriteFile(path, sound[:at], 0o600); err != nil {
			t.Fatal(err)
		}
		if err := read(id); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("cut at byte %d of %d: %v", at, len(sound), err)
		}
	}
	// The file of one under the name of another.
	other := digest("other")
	if err := os.WriteFile(m.keptPath(other), sound, 0o600); err != nil {
		t.Fatal(err)
	}
	wantError(t, read(other), ErrCorrupt, "another snapshot")
	lines := filepath.Join(dir, keptFolder, datasetsFile)
	b, err := os.ReadFile(lines)
	if err != nil {
		t.Fatal(err)
	}
	b[20] ^= 1
	if err := os.WriteFile(lines, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if k, err := ReadKept(dir); err != nil || len(k.Datasets) != 1 || fmt.Sprint(k.Damaged) != "["+lines+"]" {
		t.Errorf("%+v, %v", k, err)
	}
	if k, err := ReadKept(t.TempDir()); err != nil || len(k.Snapshots)+len(k.Datasets)+len(k.Damaged) != 0 {
		t.Errorf("%+v, %v", k, err)
	}
}

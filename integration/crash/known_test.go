package crash

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/datagravity/datagravity/pkg/manifest"
)

// known is what a manifest has that must be in the one that takes its place: snapshots with their shards, and what stands where.
func known(m *manifest.Manifest) (list []string, err error) {
	say := func(format string, args ...any) { list = append(list, fmt.Sprintf(format, args...)) }
	err = m.View(func(tx *manifest.Tx) error {
		err := tx.Datasets(func(d manifest.Dataset) (bool, error) {
			say("dataset %s is at %s", d.Name, d.Latest)
			return true, nil
		})
		return errors.Join(err, tx.Snapshots("", func(h manifest.SnapshotHeader) error {
			return tx.SnapshotShards(h.ID, func(s manifest.Shard) (bool, error) {
				say("snapshot %s of %s has %s %s", h.ID, h.Dataset, s.Path, s.Digest)
				return true, nil
			})
		}), tx.Replicas("bucket", "", func(r manifest.Replica) (bool, error) {
			say("replica %s %s %q", r.Key, r.Shard, r.Missing)
			return true, nil
		}))
	})
	return list, err
}

// keep remembers what the manifest of a world knows now.
func (r *trial) keep(w world) {
	r.t.Helper()
	m, err := manifest.OpenDir(w.state(), manifest.Options{})
	if err != nil {
		r.t.Fatal(err)
	}
	r.known, err = known(m)
	if err = errors.Join(err, m.Close()); err != nil || len(r.known) == 0 {
		r.t.Fatal(len(r.known), err)
	}
}

// still wants all that was known.
func (r *trial) still(m *manifest.Manifest) {
	r.t.Helper()
	now, err := known(m)
	if err != nil {
		r.t.Error(err)
	}
	for _, s := range r.known {
		if !slices.Contains(now, s) {
			r.t.Errorf("not known any more: %s", s)
		}
	}
}

// schemas before the one of today, of which pkg/manifest has the state directories that programs of their time left.
const schemas = manifest.SchemaVersion - 1

// leaveOld has the state directory be one of an older program: after a sync of four shards of c4, and killed in the next one.
func leaveOld(r *trial) int64 {
	r.t.Helper()
	from := fmt.Sprintf("../../pkg/manifest/testdata/schema-%d.tgz", 1+r.rnd.IntN(schemas))
	w := r.world
	w.folder = filepath.Join(w.folder, "reference")
	unpack(r.t, from, w.state())
	r.keep(w) // of one that nobody kills
	unpack(r.t, from, r.state())
	return 0
}

func unpack(t *testing.T, from, to string) {
	t.Helper()
	f, err := os.Open(from) //nolint:gosec // of this repository
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(to, filepath.Clean("/"+h.Name))
		if h.Typeflag == tar.TypeDir {
			if err := os.MkdirAll(path, 0o700); err != nil {
				t.Fatal(err)
			}
			continue
		}
		b, err := io.ReadAll(r)
		if err == nil {
			err = errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, b, 0o600))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// checked wants the manifest to be as sound as the check of it can tell.
func (r *trial) checked() {
	r.t.Helper()
	c, err := manifest.CheckDir(context.Background(), r.state(), manifest.Options{}, manifest.CheckOptions{Packs: true})
	if err != nil || !c.Sound() {
		r.t.Errorf("the manifest: %+v, %v", c.Findings, err)
	}
}

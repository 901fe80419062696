package sync

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/store/mem"
	"github.com/datagravity/datagravity/pkg/sync/engine"
	"github.com/datagravity/datagravity/pkg/sync/index"
)

func (r *rig) index() IndexReport {
	r.t.Helper()
	s := r.open()
	defer r.close()
	rep, err := s.Index(context.Background(), r.src)
	if err != nil {
		r.t.Fatal(err)
	}
	return rep
}

// A shard that was overwritten before it was copied makes its snapshot unsatisfiable: that is said, the rest goes on, and
// nothing is called ready. In a container that keeps versions the snapshot is read by version.
func TestSnapshotWhoseShardWasOverwritten(t *testing.T) {
	for _, versions := range []bool{false, true} {
		t.Run(fmt.Sprintf("versions=%v", versions), func(t *testing.T) {
			r := newRig(t)
			r.source = mem.New(mem.Options{Versions: versions})
			r.src.Store = r.source
			old := data(1, 200_000)
			r.put("a.tar", old)
			r.put("b.tar", data(2, 1000))
			first := r.index().Snapshot
			r.put("a.tar", data(3, 200_000))
			rep, err := r.sync(func(q *Request) { q.Snapshot = first.ID })
			if !versions {
				if !errors.Is(err, engine.ErrSourceMissing) || rep.Ready || len(rep.Failures) != 1 || rep.Failures[0].Path != "a.tar" {
					t.Fatalf("%v, failures %v, ready %v", err, rep.Failures, rep.Ready)
				}
				if got := readObject(t, r.dest, "data/c4/b.tar"); len(got) != 1000 {
					t.Errorf("the other shard: %d bytes", len(got))
				}
				return
			}
			if err != nil || !rep.Ready || rep.Snapshot.ID != first.ID {
				t.Fatalf("%v, %+v", err, rep.Snapshot)
			}
			if string(readObject(t, r.dest, "data/c4/a.tar")) != string(old) {
				t.Error("the destination does not hold the old version")
			}
		})
	}
}

// A blob that was written again with the same bytes has a new ETag, an equal size and an equal stored checksum: it is not
// read again.
func TestEqualStoredChecksumIsNotReadAgain(t *testing.T) {
	r := newRig(t)
	b := data(1, 100_000)
	r.put("a.tar", b)
	r.mustSync()
	before := r.source.Stats()["read"].Requests
	r.put("a.tar", b)
	rep := r.mustSync()
	if after := r.source.Stats()["read"].Requests; after != before || ways(rep.Summary) != "have:1 " {
		t.Errorf("%d reads, %s", after-before, ways(rep.Summary))
	}
}

func TestDiffOfSnapshots(t *testing.T) {
	r := newRig(t)
	moved := data(1, 5000)
	r.put("changed.tar", data(2, 100))
	r.put("gone.tar", data(3, 30))
	r.put("moved.tar", moved)
	r.put("same.tar", data(4, 40))
	from := r.index().Snapshot.ID
	for _, path := range []string{"gone.tar", "moved.tar"} {
		deleteObject(t, r.source, "c4/"+path)
	}
	r.put("changed.tar", data(5, 101))
	r.put("elsewhere.tar", moved)
	r.put("new.tar", data(6, 60))
	rep := r.index()
	if !rep.New || rep.Learned != 3 {
		t.Errorf("new %v, read %d shards", rep.New, rep.Learned)
	}
	r.open()
	defer r.close()
	var got []string
	err := r.m.View(func(tx *manifest.Tx) error {
		changes, err := index.Diff(tx, from, rep.Snapshot.ID)
		for _, c := range changes {
			got = append(got, strings.TrimSpace(fmt.Sprintf("%s %s %d %s", c.Kind, c.Path, c.Bytes, c.From)))
		}
		return err
	})
	want := "changed changed.tar 101|renamed elsewhere.tar 5000 moved.tar|removed gone.tar 30|added new.tar 60"
	if err != nil || strings.Join(got, "|") != want {
		t.Errorf("%s, %v; want %s", strings.Join(got, "|"), err, want)
	}
}

// A dataset that is being written is not taken before nothing changed for the time that was asked for.
func TestUnchangedFor(t *testing.T) {
	r := newRig(t)
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	r.now = func() time.Time { return now }
	r.source = mem.New(mem.Options{Now: r.now})
	r.src.Store, r.src.UnchangedFor = r.source, 10*time.Minute
	r.put("a.tar", data(1, 100))
	if _, err := r.sync(); !errors.Is(err, index.ErrNotComplete) {
		t.Fatalf("just written: %v", err)
	}
	now = now.Add(9 * time.Minute)
	r.put("b.tar", data(2, 100))
	now = now.Add(9 * time.Minute)
	if _, err := r.sync(); !errors.Is(err, index.ErrNotComplete) {
		t.Fatalf("changed nine minutes ago: %v", err)
	}
	now = now.Add(11 * time.Minute) // since the listing that noticed the change: it cannot tell what else changed until then
	r.mustSync()
	deleteObject(t, r.source, "c4/b.tar") // leaves no younger object behind
	if _, err := r.sync(); !errors.Is(err, index.ErrNotComplete) {
		t.Fatalf("a shard was just deleted: %v", err)
	}
	now = now.Add(11 * time.Minute)
	if rep := r.mustSync(); rep.Snapshot.Shards != 1 {
		t.Errorf("%d shards", rep.Snapshot.Shards)
	}
}

package observe

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/sync/plan"
)

func opened(t *testing.T, c *clock) *manifest.Manifest {
	t.Helper()
	m, err := manifest.OpenDir(t.TempDir(), manifest.Options{Now: c.now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return m
}

func update(t *testing.T, m *manifest.Manifest, f func(tx *manifest.Tx) error) {
	t.Helper()
	if err := m.Update(f); err != nil {
		t.Fatal(err)
	}
}

// snapshot records one of shards 0 to n-1, of 10 bytes each.
func snapshot(t *testing.T, m *manifest.Manifest, n int) chunker.Digest {
	t.Helper()
	id := chunker.Digest{7}
	update(t, m, func(tx *manifest.Tx) error {
		w := tx.NewSnapshot(id, "c4", manifest.At(m.Now()))
		for i := range n {
			if err := w.Add(manifest.Shard{Path: path(i), Size: 10, Digest: chunker.Digest{byte(i)}}); err != nil {
				return err
			}
		}
		if _, err := w.Close(); err != nil {
			return err
		}
		return tx.PutDataset(manifest.Dataset{Name: "c4", Store: "lake", Latest: id, Listed: manifest.At(m.Now())})
	})
	return id
}

func path(i int) string { return fmt.Sprintf("train/%03d.tar", i) }

// Of a snapshot counts what is there, sound, and the right bytes; the rest is told apart.
func TestHoldings(t *testing.T) {
	for _, layout := range []bool{false, true} {
		c := newClock()
		m := opened(t, c)
		id := snapshot(t, m, 6)
		p := Place{Dataset: "c4", Destination: plan.Destination{Name: "lab", Store: "disk", Prefix: "c4/", Snapshots: layout}}
		key := func(i int) string { return p.Key(p.Folder(id), path(i)) }
		put := func(key string, digest byte, missing string, verified time.Duration) {
			update(t, m, func(tx *manifest.Tx) error {
				at := manifest.At(c.at.Add(verified))
				return tx.PutReplica(manifest.Replica{
					Store: "disk", Key: key, Shard: chunker.Digest{digest}, Size: 10, Missing: missing, Written: at, Seen: at, Verified: at,
				})
			})
		}
		put(key(0), 0, "", 2*time.Hour)
		put(key(1), 1, "", time.Hour)
		put(key(2), 99, "", 0)                  // other bytes: of an older snapshot
		put(key(3), 3, manifest.Damaged, 0)     // does not count
		put(key(4), 4, manifest.Deleted, 0)     // is not there
		put("c4/old.tar", 50, "", 0)            // no shard of it any more
		put("c4-other/train/000.tar", 0, "", 0) // another dataset's
		r := &Reader{
			Manifest: m, Datasets: func() []Dataset { return []Dataset{{Name: "c4", Store: "lake"}} }, Places: func() []Place { return []Place{p} },
		}
		got, err := r.Holdings(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		early, late := c.at.Add(time.Hour), c.at.Add(2*time.Hour)
		want := []Holding{{
			Dataset: "c4", Destination: "lab", Store: "disk", Prefix: "c4/", Snapshot: &id, HeldShards: 2, HeldBytes: 20, MissingShards: 4, MissingBytes: 40,
			OtherShards: 2, OtherBytes: 20, Unsound: 1, Written: &late, Verified: &early, Seen: &early,
		}}
		if d := cmp.Diff(want, got.List); d != "" {
			t.Errorf("snapshots %t (-want +got):\n%s", layout, d)
		}
		// What changes is counted again.
		put(key(5), 5, "", 0)
		if got, err = r.Holdings(context.Background()); err != nil || got.List[0].HeldShards != 3 {
			t.Errorf("%+v, %v", got, err)
		}
	}
}

// A dataset tells what it is even before it was ever listed.
func TestDatasets(t *testing.T) {
	c := newClock()
	m := opened(t, c)
	id := snapshot(t, m, 3)
	r := &Reader{Manifest: m, Datasets: func() []Dataset { return []Dataset{{Name: "c4"}, {Name: "new"}} }}
	got, err := r.ListDatasets(context.Background())
	at := c.at
	want := []Dataset{{Name: "c4", Snapshot: &id, Taken: &at, Listed: &at, Shards: 3, Bytes: 30}, {Name: "new"}}
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, d)
	}
}

// A query that cannot be meant says what can be.
func TestSpendQueries(t *testing.T) {
	m := opened(t, newClock())
	if _, err := cost.OpenLedger(m, cost.LedgerOptions{Book: cost.Default()}); err != nil {
		t.Fatal(err)
	}
	for _, q := range []SpendQuery{{By: "colour"}, {By: "job", Month: "November"}} {
		if _, err := Spend(m, q); err == nil {
			t.Errorf("%+v is taken", q)
		}
	}
	rows, err := Spend(m, SpendQuery{By: "job", Month: "2026-11"})
	if err != nil || rows == nil || len(rows) != 0 {
		t.Errorf("%v, %v", rows, err)
	}
}

// Sums by several keys in one pass are those of a pass for each.
func TestSpendBy(t *testing.T) {
	m := opened(t, newClock())
	update(t, m, func(tx *manifest.Tx) error {
		for i := range 60 {
			k := manifest.LineKey{
				Month: fmt.Sprintf("2026-%02d", 10+i%2), Dataset: fmt.Sprint("d", i%3), Path: path(i), From: "azure:eastus", To: "aws:us-east-1", Team: fmt.Sprint("t", i%5), Activity: "transfer",
				Day: fmt.Sprintf("2026-%02d-%02d", 10+i%2, 1+i%4), Job: fmt.Sprint("j", i%7),
			}
			if err := tx.PutLine(manifest.Line{LineKey: k, Bytes: int64(i), NanoUSD: int64(10 * i), Requests: 1}); err != nil {
				return err
			}
		}
		return nil
	})
	r := &Reader{Manifest: m}
	keys := []string{"team", "dataset", "job", "link", "day"}
	for _, q := range []SpendQuery{{}, {Month: "2026-11"}, {Team: "t1"}} {
		got, err := r.SpendBy(q, keys...)
		if err != nil {
			t.Fatal(err)
		}
		for i, by := range keys {
			one := q
			one.By = by
			want, err := r.Spend(one)
			if err != nil || len(want) == 0 {
				t.Fatalf("%+v: %v, %v", one, want, err)
			}
			if d := cmp.Diff(want, got[i]); d != "" {
				t.Errorf("%+v (-want +got):\n%s", one, d)
			}
		}
	}
	if _, err := r.SpendBy(SpendQuery{}, "team", "colour"); err == nil {
		t.Error("a key that is none is taken")
	}
}

// What is paused is told with everything else, "*" too.
func TestPauses(t *testing.T) {
	c := newClock()
	r := &Reader{Manifest: opened(t, c)}
	if list, err := r.ListPauses(); err != nil || list == nil || len(list) != 0 {
		t.Errorf("%v, %v", list, err)
	}
	if err := cost.SetPause(r.Manifest.Dir(), "lake->aws", true, c.at); err != nil {
		t.Fatal(err)
	}
	list, err := r.ListPauses()
	if d := cmp.Diff([]cost.Pause{{Link: "lake->aws", Since: c.at}}, list); d != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, d)
	}
}

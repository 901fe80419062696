package manifest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/datagravity/datagravity/internal/crashpoint"
	"github.com/datagravity/datagravity/pkg/chunker"
)

// A snapshot of several pages is forgotten in several transactions. A process that dies between any two of them leaves what the next one finishes, also if
// the same snapshot was taken again meanwhile.
func TestTrimForgetsASnapshotInParts(t *testing.T) {
	dir := memoryDir(t)
	m := open(t, filepath.Join(dir, "state"), Options{})
	id, list := digest("old"), shards(5*shardsPerPage+1, "x")
	update(t, m, func(tx *Tx) error { return putSnapshot(tx, id, "c4", list) })
	images := 0
	crashpoint.Set(func(p crashpoint.Point) {
		if p == crashpoint.CommitAfter {
			images++
			if err := os.CopyFS(filepath.Join(dir, fmt.Sprint(images)), os.DirFS(filepath.Join(dir, "state"))); err != nil {
				t.Error(err)
			}
		}
	})
	defer crashpoint.Set(nil)
	out, err := m.Trim(t.Context(), TrimOptions{atOnce: 2})
	crashpoint.Set(nil)
	if err != nil || len(out.Snapshots) != 1 || out.Snapshots[0].Shards != len(list) {
		t.Fatalf("%+v, %v", out, err)
	}
	if images < 6 {
		t.Errorf("%d transactions", images)
	}
	for i := range images {
		for _, again := range []bool{false, true} {
			other := open(t, filepath.Join(dir, fmt.Sprint(i+1)), Options{})
			sound(t, other)
			if again {
				update(t, other, func(tx *Tx) error {
					return errors.Join(putSnapshot(tx, id, "c4", list), tx.PutNeed(Need{ID: "need", Snapshot: id, Ready: 1}))
				})
				sound(t, other)
			}
			if _, err := other.Trim(t.Context(), TrimOptions{}); err != nil {
				t.Fatal(err)
			}
			sound(t, other)
			view(t, other, func(tx *Tx) error {
				pages, err := firstPages(tx, id, 100)
				if want := map[bool]int{false: 0, true: 6}[again]; len(pages) != want {
					t.Errorf("%d pages, want %d, after %d transactions", len(pages), want, i+1)
				}
				return err
			})
			closeIt(t, other)
		}
	}
}

// What somebody reads in several transactions is not forgotten meanwhile.
func TestTrimLeavesASnapshotThatIsHeld(t *testing.T) {
	m := open(t, memoryDir(t), Options{})
	id := digest("old")
	update(t, m, func(tx *Tx) error { return putSnapshot(tx, id, "c4", shards(1, "x")) })
	first, second := m.HoldSnapshot(id), m.HoldSnapshot(id)
	for i, release := range []func(){first, second} {
		if out, err := m.Trim(t.Context(), TrimOptions{}); err != nil || len(out.Snapshots) > 0 {
			t.Fatalf("held by %d: %+v, %v", 2-i, out, err)
		}
		release()
	}
	if out, err := m.Trim(t.Context(), TrimOptions{}); err != nil || len(out.Snapshots) != 1 {
		t.Fatalf("%+v, %v", out, err)
	}
}

// A pack of which little is needed is written anew, and one of which nothing is goes.
func TestTrimWritesSparsePacksAnew(t *testing.T) {
	dir := memoryDir(t)
	m := open(t, dir, Options{})
	kept, a, b := recipeOf(t, "kept", 10_000), recipeOf(t, "a", 20_000), recipeOf(t, "b", 20_000)
	storeAndPut(t, m, kept, a)
	storeAndPut(t, m, b)
	update(t, m, func(tx *Tx) error {
		return errors.Join(
			putSnapshot(tx, digest("old"), "c4", []Shard{{Path: "a", Digest: digest("a"), Recipe: a.Digest}, {Path: "b", Digest: digest("b"), Recipe: b.Digest}}),
			tx.PutReplica(Replica{Store: "lab", Key: "kept", Shard: digest("kept"), Recipe: kept.Digest}))
	})
	before := len(packFiles(t, dir))
	dry, err := m.Trim(t.Context(), TrimOptions{DryRun: true})
	if err != nil || dry.Recipes != 2 || len(packFiles(t, dir)) != before {
		t.Fatalf("%+v, %v", dry, err)
	}
	out, err := m.Trim(t.Context(), TrimOptions{})
	if err != nil || out.Recipes != 2 || out.Packs != 2 || out.PackBytes < 1<<20 || out.RecipeBytes != dry.RecipeBytes || out.PackBytes != out.RecipeBytes {
		t.Fatalf("%+v, %v", out, err)
	}
	sound(t, m)
	wantRecipe(t, m, "kept", kept)
	var bytes int64
	for _, f := range packFiles(t, dir) {
		info, err := os.Stat(f)
		if err != nil {
			t.Fatal(err)
		}
		bytes += info.Size()
	}
	if bytes != int64(len(kept.Encoded)) {
		t.Errorf("packs have %d bytes, and what is needed is %d", bytes, len(kept.Encoded))
	}
	if _, err := m.Recipe(a.Digest); !errors.Is(err, ErrCorrupt) {
		t.Errorf("a recipe that nothing refers to: %v", err)
	}
}

// While a trim runs again and again, others name recipes that there were: in the transaction in which they store them, or, saying so, in a later one.
func TestTrimBesideWriters(t *testing.T) {
	m := open(t, memoryDir(t), Options{Now: time.Now})
	const contents = 3000 // more than are named during one trim
	recipes := make([]NewRecipe, contents)
	for i := range recipes {
		recipes[i] = recipeOf(t, fmt.Sprint(i))
	}
	snapshotOf := func(tx *Tx, writer, n int) error {
		id := digest(fmt.Sprint(writer, n))
		err := putSnapshot(tx, id, fmt.Sprint(writer), []Shard{{Path: "a", Digest: digest("a"), Recipe: recipes[n%contents].Digest}})
		return errors.Join(err, tx.PutDataset(Dataset{Name: fmt.Sprint(writer), Latest: id}))
	}
	ctx, cancel := context.WithCancel(t.Context())
	var g sync.WaitGroup
	defer g.Wait() // also after a failure: the folder is removed then
	defer cancel()
	write := func(writer int, once func(n int) error) {
		g.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				if err := once(n * (5 + 2*writer)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	write(1, func(n int) error {
		stored, err := m.StoreRecipes(recipes[n%contents : n%contents+1])
		if err != nil {
			return err
		}
		return m.Update(func(tx *Tx) error { return errors.Join(tx.PutRecipes(stored), snapshotOf(tx, 1, n)) })
	})
	write(2, func(n int) error {
		if n%4 != 0 { // and time for who waits for it
			return m.Update(func(tx *Tx) error { return tx.PutTimer(Timer{Name: "t"}) })
		}
		n /= 4
		defer m.NamingRecipes()()
		have := false
		err := m.View(func(tx *Tx) (err error) {
			have, err = tx.HasRecipe(recipes[n%contents].Digest)
			return err
		})
		if err == nil && !have {
			var stored StoredRecipes
			if stored, err = m.StoreRecipes(recipes[n%contents : n%contents+1]); err == nil {
				err = m.Update(func(tx *Tx) error { return tx.PutRecipes(stored) })
			}
		}
		if err != nil {
			return err
		}
		return m.Update(func(tx *Tx) error { return snapshotOf(tx, 2, n) })
	})
	forgotten, trims := 0, 0
	for forgotten < 300 {
		out, err := m.Trim(t.Context(), TrimOptions{})
		if err != nil {
			t.Fatal(err)
		}
		trims++
		forgotten += out.Recipes
		err = m.View(func(tx *Tx) error {
			var lost []chunker.Digest
			err := tx.Snapshots("", func(h SnapshotHeader) error {
				return tx.SnapshotShards(h.ID, func(s Shard) (bool, error) {
					ok, err := tx.HasRecipe(s.Recipe)
					if !ok {
						lost = append(lost, s.Recipe)
					}
					return true, err
				})
			})
			if len(lost) > 0 {
				err = errors.Join(err, fmt.Errorf("%d recipes are lost after %d trims", len(lost), trims))
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	cancel()
	g.Wait()
	sound(t, m)
	t.Logf("%d trims forgot %d recipes", trims, forgotten)
}

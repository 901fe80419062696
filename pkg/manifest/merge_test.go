package manifest

import (
	"fmt"
	"os"
	"testing"

	"pgregory.net/rapid"

	"github.com/datagravity/datagravity/pkg/chunker"
)

// One recipe a pack, a thousand times: the files stay few, and every recipe is found.
func TestTinyPacksAreMerged(t *testing.T) {
	dir := memoryDir(t)
	m := open(t, dir, Options{})
	const n = 1000
	most := 0
	for i := range n {
		storeAndPut(t, m, recipeOf(t, fmt.Sprint(i)))
		most = max(most, len(packFiles(t, dir)))
	}
	if most > maxSmallPacks+1 {
		t.Errorf("up to %d files, want at most %d", most, maxSmallPacks+1)
	}
	check := func() {
		t.Helper()
		for i := range n {
			wantRecipe(t, m, fmt.Sprint(i), recipeOf(t, fmt.Sprint(i)))
		}
	}
	check()
	files := packFiles(t, dir)
	closeIt(t, m)
	m = open(t, dir, Options{})
	if again := packFiles(t, dir); len(again) != len(files) {
		t.Errorf("%d files after opening again, %d before", len(again), len(files))
	}
	check()
	if got := m.recipes.small.Load(); int(got) != len(files) {
		t.Errorf("it counts %d small packs of %d", got, len(files))
	}
}

func fillSmall(t rapid.TB, m *Manifest, n int) (list []NewRecipe) {
	t.Helper()
	for i := range n {
		list = append(list, recipeOf(t, fmt.Sprint("small", i)))
		storeAndPut(t, m, list[i])
	}
	return list
}

// The process dies after the merged pack is durable and before the transaction, and after the transaction and before the
// old files are gone.
func TestMergeIsCrashSafe(t *testing.T) {
	dir := t.TempDir()
	m := open(t, dir, Options{})
	list := fillSmall(t, m, 10)
	before := packFiles(t, dir)
	body := map[string][]byte{}
	for _, f := range before {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		body[f] = b
	}
	small, err := m.smallPacks()
	if err != nil {
		t.Fatal(err)
	}
	recipes, err := m.readPacks(small)
	if err != nil || len(recipes) != len(list) {
		t.Fatalf("%d recipes to merge, %v", len(recipes), err)
	}
	if _, err := m.recipes.writePacks(recipes); err != nil {
		t.Fatal(err)
	}
	closeIt(t, m)
	m = open(t, dir, Options{})
	if after := packFiles(t, dir); fmt.Sprint(after) != fmt.Sprint(before) {
		t.Errorf("files %v, want %v", after, before)
	}
	for i, r := range list {
		wantRecipe(t, m, fmt.Sprint("small", i), r)
	}

	if err := m.mergePacks(); err != nil {
		t.Fatal(err)
	}
	if n := len(packFiles(t, dir)); n != 1 {
		t.Errorf("%d files after the merge, want 1", n)
	}
	closeIt(t, m)
	for f, b := range body {
		if err := os.WriteFile(f, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	m = open(t, dir, Options{})
	if n := len(packFiles(t, dir)); n != 1 {
		t.Errorf("%d files, want the merged one: nothing refers to the others", n)
	}
	for i, r := range list {
		wantRecipe(t, m, fmt.Sprint("small", i), r)
	}
}

// A pack that is written again, and not committed yet, while its twin is being merged must not lose its file.
func TestMergeLeavesPendingPacksAlone(t *testing.T) {
	dir := t.TempDir()
	m := open(t, dir, Options{})
	list := fillSmall(t, m, 5)
	again, err := m.StoreRecipes(list[2:3])
	if err != nil {
		t.Fatal(err)
	}
	if err := m.mergePacks(); err != nil {
		t.Fatal(err)
	}
	if n := len(packFiles(t, dir)); n != 2 {
		t.Errorf("%d files, want the merged pack and the pending one", n)
	}
	update(t, m, func(tx *Tx) error { return tx.PutRecipes(again) })
	closeIt(t, m)
	m = open(t, dir, Options{})
	for i, r := range list {
		wantRecipe(t, m, fmt.Sprint("small", i), r)
	}
}

func TestMergeLeavesDamagedRecipesOut(t *testing.T) {
	dir := t.TempDir()
	m := open(t, dir, Options{})
	list := fillSmall(t, m, 5)
	damage := func(i int, f func(string) error) {
		if err := f(m.recipes.path(chunker.Sum(list[i].Encoded))); err != nil {
			t.Fatal(err)
		}
	}
	damage(0, os.Remove)
	damage(1, func(f string) error { return os.Truncate(f, 40) })
	damage(2, func(f string) error { return os.WriteFile(f, list[3].Encoded, 0o600) })
	if err := m.mergePacks(); err != nil {
		t.Fatal(err)
	}
	for i, r := range list {
		if i < 3 {
			_, err := m.Recipe(r.Digest)
			wantError(t, err, ErrCorrupt)
			continue
		}
		wantRecipe(t, m, fmt.Sprint("small", i), r)
	}
	if n := len(packFiles(t, dir)); n != 1 {
		t.Errorf("%d files, want 1", n)
	}
}

func TestReadersDuringMerges(t *testing.T) {
	m := open(t, t.TempDir(), Options{})
	list := fillSmall(t, m, 20)
	stop, done := make(chan struct{}), make(chan error, 1)
	go func() {
		for {
			for i, r := range list {
				got, err := m.Recipe(r.Digest)
				if err != nil || got.Shard != digest(fmt.Sprint("small", i)) {
					done <- fmt.Errorf("recipe %d: %w", i, err)
					return
				}
			}
			select {
			case <-stop:
				done <- nil
				return
			default:
			}
		}
	}()
	for i := range 60 {
		storeAndPut(t, m, recipeOf(t, fmt.Sprint("more", i)))
		m.recipes.mu.Lock()
		err := m.mergePacks()
		m.recipes.mu.Unlock()
		if err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// Any order of storing, storing again, committing late or never, merging and opening again, against a set.
func TestPacksModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		dir := memoryDir(t)
		m := open(t, dir, Options{})
		kept := map[int]bool{}
		type late struct {
			stored StoredRecipes
			names  []int
		}
		var pending []late
		names := rapid.SliceOfN(rapid.IntRange(0, 12), 1, 4)
		recipes := func(list []int) (out []NewRecipe) {
			for _, n := range list {
				out = append(out, recipeOf(rt, fmt.Sprint(n)))
			}
			return out
		}
		rt.Repeat(map[string]func(*rapid.T){
			"store": func(rt *rapid.T) {
				list := names.Draw(rt, "names")
				stored, err := m.StoreRecipes(recipes(list))
				if err != nil {
					rt.Fatal(err)
				}
				pending = append(pending, late{stored, list})
			},
			"commit": func(rt *rapid.T) {
				if len(pending) == 0 {
					return
				}
				i := rapid.IntRange(0, len(pending)-1).Draw(rt, "which")
				p := pending[i]
				pending = append(pending[:i], pending[i+1:]...)
				update(rt, m, func(tx *Tx) error { return tx.PutRecipes(p.stored) })
				for _, n := range p.names {
					kept[n] = true
				}
			},
			"merge": func(rt *rapid.T) {
				if err := m.mergePacks(); err != nil {
					rt.Fatal(err)
				}
			},
			"reopen": func(rt *rapid.T) {
				closeIt(rt, m)
				m = open(t, dir, Options{})
				pending = nil
				view(rt, m, func(tx *Tx) error {
					live := 0
					err := packs.scan(tx, nil, nil, func(_ []byte, p pack) (bool, error) {
						if p.Live > 0 {
							live++
						}
						return true, nil
					})
					if n := len(packFiles(rt, dir)); n != live {
						rt.Fatalf("%d files for %d packs in use", n, live)
					}
					return err
				})
			},
			"": func(rt *rapid.T) {
				for n := range kept {
					wantRecipe(rt, m, fmt.Sprint(n), recipeOf(rt, fmt.Sprint(n)))
				}
			},
		})
		closeIt(rt, m)
	})
}

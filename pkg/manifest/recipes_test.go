package manifest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"
	"pgregory.net/rapid"

	"github.com/datagravity/datagravity/pkg/chunker"
)

// recipeOf makes a recipe of a few chunks whose digests come from the name.
func recipeOf(t rapid.TB, name string, chunks ...int) NewRecipe {
	t.Helper()
	n := 1 + len(name)%3
	if len(chunks) > 0 {
		n = chunks[0]
	}
	p := chunker.DefaultParams()
	r := &chunker.Recipe{Params: p, Shard: digest(name)}
	for i := range n {
		r.Chunks = append(r.Chunks, chunker.Chunk{Offset: r.Size, Length: p.AvgBytes, Digest: digest(fmt.Sprint(name, i))})
		r.Size += p.AvgBytes
	}
	b, err := r.Encode()
	if err != nil {
		t.Fatal(err)
	}
	id, err := r.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return NewRecipe{Digest: id, Encoded: b}
}

func storeAndPut(t rapid.TB, m *Manifest, list ...NewRecipe) {
	t.Helper()
	stored, err := m.StoreRecipes(list)
	if err != nil {
		t.Fatal(err)
	}
	update(t, m, func(tx *Tx) error { return tx.PutRecipes(stored) })
}

func wantRecipe(t rapid.TB, m *Manifest, name string, r NewRecipe) {
	t.Helper()
	got, err := m.Recipe(r.Digest)
	if err != nil {
		t.Errorf("recipe of %s: %v", name, err)
	} else if got.Shard != digest(name) {
		t.Errorf("recipe of %s is that of another shard", name)
	}
}

func packFiles(t rapid.TB, dir string) []string { return glob(t, dir, "recipes", "*") }

func TestRecipes(t *testing.T) {
	dir := t.TempDir()
	m := open(t, dir, Options{})
	a, b, c := recipeOf(t, "a"), recipeOf(t, "bb"), recipeOf(t, "ccc")
	stored, err := m.StoreRecipes([]NewRecipe{a, b})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Recipe(a.Digest); !errors.Is(err, ErrCorrupt) {
		t.Errorf("a recipe that no transaction refers to: %v", err)
	}
	update(t, m, func(tx *Tx) error { return tx.PutRecipes(stored) })
	storeAndPut(t, m, c)
	storeAndPut(t, m)
	check := func() {
		t.Helper()
		wantRecipe(t, m, "a", a)
		wantRecipe(t, m, "bb", b)
		wantRecipe(t, m, "ccc", c)
		view(t, m, func(tx *Tx) error {
			for r, want := range map[chunker.Digest]bool{a.Digest: true, digest("none"): false} {
				if ok, err := tx.HasRecipe(r); err != nil || ok != want {
					t.Errorf("has %s: %v, %v", r, ok, err)
				}
			}
			return nil
		})
	}
	check()
	for _, f := range packFiles(t, dir) {
		body, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if want := chunker.Sum(body).Hex() + ".pack"; filepath.Base(f) != want {
			t.Errorf("pack %s is not named by its bytes, %s", f, want)
		}
	}
	closeIt(t, m)
	m = open(t, dir, Options{})
	check()
}

func TestStoreRecipesRefusesAnotherDigest(t *testing.T) {
	m := open(t, t.TempDir(), Options{})
	a, b := recipeOf(t, "a"), recipeOf(t, "b")
	damaged := append([]byte(nil), a.Encoded...)
	damaged[20] ^= 1
	for _, r := range []NewRecipe{{a.Digest, b.Encoded}, {a.Digest, damaged}, {a.Digest, nil}} {
		if _, err := m.StoreRecipes([]NewRecipe{b, r}); err == nil {
			t.Error("stored a recipe under a digest that is not its own")
		}
	}
	if files := packFiles(t, m.Dir()); len(files) != 0 {
		t.Errorf("files %v", files)
	}
}

func TestPackIsSplitAtItsLimit(t *testing.T) {
	m := open(t, t.TempDir(), Options{})
	m.recipes.maxBytes = 1000
	var list []NewRecipe
	for i, chunks := range []int{8, 8, 1, 40, 1, 1} { // 144 bytes and 36 a chunk: 432, 432, 180, 1584, 180, 180
		list = append(list, recipeOf(t, fmt.Sprint(i), chunks))
	}
	storeAndPut(t, m, list...)
	if files := packFiles(t, m.Dir()); len(files) != 4 {
		t.Errorf("%d packs, want 4: two, one, the long one alone, two", len(files))
	}
	for i, r := range list {
		wantRecipe(t, m, fmt.Sprint(i), r)
	}
}

func TestDamagedPacks(t *testing.T) {
	for name, damage := range map[string]func(file string, other []byte) error{
		"lost":      func(f string, _ []byte) error { return os.Remove(f) },
		"cut short": func(f string, _ []byte) error { return os.Truncate(f, 100) },
		"emptied":   func(f string, _ []byte) error { return os.Truncate(f, 0) },
		"swapped":   func(f string, other []byte) error { return os.WriteFile(f, other, 0o600) },
		"bit flipped": func(f string, _ []byte) error {
			b, err := os.ReadFile(f)
			if err != nil {
				return err
			}
			b[130] ^= 4
			return os.WriteFile(f, b, 0o600)
		},
		"a folder": func(f string, _ []byte) error { return errors.Join(os.Remove(f), os.Mkdir(f, 0o700)) },
	} {
		t.Run(name, func(t *testing.T) {
			m := open(t, t.TempDir(), Options{})
			r := recipeOf(t, "x")
			storeAndPut(t, m, r)
			other := recipeOf(t, "y") // as long as x
			if err := damage(packFiles(t, m.Dir())[0], other.Encoded); err != nil {
				t.Fatal(err)
			}
			_, err := m.Recipe(r.Digest)
			wantError(t, err, ErrCorrupt, r.Digest.String())
			if name == "a folder" {
				return
			}
			// The shard is read again: its recipe is whole from then on.
			storeAndPut(t, m, r)
			wantRecipe(t, m, "x", r)
		})
	}
}

func TestOpenRemovesWhatNothingRefersTo(t *testing.T) {
	dir := t.TempDir()
	m := open(t, dir, Options{})
	kept, lost := recipeOf(t, "kept"), recipeOf(t, "lost")
	storeAndPut(t, m, kept)
	if _, err := m.StoreRecipes([]NewRecipe{lost}); err != nil { // and then the process dies
		t.Fatal(err)
	}
	for _, name := range []string{"new-123", "notes.txt"} {
		if err := os.WriteFile(filepath.Join(dir, "recipes", name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	closeIt(t, m)
	m = open(t, dir, Options{})
	var names []string
	for _, f := range packFiles(t, dir) {
		names = append(names, filepath.Base(f))
	}
	want := []string{chunker.Sum(kept.Encoded).Hex() + ".pack", "notes.txt"}
	if strings.Join(names, " ") != strings.Join(want, " ") {
		t.Errorf("files %v, want %v", names, want)
	}
	wantRecipe(t, m, "kept", kept)
}

// A recipe that was stored again elsewhere leaves its old pack empty; the file goes with the next Open.
func TestOpenRemovesEmptiedPacks(t *testing.T) {
	dir := t.TempDir()
	m := open(t, dir, Options{})
	a, b := recipeOf(t, "a"), recipeOf(t, "b")
	storeAndPut(t, m, a)
	storeAndPut(t, m, a, b)
	closeIt(t, m)
	m = open(t, dir, Options{})
	if files := packFiles(t, dir); len(files) != 1 {
		t.Errorf("files %v, want the second pack", files)
	}
	wantRecipe(t, m, "a", a)
	// The emptied pack comes back under its old name.
	storeAndPut(t, m, a)
	closeIt(t, m)
	m = open(t, dir, Options{})
	wantRecipe(t, m, "a", a)
	wantRecipe(t, m, "b", b)
}

func TestConcurrentStoreRecipes(t *testing.T) {
	dir := t.TempDir()
	m := open(t, dir, Options{})
	const writers, rounds = 8, 40
	var g errgroup.Group
	for w := range writers {
		g.Go(func() error {
			for i := range rounds {
				// Half of them are stored by two writers at the same time.
				name := fmt.Sprint("r", w/(1+i%2), "-", i)
				r := recipeOf(t, name)
				stored, err := m.StoreRecipes([]NewRecipe{r})
				if err != nil {
					return err
				}
				if err := m.Batch(func(tx *Tx) error { return tx.PutRecipes(stored) }); err != nil {
					return err
				}
				if got, err := m.Recipe(r.Digest); err != nil || got.Shard != digest(name) {
					return fmt.Errorf("%s: %w", name, err)
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	closeIt(t, m)
	m = open(t, dir, Options{})
	for w := range writers {
		for i := range rounds {
			name := fmt.Sprint("r", w/(1+i%2), "-", i)
			wantRecipe(t, m, name, recipeOf(t, name))
		}
	}
	if n := len(packFiles(t, dir)); n > maxSmallPacks+1 {
		t.Errorf("%d packs", n)
	}
}

package manifest

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/datagravity/datagravity/pkg/chunker"
)

// streamed are the indices that EachRecipe gave, in order; what it gave is checked.
func streamed(t *testing.T, m *Manifest, names []string, ids []chunker.Digest) (got []int) {
	t.Helper()
	err := m.EachRecipe(context.Background(), ids, func(i int, r *chunker.Recipe) error {
		if r.Shard != digest(names[i]) {
			t.Errorf("recipe %d is that of another shard", i)
		}
		got = append(got, i)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// In the order that was asked for, over more packs than are kept open and more recipes than one transaction looks up.
func TestEachRecipeKeepsTheOrder(t *testing.T) {
	m := open(t, memoryDir(t), Options{})
	m.recipes.maxBytes = 10_000
	var list []NewRecipe
	var names []string
	var ids []chunker.Digest
	const n = recipesPerView + 100
	for i := range n {
		names = append(names, fmt.Sprint("r", i))
		list = append(list, recipeOf(t, names[i]))
		ids = append(ids, list[i].Digest)
	}
	storeAndPut(t, m, list...)
	if files := len(packFiles(t, m.Dir())); files <= openPacks {
		t.Fatalf("%d packs", files)
	}
	// Jumping from pack to pack, and some twice.
	var order []int
	for i := range n {
		order = append(order, i*101%n)
	}
	order = append(order, 5, 5, 0)
	var askNames []string
	var ask []chunker.Digest
	for _, i := range order {
		askNames, ask = append(askNames, names[i]), append(ask, ids[i])
	}
	var want []int
	for i := range ask {
		want = append(want, i)
	}
	if d := cmp.Diff(want, streamed(t, m, askNames, ask)); d != "" {
		t.Errorf("indices (-want +got):\n%s", d)
	}
	if got := streamed(t, m, nil, nil); got != nil {
		t.Errorf("of nothing: %v", got)
	}
}

// oldRecipe is one of the version before the format was frozen, kept as its digest says.
func oldRecipe(t *testing.T, name string) NewRecipe {
	t.Helper()
	r := recipeOf(t, name)
	body := slices.Clone(r.Encoded[:len(r.Encoded)-len(r.Digest)])
	binary.LittleEndian.PutUint32(body[8:], 0)
	r.Digest = chunker.Sum(body)
	r.Encoded = append(body, r.Digest[:]...)
	return r
}

func TestEachRecipePassesOverWhatCannotBeHad(t *testing.T) {
	damage := map[string]func(file string) error{
		"lost":       os.Remove,
		"short":      func(f string) error { return os.Truncate(f, 100) },
		"bit":        func(f string) error { return flip(f, 130) },
		"in trailer": func(f string) error { return flip(f, -1) },
		"folder":     func(f string) error { return errors.Join(os.Remove(f), os.Mkdir(f, 0o700)) },
		"swapped":    func(f string) error { return os.WriteFile(f, recipeOf(t, "another").Encoded, 0o600) },
	}
	m := open(t, memoryDir(t), Options{})
	var names []string
	var ids []chunker.Digest
	add := func(name string, r NewRecipe) {
		names, ids = append(names, name), append(ids, r.Digest)
	}
	kept := func(name string) {
		r := recipeOf(t, name)
		storeAndPut(t, m, r)
		add(name, r)
	}
	kept("first")
	for name, f := range damage {
		r := recipeOf(t, name)
		storeAndPut(t, m, r)
		add(name, r)
		if err := f(m.recipes.path(chunker.Sum(r.Encoded))); err != nil {
			t.Fatal(err)
		}
	}
	kept("second")
	add("unknown", recipeOf(t, "unknown"))
	old := oldRecipe(t, "old")
	storeAndPut(t, m, old)
	add("old", old)
	_, err := m.Recipe(old.Digest)
	wantError(t, err, chunker.ErrOldRecipe)
	kept("third")
	want := []string{"first", "second", "third"}
	var got []string
	for _, i := range streamed(t, m, names, ids) {
		got = append(got, names[i])
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("recipes (-want +got):\n%s", d)
	}
}

// flip flips a bit of a file, at a position from its end if negative.
func flip(file string, at int) error {
	b, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if at < 0 {
		at += len(b)
	}
	b[at] ^= 4
	return os.WriteFile(file, b, 0o600)
}

// Packs that are merged while a stream reads cost no recipe: neither those that it has open nor those it has only looked up.
func TestEachRecipeWhilePacksAreMerged(t *testing.T) {
	m := open(t, memoryDir(t), Options{})
	var names []string
	var ids []chunker.Digest
	for i := range maxSmallPacks + 1 {
		names = append(names, fmt.Sprint("r", i))
		r := recipeOf(t, names[i])
		ids = append(ids, r.Digest)
		storeAndPut(t, m, r)
	}
	before := len(packFiles(t, m.Dir()))
	var got int
	err := m.EachRecipe(context.Background(), ids, func(i int, r *chunker.Recipe) error {
		if i == openPacks/2 {
			storeAndPut(t, m, recipeOf(t, "one more"))
		}
		if r.Shard != digest(names[i]) {
			t.Errorf("recipe %d is that of another shard", i)
		}
		got++
		return nil
	})
	if err != nil || got != len(ids) {
		t.Errorf("%d of %d recipes, %v", got, len(ids), err)
	}
	if after := len(packFiles(t, m.Dir())); after >= before {
		t.Errorf("%d packs before, %d after: they were not merged", before, after)
	}
}

func TestEachRecipeEnds(t *testing.T) {
	m := open(t, memoryDir(t), Options{})
	a, b, c := recipeOf(t, "a"), recipeOf(t, "b"), recipeOf(t, "c")
	storeAndPut(t, m, a, b, c)
	ids := []chunker.Digest{a.Digest, b.Digest, c.Digest}
	ctx, cancel := context.WithCancel(context.Background())
	mine := errors.New("mine")
	for name, test := range map[string]struct {
		second func() error
		want   error
		calls  int
	}{
		"when it is told to":        {func() error { return fmt.Errorf("enough: %w", ErrStop) }, nil, 2},
		"with the caller's error":   {func() error { return mine }, mine, 2},
		"with the caller's damage":  {func() error { return ErrCorrupt }, ErrCorrupt, 2},
		"when its context is ended": {func() error { cancel(); return nil }, context.Canceled, 2},
	} {
		t.Run(name, func(t *testing.T) {
			with := context.Background()
			if errors.Is(test.want, context.Canceled) {
				with = ctx
			}
			calls := 0
			err := m.EachRecipe(with, ids, func(i int, _ *chunker.Recipe) error {
				if calls++; i == 1 {
					return test.second()
				}
				return nil
			})
			if !errors.Is(err, test.want) || calls != test.calls {
				t.Errorf("error %v after %d calls", err, calls)
			}
		})
	}
	closeIt(t, m)
	if err := m.EachRecipe(context.Background(), ids, func(int, *chunker.Recipe) error { return nil }); err == nil {
		t.Error("read a closed manifest")
	}
}

// BenchmarkEachRecipe reads one recipe of 16,384 chunks an operation, a shard of 1 GiB.
func BenchmarkEachRecipe(b *testing.B) {
	m := open(b, b.TempDir(), Options{})
	var list []NewRecipe
	var ids []chunker.Digest
	for i := range 64 {
		list = append(list, recipeOf(b, fmt.Sprint(i), 16384))
		ids = append(ids, list[i].Digest)
	}
	storeAndPut(b, m, list...)
	for b.Loop() {
		if err := m.EachRecipe(context.Background(), ids[:1], func(int, *chunker.Recipe) error { return nil }); err != nil {
			b.Fatal(err)
		}
		ids = append(ids[1:], ids[0])
	}
	b.ReportMetric(float64(b.N)*16384/b.Elapsed().Seconds(), "chunks/s")
}

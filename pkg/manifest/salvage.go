package manifest

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/datagravity/datagravity/pkg/chunker"
)

// AdoptedPacks is what [Manifest.AdoptPacks] found.
type AdoptedPacks struct {
	Packs   int `json:"packs"`
	Recipes int `json:"recipes"`
	// Damaged names files of which some or all could not be used.
	Damaged []string `json:"damaged"`
}

// AdoptPacks takes over the recipes in the packs of a folder that the manifest does not know: those of a manifest that was lost. Each recipe is proven by its own digest;
// whole packs are linked, and of others the sound recipes are written anew. Errors: those of the disk and of ctx, and [ErrCorrupt].
func (m *Manifest) AdoptPacks(ctx context.Context, folder string) (out AdoptedPacks, err error) {
	out.Damaged = []string{}
	files, err := os.ReadDir(folder)
	if errors.Is(err, os.ErrNotExist) {
		return out, nil
	}
	if err != nil {
		return out, err
	}
	for _, f := range files {
		if err := context.Cause(ctx); err != nil {
			return out, err
		}
		if !strings.HasSuffix(f.Name(), packSuffix) || !f.Type().IsRegular() {
			continue
		}
		if err := m.adoptPack(filepath.Join(folder, f.Name()), &out); err != nil {
			return out, fmt.Errorf("take over the recipes in %s: %w", filepath.Join(folder, f.Name()), err)
		}
	}
	return out, nil
}

func (m *Manifest) adoptPack(path string, out *AdoptedPacks) error {
	hex := strings.TrimSuffix(filepath.Base(path), packSuffix)
	var id chunker.Digest
	if err := id.UnmarshalText([]byte("blake3:" + hex)); err != nil {
		out.Damaged = append(out.Damaged, path)
		return nil //nolint:nilerr // it is named in the report
	}
	known := false
	err := m.View(func(tx *Tx) error {
		p, ok, err := packs.get(tx, id[:])
		known = ok && p.Live > 0
		return err
	})
	if err != nil || known {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if info.Size() > largestPack {
		out.Damaged = append(out.Damaged, path)
		return nil
	}
	b, err := os.ReadFile(path)
	if err != nil { // a disk that cannot read some of it
		out.Damaged = append(out.Damaged, path)
		return nil //nolint:nilerr // it is named in the report
	}
	n, recipes, whole := splitPack(id, b)
	if !whole {
		out.Damaged = append(out.Damaged, path)
	}
	if len(recipes) == 0 {
		return nil
	}
	out.Packs++
	out.Recipes += len(recipes)
	if !whole {
		stored, err := m.StoreRecipes(recipes)
		if err != nil {
			return err
		}
		return m.Update(func(tx *Tx) error { return tx.PutRecipes(stored) })
	}
	if err := linkOrCopy(path, m.recipes.path(id)); err != nil {
		return err
	}
	return m.Update(func(tx *Tx) error {
		// What is found elsewhere already stays there.
		fresh := newPack{id: n.id, bytes: n.bytes}
		for _, c := range n.content {
			if ok, err := tx.HasRecipe(c.Recipe); err != nil {
				return err
			} else if !ok {
				fresh.content = append(fresh.content, c)
			}
		}
		if len(fresh.content) == 0 {
			return nil
		}
		_, err := tx.putPack(fresh)
		return err
	})
}

// largestPack: a pack with one recipe of the largest shard that there can be is far smaller.
const largestPack = 4 << 30

// splitPack finds the recipes in a pack. whole tells that it is what its name says, and nothing else is in it.
func splitPack(id chunker.Digest, b []byte) (n newPack, recipes []NewRecipe, whole bool) {
	n.id, n.bytes = id, int64(len(b))
	whole = chunker.Sum(b) == id
	for at := 0; at < len(b); {
		size := recipeBytes(b[at:])
		if size == 0 {
			whole = false
			// The beginning of the next one is looked for behind what is damaged.
			next := bytes.Index(b[at+1:], []byte(recipeMagic))
			if next < 0 {
				break
			}
			at += 1 + next
			continue
		}
		r := NewRecipe{Digest: chunker.Digest(b[at+size-len(id) : at+size]), Encoded: b[at : at+size]}
		if _, err := chunker.DecodeRecipe(r.Encoded); err != nil {
			whole = false
			at++
			if next := bytes.Index(b[at:], []byte(recipeMagic)); next >= 0 {
				at += next
				continue
			}
			break
		}
		n.content = append(n.content, packed{r.Digest, int64(at), int64(size)})
		recipes = append(recipes, r)
		at += size
	}
	return n, recipes, whole
}

// What a recipe begins with, and how its length follows from its header: docs/format.md.
const (
	recipeMagic       = "dgrecipe"
	recipeHeaderBytes = 120
)

// recipeBytes is the length of the recipe that b begins with, 0 if it begins with none.
func recipeBytes(b []byte) int {
	if len(b) < recipeHeaderBytes+32 || string(b[:len(recipeMagic)]) != recipeMagic {
		return 0
	}
	chunks, extras := binary.LittleEndian.Uint64(b[104:]), binary.LittleEndian.Uint64(b[112:])
	if chunks > uint64(len(b)) || extras > uint64(len(b)) {
		return 0
	}
	n := recipeHeaderBytes + 32 + 80*extras + 36*chunks
	if n > uint64(len(b)) {
		return 0
	}
	return int(n)
}

// Salvaged is what can still be read of a manifest, record by record. A record is believed if its checksum is right. Where it is nil, it is not asked for.
type Salvaged struct {
	Replica  func(Replica) error
	Fact     func(dataset string, f Fact) error
	Pin      func(Pin) error
	Snapshot func(SnapshotHeader) error
}

// Salvage reads what can be read of a manifest. What is damaged is passed over. Errors: those of the functions.
func (m *Manifest) Salvage(s Salvaged) error {
	return m.View(func(tx *Tx) error {
		err := salvage(tx, replicas, s.Replica != nil, func(_ []byte, r Replica) error { return s.Replica(r) })
		if err == nil {
			err = salvage(tx, facts, s.Fact != nil, func(k []byte, f Fact) error {
				dataset, _, _ := strings.Cut(string(k), "\x00")
				return s.Fact(dataset, f)
			})
		}
		if err == nil {
			err = salvage(tx, pins, s.Pin != nil, func(_ []byte, p Pin) error { return s.Pin(p) })
		}
		if err == nil {
			err = salvage(tx, snapshots, s.Snapshot != nil, func(_ []byte, h SnapshotHeader) error { return s.Snapshot(h) })
		}
		return err
	})
}

func salvage[V any](tx *Tx, t table[V], wanted bool, f func(key []byte, v V) error) error {
	if !wanted {
		return nil
	}
	var failed error
	_, err := tx.eachStored(t.bucket, func(k, stored []byte, problem error) error {
		var v V
		if problem != nil || decode(t.bucket, k, stored, &v) != nil {
			return nil //nolint:nilerr // what is damaged is passed over
		}
		failed = f(k, v)
		return failed
	})
	if failed != nil {
		return failed
	}
	if errors.Is(err, ErrCorrupt) {
		return nil // the rest of this bucket cannot be reached
	}
	return err
}

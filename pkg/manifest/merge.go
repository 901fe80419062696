package manifest

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"

	"github.com/datagravity/datagravity/pkg/chunker"
)

// mergePacks turns the small packs into larger ones: the new packs are durable before one transaction moves the recipes
// over, and the old files go after it. A process that dies in between leaves files that the next Open removes. The caller
// holds recipes.mu.
func (m *Manifest) mergePacks() error {
	old, err := m.smallPacks()
	if err != nil || len(old) == 0 {
		return err
	}
	recipes, err := m.readPacks(old)
	if err != nil {
		return err
	}
	return m.movePacks(old, recipes)
}

// movePacks writes the recipes of old packs into new ones, and removes the old. Those that were stored anew elsewhere meanwhile stay there. The caller
// holds recipes.mu.
func (m *Manifest) movePacks(old map[chunker.Digest]pack, recipes []NewRecipe) error {
	merged, err := m.recipes.writePacks(recipes)
	if err != nil {
		return err
	}
	defer m.recipes.settle(merged)
	for _, n := range merged {
		delete(old, n.id) // when all but one are empty, the new pack is that one
	}
	var small int64
	err = m.Update(func(tx *Tx) error {
		small = 0
		for _, n := range merged {
			// Between the reading and now a recipe may have been stored anew elsewhere: that place stands.
			still := newPack{id: n.id, bytes: n.bytes}
			for _, c := range n.content {
				where, ok, err := recipeLocations.get(tx, c.Recipe[:])
				if err != nil {
					return err
				}
				if _, moving := old[where.Pack]; ok && moving {
					still.content = append(still.content, c)
				}
			}
			if _, err := tx.putPack(still); err != nil {
				return err
			}
		}
		if err := tx.forgetPacks(old); err != nil {
			return err
		}
		return packs.scan(tx, nil, nil, func(_ []byte, p pack) (bool, error) {
			if p.Bytes < smallPackBytes {
				small++
			}
			return true, nil
		})
	})
	if err != nil {
		return err
	}
	m.recipes.small.Store(small)
	return m.recipes.removePacks(slices.Collect(maps.Keys(old)))
}

// smallPacks are those that may be merged.
func (m *Manifest) smallPacks() (old map[chunker.Digest]pack, err error) {
	old = map[chunker.Digest]pack{}
	err = m.View(func(tx *Tx) error {
		return packs.scan(tx, nil, nil, func(k []byte, p pack) (bool, error) {
			if id := chunker.Digest(k); p.Bytes < smallPackBytes && !m.recipes.isPending(id) {
				old[id] = p
			}
			return true, nil
		})
	})
	return old, err
}

// readPacks returns the recipes that are found in packs and are whole. A recipe that is lost or damaged is left out: reading it says that its shard must be
// indexed again, before and after.
func (m *Manifest) readPacks(old map[chunker.Digest]pack) (recipes []NewRecipe, err error) {
	taken := map[chunker.Digest]bool{}
	err = m.View(func(tx *Tx) error {
		for id, p := range old {
			for _, c := range p.Content {
				where, ok, err := recipeLocations.get(tx, c.Recipe[:])
				if err != nil {
					return err
				}
				if !ok || where.Pack != id || taken[c.Recipe] {
					continue
				}
				b, err := m.recipes.read(where)
				r := NewRecipe{c.Recipe, b}
				if err != nil && !errors.Is(err, os.ErrNotExist) && !errors.Is(err, errCutShort) {
					return err
				}
				if err == nil && r.proven() {
					taken[c.Recipe] = true
					recipes = append(recipes, r)
				}
			}
		}
		return nil
	})
	return recipes, err
}

// forgetPacks removes the records of packs, and the places of those recipes that are still said to be in them.
func (tx *Tx) forgetPacks(old map[chunker.Digest]pack) error {
	for id, p := range old {
		for _, c := range p.Content {
			where, ok, err := recipeLocations.get(tx, c.Recipe[:])
			if err != nil {
				return err
			}
			if ok && where.Pack == id {
				if err := recipeLocations.delete(tx, c.Recipe[:]); err != nil {
					return err
				}
			}
		}
		if err := packs.delete(tx, id[:]); err != nil {
			return fmt.Errorf("forget pack %s: %w", id, err)
		}
	}
	return nil
}

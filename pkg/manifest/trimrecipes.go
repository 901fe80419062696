package manifest

import (
	"context"

	"github.com/datagravity/datagravity/pkg/chunker"
)

// recipes forgets those that nothing refers to, and removes packs that have no other.
func (t *trimmer) recipes() error {
	if !t.looked {
		return nil
	}
	var unused []chunker.Digest
	err := each(t, recipeLocations, nil, func(_ *Tx, k []byte, at recipeLocation) error {
		if id := chunker.Digest(k); !t.inUse.has(shortOf(id)) {
			unused = append(unused, id)
			if t.o.DryRun {
				t.out.Recipes, t.out.RecipeBytes = t.out.Recipes+1, t.out.RecipeBytes+at.Length
			}
		}
		return nil
	}, func() error {
		list := unused
		unused = nil
		if t.o.DryRun || len(list) == 0 {
			return nil
		}
		return t.forgetRecipes(list)
	})
	if err != nil || t.o.DryRun || t.out.Later {
		return err
	}
	return t.m.Update(func(tx *Tx) error { return leave(tx, func(s *trimming) { s.Recipes = false }) })
}

// forgetRecipes forgets some in one transaction, while nobody writes packs, and not while somebody is about to name what there was.
func (t *trimmer) forgetRecipes(list []chunker.Digest) error {
	s := t.m.recipes
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.naming.TryLock() {
		t.out.Later = true
		return nil
	}
	defer s.naming.Unlock()
	var recipes int
	var recipeBytes, packBytes, small int64
	var empty []chunker.Digest
	err := t.m.Update(func(tx *Tx) error {
		recipes, recipeBytes, packBytes, small, empty = 0, 0, 0, 0, nil
		live := map[chunker.Digest]int64{}
		for _, id := range list {
			if s.named.has(id) {
				continue
			}
			at, ok, err := recipeLocations.get(tx, id[:])
			if err == nil && ok {
				recipes, recipeBytes = recipes+1, recipeBytes+at.Length
				live[at.Pack]--
				err = recipeLocations.delete(tx, id[:])
			}
			if err != nil {
				return err
			}
		}
		if err := tx.addLive(live); err != nil {
			return err
		}
		for id := range live {
			p, _, err := packs.get(tx, id[:])
			if err == nil && p.Live == 0 && !s.isPending(id) {
				empty, packBytes = append(empty, id), packBytes+p.Bytes
				if p.Bytes < smallPackBytes {
					small++
				}
				err = packs.delete(tx, id[:])
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	s.small.Add(-small)
	t.out.Recipes, t.out.RecipeBytes = t.out.Recipes+recipes, t.out.RecipeBytes+recipeBytes
	t.out.Packs, t.out.PackBytes = t.out.Packs+len(empty), t.out.PackBytes+packBytes
	return s.removePacks(empty)
}

// packsAtOnce bounds how many packs one run writes anew: it keeps in mind what is in them.
const packsAtOnce = 64

// packs writes those anew that are more than half empty; small ones are merged by who stores recipes.
func (t *trimmer) packs() error {
	if !t.looked || t.o.DryRun {
		return nil
	}
	live := map[chunker.Digest]int64{}
	err := each(t, recipeLocations, nil, func(_ *Tx, _ []byte, at recipeLocation) error {
		live[at.Pack] += at.Length
		return nil
	}, nil)
	if err != nil {
		return err
	}
	sparse := map[chunker.Digest]pack{}
	err = each(t, packs, nil, func(_ *Tx, k []byte, p pack) error {
		if id := chunker.Digest(k); p.Bytes >= smallPackBytes && 2*live[id] < p.Bytes && len(sparse) < packsAtOnce {
			sparse[id] = pack{Bytes: p.Bytes, Live: p.Live}
		}
		return nil
	}, nil)
	if err != nil || len(sparse) == 0 {
		return err
	}
	err = each(t, recipeLocations, nil, func(_ *Tx, k []byte, at recipeLocation) error {
		if p, ok := sparse[at.Pack]; ok {
			p.Content = append(p.Content, packed{chunker.Digest(k), at.Offset, at.Length})
			sparse[at.Pack] = p
		}
		return nil
	}, nil)
	if err != nil {
		return err
	}
	for id, p := range sparse {
		if err := context.Cause(t.ctx); err != nil {
			return err
		}
		moved, err := t.m.writeAnew(id, p)
		if err != nil {
			return err
		}
		if moved {
			t.out.Packs, t.out.PackBytes = t.out.Packs+1, t.out.PackBytes+p.Bytes-live[id]
		}
	}
	return nil
}

// writeAnew moves what is found in a pack into another one, and removes it.
func (m *Manifest) writeAnew(id chunker.Digest, p pack) (moved bool, err error) {
	s := m.recipes
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.isPending(id) {
		return false, nil
	}
	// An equal pack may have been stored since p was looked at, and have more that is referred to. Now that nobody stores any, what it has stays so.
	now, there := pack{}, false
	err = m.View(func(tx *Tx) (err error) {
		now, there, err = packs.get(tx, id[:])
		return err
	})
	if err != nil || !there || int(now.Live) != len(p.Content) {
		return false, err
	}
	old := map[chunker.Digest]pack{id: p}
	recipes, err := m.readPacks(old)
	if err != nil {
		return false, err
	}
	return true, m.movePacks(old, recipes)
}

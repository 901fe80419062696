package manifest

import (
	"errors"
	"fmt"
	"os"

	"github.com/datagravity/datagravity/pkg/chunker"
)

var recipeLocations = table[recipeLocation]{bucket: "recipes"}

// recipeLocation says where a recipe's bytes are.
type recipeLocation struct {
	Pack   chunker.Digest `cbor:"1,keyasint"`
	Offset int64          `cbor:"2,keyasint"`
	Length int64          `cbor:"3,keyasint"`
}

// NewRecipe is a recipe to be kept: its encoded bytes and their digest.
type NewRecipe struct {
	Digest  chunker.Digest
	Encoded []byte
}

// proven tells whether the digest is that of the recipe: the last 32 bytes, over all before them.
func (r NewRecipe) proven() bool {
	body := len(r.Encoded) - len(r.Digest)
	return body > 0 && chunker.Digest(r.Encoded[body:]) == r.Digest && chunker.Sum(r.Encoded[:body]) == r.Digest
}

// StoredRecipes are recipes whose packs are durable; [Tx.PutRecipes] makes them findable.
type StoredRecipes struct {
	from  *recipeStore
	packs []newPack
}

// StoreRecipes writes recipes into packs and makes those durable. Call it before the transaction that refers to them, never
// inside one. The encoded bytes must be those that the digest names.
func (m *Manifest) StoreRecipes(list []NewRecipe) (out StoredRecipes, err error) {
	for _, r := range list {
		if !r.proven() {
			return out, fmt.Errorf("manifest: recipe %s is not what its digest names", r.Digest)
		}
	}
	s := m.recipes
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.small.Load() > maxSmallPacks {
		if err := m.mergePacks(); err != nil {
			return out, fmt.Errorf("merge recipe packs in %s: %w", s.dir, err)
		}
	}
	out = StoredRecipes{from: s}
	if out.packs, err = s.writePacks(list); err != nil {
		return StoredRecipes{}, fmt.Errorf("write a recipe pack in %s: %w", s.dir, err)
	}
	return out, nil
}

// PutRecipes records where stored recipes are.
func (tx *Tx) PutRecipes(s StoredRecipes) error {
	if len(s.packs) == 0 {
		return nil
	}
	small := 0
	for _, p := range s.packs {
		added, err := tx.putPack(p)
		if err != nil {
			return err
		}
		if added && p.bytes < smallPackBytes {
			small++
		}
	}
	tx.b.OnCommit(func() {
		s.from.small.Add(int64(small))
		s.from.settle(s.packs)
	})
	return nil
}

// HasRecipe tells whether a recipe is kept.
func (tx *Tx) HasRecipe(id chunker.Digest) (bool, error) {
	_, ok, err := recipeLocations.get(tx, id[:])
	return ok, err
}

// Recipe reads one. The bytes are proven against the digest. A pack that is gone or damaged is [ErrCorrupt]: the shard
// must be indexed again.
func (m *Manifest) Recipe(id chunker.Digest) (*chunker.Recipe, error) {
	var before recipeLocation
	for {
		var where recipeLocation
		err := m.View(func(tx *Tx) (err error) {
			var ok bool
			where, ok, err = recipeLocations.get(tx, id[:])
			if err == nil && !ok {
				err = fmt.Errorf("%w: no recipe %s; index its shard again", ErrCorrupt, id)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
		b, err := m.recipes.read(where)
		if errors.Is(err, os.ErrNotExist) && where != before {
			before = where // its pack may have been merged into another one in this moment
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("%w: recipe %s in pack %s: %w; index its shard again", ErrCorrupt, id, where.Pack, err)
		}
		r, err := chunker.DecodeRecipe(b)
		if err != nil {
			return nil, fmt.Errorf("%w: recipe %s in pack %s: %w", ErrCorrupt, id, where.Pack, err)
		}
		if got := chunker.Digest(b[len(b)-len(id):]); got != id {
			return nil, fmt.Errorf("%w: pack %s holds another recipe where %s should be; index its shard again", ErrCorrupt, where.Pack, id)
		}
		return r, nil
	}
}

package manifest

import (
	"context"
	"errors"
	"io"
	"os"
	"slices"

	"github.com/datagravity/datagravity/pkg/chunker"
)

// ErrStop is what a function given to [Manifest.EachRecipe] returns when it needs no more.
var ErrStop = errors.New("no more is needed")

const (
	// recipesPerView: one transaction for so many look-ups is lost beside reading them, and short enough that it never
	// holds back the reuse of pages while a long stream is read.
	recipesPerView = 1024
	// openPacks are kept open between recipes: what is asked for in an order of preference comes from a few packs at a
	// time, in turns.
	openPacks = 16
)

// EachRecipe reads many recipes in the order of ids, proven like those of [Manifest.Recipe], and gives each to f with its
// index in ids. An id may occur more than once. f may keep the recipe.
//
// f is not called for a recipe that cannot be had: one that is not kept, lost, damaged, or made before the format was
// frozen. Who streams recipes looks for what could be reused and does without; [Manifest.Recipe] of the same id says what is
// wrong. Errors: those of f (except [ErrStop], which ends the stream without one), of ctx, and [ErrCorrupt] where the
// manifest itself cannot be read.
func (m *Manifest) EachRecipe(ctx context.Context, ids []chunker.Digest, f func(i int, r *chunker.Recipe) error) error {
	s := recipeStream{m: m}
	defer s.close()
	where := make([]recipeLocation, 0, min(len(ids), recipesPerView))
	for first := 0; first < len(ids); first += recipesPerView {
		batch := ids[first:min(first+recipesPerView, len(ids))]
		where = where[:0]
		err := m.View(func(tx *Tx) error {
			for _, id := range batch {
				// Of a recipe that is not kept the location is empty, and reading it fails below.
				at, _, err := recipeLocations.get(tx, id[:])
				if err != nil {
					return err
				}
				where = append(where, at)
			}
			return nil
		})
		if err != nil {
			return err
		}
		for i, id := range batch {
			if err := ctx.Err(); err != nil {
				return err
			}
			r, err := s.recipe(id, where[i])
			if errors.Is(err, ErrCorrupt) {
				continue
			}
			if err == nil {
				err = f(first+i, r)
			}
			if errors.Is(err, ErrStop) {
				return nil
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// recipeStream reads recipes one after the other, with one buffer and few opened files.
type recipeStream struct {
	m      *Manifest
	files  []openPack // the one used last at the end
	buffer []byte
}

type openPack struct {
	id    chunker.Digest
	file  *os.File
	bytes int64
}

// recipe reads one from where it was seen last. If it is not there, it may have moved since: Recipe looks again, and
// knows what to say if it is nowhere.
func (s *recipeStream) recipe(id chunker.Digest, where recipeLocation) (*chunker.Recipe, error) {
	b, err := s.read(where)
	if err == nil && len(b) >= len(id) && chunker.Digest(b[len(b)-len(id):]) == id {
		if r, err := chunker.DecodeRecipe(b); err == nil {
			return r, nil
		}
	}
	return s.m.Recipe(id)
}

// read returns the bytes of one recipe, unproven, valid until the next call.
func (s *recipeStream) read(where recipeLocation) ([]byte, error) {
	p, err := s.open(where.Pack)
	if err != nil {
		return nil, err
	}
	if where.Length < 0 || where.Offset < 0 || where.Offset+where.Length > p.bytes {
		return nil, errCutShort
	}
	s.buffer = slices.Grow(s.buffer[:0], int(where.Length))[:where.Length]
	if _, err := p.file.ReadAt(s.buffer, where.Offset); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return s.buffer, nil
}

// open opens a pack or finds it open. A pack that was merged into another one and removed stays readable meanwhile, and
// what is in it never changes.
func (s *recipeStream) open(id chunker.Digest) (openPack, error) {
	for i, p := range slices.Backward(s.files) {
		if p.id == id {
			s.files = append(slices.Delete(s.files, i, i+1), p)
			return p, nil
		}
	}
	f, err := os.Open(s.m.recipes.path(id))
	if err != nil {
		return openPack{}, err
	}
	info, err := f.Stat()
	if err != nil {
		return openPack{}, errors.Join(err, f.Close())
	}
	if len(s.files) == openPacks {
		_ = s.files[0].file.Close() // read only
		s.files = slices.Delete(s.files, 0, 1)
	}
	p := openPack{id, f, info.Size()}
	s.files = append(s.files, p)
	return p, nil
}

func (s *recipeStream) close() {
	for _, p := range s.files {
		_ = p.file.Close() // read only
	}
}

package exchange

import (
	"context"
	"errors"
	"iter"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/store"
)

// earlier is the publication that the reference names before another is made, and which of its packs are there. nil: there is none
// that can be used.
type earlier struct {
	*Publication
	there []bool
}

// openBefore opens what a reference names. One that is damaged or gone is no error: it is published anew.
func openBefore(ctx context.Context, w Writer, ref Reference) (*earlier, error) {
	if ref.Sequence == 0 {
		return nil, nil
	}
	p, err := Open(ctx, w, ref)
	if errors.Is(err, ErrBad) && !errors.Is(err, ErrVersion) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	e := &earlier{Publication: p, there: make([]bool, len(p.header.Packs))}
	if len(e.there) == 0 {
		return e, nil
	}
	sizes := map[chunker.Digest]int64{}
	folder := datasetFolder(ref.Dataset) + packFolder
	err = listAll(ctx, w, folder, func(o store.Object) error {
		if id, ok := digestOf(o.Key, folder, packSuffix); ok {
			sizes[id] = o.Size
		}
		return nil
	})
	for i, pack := range p.header.Packs {
		size, ok := sizes[pack.Digest]
		e.there[i] = ok && size == pack.Bytes
	}
	return e, err
}

// whole tells that all packs are there.
func (e *earlier) whole() bool {
	if e == nil {
		return false
	}
	for _, is := range e.there {
		if !is {
			return false
		}
	}
	return true
}

// same tells whether publishing a snapshot would say again what stands there.
func (e *earlier) same(s Snapshot) (bool, error) {
	if e.header.Taken != s.Taken {
		return false, nil
	}
	next, stop := iter.Pull2(shards(e.Shards).seq())
	defer stop()
	differs := false
	err := s.Shards(func(sh manifest.Shard) error {
		was, err, more := next()
		if err != nil {
			return err
		}
		if more && was.Recipe.IsZero() && !sh.Recipe.IsZero() {
			// It was lost then; it may have been made since.
			if _, err := s.Recipe(sh.Recipe); err == nil {
				differs = true
				return errStopped
			} else if !errors.Is(err, ErrNoRecipe) {
				return err
			}
			was.Recipe = sh.Recipe
		}
		if !more || was != sh {
			differs = true
			return errStopped
		}
		return nil
	})
	if differs && errors.Is(err, errStopped) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	_, err, more := next()
	return !more, err
}

// reuse fills in where recipes lie in packs that go on to be used, and returns these packs. A pack goes on while at least half of its
// bytes are needed, unless there are too many small ones.
func (e *earlier) reuse(places map[chunker.Digest]place) ([]packRecord, error) {
	kept := []packRecord{}
	if e == nil {
		return kept, nil
	}
	used := make([]int64, len(e.there))
	err := e.walk(func(s *manifest.Shard, at place) error {
		if now, needed := places[s.Recipe]; needed && now == nowhere && at.length > 0 && e.there[at.pack] {
			places[s.Recipe] = at
			used[at.pack] += at.length
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	number := make([]int, len(used)) // in kept; -1: not
	small := 0
	for i, pack := range e.header.Packs {
		number[i] = -1
		if 2*used[i] >= pack.Bytes-packHeaderBytes {
			number[i] = 0
			if pack.Bytes < smallPackBytes {
				small++
			}
		}
	}
	for i, pack := range e.header.Packs {
		if number[i] < 0 || small > maxSmallPacks && pack.Bytes < smallPackBytes {
			number[i] = -1
			continue
		}
		number[i] = len(kept)
		kept = append(kept, pack)
	}
	for id, at := range places {
		if at == nowhere {
			continue
		}
		if at.pack = number[at.pack]; at.pack < 0 {
			at = nowhere
		}
		places[id] = at
	}
	return kept, nil
}

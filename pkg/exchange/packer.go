package exchange

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/store"
)

// packsAtOnce are written while the next is filled: 32 MiB of memory.
const packsAtOnce = 4

// packer writes recipes into packs, in the order in which they come. The packs' bytes do not depend on how fast they are written.
type packer struct {
	ctx     context.Context
	w       Writer
	dataset string
	group   *errgroup.Group
	packs   []packRecord // those that are reused, then those that are written
	open    []byte       // the pack that is being filled, nil if there is none

	written, recipes int
	bytes            int64
}

func newPacker(ctx context.Context, w Writer, dataset string, reused []packRecord) *packer {
	p := &packer{w: w, dataset: dataset, packs: reused}
	p.group, p.ctx = errgroup.WithContext(ctx)
	p.group.SetLimit(packsAtOnce)
	return p
}

// addAll adds every recipe that is nowhere yet, and notes where it is then. One that is lost gets the zero place.
func (p *packer) addAll(s Snapshot, places map[chunker.Digest]place) error {
	return s.Shards(func(sh manifest.Shard) error {
		at, needed := places[sh.Recipe]
		if sh.Recipe.IsZero() || needed && at != nowhere {
			return nil
		}
		if !needed {
			return fmt.Errorf("shard %q has another recipe than a moment ago", sh.Path)
		}
		b, err := s.Recipe(sh.Recipe)
		if errors.Is(err, ErrNoRecipe) || err == nil && len(b) > maxRecipeBytes {
			places[sh.Recipe] = place{}
			return nil
		}
		if err == nil {
			err = checkRecipe(b, &sh)
		}
		if err != nil {
			return fmt.Errorf("the recipe of shard %q: %w", sh.Path, err)
		}
		places[sh.Recipe] = p.add(b)
		return p.ctx.Err()
	})
}

func (p *packer) add(recipe []byte) place {
	if len(p.open) > packHeaderBytes && len(p.open)+len(recipe) > maxPackBytes {
		p.flush()
	}
	if p.open == nil {
		p.open = appendPackHeader(make([]byte, 0, max(maxPackBytes/8, packHeaderBytes+len(recipe))))
	}
	at := place{pack: len(p.packs), offset: int64(len(p.open)), length: int64(len(recipe))}
	p.open = append(p.open, recipe...)
	p.recipes++
	return at
}

// flush sends the open pack on its way. It waits while too many are.
func (p *packer) flush() {
	b := p.open
	if p.open = nil; b == nil {
		return
	}
	id := chunker.Sum(b)
	p.packs = append(p.packs, packRecord{Digest: id, Bytes: int64(len(b))})
	p.written++
	p.bytes += int64(len(b))
	p.group.Go(func() error {
		// Over one that is there already, too: it may be damaged, and Collect goes by when it was written.
		return put(p.ctx, p.w, packKey(p.dataset, id), b, binaryType, store.Always())
	})
}

// close waits until all packs are written.
func (p *packer) close() error {
	p.flush()
	return p.group.Wait()
}

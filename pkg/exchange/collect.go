package exchange

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/store"
)

// Collector is what [Collect] needs of a store.
type Collector interface {
	Lister
	Delete(ctx context.Context, ref store.Ref) error
}

// Collect removes what nobody needs any more: publications of a dataset but for the newest keep, and packs that none of those names;
// never what the reference names, and nothing that the store says is younger than older at now. A reader that has opened a publication
// needs its packs until it has read them, so older should be hours at least.
//
// The origin calls it after it published, not while it does: a pack that is written again in the moment in which it is removed would be
// missing until the next publication. It returns how many objects and how many bytes were removed, also beside an error. Errors: the
// store's; [ErrBad] if reference or the publication it names cannot be trusted, and [ErrRaced] if it changes meanwhile: nothing is
// removed then.
func Collect(ctx context.Context, st Collector, dataset string, keep int, older time.Duration, now time.Time) (removed int, bytes int64, err error) {
	if err := checkName("dataset", dataset); err != nil {
		return 0, 0, fmt.Errorf("collect: %w", err)
	}
	c := collection{ctx: ctx, st: st, dataset: dataset, before: now.Add(-older)}
	if err := c.run(keep); err != nil {
		return c.removed, c.bytes, fmt.Errorf("collect what is not needed of dataset %q: %w", dataset, err)
	}
	return c.removed, c.bytes, nil
}

type collection struct {
	ctx     context.Context
	st      Collector
	dataset string
	before  time.Time

	removed int
	bytes   int64
}

// named is an object that is named by a digest.
type named struct {
	store.Object
	id chunker.Digest
}

func (c *collection) run(keep int) error {
	// The lists first: what is published after them is in neither.
	publications, err := c.list(publicationFolder, publicationSuffix)
	if err != nil {
		return err
	}
	packs, err := c.list(packFolder, packSuffix)
	if err != nil {
		return err
	}
	ref, _, found, err := latest(c.ctx, c.st, c.dataset)
	if err != nil {
		return err
	}
	needed := map[chunker.Digest]bool{} // publications and packs
	if found {
		p, err := Open(c.ctx, c.st, ref)
		if err != nil {
			return err
		}
		needed[ref.Publication] = true
		p.needs(needed)
	}
	slices.SortStableFunc(publications, func(a, b named) int { return cmp.Or(b.Modified.Compare(a.Modified), strings.Compare(a.Key, b.Key)) })
	for i, o := range publications {
		if i >= keep && !c.young(o) {
			continue
		}
		p, err := c.open(o)
		if errors.Is(err, ErrVersion) {
			return err
		}
		if errors.Is(err, ErrBad) {
			continue // no use to anyone
		}
		if err != nil {
			return err
		}
		needed[o.id] = true
		p.needs(needed)
	}
	again, _, still, err := latest(c.ctx, c.st, c.dataset)
	if err != nil {
		return err
	}
	if again != ref || still != found {
		return fmt.Errorf("%w; collect again", ErrRaced)
	}
	// Publications first: none is left without its packs.
	return errors.Join(c.removeAll(publications, needed), c.removeAll(packs, needed))
}

// needs adds the packs of a publication.
func (p *Publication) needs(m map[chunker.Digest]bool) {
	for _, pack := range p.header.Packs {
		m[pack.Digest] = true
	}
}

// open reads a publication as far as its packs are concerned.
func (c *collection) open(o named) (*Publication, error) {
	if o.Size <= 0 || o.Size > maxPublicationBytes {
		return nil, bad(o.Key, againHint, "it has %d bytes", o.Size)
	}
	b, err := readNamed(c.ctx, c.st, o.Key, o.id, o.Size)
	if err != nil {
		return nil, err
	}
	p, err := openText(o.Key, b)
	if err != nil {
		return nil, bad(o.Key, againHint, "%w", err)
	}
	return p, nil
}

func (c *collection) young(o named) bool { return o.Modified.After(c.before) }

// list lists a folder without what is not ours.
func (c *collection) list(folder, suffix string) (list []named, err error) {
	folder = datasetFolder(c.dataset) + folder
	err = listAll(c.ctx, c.st, folder, func(o store.Object) error {
		if id, ok := digestOf(o.Key, folder, suffix); ok {
			list = append(list, named{o, id})
		}
		return nil
	})
	return list, err
}

func (c *collection) removeAll(list []named, needed map[chunker.Digest]bool) error {
	for _, o := range list {
		if needed[o.id] || c.young(o) {
			continue
		}
		// Its ETag may be the same after it was written anew, the time is not.
		now, err := c.st.Head(c.ctx, o.Key)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		if c.young(named{now, o.id}) || now.ETag != o.ETag {
			continue
		}
		err = c.st.Delete(c.ctx, now.Ref())
		if errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		c.removed++
		c.bytes += now.Size
	}
	return nil
}

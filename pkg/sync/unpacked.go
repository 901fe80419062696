package sync

import (
	"context"
	"fmt"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/exchange/pack"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/store"
)

// framesKept are decoded ones, of up to 1 MiB each mostly: the chunks of a frame follow each other.
const framesKept = 16

// findBases looks up where the destination holds the old chunks that frames build on.
func (p *packedChunks) findBases(ctx context.Context) error {
	p.bases = map[chunker.Digest]heldChunk{}
	wanted := map[chunker.Digest]bool{}
	for _, one := range p.packs {
		for _, f := range one.Frames {
			for _, b := range f.Base {
				wanted[b.Digest] = true
			}
		}
	}
	if len(wanted) == 0 {
		return nil
	}
	d := p.q.Destination
	var recipes []chunker.Digest
	var refs []store.Ref
	err := p.s.Manifest.View(func(tx *manifest.Tx) error {
		return tx.SnapshotShards(p.before, func(sh manifest.Shard) (bool, error) {
			r, ok, err := tx.Replica(d.Destination.Store, d.Key(d.Folder(p.before), sh.Path))
			if ok && r.Present() && r.Shard == sh.Digest && !sh.Recipe.IsZero() {
				recipes, refs = append(recipes, sh.Recipe), append(refs, store.Ref{Key: r.Key, ETag: r.ETag, Version: r.Version})
			}
			return true, err
		})
	})
	if err != nil {
		return err
	}
	return p.s.Manifest.EachRecipe(ctx, recipes, func(i int, r *chunker.Recipe) error {
		for _, c := range r.Chunks {
			if wanted[c.Digest] {
				p.bases[c.Digest] = heldChunk{refs[i], c.Offset}
			}
		}
		return nil
	})
}

// Chunk fills b with a packed chunk, see [engine.Packed]. One that cannot be had from its pack is read from the source.
func (p *packedChunks) Chunk(ctx context.Context, d chunker.Digest, b []byte) (bool, error) {
	at, ok := p.at[d]
	if !ok {
		return false, nil
	}
	e := p.packs[at.pack].Entries[at.entry]
	if e.Length != int64(len(b)) {
		return false, nil
	}
	content, err := p.frame(ctx, frameAt{at.pack, e.Frame})
	if err != nil {
		if ctx.Err() != nil {
			return false, context.Cause(ctx)
		}
		p.s.Log.Warn("a chunk cannot be had from its pack, and is read from its shard", "dataset", p.q.Source.Name, "chunk", d, "error", err)
		return false, nil
	}
	copy(b, content[e.Offset:])
	return true, nil
}

// frame is the content of a frame, every chunk of it proven.
func (p *packedChunks) frame(ctx context.Context, at frameAt) ([]byte, error) {
	p.mu.Lock()
	content, ok := p.frames[at]
	p.mu.Unlock()
	if ok {
		return content, nil
	}
	f := p.packs[at.pack].Frames[at.frame]
	stored := make([]byte, f.StoredBytes)
	if _, err := p.packs[at.pack].file.ReadAt(stored, f.Offset); err != nil {
		return nil, err
	}
	content = make([]byte, f.ContentBytes)
	err := p.packs[at.pack].Decode(at.frame, stored, func(d chunker.Digest, n int64) ([]byte, error) { return p.base(ctx, d, n) }, func(e pack.Entry, data []byte) error {
		copy(content[e.Offset:], data)
		return nil
	})
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.frames[at] = content
	if p.recent = append(p.recent, at); len(p.recent) > framesKept {
		delete(p.frames, p.recent[0])
		p.recent = p.recent[1:]
	}
	return content, nil
}

// base reads an old chunk at the destination, over a hop that is free.
func (p *packedChunks) base(ctx context.Context, d chunker.Digest, n int64) ([]byte, error) {
	at, ok := p.bases[d]
	if !ok {
		return nil, fmt.Errorf("the destination is not known to hold it")
	}
	b := make([]byte, n)
	return b, p.q.Destination.Store.ReadRange(ctx, at.ref, at.offset, b)
}

// Has tells whether a chunk is in a pack.
func (p *packedChunks) Has(d chunker.Digest) bool {
	_, ok := p.at[d]
	return ok
}

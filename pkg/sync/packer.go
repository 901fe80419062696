package sync

import (
	"errors"
	"fmt"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/exchange"
	"github.com/datagravity/datagravity/pkg/exchange/pack"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/sync/packing"
)

// readRun is how much of a run of missing chunks is read and encoded at once.
const readRun = 4 << 20

// all packs every run.
func (p *packer) all() error {
	for _, r := range p.want.Missing {
		w, err := p.open(r)
		if err == nil {
			w, err = p.withBases(w)
		}
		if err != nil {
			return err
		}
		for len(w.chunks) > 0 {
			n, size := 0, int64(0)
			for n < len(w.chunks) && (n == 0 || size+w.chunks[n].Length <= readRun) {
				size += w.chunks[n].Length
				n++
			}
			list, err := w.part(0, n).read(p, p.seen)
			if err == nil {
				err = p.encode(list)
			}
			if err != nil {
				return err
			}
			w = w.part(n, len(w.chunks))
		}
	}
	if !p.decided && p.content > 0 && p.gain() < leastGain {
		return errNoGain
	}
	return p.flush()
}

// openShard is a shard of the snapshot, and what stood in its place before.
type openShard struct {
	place  uint32
	shard  manifest.Shard
	recipe *chunker.Recipe
	looked bool // for bases
	bases  *packing.Bases
	base   old
}

// run is wanted chunks that follow each other, and by number the old ones that may have bytes in common with each; nil: none have.
type run struct {
	*openShard
	of     exchange.Run
	chunks []chunker.Chunk
	before [][]int
}

// part of a run.
func (r run) part(from, to int) run {
	r.chunks = r.chunks[from:to]
	if r.before != nil {
		r.before = r.before[from:to]
	}
	return r
}

// bytes of its chunks.
func (r run) bytes() int64 { return r.chunks[len(r.chunks)-1].End() - r.chunks[0].Offset }

// open looks up what a run of the want is.
func (p *packer) open(r exchange.Run) (run, error) {
	if p.opened == nil || p.opened.place != r.Shard {
		o := &openShard{place: r.Shard, shard: p.fresh[r.Shard]}
		if o.shard.Recipe.IsZero() {
			return run{}, fmt.Errorf("%w: the want is about shard %d, which the snapshot does not have", exchange.ErrBad, r.Shard)
		}
		var err error
		if o.recipe, err = p.s.Manifest.Recipe(o.shard.Recipe); err != nil {
			return run{}, err
		}
		p.opened = o
	}
	all := p.opened.recipe.Chunks
	if r.Count == 0 || uint64(r.First)+uint64(r.Count) > uint64(len(all)) {
		return run{}, fmt.Errorf("%w: the want is about chunks %d to %d of shard %d, which has %d", exchange.ErrBad, r.First, r.First+r.Count, r.Shard, len(all))
	}
	return run{openShard: p.opened, of: r, chunks: all[r.First : r.First+r.Count]}, nil
}

// withBases looks up what a whole run of the want may have in common with the old version.
func (p *packer) withBases(w run) (run, error) {
	o := w.openShard
	if !o.looked {
		var err error
		if o.bases, o.base, err = p.basesOf(o.shard.Path); err != nil {
			return w, err
		}
		o.looked = true
	}
	if o.bases != nil {
		w.before = o.bases.Of(o.recipe.Chunks, int(w.of.First), int(w.of.Count))
	}
	return w, nil
}

// old is a shard of the base that can be read.
type old struct {
	ref    store.Ref
	recipe *chunker.Recipe
}

// basesOf a path; nil: there are none.
func (p *packer) basesOf(path string) (*packing.Bases, old, error) {
	sh, ok := p.old[path]
	ref, readable := p.places[sh.Digest]
	if !ok || !readable || sh.Recipe.IsZero() {
		return nil, old{}, nil
	}
	recipe, err := p.s.Manifest.Recipe(sh.Recipe)
	if errors.Is(err, manifest.ErrCorrupt) || errors.Is(err, chunker.ErrOldRecipe) {
		return nil, old{}, nil
	}
	if err != nil {
		return nil, old{}, err
	}
	return packing.NewBases(recipe), old{ref, recipe}, nil
}

// read reads the chunks of a run with their bases. What was seen before is left out; nil: that does not matter.
func (r run) read(p *packer, seen map[chunker.Digest]bool) ([]pack.Chunk, error) {
	ref := store.Ref{Key: p.src.Prefix + r.shard.Path, ETag: r.shard.ETag, Version: r.shard.Version}
	first := r.chunks[0].Offset
	buf := make([]byte, r.chunks[len(r.chunks)-1].End()-first)
	if err := p.reader.ReadRange(p.ctx, ref, first, buf); err != nil {
		return nil, fmt.Errorf("read what is to be packed of %q: %w", r.shard.Path, err)
	}
	if err := chunker.VerifyChunks(buf, r.chunks); err != nil {
		return nil, fmt.Errorf("%w: %q: %w", store.ErrIntegrity, r.shard.Path, err)
	}
	list := make([]pack.Chunk, 0, len(r.chunks))
	for i, c := range r.chunks {
		if seen[c.Digest] {
			continue
		}
		if seen != nil {
			seen[c.Digest] = true
		}
		one := pack.Chunk{Digest: c.Digest, Data: buf[c.Offset-first:][:c.Length]}
		if r.before != nil {
			one.Base = p.baseOf(r.base, r.before[i])
		}
		list = append(list, one)
	}
	return list, nil
}

// baseOf reads old chunks. Without them the new one is stored by itself.
func (p *packer) baseOf(base old, numbers []int) (list []pack.Old) {
	if len(numbers) == 0 {
		return nil
	}
	chunks := base.recipe.Chunks[numbers[0] : numbers[len(numbers)-1]+1]
	buf := make([]byte, chunks[len(chunks)-1].End()-chunks[0].Offset)
	if err := p.reader.ReadRange(p.ctx, base.ref, chunks[0].Offset, buf); err != nil || chunker.VerifyChunks(buf, chunks) != nil {
		return nil
	}
	for _, c := range chunks {
		list = append(list, pack.Old{Digest: c.Digest, Data: buf[c.Offset-chunks[0].Offset:][:c.Length]})
	}
	return list
}

func (p *packer) encode(list []pack.Chunk) error {
	if len(list) == 0 {
		return nil
	}
	frames, err := p.encoder.Encode(list)
	if err != nil {
		return err
	}
	for _, f := range frames {
		p.content, p.stored = p.content+f.ContentBytes(), p.stored+int64(len(f.Stored))
		if p.writer.Add(f) {
			continue
		}
		if err := p.flush(); err != nil {
			return err
		}
		p.writer.Add(f) // the first one always fits
	}
	if !p.decided && p.content >= sampled {
		if p.decided = true; p.gain() < leastGain {
			return errNoGain
		}
	}
	return nil
}

// gain is the share that packing saves.
func (p *packer) gain() float64 { return 1 - float64(p.stored)/float64(p.content) }

// flush writes the pack that is open.
func (p *packer) flush() error {
	t := p.writer.Totals()
	if t.Chunks == 0 {
		return nil
	}
	b, err := p.writer.Bytes()
	if err != nil {
		return err
	}
	ref, err := exchange.PutPack(p.ctx, p.src.exchange(), p.want.Edge, p.want.ID, b)
	if err != nil {
		return err
	}
	p.answer.Packs = append(p.answer.Packs, ref)
	p.answer.Chunks, p.answer.ContentBytes = p.answer.Chunks+t.Chunks, p.answer.ContentBytes+t.ContentBytes
	p.writer.Reset()
	return nil
}

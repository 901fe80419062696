package sync

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/exchange"
	"github.com/datagravity/datagravity/pkg/exchange/pack"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/sync/packing"
)

const (
	// packLife is how long packs stay that nobody took: an edge whose link is cut for hours goes on with them.
	packLife = 24 * time.Hour
	// collectAfter is how long what belongs to no want is left alone: it may be about to get one.
	collectAfter = time.Hour
	// readRun is how much of a run of missing chunks is read and encoded at once.
	readRun = 4 << 20
	// leastGain is what packing must save of the bytes of the chunks. Below it ranges of the shards themselves are as good, and need nobody.
	leastGain = 0.03
	// sampled is how much is packed before it is decided whether it pays.
	sampled = 8 << 20
)

// Answered is what an origin did for edges.
type Answered struct {
	Wants, Packs              int
	ContentBytes, StoredBytes int64
}

// Answer packs what edges want of a dataset. others are all datasets of the same store: what they hold of old versions serves as bases for deltas. A want that
// fails is tried again by the next call; the others are answered.
func (s *Syncer) Answer(ctx context.Context, src Source, others []Source) (out Answered, err error) {
	wants, listErr := exchange.Wants(ctx, src.Store, s.Manifest.Now(), src.Name)
	errs := []error{listErr}
	for _, w := range wants {
		if err := s.answer(ctx, src, others, w, &out); err != nil {
			errs = append(errs, fmt.Errorf("answer want %s of %s: %w", w.ID, w.Edge, err))
		}
		if ctx.Err() != nil {
			return out, context.Cause(ctx)
		}
	}
	return out, errors.Join(errs...)
}

func (s *Syncer) answer(ctx context.Context, src Source, others []Source, w exchange.Want, out *Answered) error {
	p := &packer{s: s, ctx: ctx, src: src, others: others, want: w, writer: pack.NewWriter(0), read: &paidReader{s: s, src: src, link: s.link(src, nil)}}
	var err error
	if p.encoder, err = pack.NewEncoder(pack.Options{}); err != nil {
		return err
	}
	if err = p.shards(); err == nil {
		err = p.all()
	}
	if err != nil && !mayPass(ctx, err) {
		// The edge reads ranges itself, and finds out about a source that is newer than what is published. Without an answer it would wait.
		s.Log.Info("a want is answered without packs", "edge", w.Edge, "dataset", src.Name, "why", err)
		p.answer.Packs, p.answer.Chunks, p.answer.ContentBytes, err = nil, 0, 0, nil
	}
	if err = errors.Join(err, p.read.note()); err != nil {
		return err
	}
	now := s.Manifest.Now()
	a := p.answer
	a.Want, a.Edge, a.Dataset, a.Snapshot, a.Time, a.Expires = w.ID, w.Edge, src.Name, w.Snapshot, now, now.Add(packLife)
	if err := exchange.Reply(ctx, src.Store, a); err != nil {
		return err
	}
	out.Wants++
	out.Packs += len(a.Packs)
	for _, ref := range a.Packs {
		out.StoredBytes += ref.Bytes
	}
	out.ContentBytes += a.ContentBytes
	return nil
}

// mayPass tells that the same want may well be answered later.
func mayPass(ctx context.Context, err error) bool {
	for _, kind := range []error{store.ErrTransient, store.ErrAuth, store.ErrPermission, cost.ErrBudget, cost.ErrNoGrant, cost.ErrPaused, cost.ErrOverrun} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return ctx.Err() != nil
}

// errNoGain: packs would not be smaller than what is in them.
var errNoGain = errors.New("packing does not pay")

// packer answers one want.
type packer struct {
	s       *Syncer
	ctx     context.Context
	src     Source
	others  []Source
	want    exchange.Want
	encoder *pack.Encoder
	writer  *pack.Writer
	read    *paidReader
	answer  exchange.Answer
	// content and stored are of all frames so far, decided whether they paid.
	content, stored int64
	decided         bool
	// fresh are the shards that the want's runs are of, and old those of its base, by path.
	fresh map[uint32]manifest.Shard
	old   map[string]manifest.Shard
	// places are where old shards can still be read, by their digests.
	places map[chunker.Digest]store.Ref
	seen   map[chunker.Digest]bool
}

// shards looks up what the want is about.
func (p *packer) shards() error {
	p.fresh, p.old, p.seen = map[uint32]manifest.Shard{}, map[string]manifest.Shard{}, map[chunker.Digest]bool{}
	for _, r := range p.want.Missing {
		p.fresh[r.Shard] = manifest.Shard{}
	}
	paths := map[string]bool{}
	err := p.s.Manifest.View(func(tx *manifest.Tx) error {
		n := uint32(0)
		err := tx.SnapshotShards(p.want.Snapshot, func(sh manifest.Shard) (bool, error) {
			if _, wanted := p.fresh[n]; wanted {
				p.fresh[n] = sh
				paths[sh.Path] = true
			}
			n++
			return true, nil
		})
		if err != nil {
			return err
		}
		err = tx.SnapshotShards(p.want.Base, func(sh manifest.Shard) (bool, error) {
			if paths[sh.Path] {
				p.old[sh.Path] = sh
			}
			return true, nil
		})
		if errors.Is(err, manifest.ErrNoSnapshot) {
			return nil // there are no deltas then
		}
		return err
	})
	if err != nil {
		return err
	}
	return p.place()
}

// place finds where the old shards can be read: under their own name, if the store keeps versions, or as part of another dataset.
func (p *packer) place() error {
	p.places = map[chunker.Digest]store.Ref{}
	wanted := map[chunker.Digest]bool{}
	for _, sh := range p.old {
		wanted[sh.Digest] = true
		if sh.Version != "" {
			p.places[sh.Digest] = store.Ref{Key: p.src.Prefix + sh.Path, ETag: sh.ETag, Version: sh.Version}
		}
	}
	if len(wanted) == 0 {
		return nil
	}
	return p.s.Manifest.View(func(tx *manifest.Tx) error {
		for _, d := range p.others {
			record, ok, err := tx.Dataset(d.Name)
			if err != nil {
				return err
			}
			if !ok || record.Latest.IsZero() || d.Dataset.Store != p.src.Dataset.Store {
				continue
			}
			err = tx.SnapshotShards(record.Latest, func(sh manifest.Shard) (bool, error) {
				if wanted[sh.Digest] {
					p.places[sh.Digest] = store.Ref{Key: d.Prefix + sh.Path, ETag: sh.ETag, Version: sh.Version}
				}
				return true, nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// all packs every run.
func (p *packer) all() error {
	var fresh *chunker.Recipe
	var bases *packing.Bases
	var base old
	shard := uint32(0)
	for n, r := range p.want.Missing {
		sh := p.fresh[r.Shard]
		if sh.Recipe.IsZero() {
			return fmt.Errorf("%w: the want is about shard %d, which the snapshot does not have", exchange.ErrBad, r.Shard)
		}
		if n == 0 || r.Shard != shard {
			shard = r.Shard
			var err error
			if fresh, err = p.s.Manifest.Recipe(sh.Recipe); err != nil {
				return err
			}
			if bases, base, err = p.basesOf(sh.Path); err != nil {
				return err
			}
		}
		if uint64(r.First)+uint64(r.Count) > uint64(len(fresh.Chunks)) {
			return fmt.Errorf("%w: the want is about chunks %d to %d of shard %d, which has %d", exchange.ErrBad, r.First, r.First+r.Count, r.Shard, len(fresh.Chunks))
		}
		var before [][]int
		if bases != nil {
			before = bases.Of(fresh.Chunks, int(r.First), int(r.Count))
		}
		if err := p.run(sh, fresh.Chunks[r.First:r.First+r.Count], before, base); err != nil {
			return err
		}
	}
	if !p.decided && p.content > 0 && p.gain() < leastGain {
		return errNoGain
	}
	return p.flush()
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

// run packs a run of chunks, in pieces.
func (p *packer) run(sh manifest.Shard, chunks []chunker.Chunk, before [][]int, base old) error {
	ref := store.Ref{Key: p.src.Prefix + sh.Path, ETag: sh.ETag, Version: sh.Version}
	for len(chunks) > 0 {
		n, size := 0, int64(0)
		for n < len(chunks) && (n == 0 || size+chunks[n].Length <= readRun) {
			size += chunks[n].Length
			n++
		}
		buf := make([]byte, size)
		if err := p.read.ReadRange(p.ctx, ref, chunks[0].Offset, buf); err != nil {
			return fmt.Errorf("read what is to be packed of %q: %w", sh.Path, err)
		}
		if err := chunker.VerifyChunks(buf, chunks[:n]); err != nil {
			return fmt.Errorf("%w: %q: %w", store.ErrIntegrity, sh.Path, err)
		}
		list := make([]pack.Chunk, 0, n)
		for i, c := range chunks[:n] {
			if p.seen[c.Digest] {
				continue
			}
			p.seen[c.Digest] = true
			one := pack.Chunk{Digest: c.Digest, Data: buf[c.Offset-chunks[0].Offset:][:c.Length]}
			if before != nil {
				one.Base = p.baseOf(base, before[i])
			}
			list = append(list, one)
		}
		if err := p.encode(list); err != nil {
			return err
		}
		chunks = chunks[n:]
		if before != nil {
			before = before[n:]
		}
	}
	return nil
}

// baseOf reads old chunks. Without them the new one is stored by itself.
func (p *packer) baseOf(base old, numbers []int) (list []pack.Old) {
	if len(numbers) == 0 {
		return nil
	}
	chunks := base.recipe.Chunks[numbers[0] : numbers[len(numbers)-1]+1]
	buf := make([]byte, chunks[len(chunks)-1].End()-chunks[0].Offset)
	if err := p.read.ReadRange(p.ctx, base.ref, chunks[0].Offset, buf); err != nil || chunker.VerifyChunks(buf, chunks) != nil {
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
	ref, err := exchange.PutPack(p.ctx, p.src.Store, p.want.Edge, p.want.ID, b)
	if err != nil {
		return err
	}
	p.answer.Packs = append(p.answer.Packs, ref)
	p.answer.Chunks, p.answer.ContentBytes = p.answer.Chunks+t.Chunks, p.answer.ContentBytes+t.ContentBytes
	p.writer.Reset()
	return nil
}

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
)

const (
	// packLife is how long packs stay that nobody took: an edge whose link is cut for hours goes on with them.
	packLife = 24 * time.Hour
	// collectAfter is how long what belongs to no want is left alone: it may be about to get one.
	collectAfter = time.Hour
)

// Answered is what an origin did for edges.
type Answered struct {
	Wants, Packs              int
	ContentBytes, StoredBytes int64
}

// Answer packs what edges want of a dataset. others are all datasets of the same store: what they hold of old versions serves as bases for deltas. A want that
// fails is tried again by the next call; the others are answered.
func (s *Syncer) Answer(ctx context.Context, src Source, others []Source) (out Answered, err error) {
	wants, listErr := exchange.Wants(ctx, src.exchange(), s.Manifest.Now(), src.Name)
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
	p := &packer{s: s, ctx: ctx, src: src, others: others, want: w, writer: pack.NewWriter(0), reader: &paidReader{s: s, src: src, from: src.Store, link: s.link(src, nil)}}
	var err error
	if p.encoder, err = pack.NewEncoder(pack.Options{}); err != nil {
		return err
	}
	if err = p.shards(); err == nil {
		err = p.choose()
	}
	if err == nil {
		err = p.all()
	}
	if err != nil && !mayPass(ctx, err) {
		// The edge reads ranges itself, and finds out about a source that is newer than what is published. Without an answer it would wait.
		s.Log.Info("a want is answered without packs", "edge", w.Edge, "dataset", src.Name, "why", err)
		p.answer.Packs, p.answer.Chunks, p.answer.ContentBytes, err = nil, 0, 0, nil
	}
	if err = errors.Join(err, p.reader.note()); err != nil {
		return err
	}
	now := s.Manifest.Now()
	a := p.answer
	a.Want, a.Edge, a.Dataset, a.Snapshot, a.Time, a.Expires = w.ID, w.Edge, src.Name, w.Snapshot, now, now.Add(packLife)
	if err := exchange.Reply(ctx, src.exchange(), a); err != nil {
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
	for _, kind := range []error{store.ErrTransient, store.ErrAuth, store.ErrPermission} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return cost.Stops(err) || ctx.Err() != nil
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
	reader  *paidReader
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
	// The shard that was opened last.
	opened *openShard
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

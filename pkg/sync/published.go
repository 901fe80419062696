package sync

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/exchange"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/sync/index"
)

// Role is what a Syncer is for others that share a source's store.
type Role string

// The roles. Without one a Syncer reads what it must know, and publishes nothing.
const (
	// Origin publishes every snapshot of a whole dataset, with how its shards are cut.
	OriginRole Role = "origin"
	// Edge takes datasets as an origin published them. It lists no source and reads no shard to learn what is in it.
	EdgeRole Role = "edge"
)

// ErrUnpublished: no origin has published the dataset yet.
var ErrUnpublished = errors.New("nothing is published")

// published is the listing of a dataset as an origin published it last. What was not seen before is taken over into the manifest first: its
// snapshot, and the recipes that are not here yet. Every request is paid for like a listing's.
func (s *Syncer) published(ctx context.Context, src Source, link cost.Link) (*index.Listing, error) {
	var record manifest.Dataset
	err := s.Manifest.View(func(tx *manifest.Tx) (err error) {
		record, _, err = tx.Dataset(src.Name)
		return err
	})
	if err != nil {
		return nil, err
	}
	if record.Store != src.Dataset.Store || record.Prefix != src.Prefix {
		record = manifest.Dataset{} // it is another place under the same name
	}
	r := &paidReader{s: s, src: src, from: src.exchange(), link: link}
	ref, found, err := exchange.Latest(ctx, r, src.Name, record.Sequence)
	if err == nil && !found {
		err = fmt.Errorf("%w: %w of dataset %s in %s; datagravity index %s, by an agent beside it whose role is origin, does that",
			ErrNotReady, ErrUnpublished, src.Name, src.Dataset.Store, src.Name)
	}
	if err == nil && (ref.Snapshot != record.Published || ref.Sequence != record.Sequence) {
		err = s.takeOver(ctx, r, src, ref)
	}
	if err = errors.Join(err, r.note()); err != nil {
		return nil, fmt.Errorf("dataset %s as it is published: %w", src.Name, err)
	}
	var l *index.Listing
	err = s.Manifest.View(func(tx *manifest.Tx) (err error) {
		l, err = index.ListSnapshot(tx, src.Dataset, ref.Snapshot, s.Manifest.Now())
		return err
	})
	return l, err
}

// recipesAtOnce are written into one pack of the manifest, at the least.
const recipesAtOnce = 16 << 20

// takeOver records a publication. Its digests were checked by whoever read it; what they name is proven when it is read.
func (s *Syncer) takeOver(ctx context.Context, r *paidReader, src Source, ref exchange.Reference) error {
	defer s.Manifest.NamingRecipes()()
	p, err := exchange.Open(ctx, r, ref)
	if err != nil {
		return err
	}
	var have map[chunker.Digest]bool
	var sample chunker.Digest // a recipe that tells how the origin cuts: a new one, if there is any
	err = s.Manifest.View(func(tx *manifest.Tx) error {
		have = map[chunker.Digest]bool{}
		return p.Shards(func(sh manifest.Shard) error {
			known, err := tx.HasRecipe(sh.Recipe)
			if known {
				have[sh.Recipe] = true
			}
			if !sh.Recipe.IsZero() && (sample.IsZero() || !known) {
				sample = sh.Recipe
			}
			return err
		})
	})
	if err != nil {
		return err
	}
	var list []manifest.NewRecipe
	var bytes int64
	store := func() error {
		stored, err := s.Manifest.StoreRecipes(list)
		if err != nil {
			return err
		}
		list, bytes = nil, 0
		return s.Manifest.Update(func(tx *manifest.Tx) error { return tx.PutRecipes(stored) })
	}
	err = p.Recipes(ctx, r, func(id chunker.Digest) bool { return have[id] }, func(sh manifest.Shard, encoded []byte) error {
		list, bytes = append(list, manifest.NewRecipe{Digest: sh.Recipe, Encoded: append([]byte(nil), encoded...)}), bytes+int64(len(encoded))
		if bytes < recipesAtOnce {
			return nil
		}
		return store()
	})
	if err == nil && len(list) > 0 {
		err = store()
	}
	if err != nil {
		return err
	}
	cut, err := s.cutOf(sample)
	if err != nil {
		return err
	}
	return s.Manifest.Update(func(tx *manifest.Tx) error {
		h := p.Header()
		// Also one that is known: the same shards may be cut otherwise by now.
		w := tx.NewSnapshot(h.ID, src.Name, h.Taken)
		if err := p.Shards(w.Add); err != nil {
			return err
		}
		if _, err := w.Close(); err != nil {
			return err
		}
		record, _, err := tx.Dataset(src.Name)
		if err != nil {
			return err
		}
		record.Name, record.Store, record.Prefix = src.Name, src.Dataset.Store, src.Prefix
		record.Latest, record.Published, record.Sequence = h.ID, h.ID, ref.Sequence
		// Also if some of it is cut otherwise: that is the origin's choice, and no reason to read anything again.
		record.Cut = cmp.Or(cut, record.Cut, src.Cut())
		return tx.PutDataset(record)
	})
}

// cutOf tells how a recipe cuts its shard, "" if there is none.
func (s *Syncer) cutOf(id chunker.Digest) (string, error) {
	if id.IsZero() {
		return "", nil
	}
	r, err := s.Manifest.Recipe(id)
	if errors.Is(err, manifest.ErrCorrupt) {
		return "", nil // who needs it makes it anew
	}
	if err != nil {
		return "", err
	}
	var digests []string
	for _, extra := range r.Extra {
		digests = append(digests, extra.Algorithm)
	}
	return index.CutOf(r.Params, digests), nil
}

// publish tells others of a snapshot, unless they were told. What it costs is a request or two, and the recipes of what is new.
func (s *Syncer) publish(ctx context.Context, src Source, h manifest.SnapshotHeader) (out exchange.Published, err error) {
	var record manifest.Dataset
	err = s.Manifest.View(func(tx *manifest.Tx) (err error) {
		record, _, err = tx.Dataset(src.Name)
		return err
	})
	if err != nil || s.Role != OriginRole || record.Latest != h.ID {
		return out, err
	}
	ref, out, err := exchange.Publish(ctx, src.exchange(), exchange.Snapshot{
		Dataset: src.Name, ID: h.ID, Taken: h.Taken,
		Shards: func(yield func(manifest.Shard) error) error {
			return s.Manifest.View(func(tx *manifest.Tx) error {
				return tx.SnapshotShards(h.ID, func(sh manifest.Shard) (bool, error) { return true, yield(sh) })
			})
		},
		Recipe: func(id chunker.Digest) ([]byte, error) {
			recipe, err := s.Manifest.Recipe(id)
			if errors.Is(err, manifest.ErrCorrupt) || errors.Is(err, chunker.ErrOldRecipe) {
				err = fmt.Errorf("%w: %w", exchange.ErrNoRecipe, err)
			}
			if err != nil {
				return nil, err
			}
			return recipe.Encode()
		},
	}, exchange.Publisher{Agent: s.Name, Now: s.Manifest.Now, AtLeast: record.Sequence})
	if err != nil {
		return out, fmt.Errorf("publish snapshot %s of %s: %w", h.ID, src.Name, err)
	}
	if record.Published == h.ID && record.Sequence == ref.Sequence {
		return out, nil
	}
	return out, s.Manifest.Update(func(tx *manifest.Tx) error {
		now, _, err := tx.Dataset(src.Name)
		if err != nil {
			return err
		}
		now.Published, now.Sequence = h.ID, ref.Sequence
		return tx.PutDataset(now)
	})
}

// paidReader reads what others published, each request under a reservation where the link is paid.
type paidReader struct {
	s        *Syncer
	src      Source
	from     store.Store // the source's, or that of its exchange
	link     cost.Link
	used     store.Usage
	requests int64
	c        cost.Crossing
	// activity of the ledger's lines; "": exchange.
	activity string
	// credit is what may be owed for its reads, see [cost.Crossing]; 0: little for the small ones, which tell whether there is more to read.
	credit int64
}

// smallBytes are at most what an object has that only tells what there is: the reference, an answer.
const smallBytes = 16 << 10

// headBytes are at most what the answer to a HEAD has.
const headBytes = 16 << 10

// pay makes a request under a reservation. Each further attempt is reserved anew, and the one before is charged whole, unless it provably never
// left, as the engine does it. That an object is not there is an answer like any other.
func (r *paidReader) pay(ctx context.Context, bytes int64, request func(ctx context.Context) error) (err error) {
	return r.payFor(ctx, cost.OpRead, bytes, request)
}

func (r *paidReader) payFor(ctx context.Context, op cost.Op, bytes int64, request func(ctx context.Context) error) (err error) {
	if r.c, err = r.s.lookup(r.link, r.src.Name, r.src.For, cost.WithMargin(bytes, 1), op, r.from); err != nil {
		return err
	}
	r.c.Activity = cmp.Or(r.activity, "exchange")
	if r.c.Credit = r.credit; r.credit == 0 && bytes <= smallBytes {
		r.c.Credit = cost.MaxOwed
	}
	if err := r.s.Engine.Pace(ctx, r.link, bytes); err != nil {
		return err
	}
	after, err := r.s.reserve(r.c, &r.used)
	if err != nil {
		return err
	}
	r.requests++
	ctx = store.WithAttempt(store.WithUsage(ctx, &r.used), func(_ context.Context, previous error) (err error) {
		if err := after(previous); err != nil {
			return err
		}
		r.requests++
		after, err = r.s.reserve(r.c, &r.used)
		return err
	})
	err = request(ctx)
	if errors.Is(err, store.ErrNotFound) {
		return errors.Join(err, after(nil))
	}
	return errors.Join(err, after(err))
}

// Head is [store.Store.Head].
func (r *paidReader) Head(ctx context.Context, key string) (o store.Object, err error) {
	err = r.pay(ctx, headBytes, func(ctx context.Context) (err error) {
		o, err = r.from.Head(ctx, key)
		return err
	})
	return o, err
}

// ReadRange is [store.Store.ReadRange].
func (r *paidReader) ReadRange(ctx context.Context, ref store.Ref, off int64, p []byte) error {
	return r.pay(ctx, int64(len(p)), func(ctx context.Context) error { return r.from.ReadRange(ctx, ref, off, p) })
}

// note books what went over a free link.
func (r *paidReader) note() error {
	if r.requests == 0 || !r.s.Ledger.Free(r.c) {
		return nil
	}
	return r.s.Manifest.Update(func(tx *manifest.Tx) error {
		_, err := r.s.Ledger.Note(tx, r.c, cost.Moved{Bytes: r.used.Received.Load(), Requests: map[cost.Op]int64{cost.OpRead: r.requests}})
		return err
	})
}

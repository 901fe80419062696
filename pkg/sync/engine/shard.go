package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/datagravity/datagravity/internal/crashpoint"
	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/pace"
	"github.com/datagravity/datagravity/pkg/sync/index"
	"github.com/datagravity/datagravity/pkg/sync/plan"
)

// shard is one item on its way.
type shard struct {
	*run
	it plan.Item
	// from and source are where its bytes come from: the dataset's store, or a replica elsewhere.
	from   store.Store
	source store.Ref
	// t is the durable record; recorded tells that the manifest has it.
	t        manifest.Transfer
	recorded bool
	owner    string // id of the manifest
	// strayed: an upload may have been begun for the key, the answer to which was lost.
	strayed bool
	// unclean: the object stands, and what is left of its upload could not be removed.
	unclean bool
	// taken: some parts are known from the store's list alone.
	taken bool
	// recipe proves the parts when the digest is known; nil while it is learned on the way.
	recipe *chunker.Recipe
	// packed: some of its chunks came in packs.
	packed bool
	spans  []span
	parts  map[int]manifest.Part // finished, by number
	notes  notes
	// prepaid are requests that a batch has reserved, by hop; each pays for one.
	prepaid map[hop]*receipt
	moved   int64 // read from the source and written
	reused  int64 // copied at the destination, or read back from it
}

// span is one part: its place in the shard and, with a recipe, its chunks. It is sent, or copied from a range of an object of
// the destination; with tails, it is copied from a temporary object of them all.
type span struct {
	number     int // from 1
	offset     int64
	size       int64
	chunks     []chunker.Chunk
	from       *store.Ref
	fromOffset int64
	tails      []span
}

// bytes of the part.
func (sp span) bytes() int64 {
	n := sp.size
	for _, tail := range sp.tails {
		n += tail.size
	}
	return n
}

// sent bytes of the part.
func (sp span) sent() (n int64) {
	if sp.from == nil {
		n = sp.size
	}
	for _, tail := range sp.tails {
		n += tail.sent()
	}
	return n
}

// made tells whether the part is made at the destination, out of something that is there.
func (sp span) made() bool { return sp.from != nil || len(sp.tails) > 0 }

// TransferID names the move of one pinned source object to one key, so that the same work finds its own record.
func TransferID(t manifest.Transfer) string {
	id := fmt.Appendf(nil, "%q %q %q %q %q %q %d %q %q", t.Dataset, t.Path, t.SourceStore, t.SourceKey, t.ETag, t.Version, t.Size,
		t.DestStore, t.DestKey)
	return chunker.Sum(id).Hex()[:32]
}

func (r *run) newShard(it plan.Item) *shard {
	s := &shard{run: r, it: it, from: r.Source, source: it.Ref(r.Dataset.Prefix), parts: map[int]manifest.Part{}, prepaid: map[hop]*receipt{}}
	if it.Origin != nil {
		s.from, s.source = r.Origins[it.Origin.Place.Store], it.Origin.Ref()
	}
	return s
}

// full moves a shard from the source, or only reads it when there is no destination.
func (r *run) full(ctx context.Context, it plan.Item) (moved int64, err error) {
	s := r.newShard(it)
	if err := s.load(); err != nil {
		return 0, err
	}
	if s.t.Upload == nil && s.t.Assembly == nil && !s.pulling() && !r.needed[it.Key] && len(s.parts) == 0 && it.Size <= s.o.SingleBytes && (r.Dest == nil || it.Size <= r.Dest.Capabilities().PutMaxBytes) {
		err = s.single(ctx)
	} else {
		err = s.multi(ctx)
	}
	if errors.Is(err, errLater) {
		r.countReused(s.reused)
		return s.moved, r.leaveForLater(laterStep{it, s.moved, func(ctx context.Context) error {
			err := s.end(ctx)
			if errors.Is(err, store.ErrConflict) {
				if err = r.conflicted(ctx, it, err); err == nil {
					return s.abandonUpload(ctx)
				}
			}
			return err
		}})
	}
	if errors.Is(err, store.ErrConflict) {
		if err = r.conflicted(ctx, it, err); err == nil {
			return 0, s.abandonUpload(ctx)
		}
	}
	if errors.Is(err, store.ErrUnsupported) && s.t.Assembly != nil {
		// The store cannot copy one of the ranges after all: everything comes from the source.
		if err := s.abandon(ctx); err != nil {
			return s.moved, err
		}
		it.Way, it.Assembly = plan.Full, nil
		again, err := r.full(ctx, it)
		return s.moved + again, err
	}
	r.countReused(s.reused)
	return s.moved, err
}

func (r *run) countReused(bytes int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.summary.ReusedBytes += bytes
}

// load finds the record of an earlier run, and the recipe.
func (s *shard) load() error {
	fresh := s.transfer(s.it)
	fresh.Created = manifest.At(s.m.Now())
	fresh.Updated = fresh.Created
	if s.it.Known {
		fresh.Shard = s.it.Digest
		if err := s.loadRecipe(); err != nil {
			return err
		}
		if s.recipe != nil {
			s.packed = s.Packed != nil && slices.ContainsFunc(s.recipe.Chunks, func(c chunker.Chunk) bool { return s.Packed.Has(c.Digest) })
			fresh.Recipe, fresh.Assembly = s.it.Recipe, assembly(s.it.Assembly)
		}
	}
	var parts []manifest.Part
	err := s.m.View(func(tx *manifest.Tx) (err error) {
		if s.owner, err = tx.ID(); err != nil {
			return err
		}
		if s.t, s.recorded, err = tx.Transfer(fresh.ID); err == nil && !s.recorded {
			return s.takeOver(tx, &fresh)
		}
		if err != nil {
			return err
		}
		parts, err = tx.Parts(fresh.ID)
		return err
	})
	if err != nil {
		return err
	}
	// A record whose parts follow a recipe that is gone cannot be continued; one that learns goes on learning.
	// Nor one that learns chunks of an algorithm that is known no more.
	unknown := s.t.Params != nil && s.t.Params.Validate() != nil
	unstarted := s.t.Upload == nil && len(parts) == 0
	if s.recorded && unstarted {
		s.strayed, fresh.Created, fresh.Begun = true, s.t.Created, s.t.Begun
	}
	if !s.recorded || unknown || unstarted && s.Dest != nil || (!s.t.Recipe.IsZero() && (s.recipe == nil || s.t.Recipe != s.it.Recipe)) {
		s.t, s.recorded = fresh, false
		return nil
	}
	if s.t.Recipe.IsZero() {
		s.recipe = nil
	}
	for _, p := range parts {
		s.parts[p.Number] = p
	}
	return nil
}

// takeOver takes what the transfer that put an object there learned of the shard, before it was ended between the object's completion and the
// record of it: it had read the same bytes under the same condition.
func (s *shard) takeOver(tx *manifest.Tx, fresh *manifest.Transfer) error {
	if s.Dest != nil || s.it.Begun == "" {
		return nil
	}
	t, ok, err := tx.Transfer(s.it.Begun)
	learning := ok && t.Recipe.IsZero() && t.Assembly == nil && t.Params != nil && t.Params.Validate() == nil
	if err != nil || !learning || t.ETag != fresh.ETag || t.Version != fresh.Version || t.Size != fresh.Size || t.SourceStore != fresh.SourceStore || t.SourceKey != fresh.SourceKey {
		return err
	}
	parts, err := tx.Parts(t.ID)
	if err != nil {
		return err
	}
	fresh.PartBytes, fresh.Params, fresh.Digests = t.PartBytes, t.Params, t.Digests
	for _, p := range parts {
		p.ETag = "" // of a part at the destination, which is of no use here
		s.parts[p.Number] = p
	}
	return nil
}

// loadRecipe reads the shard's recipe. Without one, which the item may want, the shard is cut on the way.
func (s *shard) loadRecipe() error {
	if s.it.Recipe.IsZero() {
		return nil
	}
	recipe, err := s.m.Recipe(s.it.Recipe)
	switch {
	case errors.Is(err, chunker.ErrOldRecipe):
		s.log.Info("the recipe is of an old format; the shard is cut again on the way", "path", s.it.Path)
	case errors.Is(err, manifest.ErrCorrupt):
		s.log.Warn("the recipe is lost; the shard is cut again on the way", "path", s.it.Path, "error", err)
	case err != nil:
		return err
	default:
		s.recipe = recipe
	}
	return nil
}

// params of the dataset's chunks, or those that an interrupted transfer began with.
func (s *shard) params() chunker.Params {
	if s.t.Params != nil {
		return *s.t.Params
	}
	return s.Dataset.Params
}

// digests beside BLAKE3 that go with params.
func (s *shard) digests() []string {
	if s.t.Params != nil {
		return s.t.Digests
	}
	return s.Dataset.Digests
}

// readSplit fills p from the pinned source, by several requests at the same time where that is faster.
func (s *shard) readSplit(ctx context.Context, off int64, p []byte) (receipts []receipt, err error) {
	n := int64(s.split.count(int64(len(p))))
	if n == 1 || s.Shared != nil {
		in, err := s.read(ctx, off, p)
		return []receipt{in}, err
	}
	receipts = make([]receipt, n)
	g, ctx := errgroup.WithContext(ctx)
	each := (int64(len(p)) + n - 1) / n
	for i := range n {
		from, to := i*each, min((i+1)*each, int64(len(p)))
		g.Go(func() (err error) {
			receipts[i], err = s.read(ctx, off+from, p[from:to])
			return err
		})
	}
	if err := g.Wait(); err != nil {
		// What the others read is paid for.
		return nil, errors.Join(err, s.settleHeld(receipts...))
	}
	return receipts, nil
}

// read fills p from the pinned source.
func (s *shard) read(ctx context.Context, off int64, p []byte) (receipt, error) {
	if len(p) == 0 {
		return receipt{}, nil
	}
	c := s.readCrossing(int64(len(p)))
	if err := s.o.Links.For(pace.Link(c.Link)).Wait(ctx, int64(len(p))); err != nil {
		return receipt{}, err
	}
	paid, err := s.spend(ctx, hopIn, c, func(ctx context.Context) error {
		crashpoint.Hit(crashpoint.ReadBefore)
		return s.from.ReadRange(ctx, s.source, off, p)
	})
	if errors.Is(err, store.ErrChanged) || errors.Is(err, store.ErrNotFound) {
		if o := s.it.Origin; o != nil {
			return paid, errors.Join(fmt.Errorf("%w as it was: %q in %s: %w", errStaleCopy, o.Key, o.Place.Store, err),
				s.markIn(o.Place.Store, o.Key, manifest.Changed))
		}
		err = fmt.Errorf("%w: %w", ErrSourceChanged, err)
	}
	return paid, err
}

// wrongBytes is the error for bytes that are not the shard's, twice.
func (s *shard) wrongBytes(what error) error {
	if o := s.it.Origin; o != nil {
		return errors.Join(fmt.Errorf("%w as it was proven: %q in %s: %w", errStaleCopy, o.Key, o.Place.Store, what),
			s.markIn(o.Place.Store, o.Key, manifest.Damaged))
	}
	return fmt.Errorf("%w: %q from the source, twice: %w; index it again, and look at the source's disks", store.ErrIntegrity, s.it.Path, what)
}

// readCrossing is a read of so many bytes of the source.
func (s *shard) readCrossing(n int64) cost.Crossing {
	c := s.crossing(hopIn, s.it.Path, n, cost.OpRead, 1)
	if o := s.it.Origin; o != nil {
		c.From, c.Rate, c.RequestPrices = o.Place.Location, o.Place.In, o.Place.Prices
		c.Link.Source, c.Link.SourceLocation = o.Place.Store, o.Place.Location
		return c
	}
	if s.it.StorageClass != "" {
		c.StorageClass = s.it.StorageClass
		c.Retrieval, _ = s.ledger.Book().Retrieval(s.Route.SourcePrices, s.it.StorageClass, n)
	}
	return c
}

// putCrossing is a put of the whole shard.
func (s *shard) putCrossing() cost.Crossing {
	return s.crossing(hopOut, s.it.Path, s.it.Size, cost.OpWrite, 1)
}

// spend is pay, from what a batch has reserved if there is any.
func (s *shard) spend(ctx context.Context, h hop, c cost.Crossing, request func(ctx context.Context) error) (receipt, error) {
	p := s.prepaid[h]
	if p == nil {
		return s.pay(ctx, h, c, request)
	}
	delete(s.prepaid, h)
	return s.payFrom(ctx, h, *p, request)
}

// properties that travel with the object.
func (s *shard) properties() store.Properties {
	p := s.Destination.Properties
	p.ContentType, p.ContentEncoding = s.it.ContentType, s.it.ContentEncoding
	return p
}

// distrust notes that a key no longer holds what the manifest says, so that the next plan looks.
func (r *run) distrust(key string) error { return r.mark(key, manifest.Changed) }

func (r *run) mark(key, why string) error { return r.markIn(r.Destination.Store, key, why) }

// distrustRef is mark for an object as it was pinned: what stands under its key by now may be another one, which this run wrote.
func (r *run) distrustRef(ref store.Ref, why string) error {
	return recordError(r.m.Batch(func(tx *manifest.Tx) error {
		rep, ok, err := tx.Replica(r.Destination.Store, ref.Key)
		if err != nil || !ok || !rep.Present() || rep.ETag != ref.ETag {
			return err
		}
		rep.Missing = why
		return tx.PutReplica(rep)
	}))
}

func (r *run) markIn(storeName, key, why string) error {
	return recordError(r.m.Batch(func(tx *manifest.Tx) error {
		rep, ok, err := tx.Replica(storeName, key)
		if err != nil || !ok || !rep.Present() {
			return err
		}
		rep.Missing = why
		return tx.PutReplica(rep)
	}))
}

// prove compares a finished object with the shard. An object that is wrong is removed: none is better than a wrong one.
// With readable, an object of which the store tells no checksum is left for the caller to read back.
func (r *run) prove(ctx context.Context, it plan.Item, o store.Object, want store.Checksums, n *notes, readable bool) (store.Object, error) {
	if o.Size == it.Size && o.Checksums.Compare(want) == store.Unknown && len(r.Dest.Capabilities().ObjectChecksums) > 0 {
		var full store.Object
		err := r.control(ctx, hopOut, it.Path, 0, cost.OpRead, n, func(ctx context.Context) (err error) {
			full, err = r.Dest.Head(ctx, o.Key)
			return err
		})
		if err != nil {
			return o, err
		}
		if full.ETag != o.ETag {
			return o, fmt.Errorf("%w: %q was replaced right after it was written", store.ErrConflict, o.Key)
		}
		o = full
	}
	verdict := o.Checksums.Compare(want)
	unproven := verdict == store.Unknown && len(r.Dest.Capabilities().ObjectChecksums) > 0 && !readable
	if o.Size == it.Size && verdict != store.Different && !unproven {
		return o, nil
	}
	err := fmt.Errorf("%w: %q was written with %d bytes and checksums %+v, the shard has %d and %+v; it was removed again",
		store.ErrIntegrity, o.Key, o.Size, o.Checksums, it.Size, want)
	return o, errors.Join(err, r.Dest.Delete(ctx, store.Ref{Key: o.Key, ETag: o.ETag}))
}

// replica is the record of an object that is proven.
func (r *run) replica(it plan.Item, o store.Object, digest, recipe chunker.Digest, proof string) *manifest.Replica {
	now := manifest.At(r.m.Now())
	return &manifest.Replica{
		Store: r.Destination.Store, Key: o.Key, Shard: digest, Size: it.Size, ETag: o.ETag, Version: o.Version,
		Written: now, Seen: now, Verified: now, Proof: proof, Recipe: recipe,
	}
}

// learned is the record of a shard that was read: its fact and its recipe.
func (s *shard) learned(sums chunker.Sums, chunks []chunker.Chunk) (*manifest.Fact, *manifest.NewRecipe, error) {
	recipe := chunker.Recipe{
		Params: s.params(), Size: s.it.Size, Shard: sums.Shard, CRC64NVME: sums.CRC64NVME, CRC32C: sums.CRC32C, Extra: sums.Extra,
		Chunks: chunks,
	}
	encoded, err := recipe.Encode()
	if err != nil {
		return nil, nil, err
	}
	id, err := recipe.Digest()
	if err != nil {
		return nil, nil, err
	}
	return &manifest.Fact{
		Path: s.it.Path, Size: s.it.Size, ETag: s.it.ETag, Version: s.it.Version, Stored: s.it.Stored, Shard: sums.Shard,
		Recipe: id, CRC64NVME: sums.CRC64NVME, CRC32C: sums.CRC32C, Indexed: manifest.At(s.m.Now()),
		Cut: index.CutOf(s.params(), s.digests()),
	}, &manifest.NewRecipe{Digest: id, Encoded: encoded}, nil
}

// finish records a shard that is done; proven is nil when there is no destination.
func (s *shard) finish(fact *manifest.Fact, recipe *manifest.NewRecipe, proven *manifest.Replica) error {
	over := s.t.ID
	if s.unclean {
		over = ""
	}
	return s.rec.add(outcome{
		dataset: s.Dataset.Name, replica: proven, fact: fact, recipe: recipe, transfer: over, notes: s.notes,
		ledger: s.ledger, urgent: s.it.Size >= s.o.PartBytes/2,
	})
}

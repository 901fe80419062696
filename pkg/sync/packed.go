package sync

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/exchange"
	"github.com/datagravity/datagravity/pkg/exchange/pack"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/sync/plan"
)

const (
	// leastWanted is what must be missing for packs to be worth their requests and the wait.
	leastWanted = 256 << 10
	// originAlive is how old an origin's heartbeat may be: it writes one a minute, and clocks may differ by minutes.
	originAlive = 10 * time.Minute
	// An origin is waited for at least answerWait, and as long again as it may take to pack what is wanted.
	answerWait      = 30 * time.Second
	packBytesSecond = 20 << 20
	// wantedAtOnce bounds what is packed for one sync: it lies on two disks, and an origin needs minutes for it. The rest is read from the shards.
	wantedAtOnce = 8 << 30
	// The answer is looked for at first often, and then every answerPoll.
	firstPoll  = 500 * time.Millisecond
	answerPoll = 5 * time.Second
	// aliveEvery is how often it is looked whether the origin still is.
	aliveEvery = time.Minute
	// withdrawTime is how long taking a want back may take, whatever became of the sync.
	withdrawTime = 10 * time.Second
	// agentsBytes are at most what a listing of the agents has: 100 of them at about 1,200 bytes of XML each.
	agentsBytes = 128 << 10
	// framesKept are decoded ones, of up to 1 MiB each mostly: the chunks of a frame follow each other.
	framesKept = 16
)

// askPacks has an origin pack what a plan would read from the source, and fetches the packs, each request paid for like a read of a shard. nil: there
// is no origin that answers, or packing does not pay; then the ranges are read from the shards. The answer must be closed.
func (s *Syncer) askPacks(ctx context.Context, q Request, p *plan.Plan) (*packedChunks, error) {
	out, err := s.packs(ctx, q, p)
	if err == nil || ctx.Err() != nil {
		return out, errors.Join(err, context.Cause(ctx))
	}
	for _, kind := range []error{cost.ErrBudget, cost.ErrNoGrant, cost.ErrPaused, cost.ErrOverrun, manifest.ErrCorrupt, store.ErrAuth} {
		if errors.Is(err, kind) {
			return nil, err
		}
	}
	s.Log.Warn("there are no packs; what is missing is read from the shards", "dataset", q.Source.Name, "error", err)
	return nil, nil
}

func (s *Syncer) packs(ctx context.Context, q Request, p *plan.Plan) (out *packedChunks, err error) {
	if s.Role != EdgeRole || q.shared != nil || p.Route.In.IsFree() {
		return nil, nil
	}
	want, missing, err := s.missingChunks(q, p)
	if err != nil || missing < leastWanted {
		return nil, err
	}
	r := &paidReader{s: s, src: q.Source, link: s.link(q.Source, &q.Destination)}
	answer, asked, err := s.awaitPacks(ctx, r, q, want, missing)
	if asked {
		defer func() {
			if out == nil {
				s.takeBack(ctx, q, want)
			}
		}()
	}
	if err == nil {
		err = fitting(answer, want, missing)
	}
	if err != nil || len(answer.Packs) == 0 {
		return nil, errors.Join(err, r.note())
	}
	out = &packedChunks{s: s, q: q, want: want, at: map[chunker.Digest]entryAt{}, frames: map[frameAt][]byte{}}
	for _, ref := range answer.Packs {
		if err = out.fetch(ctx, r, ref); err != nil {
			break
		}
	}
	if err == nil {
		err = out.findBases(ctx)
	}
	if err = errors.Join(err, r.note()); err != nil {
		err = errors.Join(err, out.Close())
		out = nil
	}
	return out, err
}

// fitting tells whether an answer is one to the want, and less than what it saves.
func fitting(a exchange.Answer, w exchange.Want, missing int64) error {
	if len(a.Packs) == 0 {
		return nil
	}
	var bytes int64
	for _, ref := range a.Packs {
		bytes += ref.Bytes
	}
	if a.Dataset != w.Dataset || a.Snapshot != w.Snapshot || bytes >= missing {
		return fmt.Errorf("%w: the answer to want %s is about snapshot %s of %s, in packs of %d bytes for %d", exchange.ErrBad, w.ID, a.Snapshot, a.Dataset, bytes, missing)
	}
	return nil
}

// missingChunks are the runs of chunks that a plan reads from the source, and their bytes.
func (s *Syncer) missingChunks(q Request, p *plan.Plan) (w exchange.Want, bytes int64, err error) {
	id := chunker.Sum([]byte(fmt.Sprintf("%q %s %s %d", s.Name, needID(q), q.Source.Name, s.Manifest.Now().UnixNano())))
	w = exchange.Want{ID: hex.EncodeToString(id[:16]), Edge: s.Name, Dataset: q.Source.Name}
	places := map[shardID]uint32{}
	err = s.Manifest.View(func(tx *manifest.Tx) error {
		record, _, err := tx.Dataset(q.Source.Name)
		if err != nil {
			return err
		}
		w.Snapshot = record.Published
		need, _, err := tx.Need(needID(q))
		if err != nil {
			return err
		}
		if p.Route.Back.IsFree() && need.Snapshot != w.Snapshot {
			w.Base = need.Snapshot
		}
		n := uint32(0)
		// Only the items of the plan: there may be a million shards.
		wanted := make(map[string]bool, len(p.Items))
		for _, it := range p.Items {
			if it.Moves() {
				wanted[it.Path] = true
			}
		}
		return tx.SnapshotShards(w.Snapshot, func(sh manifest.Shard) (bool, error) {
			if wanted[sh.Path] {
				places[shardID{sh.Path, sh.Recipe}] = n
			}
			n++
			return true, nil
		})
	})
	if err != nil {
		return w, 0, err
	}
	for _, it := range p.Items {
		place, published := places[shardID{it.Path, it.Recipe}]
		if bytes >= wantedAtOnce || !published || !it.Known || it.Recipe.IsZero() || it.Origin != nil || it.Size < packFrom {
			continue
		}
		switch it.Way {
		case plan.Full:
			recipe, err := s.Manifest.Recipe(it.Recipe)
			if err != nil {
				continue // it is cut again on the way
			}
			w.Missing = append(w.Missing, exchange.Run{Shard: place, First: 0, Count: uint32(len(recipe.Chunks))})
			bytes += it.Size
		case plan.Assemble:
			for _, part := range it.Assembly.Parts {
				for _, piece := range part.Pieces() {
					if !piece.Copied {
						w.Missing = append(w.Missing, exchange.Run{Shard: place, First: uint32(piece.First), Count: uint32(piece.Count)})
						bytes += piece.Size
					}
				}
			}
		case plan.Pull:
			first := 0
			for _, piece := range it.Pulled.Pieces {
				if piece.From == 0 {
					w.Missing = append(w.Missing, exchange.Run{Shard: place, First: uint32(first), Count: uint32(piece.Chunks)})
				}
				first += piece.Chunks
			}
			bytes += it.Pulled.FetchedBytes
		}
	}
	slices.SortStableFunc(w.Missing, func(a, b exchange.Run) int { return int(int64(a.Shard) - int64(b.Shard)) })
	return w, bytes, nil
}

// shardID is a shard that is cut in one way.
type shardID struct {
	path   string
	recipe chunker.Digest
}

// packFrom is the size of a shard from which on its chunks are worth naming: smaller ones come together anyway.
const packFrom = 128 << 10

// awaitPacks writes the want and waits for the answer, as long as an origin is alive. asked: there is a want to be taken back.
func (s *Syncer) awaitPacks(ctx context.Context, r *paidReader, q Request, w exchange.Want, missing int64) (a exchange.Answer, asked bool, err error) {
	if alive, err := s.originAlive(ctx, r); !alive {
		return a, false, err
	}
	now := s.Manifest.Now()
	wait := answerWait + time.Duration(missing/packBytesSecond)*time.Second
	w.Time, w.Expires = now, now.Add(wait+packLife)
	if err := exchange.Ask(ctx, q.Source.Store, w); err != nil {
		return a, false, fmt.Errorf("ask for packs of %s: %w", q.Source.Name, err)
	}
	s.Log.Info("asked the origin for packs of what is missing", "dataset", q.Source.Name, "want", w.ID, "bytes", missing)
	poll := firstPoll
	looked := now
	for s.Manifest.Now().Sub(now) < wait {
		a, answered, err := exchange.Answered(ctx, r, w.Edge, w.ID)
		if err != nil || answered {
			return a, true, err
		}
		if t := s.Manifest.Now(); t.Sub(looked) >= aliveEvery {
			looked = t
			if alive, err := s.originAlive(ctx, r); !alive {
				return a, true, err
			}
		}
		select {
		case <-ctx.Done():
			return a, true, context.Cause(ctx)
		case <-time.After(poll):
		}
		poll = min(2*poll, answerPoll)
	}
	return a, true, fmt.Errorf("no origin answered within %s", wait)
}

// originAlive tells whether some origin said so not long ago. A heartbeat that cannot be read is nobody's.
func (s *Syncer) originAlive(ctx context.Context, r *paidReader) (bool, error) {
	agents, err := exchange.Agents(ctx, r)
	now := s.Manifest.Now()
	if slices.ContainsFunc(agents, func(a exchange.Agent) bool {
		return a.Role == string(OriginRole) && now.Sub(a.Time).Abs() < originAlive
	}) {
		return true, nil
	}
	if errors.Is(err, exchange.ErrBad) {
		err = nil
	}
	return false, err
}

// takeBack removes a want with its answer and packs, whatever became of the sync. What cannot be removed, the origin removes when it is over.
func (s *Syncer) takeBack(ctx context.Context, q Request, w exchange.Want) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), withdrawTime)
	defer cancel()
	if err := exchange.Withdraw(ctx, q.Source.Store, w.Edge, w.ID); err != nil {
		s.Log.Info("a want that is over could not be removed; the origin does that later", "want", w.ID, "error", err)
	}
}

// packedChunks are the chunks of packs that were fetched into a file.
type packedChunks struct {
	s    *Syncer
	q    Request
	want exchange.Want
	file *os.File
	size int64
	// packs, and where each begins in the file.
	packs  []*pack.Pack
	starts []int64
	at     map[chunker.Digest]entryAt
	// bases are where the destination holds old chunks that frames build on.
	bases map[chunker.Digest]heldChunk

	mu     sync.Mutex
	frames map[frameAt][]byte
	recent []frameAt
}

type entryAt struct{ pack, entry int }

type frameAt struct{ pack, frame int }

type heldChunk struct {
	ref    store.Ref
	offset int64
}

// fetch reads a pack into the file, whole and proven.
func (p *packedChunks) fetch(ctx context.Context, r *paidReader, ref exchange.PackRef) (err error) {
	if p.file == nil {
		if p.file, err = os.CreateTemp(p.s.Manifest.Dir(), "packs-*.tmp"); err != nil {
			return err
		}
		// Nobody else needs its name, and what has none is gone whatever becomes of this process.
		if err := os.Remove(p.file.Name()); err != nil {
			return err
		}
	}
	if err := exchange.ReadPack(ctx, r, p.want.Edge, p.want.ID, ref, io.NewOffsetWriter(p.file, p.size)); err != nil {
		return err
	}
	prefix := make([]byte, min(pack.PrefixBytes, ref.Bytes))
	if _, err := p.file.ReadAt(prefix, p.size); err != nil {
		return err
	}
	n, err := pack.TablesBytes(prefix)
	if err != nil || n > ref.Bytes {
		return errors.Join(err, fmt.Errorf("%w: the tables of pack %s", exchange.ErrBad, ref.Digest))
	}
	tables := make([]byte, n)
	if _, err := p.file.ReadAt(tables, p.size); err != nil {
		return err
	}
	one, err := pack.Open(tables)
	if err != nil {
		return fmt.Errorf("pack %s: %w", ref.Digest, err)
	}
	for i, e := range one.Entries {
		p.at[e.Digest] = entryAt{len(p.packs), i}
	}
	p.packs, p.starts, p.size = append(p.packs, one), append(p.starts, p.size), p.size+ref.Bytes
	return nil
}

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
		return tx.SnapshotShards(p.want.Base, func(sh manifest.Shard) (bool, error) {
			r, ok, err := tx.Replica(d.Destination.Store, d.Key(d.Folder(p.want.Base), sh.Path))
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
	if _, err := p.file.ReadAt(stored, p.starts[at.pack]+f.Offset); err != nil {
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

// done forgets the packs and takes the want back: whoever goes on after a failure asks for what is missing then.
func (p *packedChunks) done(ctx context.Context) {
	if p == nil {
		return
	}
	_ = p.Close() // it has no name, and nothing in it is needed any more
	p.s.takeBack(ctx, p.q, p.want)
}

// Close gives the disk's room back.
func (p *packedChunks) Close() error {
	if p.file == nil {
		return nil
	}
	return p.file.Close()
}

// List is [store.Store.List], for the folder of agents.
func (r *paidReader) List(ctx context.Context, o store.ListOptions) (page store.Page, err error) {
	err = r.pay(ctx, agentsBytes, func(ctx context.Context) (err error) {
		page, err = r.src.Store.List(ctx, o)
		return err
	})
	return page, err
}

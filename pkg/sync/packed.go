package sync

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/exchange"
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
)

// askPacks has an origin pack what a plan would read from the source, and fetches the packs, each request paid for like a read of a shard. What an
// earlier run fetched is used again. nil: there is no origin that answers, or packing does not pay; then the ranges are read from the shards. Whoever
// gets packs says when they are done with.
func (s *Syncer) askPacks(ctx context.Context, q Request, p *plan.Plan) (*packedChunks, error) {
	if !s.packable(q, p) {
		return nil, nil
	}
	out, err := s.packs(ctx, q, p)
	if err != nil && mayNotPass(ctx, err) {
		out.done(ctx, false)
		return nil, errors.Join(err, context.Cause(ctx))
	}
	if err != nil {
		s.Log.Warn("packs are missing; what would be in them is read from the shards", "dataset", q.Source.Name, "error", err)
	}
	if out != nil && len(out.packs) == 0 {
		out.done(ctx, true)
		return nil, nil
	}
	return out, nil
}

// packable tells whether what a plan reads from the source may come from an origin's packs.
func (s *Syncer) packable(q Request, p *plan.Plan) bool {
	return s.Role == EdgeRole && q.shared == nil && !p.Route.In.IsFree()
}

// foreseePacks says what a sync by this plan would do about packs.
func (s *Syncer) foreseePacks(q Request, p *plan.Plan) error {
	if !q.Compare || !s.packable(q, p) || !p.Pending() {
		return nil
	}
	m, err := s.missingChunks(q, p)
	if err != nil {
		return err
	}
	p.Packs = &plan.Packs{Bytes: m.bytes}
	switch {
	case m.bytes < leastWanted:
		p.Packs.Why = "too little is missing"
	case q.hasty(p, m.bytes, s.Manifest.Now()):
		p.Packs.Why = "it is needed sooner than they may come"
	}
	return nil
}

// mayNotPass tells that reading ranges would fail as well.
func mayNotPass(ctx context.Context, err error) bool {
	return ctx.Err() != nil || cost.Stops(err) || errors.Is(err, manifest.ErrCorrupt) || errors.Is(err, store.ErrAuth)
}

// packs returns what there is of packs, also beside an error.
func (s *Syncer) packs(ctx context.Context, q Request, p *plan.Plan) (out *packedChunks, err error) {
	m, err := s.missingChunks(q, p)
	if err != nil || m.bytes < leastWanted {
		return nil, err
	}
	r := &paidReader{s: s, src: q.Source, from: q.Source.exchange(), link: s.link(q.Source, &q.Destination)}
	defer func() { err = errors.Join(err, r.note()) }()
	if out, err = s.spooled(q, m.Snapshot, m.Base); err != nil {
		return nil, err
	}
	if err := out.goOn(ctx, r, m.bytes); err != nil {
		return out, err
	}
	if err := out.takeOut(ctx, &m); err != nil || m.bytes < leastWanted {
		return out, err
	}
	if q.hasty(p, m.bytes, s.Manifest.Now()) {
		s.Log.Info("nobody is asked for packs: what is missing is needed sooner than they may come", "dataset", q.Source.Name, "bytes", m.bytes, "need_by", q.Wish.NeedBy)
		return out, nil
	}
	if alive, err := s.originAlive(ctx, r); !alive {
		return out, err
	}
	if err := out.asks(m.ID); err != nil {
		return out, err
	}
	answer, err := s.awaitPacks(ctx, r, q, m.Want, m.bytes)
	if err == nil {
		err = fitting(answer, m.Want, m.bytes)
	}
	if err != nil {
		return out, err
	}
	err = out.fetchAll(ctx, r, m.ID, answer)
	return out, errors.Join(err, out.findBases(ctx))
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

// missing is what is read from the source, as a want.
type missing struct {
	exchange.Want
	bytes   int64
	recipes map[uint32]chunker.Digest // of the shards that its runs are of
}

// missingChunks are the runs of chunks that a plan reads from the source.
func (s *Syncer) missingChunks(q Request, p *plan.Plan) (m missing, err error) {
	m = missing{Want: exchange.Want{ID: randomID(), Edge: s.Name, Dataset: q.Source.Name}, recipes: map[uint32]chunker.Digest{}}
	places := map[shardID]uint32{}
	err = s.Manifest.View(func(tx *manifest.Tx) error {
		record, _, err := tx.Dataset(q.Source.Name)
		if err != nil {
			return err
		}
		m.Snapshot = record.Published
		need, _, err := tx.Need(needID(q))
		if err != nil {
			return err
		}
		if p.Route.Back.IsFree() && need.Snapshot != m.Snapshot {
			m.Base = need.Snapshot
		}
		n := uint32(0)
		// Only the items of the plan: there may be a million shards.
		wanted := make(map[string]bool, len(p.Items))
		for _, it := range p.Items {
			if it.Moves() {
				wanted[it.Path] = true
			}
		}
		return tx.SnapshotShards(m.Snapshot, func(sh manifest.Shard) (bool, error) {
			if wanted[sh.Path] {
				places[shardID{sh.Path, sh.Recipe}] = n
			}
			n++
			return true, nil
		})
	})
	if err != nil {
		return m, err
	}
	for _, it := range p.Items {
		place, published := places[shardID{it.Path, it.Recipe}]
		if m.bytes >= wantedAtOnce || !published || !it.Known || it.Recipe.IsZero() || it.Origin != nil || it.Size < packFrom {
			continue
		}
		m.recipes[place] = it.Recipe
		switch it.Way {
		case plan.Full:
			recipe, err := s.Manifest.Recipe(it.Recipe)
			if err != nil {
				continue // it is cut again on the way
			}
			m.Missing = append(m.Missing, exchange.Run{Shard: place, First: 0, Count: uint32(len(recipe.Chunks))})
			m.bytes += it.Size
		case plan.Assemble:
			for _, part := range it.Assembly.Parts {
				for _, piece := range part.Pieces() {
					if !piece.Copied {
						m.Missing = append(m.Missing, exchange.Run{Shard: place, First: uint32(piece.First), Count: uint32(piece.Count)})
						m.bytes += piece.Size
					}
				}
			}
		case plan.Pull:
			first := 0
			for _, piece := range it.Pulled.Pieces {
				if piece.From == 0 {
					m.Missing = append(m.Missing, exchange.Run{Shard: place, First: uint32(first), Count: uint32(piece.Chunks)})
				}
				first += piece.Chunks
			}
			m.bytes += it.Pulled.FetchedBytes
		}
	}
	slices.SortStableFunc(m.Missing, func(a, b exchange.Run) int { return int(int64(a.Shard) - int64(b.Shard)) })
	return m, nil
}

// shardID is a shard that is cut in one way.
type shardID struct {
	path   string
	recipe chunker.Digest
}

// packFrom is the size of a shard from which on its chunks are worth naming: smaller ones come together anyway.
const packFrom = 128 << 10

// awaitPacks writes the want and waits for the answer, as long as an origin is alive.
func (s *Syncer) awaitPacks(ctx context.Context, r *paidReader, q Request, w exchange.Want, missing int64) (a exchange.Answer, err error) {
	now, wait := s.Manifest.Now(), packsWait(missing)
	w.Time, w.Expires = now, now.Add(wait+packLife)
	if err := exchange.Ask(ctx, q.Source.exchange(), w); err != nil {
		return a, fmt.Errorf("ask for packs of %s: %w", q.Source.Name, err)
	}
	s.Log.Info("asked the origin for packs of what is missing", "dataset", q.Source.Name, "want", w.ID, "bytes", missing)
	poll := firstPoll
	looked := now
	for s.Manifest.Now().Sub(now) < wait {
		a, answered, err := exchange.Answered(ctx, r, w.Edge, w.ID)
		if err != nil || answered {
			return a, err
		}
		if t := s.Manifest.Now(); t.Sub(looked) >= aliveEvery {
			looked = t
			if alive, err := s.originAlive(ctx, r); !alive {
				return a, err
			}
		}
		select {
		case <-ctx.Done():
			return a, context.Cause(ctx)
		case <-time.After(poll):
		}
		poll = min(2*poll, answerPoll)
	}
	return a, fmt.Errorf("no origin answered within %s", wait)
}

// packsWait is how long packs of so many bytes are waited for.
func packsWait(missing int64) time.Duration {
	return answerWait + time.Duration(missing/packBytesSecond)*time.Second
}

// hasty tells that moving must begin before packs would be given up.
func (q Request) hasty(p *plan.Plan, missing int64, now time.Time) bool {
	return !q.Wish.NeedBy.IsZero() && q.slack(p, now) < packsWait(missing)
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

// takeBack removes a want with its answer and packs, whatever became of the sync. What cannot be removed, the next run removes, or the origin when it is over.
func (s *Syncer) takeBack(ctx context.Context, q Request, id string) (gone bool) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), withdrawTime)
	defer cancel()
	err := exchange.Withdraw(ctx, q.Source.exchange(), s.Name, id)
	if err != nil {
		s.Log.Info("a want that is over could not be removed; the origin does that later", "want", id, "error", err)
	}
	return err == nil
}

// List is [store.Store.List], for the folder of agents and what else is read to learn whether there is more to read.
func (r *paidReader) List(ctx context.Context, o store.ListOptions) (page store.Page, err error) {
	op, bytes := cost.OpRead, int64(agentsBytes)
	if r.activity != "" {
		op, bytes = cost.OpList, maxPageBytes
	}
	err = r.payFor(ctx, op, bytes, func(ctx context.Context) (err error) {
		page, err = r.from.List(ctx, o)
		return err
	})
	return page, err
}

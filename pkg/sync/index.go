package sync

import (
	"context"
	"errors"
	"fmt"

	"github.com/datagravity/datagravity/internal/crashpoint"
	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/exchange"
	"github.com/datagravity/datagravity/pkg/jobs"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/store/trace"
	"github.com/datagravity/datagravity/pkg/sync/engine"
	"github.com/datagravity/datagravity/pkg/sync/index"
	"github.com/datagravity/datagravity/pkg/sync/plan"
)

// rounds bounds how often a pass starts again from the top because the source or the destination changed under it.
const rounds = 3

// IndexReport is what Index did.
type IndexReport struct {
	Snapshot manifest.SnapshotHeader
	// New tells that the snapshot is another one than before.
	New bool
	engine.Summary
	// Published is what was written for other agents, by an origin.
	Published exchange.Published
}

// Index reads the new and changed shards of a dataset, and those whose recipes are made otherwise than it wants now, and commits a
// snapshot. Reading across a paid link is priced,
// budgeted and in the ledger like any transfer. Errors: [index.ErrNotComplete], [index.ErrEmpty], [cost.ErrBudget],
// [ErrFailed], and those of the stores.
func (s *Syncer) Index(ctx context.Context, src Source) (out IndexReport, err error) {
	ctx, span := trace.Start(ctx, "index", trace.Dataset.String(src.Name), trace.Source.String(src.Dataset.Store))
	defer span.Ends(&err)
	defer s.Grants.enter(ctx, s.link(src, nil), src.Name, src.For)()
	route, err := s.route(src, nil)
	if err != nil {
		return out, err
	}
	for round := 1; ; round++ {
		v, err := s.survey(ctx, src, jobs.Selection{}, out.Snapshot.ID, s.link(src, nil))
		if err != nil {
			return out, err
		}
		defer v.listing.Close() //nolint:errcheck // nothing in it is needed any more
		if err := s.complete(v); err != nil {
			return out, err
		}
		before := v.record.Latest
		toRead := index.Unread(v.states)
		for _, st := range s.stale(v) {
			st.Recipe = chunker.Digest{} // read without the one there is
			toRead = append(toRead, st)
		}
		if len(toRead) > 0 {
			again, err := s.indexRound(ctx, v.src, toRead, route, &out)
			if err != nil {
				return out, err
			}
			if again && round < rounds {
				continue
			}
		}
		if n := len(out.Failures); n > 0 {
			return out, fmt.Errorf("%w: %d shards of %s could not be read: %w", ErrFailed, n, src.Name, out.Failures[0].Err)
		}
		out.Snapshot, err = s.commit(v, jobs.Selection{})
		out.New = err == nil && out.Snapshot.ID != before
		if err == nil {
			s.keepBeside(ctx, out.Snapshot.ID)
			out.Published, err = s.publish(ctx, src, out.Snapshot)
		}
		return out, err
	}
}

// complete tells whether a snapshot may be taken of what is listed. Who published it has waited for that.
func (s *Syncer) complete(v *survey) error {
	if s.Role == EdgeRole {
		return nil
	}
	return index.Complete(v.src.Dataset, v.listing, v.record, s.Manifest.Now())
}

// stale are the shards to be cut otherwise. An edge leaves that to the origin.
func (s *Syncer) stale(v *survey) []index.State {
	if s.Role == EdgeRole {
		return nil
	}
	return index.Stale(v.src.Dataset, v.states)
}

// indexRound reads what is unread; again tells that the source changed meanwhile.
func (s *Syncer) indexRound(ctx context.Context, src Source, unread []index.State, route plan.Route, out *IndexReport) (again bool, err error) {
	items := make([]plan.Item, len(unread))
	for i, st := range unread {
		items[i] = plan.Item{State: st, Way: plan.Full}
	}
	p := plan.Plan{Dataset: src.Name, Route: route, Items: items, For: src.For}
	if err := p.Finish(s.Ledger, s.Manifest, s.Engine.PartBytes(), s.BitsPerSecond); err != nil {
		return false, err
	}
	if err := errors.Join(p.Readable(s.Ledger.Book()), p.Fits(s.Ledger)); err != nil {
		return false, err
	}
	sum, err := s.read(ctx, src, items, route, nil)
	out.Summary = out.Summary.Add(sum)
	return sum.Replan(), err
}

// commit takes the snapshot of a survey's shards, which must all be known by now.
func (s *Syncer) commit(v *survey, sel jobs.Selection) (manifest.SnapshotHeader, error) {
	if !v.snapshot.IsZero() {
		var h manifest.SnapshotHeader
		err := s.Manifest.View(func(tx *manifest.Tx) (err error) {
			h, _, err = tx.Snapshot(v.snapshot)
			return err
		})
		return h, err
	}
	states, err := s.refresh(v, sel)
	if err != nil {
		return manifest.SnapshotHeader{}, err
	}
	crashpoint.Hit(crashpoint.IndexCommit)
	return index.Commit(s.Manifest, v.src.Dataset, states, sel.All())
}

// refresh joins the survey's listing again with what was learned since.
func (s *Syncer) refresh(v *survey, sel jobs.Selection) (states []index.State, err error) {
	if !v.snapshot.IsZero() {
		return v.states, nil
	}
	var all []index.State
	err = s.Manifest.View(func(tx *manifest.Tx) (err error) {
		all, _, err = index.States(tx, v.src.Dataset, v.listing)
		return err
	})
	for _, st := range all {
		if sel.Matches(st.Path) {
			states = append(states, st)
		}
	}
	return states, err
}

// keepBeside has what was found out lie beside the manifest too, for the day on which that is lost.
func (s *Syncer) keepBeside(ctx context.Context, id chunker.Digest) {
	if err := s.Manifest.KeepSnapshots(ctx, id); err != nil {
		s.Log.Warn("the snapshot does not lie beside the manifest; the next index or sync tries again", "snapshot", id, "error", err)
	}
}

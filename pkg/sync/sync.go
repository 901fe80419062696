package sync

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/datagravity/datagravity/internal/crashpoint"
	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/jobs"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/store/trace"
	"github.com/datagravity/datagravity/pkg/sync/engine"
	"github.com/datagravity/datagravity/pkg/sync/plan"
)

// Report is what Sync did.
type Report struct {
	// Plan is the first round's, before anything moved.
	Plan *plan.Plan
	engine.Summary
	Snapshot manifest.SnapshotHeader
	// Deferred shards do not fit the budgets (with Partial).
	Deferred []plan.Item
	Ready    bool
	Took     time.Duration
	// At is where the shards are: beside the mirror if pins kept them out of it.
	At plan.Destination
	// Removed are the objects that made room, or are gone from the source; those that stayed say why.
	Removed []plan.Removal
}

// Sync makes a selection of a dataset be at a destination, proven, and says so there with a receipt. Errors:
// [index.ErrNotComplete], [index.ErrEmpty], [jobs.ErrNothingSelected], [plan.ErrNames], [cost.ErrBudget],
// [cost.ErrPaused], [lease.ErrHeld], [lease.ErrLost], [ErrFailed] joined with the kinds of what failed, and those of the stores. The report is filled as
// far as it came.
func (s *Syncer) Sync(ctx context.Context, q Request) (out Report, err error) {
	start := s.Manifest.Now()
	defer func() { out.Took = s.Manifest.Now().Sub(start) }()
	ctx, span := trace.Start(ctx, "sync", trace.Dataset.String(q.Source.Name), trace.Source.String(q.Source.Dataset.Store),
		trace.Destination.String(q.Destination.Name), trace.Job.String(q.Source.For.Job))
	defer span.Ends(&err)
	defer s.Grants.enter(ctx, s.link(q.Source, &q.Destination), q.Source.Name, q.Source.For)()
	defer s.Manifest.HoldSnapshot(q.Snapshot)()
	q.leased = s.leased()
	defer q.leased.release()
	if err := s.stillRefused(ctx, q); err != nil {
		return out, err
	}
	wait, err := s.OpenAhead(ctx, q)
	if err != nil {
		return out, err
	}
	defer wait()
	for round := 1; ; round++ {
		v, again, err := s.round(ctx, q, &out)
		if v != nil {
			defer v.listing.Close() //nolint:errcheck // nothing in it is needed any more
		}
		if err != nil {
			return out, err
		}
		if again && round < rounds {
			trace.Logger(ctx, s.Log).Info("the source or the destination changed meanwhile: listing and planning again", "round", round+1)
			q.Check = q.Check || len(out.Failures) > 0
			continue
		}
		if err := s.failed(out); err != nil {
			return out, err
		}
		if len(out.Deferred) > 0 {
			return out, fmt.Errorf("%w: %d shards were left for the next window", cost.ErrBudget, len(out.Deferred))
		}
		out.Snapshot, err = s.commit(v, q.Selection)
		if err != nil {
			return out, err
		}
		if _, err := s.publish(ctx, q.Source, out.Snapshot); err != nil {
			// What was asked for is there all the same.
			trace.Logger(ctx, s.Log).Warn("other agents were not told of the snapshot; the next index or sync tells them", "dataset", q.Source.Name, "error", err)
		}
		s.keepBeside(ctx, out.Snapshot.ID)
		out.Ready, out.At = true, v.at
		deleted := s.propagate(ctx, q, &out)
		return out, errors.Join(s.announce(ctx, q.at(v.at), out), deleted)
	}
}

// OpenAhead begins to open the destination, before the source is opened or listed, unless the need was ready before: then there is mostly nothing to
// do there. Of the request it wants the source's name, the destination and the selection. wait ends when the opening has. An error of it comes again where the store is
// needed.
func (s *Syncer) OpenAhead(ctx context.Context, q Request) (wait func(), err error) {
	var opening sync.WaitGroup
	if q.Destination.Store != nil {
		return opening.Wait, nil
	}
	var before manifest.Need
	err = s.Manifest.View(func(tx *manifest.Tx) (err error) {
		before, _, err = tx.Need(needID(q))
		return err
	})
	if err == nil && before.Ready == 0 {
		opening.Go(func() { _, _ = q.Destination.Open(ctx) })
	}
	return opening.Wait, err
}

// round lists, plans, and moves once.
func (s *Syncer) round(ctx context.Context, q Request, out *Report) (v *survey, again bool, err error) {
	link := s.link(q.Source, &q.Destination)
	if v, err = s.survey(ctx, q.Source, q.Selection, q.Snapshot, link); err != nil {
		return v, false, err
	}
	q.Source, v.at = v.src, q.Destination.Destination
	if err := s.complete(v); err != nil && q.Snapshot.IsZero() {
		return v, false, err
	}
	if err := s.reassure(ctx, q); err != nil {
		return v, false, err
	}
	if v.unchanged && !q.Check {
		if p, err := s.allHeld(q, v); p != nil || err != nil {
			if out.Plan == nil {
				out.Plan = p
			}
			if err == nil {
				out.Summary = out.Summary.Add(counted(p))
			}
			return v, false, err
		}
	}
	if q.Destination, err = q.Destination.opened(ctx); err != nil {
		return v, false, err
	}
	p, err := s.plan(ctx, q, v)
	if err != nil {
		return v, false, err
	}
	if out.Plan == nil {
		out.Plan = p
	}
	if p.Pending() {
		if _, err := s.Ask(q); err != nil {
			return v, false, err
		}
	}
	if err := s.admit(q, p, out); err != nil {
		return v, false, err
	}
	if p.Pending() {
		if err := q.leased.take(ctx, q.Destination.Store, q.mirrorPrefix()); err != nil {
			return v, false, err
		}
	}
	announceReads(q, p)
	learned, err := s.learn(ctx, q, p)
	out.Summary = out.Summary.Add(learned)
	if err != nil || learned.Replan() {
		return v, true, err
	}
	if learned.Learned > 0 {
		// What was read may be held under another key: plan again, now that the digests are known.
		if v.states, err = s.refresh(v, q.Selection); err != nil {
			return v, false, err
		}
		if p, err = s.plan(ctx, q, v); err != nil {
			return v, false, err
		}
		if err := s.admit(q, p, out); err != nil {
			return v, false, err
		}
		announceReads(q, p)
	}
	q, v.at = q.at(p.Destination), p.Destination
	if p.Unnamed {
		// Some digests are still not known: their shards could not be read, or the budgets had no room. The folder's name needs them all.
		if len(out.Failures) == 0 && len(out.Deferred) == 0 {
			return v, false, fmt.Errorf("%w: the snapshot's folder has no name before every shard was read", ErrFailed)
		}
		return v, false, nil
	}
	if !p.Pending() {
		out.Summary = out.Summary.Add(counted(p))
		return v, false, nil
	}
	if err := s.Grants.ensure(ctx, q, p, out); err != nil {
		return v, false, err
	}
	packs, err := s.askPacks(ctx, q, p)
	if err != nil {
		return v, false, err
	}
	defer func() { packs.done(ctx, err == nil && !again && len(out.Failures) == 0) }()
	if err := s.makeRoom(ctx, q, p, out); err != nil {
		return v, false, err
	}
	defer s.Manifest.HoldNeed(needID(q))()
	items, blocked, err := s.withdraw(ctx, q, p.Items)
	if err != nil {
		return v, false, err
	}
	origins, err := s.openOrigins(ctx, q, p)
	if err != nil {
		return v, false, err
	}
	job := engine.Job{
		Dataset: q.Source.Dataset, Source: q.Source.Store, Origins: origins, Shared: q.shared, Dest: q.Destination.Store, Destination: q.Destination.Destination,
		Route: p.Route, Items: items, Need: needID(q), Activity: "transfer", For: q.Source.For,
		Slack: q.slack(p, s.Manifest.Now()), May: q.leased.Err,
	}
	if packs != nil {
		job.Packed = packs
	}
	sum, err := s.Engine.Run(ctx, job)
	sum.Failures = append(append(sum.Failures, learned.Failures...), blocked.Failures...)
	sum.Skipped += blocked.Skipped
	out.Summary = out.Summary.Add(sum)
	if again := sum.Replan(); again && err == nil {
		out.Ways = nil // counted anew by the next round
		return v, true, nil
	}
	return v, false, err
}

// counted is the summary of a plan that has nothing to do.
func counted(p *plan.Plan) engine.Summary {
	s := engine.Summary{Ways: map[plan.Way]plan.Count{}}
	for w, c := range p.Estimate.Ways {
		s.Ways[w] = c
	}
	return s
}

// failed turns the failures of the last round into one error that carries all their kinds.
func (s *Syncer) failed(out Report) error {
	if len(out.Failures) == 0 && out.Skipped == 0 {
		return nil
	}
	errs := make([]error, 0, len(out.Failures)+1)
	errs = append(errs, fmt.Errorf("%w: %d failed, %d wait for them", ErrFailed, len(out.Failures), out.Skipped))
	for _, f := range out.Failures {
		errs = append(errs, f.Err)
	}
	return &FailedError{Summary: errs[0], Causes: errs}
}

// FailedError carries the kinds of all failures for errors.Is, and says only how many there are: the report has them.
type FailedError struct {
	Summary error
	Causes  []error
}

// Error is the summary.
func (e *FailedError) Error() string { return e.Summary.Error() }

// Unwrap gives every cause.
func (e *FailedError) Unwrap() []error { return e.Causes }

// JobNeeds names the needs that a job has at a destination, whatever it selects: the one there, and the one beside its mirror.
func JobNeeds(job, destination string) (ids [2]string) {
	for i, place := range []string{"", " beside"} {
		h := chunker.NewHasher()
		fmt.Fprintf(h, "job %q %q%s", job, destination, place)
		ids[i] = h.Digest().Hex()[:12]
	}
	return ids
}

// needID names a need by what is wanted where.
func needID(q Request) string {
	if ids := JobNeeds(q.Job, q.Destination.Name); q.Job != "" && q.Destination.Beside {
		return ids[1]
	} else if q.Job != "" {
		return ids[0]
	}
	h := chunker.NewHasher()
	fmt.Fprintf(h, "%q %q %q", q.Source.Name, q.Destination.Name, q.Selection.Globs)
	if _, _, id := q.Selection.Paths(); !id.IsZero() {
		fmt.Fprintf(h, " paths %s", id)
	}
	if q.Destination.Beside {
		fmt.Fprint(h, " beside")
	}
	return h.Digest().Hex()[:12]
}

// announce records the need as ready and writes the receipt: a sync's last write. What was announced before, and not
// taken back since, is not written again.
func (s *Syncer) announce(ctx context.Context, q Request, out Report) error {
	id := needID(q)
	now := s.Manifest.Now()
	var before manifest.Need
	err := s.Manifest.View(func(tx *manifest.Tx) (err error) {
		before, _, err = tx.Need(id)
		return err
	})
	if err != nil {
		return err
	}
	n := newNeed(q)
	crashpoint.Hit(crashpoint.ReadyBefore)
	n.Snapshot, n.Selection, n.Shards, n.Bytes = out.Snapshot.ID, before.Selection, before.Shards, before.Bytes
	n.Updated, n.Ready, n.Beside = manifest.At(now), manifest.At(now), q.Destination.Beside
	// The id stands for the selection, so that only another snapshot has other shards; a job's selection may become another one.
	if q.Check || before.Snapshot != n.Snapshot || before.Selection.IsZero() || q.Job != "" {
		if n.Selection, n.Shards, n.Bytes, err = s.selected(n.Snapshot, q.Selection); err != nil {
			return err
		}
	}
	if q.Check || before.Ready == 0 || before.Snapshot != n.Snapshot || before.Selection != n.Selection {
		if q.Destination, err = q.Destination.opened(ctx); err != nil {
			return err
		}
		r := jobs.Receipt{
			Dataset: q.Source.Name, Snapshot: n.Snapshot, Shards: q.Selection.Globs, Selection: n.Selection, Count: n.Shards, Bytes: n.Bytes,
			Prefix: q.Destination.Prefix, Time: now.UTC().Truncate(time.Second),
		}
		if !n.Paths.IsZero() {
			r.Paths = &n.Paths
		}
		if err := jobs.WriteReceipt(ctx, q.Destination.Store, r); err != nil {
			return err
		}
	}
	var shards []manifest.Content
	if q.Job != "" {
		named := q
		if named.Snapshot = n.Snapshot; q.Snapshot != n.Snapshot {
			named.Places = nil // they are places in another one
		}
		if shards, err = s.shardsOf(named, n.Snapshot); err != nil {
			return err
		}
	}
	return s.Manifest.Update(func(tx *manifest.Tx) error {
		if err := current(tx, q); err != nil {
			return err
		}
		was, _, err := tx.Need(id)
		if err == nil {
			err = s.leaveDoubt(tx, &was, q)
		}
		if err != nil {
			return err
		}
		if q.Job != "" {
			// What was found a moment ago may have changed while the receipt was written; the marks of the job's own receipt are others' to change.
			var now lookup
			if err := now.lookIn(tx, s.Manifest.Now(), q.Destination, q.Destination.Folder(n.Snapshot), shards, 0); err != nil {
				return err
			}
			if len(now.missing) > 0 {
				return fmt.Errorf("%w: %s is %s", ErrNotReady, now.missing[0].Path, now.missing[0].Reason)
			}
			n.Told, n.Until = was.Told, was.Until
			if n.Announced = was.Announced; was.Ready == 0 || was.Snapshot != n.Snapshot || was.Selection != n.Selection {
				n.Announced = 0
			}
		}
		if err := putPaths(tx, q.Selection); err != nil {
			return err
		}
		asked := q
		asked.Destination.Beside = false
		if q.Destination.Beside { // it was asked for in the mirror
			_, err := closeNeed(tx, asked)
			return errors.Join(err, tx.PutNeed(n))
		}
		// What had to go beside the mirror before is in it now.
		return errors.Join(tx.DeleteNeed(needID(q.beside())), tx.PutNeed(n))
	})
}

// ErrSuperseded: a job was taken back, or wants something else, since its request was made.
var ErrSuperseded = errors.New("the job wants something else by now")

// current tells that a job still wants what its request is for.
func current(tx *manifest.Tx, q Request) error {
	if q.Job == "" {
		return nil
	}
	j, ok, err := tx.Job(q.Job)
	if err != nil {
		return err
	}
	_, _, paths := q.Selection.Paths()
	if !ok || j.Dataset != q.Source.Name || j.Paths != paths || !slices.Equal(j.Globs, q.Selection.Globs) || j.Snapshot != q.Snapshot ||
		!slices.Contains(j.To, q.Destination.Name) {
		return fmt.Errorf("%w: %s", ErrSuperseded, q.Job)
	}
	return nil
}

// selected names and counts the shards of a snapshot that a selection chooses.
func (s *Syncer) selected(id chunker.Digest, sel jobs.Selection) (d chunker.Digest, count int, size int64, err error) {
	err = s.Manifest.View(func(tx *manifest.Tx) (err error) {
		d = jobs.Digest(func(yield func(string, chunker.Digest) bool) {
			err = tx.SnapshotShards(id, func(sh manifest.Shard) (bool, error) {
				if !sel.Matches(sh.Path) {
					return true, nil
				}
				count++
				size += sh.Size
				return yield(sh.Path, sh.Digest), nil
			})
		})
		return err
	})
	return d, count, size, err
}

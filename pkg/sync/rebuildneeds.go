package sync

import (
	"context"
	"errors"
	"sort"
	"strings"

	"github.com/datagravity/datagravity/pkg/jobs"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/sync/plan"
)

// rebuildNeed records what a receipt says was asked for, if all of it is proven to be there. A receipt that cannot be confirmed is named, and left alone.
func (s *Syncer) rebuildNeed(p RebuiltPlace, at plan.Destination, r jobs.Receipt, out *Rebuilt) error {
	sel, err := jobs.NewSelection(r.Shards)
	if err != nil || r.Paths != nil {
		return nil //nolint:nilerr // a list of paths is a job's, whose own receipt has it; globs that nobody understands promise nothing
	}
	d := p.Destination
	d.Destination = at
	q := Request{Destination: d, Selection: sel, Snapshot: r.Snapshot}
	q.Source.Name = p.Dataset
	var known bool
	var before manifest.Need
	var had bool
	err = s.Manifest.View(func(tx *manifest.Tx) (err error) {
		if _, known, err = tx.Snapshot(r.Snapshot); err == nil {
			before, had, err = tx.Need(needID(q))
		}
		return err
	})
	if err != nil || had && before.Updated >= manifest.At(r.Time) {
		return err
	}
	unconfirmed := func(why string) {
		out.problem("the receipt of %s (%s) at %s, of snapshot %s, is not confirmed: %s; datagravity sync %s --to %s", p.Dataset, sel, at.Name, r.Snapshot, why, p.Dataset, at.Name)
	}
	if !known {
		unconfirmed("the snapshot is not known any more")
		return nil
	}
	digest, count, size, err := s.selected(r.Snapshot, sel)
	if err != nil {
		return err
	}
	if digest != r.Selection || count != r.Count || size != r.Bytes {
		unconfirmed("it is about other shards")
		return nil
	}
	missing, _, err := s.Held(q)
	if err != nil {
		return err
	}
	if len(missing) > 0 {
		unconfirmed(missing[0].Path + " is " + missing[0].Reason)
		return nil
	}
	n := newNeed(q)
	n.Snapshot, n.Selection, n.Shards, n.Bytes = r.Snapshot, digest, count, size
	n.Updated, n.Ready, n.Beside = manifest.At(r.Time), manifest.At(r.Time), at.Beside
	n.Open = before.Open
	if n.Open != nil && (n.Open.Snapshot.IsZero() || n.Open.Snapshot == r.Snapshot) {
		n.Open = nil
	}
	out.Needs++
	return s.Manifest.Update(func(tx *manifest.Tx) error { return tx.PutNeed(n) })
}

// rebuildJobs records, for every receipt of a job in a store, what was promised, so that it is kept, and taken back before it stops being true.
func (s *Syncer) rebuildJobs(ctx context.Context, at store.Store, places []RebuiltPlace, name string, out *Rebuilt) error {
	list, err := jobs.JobReceipts(ctx, at)
	if err != nil {
		return err
	}
	for _, r := range list {
		for _, p := range places {
			if p.Destination.Name == r.Destination && p.Dataset == r.Dataset && p.Destination.Destination.Store == name {
				if err := s.rebuildJob(ctx, at, p, r, out); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (s *Syncer) rebuildJob(ctx context.Context, at store.Store, p RebuiltPlace, r jobs.JobReceipt, out *Rebuilt) error {
	if r.Ended(s.Manifest.Now()) {
		return nil
	}
	shards, err := jobs.ReadJobShards(ctx, at, r)
	if errors.Is(err, store.ErrIntegrity) {
		out.problem("%v", err)
		return nil
	}
	if err != nil {
		return err
	}
	place := p.Destination.Destination
	if beside := place.BesideMirror(); !place.Snapshots && strings.HasPrefix(r.Prefix, beside.Prefix) {
		place = beside
	}
	var paths, index []string
	for _, sh := range shards {
		paths = append(paths, sh.Path)
		if sh.Index {
			index = append(index, sh.Path)
		}
	}
	sort.Strings(paths)
	sort.Strings(index)
	id := manifest.PathsID(paths, index)
	d := p.Destination
	d.Destination = place
	q := Request{Destination: d, Selection: jobs.Named(paths, index, id), Snapshot: r.Snapshot, Job: r.Job}
	q.Source.Name = p.Dataset
	known := false
	err = s.Manifest.View(func(tx *manifest.Tx) (err error) {
		_, known, err = tx.Snapshot(r.Snapshot)
		return err
	})
	if err != nil {
		return err
	}
	job := RebuiltJob{Job: r.Job, Destination: r.Destination, Dataset: r.Dataset, Shards: r.Count}
	if known {
		digest, count, _, err := s.selected(r.Snapshot, q.Selection)
		if err != nil {
			return err
		}
		missing, _, err := s.Held(q)
		if err != nil {
			return err
		}
		job.Held = digest == r.Selection && count == r.Count && len(missing) == 0
	}
	return s.Manifest.Update(func(tx *manifest.Tx) error { return s.promised(tx, q, r, job, known, out) })
}

// promised records a job's receipt: as a need that says that there is one, and as a pin that keeps what it names.
func (s *Syncer) promised(tx *manifest.Tx, q Request, r jobs.JobReceipt, job RebuiltJob, known bool, out *Rebuilt) error {
	if _, declared, err := tx.Job(r.Job); err != nil {
		return err
	} else if !declared {
		out.Jobs = append(out.Jobs, job)
	}
	told := manifest.At(r.Time)
	n, had, err := tx.Need(needID(q))
	if err != nil {
		return err
	}
	if !had {
		n = newNeed(q)
		n.Snapshot, n.Selection, n.Shards, n.Bytes, n.Updated, n.Beside = r.Snapshot, r.Selection, r.Count, r.Bytes, told, q.Destination.Beside
		n.Until = manifest.At(r.KeepUntil)
		if err := putPaths(tx, q.Selection); err != nil {
			return err
		}
		out.Needs++
	}
	if n.Told = max(n.Told, told); job.Held && n.Ready == 0 && n.Snapshot == r.Snapshot && n.Selection == r.Selection {
		n.Ready, n.Announced = told, told
	}
	if err := tx.PutNeed(n); err != nil {
		return err
	}
	if !known {
		out.problem("job %s at %s: its snapshot %s is not known any more, so that no pin keeps it; declare the job again", r.Job, r.Destination, r.Snapshot)
		return nil
	}
	if _, pinned, err := tx.Pin(r.Destination, JobOwner(r.Job), r.Dataset); err != nil || pinned {
		return err
	}
	out.Pins++
	return tx.PutPin(manifest.Pin{
		Owner: JobOwner(r.Job), Dataset: r.Dataset, Snapshot: r.Snapshot, Destination: r.Destination, Created: told, Expires: manifest.At(r.KeepUntil),
		Store: q.Destination.Destination.Store, Prefix: q.Destination.Prefix,
	})
}

// doubtNeeds has no need count as met whose shards are not all proven. What was told of it is taken back by who keeps the jobs.
func (s *Syncer) doubtNeeds(in Remains) error {
	var list []manifest.Need
	err := s.Manifest.View(func(tx *manifest.Tx) error {
		return tx.Needs(func(n manifest.Need) (bool, error) {
			if n.Ready != 0 {
				list = append(list, n)
			}
			return true, nil
		})
	})
	if err != nil {
		return err
	}
	for _, n := range list {
		for _, p := range append(in.Places, in.Without...) {
			if p.Destination.Name != n.Destination || p.Dataset != n.Dataset {
				continue
			}
			if err := s.doubtNeed(p, n); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Syncer) doubtNeed(p RebuiltPlace, n manifest.Need) error {
	d := p.Destination
	if n.Beside {
		d.Destination = d.BesideMirror()
	}
	var sel jobs.Selection
	err := s.Manifest.View(func(tx *manifest.Tx) (err error) {
		sel, err = Selected(tx, n)
		return err
	})
	var missing []MissingShard
	if err == nil {
		missing, _, err = s.Held(Request{Destination: d, Selection: sel, Snapshot: n.Snapshot})
	}
	unknown := errors.Is(err, manifest.ErrNoSnapshot) || errors.Is(err, manifest.ErrNoPaths)
	if err != nil && !unknown || !unknown && len(missing) == 0 {
		return err
	}
	n.Ready, n.Announced = 0, 0
	return s.Manifest.Update(func(tx *manifest.Tx) error { return tx.PutNeed(n) })
}

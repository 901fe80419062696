package dispatch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/datagravity/datagravity/pkg/jobs"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/store"
	dgsync "github.com/datagravity/datagravity/pkg/sync"
)

// Announce says at the destinations which jobs are ready there, each with a receipt of its own, after a pin has made sure that it stays so. What was
// announced before is not announced again, and what does not hold any more is taken back first.
func (d *Dispatcher) Announce(ctx context.Context) error {
	list, err := d.jobs()
	if err != nil {
		return err
	}
	needs, err := d.needsByJob()
	if err != nil {
		return err
	}
	errs := []error{d.sweep(ctx, list, needs)}
	for _, j := range list {
		if d.isLeaving(j.ID) {
			continue
		}
		for _, n := range needs[j.ID] {
			if n.Ready == 0 || n.Open != nil || !slices.Contains(j.To, n.Destination) {
				continue
			}
			if j.Snapshot.IsZero() && j.Resolved != 0 {
				if j, err = d.pinned(j, n); err != nil {
					errs = append(errs, fmt.Errorf("job %s: %w", j.ID, err))
					continue
				}
			}
			until := d.until(j, needs[j.ID])
			if !meets(j, n) || n.Announced != 0 && n.Until == until {
				continue
			}
			if err := d.tell(ctx, j, n, until); err != nil {
				errs = append(errs, fmt.Errorf("job %s at %s: %w", j.ID, n.Destination, err))
			}
		}
	}
	return errors.Join(errs...)
}

// sweep takes back the receipts that do not hold, whatever kept that from being done before, and forgets what a job has at destinations that it no longer
// names.
func (d *Dispatcher) sweep(ctx context.Context, list []manifest.Job, needs map[string][]manifest.Need) error {
	var errs []error
	for _, j := range list {
		clean := true
		for i := range needs[j.ID] {
			n := &needs[j.ID][i]
			if n.Told == 0 || meets(j, *n) && slices.Contains(j.To, n.Destination) || d.isLeaving(j.ID) {
				continue
			}
			if err := d.withdraw(ctx, *n); err != nil {
				clean = false
				errs = append(errs, fmt.Errorf("job %s: its receipt at %s cannot be taken back: %w", j.ID, n.Destination, err))
			}
		}
		if clean && len(j.Left) > 0 {
			errs = append(errs, d.leaveBehind(j))
		}
	}
	return errors.Join(errs...)
}

// leaveBehind forgets the needs and pins of a job at destinations that it no longer names, and where nothing is promised any more.
func (d *Dispatcher) leaveBehind(j manifest.Job) error {
	return d.sync.Manifest.Update(func(tx *manifest.Tx) error {
		now, ok, err := tx.Job(j.ID)
		if err != nil || !ok || !slices.Equal(now.Left, j.Left) {
			return err
		}
		left := now
		left.To = nil
		if err := d.eachNeed(tx, left, func(n manifest.Need) error { return d.forgetNeed(tx, n) }); err != nil {
			return err
		}
		for _, to := range now.Left {
			if _, err := dgsync.UnpinAt(tx, j.ID, to); err != nil {
				return err
			}
		}
		now.Left = nil
		return tx.PutJob(now)
	})
}

// pinned has a job that had no snapshot keep the one that its shards were found to be when they arrived.
func (d *Dispatcher) pinned(j manifest.Job, n manifest.Need) (manifest.Job, error) {
	defer d.forget(j.ID)
	err := d.sync.Manifest.Update(func(tx *manifest.Tx) error {
		now, ok, err := tx.Job(j.ID)
		if err != nil || !ok || now.Resolved != j.Resolved || !now.Snapshot.IsZero() {
			return err // it was changed meanwhile
		}
		now.Snapshot, now.Shards, now.Bytes = n.Snapshot, n.Shards, n.Bytes
		now.Ranges = manifest.Spans(nil).AppendSpan(0, 0, uint32(n.Shards)) // the snapshot has nothing else
		j = now
		if err := tx.PutJob(now); err != nil {
			return err
		}
		return d.askAll(tx, now) // the other destinations, for the same
	})
	return j, err
}

// tell pins a need of a job and writes its receipt. That there may be a receipt is recorded before, and that it is true is looked at again after.
func (d *Dispatcher) tell(ctx context.Context, j manifest.Job, n manifest.Need, until manifest.Millis) error {
	q, err := d.described(j, n.Destination)
	if err != nil {
		return err
	}
	if n.Beside {
		q.Destination.Destination = q.Destination.BesideMirror()
	}
	still, mark := false, manifest.At(d.now())
	err = d.sync.Manifest.Update(func(tx *manifest.Tx) error {
		now, err := d.still(tx, j, n)
		if still = now.ID != ""; err != nil || !still {
			return err
		}
		claim := dgsync.Claim{Owner: dgsync.JobOwner(j.ID), Dataset: j.Dataset, Snapshot: n.Snapshot, Destination: q.Destination.Destination, Expires: until.Time()}
		if _, err := d.sync.PinIn(tx, claim); err != nil {
			return err
		}
		now.Told, now.Announced = mark, 0
		return tx.PutNeed(now)
	})
	if err != nil || !still {
		return err
	}
	s, err := q.Destination.Open(ctx)
	if err != nil {
		return err
	}
	if err := d.write(ctx, s, j, n, q, until.Time()); err != nil {
		return err
	}
	err = d.sync.Manifest.Update(func(tx *manifest.Tx) error {
		now, err := d.still(tx, j, n)
		if still = now.ID != "" && now.Told == mark; err != nil || !still {
			return err
		}
		now.Announced, now.Until = manifest.At(d.now()), until
		return tx.PutNeed(now)
	})
	d.forget(j.ID)
	if err != nil || still {
		return err
	}
	// It stopped being true while it was written.
	return d.sync.Retract(ctx, s, n)
}

// still is a need as it is now, if its job and it are as they were; otherwise one without an id.
func (d *Dispatcher) still(tx *manifest.Tx, j manifest.Job, n manifest.Need) (manifest.Need, error) {
	now, ok, err := tx.Need(n.ID)
	if err != nil || !ok || now.Ready != n.Ready {
		return manifest.Need{}, err
	}
	job, ok, err := tx.Job(j.ID)
	if err != nil || !ok || !meets(job, now) || job.NeedBy != j.NeedBy || job.Keep != j.Keep || !slices.Contains(job.To, n.Destination) || d.isLeaving(j.ID) {
		return manifest.Need{}, err
	}
	return now, nil
}

func (d *Dispatcher) write(ctx context.Context, s store.Store, j manifest.Job, n manifest.Need, q dgsync.Request, until time.Time) error {
	h, err := d.handout(j, n, q)
	if err != nil {
		return err
	}
	r := jobs.JobReceipt{
		Job: j.ID, Destination: n.Destination, Dataset: j.Dataset, Snapshot: n.Snapshot, Selection: n.Selection, Prefix: folder(q, n), Format: h.Format,
		Time: d.now().UTC().Truncate(time.Second), KeepUntil: until,
	}
	list := make([]jobs.JobShard, len(h.Shards))
	for i, sh := range h.Shards {
		list[i] = jobs.JobShard(sh)
	}
	return jobs.WriteJobReceipt(ctx, s, r, list)
}

// until is when a job's replicas may go: so long after it was needed, or was ready everywhere. 0: not by themselves, as long as it waits, or its scheduler
// still has it.
func (d *Dispatcher) until(j manifest.Job, needs []manifest.Need) manifest.Millis {
	if j.Origin == slurmOrigin {
		return 0
	}
	from := j.NeedBy
	for _, to := range j.To {
		n, met := metAt(j, to, needs)
		if !met {
			return 0
		}
		from = max(from, n.Ready)
	}
	return from + manifest.Millis(j.Keep)
}

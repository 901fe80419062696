package dispatch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/datagravity/datagravity/pkg/manifest"
	dgsync "github.com/datagravity/datagravity/pkg/sync"
)

// Remove takes jobs back. See [Jobs.Remove].
func (d *Dispatcher) Remove(ctx context.Context, ids []string) error {
	var errs []error
	for _, id := range ids {
		if err := d.remove(ctx, id); err != nil {
			errs = append(errs, err)
		}
	}
	errs = append(errs, d.sync.Manifest.Update((*manifest.Tx).SweepPaths))
	d.notify()
	return errors.Join(errs...)
}

// remove takes back what was promised about a job before it forgets the job: a receipt must not outlive the pin that keeps it true.
func (d *Dispatcher) remove(ctx context.Context, id string) error {
	return d.part(ctx, id, func(tx *manifest.Tx, _ manifest.Job) error { return tx.DeleteJob(id) })
}

// errTold: there may be a receipt by now.
var errTold = errors.New("a receipt was written meanwhile")

// part takes back all that was promised of a job, and in one transaction forgets its needs and pins and does what is to be done with its record.
func (d *Dispatcher) part(ctx context.Context, id string, with func(*manifest.Tx, manifest.Job) error) error {
	defer d.leave(id)()
	for {
		j, err := d.recorded(id)
		if err != nil {
			return err
		}
		if err := d.retract(ctx, j); err != nil {
			return fmt.Errorf("job %s: %w", id, err)
		}
		err = d.sync.Manifest.Update(func(tx *manifest.Tx) error {
			now, ok, err := tx.Job(id)
			if err != nil || !ok {
				return err
			}
			err = d.eachNeed(tx, now, func(n manifest.Need) error {
				if n.Told != 0 {
					return errTold
				}
				return d.forgetNeed(tx, n)
			})
			return errors.Join(err, dgsync.UnpinJob(tx, id), with(tx, now))
		})
		if errors.Is(err, errTold) && ctx.Err() == nil {
			continue // whoever wrote it has ended by now, and nobody begins to
		}
		d.changedJob(id)
		return err
	}
}

// forgetNeed forgets a need of a job. A mark that objects are being replaced stays, because what the manifest knows of them is not to be believed until
// somebody looked.
func (d *Dispatcher) forgetNeed(tx *manifest.Tx, n manifest.Need) error {
	if n.Replacing == 0 {
		return tx.DeleteNeed(n.ID)
	}
	return tx.PutNeed(dgsync.Doubt(n, n.ID, d.now()))
}

// isLeaving tells that a job is being taken back, or turned to something else.
func (d *Dispatcher) isLeaving(id string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.leaving[id] > 0
}

// leave has nothing begin to move for a job until the returned function is called.
func (d *Dispatcher) leave(id string) func() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.leaving[id]++
	return func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.leaving[id]--; d.leaving[id] == 0 {
			delete(d.leaving, id)
		}
	}
}

// expire has the jobs be over that were ready everywhere and whose time to stay has passed. Those of a folder are remembered as long as their
// file says the same, so that it does not declare them again.
func (d *Dispatcher) expire(ctx context.Context) error {
	list, err := d.jobs()
	if err != nil {
		return err
	}
	needs, err := d.needsByJob()
	if err != nil {
		return err
	}
	var errs []error
	for _, j := range list {
		until := d.until(j, needs[j.ID])
		if until == 0 || until > manifest.At(d.now()) {
			continue
		}
		d.Log.Info("a job is over: its replicas may go", "job", j.ID)
		errs = append(errs, d.finish(ctx, j))
	}
	return errors.Join(errs...)
}

// errWanted: the job was declared again meanwhile.
var errWanted = errors.New("it is wanted again")

// finish has a job be over. One that a folder declares is remembered.
func (d *Dispatcher) finish(ctx context.Context, j manifest.Job) error {
	err := d.part(ctx, j.ID, func(tx *manifest.Tx, now manifest.Job) error {
		switch {
		case !sameWishes(now, j):
			return errWanted
		case !strings.HasPrefix(j.Origin, folderOrigin):
			return tx.DeleteJob(j.ID)
		}
		now.Over = manifest.At(d.now())
		return tx.PutJob(now)
	})
	if errors.Is(err, errWanted) || errors.Is(err, ErrNoJob) {
		return nil
	}
	return err
}

// metAt is the one of a job's needs that says that all of what the job wants now is at a destination; false: none does.
func metAt(j manifest.Job, to string, needs []manifest.Need) (manifest.Need, bool) {
	i := slices.IndexFunc(needs, func(n manifest.Need) bool { return n.Destination == to && meets(j, n) })
	if i < 0 {
		return manifest.Need{}, false
	}
	return needs[i], true
}

// meets tells whether a need says that all of what a job wants now is there.
func meets(j manifest.Job, n manifest.Need) bool {
	return j.Resolved != 0 && !j.Snapshot.IsZero() && n.Ready != 0 && n.Open == nil && n.Replacing == 0 && n.Dataset == j.Dataset && n.Snapshot == j.Snapshot &&
		n.Paths == j.Paths && slices.Equal(n.Globs, j.Globs)
}

// needs of a job, at the destinations that it names and at those that it named before, beside their mirrors too.
func (d *Dispatcher) needs(j manifest.Job) (list []manifest.Need, err error) {
	err = d.sync.Manifest.View(func(tx *manifest.Tx) error {
		return d.eachNeed(tx, j, func(n manifest.Need) error { list = append(list, n); return nil })
	})
	return list, err
}

func (d *Dispatcher) eachNeed(tx *manifest.Tx, j manifest.Job, f func(manifest.Need) error) error {
	for _, to := range slices.Concat(j.To, j.Left) {
		for _, id := range dgsync.JobNeeds(j.ID, to) {
			n, ok, err := tx.Need(id)
			if err == nil && ok {
				err = f(n)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// needsByJob are those of all jobs.
func (d *Dispatcher) needsByJob() (map[string][]manifest.Need, error) {
	out := map[string][]manifest.Need{}
	err := d.sync.Manifest.View(func(tx *manifest.Tx) error {
		return tx.Needs(func(n manifest.Need) (bool, error) {
			if n.Job != "" {
				out[n.Job] = append(out[n.Job], n)
			}
			return true, nil
		})
	})
	return out, err
}

// told joins words for people.
func told(words ...string) string {
	return strings.Join(slices.DeleteFunc(words, func(w string) bool { return w == "" }), "; ")
}

package dispatch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/jobs/selector"
	"github.com/datagravity/datagravity/pkg/jobs/spec"
	"github.com/datagravity/datagravity/pkg/manifest"
	dgsync "github.com/datagravity/datagravity/pkg/sync"
)

// ErrSpec: what a job is declared with is wrong.
var ErrSpec = errors.New("the job is declared wrongly")

// RefusedError is why one of several jobs was not taken.
type RefusedError struct {
	ID  string
	Err error
}

func (e *RefusedError) Error() string { return fmt.Sprintf("job %s: %v", e.ID, e.Err) }

// Unwrap gives the cause.
func (e *RefusedError) Unwrap() error { return e.Err }

// Refused are the jobs that an error of [Jobs.Add] names, by their ids, with why they were not taken.
func Refused(err error) map[string]error {
	out := map[string]error{}
	var one *RefusedError
	if list, several := err.(interface{ Unwrap() []error }); several {
		for _, e := range list.Unwrap() {
			if errors.As(e, &one) {
				out[one.ID] = one.Err
			}
		}
	}
	return out
}

func noJob(id string) error {
	return fmt.Errorf("%w: %q; datagravity jobs list shows them", ErrNoJob, id)
}

// Add takes jobs in. See [Jobs.Add]. What was promised of a job that wants something else now is taken back first.
func (d *Dispatcher) Add(ctx context.Context, origin string, specs []spec.Job) (list []Status, err error) {
	var errs []error
	var good, changed []spec.Job
	var turned []manifest.Job // those that want something else
	refuse := func(id string, err error) { errs = append(errs, &RefusedError{id, err}) }
	err = d.sync.Manifest.View(func(tx *manifest.Tx) error {
		for _, s := range specs {
			change, err := d.declared(tx, origin, s)
			switch {
			case errors.Is(err, manifest.ErrCorrupt):
				return err
			case err != nil:
				refuse(s.ID, err)
				continue
			}
			good = append(good, s)
			if change.differs {
				changed = append(changed, s)
			}
			if change.turns {
				turned = append(turned, change.was)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	kept, late := map[string]bool{}, map[string]error{}
	for _, was := range turned {
		defer d.leave(was.ID)()
		if err := d.retract(ctx, was); err != nil {
			refuse(was.ID, fmt.Errorf("what it was promised before cannot be taken back: %w", err))
			kept[was.ID] = true
		}
	}
	same := func(s spec.Job) bool { return kept[s.ID] }
	good, changed = slices.DeleteFunc(good, same), slices.DeleteFunc(changed, same)
	if len(changed) > 0 { // a transaction that writes waits for the disk
		err = d.sync.Manifest.Update(func(tx *manifest.Tx) error {
			for _, s := range changed {
				change, err := d.declared(tx, origin, s)
				if err != nil { // of what happened since it was looked at
					late[s.ID] = err
					continue
				}
				if err := d.keep(tx, change); err != nil {
					return fmt.Errorf("job %s: %w", s.ID, err)
				}
			}
			return nil
		})
		for id, err := range late {
			refuse(id, err)
		}
		good = slices.DeleteFunc(good, func(s spec.Job) bool { return late[s.ID] != nil })
		if err != nil {
			return nil, err
		}
		for _, s := range changed {
			d.changedJob(s.ID)
		}
		d.notify()
	}
	list, err = d.registered(good)
	return list, errors.Join(append(errs, err)...)
}

// changedJob has everything in memory be looked at anew for a job.
func (d *Dispatcher) changedJob(id string) {
	d.forget(id)
	d.mu.Lock()
	defer d.mu.Unlock()
	for t := range d.retries {
		if t.job == id {
			delete(d.retries, t)
		}
	}
}

// change is what a declaration does to the job that there is.
type change struct {
	job manifest.Job
	// was is the job before, if known.
	was   manifest.Job
	known bool
	// differs from what was; turns: it wants other shards, so that nothing that was promised holds.
	differs, turns bool
}

// declared is what a declaration does.
func (d *Dispatcher) declared(tx *manifest.Tx, origin string, s spec.Job) (c change, err error) {
	if err := d.catalog.Known().Check(s); err != nil {
		return c, fmt.Errorf("%w: %w", ErrSpec, err)
	}
	sel, err := selector.Parse(s.Shards, selector.Options{})
	if err != nil {
		return c, err
	}
	now := d.now()
	j := manifest.Job{
		ID: s.ID, Dataset: s.Dataset, Terms: sel.Terms(), To: slices.Clone(s.To), NeedBy: manifest.At(s.NeedBy.At(now)), Priority: s.Priority,
		Value: s.Value, Team: s.Team, Keep: s.Keep.Milliseconds(), Repin: s.OnSourceChange == spec.Repin, Origin: origin, Added: manifest.At(now), File: s.File(),
	}
	if s.NeedBy.Relative() {
		j.After = s.NeedBy.At(now).Sub(now.Round(0)).Milliseconds()
	}
	if j.Keep == 0 {
		j.Keep = d.Keep.Milliseconds()
	}
	if s.Snapshot != "" && s.Snapshot != spec.Latest {
		h, err := tx.FindSnapshot(s.Dataset, s.Snapshot)
		if err != nil {
			return c, err
		}
		j.Asked = h.ID
	}
	was, known, err := tx.Job(j.ID)
	if err != nil {
		return c, err
	}
	c = change{job: j, was: was, known: known, differs: true}
	if !known {
		return c, d.inTime(s, now)
	}
	if err := mayReplace(was, origin); err != nil {
		return c, err
	}
	c.merge()
	// What was declared in time stays when its time passes.
	if c.job.NeedBy != was.NeedBy {
		return c, d.inTime(s, now)
	}
	return c, nil
}

func (d *Dispatcher) inTime(s spec.Job, now time.Time) error {
	if err := s.Check(now); err != nil {
		return fmt.Errorf("%w: %w", ErrSpec, err)
	}
	return nil
}

// mayReplace refuses that what one place declares is changed by another: they would take turns for ever.
func mayReplace(was manifest.Job, origin string) error {
	if was.Origin == origin || was.Origin == "" || origin == "" {
		return nil
	}
	return fmt.Errorf("%w: a job of this id is declared by %s; give one of them another id", ErrSpec, was.Origin)
}

// merge has a job that is declared again keep what is known of the one before, as far as both want the same shards.
func (c *change) merge() {
	j, was := &c.job, c.was
	if j.Origin == "" {
		j.Origin = was.Origin
	}
	c.turns = j.Dataset != was.Dataset || j.Asked != was.Asked || !slices.Equal(j.Terms, was.Terms)
	if !c.turns && j.After != 0 && j.After == was.After {
		j.NeedBy = was.NeedBy // the same words again are no new time
	}
	for _, to := range was.To {
		if !slices.Contains(j.To, to) && !slices.Contains(was.Left, to) {
			was.Left = append(slices.Clone(was.Left), to)
		}
	}
	j.Left = slices.DeleteFunc(was.Left, func(to string) bool { return slices.Contains(j.To, to) })
	j.Added = was.Added
	if c.turns {
		return
	}
	c.differs = !slices.Equal(j.To, was.To) || j.NeedBy != was.NeedBy || j.Priority != was.Priority || j.Value != was.Value || j.Team != was.Team ||
		j.Keep != was.Keep || j.Repin != was.Repin || j.Origin != was.Origin || j.File != was.File
	now := *j
	*j = was
	if !c.differs {
		return
	}
	j.To, j.NeedBy, j.After, j.Priority, j.Value, j.Team = now.To, now.NeedBy, now.After, now.Priority, now.Value, now.Team
	j.Keep, j.Repin, j.Origin, j.File, j.Left = now.Keep, now.Repin, now.Origin, now.File, now.Left
	j.Problem, j.Over = nil, 0
}

// keep records a job, and that what it was promised does not hold any more where it wants something else.
func (d *Dispatcher) keep(tx *manifest.Tx, c change) error {
	if c.known && c.turns {
		err := d.eachNeed(tx, c.was, func(n manifest.Need) error {
			n.Ready, n.Announced, n.Open = 0, 0, nil
			return tx.PutNeed(n)
		})
		if err = errors.Join(err, dgsync.UnpinJob(tx, c.was.ID)); err != nil {
			return err
		}
	}
	if err := tx.PutJob(c.job); err != nil || c.turns || c.job.Resolved == 0 {
		return err
	}
	err := d.askAll(tx, c.job)
	if errors.Is(err, manifest.ErrNoPaths) { // the next pass finds out again what it selects
		c.job.Resolved = 0
		return tx.PutJob(c.job)
	}
	return err
}

// askAll asks for a resolved job at each of its destinations where it is not met. Those that are not configured are told of when it is looked at.
func (d *Dispatcher) askAll(tx *manifest.Tx, j manifest.Job) error {
	for _, to := range j.To {
		q, err := d.catalog.Describe(j.Dataset, to, payer(j))
		if err != nil {
			continue
		}
		if q, err = filledIn(tx, q, j); err == nil {
			err = d.askAt(tx, j, q)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// askAt asks for a job at a destination, unless it is met there, and pins what it waits for: what has arrived must not be replaced or evicted before
// the rest is there.
func (d *Dispatcher) askAt(tx *manifest.Tx, j manifest.Job, q dgsync.Request) error {
	for _, id := range dgsync.JobNeeds(j.ID, q.Destination.Name) {
		if n, ok, err := tx.Need(id); err != nil || ok && meets(j, n) {
			return err
		}
	}
	if _, err := d.sync.AskIn(tx, q); err != nil || j.Snapshot.IsZero() {
		return err
	}
	_, err := d.sync.PinIn(tx, dgsync.Claim{Owner: dgsync.JobOwner(j.ID), Dataset: j.Dataset, Snapshot: j.Snapshot, Destination: q.Destination.Destination})
	return err
}

// retract stops what moves for a job, and takes back its receipts.
func (d *Dispatcher) retract(ctx context.Context, j manifest.Job) error {
	if err := d.stop(ctx, j.ID); err != nil {
		return err
	}
	needs, err := d.needs(j)
	if err != nil {
		return err
	}
	for _, n := range needs {
		if n.Told == 0 {
			continue
		}
		if err := d.withdraw(ctx, n); err != nil {
			return fmt.Errorf("its receipt at %s: %w", n.Destination, err)
		}
	}
	return nil
}

// withdraw takes a job's receipt back. A destination that is not configured any more has none that somebody could read through it.
func (d *Dispatcher) withdraw(ctx context.Context, n manifest.Need) error {
	err := d.sync.Manifest.Update(func(tx *manifest.Tx) error {
		now, ok, err := tx.Need(n.ID)
		if err != nil || !ok {
			return err
		}
		now.Announced = 0
		return tx.PutNeed(now)
	})
	if err != nil {
		return err
	}
	s, configured, err := d.catalog.Store(ctx, n.Destination)
	if err != nil || !configured {
		return err
	}
	return d.sync.Retract(ctx, s, n)
}

// shortID of a snapshot, as it is shown.
func shortID(id chunker.Digest) string {
	if id.IsZero() {
		return ""
	}
	return id.String()
}

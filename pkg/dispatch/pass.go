package dispatch

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/datagravity/datagravity/pkg/store/trace"
	dgsync "github.com/datagravity/datagravity/pkg/sync"
)

// Declarer is a place that jobs are declared in: a folder of specs, a scheduler. Declare has the dispatcher know them as they are now.
type Declarer interface {
	Declare(ctx context.Context, d *Dispatcher) error
	// Every is how often it is asked.
	Every() time.Duration
}

// Releaser is told how jobs stand after every pass, to let their runs start. It must be quick, and do nothing twice.
type Releaser interface {
	Release(ctx context.Context, d *Dispatcher, list []Status) error
}

// Outcome of a pass.
type Outcome struct {
	// Next is when the next pass should be, at the latest.
	Next time.Time
	// Agenda that it works by.
	Agenda *Agenda
	// Jobs as they stand.
	Jobs []Status
}

// Pass has the declared jobs taken in, resolves and plans them, and sees to it that on each link the job moves that the plan has first: it starts
// what should move and stops what should not, and returns without waiting for either. What is wrong with one job is kept with it; the error is
// what kept the pass from its work. [Dispatcher.Changed] tells when something that it started has ended.
func (d *Dispatcher) Pass(ctx context.Context) (out Outcome, err error) {
	ctx, span := trace.Start(ctx, "pass")
	defer span.Ends(&err)
	d.watch(ctx)
	d.passable(d.Prepare(ctx))
	a, err := d.Agenda(ctx)
	if err != nil {
		return out, err
	}
	unlike, err := d.confirm(ctx, a)
	d.passable(errors.Join(err, d.Announce(ctx), d.carryOn(ctx, a, unlike)))
	// Once more, because what was announced is ready now.
	if out.Jobs, err = d.List(ctx); err != nil {
		return out, err
	}
	for _, r := range d.Releasers {
		d.passable(r.Release(ctx, d, out.Jobs))
	}
	out.Agenda, out.Next = a, d.next(a)
	if ctx.Err() != nil {
		return out, context.Cause(ctx)
	}
	return out, nil
}

// passable logs what went wrong with some jobs, and is tried again by the next pass.
func (d *Dispatcher) passable(err error) {
	if err != nil && !errors.Is(err, context.Canceled) {
		d.Log.Error("something of a pass failed; the next one tries it again", "error", err)
	}
}

// Prepare has the declared jobs taken in, and all of them resolved.
func (d *Dispatcher) Prepare(ctx context.Context) error {
	return errors.Join(d.declare(ctx), d.Resolve(ctx), d.expire(ctx))
}

// declare asks the places that are due.
func (d *Dispatcher) declare(ctx context.Context) error {
	var errs []error
	for i, p := range d.Declarers {
		d.mu.Lock()
		due := !d.now().Before(d.asked[i])
		if due {
			d.asked[i] = d.now().Add(p.Every())
		}
		d.mu.Unlock()
		if due {
			errs = append(errs, p.Declare(ctx, d))
		}
	}
	return errors.Join(errs...)
}

// pauseLook is how long a resumed link may wait for the next pass: a pause is a file, whose end nobody tells us of.
const pauseLook = 10 * time.Second

// next is when something may have to be done without anybody's telling.
func (d *Dispatcher) next(a *Agenda) time.Time {
	next := d.now().Add(d.LookEvery)
	sooner := func(t time.Time) {
		if !t.IsZero() && t.Before(next) {
			next = t
		}
	}
	d.planning.Lock()
	defer d.planning.Unlock()
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, t := range d.asked {
		sooner(t)
	}
	sooner(d.nextWatch())
	for dataset, t := range d.lookAt {
		if t.After(d.now()) && !d.keepsIndexed(dataset) {
			sooner(t)
		}
	}
	for _, r := range d.retries {
		if r.at.After(d.now()) { // what is over waits for its link
			sooner(r.at)
		}
	}
	for _, r := range d.refusals {
		if r.until.After(d.now()) {
			sooner(r.until)
		}
	}
	for _, t := range a.Resets {
		sooner(t)
	}
	for _, l := range a.Links {
		if l.Paused != "" {
			sooner(d.now().Add(pauseLook))
		}
		if len(l.Turns) > 0 && l.Turns[0].Start.After(d.now()) {
			sooner(l.Turns[0].Start)
		}
	}
	for i := range a.board.jobs {
		if e := &a.board.jobs[i]; e.Resolved == 0 && e.Problem != nil && !e.Problem.Final {
			sooner(d.now().Add(lookAgain))
			if e.Problem.Kind == pausedKind {
				sooner(d.now().Add(pauseLook))
			}
		}
	}
	return next
}

// confirm has the jobs be ready of which nothing is missing, because others brought it. It returns those that are not ready all the same, by link: a sync
// finds out why.
func (d *Dispatcher) confirm(ctx context.Context, a *Agenda) (unlike map[string]turn, err error) {
	unlike = map[string]turn{}
	d.planning.Lock()
	var whole []turn
	for i := range a.board.jobs {
		e := &a.board.jobs[i]
		for _, p := range e.places {
			if !p.ready && p.table != nil && p.table.list != nil && !hopeless(e.Job) && a.board.missing(p).Shards == 0 {
				whole = append(whole, turn{e.ID, p.destination})
			}
		}
	}
	d.planning.Unlock()
	var errs []error
	for _, t := range whole {
		j, err := d.job(t.job)
		if err == nil {
			var q dgsync.Request
			if q, err = d.described(j, t.destination); err == nil {
				var r dgsync.Readiness
				if r, err = d.sync.Confirm(ctx, q, d.MaxAge); err == nil && !r.Ready {
					unlike[linkKey{q.Source.Dataset.Store, t.destination}.String()] = t
					if len(r.Missing) > 0 {
						d.distrust()
					}
				}
			}
		}
		if err != nil && !errors.Is(err, ErrNoJob) && !errors.Is(err, dgsync.ErrSuperseded) {
			errs = append(errs, fmt.Errorf("job %s at %s: %w", t.job, t.destination, err))
		}
		d.forget(t.job)
	}
	return unlike, errors.Join(errs...)
}

// carryOn starts on each link the first job that the plan has there and that may move now, and stops one that should let another one by.
func (d *Dispatcher) carryOn(ctx context.Context, a *Agenda, unlike map[string]turn) error {
	errs := []error{d.stopUnwanted()}
	for i, link := range a.Links {
		first := d.firstOn(a, i)
		if t, some := unlike[link.Name()]; some && first == nil && link.Paused == "" && !d.resting(t) {
			first = &t
		}
		d.mu.Lock()
		now := d.carries[link.Name()]
		d.mu.Unlock()
		switch {
		case first == nil || now != nil && now.turn == *first:
		case now != nil && d.failed(*first): // it must not take turns with one that goes well
		case now == nil && d.busy():
		case now != nil:
			d.Log.Info("a more urgent job goes first; the finished parts of the other one stay", "job", now.job, "first", first.job)
			now.stop() // its end has the next pass start the other one
		default:
			// What cannot even begin lets the next one try.
			for tries := 0; first != nil && tries < len(link.Turns)+1; tries++ {
				errs = append(errs, d.start(ctx, link.Name(), *first))
				if !d.resting(*first) {
					break
				}
				first = d.firstOn(a, i)
			}
		}
	}
	return errors.Join(errs...)
}

// turn is a job's move to a destination.
type turn struct{ job, destination string }

// firstOn is what should move over a link now; nil: nothing. What failed and rests does not hold up those behind it.
func (d *Dispatcher) firstOn(a *Agenda, i int) *turn {
	link := a.Links[i]
	if link.Paused != "" {
		return nil
	}
	behind := false // only what rests is before it
	for _, w := range link.Turns {
		t := turn{w.Job, link.Destination}
		switch {
		case d.resting(t):
			behind = true
			continue
		case !w.Start.After(d.now()) || behind:
			return &t
		}
		return nil
	}
	return nil
}

// busy tells that as many jobs move as may.
func (d *Dispatcher) busy() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.carries) >= max(1, d.Moving)
}

// failed tells that the last attempt of a move failed.
func (d *Dispatcher) failed(t turn) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.retries[t] != nil
}

// distrust has the board be made anew: it believes that something is there that is not.
func (d *Dispatcher) distrust() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.mistaken = true
}

// resting tells that a move failed and waits.
func (d *Dispatcher) resting(t turn) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	r := d.retries[t]
	return r != nil && r.at.After(d.now())
}

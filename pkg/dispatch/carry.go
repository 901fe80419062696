package dispatch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/store/trace"
	dgsync "github.com/datagravity/datagravity/pkg/sync"
	"github.com/datagravity/datagravity/pkg/sync/engine"
)

// carry is a job's move that is under way.
type carry struct {
	turn
	source string
	began  time.Time
	stop   context.CancelFunc
	done   chan struct{}
}

// retry is when a move that failed is tried again.
type retry struct {
	at    time.Time
	waits *backoff.ExponentialBackOff
}

// errPassed is why a move was stopped for a more urgent one.
var errPassed = errors.New("a more urgent job goes first")

// start begins to move a job to a destination. It goes on until it is there, fails, or is stopped.
func (d *Dispatcher) start(ctx context.Context, link string, t turn) error {
	j, err := d.job(t.job)
	if errors.Is(err, ErrNoJob) {
		d.forget(t.job)
		return nil
	}
	if err != nil {
		return err
	}
	if known, err := d.arrived(j, t.destination); err != nil || known {
		return err
	}
	q, err := d.request(ctx, j, t.destination)
	if err != nil {
		d.rest(t)
		return d.note(j, err)
	}
	ctx, stop := context.WithCancelCause(ctx)
	c := &carry{turn: t, source: q.Source.Dataset.Store, began: d.now(), stop: func() { stop(errPassed) }, done: make(chan struct{})}
	d.mu.Lock()
	if d.leaving[t.job] > 0 || d.carries[link] != nil {
		d.mu.Unlock()
		stop(nil)
		return nil
	}
	d.carries[link] = c
	d.mu.Unlock()
	// It outlives the pass, and so has a trace of its own.
	ctx, span := trace.Root(ctx, "carry", trace.Job.String(j.ID), trace.Dataset.String(j.Dataset), trace.Destination.String(t.destination))
	log := trace.Logger(ctx, d.Log)
	log.Info("a job's shards begin to move", "job", j.ID, "destination", t.destination, "link", link)
	go func() {
		defer close(c.done)
		rep, err := d.catalog.Syncer().Sync(ctx, q)
		span.End(err)
		stopped := ctx.Err() != nil
		d.ended(log, link, j, q, rep, err, stopped)
		d.mu.Lock()
		delete(d.carries, link)
		d.mu.Unlock()
		stop(nil)
		d.notify()
	}()
	return nil
}

// stop ends what moves for a job, and waits until it has.
func (d *Dispatcher) stop(ctx context.Context, job string) error {
	d.mu.Lock()
	var moving []*carry
	for _, c := range d.carries {
		if c.job == job {
			moving = append(moving, c)
		}
	}
	d.mu.Unlock()
	for _, c := range moving {
		d.Log.Info("a job's shards move no more: it was taken back, or wants others now", "job", c.job, "destination", c.destination)
		c.stop()
		select {
		case <-c.done:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// arrived tells that all of a job is at a destination, and what that was is known only since the plan was made. The next pass has another plan.
func (d *Dispatcher) arrived(j manifest.Job, destination string) (bool, error) {
	needs, err := d.needs(j)
	if err != nil {
		return false, err
	}
	_, met := metAt(j, destination, needs)
	if met {
		d.notify()
	}
	return met, nil
}

// stopUnwanted stops what moves to destinations that jobs no longer name: it would be spent for nobody. What moves for jobs that are taken back, or are to
// have other shards, was stopped before that was recorded.
func (d *Dispatcher) stopUnwanted() error {
	d.mu.Lock()
	list := slices.Collect(maps.Values(d.carries))
	d.mu.Unlock()
	var errs []error
	for _, c := range list {
		now, err := d.job(c.job)
		switch gone := errors.Is(err, ErrNoJob); {
		case err != nil && !gone:
			errs = append(errs, err)
		case gone || !slices.Contains(now.To, c.destination):
			d.Log.Info("a job's shards move no more: they are not wanted there now", "job", c.job, "destination", c.destination)
			c.stop()
		}
	}
	return errors.Join(errs...)
}

// Drain waits for what Pass started, whose context must have ended.
func (d *Dispatcher) Drain() {
	for {
		var c *carry
		d.mu.Lock()
		for _, c = range d.carries {
			break
		}
		d.mu.Unlock()
		if c == nil {
			d.indexes.Wait()
			return
		}
		<-c.done
	}
}

// Move is a job's way to a destination that is under way.
type Move struct {
	Job         string
	Source      string // the store that its dataset is in
	Destination string
	Began       time.Time
}

// UnderWay are the moves that are under way, the oldest first.
func (d *Dispatcher) UnderWay() []Move {
	d.mu.Lock()
	defer d.mu.Unlock()
	list := make([]Move, 0, len(d.carries))
	for _, c := range d.carries {
		list = append(list, Move{c.job, c.source, c.destination, c.began})
	}
	slices.SortFunc(list, func(a, b Move) int { return cmp.Or(a.Began.Compare(b.Began), cmp.Compare(a.Job, b.Job)) })
	return list
}

// Recheck has the next pass, which it asks for, look again at what destinations hold: the manifest knows of something that is gone.
func (d *Dispatcher) Recheck() {
	d.distrust()
	d.notify()
}

// ended records what came of a move.
func (d *Dispatcher) ended(log *slog.Logger, link string, j manifest.Job, q dgsync.Request, rep dgsync.Report, err error, stopped bool) {
	d.forget(j.ID)
	d.measured(q, rep)
	t := turn{j.ID, q.Destination.Name}
	if d.refused(t, err) {
		return
	}
	if err == nil {
		d.mu.Lock()
		delete(d.retries, t)
		d.mu.Unlock()
		log.Info("a job's shards are at a destination", "job", j.ID, "destination", q.Destination.Name, "moved_bytes", rep.MovedBytes, "took", rep.Took,
			"usd", rep.USD)
		if err := d.well(j); err != nil {
			log.Error("a job's arrival could not be recorded", "job", j.ID, "error", err)
		}
		return
	}
	if stopped || errors.Is(err, dgsync.ErrSuperseded) {
		return // it goes on from the finished parts, or wants something else
	}
	wait := d.rest(t)
	log.Warn("a job's shards are not all at a destination", "job", j.ID, "destination", q.Destination.Name, "link", link, "error", err, "again_in", wait)
	if errors.Is(err, engine.ErrSourceMissing) {
		d.mu.Lock()
		delete(d.looked, j.Dataset) // the next pass looks whether it can be had at all
		d.mu.Unlock()
	}
	if len(rep.Failures) > 0 {
		// The sync's own error says how many failed, each failure says why.
		f := rep.Failures[0]
		err = &failure{fmt.Sprintf("%s: %v", f.Path, f.Err), err}
		if n := len(rep.Failures) - 1; n > 0 {
			err = &failure{fmt.Sprintf("%v, and %d more", err, n), err}
		}
	}
	if err := d.note(j, err); err != nil {
		log.Error("a job's problem could not be recorded", "job", j.ID, "error", err)
	}
}

// failure is an error with other words.
type failure struct {
	text string
	error
}

func (f *failure) Error() string { return f.text }
func (f *failure) Unwrap() error { return f.error }

// well forgets a problem that was overcome.
func (d *Dispatcher) well(j manifest.Job) error {
	return d.sync.Manifest.Update(func(tx *manifest.Tx) error {
		now, ok, err := tx.Job(j.ID)
		if err != nil || !ok || now.Problem == nil || now.Problem.Final {
			return err
		}
		now.Problem = nil
		return tx.PutJob(now)
	})
}

// note keeps an error with its job, as a problem that may pass by itself.
func (d *Dispatcher) note(j manifest.Job, err error) error {
	defer d.forget(j.ID)
	return d.sync.Manifest.Update(func(tx *manifest.Tx) error {
		now, ok, viewErr := tx.Job(j.ID)
		if viewErr != nil || !ok {
			return viewErr
		}
		now.Problem = problem(err, manifest.At(d.now()))
		now.Problem.Final = false // a look at the source tells
		return tx.PutJob(now)
	})
}

// rest has a move that failed wait, longer each time.
func (d *Dispatcher) rest(t turn) time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	r := d.retries[t]
	if r == nil {
		waits := backoff.NewExponentialBackOff()
		waits.InitialInterval, waits.MaxInterval, waits.RandomizationFactor = 5*time.Second, 10*time.Minute, 0
		r = &retry{waits: waits}
		d.retries[t] = r
	}
	wait := time.Duration((0.5 + d.Random()) * float64(r.waits.NextBackOff()))
	r.at = d.now().Add(wait)
	return wait
}

// leastMeasured is how much must have moved for its speed to say something: less is mostly waiting for answers.
const leastMeasured = 16 << 20

// measured has the manifest know how fast a link was.
func (d *Dispatcher) measured(q dgsync.Request, rep dgsync.Report) {
	if rep.MovedBytes < leastMeasured || rep.Took <= 0 {
		return
	}
	at := float64(rep.MovedBytes) / rep.Took.Seconds()
	err := d.sync.Manifest.Update(func(tx *manifest.Tx) error {
		s, known, err := tx.Speed(q.Source.Dataset.Store, q.Destination.Name)
		if err != nil {
			return err
		}
		if known {
			// The newest GiB counts for half.
			old := math.Pow(0.5, float64(rep.MovedBytes)/(1<<30))
			at = old*float64(s.BytesPerSecond) + (1-old)*at
		}
		return tx.PutSpeed(manifest.Speed{
			Source: q.Source.Dataset.Store, Destination: q.Destination.Name, BytesPerSecond: int64(at), Measured: manifest.At(d.now()),
		})
	})
	if err != nil {
		d.Log.Error("the speed of a link could not be recorded", "error", fmt.Errorf("%s to %s: %w", q.Source.Dataset.Store, q.Destination.Name, err))
	}
}

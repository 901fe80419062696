package dispatch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/jobs"
	"github.com/datagravity/datagravity/pkg/jobs/selector"
	"github.com/datagravity/datagravity/pkg/manifest"
	dgsync "github.com/datagravity/datagravity/pkg/sync"
	"github.com/datagravity/datagravity/pkg/sync/engine"
)

// Resolve finds out what the selections of jobs mean that nobody knows of yet, and whether the source still has what the others wait for. Each
// dataset is listed once. What is wrong with one job is kept with it; the error is what kept Resolve from its work.
func (d *Dispatcher) Resolve(ctx context.Context) error {
	list, err := d.jobs()
	if err != nil {
		return err
	}
	needs, err := d.needsByJob()
	if err != nil {
		return err
	}
	look := &looking{d: d, contents: map[contentsKey]*dgsync.Contents{}, errs: map[contentsKey]error{}, news: map[string]dgsync.News{}}
	defer look.done()
	var found []*resolution
	for _, j := range list {
		wants := d.wantsLook(j, needs[j.ID])
		if wants == lookIfNew {
			if changed, err := look.changed(ctx, j); err != nil {
				return err
			} else if !changed {
				continue
			}
		}
		if wants == noLook {
			continue
		}
		r := d.resolve(ctx, j, look)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if found = append(found, r); len(found) == batch {
			if err := d.record(found); err != nil {
				return err
			}
			found = nil
		}
	}
	return d.record(found)
}

// batch is how many jobs are recorded in one transaction, each of which waits for the disk.
const batch = 256

// wish for a look at a source.
type wish int

const (
	noLook wish = iota
	// lookIfNew: what is known of the job changes only if the source does.
	lookIfNew
	lookNow
)

// wantsLook tells whether the source is to be looked at for a job: always while nobody knows what it selects, else from time to time while it waits.
func (d *Dispatcher) wantsLook(j manifest.Job, needs []manifest.Need) wish {
	d.mu.Lock()
	last, at := d.looked[j.Dataset], d.lookAt[j.Dataset]
	d.mu.Unlock()
	now := d.now()
	since := func(wait time.Duration) wish {
		if now.Sub(last) >= wait || now.Before(last) {
			return lookNow
		}
		return noLook
	}
	due := noLook
	switch {
	case last.IsZero() || now.Before(last):
		due = lookNow
	case !now.Before(at) && !d.keepsIndexed(j.Dataset): // the index tells when there is something new
		due = lookIfNew
	}
	switch {
	case j.Problem != nil && j.Problem.Final:
		return due
	case j.Problem != nil && j.Resolved == 0 && j.Problem.Kind == pausedKind:
		return since(pauseLook)
	case j.Problem != nil && j.Resolved == 0:
		return max(due, since(lookAgain))
	case j.Resolved == 0:
		return lookNow
	}
	waits := slices.ContainsFunc(j.To, func(to string) bool {
		_, met := metAt(j, to, needs)
		return !met
	})
	if !waits {
		return noLook
	}
	return due
}

// every is how often a dataset's source is looked at.
func (d *Dispatcher) every(dataset string) time.Duration {
	return cmp.Or(d.catalog.Watch(dataset).Every, d.LookEvery)
}

// lookAgain is how soon a source is looked at again that could not be looked at.
const lookAgain = 30 * time.Second

// looking shares the listings of one pass.
type looking struct {
	d        *Dispatcher
	contents map[contentsKey]*dgsync.Contents
	errs     map[contentsKey]error
	news     map[string]dgsync.News
	looked   []string
}

// changed tells whether the source of a job's dataset may have changed. It is asked once a pass.
func (l *looking) changed(ctx context.Context, j manifest.Job) (bool, error) {
	if !l.d.knows(j.Dataset) {
		return true, nil // the look says so
	}
	src, err := l.d.catalog.Source(ctx, j.Dataset)
	if err == nil {
		src.For = payer(j)
		return l.ask(ctx, src).Changed, ctxCause(ctx)
	}
	return true, ctxCause(ctx) // the look says what is wrong
}

// ctxCause is why a context ended, nil while it has not.
func ctxCause(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// ask whether a source changed, before it is listed: what it says then holds for the listing.
func (l *looking) ask(ctx context.Context, src dgsync.Source) dgsync.News {
	n, asked := l.news[src.Name]
	if asked {
		return n
	}
	n, err := l.d.sync.News(ctx, src, l.d.catalog.Watch(src.Name), dgsync.ForJobs)
	if err != nil && ctx.Err() == nil {
		l.d.Log.Warn("a source could not be asked whether it changed; it is listed", "dataset", src.Name, "error", err)
	}
	l.news[src.Name] = n
	if !n.Changed {
		l.looked = append(l.looked, src.Name)
	}
	return n
}

type contentsKey struct {
	dataset  string
	snapshot chunker.Digest
}

// at is what a dataset has, or a snapshot of it. What is read of it is charged to the request's payer.
func (l *looking) at(ctx context.Context, q dgsync.Request, snapshot chunker.Digest) (*dgsync.Contents, error) {
	k := contentsKey{q.Source.Name, snapshot}
	c, ok := l.contents[k]
	if !ok {
		if err, failed := l.errs[k]; failed {
			return nil, err
		}
		var err error
		n := l.ask(ctx, q.Source)
		l.looked = append(l.looked, q.Source.Name)
		if c, err = l.d.sync.Contents(ctx, q.Source, snapshot); err != nil {
			if !errors.Is(err, cost.ErrBudget) { // the next job's payer may have money
				l.errs[k] = err
			}
			return nil, err
		}
		if err := l.d.sync.Listed(q.Source, n); err != nil {
			return nil, err
		}
		l.contents[k] = c
	}
	mine := *c
	mine.Source.For = q.Source.For
	return &mine, nil
}

// done notes when the sources were looked at.
func (l *looking) done() {
	l.d.mu.Lock()
	defer l.d.mu.Unlock()
	for _, dataset := range l.looked {
		l.d.looked[dataset] = l.d.now()
		l.d.lookAt[dataset] = l.d.now().Add(l.d.Jittered(l.d.every(dataset)))
	}
}

// resolution is what was found out about a job, and is to be recorded.
type resolution struct {
	before, job manifest.Job
	// paths and index of the selection, where it names its shards.
	paths, index []string
	// turned: it is pinned to another snapshot than before.
	turned bool
	// ask are its requests at the destinations where it is not met; nil: nothing can be asked for.
	ask []dgsync.Request
}

// resolve one job. What is wrong with it is its problem.
func (d *Dispatcher) resolve(ctx context.Context, j manifest.Job, look *looking) *resolution {
	r := &resolution{before: j, job: j}
	r.job.Problem = nil
	err := d.settle(ctx, r, look)
	if j := &r.job; err != nil && j.Repin && errors.Is(err, engine.ErrSourceMissing) && !j.Snapshot.IsZero() && j.Asked.IsZero() {
		d.Log.Info("the source no longer has what the job's snapshot names; it takes the latest", "job", j.ID, "snapshot", j.Snapshot, "why", err)
		if err = d.retract(ctx, *j); err == nil {
			j.Snapshot, j.Resolved, r.turned = chunker.Digest{}, 0, true
			j.Repinned++
			err = d.settle(ctx, r, look)
		}
	}
	if err == nil || r.job.Problem != nil {
		r.job.Resolved = manifest.At(d.now())
	}
	if err != nil {
		r.job.Problem = problem(err, manifest.At(d.now()))
		if was := r.before.Problem; was == nil || was.Text != r.job.Problem.Text {
			d.Log.Warn("a job cannot be had", "job", j.ID, "why", err, "final", r.job.Problem.Final)
		}
	}
	return r
}

// settle finds out what a job's selection means, and that it can be had. Destinations that are not configured are a problem of the job, and leave the others alone.
func (d *Dispatcher) settle(ctx context.Context, r *resolution, look *looking) error {
	j := &r.job
	var unknown error
	var ask []dgsync.Request
	for _, to := range j.To {
		q, err := d.catalog.Describe(j.Dataset, to, payer(*j))
		switch {
		case errors.Is(err, ErrUnknown):
			unknown = err
		case err != nil:
			return err
		default:
			ask = append(ask, q)
		}
	}
	if len(ask) == 0 {
		return unknown
	}
	first, err := d.catalog.Open(ctx, j.Dataset, ask[0].Destination.Name, payer(*j)) // they have one source
	if err != nil {
		return err
	}
	snapshot := j.Snapshot
	if snapshot.IsZero() {
		snapshot = j.Asked
	}
	c, err := look.at(ctx, first, snapshot)
	if err != nil {
		return err
	}
	sel, err := d.selection(ctx, r, c)
	if err != nil {
		return err
	}
	for i := range ask {
		ask[i] = wanting(ask[i], *j, sel)
		lost, err := c.Lost(ask[i], sel)
		if err == nil && len(lost) > 0 {
			err = lostError(*j, lost)
		}
		if err != nil {
			return err
		}
	}
	r.ask = ask
	if unknown != nil {
		j.Problem = problem(unknown, manifest.At(d.now()))
	}
	return unknown
}

// selection of a job in these contents. What was found out once for a snapshot stays.
func (d *Dispatcher) selection(ctx context.Context, r *resolution, c *dgsync.Contents) (sel jobs.Selection, err error) {
	j := &r.job
	if !j.Snapshot.IsZero() && j.Ranges != nil {
		err = d.sync.Manifest.View(func(tx *manifest.Tx) (err error) {
			sel, err = dgsync.SelectionOf(tx, j.Globs, j.Paths)
			return err
		})
		if !errors.Is(err, manifest.ErrNoPaths) {
			return sel, err
		}
	}
	terms, err := selector.Parse(j.Terms, selector.Options{})
	if err != nil {
		return sel, err
	}
	j.Globs, j.Paths, j.Notes = nil, chunker.Digest{}, nil
	if globs, only := terms.Globs(); only {
		if sel, err = jobs.NewSelection(globs); err != nil {
			return sel, err
		}
		j.Globs = sel.Globs
	} else {
		found, err := terms.Resolve(ctx, &contents{c, d.catalog.Roots(j.Dataset)})
		if err != nil {
			return sel, err
		}
		r.paths = slices.Sorted(slices.Values(found.Paths))
		r.index = slices.DeleteFunc(slices.Sorted(slices.Values(found.Index)), func(p string) bool {
			return jobs.RankOf(c.Format(), c.Marker(), p) == jobs.RankIndex
		})
		j.Paths, j.Notes = manifest.PathsID(r.paths, r.index), found.Notes
		sel = jobs.Named(r.paths, r.index, j.Paths)
	}
	if j.Snapshot, err = c.Pin(sel); err != nil {
		return sel, err
	}
	j.Ranges, j.Shards, j.Bytes = c.Select(sel)
	switch {
	case j.Shards == 0:
		j.Snapshot = chunker.Digest{} // a later one may have what it selects
		return sel, fmt.Errorf("%w %s in dataset %s; datagravity snapshot show %s lists their names", jobs.ErrNothingSelected, sel, j.Dataset, j.Dataset)
	case j.Snapshot.IsZero():
		j.Ranges = nil
		return sel, d.lumps(j, sel, c)
	case j.Snapshot != c.Snapshot: // it has the selection alone
		j.Ranges = manifest.Spans(nil).AppendSpan(0, 0, uint32(j.Shards))
	}
	return sel, nil
}

// lumps are how much of a job without a snapshot is missing at each destination.
func (d *Dispatcher) lumps(j *manifest.Job, sel jobs.Selection, c *dgsync.Contents) error {
	j.Lumps = nil
	for _, to := range d.catalog.Known().Destinations {
		q, err := d.catalog.Describe(j.Dataset, to, payer(*j))
		if err != nil {
			return err
		}
		l := manifest.Lump{Destination: to}
		if l.Shards, l.Bytes, err = c.Missing(q, sel); err != nil {
			return err
		}
		j.Lumps = append(j.Lumps, l)
	}
	return nil
}

// contents are those of a dataset, with the URLs that stand for it.
type contents struct {
	*dgsync.Contents
	roots []string
}

// Roots are the URLs that stand for the dataset's folder.
func (c *contents) Roots() []string { return c.roots }

func lostError(j manifest.Job, lost []string) error {
	text := fmt.Sprintf("%q", lost[0])
	if n := len(lost) - 1; n > 0 {
		text += fmt.Sprintf(" and %d more", n)
	}
	advice := "give the job another snapshot, or on_source_change: repin to have it take the latest"
	if j.Repin {
		advice = "it names its snapshot itself, so that it takes no other; give it another one"
	}
	return fmt.Errorf("%w: %s no longer has %s as snapshot %s names it, and no other store holds it, or a pin needs what stands in its place; %s",
		engine.ErrSourceMissing, j.Dataset, text, shortID(j.Snapshot), advice)
}

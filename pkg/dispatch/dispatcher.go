package dispatch

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/jobs"
	"github.com/datagravity/datagravity/pkg/jobs/schedule"
	"github.com/datagravity/datagravity/pkg/jobs/spec"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/pace"
	dgsync "github.com/datagravity/datagravity/pkg/sync"
	"github.com/datagravity/datagravity/pkg/sync/plan"
)

// Catalog is what is configured: it knows names, and turns them into requests.
type Catalog interface {
	// Known are the names that jobs can use.
	Known() spec.Known
	// Describe is a request for a dataset at a destination with nothing opened, good for looking into the manifest.
	Describe(dataset, destination string, payer plan.Payer) (dgsync.Request, error)
	// Open is the same with its source open; the destination opens itself when it must.
	Open(ctx context.Context, dataset, destination string, payer plan.Payer) (dgsync.Request, error)
	// Store is that of a destination; false: there is no such destination.
	Store(ctx context.Context, destination string) (store.Store, bool, error)
	// Roots are the URLs that stand for a dataset's folder: at its source and at the destinations.
	Roots(dataset string) []string
	// URL of a key's folder at a destination, and its path in the file system if it is a directory.
	URL(destination, folder string) (url, path string)
	// Bandwidth is the limit that the configuration sets to a link at a time, and until when it holds (zero: as far as can be seen).
	Bandwidth(l cost.Link, at time.Time) (limit pace.Rate, until time.Time)
	// Syncer carries out one move, beside others.
	Syncer() *dgsync.Syncer
	// Watch is how a dataset's source is watched; the zero value where nothing is said.
	Watch(dataset string) dgsync.Watch
	// Source is a dataset with its source open, charged to nobody in particular.
	Source(ctx context.Context, dataset string) (dgsync.Source, error)
}

// Options of a Dispatcher.
type Options struct {
	// MaxAge is how old what was seen at a destination may be for a job to be announced as ready.
	MaxAge time.Duration
	// Keep is for how long the replicas of a job that does not say stay.
	Keep time.Duration
	// LookEvery is how often sources are looked at for what jobs wait for, where their dataset says nothing; 0 means five minutes.
	LookEvery time.Duration
	// Jittered is an interval, a little shorter or longer, so that many agents do not look at the same time; nil: [dgsync.Jittered].
	Jittered func(every time.Duration) time.Duration
	// Random spreads the waits of moves that failed, with numbers from 0 up to 1; nil: rand.Float64. A simulation that must replay has its own.
	Random func() float64
	// Moving is how many jobs' shards move at the same time, over different links; 0 means 1.
	Moving int
	// BitsPerSecond is what is assumed of a link over which nothing has moved yet.
	BitsPerSecond int64
	// Declarers are the places that jobs are declared in, and Releasers those that are told how they stand.
	Declarers []Declarer
	Releasers []Releaser
	Log       *slog.Logger
}

// Dispatcher keeps the jobs of a manifest. It is safe for concurrent use.
type Dispatcher struct {
	Options
	sync    *dgsync.Syncer
	catalog Catalog
	changed chan struct{}

	// planning guards the board and the turns. It is held while the board is made, for seconds where there are millions of shards, and taken before mu.
	planning sync.Mutex
	board    *board
	made     *made // the plan before
	// turns of the plan before, so that the next one differs no more than it must.
	turns []schedule.Turn

	mu sync.Mutex // guards what follows, for moments
	// dirty are the jobs that the board is to look at again, and mistaken says that it believes what is not so.
	dirty    map[string]bool
	mistaken bool
	// looked is when a dataset's source was last looked at, by its name, and lookAt when that is due again.
	looked, lookAt map[string]time.Time
	// indexAt is when a dataset that is kept indexed is next looked at, and indexing those that are now.
	indexAt  map[string]time.Time
	indexing map[string]bool
	indexes  sync.WaitGroup
	// carries are the moves that are under way, by link, and retries those that failed and wait.
	carries map[string]*carry
	retries map[turn]*retry
	// refusals are the destinations that other agents write to, by name.
	refusals map[string]refusal
	// leaving are the jobs that are being taken back.
	leaving map[string]int
	// asked is when each declarer is asked next.
	asked []time.Time
}

// New makes a dispatcher.
func New(s *dgsync.Syncer, c Catalog, o Options) *Dispatcher {
	if o.LookEvery == 0 {
		o.LookEvery = 5 * time.Minute
	}
	if o.Jittered == nil {
		o.Jittered = dgsync.Jittered
	}
	if o.Random == nil {
		o.Random = rand.Float64
	}
	return &Dispatcher{
		Options: o, sync: s, catalog: c, changed: make(chan struct{}, 1), looked: map[string]time.Time{}, lookAt: map[string]time.Time{},
		indexAt: map[string]time.Time{}, indexing: map[string]bool{}, carries: map[string]*carry{},
		retries: map[turn]*retry{}, refusals: map[string]refusal{}, leaving: map[string]int{}, dirty: map[string]bool{}, asked: make([]time.Time, len(o.Declarers)),
	}
}

// Changed has a value after jobs were added, changed or taken back, and after [Dispatcher.Wake].
func (d *Dispatcher) Changed() <-chan struct{} { return d.changed }

// Wake asks for a pass, because something changed that jobs wait for and that is not the dispatcher's own, such as a budget.
func (d *Dispatcher) Wake() { d.notify() }

func (d *Dispatcher) notify() {
	select {
	case d.changed <- struct{}{}:
	default: // it is known already
	}
}

func (d *Dispatcher) now() time.Time { return d.sync.Manifest.Now() }

// job returns one by its id, unless it is over. Errors: [ErrNoJob].
func (d *Dispatcher) job(id string) (j manifest.Job, err error) {
	if j, err = d.recorded(id); err == nil && j.Over != 0 {
		err = noJob(id)
	}
	return j, err
}

// recorded is a job, also one that is over. Errors: [ErrNoJob].
func (d *Dispatcher) recorded(id string) (j manifest.Job, err error) {
	err = d.sync.Manifest.View(func(tx *manifest.Tx) error {
		var ok bool
		j, ok, err = tx.Job(id)
		if err == nil && !ok {
			err = noJob(id)
		}
		return err
	})
	return j, err
}

// jobs are all that are not over, by id.
func (d *Dispatcher) jobs() (list []manifest.Job, err error) {
	err = d.sync.Manifest.View(func(tx *manifest.Tx) error {
		return tx.Jobs(func(j manifest.Job) (bool, error) {
			if j.Over == 0 {
				list = append(list, j)
			}
			return true, nil
		})
	})
	return list, err
}

// request of a job at one of its destinations.
func (d *Dispatcher) request(ctx context.Context, j manifest.Job, destination string) (q dgsync.Request, err error) {
	if q, err = d.catalog.Open(ctx, j.Dataset, destination, payer(j)); err != nil {
		return q, err
	}
	return d.filled(q, j)
}

// described is the same with nothing opened.
func (d *Dispatcher) described(j manifest.Job, destination string) (q dgsync.Request, err error) {
	if q, err = d.catalog.Describe(j.Dataset, destination, payer(j)); err != nil {
		return q, err
	}
	return d.filled(q, j)
}

func (d *Dispatcher) filled(q dgsync.Request, j manifest.Job) (dgsync.Request, error) {
	err := d.sync.Manifest.View(func(tx *manifest.Tx) (err error) {
		q, err = filledIn(tx, q, j)
		return err
	})
	return q, err
}

// filledIn is a request with all that a resolved job wants.
func filledIn(tx *manifest.Tx, q dgsync.Request, j manifest.Job) (dgsync.Request, error) {
	sel, err := dgsync.SelectionOf(tx, j.Globs, j.Paths)
	return wanting(q, j, sel), err
}

// wanting is a request with what a job wants, and with its selection, which may not be recorded yet.
func wanting(q dgsync.Request, j manifest.Job, sel jobs.Selection) dgsync.Request {
	q.Job, q.Snapshot, q.Places, q.Selection = j.ID, j.Snapshot, j.Ranges, sel
	q.Wish = dgsync.Wish{Priority: j.Priority, Value: j.Value, NeedBy: j.NeedBy.Time()}
	return q
}

func payer(j manifest.Job) plan.Payer { return plan.Payer{Job: j.ID, Team: j.Team} }

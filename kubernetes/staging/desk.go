package staging

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/datagravity/datagravity/kubernetes/daemon"
	"github.com/datagravity/datagravity/pkg/dispatch"
	"github.com/datagravity/datagravity/pkg/jobs/spec"
)

// Object that wants data.
type Object struct {
	Kind string
	types.NamespacedName
}

// Standing is how a job stands, as far as the daemon told.
type Standing struct {
	// Told: Status is the daemon's answer.
	Told   bool
	Status dispatch.Status
	// Refused is why the daemon does not take the job as it is declared, "" if it does.
	Refused string
}

// Ready tells that the daemon says so. It was true when it was told.
func (s Standing) Ready() bool { return s.Told && s.Refused == "" && s.Status.State == dispatch.Ready }

// Options of a [Desk].
type Options struct {
	// Origin of the cluster's jobs at the daemon. Two clusters must not have the same.
	Origin string
	// Every is the time between two rounds.
	Every time.Duration
	// Mine are the ids that this controller answers for: others of the origin are left alone.
	Mine func(id string) bool
	Log  *slog.Logger
	// Now is time.Now, but for tests.
	Now func() time.Time
}

// Source reads what all objects of a kind want, from a cache that is complete.
type Source func(ctx context.Context) (map[Object][]spec.Job, error)

// wish is a job that objects want: mostly one, or the pods of one owner.
type wish struct {
	job spec.Job
	of  map[Object]bool
	// sent: the daemon has it in this form, or refused it in this form at a time.
	sent    bool
	refused time.Time
	standing
}

// standing and what was told of it last.
type standing struct {
	Standing
	told signature
}

// Desk is where objects say what they want. It is safe for concurrent use.
type Desk struct {
	api daemon.API
	o   Options

	mu       sync.Mutex
	wants    map[Object]map[string]bool // ids
	wishes   map[string]*wish
	kinds    map[string]func([]types.NamespacedName)
	silences []func()
	silence  *Silence // nil: it answers
	answered bool     // it was asked at all
	sources  []Source
	kick     chan struct{}
}

// New desk, which does nothing before [Desk.Start].
func New(api daemon.API, o Options) *Desk {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Mine == nil {
		o.Mine = func(string) bool { return true }
	}
	return &Desk{
		api: api, o: o, wants: map[Object]map[string]bool{}, wishes: map[string]*wish{}, kinds: map[string]func([]types.NamespacedName){},
		kick: make(chan struct{}, 1),
	}
}

// Read has a source be read before the first round. Call it before Start.
func (d *Desk) Read(s Source) { d.sources = append(d.sources, s) }

// Tell has a function be called with the objects of a kind about whose data something changed. It must not wait. Call it before Start.
func (d *Desk) Tell(kind string, f func([]types.NamespacedName)) { d.kinds[kind] = f }

// TellSilence has a function be called when the daemon stops or begins to answer. It must not wait. Call it before Start.
func (d *Desk) TellSilence(f func()) { d.silences = append(d.silences, f) }

// Want says which jobs an object wants, all of them; none: it is finished, gone, or needs nothing.
func (d *Desk) Want(o Object, jobs []spec.Job) {
	d.mu.Lock()
	changed := d.want(o, jobs)
	d.mu.Unlock()
	if changed {
		select {
		case d.kick <- struct{}{}:
		default: // one is due
		}
	}
}

func (d *Desk) want(o Object, jobs []spec.Job) (changed bool) {
	ids := make(map[string]bool, len(jobs))
	for _, j := range jobs {
		ids[j.ID] = true
		w := d.wishes[j.ID]
		switch {
		case w == nil:
			w = &wish{job: j, of: map[Object]bool{}}
			d.wishes[j.ID] = w
			changed = true
		case !same(w.job, j) && !w.others(o): // of several objects the first says how: their need-by counts from different times
			w.job, w.sent, w.standing = j, false, standing{}
			changed = true
		}
		w.of[o] = true
	}
	for id := range d.wants[o] {
		if w := d.wishes[id]; w != nil && !ids[id] {
			if delete(w.of, o); len(w.of) == 0 {
				delete(d.wishes, id)
				changed = true
			}
		}
	}
	if d.wants[o] = ids; len(ids) == 0 {
		delete(d.wants, o)
	}
	return changed
}

// others than an object want a job.
func (w *wish) others(o Object) bool { return len(w.of) > 1 || len(w.of) == 1 && !w.of[o] }

// Standing of a job.
func (d *Desk) Standing(id string) Standing {
	d.mu.Lock()
	defer d.mu.Unlock()
	if w := d.wishes[id]; w != nil {
		return w.Standing
	}
	return Standing{}
}

// Silence of the daemon; nil while it answers.
func (d *Desk) Silence() *Silence {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.silence
}

// lookAgain is after how long what was told as ready, and was not when it was looked at, is asked about once more.
const lookAgain = 5 * time.Second

// Confirm looks again whether jobs are ready, before pods start for them: 0 if all are, else after how long to look once more.
func (d *Desk) Confirm(ctx context.Context, jobs []spec.Job) (again time.Duration, err error) {
	for _, j := range jobs {
		if r, err := d.api.Ready(ctx, j.ID, asConfigured); asked(err) > 0 {
			return asked(err), nil // it has enough to do
		} else if err != nil {
			return 0, fmt.Errorf("look whether %s is ready: %w", j.ID, err)
		} else if !r.Ready {
			return lookAgain, nil
		}
	}
	return 0, nil
}

// asConfigured has the daemon say how old what it saw at the destination may be.
const asConfigured time.Duration = -1

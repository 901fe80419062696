package observe

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/dispatch"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/meter"
	"github.com/datagravity/datagravity/pkg/store/pace"
)

// Agent is the process that is looked at.
type Agent struct {
	Name     string         `json:"name"`
	Location store.Location `json:"location"`
	Role     string         `json:"role,omitempty"` // origin or edge; "": neither
	Version  string         `json:"version"`
	PID      int            `json:"pid"`
	Since    time.Time      `json:"since"`
	// State is the state directory, and Config the path of the configuration.
	State  string `json:"state"`
	Config string `json:"config"`
}

// Gate is how the requests to a store are held back.
type Gate struct {
	Store string `json:"store"`
	// InFlight requests of at most Limit now, and of at most Max ever; Waiting have no slot.
	InFlight int `json:"in_flight"`
	Limit    int `json:"limit"`
	Max      int `json:"max"`
	Waiting  int `json:"waiting"`
	// Requests and Throttled of them since the process began.
	Requests  int64 `json:"requests_total"`
	Throttled int64 `json:"throttled_total"`
	// PausedUntil is when the service lets requests in again; null if it did not ask for a pause.
	PausedUntil *time.Time `json:"paused_until"`
}

// Overview is how things stand, for a first look.
type Overview struct {
	At        time.Time         `json:"at"`
	Agent     Agent             `json:"agent"`
	Datasets  []Dataset         `json:"datasets"`
	Holdings  Holdings          `json:"holdings"`
	Jobs      []dispatch.Status `json:"jobs"`
	Transfers []Transfer        `json:"transfers"`
	Links     []Link            `json:"links"`
	Budgets   []Budget          `json:"budgets"`
	Timers    []Timer           `json:"timers"`
	Problems  []Problem         `json:"problems"`
	Pauses    []cost.Pause      `json:"pauses"`
}

// Holdings of all datasets at all destinations.
type Holdings struct {
	// At is when they were counted: where there are many shards that is done now and then.
	At   time.Time `json:"at"`
	List []Holding `json:"list"`
}

// Ledger is the account of budgets, as a [cost.Ledger] has it.
type Ledger interface {
	Uses() ([]cost.Use, error)
	Report(name string) (cost.BudgetReport, error)
}

var _ Ledger = (*cost.Ledger)(nil)

// Reader reads how things stand. It is safe for concurrent use. The fields are set before its first use.
type Reader struct {
	Agent    Agent
	Manifest *manifest.Manifest
	Ledger   Ledger
	Jobs     dispatch.Jobs
	Recorder *Recorder
	Problems *Problems
	// Datasets are those that are configured, by name, with their place alone; Places where each of them is kept.
	Datasets func() []Dataset
	Places   func() []Place
	// Gates of the stores that are open, by their names.
	Gates func() map[string]pace.Counters
	// Wire is what the process moved over the network since it began.
	Wire func() meter.Counts
	// Succeeded tells what went well, and when, that the manifest has neither needs nor timers for; nil: there is nothing else.
	Succeeded func() []Success

	counting sync.Mutex // while holdings are counted
	mu       sync.Mutex // guards what follows
	counted  Holdings
	version  uint64 // of the manifest when they were
	took     time.Duration

	links, readied rested
}

// restAfter counting is how many times as long as it took nothing is counted again, so that it takes a twentieth of a core at most.
const restAfter = 20

// Holdings are counted again after the manifest changed, but not for as long as it would cost much. Where that is so, the answer is as old as it says.
func (r *Reader) Holdings(ctx context.Context) (Holdings, error) {
	if h, fresh := r.held(); fresh {
		return h, nil
	}
	if !r.counting.TryLock() { // another one counts; whoever has nothing yet waits for it
		if h, _ := r.held(); !h.At.IsZero() {
			return h, nil
		}
		r.counting.Lock()
	}
	defer r.counting.Unlock()
	if h, fresh := r.held(); fresh {
		return h, nil
	}
	return r.count(ctx)
}

// held is what was counted last, and whether that will do.
func (r *Reader) held() (Holdings, bool) {
	version := r.Manifest.Version()
	r.mu.Lock()
	defer r.mu.Unlock()
	same := version == r.version && r.version != 0
	return r.counted, !r.counted.At.IsZero() && (same || r.Manifest.Now().Sub(r.counted.At) < restAfter*r.took)
}

func (r *Reader) count(ctx context.Context) (Holdings, error) {
	began := r.Manifest.Now()
	out, version := Holdings{At: began.UTC(), List: []Holding{}}, r.Manifest.Version()
	datasets, err := r.listDatasets()
	if err != nil {
		return out, err
	}
	by := map[string]Dataset{}
	for _, d := range datasets {
		by[d.Name] = d
	}
	for _, p := range r.Places() {
		if ctx.Err() != nil {
			return out, context.Cause(ctx)
		}
		// A transaction for each: one that is long keeps the file from shrinking.
		err := r.Manifest.View(func(tx *manifest.Tx) error {
			h, err := holdingOf(tx, p, by[p.Dataset].Snapshot)
			if err == nil && (h.HeldShards > 0 || h.OtherShards > 0 || h.Unsound > 0 || h.Snapshot != nil) {
				out.List = append(out.List, h)
			}
			return err
		})
		if err != nil {
			return out, err
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counted, r.version, r.took = out, version, r.Manifest.Now().Sub(began)
	return out, nil
}

func (r *Reader) listDatasets() (list []Dataset, err error) {
	list = []Dataset{}
	err = r.Manifest.View(func(tx *manifest.Tx) error {
		for _, d := range r.Datasets() {
			d, err := datasetOf(tx, d)
			if err != nil {
				return err
			}
			list = append(list, d)
		}
		return nil
	})
	return list, err
}

// ListDatasets tells of all configured datasets.
func (r *Reader) ListDatasets(context.Context) ([]Dataset, error) { return r.listDatasets() }

// ListGates tells how requests to each open store are held back, by store.
func (r *Reader) ListGates() []Gate {
	out, gates := []Gate{}, r.Gates()
	for _, name := range slices.Sorted(maps.Keys(gates)) {
		c := gates[name]
		g := Gate{
			Store: name, InFlight: c.InFlight, Limit: c.Limit, Max: c.Max, Waiting: c.Waiting, Requests: c.Admitted, Throttled: c.Throttled,
		}
		if !c.PausedUntil.IsZero() {
			at := c.PausedUntil.UTC()
			g.PausedUntil = &at
		}
		out = append(out, g)
	}
	return out
}

// ListPauses tells which links are paused, by whatever process; "*" is every link.
func (r *Reader) ListPauses() ([]cost.Pause, error) {
	list, err := cost.Pauses(r.Manifest.Dir())
	if list == nil {
		list = []cost.Pause{}
	}
	return list, err
}

// Overview reads all that a first look wants.
func (r *Reader) Overview(ctx context.Context) (o Overview, err error) {
	o = Overview{At: r.Manifest.Now().UTC(), Agent: r.Agent, Transfers: r.Recorder.Transfers(), Links: r.Recorder.Links(), Problems: r.Problems.List()}
	var errs [6]error
	o.Datasets, errs[0] = r.listDatasets()
	o.Holdings, errs[1] = r.Holdings(ctx)
	o.Jobs, errs[2] = r.Jobs.List(ctx)
	o.Budgets, errs[3] = r.Budgets()
	o.Timers, errs[4] = r.ListTimers()
	o.Pauses, errs[5] = r.ListPauses()
	if o.Jobs == nil {
		o.Jobs = []dispatch.Status{}
	}
	return o, errors.Join(errs[:]...)
}

package observe

import (
	"context"
	"errors"
	"maps"
	"slices"
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
	// Command is the one that holds the manifest: daemon, sync and so on.
	Command string `json:"command"`
}

// Health is whether work goes on where there is work.
type Health struct {
	OK  bool   `json:"ok"`
	Why string `json:"why,omitempty"` // it is not so
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
	Health    Health            `json:"health"`
	Datasets  []Dataset         `json:"datasets"`
	Holdings  Holdings          `json:"holdings"`
	Jobs      []dispatch.Status `json:"jobs"`
	Transfers []Transfer        `json:"transfers"`
	Links     []Link            `json:"links"`
	// Pauses are the links on which nothing new may move; of "*" none may.
	Pauses   []cost.Pause `json:"pauses"`
	Budgets  []Budget     `json:"budgets"`
	Timers   []Timer      `json:"timers"`
	Problems []Problem    `json:"problems"`
}

// Holdings of all datasets at all destinations.
type Holdings struct {
	// At is when they were counted: where there are many shards that is done now and then. Zero: they were not, and Why says why.
	At   time.Time `json:"at,omitzero"`
	Why  string    `json:"why,omitempty"`
	List []Holding `json:"list"`
}

// Ledger is the account of budgets, as a [cost.Ledger] has it.
type Ledger interface {
	Reports() ([]cost.BudgetReport, error)
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

	// Healthy tells whether work goes on where there is work, and why not; nil: who answers is healthy.
	Healthy func() (ok bool, why string)
	// MostCounted are the shards and replicas that are looked at for Holdings before that is given up; 0: however many there are.
	MostCounted int

	links, readied rested

	counter
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

// Overview reads all that a first look wants. It does not wait for holdings that take long to count, and has no more than the first terms of a job's
// selection.
func (r *Reader) Overview(ctx context.Context) (o Overview, err error) {
	o = Overview{
		At: r.Manifest.Now().UTC(), Agent: r.Agent, Health: Health{OK: true}, Transfers: r.Recorder.Transfers(), Links: r.Recorder.Links(), Problems: r.Problems.List(),
	}
	if r.Healthy != nil {
		o.Health.OK, o.Health.Why = r.Healthy()
	}
	var errs [6]error
	o.Datasets, errs[0] = r.listDatasets()
	o.Holdings, errs[1] = r.holdings(ctx, false)
	o.Jobs, errs[2] = r.Jobs.List(ctx)
	o.Budgets, errs[3] = r.Budgets()
	o.Timers, errs[4] = r.ListTimers()
	o.Pauses, errs[5] = r.ListPauses()
	o.Jobs = brief(o.Jobs)
	return o, errors.Join(errs[:]...)
}

// ListPauses tells which links are paused, by whatever process; "*" is every link.
func (r *Reader) ListPauses() ([]cost.Pause, error) {
	list, err := cost.Pauses(r.Manifest.Dir())
	if list == nil {
		list = []cost.Pause{}
	}
	return list, err
}

// mostTerms of a selection are in an overview: a list of paths can be megabytes, and is told of one job by itself.
const mostTerms = 20

func brief(list []dispatch.Status) []dispatch.Status {
	if list == nil {
		return []dispatch.Status{}
	}
	for i := range list {
		if terms := list[i].Selection; len(terms) > mostTerms {
			list[i].Selection, list[i].MoreTerms = terms[:mostTerms:mostTerms], len(terms)-mostTerms
		}
	}
	return list
}

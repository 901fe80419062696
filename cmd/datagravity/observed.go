package main

import (
	"log/slog"
	"os"

	"github.com/datagravity/datagravity/pkg/observe"
	"github.com/datagravity/datagravity/pkg/store/meter"
	"github.com/datagravity/datagravity/pkg/store/open"
	"github.com/datagravity/datagravity/pkg/store/pace"
	"github.com/datagravity/datagravity/pkg/sync/engine"
)

// observed has the log's problems remembered, and makes what remembers the engine's events, for those who look at this process.
func (a *app) observed() {
	a.recorder, a.problems = observe.NewRecorder(a.m.Now), observe.NewProblems(a.m.Now)
	a.log = slog.New(a.problems.Handler(a.log.Handler()))
}

// observing tells the recorder of an engine's events, and who else wants to know; nil: nobody does.
func (a *app) observing(also func(engine.Event)) func(engine.Event) {
	if also == nil {
		return a.recorder.Observe
	}
	return func(e engine.Event) {
		a.recorder.Observe(e)
		also(e)
	}
}

// reader reads how things stand, of a process that holds the manifest. There is one for all who look, so that what is where is counted once for them.
func (a *app) reader() *observe.Reader {
	if a.looking == nil {
		a.looking = a.newReader()
	}
	return a.looking
}

func (a *app) newReader() *observe.Reader {
	v, _ := buildVersion()
	return &observe.Reader{
		Agent: observe.Agent{
			Name: a.cfg.Agent.NameOr(os.Hostname), Location: a.cfg.Agent.Location, Role: a.cfg.Agent.Role, Version: v, PID: os.Getpid(), Since: a.m.Now().UTC(),
			State: a.cfg.Agent.State, Config: a.cfg.Path, Command: a.role,
		},
		Manifest: a.m, Ledger: actingLedger{a}, Jobs: actingJobs{a}, Recorder: a.recorder, Problems: a.problems,
		Datasets: func() []observe.Dataset { return a.latest().observedDatasets() },
		Places:   func() []observe.Place { return a.latest().observedPlaces() },
		Gates:    func() map[string]pace.Counters { return a.latest().gates() },
		Wire:     func() meter.Counts { return meter.Totals(a.client) },
		Healthy: func() (bool, string) {
			if s := a.service.Load(); s != nil {
				return s.Healthy()
			}
			return true, ""
		},
	}
}

func (a *app) observedDatasets() (list []observe.Dataset) {
	for _, name := range keys(a.cfg.Datasets) {
		d := a.cfg.Datasets[name]
		list = append(list, observe.Dataset{Name: name, Store: d.Store, Location: a.cfg.Stores[d.Store].Location, Prefix: d.Prefix})
	}
	return list
}

func (a *app) observedPlaces() (list []observe.Place) {
	for _, dataset := range keys(a.cfg.Datasets) {
		for _, to := range keys(a.cfg.Destinations) {
			if d, err := a.place(to, dataset); err == nil { // both names are from the configuration
				list = append(list, observe.Place{Dataset: dataset, Destination: d})
			}
		}
	}
	return list
}

// gates of the stores that are open.
func (a *app) gates() map[string]pace.Counters {
	a.mu.Lock()
	defer a.mu.Unlock()
	out := map[string]pace.Counters{}
	for name, s := range a.stores {
		if c, ok := open.Requests(s); ok {
			out[name] = c
		}
	}
	return out
}

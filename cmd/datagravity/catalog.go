package main

import (
	"context"
	"fmt"
	"time"

	"github.com/datagravity/datagravity/pkg/chunker"
	"github.com/datagravity/datagravity/pkg/config"
	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/dispatch"
	"github.com/datagravity/datagravity/pkg/jobs"
	"github.com/datagravity/datagravity/pkg/jobs/spec"
	"github.com/datagravity/datagravity/pkg/store"
	"github.com/datagravity/datagravity/pkg/store/open"
	"github.com/datagravity/datagravity/pkg/store/pace"
	dgsync "github.com/datagravity/datagravity/pkg/sync"
	"github.com/datagravity/datagravity/pkg/sync/engine"
	"github.com/datagravity/datagravity/pkg/sync/index"
	"github.com/datagravity/datagravity/pkg/sync/plan"
)

// catalog is the configuration as the dispatcher asks it.
type catalog struct{ *app }

// moving is how many jobs' shards move at the same time, over different links, within the agent's memory.
const moving = 4

// Known are the names that jobs can use.
func (c catalog) Known() spec.Known {
	return spec.Known{Datasets: keys(c.cfg.Datasets), Destinations: keys(c.cfg.Destinations), Teams: c.cfg.TeamNames()}
}

// Describe is a request with nothing opened.
func (c catalog) Describe(dataset, destination string, payer plan.Payer) (q dgsync.Request, err error) {
	d, ok := c.cfg.Datasets[dataset]
	if !ok {
		return q, fmt.Errorf("%w: %w", dispatch.ErrUnknown, config.UnknownName("dataset", dataset, keys(c.cfg.Datasets)))
	}
	if _, ok := c.cfg.Destinations[destination]; !ok {
		return q, fmt.Errorf("%w: %w", dispatch.ErrUnknown, config.UnknownName("destination", destination, keys(c.cfg.Destinations)))
	}
	if payer.Team == "" {
		payer.Team = d.Team
	}
	q.Source = c.described(dataset, d, payer)
	if q.Destination, err = c.unopened(destination, dataset); err != nil {
		return q, err
	}
	c.surroundings(&q)
	return q, nil
}

// Open is the same with its source open.
func (c catalog) Open(ctx context.Context, dataset, destination string, payer plan.Payer) (dgsync.Request, error) {
	q, err := c.Describe(dataset, destination, payer)
	if err == nil {
		q.Source.Store, err = c.store(ctx, q.Source.Dataset.Store)
	}
	if err == nil {
		q.Source.Exchange, err = c.exchange(ctx, q.Source.Dataset.Store)
	}
	return q, err
}

// Store is that of a destination.
func (c catalog) Store(ctx context.Context, destination string) (store.Store, bool, error) {
	d, ok := c.cfg.Destinations[destination]
	if !ok {
		return nil, false, nil
	}
	s, err := c.store(ctx, d.Store)
	return s, true, err
}

// Roots are the URLs that stand for a dataset's folder.
func (c catalog) Roots(dataset string) (list []string) {
	add := func(storeName, folder string) {
		w := open.Locate(c.cfg.Stores[storeName].URL, folder)
		list = append(append(list, w.URL), w.Others...)
		if w.Path != "" {
			list = append(list, w.Path)
		}
	}
	d := c.cfg.Datasets[dataset]
	add(d.Store, d.Prefix)
	for _, name := range keys(c.cfg.Destinations) {
		to := c.cfg.Destinations[name]
		add(to.Store, to.PrefixFor(dataset))
	}
	return list
}

// URL of a folder at a destination, and its path in the file system.
func (c catalog) URL(destination, folder string) (string, string) {
	w := open.Locate(c.cfg.Stores[c.cfg.Destinations[destination].Store].URL, folder)
	return w.URL, w.Path
}

// Bandwidth is the limit of a link at a time.
func (c catalog) Bandwidth(l cost.Link, at time.Time) (limit pace.Rate, until time.Time) {
	return c.links.For(pace.Link(l)).At(at)
}

// Syncer moves with an engine of its own, so that no job waits for memory that another one holds.
func (c catalog) Syncer() *dgsync.Syncer {
	o := c.engineOptions(engine.Options{})
	o.MemoryBytes = max(o.MemoryBytes/moving, leastEngineParts*o.PartBytes)
	s := *c.sync
	s.Engine = engine.New(c.m, c.ledger, o)
	return &s
}

// described is a configured dataset whose store is not open.
func (a *app) described(name string, d config.Dataset, payer plan.Payer) dgsync.Source {
	algorithms := jobs.ChunkAlgorithms(d.Format)
	if d.ChunkAlgorithm != "" {
		algorithms = []string{d.ChunkAlgorithm}
	}
	out := dgsync.Source{
		Dataset: index.Dataset{
			Name: name, Store: d.Store, Prefix: d.Prefix, Filter: jobs.Filter{Include: d.Include, Exclude: d.Exclude}, Format: d.Format,
			Params: chunker.ParamsFor(algorithms[0], int64(d.ChunkSize)), Earlier: algorithms[1:], Digests: d.Digests,
		},
		Location: a.cfg.Stores[d.Store].Location, For: payer, Watch: a.watch(d),
	}
	if w := d.CompleteWhen; w != nil {
		out.Marker, out.UnchangedFor = w.Marker, time.Duration(w.UnchangedFor)
	}
	if a.cfg.Agent.Role == config.Edge {
		out.UnchangedFor = 0 // whoever published it has waited
	}
	return out
}

// surroundings fills in what else a request may read from.
func (a *app) surroundings(q *dgsync.Request) {
	name, dest := q.Source.Name, q.Destination.Name
	q.Origins, q.Neighbors = a.origins(), a.neighbors(dest, name)
	for _, other := range a.cfg.Datasets[name].Related {
		q.Related = append(q.Related, a.cfg.Destinations[dest].PrefixFor(other))
	}
}

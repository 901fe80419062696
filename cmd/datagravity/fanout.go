package main

import (
	"context"
	"errors"
	"fmt"

	dgsync "github.com/datagravity/datagravity/pkg/sync"
	"github.com/datagravity/datagravity/pkg/sync/engine"
)

// syncsJSON is what sync prints with --json for several destinations.
type syncsJSON struct {
	Syncs []syncJSON `json:"syncs"`
}

// runSyncs brings a dataset to several destinations, which are named with commas between them.
func runSyncs(ctx context.Context, g *globals, dataset string, sel selectionFlags, o syncFlags) (err error) {
	names, err := sel.destinations()
	if err != nil {
		return err
	}
	show, err := newProgress(g, dataset+" to "+sel.to)
	if err != nil {
		return err
	}
	a, err := g.begin(engine.Options{})
	if err != nil {
		return err
	}
	defer closing(a, &err)
	var requests []dgsync.Request
	var engines []*engine.Engine
	for _, name := range names {
		q, err := a.request(ctx, dataset, name, sel.shards, sel.snapshot, o.charge)
		if err != nil {
			return err
		}
		o.apply(&q)
		requests = append(requests, q)
		eo := a.engineOptions(engine.Options{Observe: show.event})
		eo.MemoryBytes = max(eo.MemoryBytes/int64(len(names)), leastEngineParts*eo.PartBytes)
		engines = append(engines, engine.New(a.m, a.ledger, eo))
	}
	reports, errs := a.sync.Many(ctx, requests, engines, int64(a.cfg.Agent.Memory)/2)
	show.end()
	out := syncsJSON{Syncs: []syncJSON{}}
	for i, q := range requests {
		errs[i] = a.told(ended(ctx, errs[i]))
		if errs[i] != nil {
			errs[i] = fmt.Errorf("to %s: %w", q.Destination.Name, errs[i])
		}
		switch {
		case reports[i].Plan == nil:
		case g.json:
			out.Syncs = append(out.Syncs, syncDocument(q, reports[i]))
		default:
			_, _ = fmt.Fprintf(g.out, "to %s\n", q.Destination.Name)
			errs = append(errs, printReport(g, q, reports[i]))
		}
	}
	err = errors.Join(errs...)
	if g.json && len(out.Syncs) > 0 {
		return sayingToo(g, g.printJSON(out), err)
	}
	return err
}

// leastEngineParts fit the memory of each destination's engine, whatever their number.
const leastEngineParts = 4

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
	requests, err := a.requests(ctx, dataset, names, sel, o.charge)
	if err != nil {
		return err
	}
	var engines []*engine.Engine
	for i := range requests {
		o.apply(&requests[i])
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
		errs = append(errs, g.reportTo(&out.Syncs, "to "+q.Destination.Name, q, reports[i]))
	}
	err = errors.Join(errs...)
	if g.json && len(out.Syncs) > 0 {
		return sayingToo(g, g.printJSON(out), err)
	}
	return err
}

// reportTo prints what one of several syncs did under a title, or puts it into the document.
func (g *globals) reportTo(document *[]syncJSON, title string, q dgsync.Request, rep dgsync.Report) error {
	switch {
	case rep.Plan == nil:
		return nil
	case g.json:
		*document = append(*document, syncDocument(q, rep))
		return nil
	}
	_, _ = fmt.Fprintln(g.out, title)
	return printReport(g, q, rep)
}

// leastEngineParts fit the memory of each destination's engine, whatever their number.
const leastEngineParts = 4

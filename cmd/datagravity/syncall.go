package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/datagravity/datagravity/pkg/manifest"
	dgsync "github.com/datagravity/datagravity/pkg/sync"
	"github.com/datagravity/datagravity/pkg/sync/engine"
)

// syncAllJSON is what sync --all prints with --json: what was chosen, and what was done, in that order.
type syncAllJSON struct {
	Choice choiceJSON `json:"choice"`
	Syncs  []syncJSON `json:"syncs"`
}

// runSyncAll carries out the open needs that fit the budgets together, one after the other. What fails for one leaves the others alone.
func runSyncAll(ctx context.Context, g *globals, o syncFlags) (err error) {
	if err := o.validate(); err != nil {
		return err
	}
	show, err := newProgress(g, "open needs")
	if err != nil {
		return err
	}
	a, err := g.begin(engine.Options{Observe: show.event})
	if err != nil {
		return err
	}
	defer closing(a, &err)
	jobs := a.keeper
	prepared := jobs.Prepare(ctx)
	if ctx.Err() != nil || errors.Is(prepared, manifest.ErrCorrupt) {
		return ended(ctx, prepared)
	}
	list, gone, unresolved, err := a.openRequests(ctx)
	if err != nil {
		return err
	}
	for i := range list {
		o.apply(&list[i])
	}
	a.sync.BitsPerSecond = usualBitsPerSecond
	c, err := a.sync.Choose(ctx, list)
	if err != nil {
		return ended(ctx, err)
	}
	out := syncAllJSON{Choice: choiceDocument(c, gone), Syncs: []syncJSON{}}
	out.Choice.unresolved = unresolved
	errs := append(append([]error{prepared, c.Held()}, gone...), named(c)...)
	if !g.json {
		if err := printChoice(g, out.Choice); err != nil {
			return err
		}
	}
	var turn []dgsync.Request
	for _, r := range c.Choice.Run {
		turn = append(turn, c.Carry(r))
	}
	for _, h := range c.Choice.Held {
		if h.Shards > h.Shared { // a part is welcome, and some of it fits
			turn = append(turn, c.Requests[c.Jobs[h.Job]])
		}
	}
	for _, q := range turn {
		if ctx.Err() != nil {
			break
		}
		name := requestName(q)
		rep, err := a.sync.Sync(ctx, q)
		if err = a.told(err); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		}
		errs = append(errs, g.reportTo(&out.Syncs, "\n"+name, q, rep))
	}
	show.end()
	if ctx.Err() == nil {
		errs = append(errs, jobs.Announce(ctx))
	}
	err = ended(ctx, errors.Join(errs...))
	if g.json {
		return sayingToo(g, g.printJSON(out), err)
	}
	return err
}

// usualBitsPerSecond is what plan assumes of a link where nobody said: by when moving must begin follows from it.
const usualBitsPerSecond = 10_000_000_000

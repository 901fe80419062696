package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/datagravity/datagravity/pkg/cost"
	"github.com/datagravity/datagravity/pkg/daemon"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/operate"
	"github.com/datagravity/datagravity/pkg/sync/engine"
)

// operatorHere does what people ask for in this process, which holds the manifest.
func (a *app) operatorHere() *operate.Local {
	return &operate.Local{Sync: a.sync, Catalog: catalog{a}, MaxAge: time.Duration(a.cfg.Jobs.MaxAge), Changed: func() {
		a.recorder.Changed()
		a.keeper.Wake() // more may be spent, or a pin is gone: what waited for that need not wait for the next look
	}}
}

// Budgets are the names of the configuration's budgets.
func (c catalog) Budgets() []string { return c.budgetNames() }

// Links are what a pause can name.
func (c catalog) Links() []string { return c.pausable() }

// pausable are the links that a transfer can have, and what they begin and end at. One begins at the store of a dataset, or of another destination that
// has the shard.
func (a *app) pausable() (known []string) {
	var sources []string
	for _, d := range a.cfg.Datasets {
		sources = append(sources, d.Store)
	}
	for to, d := range a.cfg.Destinations {
		sources, known = append(sources, d.Store), append(known, to)
	}
	slices.Sort(sources)
	for _, from := range slices.Compact(sources) {
		known = append(known, from)
		for to, d := range a.cfg.Destinations {
			if from != d.Store {
				known = append(known, cost.Link{Source: from, Dest: to}.Name())
			}
		}
	}
	return known
}

// reach is who can be asked: the daemon that --api names, the process that holds the manifest, or this one, which then holds it until it is closed. One of
// the two results is nil; of a client's program only the configuration is there.
func (g *globals) reach(ctx context.Context) (*daemon.Client, *app, error) {
	if c, err := g.remote(ctx); c != nil || err != nil {
		return c, nil, err
	}
	a, err := g.load()
	if err != nil {
		return nil, nil, err
	}
	c, asked := a.dial(ctx)
	if asked == nil {
		return a.sameState(c)
	}
	a.brief = true
	err = a.take(engine.Options{})
	if errors.Is(err, manifest.ErrLocked) {
		if c, asked = a.dial(ctx); asked == nil { // it has begun to answer since
			return a.sameState(c)
		}
		if !errors.Is(asked, daemon.ErrNobody) {
			err = fmt.Errorf("%w; it was asked to answer instead: %w", err, asked)
		}
	}
	if err != nil {
		return nil, nil, errors.Join(err, a.Close())
	}
	return nil, a, nil
}

// sameState wants a client's process to have our state directory.
func (a *app) sameState(c *daemon.Client) (*daemon.Client, *app, error) {
	if err := a.checkState(c.Health()); err != nil {
		return nil, nil, errors.Join(err, a.Close())
	}
	return c, nil, a.Close()
}

// withOperator has what people ask for done by whoever can.
func withOperator(ctx context.Context, g *globals, f func(operate.Operator) error) (err error) {
	c, a, err := g.reach(ctx)
	if err != nil {
		return err
	}
	if c != nil {
		return ended(ctx, flagged(f(c)))
	}
	defer closing(a, &err)
	return ended(ctx, flagged(f(a.operatorHere())))
}

// flagged is a mistake in a field as one in the flag that fills it.
func flagged(err error) error {
	if err == nil || !errors.Is(err, operate.ErrMistake) {
		return err
	}
	if strings.HasPrefix(err.Error(), "no destination is named") {
		return fmt.Errorf("--to DESTINATION is missing: %w", err)
	}
	for _, name := range []string{"owner", "team", "job", "value", "expires"} {
		if text := err.Error(); strings.HasPrefix(text, name+":") || strings.HasPrefix(text, name+" ") {
			return fmt.Errorf("--%w", err)
		}
	}
	return err
}

// withReading is the same for what only reads, which whoever holds the manifest here runs as a command.
func withReading(ctx context.Context, g *globals, f func(operate.Operator) error) error {
	if g.isRemote() {
		return withOperator(ctx, g, f)
	}
	return withManifest(g, func(a *app) error { return f(a.operatorHere()) })
}

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/term"

	"github.com/datagravity/datagravity/internal/terminal"
	"github.com/datagravity/datagravity/internal/terminal/overview"
	"github.com/datagravity/datagravity/pkg/daemon"
	"github.com/datagravity/datagravity/pkg/manifest"
	"github.com/datagravity/datagravity/pkg/observe"
	"github.com/datagravity/datagravity/pkg/sync/engine"
)

// countedAlone are the shards and replicas that are looked at where no process remembers how many there are: about a quarter of a second.
const countedAlone = 50_000

// looks get overviews, one after the other.
type looks struct {
	g *globals
	// holdings has what is where counted, however long it takes.
	holdings bool
	// rest is how long what was read alone will do: reading it again takes the manifest from others for a moment.
	rest time.Duration

	alone   observe.Overview
	aloneAt time.Time
}

// look asks whoever holds the manifest, here or where --api says. Where nobody does it reads the manifest itself, briefly.
func (l *looks) look(ctx context.Context) (observe.Overview, error) {
	if c, err := l.g.remote(ctx); err != nil {
		return observe.Overview{}, err
	} else if c != nil {
		return l.ask(ctx, c)
	}
	a, err := l.g.load()
	if err != nil {
		return observe.Overview{}, err
	}
	o, err := l.lookWith(ctx, a)
	return o, errors.Join(err, a.Close())
}

func (l *looks) lookWith(ctx context.Context, a *app) (observe.Overview, error) {
	c, asked := a.holderOf(ctx)
	if asked == nil {
		return l.ask(ctx, c)
	}
	if !errors.Is(asked, daemon.ErrNobody) && !errors.Is(asked, daemon.ErrPath) {
		return observe.Overview{}, asked
	}
	if !l.aloneAt.IsZero() && time.Since(l.aloneAt) < l.rest {
		return l.alone, nil
	}
	a.brief = true
	err := a.take(engine.Options{})
	if errors.Is(err, manifest.ErrLocked) {
		if c, asked = a.holderOf(ctx); asked == nil { // it has begun to answer since
			return l.ask(ctx, c)
		}
		return observe.Overview{}, fmt.Errorf("%w; it was asked to answer instead: %w", err, asked)
	}
	if err != nil {
		return observe.Overview{}, err
	}
	r := a.reader()
	if !l.holdings {
		r.MostCounted = countedAlone
	}
	o, err := r.Overview(ctx)
	if err == nil && o.Holdings.At.IsZero() { // it was told not to wait
		o.Holdings, err = r.Holdings(ctx)
	}
	l.alone, l.aloneAt = o, time.Now()
	return o, err
}

// ask the process that holds the manifest.
func (l *looks) ask(ctx context.Context, c *daemon.Client) (observe.Overview, error) {
	l.aloneAt = time.Time{}
	o, err := c.Overview(ctx)
	if err == nil && l.holdings {
		o.Holdings, err = c.Holdings(ctx)
	}
	return o, err
}

// holderOf is the process that holds the manifest, unless its state directory is another one.
func (a *app) holderOf(ctx context.Context) (*daemon.Client, error) {
	c, err := a.dial(ctx)
	if err != nil {
		return nil, err
	}
	return c, a.checkState(c.Health())
}

// screenOf is what a stream shows: all of it where it is no terminal.
func screenOf(w any) overview.Screen {
	f, ok := w.(*os.File)
	if !ok || !isTerminal(f) {
		return overview.Screen{Theme: terminal.NewTheme(terminal.NoEscapes)}
	}
	s := overview.Screen{Theme: terminal.NewTheme(terminal.Environment(os.LookupEnv))}
	s.Theme.ASCII = !terminal.UTF8(os.LookupEnv)
	if width, height, err := term.GetSize(int(f.Fd())); err == nil {
		s.Width, s.Height = width, height
	}
	return s
}
